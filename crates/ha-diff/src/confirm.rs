//! A sample of the cases, end to end: the whole control plane, the scheduler in process, and the simulator.

use std::collections::BTreeMap;
use std::fmt::{self, Display, Formatter};
use std::time::Instant;

use ha_cluster::Progress;

use crate::answer::Counts;
use crate::compare::{Disagreement, compare};
use crate::control_plane::ControlPlane;
use crate::error::{Error, Result};
use crate::generate;
use crate::predict::Simulator;
use crate::run::Options;
use crate::scheduler::Scheduler;

/// How often the scheduler in process plays a case to find the end that the control plane came to.
const RUNS: u32 = 40;

/// What the control plane confirmed.
#[derive(Debug, Clone, Default)]
pub struct Confirmation {
    /// How many cases it played.
    pub cases: usize,
    /// In how many of them it ended as the scheduler in process did in some run.
    pub in_process: usize,
    /// In how many of them it ended as predicted.
    pub simulated: usize,
    /// What differs, a line each.
    pub differences: Vec<String>,
    /// Cases that could not be played, and why.
    pub refused: Vec<String>,
    /// How long it took.
    pub seconds: f64,
}

/// Plays cases on the whole test cluster, one after another, and holds the other two against it.
pub fn confirm(options: &Options, simulator: &dyn Simulator, progress: Progress) -> Result<Confirmation> {
    let started = Instant::now();
    let mut scheduler = Scheduler::start(progress)?;
    let cluster = ControlPlane::start("diff")?;
    let mut confirmation = Confirmation::default();
    for number in options.seed..options.seed + options.cases {
        let case = generate::case(number);
        let (settled, real) = match cluster.play(&case) {
            Ok(played) => played,
            Err(Error::Refused { name, reason }) => {
                confirmation.refused.push(format!("{name}: {reason}"));
                continue;
            }
            Err(error) => return Err(error),
        };
        confirmation.cases += 1;
        let ended = real.outcomes.first().map(|outcome| missing(&outcome.workloads)).unwrap_or_default();
        let inside = scheduler.play(&settled, RUNS)?;
        // The control plane does not wait for the 5 minutes after which waiting pods are tried again.
        let ends = inside.outcomes.iter().flat_map(|outcome| [&outcome.workloads, &outcome.after_retry]);
        if ends.map(missing).any(|end| end == ended) {
            confirmation.in_process += 1;
        } else {
            confirmation.differences.push(format!("{}: not seen in process: {ended:?}", case.name));
        }
        let (found, _) = compare(&simulator.predict(&settled), &real);
        confirmation.simulated += usize::from(found.is_empty());
        confirmation.differences.extend(found.iter().map(|one| format!("{}: {}", case.name, say(one))));
        progress(&format!("{} cases on the cluster, {:.0} s", confirmation.cases, started.elapsed().as_secs_f64()));
    }
    confirmation.seconds = started.elapsed().as_secs_f64();
    Ok(confirmation)
}

fn missing(workloads: &BTreeMap<String, Counts>) -> BTreeMap<String, i32> {
    workloads.iter().map(|(name, counts)| (name.clone(), counts.missing())).collect()
}

fn say(disagreement: &Disagreement) -> String {
    serde_json::to_string(disagreement).unwrap_or_default()
}

impl Display for Confirmation {
    fn fmt(&self, formatter: &mut Formatter) -> fmt::Result {
        let Self { cases, in_process, simulated, seconds, .. } = self;
        writeln!(
            formatter,
            "{cases} cases on the whole control plane in {seconds:.0} s: {in_process} end as in process, {simulated} as predicted"
        )?;
        let refused = self.refused.iter().map(|refused| format!("could not be played: {refused}"));
        refused.chain(self.differences.iter().cloned()).try_for_each(|line| writeln!(formatter, "{line}"))
    }
}
