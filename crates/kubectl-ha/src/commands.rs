//! What the command line means: a file for each verb.

mod autoscaler;
mod check;
mod completion;
mod explain;
mod generate;
mod headroom;
mod pairs;
mod policy;
mod rbac;
mod rollout;
mod rules;
mod simulate;
mod sinks;
mod snapshot;
mod upgrade;

use ha_core::report::ExitCode;

use crate::cli::{Cli, Command, PolicyCommand};
use crate::terminal;

const HELP: &str = "\
kubectl ha finds what is fragile in a Kubernetes cluster, and says what to change.

  kubectl ha check                        the current context's cluster, read-only
  helm template ./chart | kubectl ha check -f -

  check      cluster, manifests (-f), saved snapshot (--snapshot) or example (--demo)
  simulate   loses nodes or zones, or drains them, in memory: who is down or Pending
  snapshot   saves a cluster to a file, to be checked elsewhere
  explain    why a rule matters and how to fix its findings;  rules lists them all
  rbac       the rights it needs;  policy inspect, completion, --help
";

/// Does what was typed.
pub fn run(cli: Cli) -> anyhow::Result<ExitCode> {
    let done = |result: anyhow::Result<()>| result.map(|()| ExitCode::Success);
    match cli.command {
        None => done(terminal::print(HELP).map_err(Into::into)),
        Some(Command::Check(arguments)) => check::run(&arguments),
        Some(Command::Simulate(arguments)) => simulate::run(&arguments),
        Some(Command::Snapshot(arguments)) => done(snapshot::run(&arguments)),
        Some(Command::Explain(arguments)) => done(explain::run(&arguments)),
        Some(Command::Rules(arguments)) => done(rules::run(&arguments)),
        Some(Command::Rbac) => done(rbac::run()),
        Some(Command::Completion(arguments)) => done(completion::run(&arguments)),
        Some(Command::Policy(PolicyCommand::Inspect(arguments))) => done(policy::inspect(&arguments)),
        Some(Command::Man(arguments)) => done(generate::man_pages(&arguments.directory)),
        Some(Command::Schemas(arguments)) => done(generate::schemas(&arguments.directory)),
    }
}
