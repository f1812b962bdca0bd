use alloc::format;
use alloc::vec;

use ha_sdk::arithmetic::replicas::is_quorum_group;
use ha_sdk::settings::Profile;
use ha_sdk::snapshot::{Workload, WorkloadId};
use ha_sdk::{Area, Class, Finding, Findings, Input, Severity, rule};

use crate::shared::judged_replicas;
use crate::shared::risk::blast_radius;
use crate::shared::separation::{Domain, Separation, has_default_spread, is_known, separation, spread_patch};
use crate::shared::trials::Trials;

rule! {
    /// Nothing in the pod template keeps the replicas on different nodes.
    ///
    /// ## Why it matters
    /// Replicas protect against the loss of a node only when they do not share it. Without anti-affinity or a
    /// spread constraint that matches its own pods, all of them may land on one node, and nothing moves them later.
    ///
    /// ## Remediation
    /// Add a topology spread constraint or pod anti-affinity on `kubernetes.io/hostname` whose selector matches
    /// the pods of the workload itself. Soft (`ScheduleAnyway`, preferred) is enough for a stateless workload; a
    /// quorum group needs hard. A hard rule over zones serves as well, a soft one does not.
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
    ///     spec:  # finding: replicas-share-node
    ///       containers: [{name: cart, image: cart}]
    /// ```
    /// Regions are not nodes:
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
    ///       affinity:
    ///         podAntiAffinity:  # finding: replicas-share-node
    ///           preferredDuringSchedulingIgnoredDuringExecution:
    ///           - weight: 100
    ///             podAffinityTerm:
    ///               labelSelector: {matchLabels: {app: cart}}
    ///               topologyKey: topology.kubernetes.io/region
    ///       containers: [{name: cart, image: cart}]
    /// ```
    /// The selector misses the pods of the workload:
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
    ///       topologySpreadConstraints:  # finding: replicas-share-node
    ///       - maxSkew: 1
    ///         topologyKey: kubernetes.io/hostname
    ///         whenUnsatisfiable: DoNotSchedule
    ///         labelSelector: {matchLabels: {app: cart-v1}}
    ///       containers: [{name: cart, image: cart}]
    /// ```
    /// Three members may all share a node before a skew of 3 is exceeded:
    /// ```yaml fails
    /// apiVersion: apps/v1
    /// kind: StatefulSet
    /// metadata: {name: zk, namespace: shop}
    /// spec:
    ///   replicas: 3
    ///   serviceName: zk
    ///   selector: {matchLabels: {app: zk}}
    ///   template:
    ///     metadata: {labels: {app: zk}}
    ///     spec:
    ///       topologySpreadConstraints:  # finding: replicas-share-node
    ///       - maxSkew: 3
    ///         topologyKey: kubernetes.io/hostname
    ///         whenUnsatisfiable: DoNotSchedule
    ///         labelSelector: {matchLabels: {app: zk}}
    ///       containers: [{name: zk, image: zookeeper}]
    /// ```
    /// A quorum group needs more than a wish:
    /// ```yaml fails
    /// apiVersion: apps/v1
    /// kind: StatefulSet
    /// metadata: {name: zk, namespace: shop}
    /// spec:
    ///   replicas: 3
    ///   serviceName: zk
    ///   selector: {matchLabels: {app: zk}}
    ///   template:
    ///     metadata: {labels: {app: zk}}
    ///     spec:
    ///       topologySpreadConstraints:  # finding: replicas-share-node
    ///       - maxSkew: 1
    ///         topologyKey: kubernetes.io/hostname
    ///         whenUnsatisfiable: ScheduleAnyway
    ///         labelSelector: {matchLabels: {app: zk}}
    ///       containers: [{name: zk, image: zookeeper}]
    /// ```
    /// Anti-affinity without a selector matches no pod:
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
    ///       affinity:
    ///         podAntiAffinity:  # finding: replicas-share-node
    ///           requiredDuringSchedulingIgnoredDuringExecution:
    ///           - topologyKey: kubernetes.io/hostname
    ///       containers: [{name: cart, image: cart}]
    /// ```
    /// It repels the pods of another namespace only:
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
    ///       affinity:
    ///         podAntiAffinity:  # finding: replicas-share-node
    ///           requiredDuringSchedulingIgnoredDuringExecution:
    ///           - topologyKey: kubernetes.io/hostname
    ///             labelSelector: {matchLabels: {app: cart}}
    ///             namespaces: [staging]
    ///       containers: [{name: cart, image: cart}]
    /// ```
    /// One hard spread constraint is enough, without anti-affinity:
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
    ///         topologyKey: kubernetes.io/hostname
    ///         whenUnsatisfiable: DoNotSchedule
    ///         labelSelector: {matchLabels: {app: cart}}
    ///         matchLabelKeys: [pod-template-hash]
    ///       containers: [{name: cart, image: cart}]
    /// ```
    /// Pods in different zones are on different nodes:
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
    ///         whenUnsatisfiable: DoNotSchedule
    ///         labelSelector: {matchExpressions: [{key: app, operator: In, values: [cart]}]}
    ///       containers: [{name: cart, image: cart}]
    /// ```
    /// Preferred anti-affinity serves a stateless workload:
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
    ///       affinity:
    ///         podAntiAffinity:
    ///           preferredDuringSchedulingIgnoredDuringExecution:
    ///           - weight: 100
    ///             podAffinityTerm:
    ///               labelSelector: {matchLabels: {app: cart}}
    ///               topologyKey: kubernetes.io/hostname
    ///       containers: [{name: cart, image: cart}]
    /// ```
    /// An empty selector matches every pod, and an empty namespace selector every namespace:
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
    ///       affinity:
    ///         podAntiAffinity:
    ///           requiredDuringSchedulingIgnoredDuringExecution:
    ///           - topologyKey: kubernetes.io/hostname
    ///             labelSelector: {}
    ///             namespaceSelector: {}
    ///       containers: [{name: cart, image: cart}]
    /// ```
    /// Several constraints, one of them over nodes:
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
    ///         topologyKey: topology.kubernetes.io/region
    ///         whenUnsatisfiable: ScheduleAnyway
    ///         labelSelector: {matchLabels: {app: cart}}
    ///       - maxSkew: 1
    ///         topologyKey: topology.kubernetes.io/zone
    ///         whenUnsatisfiable: ScheduleAnyway
    ///         labelSelector: {matchLabels: {app: cart}}
    ///       - maxSkew: 1
    ///         topologyKey: kubernetes.io/hostname
    ///         whenUnsatisfiable: ScheduleAnyway
    ///         labelSelector: {matchLabels: {app: cart}}
    ///       containers: [{name: cart, image: cart}]
    /// ```
    ///
    /// ## References
    /// - <https://kubernetes.io/docs/concepts/scheduling-eviction/topology-spread-constraints/>
    /// - <https://kubernetes.io/docs/concepts/scheduling-eviction/assign-pod-node/#affinity-and-anti-affinity>
    pub static REPLICAS_SHARE_NODE: Rule = Rule {
        name: "replicas-share-node",
        area: Area::Replication,
        severity: Severity::High,
        class: Class::A,
        needs: &[],
        since: "0.1.0",
        check,
    };
}

fn check(input: &Input, findings: &mut Findings) {
    let single_node = is_known(input, Profile::SingleNode);
    let trials = Trials::of_nodes(input);
    for (id, workload) in input.snapshot.workloads_by_id() {
        let Some(replicas) = judged_replicas(input.snapshot, workload, findings) else {
            continue;
        };
        if single_node {
            findings.not_applicable(workload.object, "single-node cluster");
        } else if replicas.floor < 2 {
            findings.not_applicable(workload.object, "fewer than two replicas");
        } else {
            check_workload(input, (id, workload), replicas.floor, &trials, findings);
        }
    }
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
    let found = separation(input, workload, replicas, Domain::Node);
    if found >= enough {
        return findings.pass(workload.object);
    }
    let message = if found == Separation::Soft {
        format!("its {replicas} members vote, and only a soft rule keeps them on different nodes")
    } else {
        format!("nothing of its own keeps its {replicas} replicas on different nodes")
    };
    let finding = findings.fail(workload.object, message);
    finding.leads_to("one node may hold all of them, and its loss takes them all").at_risk(blast_radius(
        snapshot,
        [workload],
        vec!["losing a node".into()],
    ));
    say_what_is_there(input, workload, finding);
    if !votes && has_default_spread(snapshot, workload) {
        finding
            .leads_to("only the scheduler's default (soft, maxSkew 3) keeps them off one node")
            .severity(Severity::Medium);
    }
    trials.weigh(id, finding);
    let when = if votes { "DoNotSchedule" } else { "ScheduleAnyway" };
    finding.fix(format!("a spread constraint on kubernetes.io/hostname, {when}, with its own labels"));
    if let Some(patch) = spread_patch(snapshot, workload, votes) {
        finding.patch(patch);
    }
}

/// The evidence: the constraints that do not serve, or that there are none.
fn say_what_is_there(input: &Input, workload: &Workload, finding: &mut Finding) {
    let spec = input.snapshot.spec_of(workload);
    let terms = spec.pod_anti_affinity.len() + spec.preferred_pod_anti_affinity.len();
    if terms > 0 {
        let value = format!("{terms} term(s), none keeps its own pods on different nodes");
        finding.evidence("spec.template.spec.affinity.podAntiAffinity", value);
    }
    let constraints = spec.spread_constraints.len();
    if constraints > 0 {
        let value = format!("{constraints} constraint(s), none keeps its own pods on different nodes");
        finding.evidence("spec.template.spec.topologySpreadConstraints", value);
    } else if terms == 0 {
        finding.evidence("spec.template.spec.topologySpreadConstraints", "unset");
    }
}
