//! The scheduler in process does what a whole control plane was seen to do (`tests/sim-cases`).

#![allow(clippy::unwrap_used)]

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::path::{Path, PathBuf};

use flate2::read::GzDecoder;
use ha_diff::{Case, Counts, Failure, Kind, Outcome, Played, Scheduler};
use serde_json::Value;

/// One failure as the control plane went through it.
struct Recorded {
    case: Case,
    outcome: Value,
}

/// All recorded failures but the drains, which are the eviction API's doing.
fn recorded() -> Vec<Recorded> {
    let folder = Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../../tests/sim-cases"));
    let mut cases: Vec<PathBuf> = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    cases.sort();
    cases.iter().filter(|path| path.is_dir()).filter_map(|path| read(path)).collect()
}

fn json(case: &Path, name: &str) -> Value {
    let file = File::open(case.join(format!("{name}.json.gz"))).unwrap();
    serde_json::from_reader(GzDecoder::new(file)).unwrap()
}

fn read(path: &Path) -> Option<Recorded> {
    let (mut before, mut failure) = (json(path, "before"), json(path, "failure"));
    let kind = match failure["kind"].as_str().unwrap() {
        "drain" => return None,
        kind if kind.ends_with("-removed") => Kind::Removed,
        _ => Kind::Unreachable,
    };
    let nodes = serde_json::from_value(failure["nodes"].take()).unwrap();
    let zone = failure["zone"].as_str().map(str::to_owned);
    let case = Case {
        name: path.file_name().unwrap().to_string_lossy().into_owned(),
        seed: 7,
        objects: serde_json::from_value(before["items"].take()).unwrap(),
        later: Vec::new(),
        failure: Failure { kind, zone, nodes },
        at_rest: true,
    };
    Some(Recorded { case, outcome: json(path, "outcome") })
}

/// What identifies an outcome: per workload how many pods wait and how many are not created.
fn ends(workloads: &BTreeMap<String, Counts>) -> BTreeMap<String, (i32, i32)> {
    workloads.iter().map(|(key, counts)| (key.clone(), (counts.pending, counts.not_created))).collect()
}

fn recorded_ends(outcome: &Value) -> BTreeMap<String, (i32, i32)> {
    ends(&serde_json::from_value(outcome["workloads"].clone()).unwrap())
}

#[test]
fn the_scheduler_in_process_ends_as_the_control_plane_did() {
    let cases = recorded();
    assert_eq!(cases.len(), 13);
    let mut scheduler = Scheduler::start(&|line| eprintln!("{line}")).unwrap();
    let asked: Vec<_> = cases.iter().map(|recorded| scheduler.ask(&recorded.case, 12).unwrap()).collect();
    for (Recorded { case, outcome }, pending) in cases.iter().zip(asked) {
        let played = scheduler.played(pending).unwrap();
        let before: BTreeMap<String, Counts> = serde_json::from_value(outcome["before"].clone()).unwrap();
        assert_eq!(ends(&played.before), ends(&before), "{}: before the failure", case.name);
        agree(&case.name, outcome["outcomes"].as_array().unwrap(), &played);
    }
}

/// The most frequent end is one that was recorded, with the same pods Pending after a retry. A rarer one may be new: the
/// control plane was watched three to five times only.
fn agree(name: &str, recorded: &[Value], played: &Played) {
    let frequent = &played.outcomes[0];
    let same = |outcome: &&Value| recorded_ends(outcome) == ends(&frequent.workloads);
    let Some(matching) = recorded.iter().find(same) else {
        panic!("{name}: the usual end was never recorded: {:?}", ends(&frequent.workloads));
    };
    let waiting: BTreeMap<String, i32> = serde_json::from_value(matching["pendingAfterRetry"].clone()).unwrap();
    assert_eq!(still_pending(frequent), waiting, "{name}: after a retry");
}

fn still_pending(outcome: &Outcome) -> BTreeMap<String, i32> {
    let pending = outcome.after_retry.iter().filter(|(_, counts)| counts.pending > 0);
    pending.map(|(key, counts)| (key.clone(), counts.pending)).collect()
}
