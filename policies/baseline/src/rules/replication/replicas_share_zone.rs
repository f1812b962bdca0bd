use alloc::collections::BTreeSet;
use alloc::format;
use alloc::string::String;
use alloc::vec;

use ha_sdk::arithmetic::replicas::is_quorum_group;
use ha_sdk::finding::Missing;
use ha_sdk::settings::Profile;
use ha_sdk::snapshot::{GapReason, ResourceKind, Snapshot, Workload, WorkloadId};
use ha_sdk::text::Text;
use ha_sdk::{Area, Class, Finding, Findings, Input, Severity, rule};

use crate::shared::judged_replicas;
use crate::shared::risk::blast_radius;
use crate::shared::separation::{
    Domain, Separation, ZONE, has_default_spread, is_known, running_pods, separation, spread_patch,
};
use crate::shared::trials::{Outcome, Trials};

rule! {
    /// Nothing keeps the replicas in different zones, or all of them are in one.
    ///
    /// ## Why it matters
    /// A zone fails as a whole: power, network, an upgrade of the provider. Replicas on three nodes of one zone
    /// are gone together.
    ///
    /// ## Remediation
    /// Add a topology spread constraint or pod anti-affinity on `topology.kubernetes.io/zone` whose selector
    /// matches the pods of the workload itself; soft is enough for a stateless workload. Pods that already sit
    /// together move only when they are made anew: `kubectl rollout restart`.
    ///
    /// ## Examples
    /// ```yaml fails
    /// apiVersion: apps/v1
    /// kind: Deployment
    /// metadata: {name: cart, namespace: shop}
    /// spec:
    ///   replicas: 3
    ///   selector: {matchLabels: {app: cart}}
    ///   template:
    ///     metadata: {labels: {app: cart}}
    ///     spec:
    ///       topologySpreadConstraints:  # finding: replicas-share-zone
    ///       - maxSkew: 1
    ///         topologyKey: kubernetes.io/hostname
    ///         whenUnsatisfiable: DoNotSchedule
    ///         labelSelector: {matchLabels: {app: cart}}
    ///       containers: [{name: cart, image: cart}]
    /// ```
    /// ```yaml passes
    /// apiVersion: apps/v1
    /// kind: Deployment
    /// metadata: {name: cart, namespace: shop}
    /// spec:
    ///   replicas: 3
    ///   selector: {matchLabels: {app: cart}}
    ///   template:
    ///     metadata: {labels: {app: cart}}
    ///     spec:
    ///       topologySpreadConstraints:
    ///       - maxSkew: 1
    ///         topologyKey: topology.kubernetes.io/zone
    ///         whenUnsatisfiable: ScheduleAnyway
    ///         labelSelector: {matchLabels: {app: cart}}
    ///       containers: [{name: cart, image: cart}]
    /// ```
    /// In a cluster of one zone the rule does not apply:
    /// ```yaml passes
    /// apiVersion: v1
    /// kind: Node
    /// metadata: {name: a1, labels: {topology.kubernetes.io/zone: a, topology.kubernetes.io/region: r}}
    /// status: {conditions: [{type: Ready, status: "True"}]}
    /// ---
    /// apiVersion: v1
    /// kind: Node
    /// metadata: {name: a2, labels: {topology.kubernetes.io/zone: a, topology.kubernetes.io/region: r}}
    /// status: {conditions: [{type: Ready, status: "True"}]}
    /// ---
    /// apiVersion: apps/v1
    /// kind: Deployment
    /// metadata: {name: cart, namespace: shop}
    /// spec:
    ///   replicas: 3
    ///   selector: {matchLabels: {app: cart}}
    ///   template:
    ///     metadata: {labels: {app: cart}}
    ///     spec:
    ///       containers: [{name: cart, image: cart}]
    /// ```
    ///
    /// ## References
    /// - <https://kubernetes.io/docs/setup/best-practices/multiple-zones/>
    /// - <https://kubernetes.io/docs/concepts/scheduling-eviction/topology-spread-constraints/#internal-default-constraints>
    pub static REPLICAS_SHARE_ZONE: Rule = Rule {
        name: "replicas-share-zone",
        area: Area::Replication,
        severity: Severity::High,
        class: Class::AC,
        needs: PLACEMENT,
        since: "0.1.0",
        check,
    };
}

/// What shows where pods are.
const PLACEMENT: &[ResourceKind] = &[ResourceKind::Node, ResourceKind::Pod];

fn check(input: &Input, findings: &mut Findings) {
    let snapshot = input.snapshot;
    let reason = if is_known(input, Profile::SingleNode) {
        "single-node cluster"
    } else if is_known(input, Profile::SingleZone) {
        "single-zone cluster"
    } else {
        ""
    };
    let zones_known = snapshot.nodes.is_empty() || snapshot.nodes.iter().any(|node| !node.zone.is_empty());
    let trials = Trials::of_zones(input);
    for (id, workload) in snapshot.workloads_by_id() {
        let Some(replicas) = judged_replicas(snapshot, workload, findings) else {
            continue;
        };
        if !reason.is_empty() {
            findings.not_applicable(workload.object, reason);
        } else if replicas.floor < 2 {
            findings.not_applicable(workload.object, "fewer than two replicas");
        } else if zones_known {
            check_workload(input, (id, workload), replicas.floor, &trials, findings);
        } else {
            findings.unknown(workload.object, missing_zones());
        }
    }
}

/// No node says in which zone it is.
fn missing_zones() -> Missing {
    Missing { what: format!("label {ZONE} of the nodes"), reason: GapReason::NotInInput, ..Missing::default() }
}

fn check_workload(
    input: &Input,
    (id, workload): (WorkloadId, &Workload),
    replicas: u32,
    trials: &Trials,
    findings: &mut Findings,
) {
    let snapshot = input.snapshot;
    let votes = is_quorum_group(snapshot, workload);
    let enough = if votes { Separation::Hard } else { Separation::Soft };
    let separated = separation(input, workload, replicas, Domain::Zone) >= enough;
    match (Placement::of(snapshot, workload), separated) {
        (Placement::OneZone { zone, pods }, _) => {
            let zone = snapshot.text(zone);
            let finding = findings
                .fail(workload.object, format!("all {pods} running replicas are in zone {zone}"))
                .leads_to(format!("losing {zone} takes them all; nothing moves running pods"))
                .at_risk(blast_radius(snapshot, [workload], vec![format!("losing {zone}")]))
                .evidence("spec.template.spec.topologySpreadConstraints", written(separated))
                .fix("spread over topology.kubernetes.io/zone, then kubectl rollout restart");
            trials.weigh(id, finding);
        }
        (Placement::Unlabelled, true) => {
            findings.unknown(workload.object, missing_zones());
        }
        (Placement::NotSeen, true) if snapshot.is_live() => {
            match snapshot.first_missing(PLACEMENT, workload.namespace) {
                Some(missing) => {
                    findings.unknown(workload.object, missing);
                }
                None => findings.pass(workload.object),
            }
        }
        (_, true) => findings.pass(workload.object),
        (placement, false) => {
            let finding = fail_template(snapshot, workload, replicas, findings);
            weigh_placement(&placement, (id, trials), finding);
        }
    }
}

fn written(separated: bool) -> &'static str {
    if separated { "over zones, which did not help" } else { "none over zones" }
}

/// The template does not ask for zones. Where the pods are in several all the same, that is luck: one step lower, unless
/// the loss of a zone was simulated and breaks the workload.
fn weigh_placement(placement: &Placement, (id, trials): (WorkloadId, &Trials), finding: &mut Finding) {
    match (trials.outcome(id), placement) {
        (outcome @ (Outcome::Refuted | Outcome::Open), Placement::Zones(zones)) => {
            let lowered = finding.severity.lowered();
            let simulated =
                if outcome == Outcome::Refuted { format!("; {}", trials.harmless()) } else { String::new() };
            let reason = format!("they are in {zones} zones now, and nothing keeps them there{simulated}");
            finding.severity(lowered).leads_to(reason);
        }
        _ => trials.weigh(id, finding),
    }
}

/// The template does not ask for zones.
fn fail_template<'f>(
    snapshot: &Snapshot,
    workload: &Workload,
    replicas: u32,
    findings: &'f mut Findings,
) -> &'f mut Finding {
    let votes = is_quorum_group(snapshot, workload);
    let finding =
        findings.fail(workload.object, format!("nothing of its own keeps its {replicas} replicas in different zones"));
    finding
        .leads_to("one zone may hold all of them, and its loss takes them all")
        .evidence("spec.template.spec.topologySpreadConstraints", "none over zones")
        .at_risk(blast_radius(snapshot, [workload], vec!["losing a zone".into()]))
        .fix(format!("a spread constraint on {ZONE} with its own labels"));
    if !votes && has_default_spread(snapshot, workload) {
        finding
            .leads_to("only the scheduler's default (soft, maxSkew 5) keeps them out of one zone")
            .severity(Severity::Medium);
    }
    if !votes && let Some(patch) = spread_patch(snapshot, workload, false) {
        finding.patch(patch);
    }
    finding
}

/// In which zones the replicas run now.
enum Placement {
    /// Fewer than two run, or their nodes were not read.
    NotSeen,
    /// All in this one.
    OneZone { zone: Text, pods: usize },
    /// In so many different ones.
    Zones(usize),
    /// Those on labelled nodes share a zone, others are on nodes without a zone label.
    Unlabelled,
}

impl Placement {
    fn of(snapshot: &Snapshot, workload: &Workload) -> Self {
        let mut zones = BTreeSet::new();
        let mut pods = 0;
        for pod in running_pods(snapshot, workload) {
            let Some(node) = pod.node else {
                return Self::NotSeen;
            };
            zones.insert(snapshot.node(node).zone);
            pods += 1;
        }
        let unlabelled = zones.remove(&Text::default());
        match (zones.len(), zones.first()) {
            _ if pods < 2 => Self::NotSeen,
            (1, Some(&zone)) if !unlabelled => Self::OneZone { zone, pods },
            (0 | 1, _) => Self::Unlabelled,
            (count, _) => Self::Zones(count),
        }
    }
}
