//! Many cases, one after another: generate, play, predict, compare, shrink, sum up.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::Instant;

use ha_cluster::Progress;
use serde_json::json;

use crate::answer::Played;
use crate::case::Case;
use crate::compare::{Claims, Disagreement, compare, compare_refusals};
use crate::error::{Error, Result};
use crate::generate;
use crate::predict::Simulator;
use crate::scheduler::{Pending, Scheduler};
use crate::shrink::shrink;
use crate::summary::{Hardness, PLUGINS};

/// What to compare.
#[derive(Debug, Clone)]
pub struct Options {
    /// How many cases.
    pub cases: u64,
    /// The seed of the first; the others count up from it.
    pub seed: u64,
    /// How often the real scheduler plays each: a case that ends differently from run to run must be seen to.
    pub runs: u32,
    /// How many disagreements are made small; the others are only counted.
    pub shrink: usize,
    /// Where disagreements are written, one JSON file each.
    pub disagreements: PathBuf,
}

/// What came of it.
#[derive(Debug, Clone, Default)]
pub struct Report {
    /// How hard the cases were.
    pub hardness: Hardness,
    /// Per plugin: the cases in which it was a reason, and how many of those agree.
    pub plugins: BTreeMap<String, (usize, usize)>,
    /// Per plugin: the pairs of a pod and a node on which both were asked, and on how many they disagree.
    pub pairs: BTreeMap<String, (usize, usize)>,
    /// How many cases agree.
    pub agreed: usize,
    /// How many cases were tried and played more often, since they did not agree at first.
    pub asked_again: usize,
    /// Cases that could not be played, and why.
    pub refused: Vec<String>,
    /// How much was predicted for certain.
    pub certain: usize,
    /// How much was called possible and did end in one way only.
    pub hesitant: usize,
    /// How much was called possible and did end in several.
    pub possible: usize,
    /// How much was called unknown.
    pub unknown: usize,
    /// The names of the cases that disagree, and the files of those written.
    pub disagreements: Vec<(String, Option<PathBuf>)>,
    /// How long it took.
    pub seconds: f64,
}

/// How many cases the real scheduler is asked about ahead.
const AHEAD: usize = 16;

/// How often a case is played again before it is said to disagree.
const MORE_RUNS: u32 = 40;

/// Compares a simulator with the real scheduler.
pub fn run(options: &Options, simulator: &dyn Simulator, progress: Progress) -> Result<Report> {
    let started = Instant::now();
    let mut scheduler = Scheduler::start(progress)?;
    let mut report = Report::default();
    let mut asked: VecDeque<(Case, Pending)> = VecDeque::new();
    let mut seeds = options.seed..options.seed + options.cases;
    loop {
        while asked.len() < AHEAD
            && let Some(seed) = seeds.next()
        {
            let case = generate::case(seed);
            let pending = scheduler.ask(&case, options.runs)?;
            asked.push_back((case, pending));
        }
        let Some((case, pending)) = asked.pop_front() else {
            break;
        };
        match scheduler.played(pending) {
            Ok(played) => report.judge(case, played, options, simulator, &mut scheduler)?,
            Err(Error::Refused { name, reason }) => report.refused.push(format!("{name}: {reason}")),
            Err(error) => return Err(error),
        }
        let done = report.hardness.cases;
        if done % 500 == 0 {
            progress(&format!("{done} cases, {} agree, {:.0} s", report.agreed, started.elapsed().as_secs_f64()));
        }
    }
    report.seconds = started.elapsed().as_secs_f64();
    Ok(report)
}

impl Report {
    fn judge(
        &mut self,
        case: Case,
        mut played: Played,
        options: &Options,
        simulator: &dyn Simulator,
        scheduler: &mut Scheduler,
    ) -> Result<()> {
        self.hardness.add(&played);
        let objects = std::mem::take(&mut played.objects);
        let settled = Case { objects, later: Vec::new(), at_rest: true, ..case.clone() };
        let prediction = simulator.predict(&settled);
        let (mut found, claims) = compare(&prediction, &played);
        if !found.is_empty() {
            // A rare order may have been predicted, or have been played: it is looked for on both sides.
            self.asked_again += 1;
            found = compare(&simulator.predict_thoroughly(&settled), &scheduler.play(&settled, MORE_RUNS)?).0;
        }
        self.claim(claims);
        found.extend(self.judge_pairs(&settled, simulator, scheduler)?);
        let agrees = found.is_empty();
        self.agreed += usize::from(agrees);
        let named: BTreeSet<String> = played
            .outcomes
            .iter()
            .flat_map(|outcome| &outcome.pending_pods)
            .flat_map(|pod| pod.named().into_iter().map(str::to_owned))
            .collect();
        for plugin in named {
            let entry = self.plugins.entry(plugin).or_default();
            entry.0 += 1;
            entry.1 += usize::from(agrees);
        }
        if !agrees {
            let small = self.disagreements.len() < options.shrink;
            let smallest = if small { shrink(&case, simulator, scheduler)? } else { None };
            let (smallest, how) = smallest.unwrap_or((settled, found));
            let again = scheduler.play(&smallest, options.runs).ok();
            let written = json!({"disagreements": how, "prediction": simulator.predict(&smallest).ok(),
                "played": again, "case": smallest});
            let path = write(&options.disagreements, &smallest.name, &written)?;
            self.disagreements.push((case.name, Some(path)));
        }
        Ok(())
    }

    fn claim(&mut self, claims: Claims) {
        self.certain += claims.certain;
        self.hesitant += claims.hesitant;
        self.possible += claims.possible;
        self.unknown += claims.unknown;
    }

    /// Asks both about single plugins, for copies of some of the cluster's pods.
    fn judge_pairs(
        &mut self,
        settled: &Case,
        simulator: &dyn Simulator,
        scheduler: &mut Scheduler,
    ) -> Result<Vec<Disagreement>> {
        let pods = generate::candidates(settled);
        let Some(simulated) = simulator.refusals(&settled.objects, &pods) else {
            return Ok(Vec::new());
        };
        let pending = scheduler.ask_filters(&settled.name, &settled.objects, &pods)?;
        let (found, compared) = compare_refusals(&simulated, &scheduler.filtered(pending)?);
        for (plugin, pairs) in compared {
            self.pairs.entry(plugin).or_default().0 += pairs;
        }
        for disagreement in &found {
            if let Disagreement::Verdicts { plugin, only_simulated, only_real, .. } = disagreement {
                self.pairs.entry(plugin.clone()).or_default().1 += only_simulated.len() + only_real.len();
            }
        }
        Ok(found)
    }

    /// The table of plugins, in Markdown: how often each was the reason, and how often both agree.
    #[must_use]
    pub fn table(&self) -> String {
        let mut table = String::from("| Plugin | Cases | Agree | Pairs | Differ |\n|---|---:|---:|---:|---:|\n");
        let names: BTreeSet<&str> =
            PLUGINS.into_iter().chain(self.plugins.keys().chain(self.pairs.keys()).map(String::as_str)).collect();
        for plugin in names {
            let (cases, agreed) = self.plugins.get(plugin).copied().unwrap_or_default();
            let (pairs, differ) = self.pairs.get(plugin).copied().unwrap_or_default();
            // Writing to a string cannot fail.
            let _ = writeln!(table, "| {plugin} | {cases} | {agreed} | {pairs} | {differ} |");
        }
        table
    }

    /// What is said at the end, in a few lines.
    #[must_use]
    pub fn summary(&self) -> String {
        let Self { certain, hesitant, possible, unknown, .. } = self;
        let mut text = format!(
            "{}{} of {} cases agree; {} were tried and played more often for it. Of the workloads' ends {certain} were \
             predicted for certain, {possible} as possible where several were seen, {hesitant} as possible where one \
             was seen, {unknown} as unknown. {:.1} cases/s.\n",
            self.hardness,
            self.agreed,
            self.hardness.cases,
            self.asked_again,
            rate(self.hardness.cases, self.seconds),
        );
        for refused in &self.refused {
            let _ = writeln!(text, "could not be played: {refused}");
        }
        for (name, path) in &self.disagreements {
            let path = path.as_ref().map(|path| path.display().to_string()).unwrap_or_default();
            let _ = writeln!(text, "disagrees: {name} {path}");
        }
        text
    }
}

#[allow(clippy::cast_precision_loss)] // a rate in print
fn rate(cases: usize, seconds: f64) -> f64 {
    cases as f64 / seconds.max(0.001)
}

/// Writes a disagreement.
pub(crate) fn write(folder: &Path, name: &str, content: &serde_json::Value) -> Result<PathBuf> {
    fs::create_dir_all(folder).map_err(Error::file("create", folder))?;
    let path = folder.join(format!("{name}.json"));
    fs::write(&path, format!("{content:#}\n")).map_err(Error::file("write", &path))?;
    Ok(path)
}
