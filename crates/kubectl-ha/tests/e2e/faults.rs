//! A table of faults: for every rule a change of the sound web service, or of the cluster, that provokes it.
//!
//! All 50 rules can be provoked on a cluster whose kubelets are played by kwok: what a control plane shows of itself
//! (nodes, static pods, leases, endpoints) are objects like all others.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use crate::bench::{Bench, Checked, Sound, node};

/// One fault.
struct Fault {
    rule: &'static str,
    /// The object that must be named; `Kind` or `Kind/name`.
    subject: &'static str,
    /// What is changed of the sound web service in the fault's own namespace.
    change: fn(&mut Sound),
}

const LABEL: &str = "app.kubernetes.io/name";

fn own_labels() -> Value {
    json!({"matchLabels": {LABEL: "landing"}})
}

fn other_labels() -> Value {
    json!({"matchLabels": {LABEL: "other"}})
}

/// Affinity of all replicas to each other, or of each against all others.
fn by_host(kind: &str) -> Value {
    let term = json!({"topologyKey": "kubernetes.io/hostname", "labelSelector": own_labels()});
    json!({kind: {"requiredDuringSchedulingIgnoredDuringExecution": [term]}})
}

fn together(sound: &mut Sound) {
    sound.pod()["topologySpreadConstraints"] = json!([]);
    sound.pod()["affinity"] = by_host("podAffinity");
}

/// A Deployment of one replica with that image.
fn alone(sound: &mut Sound, image: &str) {
    sound.deployment["spec"]["replicas"] = json!(1);
    sound.pod()["containers"][0]["image"] = json!(image);
}

fn webhook(sound: &mut Sound, resource: &str, operation: &str) {
    let namespace = &sound.namespace;
    sound.more.push(json!({
        "apiVersion": "admissionregistration.k8s.io/v1", "kind": "ValidatingWebhookConfiguration",
        "metadata": {"name": namespace},
        "webhooks": [{
            "name": "landing.example.com", "sideEffects": "None", "admissionReviewVersions": ["v1"],
            "failurePolicy": "Fail", "timeoutSeconds": 1,
            "clientConfig": {"service": {"namespace": namespace, "name": "landing"}},
            "namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": namespace}},
            "rules": [{"apiGroups": [""], "apiVersions": ["v1"], "resources": [resource], "operations": [operation]}],
        }],
    }));
}

fn claim(sound: &mut Sound, class: &str) {
    sound.more.push(json!({"apiVersion": "v1", "kind": "PersistentVolumeClaim", "metadata": {"name": "data"},
        "spec": {"accessModes": ["ReadWriteOnce"], "storageClassName": class,
            "resources": {"requests": {"storage": "1Gi"}}}}));
}

/// Replicas that can be nowhere but on one node.
fn pinned(sound: &mut Sound) {
    sound.pod()["topologySpreadConstraints"] = json!([]);
    sound.pod()["nodeSelector"] = json!({"kubernetes.io/hostname": "node-a"});
}

/// Two voters on the port that a more important pod takes from one of them when it loses its node.
fn in_the_way_of_others(sound: &mut Sound) {
    let on = |nodes: &[&str]| {
        let hosts = json!([{"key": "kubernetes.io/hostname", "operator": "In", "values": nodes}]);
        json!({"nodeSelectorTerms": [{"matchExpressions": hosts}]})
    };
    let preferred = json!([{"weight": 100, "preference": on(&["node-c"])["nodeSelectorTerms"][0]}]);
    let port = json!([{"name": "http", "containerPort": 8080, "hostPort": 8777}]);
    sound.deployment["spec"]["replicas"] = json!(1);
    let pod = sound.pod();
    pod["topologySpreadConstraints"] = json!([]);
    pod["priorityClassName"] = json!("important");
    pod["containers"][0]["ports"] = port.clone();
    pod["affinity"] = json!({"nodeAffinity": {
        "requiredDuringSchedulingIgnoredDuringExecution": on(&["node-a", "node-b", "node-c"]),
        "preferredDuringSchedulingIgnoredDuringExecution": preferred}});
    let voters = json!({"nodeAffinity": {
        "requiredDuringSchedulingIgnoredDuringExecution": on(&["node-a", "node-b"])}});
    sound.more.push(json!({"apiVersion": "scheduling.k8s.io/v1", "kind": "PriorityClass",
        "metadata": {"name": "important"}, "value": 1000}));
    sound.more.push(json!({"apiVersion": "apps/v1", "kind": "StatefulSet", "metadata": {"name": "zookeeper"},
        "spec": {"replicas": 2, "serviceName": "zookeeper", "selector": {"matchLabels": {"app": "zookeeper"}},
            "template": {"metadata": {"labels": {"app": "zookeeper"}}, "spec": {"affinity": voters,
                "containers": [{"name": "zookeeper", "image": "zookeeper:3.9", "ports": port}]}}}}));
}

/// A volume of a zone with one node.
fn on_a_zonal_volume(sound: &mut Sound) {
    claim(sound, "by-hand");
    let zone = json!([{"key": "topology.kubernetes.io/zone", "operator": "In", "values": ["zone-b"]}]);
    sound.more.push(json!({"apiVersion": "v1", "kind": "PersistentVolume", "metadata": {"name": "zonal"},
        "spec": {"capacity": {"storage": "1Gi"}, "accessModes": ["ReadWriteOnce"], "storageClassName": "by-hand",
            "persistentVolumeReclaimPolicy": "Retain", "csi": {"driver": "disk.example", "volumeHandle": "zonal"},
            "nodeAffinity": {"required": {"nodeSelectorTerms": [{"matchExpressions": zone}]}}}}));
    sound.deployment["spec"]["replicas"] = json!(1);
    sound.pod()["volumes"] = json!([{"name": "data", "persistentVolumeClaim": {"claimName": "data"}}]);
}

/// Faults of one workload and what belongs to it.
const OF_WORKLOADS: &[Fault] = &[
    Fault {
        rule: "single-replica",
        subject: "Deployment/landing",
        change: |sound| sound.deployment["spec"]["replicas"] = json!(1),
    },
    Fault {
        rule: "autoscaler-floor-too-low",
        subject: "HorizontalPodAutoscaler/landing",
        change: |sound| {
            sound.more.push(json!({"apiVersion": "autoscaling/v2", "kind": "HorizontalPodAutoscaler",
                "metadata": {"name": "landing"},
                "spec": {"scaleTargetRef": {"apiVersion": "apps/v1", "kind": "Deployment", "name": "landing"},
                    "minReplicas": 1, "maxReplicas": 5}}));
        },
    },
    Fault {
        rule: "bare-pod",
        subject: "Pod/lonely",
        change: |sound| {
            sound.more.push(json!({"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "lonely"},
                "spec": {"containers": [{"name": "lonely", "image": "registry.example/lonely:1"}]}}));
        },
    },
    Fault {
        rule: "replicas-share-node",
        subject: "Deployment/landing",
        change: |sound| sound.pod()["topologySpreadConstraints"] = json!([]),
    },
    Fault {
        rule: "replicas-share-zone",
        subject: "Deployment/landing",
        change: |sound| {
            sound.pod()["topologySpreadConstraints"] = json!([]);
            sound.pod()["affinity"] = by_host("podAntiAffinity");
        },
    },
    Fault { rule: "replicas-placed-together", subject: "Deployment/landing", change: together },
    Fault {
        rule: "anti-affinity-unsatisfiable",
        subject: "Deployment/landing",
        change: |sound| {
            sound.deployment["spec"]["replicas"] = json!(4);
            sound.pod()["affinity"] = by_host("podAntiAffinity");
        },
    },
    Fault {
        rule: "spread-selector-mismatch",
        subject: "Deployment/landing",
        change: |sound| sound.pod()["topologySpreadConstraints"][0]["labelSelector"] = other_labels(),
    },
    Fault {
        rule: "pods-pinned-to-domain",
        subject: "Deployment/landing",
        change: |sound| {
            sound.pod()["topologySpreadConstraints"] = json!([]);
            sound.pod()["nodeSelector"] = json!({"kubernetes.io/hostname": "node-a"});
        },
    },
    Fault {
        rule: "rollout-drops-all-replicas",
        subject: "Deployment/landing",
        change: |sound| {
            sound.deployment["spec"]["strategy"] =
                json!({"type": "RollingUpdate", "rollingUpdate": {"maxUnavailable": "100%", "maxSurge": 0}});
        },
    },
    Fault {
        rule: "resource-requests-absent",
        subject: "Deployment/landing",
        change: |sound| sound.pod()["containers"][0]["resources"] = json!({}),
    },
    Fault { rule: "budget-absent", subject: "Deployment/landing", change: |sound| sound.budget = Value::Null },
    Fault {
        rule: "budget-blocks-drain",
        subject: "PodDisruptionBudget/landing",
        change: |sound| sound.budget["spec"]["maxUnavailable"] = json!("0%"),
    },
    Fault {
        rule: "budget-too-loose",
        subject: "PodDisruptionBudget/landing",
        change: |sound| sound.budget["spec"]["maxUnavailable"] = json!(3),
    },
    Fault {
        rule: "budget-selects-nothing",
        subject: "PodDisruptionBudget/landing",
        change: |sound| sound.budget["spec"]["selector"] = other_labels(),
    },
    Fault {
        rule: "budgets-overlap",
        subject: "PodDisruptionBudget",
        change: |sound| {
            let mut second = sound.budget.clone();
            second["metadata"] = json!({"name": "second"});
            sound.more.push(second);
        },
    },
    Fault {
        rule: "budget-exhausted-now",
        subject: "PodDisruptionBudget/landing",
        // The fifth finds no node, and the budget counts on it.
        change: |sound| {
            sound.deployment["spec"]["replicas"] = json!(5);
            sound.pod()["topologySpreadConstraints"] = json!([]);
            sound.pod()["affinity"] = by_host("podAntiAffinity");
            sound.budget["spec"] = json!({"minAvailable": 4, "selector": own_labels()});
        },
    },
    Fault {
        rule: "service-selects-nothing",
        subject: "Service/landing",
        change: |sound| sound.service["spec"]["selector"] = json!({LABEL: "other"}),
    },
    Fault { rule: "service-single-endpoint", subject: "Service/landing", change: together },
    Fault {
        rule: "ingress-controller-fragile",
        subject: "Deployment/landing",
        change: |sound| alone(sound, "registry.k8s.io/ingress-nginx/controller:v1.13.0"),
    },
    Fault {
        rule: "readiness-probe-absent",
        subject: "Deployment/landing",
        change: |sound| sound.pod()["containers"][0]["readinessProbe"] = Value::Null,
    },
    Fault {
        rule: "liveness-equals-readiness",
        subject: "Deployment/landing",
        change: |sound| {
            let container = &mut sound.pod()["containers"][0];
            container["livenessProbe"] = container["readinessProbe"].clone();
        },
    },
    Fault {
        rule: "toleration-forever",
        subject: "Deployment/landing",
        change: |sound| {
            let taints = ["node.kubernetes.io/not-ready", "node.kubernetes.io/unreachable"];
            let forever = taints.map(|key| json!({"key": key, "operator": "Exists", "effect": "NoExecute"}));
            sound.pod()["tolerations"] = json!(forever);
        },
    },
    Fault {
        rule: "webhook-fails-closed-on-fragile-backend",
        subject: "ValidatingWebhookConfiguration/f-webhook-fails-closed-on-fragile-backend",
        change: |sound| {
            sound.deployment["spec"]["replicas"] = json!(1);
            webhook(sound, "configmaps", "DELETE");
        },
    },
    Fault {
        rule: "webhook-guards-itself",
        subject: "ValidatingWebhookConfiguration/f-webhook-guards-itself",
        // Nothing answers behind it, so its own Deployment has to be there first; see `all_are_found`.
        change: |sound| webhook(sound, "pods", "CREATE"),
    },
    Fault {
        rule: "single-writer-volume-shared",
        subject: "Deployment/landing",
        change: |sound| {
            claim(sound, "");
            sound.more.push(json!({"apiVersion": "v1", "kind": "PersistentVolume", "metadata": {"name": "data"},
                "spec": {"accessModes": ["ReadWriteOnce"], "capacity": {"storage": "1Gi"},
                    "hostPath": {"path": "/data"},
                    "claimRef": {"namespace": sound.namespace, "name": "data"}}}));
            sound.pod()["volumes"] = json!([{"name": "data", "persistentVolumeClaim": {"claimName": "data"}}]);
        },
    },
    Fault {
        rule: "volume-bound-too-early",
        subject: "StorageClass/early",
        change: |sound| {
            sound.more.push(json!({"apiVersion": "storage.k8s.io/v1", "kind": "StorageClass",
                "metadata": {"name": "early"}, "provisioner": "ebs.csi.aws.com", "volumeBindingMode": "Immediate"}));
        },
    },
    Fault {
        rule: "monitoring-fragile",
        subject: "Deployment/landing",
        change: |sound| alone(sound, "quay.io/prometheus/prometheus:v3.5.0"),
    },
    Fault {
        rule: "backup-stale",
        subject: "Schedule/nightly",
        change: |sound| {
            let template = json!({"includedNamespaces": ["site"]});
            sound.more.push(json!({"apiVersion": "velero.io/v1", "kind": "Schedule",
                "metadata": {"name": "nightly", "namespace": "velero"},
                "spec": {"schedule": "0 1 * * *", "paused": true, "template": template}}));
        },
    },
    Fault {
        rule: "backup-coverage-gap",
        subject: "Namespace/f-backup-coverage-gap",
        change: |sound| claim(sound, "nobody-makes-it"),
    },
    Fault { rule: "node-loss-strands-pods", subject: "Deployment/landing", change: pinned },
    Fault { rule: "drain-order-infeasible", subject: "PodDisruptionBudget/landing", change: pinned },
    Fault { rule: "preemption-breaks-quorum", subject: "StatefulSet/zookeeper", change: in_the_way_of_others },
    Fault { rule: "zonal-volume-stranded", subject: "Deployment/landing", change: on_a_zonal_volume },
];

/// A rule about the cluster as a whole, the object it must name (as in [`Fault`]), and words that its finding must
/// contain.
type OfCluster = (&'static str, &'static str, &'static str);

/// What [`whole_cluster`] and [`control_plane`] provoke.
const OF_THE_CLUSTER: &[OfCluster] = &[
    ("node-pool-single-zone", "Node", "node-g1"),
    ("topology-labels-absent", "Cluster", "node-x"),
    ("nodes-unavailable-long", "Node/node-y", "node-y"),
    ("workers-too-few", "Cluster", "node-c"),
    ("zone-loss-strands-pods", "Deployment/landing", "f-node-pool-single-zone"),
    ("survivor-limits-exhausted", "Cluster", "node-g"),
    ("dns-replicas-share-node", "Service/kube-dns", "coredns"),
    ("control-plane-too-small", "Cluster", "2 of 2 control-plane nodes"),
    ("etcd-even-members", "Cluster", "etcd-node-cp2"),
    ("etcd-quorum-fragile", "Cluster", "etcd-node-cp2"),
    ("api-endpoints-degraded", "Service/kubernetes", "10.0.0.9"),
    ("control-plane-leader-stale", "Lease/kube-scheduler-blue", "before the newest lease"),
    ("control-plane-component-down", "Cluster", "node-cp2"),
    ("etcd-backup-absent", "Cluster", "etcd-backup"),
];

/// What [`third_member`] provokes: two members are no majority in any place, so that their zones do not matter.
const OF_THREE_MEMBERS: &[OfCluster] = &[
    ("control-plane-shares-zone", "Cluster", "zone zone-a holds 2 of 3 control-plane nodes"),
    ("etcd-zone-quorum", "Cluster", "zone zone-a holds 2 of 3 etcd members"),
];

/// Injects all faults that bear each other at once, each in a place of its own, and looks for each; then the others.
pub(crate) fn all_are_found(bench: &Bench) {
    let of_cluster = OF_THE_CLUSTER.iter().chain(OF_THREE_MEMBERS).map(|(rule, ..)| *rule);
    let covered: BTreeSet<&str> = OF_WORKLOADS.iter().map(|fault| fault.rule).chain(of_cluster).collect();
    let rules: BTreeSet<&str> = baseline::RULES.iter().map(|rule| rule.name).collect();
    assert_eq!(covered, rules, "every rule has its fault");

    bench.apply("velero", &[custom_kind("schedules", "Schedule"), namespace("velero")]);
    bench.kubectl(&["wait", "--timeout=300s", "--for=condition=Established", "crd/schedules.velero.io"]);
    inject_into_workloads(bench);
    settle_workloads(bench);
    // Nodes are cordoned after the pods have found theirs.
    bench.apply("whole-cluster", &whole_cluster());
    bench.apply("control-plane", &control_plane());
    settle_cluster(bench);
    let Checked { code, report, errors } = bench.check(&["--evidence"]);
    assert_eq!((code, errors.as_str()), (Some(1), ""));
    let missed = OF_WORKLOADS.iter().filter_map(|fault| missed_in_workload(&report, fault));
    let missed: Vec<String> = missed.chain(missed_in_cluster(&report, OF_THE_CLUSTER)).collect();
    assert!(missed.is_empty(), "{}", missed.join("\n"));

    bench.apply("third-member", &third_member());
    settle_cluster(bench);
    let grown = bench.check(&["--evidence"]);
    let missed: Vec<String> = missed_in_cluster(&grown.report, OF_THREE_MEMBERS).collect();
    assert!(missed.is_empty(), "{}", missed.join("\n"));
    patches_are_accepted(bench, &results_of(&report).collect::<Vec<_>>());
}

fn results_of(report: &Value) -> impl Iterator<Item = &Value> {
    report["results"].as_array().unwrap().iter()
}

/// Whether a result is the rule's failure on that `Kind` or `Kind/name`.
fn fails(result: &Value, rule: &str, subject: &str) -> bool {
    let (object, (kind, name)) = (&result["object"], subject.split_once('/').unwrap_or((subject, "")));
    result["rule"] == rule
        && result["verdict"] == "fail"
        && object["kind"] == kind
        && (name.is_empty() || object["name"] == name)
}

/// What the report says instead of a workload's fault.
fn missed_in_workload(report: &Value, fault: &Fault) -> Option<String> {
    let place = format!("f-{}", fault.rule);
    let here = |result: &&Value| {
        let namespace = &result["object"]["namespace"];
        ["", "velero", place.as_str()].iter().any(|known| namespace == known)
    };
    if results_of(report).filter(here).any(|result| fails(result, fault.rule, fault.subject)) {
        return None;
    }
    let instead = results_of(report).filter(here).filter(|result| result["rule"] == fault.rule);
    Some(missed(fault.rule, fault.subject, instead))
}

/// What the report says instead of each of the cluster's faults that it lacks.
fn missed_in_cluster(report: &Value, faults: &[OfCluster]) -> impl Iterator<Item = String> {
    faults.iter().filter_map(|(rule, subject, words)| {
        let found = |result: &Value| fails(result, rule, subject) && result.to_string().contains(words);
        let instead = results_of(report).filter(|result| result["rule"] == *rule);
        (!results_of(report).any(found)).then(|| missed(rule, &format!("{subject} with {words:?}"), instead))
    })
}

fn missed<'r>(rule: &str, wanted: &str, instead: impl Iterator<Item = &'r Value>) -> String {
    let instead: Vec<String> = instead.map(Value::to_string).collect();
    format!("{rule} on {wanted}; instead {instead:#?}")
}

/// Webhooks come last: with them the pods that they guard could not be created any more.
fn inject_into_workloads(bench: &Bench) {
    let (mut first, mut webhooks) = (Vec::new(), Vec::new());
    for fault in OF_WORKLOADS {
        let mut sound = Sound::new(&format!("f-{}", fault.rule));
        (fault.change)(&mut sound);
        let objects = sound.objects();
        let (last, others): (Vec<_>, Vec<_>) =
            objects.into_iter().partition(|object| object["kind"] == "ValidatingWebhookConfiguration");
        first.extend(others);
        webhooks.extend(last);
    }
    bench.apply("faults", &first);
    let guarded = ["rollout", "status", "--timeout=300s", "deployment/landing", "-n", "f-webhook-guards-itself"];
    bench.kubectl(&guarded);
    bench.apply("webhooks", &webhooks);
}

/// Waits until the workloads show what was injected.
fn settle_workloads(bench: &Bench) {
    let stuck = ["budget-exhausted-now"];
    for fault in OF_WORKLOADS.iter().filter(|fault| !stuck.contains(&fault.rule)) {
        let namespace = format!("f-{}", fault.rule);
        bench.kubectl(&["rollout", "status", "--timeout=300s", "deployment/landing", "-n", &namespace]);
    }
    let voters = ["rollout", "status", "--timeout=300s", "statefulset/zookeeper", "-n", "f-preemption-breaks-quorum"];
    bench.kubectl(&voters);
    for namespace in ["f-replicas-placed-together", "f-service-single-endpoint"] {
        bench.wait_for_endpoints(namespace, 3);
    }
    let budget = ["pdb/landing", "-n", "f-budget-exhausted-now"];
    let healthy = ["wait", "--timeout=300s", "--for=jsonpath={.status.currentHealthy}=4"];
    bench.kubectl(&[&healthy[..], &budget[..]].concat());
    // A budget is not exhausted before it has been so for a while; the controller keeps a time that is there.
    let condition = json!({"type": "DisruptionAllowed", "status": "False", "reason": "InsufficientPods",
        "message": "", "observedGeneration": 1, "lastTransitionTime": "2026-01-01T00:00:00Z"});
    let status = json!({"status": {"conditions": [condition]}}).to_string();
    let patch = ["patch", "--subresource=status", "--type=merge", "-p", &status];
    bench.kubectl(&[&patch[..], &budget[..]].concat());
}

/// Waits until nodes, DNS and control plane are there.
fn settle_cluster(bench: &Bench) {
    let system = ["--timeout=300s", "-n", "kube-system"];
    let dns = ["rollout", "status", "deployment/coredns"];
    bench.kubectl(&[&dns[..], &system[..]].concat());
    let running = ["wait", "--for=jsonpath={.status.phase}=Running", "pods", "-l", "tier=control-plane"];
    bench.kubectl(&[&running[..], &system[..]].concat());
    bench.kubectl(&["wait", "--timeout=300s", "--for=condition=Ready", "nodes", "--all"]);
    let gold = ["rollout", "status", "--timeout=300s", "deployment/landing", "-n", "f-node-pool-single-zone"];
    bench.kubectl(&gold);
    // Room for the pods of both nodes, and not for all of them on one.
    let status = json!({"status": {"allocatable": {"pods": "2"}}}).to_string();
    for name in ["node-g1", "node-g2"] {
        bench.kubectl(&["patch", "node", name, "--subresource=status", "--type=merge", "-p", &status]);
    }
}

/// What the API server says to each patch, once for each rule.
fn patches_are_accepted(bench: &Bench, results: &[&Value]) {
    let mut tried = BTreeSet::new();
    for result in results {
        let (Some(patch), true) = (result["patch"].as_str(), result["verdict"] == "fail") else { continue };
        if !tried.insert(result["rule"].as_str().unwrap()) {
            continue;
        }
        let object = &result["object"];
        let (kind, name) = (object["kind"].as_str().unwrap(), object["name"].as_str().unwrap());
        // Custom kinds have no strategic merge.
        let form = if kind == "Schedule" { "merge" } else { "strategic" };
        let mut arguments = vec!["patch", kind, name, "--type", form, "--dry-run=server", "-p", patch];
        if let Some(namespace) = object["namespace"].as_str().filter(|namespace| !namespace.is_empty()) {
            arguments.extend(["-n", namespace]);
        }
        bench.kubectl(&arguments);
    }
    assert!(tried.len() >= 8, "only {tried:?} have patches");
}

fn namespace(name: &str) -> Value {
    json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}})
}

/// A kind of Velero's that takes any fields.
fn custom_kind(plural: &str, kind: &str) -> Value {
    let schema = json!({"openAPIV3Schema": {"type": "object", "x-kubernetes-preserve-unknown-fields": true}});
    json!({"apiVersion": "apiextensions.k8s.io/v1", "kind": "CustomResourceDefinition",
        "metadata": {"name": format!("{plural}.velero.io")},
        "spec": {"group": "velero.io", "scope": "Namespaced",
            "names": {"plural": plural, "singular": kind.to_lowercase(), "kind": kind},
            "versions": [{"name": "v1", "served": true, "storage": true, "schema": schema}]}})
}

fn tainted(mut node: Value, key: &str) -> Value {
    node["spec"] = json!({"taints": [{"key": key, "effect": "NoSchedule"}]});
    node
}

/// A pool in one zone, a node without a zone, one that was cordoned long ago, and DNS on a single node.
fn whole_cluster() -> Vec<Value> {
    let gold = |name: &str| {
        let mut node = tainted(node(name, Some("a")), "pool");
        node["metadata"]["labels"]["pool"] = json!("gold");
        node
    };
    let mut cordoned = node("node-y", Some("b"));
    cordoned["spec"] = json!({"unschedulable": true, "taints": [
        {"key": "node.kubernetes.io/unschedulable", "effect": "NoSchedule", "timeAdded": "2026-01-01T00:00:00Z"}]});
    let mut on_gold = Sound::new("f-node-pool-single-zone");
    on_gold.pod()["topologySpreadConstraints"] = json!([]);
    on_gold.pod()["nodeSelector"] = json!({"pool": "gold"});
    on_gold.pod()["tolerations"] = json!([{"key": "pool", "operator": "Exists"}]);

    let mut dns = Sound::new("kube-system");
    together(&mut dns);
    dns.deployment["metadata"]["name"] = json!("coredns");
    dns.service["metadata"]["name"] = json!("kube-dns");
    dns.service["spec"]["ports"] = json!([{"name": "dns", "port": 53, "protocol": "UDP", "targetPort": "http"}]);

    let mut objects = vec![gold("node-g1"), gold("node-g2"), tainted(node("node-x", None), "labels"), cordoned];
    objects.extend(on_gold.objects());
    objects.extend(dns.objects().into_iter().filter(|object| object["kind"] != "Namespace"));
    // Two of the four workers go: with those above, two are left that take ordinary pods.
    for zone in ["c", "d"] {
        let mut node = node(&format!("node-{zone}"), Some(zone));
        node["spec"] = json!({"unschedulable": true});
        objects.push(node);
    }
    objects
}

/// A control plane as kubeadm shows it, as one should not build it: two nodes in one zone, two etcd members, one
/// scheduler whose lease nobody renews, an address of an API server that is gone, and backups that are switched off.
fn control_plane() -> Vec<Value> {
    let mut objects = member("node-cp1", "a", "10.0.0.1");
    objects.extend(member("node-cp2", "a", "10.0.0.2"));
    let endpoint = |address| json!({"addresses": [address], "conditions": {"ready": true}});
    objects.push(json!({"apiVersion": "discovery.k8s.io/v1", "kind": "EndpointSlice", "addressType": "IPv4",
        "metadata": {"name": "kubernetes", "namespace": "default",
            "labels": {"kubernetes.io/service-name": "kubernetes"}},
        "endpoints": [endpoint("10.0.0.1"), endpoint("10.0.0.2"), endpoint("10.0.0.9")],
        "ports": [{"name": "https", "port": 6443, "protocol": "TCP"}]}));
    let renamed = ["kube-scheduler", "--leader-elect-resource-name=kube-scheduler-blue"];
    objects.push(static_pod("kube-scheduler", "node-cp1", &renamed));
    objects.push(json!({"apiVersion": "coordination.k8s.io/v1", "kind": "Lease",
        "metadata": {"name": "kube-scheduler-blue", "namespace": "kube-system"},
        "spec": {"holderIdentity": "node-cp1_1", "leaseDurationSeconds": 15,
            "renewTime": "2026-01-01T00:00:00.000000Z"}}));
    let container = json!({"name": "backup", "image": "registry.k8s.io/etcd:3.6.4",
        "command": ["etcdctl", "snapshot", "save", "/backup/etcd.db"]});
    objects.push(json!({"apiVersion": "batch/v1", "kind": "CronJob",
        "metadata": {"name": "etcd-backup", "namespace": "kube-system"},
        "spec": {"schedule": "0 * * * *", "suspend": true, "jobTemplate": {"spec": {"template": {"spec":
            {"restartPolicy": "Never", "containers": [container]}}}}}}));
    objects
}

/// One more node of the control plane, in a second zone: two of three stay in the first.
fn third_member() -> Vec<Value> {
    member("node-cp3", "b", "10.0.0.3")
}

/// A node of the control plane and its static pods, without a scheduler.
fn member(name: &str, zone: &str, address: &str) -> Vec<Value> {
    let role = "node-role.kubernetes.io/control-plane";
    let mut node = tainted(node(name, Some(zone)), role);
    node["metadata"]["labels"][role] = json!("");
    // Both types, as from a kubelet: kwok replaces a list that lacks one.
    node["status"] = json!({"addresses": [
        {"type": "InternalIP", "address": address}, {"type": "Hostname", "address": name}]});
    let components = ["etcd", "kube-apiserver", "kube-controller-manager"];
    let pods = components.map(|component| static_pod(component, name, &[component]));
    std::iter::once(node).chain(pods).collect()
}

/// The mirror of a static pod.
fn static_pod(component: &str, node: &str, command: &[&str]) -> Value {
    json!({"apiVersion": "v1", "kind": "Pod",
        "metadata": {"name": format!("{component}-{node}"), "namespace": "kube-system",
            "labels": {"component": component, "tier": "control-plane"},
            "annotations": {"kubernetes.io/config.mirror": "1"}},
        "spec": {"nodeName": node, "hostNetwork": true, "priorityClassName": "system-node-critical",
            "tolerations": [{"operator": "Exists", "effect": "NoExecute"}],
            "containers": [{"name": component, "image": format!("registry.k8s.io/{component}:v1.36.3"),
                "command": command}]}})
}
