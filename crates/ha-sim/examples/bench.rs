//! Measures the simulation on a saved snapshot: `bench FILE PART…`, parts being `model`, `nodes`, `zones`, `removed`,
//! `drains`, `check`, `place:NAME` (one run of `node/…` or `zone/…`) and `pairs`. `nodes:100` takes about a hundred of
//! them.
//!
//! Prints seconds of the wall clock and of processors, how many scenarios were certain without being tried out, and a
//! checksum of all impacts, by which two builds can be compared.

#![allow(clippy::print_stdout, clippy::unwrap_used, reason = "a tool of the developers, which may fail like a test")]

use std::fs::File;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::io::{BufRead, BufReader};
use std::sync::atomic::AtomicBool;
use std::time::Instant;

use flate2::read::MultiGzDecoder;
use ha_core::impact::{Certainty, Disruption, Impact, LossMode};
use ha_core::snapshot::{ResourceKind, SourceKind};
use ha_core::{Settings, Snapshot};
use ha_sim::pairs::{self, Pairs};
use ha_sim::simulate::Options;
use ha_sim::{Model, State, matrix, outcome};
use ha_snapshot::objects::Object;
use ha_snapshot::{Builder, Origin};

fn main() {
    let mut arguments = std::env::args().skip(1);
    let file = arguments.next().unwrap();
    let snapshot = timed("load", || load(&file));
    println!("{} nodes, {} pods", snapshot.nodes.len(), snapshot.pods.len());
    let model = timed("model", || Model::new(&snapshot));
    for part in arguments {
        if let Some(("place", name)) = part.split_once(':') {
            place(&model, name);
            continue;
        }
        if part == "pairs" {
            all_pairs(&model);
            continue;
        }
        let (part, limit) = part.split_once(':').unwrap_or((&part, ""));
        let mut disruptions = disruptions(&snapshot, part);
        let every = limit.parse().map_or(1, |limit: usize| (disruptions.len() / limit).max(1));
        disruptions = disruptions.into_iter().step_by(every).collect();
        let least = if part == "check" { 1 } else { 2 };
        let impacts = timed(part, || run(&model, &disruptions, least));
        report(&impacts);
    }
}

fn timed<T>(what: &str, work: impl FnOnce() -> T) -> T {
    let (started, used) = (Instant::now(), processor_seconds());
    let result = work();
    println!("{what}: {:.2} s, {:.2} s of processors", started.elapsed().as_secs_f64(), processor_seconds() - used);
    result
}

/// What this process has used so far, where Linux says so (`utime` and `stime` of proc_pid_stat(5), in hundredths).
fn processor_seconds() -> f64 {
    let stat = std::fs::read_to_string("/proc/self/stat").unwrap_or_default();
    let fields = stat.rsplit_once(')').map_or("", |(_, rest)| rest).split_whitespace();
    fields.skip(11).take(2).filter_map(|field| field.parse::<f64>().ok()).sum::<f64>() / 100.0
}

/// Reads the lines of a saved snapshot, without the bounds that `ha-read` keeps.
fn load(file: &str) -> Snapshot {
    let lines = BufReader::with_capacity(1 << 20, MultiGzDecoder::new(File::open(file).unwrap())).lines();
    let mut builder = Builder::new(&[]);
    for line in lines.skip(1) {
        let line = line.unwrap();
        let Some(rest) = line.strip_prefix("{\"apiVersion\":\"") else {
            continue;
        };
        let (api_version, rest) = rest.split_once("\",\"kind\":\"").unwrap();
        let (kind, _) = rest.split_once('"').unwrap();
        let group = api_version.split_once('/').map_or("", |(group, _)| group);
        if let Some(kind) = ResourceKind::from_group_kind(group, kind) {
            builder.add(Object::from_json(api_version, kind, &line).unwrap());
        }
    }
    builder.finish(&Origin { kind: SourceKind::Cluster, taken_at: 2_000_000_000, ..Origin::default() })
}

fn disruptions(snapshot: &Snapshot, part: &str) -> Vec<Disruption> {
    match part {
        "nodes" => matrix::each_node(snapshot, LossMode::Unreachable),
        "nodes-removed" => matrix::each_node(snapshot, LossMode::Removed),
        "zones" => matrix::each_zone(snapshot, LossMode::Unreachable),
        "removed" => matrix::each_zone(snapshot, LossMode::Removed),
        "drains" => matrix::each_drain(snapshot),
        "check" => matrix::for_check(snapshot),
        _ => Vec::new(),
    }
}

fn run(model: &Model, disruptions: &[Disruption], least: u64) -> Vec<Impact> {
    let settings = Settings::default();
    let options = Options { settings: &settings, tries: 4, least, seed: 0, show_all: false };
    matrix::run(model, disruptions, &options, &AtomicBool::new(false))
}

/// One run of the loss of a node or a zone whose objects are removed, whether its end is foreseen or not.
fn place(model: &Model, name: &str) {
    let removed = LossMode::Removed;
    let mut losses = [matrix::each_zone(model.snapshot, removed), matrix::each_node(model.snapshot, removed)].concat();
    losses.retain(|loss| loss.name == name);
    let outcome = timed(name, || outcome::run(&mut State::new(model), &losses[0], 0, false));
    let pending: u32 = outcome.counts.values().map(|counts| counts.pending).sum();
    println!("  {} workloads touched, {pending} pending", outcome.counts.len());
}

/// The loss of every pair of nodes.
fn all_pairs(model: &Model) {
    let settings = Settings::default();
    let options = Options { settings: &settings, tries: 4, least: 2, seed: 0, show_all: false };
    let found = timed("pairs", || pairs::pairs(model, LossMode::Unreachable, &options, &AtomicBool::new(false)));
    let Pairs { all, broken_at_once, hold, break_for_good, open, worst, broken, undecided_workloads, .. } = found;
    println!(
        "  {all} pairs: {broken_at_once} break something at once; {hold} hold, {break_for_good} break, {open} open"
    );
    println!("  {} broken, {} worst, {undecided_workloads} workloads undecided", broken.len(), worst.len());
    for (workload, nodes) in found.undecided.iter().take(10) {
        let workload = model.snapshot.workload(*workload);
        println!("  {:?} {} on {nodes} nodes", workload.kind, model.snapshot.name_of(workload));
    }
}

fn report(impacts: &[Impact]) {
    let mut hasher = DefaultHasher::new();
    let (mut certain, mut possible, mut unknown, mut pending) = (0, 0, 0, 0);
    for impact in impacts {
        for workload in &impact.workloads {
            match workload.certainty {
                Certainty::Certain => certain += 1,
                Certainty::Possible => possible += 1,
                Certainty::Unknown => unknown += 1,
            }
            pending += u64::from(workload.recovered.pending);
            let told =
                (workload.recovered, workload.ready, workload.desired, &workload.reasons, &workload.services_down);
            format!("{:?} {told:?}", workload.workload).hash(&mut hasher);
        }
        format!("{:?} {:?}", impact.refused_evictions, impact.preempted).hash(&mut hasher);
    }
    println!(
        "  {} impacts: {certain} certain, {possible} possible, {unknown} unknown; {pending} pending; sum {:016x}",
        impacts.len(),
        hasher.finish()
    );
}
