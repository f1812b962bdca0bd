//! The arithmetic of budgets against the real disruption controller's `status` and the real eviction API's answers.

#![allow(clippy::unwrap_used)]

use std::io::Write as _;
use std::process::Stdio;
use std::thread;
use std::time::{Duration, Instant};

use fastrand::Rng;
use ha_cluster::Cluster;
use ha_core::snapshot::BudgetId;
use ha_diff::snapshot;
use ha_sim::eviction::{self, Answer};
use ha_sim::ids::PodIndex;
use ha_sim::{Model, State};
use serde_json::{Value, json};

/// Namespaces, each a situation of its own.
const SITUATIONS: usize = 60;
const PATIENCE: Duration = Duration::from_mins(1);
const INTERVAL: Duration = Duration::from_millis(200);
const FINALIZER: &str = "kubectl-ha.test/stays";

#[test]
fn budgets_allow_what_the_controller_and_the_eviction_api_allow() {
    let cluster = Cluster::start("budgets").unwrap();
    let mut random = Rng::with_seed(7);
    let node = json!({"apiVersion": "v1", "kind": "Node",
        "metadata": {"name": "node", "labels": {"kubernetes.io/hostname": "node"}}});
    create(&cluster, std::iter::once(&node));
    let situations: Vec<Situation> = (0..SITUATIONS).map(|number| Situation::draw(number, &mut random)).collect();
    create(&cluster, situations.iter().flat_map(|situation| &situation.first));
    wait_for("the first budgets to be counted", || {
        let uncounted = |budget: &Value| budget["status"]["observedGeneration"].as_u64().is_none();
        let left = read(&cluster, "poddisruptionbudgets").into_iter().filter(uncounted).count();
        if left == 0 { Ok(()) } else { Err(format!("{left} are left")) }
    });
    create(&cluster, situations.iter().flat_map(|situation| &situation.workloads));
    let pods = wait_for("all pods", || {
        let pods = read(&cluster, "pods");
        let expected: usize = situations.iter().map(|situation| situation.pods).sum();
        let settled = pods.len() == expected && pods.iter().all(is_settled);
        settled.then_some(pods).ok_or_else(|| format!("{expected} are expected"))
    });
    disturb(&cluster, &pods, &mut random);
    create(&cluster, situations.iter().flat_map(|situation| &situation.last));
    // A pod's change wakes the controller for one of its budgets only (`getPdbForPod`): the others are told here.
    kubectl(&cluster, &["annotate", "poddisruptionbudgets", "--all", "-A", "look=again"], "");

    let objects = wait_for("the controller to say what is expected", || {
        let objects = everything(&cluster);
        let differences = statuses_that_differ(&objects);
        if differences.is_empty() { Ok(objects) } else { Err(differences.join("\n")) }
    });
    let told = evictions(&cluster, &objects);
    for what in ["evicted", "needs", "pods currently", "failed sync", "still being processed", "more than one"] {
        assert!(told.iter().filter(|answer| answer.contains(what)).count() >= 3, "{what} is missing: {told:#?}");
    }
}

/// What stands in one namespace.
struct Situation {
    /// The namespace and the budgets that are counted once before their pods come. Such a budget says so for ever, even
    /// if it cannot be counted any more.
    first: Vec<Value>,
    workloads: Vec<Value>,
    /// Budgets that find their pods.
    last: Vec<Value>,
    /// How many pods its controllers make.
    pods: usize,
}

impl Situation {
    fn draw(number: usize, random: &mut Rng) -> Self {
        let namespace = format!("case-{number:02}");
        let mut situation = Self {
            first: vec![json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": namespace}})],
            workloads: Vec::new(),
            last: Vec::new(),
            pods: 0,
        };
        for name in ["a", "b", "c"].iter().take(random.usize(1..=3)) {
            situation.add_workload(&namespace, name, random);
        }
        for name in ["first", "second"].iter().take(if random.u8(..4) == 0 { 2 } else { 1 }) {
            let budget = budget(&namespace, name, random);
            if random.bool() { situation.first.push(budget) } else { situation.last.push(budget) }
        }
        situation
    }

    fn add_workload(&mut self, namespace: &str, name: &str, random: &mut Rng) {
        let labels = json!({"app": name, "tier": if random.bool() { "front" } else { "back" }});
        let mut spec = json!({"containers": [{"name": "app", "image": "registry.example/app:1"}]});
        if random.u8(..8) == 0 {
            spec["nodeSelector"] = json!({"nowhere": "true"});
        }
        let replicas = random.usize(0..=5);
        let template = json!({"metadata": {"labels": labels, "finalizers": [FINALIZER]}, "spec": spec});
        let object = |api_version: &str, kind: &str, spec: &Value| {
            json!({"apiVersion": api_version, "kind": kind, "spec": spec,
                "metadata": {"namespace": namespace, "name": name, "labels": labels}})
        };
        let selector = json!({"matchLabels": {"app": name}});
        let scaled = json!({"replicas": replicas, "selector": selector, "template": template});
        let (made, pods) = match random.u8(..8) {
            0 | 1 => (object("apps/v1", "Deployment", &scaled), replicas),
            2 => {
                let mut set = scaled;
                set["podManagementPolicy"] = "Parallel".into();
                set["serviceName"] = name.into();
                (object("apps/v1", "StatefulSet", &set), replicas)
            }
            3 => (object("apps/v1", "ReplicaSet", &scaled), replicas),
            4 => {
                let mut controller = scaled;
                controller["selector"] = json!({"app": name});
                (object("v1", "ReplicationController", &controller), replicas)
            }
            // On the one node, if it is not the one that is nowhere.
            5 => {
                let pods = usize::from(spec.get("nodeSelector").is_none());
                (object("apps/v1", "DaemonSet", &json!({"selector": selector, "template": template})), pods)
            }
            6 => {
                let mut template = template;
                template["spec"]["restartPolicy"] = "Never".into();
                let job = json!({"parallelism": replicas, "completions": replicas, "template": template});
                (object("batch/v1", "Job", &job), replicas)
            }
            _ => (object("v1", "Pod", &spec), 1),
        };
        self.workloads.push(made);
        self.pods += pods;
    }
}

fn budget(namespace: &str, name: &str, random: &mut Rng) -> Value {
    let selector = match random.u8(..6) {
        0 | 1 => json!({"matchLabels": {"app": "a"}}),
        2 => json!({"matchLabels": {"tier": "front"}}),
        3 => json!({"matchExpressions": [{"key": "app", "operator": "In", "values": ["a", "b"]}]}),
        4 => json!({"matchExpressions": [{"key": "tier", "operator": "NotIn", "values": ["front"]}]}),
        _ => json!({}),
    };
    let mut spec = json!({"selector": selector});
    let number = random.u32(0..=4);
    let percent = format!("{}%", random.choice([0, 1, 34, 50, 67, 100]).unwrap());
    match random.u8(..9) {
        0 | 1 => spec["minAvailable"] = number.into(),
        2 | 3 => spec["minAvailable"] = percent.into(),
        4 | 5 => spec["maxUnavailable"] = number.into(),
        6 | 7 => spec["maxUnavailable"] = percent.into(),
        _ => {}
    }
    match random.u8(..3) {
        0 => spec["unhealthyPodEvictionPolicy"] = "IfHealthyBudget".into(),
        1 => spec["unhealthyPodEvictionPolicy"] = "AlwaysAllow".into(),
        _ => {}
    }
    json!({"apiVersion": "policy/v1", "kind": "PodDisruptionBudget", "spec": spec,
        "metadata": {"namespace": namespace, "name": name}})
}

fn create<'a>(cluster: &Cluster, objects: impl Iterator<Item = &'a Value>) {
    let items: Vec<&Value> = objects.collect();
    kubectl(cluster, &["create", "-f", "-"], &json!({"apiVersion": "v1", "kind": "List", "items": items}).to_string());
}

/// Makes some running pods unready, and deletes some, which stay for their finalizer.
fn disturb(cluster: &Cluster, pods: &[Value], random: &mut Rng) {
    let unready = json!({"status": {"conditions": [{"type": "Ready", "status": "False"}]}}).to_string();
    for pod in pods.iter().filter(|pod| pod["status"]["phase"] == "Running") {
        let [namespace, name] = ["namespace", "name"].map(|field| pod["metadata"][field].as_str().unwrap());
        match random.u8(..6) {
            0 => {
                let patch = ["patch", "pod", name, "-n", namespace, "--subresource=status", "-p", &unready];
                kubectl(cluster, &patch, "");
            }
            1 if pod["metadata"]["finalizers"].is_array() => {
                kubectl(cluster, &["delete", "pod", name, "-n", namespace, "--wait=false"], "");
            }
            _ => {}
        }
    }
}

/// One line for each budget of which the status is not what the arithmetic says of its pods.
fn statuses_that_differ(objects: &[Value]) -> Vec<String> {
    let snapshot = snapshot(objects).unwrap();
    let model = Model::new(&snapshot);
    let state = State::new(&model);
    let budgets: Vec<&Value> = objects.iter().filter(|object| object["kind"] == "PodDisruptionBudget").collect();
    assert_eq!(snapshot.budgets.len(), budgets.len());
    let ids = (0..snapshot.budgets.len()).map(BudgetId::at);
    let lines = ids.filter_map(|id| {
        let name = full_name(&snapshot, snapshot.budget(id).object);
        let budget = budgets.iter().find(|budget| title(budget) == name).unwrap();
        let status = |field: &str| budget["status"][field].as_u64().map(|number| u32::try_from(number).unwrap());
        let says = [status("expectedPods"), status("desiredHealthy"), status("currentHealthy")];
        let expected = match eviction::counts(&state, id) {
            Some(counts) => [Some(counts.expected), Some(counts.desired), Some(counts.healthy)],
            // A controller that fails writes only that nothing is allowed.
            None => says,
        };
        let (allowed, is_allowed) = (eviction::allowed(&state, id), status("disruptionsAllowed"));
        // The controller that fails does not say which generation it saw either.
        let fails = budget["status"]["conditions"][0]["reason"] == "SyncFailed";
        let is_seen = fails || budget["status"]["observedGeneration"] == budget["metadata"]["generation"];
        let same = is_seen && expected == says && Some(allowed) == is_allowed;
        let line = format!(
            "{name} {}: expected {expected:?}, allowed {allowed}; status {}; pods {:?}",
            budget["spec"],
            budget["status"],
            pods_beside(objects, budget)
        );
        (!same).then_some(line)
    });
    lines.collect()
}

/// The pods of an object's namespace, for a person to read.
fn pods_beside(objects: &[Value], object: &Value) -> Vec<String> {
    let is_beside =
        |pod: &&Value| pod["kind"] == "Pod" && pod["metadata"]["namespace"] == object["metadata"]["namespace"];
    let told = |pod: &Value| {
        let metadata = &pod["metadata"];
        let owner = &metadata["ownerReferences"][0]["kind"];
        format!("{} of {owner} {} {}", metadata["name"], metadata["labels"], pod["status"]["phase"])
    };
    objects.iter().filter(is_beside).map(told).collect()
}

/// Asks for the eviction of every pod, and compares; what was answered.
fn evictions(cluster: &Cluster, objects: &[Value]) -> Vec<String> {
    let snapshot = snapshot(objects).unwrap();
    let model = Model::new(&snapshot);
    let state = State::new(&model);
    let mut told = Vec::new();
    for (position, pod) in snapshot.pods.iter().enumerate() {
        let name = full_name(&snapshot, pod.object);
        let (namespace, pod) = name.split_once('/').unwrap();
        let (code, answer) = cluster.try_eviction(namespace, pod).unwrap();
        let message = answer["message"].as_str().unwrap_or_default();
        let cause = answer["details"]["causes"][0]["message"].as_str().unwrap_or_default();
        let answered = match code {
            201 => "evicted".to_owned(),
            _ => format!("{code} {message} {cause}").trim_end().to_owned(),
        };
        let expected = match eviction::ask(&state, PodIndex::at(position)) {
            Answer::Evicted => "evicted".to_owned(),
            Answer::Refused(refusal) => format!("{} {}", refusal.code, refusal.message),
        };
        assert_eq!(expected, answered, "{name}");
        told.push(answered);
    }
    told
}

fn everything(cluster: &Cluster) -> Vec<Value> {
    const KINDS: &str = "nodes,namespaces,pods,replicasets,replicationcontrollers,deployments,statefulsets,daemonsets,\
                         jobs,poddisruptionbudgets";
    read(cluster, KINDS)
}

fn read(cluster: &Cluster, kinds: &str) -> Vec<Value> {
    let text = kubectl(cluster, &["get", kinds, "-A", "-o", "json"], "");
    let mut list: Value = serde_json::from_str(&text).unwrap();
    serde_json::from_value(list["items"].take()).unwrap()
}

/// Standard output of a kubectl that has to succeed.
fn kubectl(cluster: &Cluster, arguments: &[&str], input: &str) -> String {
    let mut command = cluster.kubectl();
    let command = command.args(arguments).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().unwrap();
    child.stdin.take().unwrap().write_all(input.as_bytes()).unwrap();
    let output = child.wait_with_output().unwrap();
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "kubectl {}: {errors}", arguments.join(" "));
    String::from_utf8(output.stdout).unwrap()
}

/// Asks again and again until there is what is waited for.
fn wait_for<T>(what: &str, ask: impl Fn() -> Result<T, String>) -> T {
    let deadline = Instant::now() + PATIENCE;
    loop {
        match ask() {
            Ok(found) => return found,
            Err(why) if Instant::now() > deadline => panic!("waited in vain for {what}: {why}"),
            Err(_) => thread::sleep(INTERVAL),
        }
    }
}

/// Whether nothing will happen to a pod any more: it ended, is ready, or has no place.
fn is_settled(pod: &Value) -> bool {
    let condition = |kind: &str, status: &str| {
        let conditions = pod["status"]["conditions"].as_array().into_iter().flatten();
        conditions.into_iter().any(|condition| condition["type"] == kind && condition["status"] == status)
    };
    pod["status"]["phase"] == "Succeeded" || condition("Ready", "True") || condition("PodScheduled", "False")
}

fn title(object: &Value) -> String {
    let text = |field: &str| object["metadata"][field].as_str().unwrap_or_default();
    format!("{}/{}", text("namespace"), text("name"))
}

fn full_name(snapshot: &ha_core::Snapshot, id: ha_core::snapshot::ObjectId) -> String {
    let object = snapshot.object(id);
    format!("{}/{}", snapshot.text(object.namespace), snapshot.text(object.name))
}
