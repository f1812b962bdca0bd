//! Makes a disagreement small enough to be understood: takes things away while it still disagrees.

use std::collections::BTreeSet;

use serde_json::Value;

use crate::case::Case;
use crate::compare::{Disagreement, compare};
use crate::error::{Error, Result};
use crate::predict::Simulator;
use crate::scheduler::Scheduler;

/// How often the real scheduler plays a candidate: a rare tie must be seen again.
const RUNS: u32 = 6;
/// How many candidates are tried at most.
const MOST: u32 = 600;

/// The smallest case found that still disagrees in the same way, and how it does.
pub fn shrink(
    case: &Case,
    simulator: &dyn Simulator,
    scheduler: &mut Scheduler,
) -> Result<Option<(Case, Vec<Disagreement>)>> {
    let mut tries = 0;
    let Some((mut best, mut how)) = disagreement(case, None, simulator, scheduler)? else {
        return Ok(None);
    };
    loop {
        let mut smaller = false;
        let mut position = 0;
        loop {
            let steps = steps(&best);
            let Some(step) = steps.get(position) else {
                break;
            };
            tries += 1;
            if tries > MOST {
                return Ok(Some((best, how)));
            }
            let candidate = step.apply(&best);
            match disagreement(&candidate, Some(&how), simulator, scheduler)? {
                Some((settled, found)) => {
                    (best, how) = (settled, found);
                    smaller = true;
                }
                None => position += 1,
            }
        }
        if !smaller {
            return Ok(Some((best, how)));
        }
    }
}

/// Lets the real scheduler bring a case to rest and play it, and compares; the case at rest where they disagree in one
/// of the given ways.
fn disagreement(
    case: &Case,
    before: Option<&[Disagreement]>,
    simulator: &dyn Simulator,
    scheduler: &mut Scheduler,
) -> Result<Option<(Case, Vec<Disagreement>)>> {
    let mut asked = case.clone();
    asked.at_rest = false;
    // Controllers make these anew.
    let waits = |pod: &Value| pod["kind"] == "Pod" && !pod["spec"]["nodeName"].is_string();
    asked.objects.retain(|object| !(waits(object) && object["metadata"]["ownerReferences"].is_array()));
    let mut played = match scheduler.play(&asked, RUNS) {
        Ok(played) => played,
        // What is left is not a valid cluster, or never rests.
        Err(Error::Refused { .. }) => return Ok(None),
        Err(error) => return Err(error),
    };
    let settled = Case { objects: std::mem::take(&mut played.objects), later: Vec::new(), at_rest: true, ..asked };
    let (mut found, _) = compare(&simulator.predict(&settled), &played);
    if !found.is_empty() {
        found = compare(&simulator.predict_thoroughly(&settled), &played).0;
    }
    let kinds = |list: &[Disagreement]| list.iter().map(kind).collect::<BTreeSet<_>>();
    let same = before.is_none_or(|before| !kinds(before).is_disjoint(&kinds(&found)));
    Ok((!found.is_empty() && same).then_some((settled, found)))
}

/// What a disagreement is about, however big.
fn kind(disagreement: &Disagreement) -> (&'static str, String) {
    match disagreement {
        Disagreement::NoAnswer { reason } => ("answer", reason.clone()),
        Disagreement::Counts { workload, .. } => ("counts", workload.clone()),
        Disagreement::Plugins { workload, .. } => ("plugins", workload.clone()),
        Disagreement::Refused { workload, .. } => ("refused", workload.clone()),
        Disagreement::Verdicts { plugin, .. } => ("verdicts", plugin.clone()),
    }
}

/// One way to make a case smaller.
enum Step {
    /// Take away a workload with all that is only its.
    Workload(String, String),
    /// Take away a node and its pods.
    Node(String),
    /// Take away one object of another kind.
    Object(usize),
    /// Run one pod less.
    Replica(usize),
    /// Take a field out of the template of a workload, and out of its pods: the pointer is below `spec`.
    Field(String, String, String),
}

impl Step {
    fn apply(&self, case: &Case) -> Case {
        let mut smaller = case.clone();
        match self {
            Self::Workload(namespace, name) => smaller.objects.retain(|object| !belongs(object, namespace, name)),
            Self::Node(name) => {
                let its = |object: &Value| {
                    object["spec"]["nodeName"] == **name
                        || object["metadata"]["name"] == **name
                            && (object["kind"] == "Node" || object["kind"] == "CSINode")
                };
                smaller.objects.retain(|object| !its(object));
                smaller.failure.nodes.retain(|node| node != name);
            }
            Self::Object(position) => {
                smaller.objects.remove(*position);
            }
            Self::Replica(position) => fewer(&mut smaller.objects, *position),
            Self::Field(namespace, name, pointer) => {
                for object in &mut smaller.objects {
                    if belongs(object, namespace, name) {
                        remove(object, &format!("/spec/template/spec{pointer}"));
                        remove(object, &format!("/spec{pointer}"));
                    }
                }
            }
        }
        smaller
    }
}

/// Whether an object is a workload of that name, its ReplicaSet, its budget, or one of its pods or claims.
fn belongs(object: &Value, namespace: &str, name: &str) -> bool {
    let metadata = &object["metadata"];
    if metadata["namespace"] != namespace {
        return false;
    }
    let claim = object["kind"] == "PersistentVolumeClaim"
        && metadata["name"].as_str().is_some_and(|claim| claim.contains(&format!("-{name}-")));
    metadata["name"] == name || metadata["labels"]["app"] == name || claim
}

/// Everything that might be taken away, big things first.
fn steps(case: &Case) -> Vec<Step> {
    let mut steps = Vec::new();
    let name = |object: &Value, field: &str| object["metadata"][field].as_str().unwrap_or_default().to_owned();
    let templates = |object: &&Value| object["spec"]["template"].is_object() && object["kind"] != "ReplicaSet";
    let bare = |object: &&Value| object["kind"] == "Pod" && object["metadata"]["ownerReferences"].is_null();
    for object in case.objects.iter().filter(|object| templates(object) || bare(object)) {
        steps.push(Step::Workload(name(object, "namespace"), name(object, "name")));
    }
    for object in case.objects.iter().filter(|object| object["kind"] == "Node") {
        let node = name(object, "name");
        // A failure needs a node that fails.
        if case.failure.nodes != [node.as_str()] {
            steps.push(Step::Node(node));
        }
    }
    for (position, object) in case.objects.iter().enumerate() {
        if object["spec"]["replicas"].as_i64().is_some_and(|replicas| replicas > 1) && object["kind"] != "ReplicaSet" {
            steps.push(Step::Replica(position));
        }
    }
    for (position, object) in case.objects.iter().enumerate() {
        let other = [
            "PersistentVolume",
            "PodDisruptionBudget",
            "CSINode",
            "CSIDriver",
            "StorageClass",
            "PriorityClass",
            "Namespace",
            "Service",
        ];
        if other.iter().any(|kind| object["kind"] == *kind) {
            steps.push(Step::Object(position));
        }
    }
    for object in case.objects.iter().filter(|object| templates(object)) {
        for pointer in fields(&object["spec"]["template"]["spec"], "", 0) {
            steps.push(Step::Field(name(object, "namespace"), name(object, "name"), pointer));
        }
    }
    steps
}

/// Pointers to the fields of a pod specification that can be done without.
fn fields(value: &Value, below: &str, depth: u32) -> Vec<String> {
    const NEEDED: [&str; 8] = [
        "containers",
        "image",
        "name",
        "restartPolicy",
        "dnsPolicy",
        "schedulerName",
        "securityContext",
        "topologyKey",
    ];
    let children: Vec<(String, &Value)> = match value {
        Value::Object(map) => map
            .iter()
            .filter(|(key, _)| !NEEDED.contains(&key.as_str()))
            .map(|(key, child)| (key.clone(), child))
            .collect(),
        Value::Array(list) => list.iter().enumerate().map(|(index, child)| (index.to_string(), child)).collect(),
        _ => Vec::new(),
    };
    let mut found = Vec::new();
    if depth == 0 {
        found.extend(["/containers/0/resources", "/containers/0/ports", "/containers/1"].map(str::to_owned));
    }
    for (key, child) in children {
        let pointer = format!("{below}/{}", key.replace('~', "~0").replace('/', "~1"));
        found.push(pointer.clone());
        if depth < 5 {
            found.extend(fields(child, &pointer, depth + 1));
        }
    }
    found
}

/// Removes what a JSON pointer points to.
fn remove(object: &mut Value, pointer: &str) {
    let Some((parent, key)) = pointer.rsplit_once('/') else {
        return;
    };
    let key = key.replace("~1", "/").replace("~0", "~");
    match object.pointer_mut(parent) {
        Some(Value::Object(map)) => {
            map.remove(&key);
        }
        Some(Value::Array(list)) => {
            if let Some(index) = key.parse().ok().filter(|index: &usize| *index < list.len()) {
                list.remove(index);
            }
        }
        _ => {}
    }
}

/// Lowers the replicas of the workload at a position, of its ReplicaSet too, and takes one of its pods.
fn fewer(objects: &mut Vec<Value>, position: usize) {
    let (namespace, name) =
        (objects[position]["metadata"]["namespace"].clone(), objects[position]["metadata"]["name"].clone());
    let replicas = objects[position]["spec"]["replicas"].as_i64().unwrap_or(1) - 1;
    let its = |object: &Value, kind: &str| {
        object["kind"] == kind
            && object["metadata"]["namespace"] == namespace
            && object["metadata"]["labels"]["app"] == name
    };
    for object in objects.iter_mut() {
        let owner = object["metadata"]["name"] == name && object["metadata"]["namespace"] == namespace;
        if (owner || its(object, "ReplicaSet")) && object["spec"]["replicas"].is_number() {
            object["spec"]["replicas"] = replicas.into();
        }
    }
    let last = objects.iter().rposition(|object| its(object, "Pod"));
    if let Some(last) = last {
        objects.remove(last);
    }
}
