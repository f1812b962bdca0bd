//! Controllers that other workloads need to come back: those of storage drivers and the autoscalers of nodes and pods,
//! told by their images.

use super::traffic::image_path;
use crate::snapshot::{Container, Snapshot, Workload, WorkloadKind};

/// What a controller does for the cluster.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Controller {
    /// Makes and attaches volumes: the sidecars `csi-provisioner` and `csi-attacher`.
    Storage,
    /// Adds nodes.
    NodeAutoscaler,
    /// Adds pods.
    PodAutoscaler,
}

impl Controller {
    /// What does not happen while it is down.
    pub const fn while_down(self) -> &'static str {
        match self {
            Self::Storage => "no volume is made, attached or detached",
            Self::NodeAutoscaler => "no node is added",
            Self::PodAutoscaler => "no pod is added under load",
        }
    }
}

/// The ends of images' paths, without tag.
const IMAGES: &[(&str, Controller)] = &[
    ("csi-provisioner", Controller::Storage),
    ("csi-attacher", Controller::Storage),
    ("csi-external-provisioner", Controller::Storage),
    ("csi-external-attacher", Controller::Storage),
    ("cluster-autoscaler", Controller::NodeAutoscaler),
    ("karpenter/controller", Controller::NodeAutoscaler),
    ("karpenter", Controller::NodeAutoscaler),
    ("keda", Controller::PodAutoscaler),
    ("kedacore/keda", Controller::PodAutoscaler),
    ("metrics-server/metrics-server", Controller::PodAutoscaler),
    ("metrics-server", Controller::PodAutoscaler),
];

/// The controller that a workload is; none for any other workload. A DaemonSet is a driver's part on each node.
pub fn controller(snapshot: &Snapshot, workload: &Workload) -> Option<Controller> {
    if workload.kind == WorkloadKind::DaemonSet || !workload.serves_continuously() {
        return None;
    }
    let known = |container: &Container| {
        let path = image_path(snapshot.text(container.image));
        IMAGES.iter().find(|(end, _)| ends_with(path, end)).map(|&(_, controller)| controller)
    };
    snapshot.spec_of(workload).containers.iter().filter_map(known).min()
}

/// Whether the last parts of a path are those of `end`.
fn ends_with(path: &str, end: &str) -> bool {
    path.strip_suffix(end).is_some_and(|rest| rest.is_empty() || rest.ends_with('/'))
}

#[cfg(test)]
mod tests {
    use super::ends_with;

    #[test]
    fn an_image_is_known_by_its_last_whole_parts() {
        let cases = [
            ("registry.k8s.io/sig-storage/csi-provisioner", "csi-provisioner", true),
            ("csi-attacher", "csi-attacher", true),
            ("example.com/my-cluster-autoscaler", "cluster-autoscaler", false),
            ("public.ecr.aws/karpenter/controller", "karpenter/controller", true),
            ("example.com/controller", "karpenter/controller", false),
        ];
        for (path, end, expected) in cases {
            assert_eq!(ends_with(path, end), expected, "{path} {end}");
        }
    }
}
