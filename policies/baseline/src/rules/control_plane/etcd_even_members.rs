use alloc::format;

use ha_sdk::arithmetic::size;
use ha_sdk::arithmetic::quorum::{margin, quorum};
use ha_sdk::settings::Profile;
use ha_sdk::snapshot::{ResourceKind, Snapshot};
use ha_sdk::{Area, Class, Findings, Input, Severity, rule};

use crate::shared::cluster::object_name;
use crate::shared::control_plane::{Etcd, judged_etcd};

/// A member younger than this, in seconds, may be the replacement of one that is about to be removed.
const REPLACEMENT_SECONDS: i64 = 600;

/// More voting members than this slow every write.
const MOST_MEMBERS: usize = 7;

rule! {
    /// The number of voting etcd members is even.
    ///
    /// ## Why it matters
    /// An even number needs one more member for its majority and bears no more losses: four members lose their
    /// quorum with two, like three do, and there is one more member that can fail. Learners do not vote and are
    /// not counted. While a member is being replaced an even number is normal, so a member younger than ten
    /// minutes makes the finding milder. More than seven members slow every write (a note of severity low).
    ///
    /// ## Remediation
    /// Run three or five members: remove one, or add one in a zone of its own.
    ///
    /// ## Examples
    /// ```yaml fails
    /// apiVersion: v1
    /// kind: Node
    /// metadata: {name: cp-1, labels: {node-role.kubernetes.io/control-plane: ""}}
    /// status: {conditions: [{type: Ready, status: "True"}]}
    /// ---
    /// apiVersion: v1
    /// kind: Node
    /// metadata: {name: cp-2, labels: {node-role.kubernetes.io/control-plane: ""}}
    /// status: {conditions: [{type: Ready, status: "True"}]}
    /// ---
    /// apiVersion: v1
    /// kind: Pod
    /// metadata:
    ///   name: etcd-cp-1  # finding: etcd-even-members
    ///   namespace: kube-system
    ///   labels: {component: etcd, tier: control-plane}
    ///   annotations: {kubernetes.io/config.mirror: a1}
    /// spec: {nodeName: cp-1, containers: [{name: etcd, image: registry.k8s.io/etcd:3.6.4-0}]}
    /// status: {phase: Running, conditions: [{type: Ready, status: "True"}]}
    /// ---
    /// apiVersion: v1
    /// kind: Pod
    /// metadata:
    ///   name: etcd-cp-2
    ///   namespace: kube-system
    ///   labels: {component: etcd, tier: control-plane}
    ///   annotations: {kubernetes.io/config.mirror: a2}
    /// spec: {nodeName: cp-2, containers: [{name: etcd, image: registry.k8s.io/etcd:3.6.4-0}]}
    /// status: {phase: Running, conditions: [{type: Ready, status: "True"}]}
    /// ```
    /// ```yaml passes
    /// # Of four members one is a learner of k3s: three vote.
    /// apiVersion: v1
    /// kind: Node
    /// metadata: {name: s-1, labels: {node-role.kubernetes.io/control-plane: "true", node-role.kubernetes.io/etcd: "true"}}
    /// status: {conditions: [{type: Ready, status: "True"}, {type: EtcdIsVoter, status: "True", reason: MemberNotLearner}]}
    /// ---
    /// apiVersion: v1
    /// kind: Node
    /// metadata: {name: s-2, labels: {node-role.kubernetes.io/control-plane: "true", node-role.kubernetes.io/etcd: "true"}}
    /// status: {conditions: [{type: Ready, status: "True"}, {type: EtcdIsVoter, status: "True", reason: MemberNotLearner}]}
    /// ---
    /// apiVersion: v1
    /// kind: Node
    /// metadata: {name: s-3, labels: {node-role.kubernetes.io/control-plane: "true", node-role.kubernetes.io/etcd: "true"}}
    /// status: {conditions: [{type: Ready, status: "True"}, {type: EtcdIsVoter, status: "True", reason: MemberNotLearner}]}
    /// ---
    /// apiVersion: v1
    /// kind: Node
    /// metadata: {name: s-4, labels: {node-role.kubernetes.io/control-plane: "true", node-role.kubernetes.io/etcd: "true"}}
    /// status: {conditions: [{type: Ready, status: "True"}, {type: EtcdIsVoter, status: "False", reason: MemberIsLearner}]}
    /// ```
    /// ```yaml passes
    /// # etcd runs elsewhere; the API server names its three addresses.
    /// apiVersion: v1
    /// kind: Node
    /// metadata: {name: cp-1, labels: {node-role.kubernetes.io/control-plane: ""}}
    /// status: {conditions: [{type: Ready, status: "True"}]}
    /// ---
    /// apiVersion: v1
    /// kind: Pod
    /// metadata:
    ///   name: kube-apiserver-cp-1
    ///   namespace: kube-system
    ///   labels: {component: kube-apiserver, tier: control-plane}
    ///   annotations: {kubernetes.io/config.mirror: a1}
    /// spec:
    ///   nodeName: cp-1
    ///   containers:
    ///   - name: kube-apiserver
    ///     image: registry.k8s.io/kube-apiserver:v1.34.1
    ///     command: [kube-apiserver, "--etcd-servers=https://10.0.9.1:2379,https://10.0.9.2:2379,https://10.0.9.3:2379"]
    /// status: {phase: Running, conditions: [{type: Ready, status: "True"}]}
    /// ```
    ///
    /// ## References
    /// - <https://etcd.io/docs/v3.5/faq/>
    /// - <https://etcd.io/docs/v3.5/learning/design-learner/>
    pub static ETCD_EVEN_MEMBERS: Rule = Rule {
        name: "etcd-even-members",
        area: Area::ControlPlane,
        severity: Severity::High,
        class: Class::C,
        needs: &[ResourceKind::Node, ResourceKind::Pod],
        since: "0.1.0",
        check,
    };
}

fn check(input: &Input, findings: &mut Findings) {
    let Some(etcd) = judged_etcd(input, &[Profile::ManagedControlPlane], findings) else {
        return;
    };
    let members = etcd.members.len();
    let is_even = members.is_multiple_of(2);
    if !is_even && members <= MOST_MEMBERS {
        return findings.pass(Snapshot::CLUSTER);
    }
    let voting = size(members);
    let finding = findings.fail(Snapshot::CLUSTER, format!("etcd has {members} voting members"));
    finding.related(etcd.members.iter().map(|member| member.object));
    for member in &etcd.members {
        if etcd.external {
            finding.evidence_of(
                member.object,
                "spec.containers[kube-apiserver].command",
                format!("--etcd-servers: {members}"),
            );
            break;
        }
        finding.evidence_of(member.object, "metadata.name", object_name(input.snapshot, member.object));
    }
    if is_even {
        let (losses, quorum) = (margin(voting), quorum(voting));
        finding.leads_to(format!("{quorum} must agree, so {losses} may fail: no more than of {}", voting - 1));
        finding.fix(format!("run {} or {} members", voting - 1, voting + 1));
    } else {
        finding.severity(Severity::Low);
        finding.leads_to("each write waits for more members than their losses are worth");
        finding.fix("run 5 members");
    }
    if is_being_replaced(input, &etcd) {
        finding.severity(Severity::Medium);
    }
}

/// Whether a member joined just now.
fn is_being_replaced(input: &Input, etcd: &Etcd) -> bool {
    let now = input.snapshot.source.taken_at;
    etcd.members.iter().any(|member| member.created_at.is_some_and(|at| (0..REPLACEMENT_SECONDS).contains(&(now - at))))
}
