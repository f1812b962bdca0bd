//! What the API server fills in where a manifest says nothing (`pkg/apis/*/v1/defaults.go` of Kubernetes), for the
//! fields that are read; and what of a snapshot tells whether a default was written.
//!
//! Left out: admission (tolerations, priorities, service accounts), which only pods see; and the `emptyDir` of a
//! volume without any source, which slim types do not tell from a source that is not kept.

use ha_core::Snapshot;
use ha_core::snapshot::{ResourceKind, WorkloadKind};
use serde_json::{Map, Value, json};

/// Fills an object in.
pub(super) fn fill_in(kind: ResourceKind, object: &mut Value) {
    use ResourceKind as K;
    match kind {
        K::Namespace => {
            let name = object["metadata"]["name"].clone();
            set(fields(fields_of(object, "metadata"), "labels"), "kubernetes.io/metadata.name", name);
        }
        K::Pod => {
            pod_spec(fields_of(object, "spec"));
            pod_only(fields_of(object, "spec"));
        }
        K::Deployment => deployment(fields_of(object, "spec")),
        K::StatefulSet => stateful_set(fields_of(object, "spec")),
        K::DaemonSet => daemon_set(fields_of(object, "spec")),
        K::ReplicaSet => {
            let spec = fields_of(object, "spec");
            set(spec, "replicas", json!(1));
            template(spec);
        }
        K::ReplicationController => replication_controller(fields_of(object, "spec")),
        K::Job => job(fields_of(object, "spec")),
        K::CronJob => {
            let spec = fields_of(object, "spec");
            set(spec, "concurrencyPolicy", json!("Allow"));
            set(spec, "suspend", json!(false));
            job(fields(fields(spec, "jobTemplate"), "spec"));
        }
        K::HorizontalPodAutoscaler => set(fields_of(object, "spec"), "minReplicas", json!(1)),
        K::Service => service(fields_of(object, "spec")),
        K::PersistentVolume => {
            set(fields_of(object, "spec"), "persistentVolumeReclaimPolicy", json!("Retain"));
            set(fields_of(object, "status"), "phase", json!("Pending"));
        }
        K::PersistentVolumeClaim => {
            set(fields_of(object, "spec"), "volumeMode", json!("Filesystem"));
            set(fields_of(object, "status"), "phase", json!("Pending"));
        }
        _ => fill_in_others(kind, object),
    }
}

/// Kinds whose fields do not all stand under `spec`.
fn fill_in_others(kind: ResourceKind, object: &mut Value) {
    use ResourceKind as K;
    let Some(whole) = object.as_object_mut() else { return };
    match kind {
        K::StorageClass => {
            set(whole, "reclaimPolicy", json!("Delete"));
            set(whole, "volumeBindingMode", json!("Immediate"));
        }
        K::PriorityClass => set(whole, "preemptionPolicy", json!("PreemptLowerPriority")),
        K::CsiDriver => set(fields(whole, "spec"), "attachRequired", json!(true)),
        K::ValidatingWebhookConfiguration | K::MutatingWebhookConfiguration => each(whole, "webhooks", webhook),
        K::LimitRange => each(fields(whole, "spec"), "limits", limit_range_item),
        _ => {}
    }
}

fn deployment(spec: &mut Map<String, Value>) {
    set(spec, "replicas", json!(1));
    set(spec, "revisionHistoryLimit", json!(10));
    set(spec, "progressDeadlineSeconds", json!(600));
    let strategy = fields(spec, "strategy");
    set(strategy, "type", json!("RollingUpdate"));
    if strategy["type"] == "RollingUpdate" {
        let bounds = fields(strategy, "rollingUpdate");
        set(bounds, "maxUnavailable", json!("25%"));
        set(bounds, "maxSurge", json!("25%"));
    }
    template(spec);
}

fn stateful_set(spec: &mut Map<String, Value>) {
    set(spec, "replicas", json!(1));
    set(spec, "revisionHistoryLimit", json!(10));
    set(spec, "podManagementPolicy", json!("OrderedReady"));
    let strategy = fields(spec, "updateStrategy");
    set(strategy, "type", json!("RollingUpdate"));
    if strategy["type"] == "RollingUpdate" {
        set(fields(strategy, "rollingUpdate"), "partition", json!(0));
    }
    let retention = fields(spec, "persistentVolumeClaimRetentionPolicy");
    set(retention, "whenDeleted", json!("Retain"));
    set(retention, "whenScaled", json!("Retain"));
    template(spec);
}

fn daemon_set(spec: &mut Map<String, Value>) {
    let strategy = fields(spec, "updateStrategy");
    set(strategy, "type", json!("RollingUpdate"));
    if strategy["type"] == "RollingUpdate" {
        let bounds = fields(strategy, "rollingUpdate");
        set(bounds, "maxUnavailable", json!(1));
        set(bounds, "maxSurge", json!(0));
    }
    template(spec);
}

fn replication_controller(spec: &mut Map<String, Value>) {
    set(spec, "replicas", json!(1));
    let labels = spec.get("template").map(|template| template["metadata"]["labels"].clone());
    if let Some(labels) = labels.filter(|labels| !is_unset(Some(labels))) {
        set(spec, "selector", labels);
    }
    template(spec);
}

fn job(spec: &mut Map<String, Value>) {
    set(spec, "parallelism", json!(1));
    set(spec, "suspend", json!(false));
    template(spec);
}

fn service(spec: &mut Map<String, Value>) {
    set(spec, "type", json!("ClusterIP"));
    set(spec, "sessionAffinity", json!("None"));
    let internal = matches!(spec["type"].as_str(), Some("ClusterIP" | "NodePort" | "LoadBalancer"));
    if internal {
        set(spec, "internalTrafficPolicy", json!("Cluster"));
    }
    if matches!(spec["type"].as_str(), Some("NodePort" | "LoadBalancer")) {
        set(spec, "externalTrafficPolicy", json!("Cluster"));
    }
    each(spec, "ports", |port| {
        set(port, "protocol", json!("TCP"));
        let number = port.get("port").cloned().unwrap_or_default();
        // Both "" and 0 are no target.
        if port.get("targetPort").is_some_and(|target| *target == json!(0)) {
            port.remove("targetPort");
        }
        set(port, "targetPort", number);
    });
}

fn webhook(webhook: &mut Map<String, Value>) {
    set(webhook, "failurePolicy", json!("Fail"));
    set(webhook, "matchPolicy", json!("Equivalent"));
    set(webhook, "namespaceSelector", json!({}));
    set(webhook, "objectSelector", json!({}));
    set(webhook, "timeoutSeconds", json!(10));
    each(webhook, "rules", |rule| set(rule, "scope", json!("*")));
}

/// `SetDefaults_LimitRangeItem`: limits from the largest, requests from limits and from the smallest.
fn limit_range_item(item: &mut Map<String, Value>) {
    if item.get("type") != Some(&json!("Container")) {
        return;
    }
    for (from, to) in [("max", "default"), ("default", "defaultRequest"), ("min", "defaultRequest")] {
        let amounts = item.get(from).and_then(Value::as_object).cloned().unwrap_or_default();
        for (resource, amount) in amounts {
            set(fields(item, to), &resource, amount);
        }
    }
}

fn template(spec: &mut Map<String, Value>) {
    pod_spec(fields(fields(spec, "template"), "spec"));
}

fn pod_spec(spec: &mut Map<String, Value>) {
    set(spec, "restartPolicy", json!("Always"));
    set(spec, "dnsPolicy", json!("ClusterFirst"));
    set(spec, "terminationGracePeriodSeconds", json!(30));
    set(spec, "schedulerName", json!("default-scheduler"));
    set(spec, "securityContext", json!({}));
    for list in ["containers", "initContainers"] {
        each(spec, list, container);
    }
    each(spec, "volumes", |volume| {
        if volume.contains_key("rbd") {
            set(fields(volume, "rbd"), "pool", json!("rbd"));
        }
        if volume.contains_key("iscsi") {
            set(fields(volume, "iscsi"), "iscsiInterface", json!("default"));
        }
    });
}

fn container(container: &mut Map<String, Value>) {
    set(container, "terminationMessagePath", json!("/dev/termination-log"));
    set(container, "imagePullPolicy", json!("IfNotPresent"));
    each(container, "ports", |port| set(port, "protocol", json!("TCP")));
    for probe in ["readinessProbe", "livenessProbe", "startupProbe"] {
        if !container.contains_key(probe) {
            continue;
        }
        let probe = fields(container, probe);
        for (field, default) in
            [("timeoutSeconds", 1), ("periodSeconds", 10), ("successThreshold", 1), ("failureThreshold", 3)]
        {
            set(probe, field, json!(default));
        }
        if probe.contains_key("httpGet") {
            let request = fields(probe, "httpGet");
            set(request, "path", json!("/"));
            set(request, "scheme", json!("HTTP"));
        }
    }
}

/// What is filled in for pods and not for the templates of pods.
fn pod_only(spec: &mut Map<String, Value>) {
    let on_node = spec.get("hostNetwork") == Some(&json!(true));
    for list in ["containers", "initContainers"] {
        each(spec, list, |container| {
            if on_node {
                each(container, "ports", |port| {
                    let number = port["containerPort"].clone();
                    set(port, "hostPort", number);
                });
            }
            if !container.contains_key("resources") {
                return;
            }
            let resources = fields(container, "resources");
            let limits = resources.get("limits").and_then(Value::as_object).cloned().unwrap_or_default();
            for (resource, amount) in limits {
                set(fields(resources, "requests"), &resource, amount);
            }
        });
    }
}

/// The structure under a field of an object, made when it is not there.
fn fields_of<'v>(object: &'v mut Value, field: &str) -> &'v mut Map<String, Value> {
    fields(object.as_object_mut().unwrap(), field)
}

/// The structure under a field, made when it is not there.
fn fields<'v>(parent: &'v mut Map<String, Value>, field: &str) -> &'v mut Map<String, Value> {
    let value = parent.entry(field).or_insert_with(|| json!({}));
    if value.is_null() {
        *value = json!({});
    }
    value.as_object_mut().unwrap()
}

fn each(parent: &mut Map<String, Value>, list: &str, change: impl Fn(&mut Map<String, Value>)) {
    let items = parent.get_mut(list).and_then(Value::as_array_mut);
    items.into_iter().flatten().filter_map(Value::as_object_mut).for_each(change);
}

/// Sets a field that is not set. Where Go has no pointer, its zero value is unset, too.
fn set(parent: &mut Map<String, Value>, field: &str, value: Value) {
    const POINTERS: &[&str] = &[
        "replicas",
        "minReplicas",
        "terminationGracePeriodSeconds",
        "progressDeadlineSeconds",
        "revisionHistoryLimit",
        "parallelism",
        "maxUnavailable",
        "maxSurge",
        "timeoutSeconds",
    ];
    let old = parent.get(field);
    let is_zero = old == Some(&json!(0)) && !POINTERS.contains(&field);
    if is_unset(old) || is_zero {
        parent.insert(field.to_owned(), value);
    }
}

fn is_unset(value: Option<&Value>) -> bool {
    value.is_none_or(|value| match value {
        Value::Null => true,
        Value::String(text) => text.is_empty(),
        Value::Object(fields) => fields.is_empty(),
        _ => false,
    })
}

/// A snapshot in which a default that was written is not told from one that was not: findings quote what is written,
/// so some fields keep it.
pub(super) fn as_counted(mut snapshot: Snapshot) -> Snapshot {
    use WorkloadKind as K;
    for workload in &mut snapshot.workloads {
        let counted =
            matches!(workload.kind, K::Deployment | K::StatefulSet | K::ReplicaSet | K::ReplicationController);
        workload.replicas = workload.replicas.or(counted.then_some(1));
        if matches!(workload.kind, K::Deployment | K::StatefulSet) {
            workload.revision_history_limit = workload.revision_history_limit.or(Some(10));
        }
        if workload.kind == K::Deployment {
            workload.progress_deadline_seconds = workload.progress_deadline_seconds.or(Some(600));
        }
    }
    for autoscaler in snapshot.autoscalers.iter_mut().filter(|autoscaler| !autoscaler.is_keda) {
        autoscaler.min_replicas = autoscaler.min_replicas.or(Some(1));
    }
    for webhook in &mut snapshot.webhooks {
        webhook.failure_policy_written = true;
    }
    snapshot
}
