use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;

use ha_sdk::settings::Profile;
use ha_sdk::snapshot::{Lease, Pod, ResourceKind, Snapshot, Timestamp};
use ha_sdk::{Area, Class, Findings, Input, Severity, rule};

use crate::shared::ages::span;
use crate::shared::cluster::{concerns_cluster, not_shown};
use crate::shared::control_plane::{Component, component_pods, flag, kube_system, namespaces};

/// A lease that is older than the newest one by this many times its duration is no longer renewed.
const STALE_DURATIONS: i64 = 4;

/// And by at least this many seconds: lists are not read at one instant, and clocks differ.
const STALE_SECONDS: i64 = 120;

/// Leadership that changed hands so often, and more than once an hour, flaps.
const FLAPPING_TRANSITIONS: u32 = 10;

rule! {
    /// The lease of the scheduler or of the controller manager is missing, no longer renewed, or changes hands all the time.
    ///
    /// ## Why it matters
    /// The holder of the lease is the only instance that works. Nobody who renews it means that nobody schedules
    /// pods or runs the controllers, however many instances are Ready. A lease that changes hands all the time
    /// tells of an overloaded API server or etcd.
    ///
    /// Times are compared with the newest lease of the control plane, never with the clock of the reader.
    ///
    /// ## Remediation
    /// Look at the log of the holder that is named, and restart it. For a lease that flaps look at the latency of
    /// the API server and of etcd. With more than one instance, never run with `--leader-elect=false`.
    ///
    /// ## Examples
    /// ```yaml fails
    /// apiVersion: v1
    /// kind: Node
    /// metadata: {name: cp-1, labels: {node-role.kubernetes.io/control-plane: ""}}
    /// status: {conditions: [{type: Ready, status: "True"}]}
    /// ---
    /// apiVersion: coordination.k8s.io/v1
    /// kind: Lease
    /// metadata: {name: kube-scheduler, namespace: kube-system, creationTimestamp: "2025-12-01T00:00:00Z"}
    /// spec:
    ///   holderIdentity: cp-1_5b1f
    ///   leaseDurationSeconds: 15
    ///   leaseTransitions: 2
    ///   renewTime: "2025-12-31T23:40:00.000000Z"  # finding: control-plane-leader-stale
    /// ---
    /// apiVersion: coordination.k8s.io/v1
    /// kind: Lease
    /// metadata: {name: kube-controller-manager, namespace: kube-system, creationTimestamp: "2025-12-01T00:00:00Z"}
    /// spec:
    ///   holderIdentity: cp-1_5b1f
    ///   leaseDurationSeconds: 15
    ///   leaseTransitions: 2
    ///   renewTime: "2026-01-01T00:00:00.000000Z"
    /// ```
    /// ```yaml passes
    /// apiVersion: v1
    /// kind: Node
    /// metadata: {name: cp-1, labels: {node-role.kubernetes.io/control-plane: ""}}
    /// status: {conditions: [{type: Ready, status: "True"}]}
    /// ---
    /// apiVersion: coordination.k8s.io/v1
    /// kind: Lease
    /// metadata: {name: kube-scheduler, namespace: kube-system, creationTimestamp: "2025-12-01T00:00:00Z"}
    /// spec:
    ///   holderIdentity: cp-1_5b1f
    ///   leaseDurationSeconds: 15
    ///   leaseTransitions: 2
    ///   renewTime: "2025-12-31T23:59:58.000000Z"
    /// ---
    /// apiVersion: coordination.k8s.io/v1
    /// kind: Lease
    /// metadata: {name: kube-controller-manager, namespace: kube-system, creationTimestamp: "2025-12-01T00:00:00Z"}
    /// spec:
    ///   holderIdentity: cp-1_5b1f
    ///   leaseDurationSeconds: 15
    ///   leaseTransitions: 2
    ///   renewTime: "2025-12-31T23:59:59.000000Z"
    /// ```
    /// ```yaml passes
    /// # The cluster's clock is an hour behind: the leases are compared with each other.
    /// apiVersion: v1
    /// kind: Node
    /// metadata: {name: cp-1, labels: {node-role.kubernetes.io/control-plane: ""}}
    /// status: {conditions: [{type: Ready, status: "True"}]}
    /// ---
    /// apiVersion: coordination.k8s.io/v1
    /// kind: Lease
    /// metadata: {name: kube-scheduler, namespace: kube-system, creationTimestamp: "2025-12-01T00:00:00Z"}
    /// spec:
    ///   holderIdentity: cp-1_5b1f
    ///   leaseDurationSeconds: 15
    ///   leaseTransitions: 2
    ///   renewTime: "2025-12-31T22:59:58.000000Z"
    /// ---
    /// apiVersion: coordination.k8s.io/v1
    /// kind: Lease
    /// metadata: {name: kube-controller-manager, namespace: kube-system, creationTimestamp: "2025-12-01T00:00:00Z"}
    /// spec:
    ///   holderIdentity: cp-1_5b1f
    ///   leaseDurationSeconds: 15
    ///   leaseTransitions: 2
    ///   renewTime: "2025-12-31T22:59:59.000000Z"
    /// ```
    ///
    /// ## References
    /// - <https://kubernetes.io/docs/concepts/architecture/leases/>
    pub static CONTROL_PLANE_LEADER_STALE: Rule = Rule {
        name: "control-plane-leader-stale",
        area: Area::ControlPlane,
        severity: Severity::High,
        class: Class::C,
        needs: &[ResourceKind::Lease, ResourceKind::Node, ResourceKind::Pod],
        since: "0.1.0",
        check,
    };
}

fn check(input: &Input, findings: &mut Findings) {
    let snapshot = input.snapshot;
    if !concerns_cluster(input, Snapshot::CLUSTER, &[Profile::ManagedControlPlane], findings) {
        return;
    }
    if let Some(missing) = snapshot.first_missing(&[ResourceKind::Lease], kube_system(snapshot)) {
        findings.unknown(Snapshot::CLUSTER, missing);
        return;
    }
    if snapshot.leases.is_empty() && !snapshot.is_live() {
        return findings.not_applicable(Snapshot::CLUSTER, "no Lease in the input");
    }
    let newest = newest_renewal(snapshot);
    let mut unseen = Vec::new();
    for component in [Component::Scheduler, Component::ControllerManager] {
        let pods = component_pods(snapshot, component);
        match (lease_of(snapshot, component, &pods), newest) {
            (Some(lease), Some(newest)) => judge(snapshot, lease, newest, findings),
            _ if pods.is_empty() => unseen.push(component.name()),
            _ => judge_without_lease(snapshot, component, &pods, findings),
        }
    }
    if !unseen.is_empty() {
        findings.unknown(Snapshot::CLUSTER, not_shown(&format!("the lease of {}", unseen.join(" and of "))));
    }
}

/// The newest renewal in the control plane's namespaces. Holders write their own clock's time: those of the control
/// plane agree better than those of applications.
fn newest_renewal(snapshot: &Snapshot) -> Option<Timestamp> {
    let namespaces = namespaces(snapshot);
    let leases = snapshot.leases.iter().filter(|lease| namespaces.contains(&lease.namespace));
    leases.filter_map(|lease| lease.renewed_at).max()
}

/// The lease of a component, under the name that its flags give it; the freshest one when there are several.
fn lease_of<'s>(snapshot: &'s Snapshot, component: Component, pods: &[&Pod]) -> Option<&'s Lease> {
    let namespaces = namespaces(snapshot);
    let named = pods.iter().find_map(|pod| flag(snapshot, pod, "leader-elect-resource-name"));
    let name = named.filter(|name| !name.is_empty()).unwrap_or(component.name());
    let leases = snapshot.leases.iter().filter(|lease| namespaces.contains(&lease.namespace));
    leases.filter(|lease| snapshot.text(lease.name) == name).max_by_key(|lease| lease.renewed_at)
}

fn judge(snapshot: &Snapshot, lease: &Lease, newest: Timestamp, findings: &mut Findings) {
    let holder = snapshot.text(lease.holder);
    let duration = i64::from(lease.duration_seconds.unwrap_or(15));
    let age = lease.renewed_at.map(|at| newest - at);
    let limit = (STALE_DURATIONS * duration).max(STALE_SECONDS);
    if let Some(age) = age.filter(|&age| age <= limit && !holder.is_empty()) {
        let Some(per_hour) = changes_per_hour(snapshot, lease, newest) else {
            return findings.pass(lease.object);
        };
        let changes = format!("leadership changed {} times, {per_hour} times an hour", lease.transitions);
        findings
            .fail(lease.object, changes)
            .severity(Severity::Medium)
            .evidence("spec.leaseTransitions", format!("{}", lease.transitions))
            .evidence("spec.renewTime", format!("{} before the newest lease", span(age)))
            .leads_to("each change stops the work until the next holder has read the cluster")
            .fix("look at the latency of the API server and of etcd");
        return;
    }
    let name = snapshot.text(lease.name);
    let (message, path, value): (String, _, String) = match age {
        _ if holder.is_empty() => (format!("nobody holds the lease of {name}"), "spec.holderIdentity", "empty".into()),
        Some(age) => {
            let age = span(age);
            let message = format!("{name} renewed its lease {age} before the newest lease");
            (message, "spec.renewTime", format!("{age} before the newest lease"))
        }
        None => (format!("{name} never renewed its lease"), "spec.renewTime", "unset".into()),
    };
    findings
        .fail(lease.object, message)
        .evidence(path, value)
        .leads_to(format!("nobody does the work of {name}"))
        .fix(format!("look at the log of {name}, and restart it"));
}

/// How often leadership changes hands in an hour, when that is too often.
fn changes_per_hour(snapshot: &Snapshot, lease: &Lease, newest: Timestamp) -> Option<i64> {
    if lease.transitions < FLAPPING_TRANSITIONS {
        return None;
    }
    let age = (newest - snapshot.object(lease.object).created_at?).max(1);
    let per_hour = i64::from(lease.transitions) * 3600 / age;
    (per_hour >= 1).then_some(per_hour)
}

fn judge_without_lease(snapshot: &Snapshot, component: Component, pods: &[&Pod], findings: &mut Findings) {
    let Some(first) = pods.first() else {
        return;
    };
    let name = component.name();
    let without_election = pods.iter().all(|pod| flag(snapshot, pod, "leader-elect") == Some("false"));
    if without_election && pods.len() == 1 {
        return findings.not_applicable(first.object, "the only instance needs no election");
    }
    let finding = findings.fail(first.object, format!("{} {name} and no lease of that name", pods.len()));
    finding.related(pods.iter().map(|pod| pod.object));
    if without_election {
        finding.evidence(format!("spec.containers[{name}].command"), "--leader-elect=false");
        finding.leads_to("several instances work against each other").fix("--leader-elect=true");
    } else {
        finding.evidence("metadata.name", name);
        finding.leads_to("no instance leads, so none works").fix(format!("look at the log of {name}"));
    }
}
