//! The parts of the control plane, in the ways in which distributions show them: labelled nodes, static pods, flags
//! and node conditions.

use alloc::vec::Vec;

use crate::snapshot::{Container, Node, NodeId, ObjectId, Pod, Readiness, Snapshot, Timestamp, Workload, WorkloadKind};
use crate::text::Text;

/// Namespaces in which a control plane's own pods run.
const NAMESPACES: &[&str] = &[
    "kube-system",
    "openshift-etcd",
    "openshift-kube-apiserver",
    "openshift-kube-controller-manager",
    "openshift-kube-scheduler",
];

/// Labels that name a component: kubeadm and RKE2, Talos and kops, OpenShift.
const COMPONENT_LABELS: &[&str] = &["component", "k8s-app", "app"];

/// A component of the control plane that runs as pods.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Component {
    /// kube-apiserver.
    ApiServer,
    /// kube-scheduler.
    Scheduler,
    /// kube-controller-manager.
    ControllerManager,
    /// etcd, for the cluster's own state.
    Etcd,
}

impl Component {
    /// Its name, which is also that of its lease.
    pub const fn name(self) -> &'static str {
        match self {
            Self::ApiServer => "kube-apiserver",
            Self::Scheduler => "kube-scheduler",
            Self::ControllerManager => "kube-controller-manager",
            Self::Etcd => "etcd",
        }
    }

    fn is_named(self, name: &str) -> bool {
        // kops runs a second etcd for events, whose loss is no outage.
        let known = if self == Self::Etcd { "etcd-manager-main" } else { self.name() };
        name == self.name() || name == known || name.strip_prefix("openshift-") == Some(self.name())
    }
}

/// The namespaces of the control plane that the snapshot knows.
pub fn namespaces(snapshot: &Snapshot) -> Vec<Text> {
    let names = snapshot.namespaces.iter().map(|namespace| namespace.name);
    names.filter(|&name| NAMESPACES.contains(&snapshot.text(name))).collect()
}

/// `kube-system`; the empty text, which stands for every namespace, where nothing names it.
pub fn kube_system(snapshot: &Snapshot) -> Text {
    let mut names = snapshot.namespaces.iter().map(|namespace| namespace.name);
    names.find(|&name| snapshot.text(name) == "kube-system").unwrap_or_default()
}

/// The pods of a component that exist, those being deleted left out.
pub fn component_pods(snapshot: &Snapshot, component: Component) -> Vec<&Pod> {
    let namespaces = namespaces(snapshot);
    let may_run = |workload: &&Workload| {
        // An etcd under another controller is somebody's application.
        let is_static = matches!(workload.kind, WorkloadKind::StaticPod | WorkloadKind::BarePod);
        namespaces.contains(&workload.namespace) && (is_static || component != Component::Etcd)
    };
    let workloads = snapshot.workloads.iter().filter(may_run);
    workloads
        .flat_map(|workload| snapshot.pods_of(workload))
        .filter(|pod| pod.deleted_at.is_none() && component.is_named(component_name(snapshot, pod)))
        .collect()
}

/// What a pod of the control plane says it is: by label, else by the name that the kubelet gave a static pod.
fn component_name<'s>(snapshot: &'s Snapshot, pod: &Pod) -> &'s str {
    let labels = snapshot.labels(pod.labels);
    let labelled = COMPONENT_LABELS.iter().find_map(|key| labels.get_named(&snapshot.texts, key));
    labelled.unwrap_or_else(|| {
        let name = snapshot.text(snapshot.object(pod.object).name);
        let manifest = name.strip_suffix(snapshot.text(pod.node_name));
        manifest.and_then(|name| name.strip_suffix('-')).unwrap_or(name)
    })
}

/// The value of a command line flag that rules read, on any container of the pod.
pub fn flag<'s>(snapshot: &'s Snapshot, pod: &Pod, name: &str) -> Option<&'s str> {
    let mut containers = snapshot.pod_spec(pod.spec).containers.iter();
    containers.find_map(|container| container_flag(snapshot, container, name))
}

/// The value of a command line flag of one container.
pub fn container_flag<'s>(snapshot: &'s Snapshot, container: &Container, name: &str) -> Option<&'s str> {
    let found = container.flags.iter().find(|flag| snapshot.text(flag.key) == name);
    found.map(|flag| snapshot.text(flag.value))
}

/// The nodes that run the control plane: those with its role label, and those that run an API server.
pub fn control_plane_nodes(snapshot: &Snapshot) -> Vec<&Node> {
    let servers = component_pods(snapshot, Component::ApiServer);
    let nodes = snapshot.nodes_by_id();
    nodes
        .filter(|(id, node)| node.control_plane || servers.iter().any(|pod| pod.node == Some(*id)))
        .map(|(_, node)| node)
        .collect()
}

/// A voting member of etcd.
#[derive(Clone, Debug)]
pub struct EtcdMember {
    /// What shows it: its pod, its node, or the API server that names its address.
    pub object: ObjectId,
    /// The node it runs on, when that is known.
    pub node: Option<NodeId>,
    /// Whether it is healthy; none when nothing tells.
    pub healthy: Option<bool>,
    /// When the API server learned of it.
    pub created_at: Option<Timestamp>,
}

/// The voting members of etcd, and how they were seen.
#[derive(Clone, Debug)]
pub struct Etcd {
    /// Each voting member once.
    pub members: Vec<EtcdMember>,
    /// Whether only the addresses in the API servers' flags are known.
    pub external: bool,
}

/// The voting members of etcd as pods, as nodes with that role, or as addresses, whichever is there first.
pub fn etcd(snapshot: &Snapshot) -> Option<Etcd> {
    let visible = |members: Vec<EtcdMember>| (!members.is_empty()).then_some(Etcd { members, external: false });
    visible(members_by_pod(snapshot))
        .or_else(|| visible(members_by_node(snapshot)))
        .or_else(|| external_members(snapshot).map(|members| Etcd { members, external: true }))
}

fn members_by_pod(snapshot: &Snapshot) -> Vec<EtcdMember> {
    let pods = component_pods(snapshot, Component::Etcd).into_iter();
    let votes = |pod: &&Pod| pod.node.is_none_or(|id| vote(snapshot, snapshot.node(id)) != Some(Vote::Learner));
    let member = |pod: &Pod| EtcdMember {
        object: pod.object,
        node: pod.node,
        healthy: Some(pod.is_healthy() && pod.node.is_none_or(|id| snapshot.node(id).readiness == Readiness::Ready)),
        created_at: snapshot.object(pod.object).created_at,
    };
    pods.filter(votes).map(member).collect()
}

fn members_by_node(snapshot: &Snapshot) -> Vec<EtcdMember> {
    let member = |(id, node): (NodeId, &Node)| {
        let vote = vote(snapshot, node)?;
        let healthy = match vote {
            Vote::Learner => return None,
            _ if node.readiness != Readiness::Ready => Some(false),
            Vote::Voter => Some(true),
            Vote::Unhealthy => Some(false),
            Vote::Unsaid => None,
        };
        let created_at = snapshot.object(node.object).created_at;
        Some(EtcdMember { object: node.object, node: Some(id), healthy, created_at })
    };
    snapshot.nodes_by_id().filter_map(member).collect()
}

/// What a node of k3s and RKE2 says about its member of etcd.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Vote {
    Voter,
    Learner,
    Unhealthy,
    /// It has the role, and no condition.
    Unsaid,
}

/// The node's condition `EtcdIsVoter`, else its role label; none when it has neither.
fn vote(snapshot: &Snapshot, node: &Node) -> Option<Vote> {
    let condition = node.conditions.iter().find(|condition| snapshot.text(condition.name) == "EtcdIsVoter");
    match condition {
        Some(condition) if snapshot.text(condition.status) == "True" => Some(Vote::Voter),
        Some(condition) if snapshot.text(condition.reason) == "MemberIsLearner" => Some(Vote::Learner),
        Some(_) => Some(Vote::Unhealthy),
        None => {
            let role = snapshot.labels(node.labels).get_named(&snapshot.texts, "node-role.kubernetes.io/etcd");
            role.map(|_| Vote::Unsaid)
        }
    }
}

/// The members that an API server's `--etcd-servers` lists. None when that names the server's own host only, or one
/// host name, which may stand for any number of members.
fn external_members(snapshot: &Snapshot) -> Option<Vec<EtcdMember>> {
    let servers = component_pods(snapshot, Component::ApiServer);
    let listed = servers.iter().filter_map(|pod| Some((pod, flag(snapshot, pod, "etcd-servers")?)));
    let (pod, addresses) = listed.max_by_key(|(_, addresses)| addresses.split(',').count())?;
    let hosts: Vec<&str> = addresses.split(',').map(host).filter(|host| !host.is_empty()).collect();
    let local = |host: &&str| host.starts_with("127.") || ["localhost", "::1"].contains(host);
    let is_name = |host: &str| host.parse::<core::net::IpAddr>().is_err();
    if hosts.iter().any(local) || matches!(hosts[..], [] | [_]) && hosts.iter().any(|host| is_name(host)) {
        return None;
    }
    let node_at = |host: &str| {
        let has = |node: &Node| node.internal_addresses.iter().any(|&address| snapshot.text(address) == host);
        snapshot.nodes_by_id().find(|(_, node)| has(node)).map(|(id, _)| id)
    };
    let member = |host: &str| EtcdMember { object: pod.object, node: node_at(host), healthy: None, created_at: None };
    (!hosts.is_empty()).then(|| hosts.into_iter().map(member).collect())
}

/// The host of `https://10.0.0.1:2379` or `https://[fd00::1]:2379`.
fn host(url: &str) -> &str {
    let authority = url.trim().split("://").last().unwrap_or_default();
    match authority.strip_prefix('[') {
        Some(address) => address.split(']').next().unwrap_or_default(),
        None => authority.split([':', '/']).next().unwrap_or_default(),
    }
}

#[cfg(test)]
mod tests {
    use super::host;

    #[test]
    fn the_host_of_an_etcd_url() {
        let cases = [
            ("https://10.0.0.1:2379", "10.0.0.1"),
            ("https://[fd00::1]:2379", "fd00::1"),
            ("http://etcd.internal", "etcd.internal"),
            (" https://127.0.0.1:2379/", "127.0.0.1"),
            ("", ""),
        ];
        for (url, expected) in cases {
            assert_eq!(host(url), expected, "{url}");
        }
    }
}
