//! What rules say about simulated failures, where the lines of an example do not show it: numbers, severity, proof.
// A helper of a test may fail like the test itself.
#![allow(clippy::unwrap_used)]

use std::fmt::Write;
use std::sync::atomic::AtomicBool;

use baseline::RULES;
use ha_sdk::harness::judge;
use ha_sdk::impact::Impact;
use ha_sdk::{Finding, Settings, Severity, Snapshot, Verdict};
use ha_sim::simulate::Options;
use ha_sim::{Model, matrix};

/// What `kubectl ha check` simulates for its policies.
fn impacts(snapshot: &Snapshot) -> Vec<Impact> {
    let options = Options { settings: &Settings::default(), tries: 16, least: 2, seed: 0, show_all: false };
    matrix::check(&Model::new(snapshot), &options, &AtomicBool::new(false))
}

/// A small cluster, written as manifests.
#[derive(Default)]
struct Cluster(String);

/// A pod of a StatefulSet in `shop`: name of the set, ordinal, node, GiB, priority.
type Pod<'a> = (&'a str, u32, &'a str, u32, i32);

impl Cluster {
    /// A node in a zone with so many GiB; the rest is added to its labels.
    fn node(mut self, name: &str, zone: &str, memory: u32, labels: &str) -> Self {
        let zone = format!("topology.kubernetes.io/zone: {zone}, topology.kubernetes.io/region: r");
        write!(
            self.0,
            "---\napiVersion: v1\nkind: Node\n\
             metadata: {{name: {name}, labels: {{kubernetes.io/hostname: {name}, {zone}{labels}}}}}\n\
             status: {{allocatable: {{cpu: \"8\", memory: {memory}Gi, pods: \"110\"}}, \
             conditions: [{{type: Ready, status: \"True\"}}]}}\n"
        )
        .unwrap();
        self
    }

    /// A parallel StatefulSet; `rest` is added to the specification of its pods, which stand on these nodes.
    fn set(mut self, name: &str, rest: &str, pods: &[Pod]) -> Self {
        let container = |memory| {
            let requests = format!("resources: {{requests: {{memory: {memory}Gi}}}}");
            format!("containers: [{{name: {name}, image: {name}, {requests}}}]{rest}")
        };
        let replicas = pods.len();
        write!(
            self.0,
            "---\napiVersion: apps/v1\nkind: StatefulSet\nmetadata: {{name: {name}, namespace: shop, uid: {name}}}\n\
             spec: {{serviceName: {name}, replicas: {replicas}, podManagementPolicy: Parallel, \
             selector: {{matchLabels: {{app: {name}}}}}, template: {{metadata: {{labels: {{app: {name}}}}}, \
             spec: {{{}}}}}}}\n",
            container(pods[0].3)
        )
        .unwrap();
        for &(set, ordinal, node, memory, priority) in pods {
            write!(
                self.0,
                "---\napiVersion: v1\nkind: Pod\nmetadata: {{name: {set}-{ordinal}, namespace: shop, \
                 labels: {{app: {set}}}, ownerReferences: [{{apiVersion: apps/v1, kind: StatefulSet, name: {set}, \
                 uid: {set}, controller: true}}]}}\n\
                 spec: {{nodeName: {node}, priority: {priority}, {}}}\n\
                 status: {{phase: Running, conditions: [{{type: Ready, status: \"True\"}}]}}\n",
                container(memory)
            )
            .unwrap();
        }
        self
    }

    /// What the rule of that name fails, and what it cannot tell.
    fn answers(&self, rule: &str) -> Vec<Finding> {
        let rule = RULES.iter().find(|known| known.name == rule).unwrap();
        judge(rule, &self.0, impacts).unwrap().1
    }

    /// What the rule of that name finds.
    fn fails(&self, rule: &str) -> Vec<Finding> {
        let mut findings = self.answers(rule);
        findings.retain(|finding| finding.verdict == Verdict::Fail);
        findings
    }

    /// The one finding of the rule of that name.
    fn fail(&self, rule: &str) -> Finding {
        let mut findings = self.fails(rule);
        assert_eq!(findings.len(), 1, "{findings:#?}");
        findings.remove(0)
    }
}

/// Two nodes in each of three zones, and two pods in each zone under a hard spread constraint.
fn three_zones(memory: u32, policy: &str) -> Cluster {
    let mut cluster = Cluster::default();
    for zone in ["a", "b", "c"] {
        for number in [1, 2] {
            cluster = cluster.node(&format!("{zone}{number}"), zone, memory, "");
        }
    }
    let constraint = format!(
        ", topologySpreadConstraints: [{{maxSkew: 1, topologyKey: topology.kubernetes.io/zone, \
         whenUnsatisfiable: DoNotSchedule, nodeTaintsPolicy: {policy}, \
         labelSelector: {{matchLabels: {{app: web}}}}}}]"
    );
    let nodes = ["a1", "b1", "c1", "a2", "b2", "c2"];
    let pods: Vec<Pod> = (0..).zip(nodes).map(|(ordinal, node)| ("web", ordinal, node, 3, 0)).collect();
    cluster.set("web", &constraint, &pods)
}

#[test]
fn a_tainted_zone_counts_for_spread_and_a_gone_one_does_not() {
    let finding = three_zones(16, "Ignore").fail("zone-loss-strands-pods");
    assert_eq!(
        finding.message,
        "losing zone a, or one of 2 other zones, leaves up to 2 of 6 pods Pending while its nodes are unreachable, \
         none once they are gone"
    );
    assert_eq!((finding.severity, finding.confirmed_by.as_str()), (Severity::High, "zone/a"));
    assert!(three_zones(16, "Honor").fails("zone-loss-strands-pods").is_empty());
    let no_room = three_zones(4, "Honor").fail("zone-loss-strands-pods");
    assert!(no_room.message.ends_with("while its nodes are unreachable and once they are gone"), "{}", no_room.message);
}

#[test]
fn pods_that_make_room_for_others_are_named() {
    let cluster = Cluster::default()
        .node("a1", "a", 4, "")
        .node("b1", "b", 4, "")
        .set("api", "", &[("api", 0, "a1", 3, 1000)])
        .set("batch", "", &[("batch", 0, "b1", 3, 0)]);
    let finding = cluster.fail("node-loss-strands-pods");
    assert_eq!(finding.message, "losing a1, or one other node, leaves 1 of 1 pods Pending");
    assert!(finding.reason.starts_with("pods of higher priority evict batch-0; "), "{}", finding.reason);
}

#[test]
fn pods_of_negative_priority_keep_room_for_others() {
    let cluster = Cluster::default()
        .node("a1", "a", 4, "")
        .node("b1", "b", 4, "")
        .set("api", "", &[("api", 0, "a1", 3, 0)])
        .set("spare", "", &[("spare", 0, "b1", 3, -10)]);
    assert!(cluster.fails("node-loss-strands-pods").is_empty());
}

#[test]
fn a_node_autoscaler_lowers_what_it_may_cure() {
    let label = ", karpenter.sh/nodepool: general";
    let cluster = |labels| {
        Cluster::default().node("a1", "a", 4, labels).node("b1", "b", 4, labels).set(
            "api",
            "",
            &[("api", 0, "a1", 3, 0), ("api", 1, "b1", 3, 0)],
        )
    };
    assert_eq!(cluster("").fail("node-loss-strands-pods").severity, Severity::High);
    let finding = cluster(label).fail("node-loss-strands-pods");
    assert_eq!(finding.severity, Severity::Medium);
    assert!(finding.reason.contains("the node autoscaler may add a node, or none"), "{}", finding.reason);
}

#[test]
fn what_depends_on_order_is_said_to() {
    // Room for one of the two that come from the lost node; both want it.
    let cluster = Cluster::default()
        .node("a1", "a", 8, "")
        .node("b1", "b", 4, "")
        .set("one", "", &[("one", 0, "a1", 3, 0)])
        .set("two", "", &[("two", 0, "a1", 3, 0)]);
    let findings = cluster.fails("node-loss-strands-pods");
    let severities: Vec<Severity> = findings.iter().map(|finding| finding.severity).collect();
    assert_eq!(severities, [Severity::Medium, Severity::Medium]);
    for finding in &findings {
        assert_eq!(finding.message, "losing a1 may leave 1 of 1 pods Pending, depending on order");
    }
}

#[test]
fn what_another_scheduler_does_is_not_known() {
    let cluster = Cluster::default().node("a1", "a", 16, "").node("b1", "b", 16, "").set(
        "web",
        ", schedulerName: own",
        &[("web", 0, "a1", 3, 0)],
    );
    let answers = cluster.answers("node-loss-strands-pods");
    assert_eq!(answers.len(), 1, "{answers:#?}");
    assert_eq!(answers[0].verdict, Verdict::Unknown, "{answers:#?}");
}

#[test]
fn placement_confirms_or_lowers_what_the_template_lacks() {
    let cluster = |second: &str| {
        Cluster::default().node("a1", "a", 16, "").node("b1", "b", 16, "").node("c1", "c", 16, "").set(
            "web",
            "",
            &[("web", 0, "a1", 3, 0), ("web", 1, second, 3, 0)],
        )
    };
    let together = cluster("a1").fail("replicas-share-node");
    assert_eq!((together.severity, together.confirmed_by.as_str()), (Severity::Medium, "node/a1"));
    let apart = cluster("b1").fail("replicas-share-node");
    assert_eq!((apart.severity, apart.confirmed_by.as_str()), (Severity::Low, ""));
    assert!(apart.reason.contains("no loss of one node brings it below its need"), "{}", apart.reason);
    let zones = cluster("a1").fail("replicas-share-zone");
    assert_eq!((zones.severity, zones.confirmed_by.as_str()), (Severity::High, "zone/a"));
}

#[test]
fn the_same_input_has_the_same_answer() {
    let cluster = three_zones(4, "Ignore");
    for rule in RULES {
        let answers = || judge(rule, &cluster.0, impacts).unwrap().1;
        assert_eq!(answers(), answers(), "{}", rule.name);
    }
}

/// A budget of `shop` that spares all but one of the pods of that name.
fn budget(mut cluster: Cluster, name: &str) -> Cluster {
    write!(
        cluster.0,
        "---\napiVersion: policy/v1\nkind: PodDisruptionBudget\nmetadata: {{name: {name}, namespace: shop}}\n\
         spec: {{maxUnavailable: 1, selector: {{matchLabels: {{app: {name}}}}}}}\n"
    )
    .unwrap();
    cluster
}

/// Two pods of the database fill a1, and one fills b1. On c1, which could take another, stands a pod that fits on b2,
/// too, if b2 is large enough.
fn full_nodes(b2: u32) -> Cluster {
    let nodes = [("a1", 12), ("b1", 6), ("b2", b2), ("c1", 6)];
    let cluster = nodes.iter().fold(Cluster::default(), |cluster, (name, memory)| cluster.node(name, "a", *memory, ""));
    let pods: Vec<Pod> = (0..).zip(["a1", "a1", "b1"]).map(|(ordinal, node)| ("db", ordinal, node, 6, 0)).collect();
    budget(cluster.set("db", "", &pods).set("web", "", &[("web", 0, "c1", 3, 0)]), "db")
}

#[test]
fn a_drain_that_another_makes_room_for_comes_later() {
    let finding = full_nodes(4).fail("drain-order-infeasible");
    assert_eq!(finding.severity, Severity::Medium);
    assert_eq!(
        finding.message,
        "the drain of a1 ends only after that of other nodes: 1 of 2 evictions refused, 1 replacement Pending"
    );
    assert!(finding.remediation.starts_with("drain b1, b2, c1 first, in this order; or "), "{}", finding.remediation);
}

#[test]
fn a_drain_that_nothing_makes_room_for_never_ends() {
    let finding = full_nodes(2).fail("drain-order-infeasible");
    assert_eq!(finding.severity, Severity::High);
    assert!(finding.message.starts_with("the drain of a1 never ends: 1 of 2"), "{}", finding.message);
}
