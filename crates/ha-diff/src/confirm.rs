//! A sample of the cases, end to end: the whole control plane, the scheduler in process, and the simulator.

use std::collections::BTreeMap;
use std::fmt::{self, Display, Formatter};
use std::time::Instant;

use ha_cluster::Progress;
use serde_json::json;

use crate::answer::{Counts, Outcome};
use crate::case::Case;
use crate::compare::{Disagreement, compare};
use crate::control_plane::ControlPlane;
use crate::error::{Error, Result};
use crate::generate;
use crate::predict::Simulator;
use crate::run::{Options, write};
use crate::scheduler::Scheduler;

/// How often the scheduler in process plays a case to find the end that the control plane came to.
const RUNS: u32 = 40;
/// How often it plays it when it did not find that end: some orders are rare.
const MORE_RUNS: u32 = 400;

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
    let cluster = ControlPlane::start(&format!("diff-{}", options.seed))?;
    let mut confirmation = Confirmation::default();
    for number in options.seed..options.seed + options.cases {
        let case = generate::case(number);
        let mut trial = try_case(&case, &cluster, &mut scheduler, simulator, options)?;
        if matches!(&trial, Trial::Played { differences, .. } if !differences.is_empty()) {
            // Once in a while the processors are so busy that the cluster only seems to be at rest.
            trial = try_case(&case, &cluster, &mut scheduler, simulator, options)?;
        }
        match trial {
            Trial::Refused(reason) => confirmation.refused.push(format!("{}: {reason}", case.name)),
            Trial::Played { in_process, simulated, differences } => {
                confirmation.cases += 1;
                confirmation.in_process += usize::from(in_process);
                confirmation.simulated += usize::from(simulated);
                confirmation.differences.extend(differences.iter().map(|line| format!("{}: {line}", case.name)));
            }
        }
        progress(&format!("{} cases on the cluster, {:.0} s", confirmation.cases, started.elapsed().as_secs_f64()));
    }
    confirmation.seconds = started.elapsed().as_secs_f64();
    Ok(confirmation)
}

/// What came of one case.
enum Trial {
    /// It could not be played.
    Refused(String),
    /// It was.
    Played { in_process: bool, simulated: bool, differences: Vec<String> },
}

fn try_case(
    case: &Case,
    cluster: &ControlPlane,
    scheduler: &mut Scheduler,
    simulator: &dyn Simulator,
    options: &Options,
) -> Result<Trial> {
    let (settled, mut real) = match cluster.play(case) {
        Ok(played) => played,
        Err(Error::Refused { reason, .. }) => return Ok(Trial::Refused(reason)),
        Err(error) => return Err(error),
    };
    let ended = real.outcomes.first().map(|outcome| missing(&outcome.workloads)).unwrap_or_default();
    let mut differences = Vec::new();
    let mut same = same_end(scheduler, &settled, &ended, RUNS)?;
    if same.is_none() {
        same = same_end(scheduler, &settled, &ended, MORE_RUNS)?;
    }
    match &same {
        // The control plane does not wait for the 5 minutes after which waiting pods are tried again.
        Some(same) => real.outcomes.iter_mut().for_each(|outcome| outcome.after_retry.clone_from(&same.after_retry)),
        None => differences.push(format!("not seen in process: {ended:?}")),
    }
    let (mut found, _) = compare(&simulator.predict(&settled), &real);
    if !found.is_empty() {
        found = compare(&simulator.predict_thoroughly(&settled), &real).0;
    }
    let simulated = found.is_empty();
    if !simulated {
        differences.extend(found.iter().map(say));
        let written = json!({"disagreements": found, "prediction": simulator.predict(&settled).ok(), "played": real,
            "inProcess": scheduler.play(&settled, RUNS).ok(), "case": settled});
        write(&options.disagreements, &case.name, &written)?;
    }
    Ok(Trial::Played { in_process: same.is_some(), simulated, differences })
}

/// What so many runs in process come to that ends as the control plane did.
fn same_end(
    scheduler: &mut Scheduler,
    case: &Case,
    ended: &BTreeMap<String, i32>,
    runs: u32,
) -> Result<Option<Outcome>> {
    let ends_so = |outcome: &Outcome| [&outcome.workloads, &outcome.after_retry].map(missing).contains(ended);
    Ok(scheduler.play(case, runs)?.outcomes.into_iter().find(ends_so))
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
