//! What was typed. What it means is in `commands`.

mod connection;
mod input;
mod output;
mod policy;
mod simulate;
mod whatif;

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand, ValueEnum};
use clap_complete::Shell;

pub use connection::{Connection, Token};
pub use input::Input;
pub use output::{FailOn, Output, OutputTarget, Show};
pub use policy::Policies;
pub use simulate::{
    DisruptionArguments, Headroom, Lost, Mode, Rolled, ShowWorkloads, Simulate, SimulationFormat, UpgradeArguments,
};
pub use whatif::WhatIf;

/// What breaks when something fails, and what must change so that nothing does.
#[derive(Debug, Parser)]
#[command(name = "kubectl-ha", bin_name = "kubectl ha", version, disable_help_subcommand = true, max_term_width = 100)]
pub struct Cli {
    /// What to do; without it, ten lines that say what one can do.
    #[command(subcommand)]
    pub command: Option<Command>,
}

/// What to do.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Finds what is fragile in a cluster, in manifests or in a saved snapshot.
    Check(Box<Check>),
    /// Simulates failures and drains: who is down, who is Pending and why, and for how long.
    Simulate(Box<Simulate>),
    /// Saves what the analysis needs of a cluster to a file, without secrets.
    Snapshot(Box<Snapshot>),
    /// Tells why a rule matters, how to fix its findings, and shows examples.
    Explain(Explain),
    /// Lists all rules.
    Rules(Rules),
    /// Prints the least ClusterRole that reading a cluster needs.
    Rbac,
    /// Prints or installs shell completion.
    Completion(Completion),
    /// Looks into policies.
    #[command(subcommand)]
    Policy(PolicyCommand),
    /// Writes man pages into a directory.
    #[command(hide = true)]
    Man(Man),
    /// Writes JSON Schemas into a directory.
    #[command(hide = true)]
    Schemas(Man),
}

/// Finds what is fragile in a cluster, in manifests or in a saved snapshot.
#[derive(Debug, Args)]
#[command(after_help = CHECK_EXAMPLES)]
pub struct Check {
    /// What to look at.
    #[command(flatten)]
    pub input: Input,
    /// Who judges.
    #[command(flatten)]
    pub policies: Policies,
    /// Leaves out the failures of every node and zone: rules that need them do not apply then.
    #[arg(long)]
    pub no_simulate: bool,
    /// What to show.
    #[command(flatten)]
    pub output: Output,
    /// Which cluster.
    #[command(flatten)]
    pub connection: Connection,
}

const CHECK_EXAMPLES: &str = "Examples:
  kubectl ha check                                    the current context's cluster
  kubectl ha check -n shop -o wide                    one namespace, with all evidence
  helm template ./chart | kubectl ha check -f -       what a chart would install
  kubectl ha check -f deploy/ -o table -o sarif=ha.sarif
  kubectl ha check --demo                             an example, without a cluster

Exit codes: 0 nothing found at or above --fail-on, 1 findings, 2 usage, 3 data was missing, 4 a policy or the tool
failed";

/// Saves what the analysis needs of a cluster to a file, without secrets.
#[derive(Debug, Args)]
pub struct Snapshot {
    /// The file to write.
    #[arg(value_name = "FILE")]
    pub file: PathBuf,
    /// Replaces names by pseudonyms, the same name by the same one.
    #[arg(long)]
    pub anonymize: bool,
    /// An earlier snapshot to take instead of a cluster: to anonymize it, or to write it in today's form.
    #[arg(long = "snapshot", id = "saved", value_name = "FILE")]
    pub snapshot: Option<PathBuf>,
    /// Which cluster.
    #[command(flatten)]
    pub connection: Connection,
}

/// Tells why a rule matters, how to fix its findings, and shows examples.
#[derive(Debug, Args)]
pub struct Explain {
    /// The rule's name.
    #[arg(value_name = "RULE")]
    pub rule: String,
    /// How to write it.
    #[arg(short, long, value_enum, default_value_t)]
    pub output: ExplainFormat,
    /// Who judges.
    #[command(flatten)]
    pub policies: Policies,
}

/// How an explanation is written.
#[derive(Clone, Copy, Debug, Default, ValueEnum)]
pub enum ExplainFormat {
    /// For a terminal.
    #[default]
    Text,
    /// As it is written.
    Markdown,
    /// For programs.
    Json,
}

/// Lists all rules.
#[derive(Debug, Args)]
pub struct Rules {
    /// How to write them.
    #[arg(short, long, value_enum, default_value_t)]
    pub output: RulesFormat,
    /// Who judges.
    #[command(flatten)]
    pub policies: Policies,
}

/// How the list of rules is written.
#[derive(Clone, Copy, Debug, Default, ValueEnum)]
pub enum RulesFormat {
    /// For a terminal.
    #[default]
    Table,
    /// For programs.
    Json,
    /// Their names only.
    Name,
}

/// Prints or installs shell completion.
#[derive(Debug, Args)]
pub struct Completion {
    /// The shell to print a script for.
    #[arg(value_enum, required_unless_present = "install")]
    pub shell: Option<Shell>,
    /// Makes `kubectl ha <TAB>` work: puts kubectl_complete-ha beside this program.
    #[arg(long)]
    pub install: bool,
}

/// Looks into policies.
#[derive(Debug, Subcommand)]
pub enum PolicyCommand {
    /// Shows a policy's rules, what they need, its contract's version, and that it imports nothing.
    Inspect(Inspect),
}

/// Shows what a policy file holds.
#[derive(Debug, Args)]
pub struct Inspect {
    /// The policy; without it, the built-in one.
    #[arg(value_name = "FILE.wasm")]
    pub file: Option<PathBuf>,
    /// How to write it.
    #[arg(short, long, value_enum, default_value_t)]
    pub output: RulesFormat,
}

/// Writes generated files.
#[derive(Debug, Args)]
pub struct Man {
    /// The directory to write into.
    #[arg(value_name = "DIRECTORY")]
    pub directory: PathBuf,
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    #[test]
    fn the_command_line_is_consistent() {
        super::Cli::command().debug_assert();
    }
}
