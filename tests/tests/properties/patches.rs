//! A finding's patch, applied to its object, removes the finding and causes no new one (rules.md 1.11).

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write;

use ha_core::finding::Verdict;
use ha_core::report::{CheckResult, ObjectReference, Report};
use ha_core::rule::Severity;
use ha_snapshot::objects::Object;
use ha_tests::inputs::{self, Input};
use serde_json::{Map, Value};

/// Lists that a strategic merge joins by a field of their elements; all others are replaced
/// (`patchMergeKey` of `k8s.io/api`).
const MERGE_KEYS: &[(&str, &str)] = &[
    ("containers", "name"),
    ("initContainers", "name"),
    ("volumes", "name"),
    ("webhooks", "name"),
    ("topologySpreadConstraints", "topologyKey"),
];

/// A strategic merge: fields are joined, `null` takes one out.
fn merge(target: &mut Value, patch: &Value, field: &str) {
    match (target, patch) {
        (Value::Object(target), Value::Object(patch)) => {
            for (key, value) in patch {
                assert!(!key.starts_with('$'), "a directive in a patch: {key}");
                if value.is_null() {
                    target.remove(key);
                } else {
                    merge(target.entry(key.as_str()).or_insert(Value::Null), value, key);
                }
            }
        }
        (Value::Array(target), Value::Array(patch)) if merge_key(field).is_some() => {
            let key = merge_key(field).unwrap_or_default();
            for element in patch {
                match target.iter_mut().find(|old| old.get(key) == element.get(key)) {
                    Some(old) => merge(old, element, ""),
                    None => target.push(element.clone()),
                }
            }
        }
        // What is new is merged into nothing, so that its own nulls go, too.
        (target, Value::Object(patch)) if !patch.is_empty() => {
            *target = Value::Object(Map::new());
            merge(target, &Value::Object(patch.clone()), field);
        }
        (target, patch) => *target = patch.clone(),
    }
}

fn merge_key(field: &str) -> Option<&'static str> {
    MERGE_KEYS.iter().find(|(list, _)| *list == field).map(|(_, key)| *key)
}

fn names(object: &Object, reference: &ObjectReference) -> bool {
    let metadata = object.metadata();
    object.kind().kind() == reference.kind
        && metadata.namespace == reference.namespace
        && (metadata.name == reference.name || metadata.name.is_empty() && metadata.generate_name == reference.name)
}

/// The input after the patch of a finding.
fn patched(input: &Input, finding: &CheckResult, patch: &str) -> Input {
    let patch: Value = serde_json::from_str(patch).unwrap_or_else(|error| panic!("{error}: {patch}"));
    let mut input = input.clone();
    let object = input.objects.iter_mut().find(|object| names(object, &finding.object)).unwrap();
    let mut body = serde_json::to_value(&object.body).unwrap();
    merge(&mut body, &patch, "");
    let location = object.location.take();
    *object = Object::deserialize(&object.api_version, object.kind(), body).unwrap();
    object.location = location;
    input
}

/// What findings there are, and how bad each is.
fn findings(report: &Report) -> BTreeMap<(String, ObjectReference), Severity> {
    let mut findings = BTreeMap::new();
    for result in report.results.iter().filter(|result| result.is_finding()) {
        let severity = findings.entry((result.rule.clone(), result.object.clone())).or_insert(result.severity);
        *severity = result.severity.max(*severity);
    }
    findings
}

/// Patches that make several replicas of one.
const ADDS_REPLICAS: &[&str] = &["autoscaler-floor-too-low", "single-replica"];

/// What only several replicas can lack: these rules do not judge a single pod, whose drain, node failure or rollout
/// is an outage in any case, and which `single-replica` reports for that. With a second pod they have something to
/// say for the first time; a patch of one object can neither create a budget nor guess how pods shall be spread.
const OF_SEVERAL_REPLICAS: &[&str] =
    &["budget-absent", "replicas-share-node", "replicas-share-zone", "rollout-drops-all-replicas"];

/// What is found in a cluster until the patched workload's controller has started the pods that it now asks for, and
/// they are ready: nobody starts them here.
const OF_PODS_TO_COME: &str = "service-single-endpoint";

/// Whether a new finding is about something that was not judged before the patch, for a reason named above.
fn is_first_judged(before: &Report, after: &Report, patched: &CheckResult, new: &(String, ObjectReference)) -> bool {
    let of_this = |result: &&CheckResult| result.rule == new.0 && result.object == new.1;
    let is_open = |result: &CheckResult| matches!(result.verdict, Verdict::NotApplicable | Verdict::Unknown);
    let targets = match patched.object.kind.as_str() {
        "HorizontalPodAutoscaler" | "ScaledObject" => patched.related.as_slice(),
        _ => std::slice::from_ref(&patched.object),
    };
    let is_expected = if new.0 == OF_PODS_TO_COME {
        let of_target = |result: &CheckResult| result.related.iter().any(|object| targets.contains(object));
        let waits = |result: &CheckResult| result.message.starts_with("1 of ") && result.message.ends_with(" ready");
        after.results.iter().filter(of_this).all(|result| of_target(result) && waits(result))
    } else {
        OF_SEVERAL_REPLICAS.contains(&new.0.as_str()) && targets.contains(&new.1)
    };
    ADDS_REPLICAS.contains(&patched.rule.as_str()) && is_expected && before.results.iter().filter(of_this).all(is_open)
}

/// What is wrong with the state after a patch, one line each.
fn mistakes(before: &Report, after: &Report, patched: &CheckResult) -> Vec<String> {
    let (old, new) = (findings(before), findings(after));
    let subject = (patched.rule.clone(), patched.object.clone());
    let mut wrong = Vec::new();
    for (finding, severity) in &new {
        let (rule, object) = finding;
        match old.get(finding) {
            _ if *finding == subject => wrong.push(format!("    is still there ({severity})")),
            None if is_first_judged(before, after, patched, finding) => {}
            None => wrong.push(format!("    causes {rule} {object} ({severity})")),
            Some(old) if severity > old => wrong.push(format!("    makes {rule} {object} worse: {old} to {severity}")),
            Some(_) => {}
        }
    }
    wrong
}

/// How many patches of one rule are tried on one input: they are alike.
const OF_A_RULE: usize = 6;

#[test]
fn a_patch_removes_its_finding_and_causes_no_other() {
    let (mut wrong, mut rules, mut tried) = (String::new(), BTreeSet::new(), 0);
    for input in inputs::all() {
        let before = input.report();
        let mut counts: BTreeMap<&str, usize> = BTreeMap::new();
        for finding in before.results.iter().filter(|result| result.is_finding()) {
            let Some(patch) = &finding.patch else { continue };
            let count = counts.entry(&finding.rule).or_default();
            *count += 1;
            if *count > OF_A_RULE {
                continue;
            }
            tried += 1;
            rules.insert(finding.rule.clone());
            let after = patched(&input, finding, patch).report();
            let mistakes = mistakes(&before, &after, finding);
            if !mistakes.is_empty() {
                let _ = writeln!(wrong, "{}\n  {} {}: {patch}", input.name, finding.rule, finding.object);
                let _ = writeln!(wrong, "{}", mistakes.join("\n"));
            }
        }
    }
    println!("{tried} patches of {rules:?}");
    assert!(rules.len() >= 8, "only {rules:?} have patches");
    assert!(wrong.is_empty(), "{wrong}");
}
