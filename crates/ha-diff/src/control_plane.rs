//! The whole control plane: plays a case on the test cluster, with every controller its own.
//!
//! Slower by far than the scheduler in process; it shows that what stands in for the controllers there is right. Left
//! out of its cases: Jobs, whose pods the test cluster completes at once; quotas, after which controllers ask ever less
//! often; and pods that are being resized, for want of a kubelet.

use std::collections::{BTreeMap, BTreeSet};
use std::io::Write as _;
use std::process::{Output, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use ha_cluster::Cluster;
use serde_json::{Value, json};

use crate::answer::{Counts, Outcome, PendingPod, Played};
use crate::case::{Case, Kind};
use crate::error::{Error, Result};

/// Nothing moves any more when no pod, claim or budget changed for so long. The scheduler takes pods out of their
/// back-off when it has nothing else to do, so that only controllers make it wait.
const QUIET: Duration = Duration::from_secs(4);
/// A cluster that moves for longer than this never rests.
const PATIENCE: Duration = Duration::from_mins(3);
/// The kinds that make up a case, most dependent first: the order in which they are deleted.
const KINDS: [&str; 12] = [
    "deployments",
    "statefulsets",
    "daemonsets",
    "replicasets",
    "poddisruptionbudgets",
    "pods",
    "persistentvolumeclaims",
    "persistentvolumes",
    "csinodes",
    "nodes",
    "services",
    "namespaces",
];

/// A running test cluster that plays cases one after another.
#[derive(Debug)]
pub struct ControlPlane {
    cluster: Cluster,
}

impl ControlPlane {
    /// Starts a cluster that ends with this value.
    pub fn start(name: &str) -> Result<Self> {
        Ok(Self { cluster: Cluster::start(name)? })
    }

    /// Creates a case's controllers, waits until the cluster rests, lets the failure happen, and waits again. Returns
    /// the case at rest, and what became of it.
    pub fn play(&self, case: &Case) -> Result<(Case, Played)> {
        self.clear(case)?;
        let created: Vec<Value> =
            case.objects.iter().filter(|object| !is_made_by_controllers(object)).cloned().collect();
        self.create(case, &created)?;
        let mut objects = self.rest(case)?;
        let changed: Vec<Value> = case.later.iter().filter(|object| object["kind"] == "Node").cloned().collect();
        if !changed.is_empty() {
            self.kubectl(case, &["replace", "-f", "-"], &list(&changed))?;
            objects = self.rest(case)?;
        }
        let settled = Case { objects, later: Vec::new(), at_rest: true, ..case.clone() };
        self.fail(&settled)?;
        let after = self.rest(case)?;
        let outcome = Outcome {
            seen: 1,
            workloads: count(&after),
            after_retry: count(&after),
            pending_pods: pending(&after),
            preempted: Vec::new(),
            refused: (case.failure.kind == Kind::Drained).then(|| left(&settled.objects, &after, &case.failure.nodes)),
            placements: placements(&after),
            reasons: BTreeMap::new(),
        };
        let played = Played {
            objects: Vec::new(),
            before: count(&settled.objects),
            pending_before: pending(&settled.objects),
            deterministic: true,
            outcomes: vec![outcome],
        };
        self.clear(case)?;
        Ok((settled, played))
    }

    /// Namespaces, classes and nodes first: the rest needs them.
    fn create(&self, case: &Case, objects: &[Value]) -> Result<()> {
        let stage = |object: &Value| match object["kind"].as_str() {
            Some("Namespace" | "PriorityClass" | "StorageClass" | "CSIDriver") => 0,
            Some("Node" | "CSINode" | "PersistentVolume") => 1,
            _ => 2,
        };
        for wanted in 0..3 {
            let items: Vec<Value> = objects.iter().filter(|object| stage(object) == wanted).cloned().collect();
            // What is the same in every case is there already.
            let verb: &[&str] = if wanted == 0 { &["apply", "-f", "-"] } else { &["create", "-f", "-"] };
            self.kubectl(case, verb, &list(&items))?;
            if wanted == 1 {
                self.wait_for_nodes(case)?;
            }
        }
        Ok(())
    }

    /// New nodes are tainted until they are ready.
    fn wait_for_nodes(&self, case: &Case) -> Result<()> {
        let tainted = |nodes: &Value| {
            let taints =
                nodes["items"].as_array().into_iter().flatten().filter_map(|node| node["spec"]["taints"].as_array());
            taints.flatten().any(|taint| taint["key"] == "node.kubernetes.io/not-ready")
        };
        let started = Instant::now();
        while tainted(&self.read(case, &["nodes"])?) {
            if started.elapsed() > PATIENCE {
                return Err(refused(case, "nodes do not get ready"));
            }
            thread::sleep(Duration::from_millis(200));
        }
        Ok(())
    }

    /// Waits until nothing moves any more; the objects then.
    fn rest(&self, case: &Case) -> Result<Vec<Value>> {
        let started = Instant::now();
        let (mut versions, mut since) = (BTreeMap::new(), Instant::now());
        while since.elapsed() < QUIET {
            if started.elapsed() > PATIENCE {
                return Err(refused(case, "the cluster does not come to rest"));
            }
            thread::sleep(Duration::from_millis(400));
            let watched = self.read(
                case,
                &["pods,persistentvolumeclaims,poddisruptionbudgets,replicasets,statefulsets,daemonsets", "-A"],
            )?;
            let now = watched["items"].as_array().into_iter().flatten().map(|object| {
                (object["metadata"]["uid"].to_string(), object["metadata"]["resourceVersion"].to_string())
            });
            let now: BTreeMap<String, String> = now.collect();
            if now != versions {
                (versions, since) = (now, Instant::now());
            }
        }
        let kinds = KINDS.join(",") + ",storageclasses,priorityclasses,csidrivers";
        let mut list = self.read(case, &[&kinds, "-A"])?;
        let Value::Array(objects) = list["items"].take() else {
            return Err(refused(case, "a list has no items"));
        };
        Ok(objects.into_iter().filter(is_ours).collect())
    }

    /// The nodes go, and once all have heard of it, all their pods do, before a controller or the scheduler notices
    /// anything: they learn of nodes and of pods in no order, and would else create and place pods for nodes that are no
    /// more.
    fn fail(&self, case: &Case) -> Result<()> {
        const ASLEEP: [&str; 2] = ["kube-controller-manager", "kube-scheduler"];
        match case.failure.kind {
            Kind::Removed => {
                let lost: Vec<&str> = case.failure.nodes.iter().map(String::as_str).collect();
                self.kubectl(case, &[&["delete", "node"], lost.as_slice()].concat(), "")?;
            }
            Kind::Unreachable => self.cut_off(case)?,
            Kind::Drained => {
                self.drain(case);
                return Ok(());
            }
        }
        let objects = self.rest(case)?;
        ASLEEP.iter().try_for_each(|component| self.cluster.pause(component, true))?;
        let failed = self.lose_pods(case, &objects);
        ASLEEP.iter().try_for_each(|component| self.cluster.pause(component, false))?;
        failed
    }

    /// In one request, so that the paused components do not lose their leases meanwhile.
    fn lose_pods(&self, case: &Case, objects: &[Value]) -> Result<()> {
        let is_lost = |pod: &&Value| case.failure.nodes.iter().any(|node| pod["spec"]["nodeName"] == **node);
        let pods = objects.iter().filter(|object| object["kind"] == "Pod").filter(is_lost);
        let pods: Vec<Value> = pods
            .map(|pod| {
                let metadata = json!({"namespace": pod["metadata"]["namespace"], "name": pod["metadata"]["name"]});
                json!({"apiVersion": "v1", "kind": "Pod", "metadata": metadata})
            })
            .collect();
        if !pods.is_empty() {
            let delete = ["delete", "--force", "--grace-period=0", "--wait=false", "-f", "-"];
            self.kubectl(case, &delete, &list(&pods))?;
        }
        Ok(())
    }

    /// Evicts for as long as budgets may still change their mind. kubectl calls it a failure that some pods stay.
    fn drain(&self, case: &Case) {
        let options = ["drain", "--ignore-daemonsets", "--force", "--delete-emptydir-data", "--timeout=30s"];
        let nodes: Vec<&str> = case.failure.nodes.iter().map(String::as_str).collect();
        let _ = self.kubectl(case, &[options.as_slice(), nodes.as_slice()].concat(), "");
    }

    /// As the node controller marks nodes after a power cut; kwok is told to leave them so.
    fn cut_off(&self, case: &Case) -> Result<()> {
        let nodes = || {
            let nodes = case.objects.iter().filter(|object| object["kind"] == "Node");
            nodes.filter(|node| case.failure.nodes.iter().any(|lost| node["metadata"]["name"] == **lost))
        };
        let marked = |node: &Value| {
            let mut taints = node["spec"]["taints"].as_array().cloned().unwrap_or_default();
            let cut_off = |effect| json!({"key": "node.kubernetes.io/unreachable", "effect": effect});
            taints.extend(["NoSchedule", "NoExecute"].map(cut_off));
            json!({"apiVersion": "v1", "kind": "Node", "spec": {"taints": taints}, "metadata": {
                "name": node["metadata"]["name"], "annotations": {"kwok.x-k8s.io/status": "custom"}}})
        };
        let silent = |node: &Value| {
            let ready = json!({"type": "Ready", "status": "Unknown", "reason": "NodeStatusUnknown"});
            json!({"apiVersion": "v1", "kind": "Node", "metadata": {"name": node["metadata"]["name"]},
                "status": {"conditions": [ready]}})
        };
        let apply = ["apply", "--server-side", "--force-conflicts", "-f", "-"];
        self.kubectl(case, &apply, &list(&nodes().map(marked).collect::<Vec<_>>()))?;
        let of_status = [apply.as_slice(), &["--subresource=status"]].concat();
        self.kubectl(case, &of_status, &list(&nodes().map(silent).collect::<Vec<_>>()))?;
        Ok(())
    }

    /// Deletes what the last case left, and waits until it is gone.
    fn clear(&self, case: &Case) -> Result<()> {
        let kinds = &KINDS[..10];
        for kind in kinds {
            let all =
                ["delete", kind, "--all", "-A", "--force", "--grace-period=0", "--wait=false", "--ignore-not-found"];
            // Kinds without namespaces take no -A.
            let cluster_wide = ["persistentvolumes", "csinodes", "nodes"].contains(kind);
            let arguments: Vec<&str> = all.into_iter().filter(|word| !(cluster_wide && *word == "-A")).collect();
            self.kubectl(case, &arguments, "")?;
        }
        let started = Instant::now();
        loop {
            let mut left = self.read(case, &[&kinds.join(","), "-A"])?;
            let left = left["items"].as_array_mut().map(std::mem::take).unwrap_or_default();
            if left.is_empty() {
                return Ok(());
            }
            if started.elapsed() > PATIENCE {
                return Err(refused(case, &format!("{} objects of an earlier case do not go", left.len())));
            }
            // Nothing protects volumes whose pods are gone, but the controller takes its time to say so.
            for object in left.iter().filter(|object| object["metadata"]["finalizers"].is_array()) {
                let text = |field: &str| object["metadata"][field].as_str().unwrap_or_default();
                let kind = object["kind"].as_str().unwrap_or_default();
                let patch = [
                    "patch",
                    kind,
                    text("name"),
                    "-n",
                    text("namespace"),
                    "--type=merge",
                    "-p",
                    r#"{"metadata":{"finalizers":null}}"#,
                ];
                let _ = self.kubectl(case, &patch, "");
            }
            thread::sleep(Duration::from_millis(300));
        }
    }

    fn read(&self, case: &Case, what: &[&str]) -> Result<Value> {
        let output = self.kubectl(case, &[&["get", "-o", "json"], what].concat(), "")?;
        serde_json::from_slice(&output.stdout).map_err(Error::json("a list of the cluster"))
    }

    fn kubectl(&self, case: &Case, arguments: &[&str], input: &str) -> Result<Output> {
        let failed = |source| Error::Process { action: "run kubectl for", source };
        let mut kubectl = self
            .cluster
            .kubectl()
            .args(arguments)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .map_err(failed)?;
        if let Some(mut stdin) = kubectl.stdin.take() {
            stdin.write_all(input.as_bytes()).map_err(failed)?;
        }
        let output = kubectl.wait_with_output().map_err(failed)?;
        if output.status.success() {
            return Ok(output);
        }
        let words = String::from_utf8_lossy(&output.stderr);
        Err(refused(case, &format!("kubectl {}: {}", arguments.join(" "), words.trim())))
    }
}

/// Objects as kubectl takes them.
fn list(items: &[Value]) -> String {
    json!({"apiVersion": "v1", "kind": "List", "items": items}).to_string()
}

fn refused(case: &Case, reason: &str) -> Error {
    Error::Refused { name: case.name.clone(), reason: reason.to_owned() }
}

/// The Deployment controller makes the ReplicaSets here.
fn is_made_by_controllers(object: &Value) -> bool {
    object["kind"] == "ReplicaSet" || object["kind"] == "Job"
}

/// Whether an object belongs to the case and not to the cluster itself.
fn is_ours(object: &Value) -> bool {
    let namespace = object["metadata"]["namespace"].as_str().unwrap_or_default();
    let service = object["kind"] == "Service" && namespace == "default";
    !namespace.starts_with("kube-") && !service
}

/// The nodes of each workload's pods.
fn placements(objects: &[Value]) -> BTreeMap<String, BTreeMap<String, u32>> {
    let mut placements: BTreeMap<String, BTreeMap<String, u32>> = BTreeMap::new();
    for pod in objects.iter().filter(|object| object["kind"] == "Pod") {
        if let Some(node) = pod["spec"]["nodeName"].as_str() {
            *placements.entry(workload(pod)).or_default().entry(node.to_owned()).or_default() += 1;
        }
    }
    placements
}

/// The counts per workload in a list of objects.
fn count(objects: &[Value]) -> BTreeMap<String, Counts> {
    let mut counted = BTreeMap::new();
    let pods: Vec<(String, bool)> = objects
        .iter()
        .filter(|object| object["kind"] == "Pod")
        .map(|pod| (workload(pod), pod["spec"]["nodeName"].is_string()))
        .collect();
    for object in objects {
        let wanted = match object["kind"].as_str() {
            Some("Deployment" | "StatefulSet") => object["spec"]["replicas"].as_i64(),
            Some("DaemonSet") => object["status"]["desiredNumberScheduled"].as_i64(),
            Some("Pod") if object["metadata"]["ownerReferences"].is_null() => Some(1),
            _ => None,
        };
        let Some(wanted) = wanted.and_then(|wanted| i32::try_from(wanted).ok()) else {
            continue;
        };
        let key = key(&object["metadata"]["namespace"], &object["metadata"]["name"]);
        let of = |placed: bool| pods.iter().filter(|(name, on)| *name == key && *on == placed).count();
        let [assigned, pending] = [of(true), of(false)].map(|count| i32::try_from(count).unwrap_or(i32::MAX));
        // A DaemonSet keeps pods on nodes for which it would create none now.
        let desired = wanted.max(assigned + pending);
        if desired > 0 {
            counted.insert(key, Counts { desired, assigned, pending, not_created: desired - assigned - pending });
        }
    }
    counted
}

fn key(namespace: &Value, name: &Value) -> String {
    format!("{}/{}", namespace.as_str().unwrap_or_default(), name.as_str().unwrap_or_default())
}

/// The workload of a pod. Deployments have no dash but before the hash of the ReplicaSet.
fn workload(pod: &Value) -> String {
    let metadata = &pod["metadata"];
    let owner = &metadata["ownerReferences"][0];
    match owner["kind"].as_str() {
        Some("ReplicaSet") => {
            let set = owner["name"].as_str().unwrap_or_default();
            let name = set.rsplit_once('-').map_or(set, |(name, _)| name);
            key(&metadata["namespace"], &json!(name))
        }
        Some(_) => key(&metadata["namespace"], &owner["name"]),
        None => key(&metadata["namespace"], &metadata["name"]),
    }
}

/// Per workload, how many pods that a drain evicts are still on its nodes. One that came back, since it tolerates the
/// cordon, is another pod.
fn left(before: &[Value], after: &[Value], nodes: &[String]) -> BTreeMap<String, i32> {
    let is_pod = |object: &&Value| object["kind"] == "Pod";
    let known: BTreeSet<&str> =
        before.iter().filter(is_pod).filter_map(|pod| pod["metadata"]["uid"].as_str()).collect();
    let mut left = BTreeMap::new();
    for pod in after.iter().filter(is_pod) {
        let is_daemon = pod["metadata"]["ownerReferences"][0]["kind"] == "DaemonSet";
        let was_there = pod["metadata"]["uid"].as_str().is_some_and(|uid| known.contains(uid));
        if !is_daemon && was_there && nodes.iter().any(|node| pod["spec"]["nodeName"] == **node) {
            *left.entry(workload(pod)).or_insert(0) += 1;
        }
    }
    left
}

fn pending(objects: &[Value]) -> Vec<PendingPod> {
    let waiting = objects.iter().filter(|object| object["kind"] == "Pod" && !object["spec"]["nodeName"].is_string());
    let conditions = |pod: &Value| pod["status"]["conditions"].as_array().cloned().unwrap_or_default();
    let message = |pod: &Value| {
        let scheduled = conditions(pod).into_iter().find(|condition| condition["type"] == "PodScheduled");
        scheduled.and_then(|condition| condition["message"].as_str().map(str::to_owned)).unwrap_or_default()
    };
    waiting
        .map(|pod| PendingPod {
            workload: workload(pod),
            pod: pod["metadata"]["name"].as_str().unwrap_or_default().to_owned(),
            message: message(pod),
            plugins: None,
            nodes: None,
            rest: None,
        })
        .collect()
}
