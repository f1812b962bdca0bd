//! What is read from a cluster: one table, which also decides the least ClusterRole.
//!
//! Secrets are not in it and must never be. ConfigMaps are read by name, or by the label that Prometheus' rule files
//! bear, and reduced to facts (`facts`).

use ha_core::snapshot::ResourceKind as Kind;

/// A kind that is listed, and how the API server calls it.
#[derive(Clone, Copy, Debug)]
pub struct ListedKind {
    /// The kind.
    pub kind: Kind,
    /// The plural name in URLs and in RBAC.
    pub resource: &'static str,
    /// The versions that the snapshot understands, the best first.
    pub versions: &'static [&'static str],
    /// Where its objects live.
    pub scope: Scope,
    /// Whether `-l` narrows it: pods and what creates them.
    pub selected_by_labels: bool,
}

/// Where the objects of a kind live.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scope {
    /// In the cluster as a whole.
    Cluster,
    /// In namespaces.
    Namespaced,
}

/// One ConfigMap that is read by name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NamedConfigMap {
    /// Its namespace.
    pub namespace: &'static str,
    /// Its name.
    pub name: &'static str,
}

impl ListedKind {
    const fn cluster(kind: Kind, resource: &'static str, versions: &'static [&'static str]) -> Self {
        Self { kind, resource, versions, scope: Scope::Cluster, selected_by_labels: false }
    }

    const fn namespaced(kind: Kind, resource: &'static str, versions: &'static [&'static str]) -> Self {
        Self { scope: Scope::Namespaced, ..Self::cluster(kind, resource, versions) }
    }

    const fn workload(kind: Kind, resource: &'static str) -> Self {
        Self { selected_by_labels: true, ..Self::namespaced(kind, resource, V1) }
    }

    /// The API group; empty for the core group.
    pub const fn group(&self) -> &'static str {
        self.kind.group_kind().0
    }

    /// Group and version as objects write them, such as `apps/v1`.
    pub fn api_version(&self, version: &str) -> String {
        match self.group() {
            "" => version.to_owned(),
            group => format!("{group}/{version}"),
        }
    }

    /// Group and resource as RBAC messages write them, such as `deployments.apps`.
    pub fn qualified(&self) -> String {
        match self.group() {
            "" => self.resource.to_owned(),
            group => format!("{}.{group}", self.resource),
        }
    }
}

const V1: &[&str] = &["v1"];
const GATEWAY: &[&str] = &["v1", "v1beta1"];

/// Every kind that is listed. The largest come first, so that the last to be started
/// are short.
pub const LISTED: &[ListedKind] = &[
    ListedKind::workload(Kind::Pod, "pods"),
    ListedKind::workload(Kind::ReplicaSet, "replicasets"),
    ListedKind::namespaced(Kind::EndpointSlice, "endpointslices", V1),
    ListedKind::cluster(Kind::Node, "nodes", V1),
    ListedKind::workload(Kind::Deployment, "deployments"),
    ListedKind::cluster(Kind::CustomResourceDefinition, "customresourcedefinitions", V1),
    ListedKind::namespaced(Kind::Service, "services", V1),
    ListedKind::workload(Kind::Job, "jobs"),
    ListedKind::namespaced(Kind::Lease, "leases", V1),
    ListedKind::workload(Kind::StatefulSet, "statefulsets"),
    ListedKind::workload(Kind::DaemonSet, "daemonsets"),
    ListedKind::workload(Kind::CronJob, "cronjobs"),
    ListedKind::workload(Kind::ReplicationController, "replicationcontrollers"),
    ListedKind::namespaced(Kind::PodDisruptionBudget, "poddisruptionbudgets", V1),
    ListedKind::namespaced(Kind::HorizontalPodAutoscaler, "horizontalpodautoscalers", &["v2"]),
    ListedKind::namespaced(Kind::ScaledObject, "scaledobjects", &["v1alpha1"]),
    ListedKind::namespaced(Kind::Ingress, "ingresses", V1),
    ListedKind::cluster(Kind::IngressClass, "ingressclasses", V1),
    ListedKind::cluster(Kind::GatewayClass, "gatewayclasses", GATEWAY),
    ListedKind::namespaced(Kind::Gateway, "gateways", GATEWAY),
    ListedKind::namespaced(Kind::HttpRoute, "httproutes", GATEWAY),
    ListedKind::cluster(Kind::PersistentVolume, "persistentvolumes", V1),
    ListedKind::namespaced(Kind::PersistentVolumeClaim, "persistentvolumeclaims", V1),
    ListedKind::cluster(Kind::StorageClass, "storageclasses", V1),
    ListedKind::cluster(Kind::CsiNode, "csinodes", V1),
    ListedKind::cluster(Kind::CsiDriver, "csidrivers", V1),
    ListedKind::cluster(Kind::VolumeAttachment, "volumeattachments", V1),
    ListedKind::cluster(Kind::PriorityClass, "priorityclasses", V1),
    ListedKind::cluster(Kind::ValidatingWebhookConfiguration, "validatingwebhookconfigurations", V1),
    ListedKind::cluster(Kind::MutatingWebhookConfiguration, "mutatingwebhookconfigurations", V1),
    ListedKind::cluster(Kind::ApiService, "apiservices", V1),
    ListedKind::namespaced(Kind::LimitRange, "limitranges", V1),
    ListedKind::namespaced(Kind::ResourceQuota, "resourcequotas", V1),
    ListedKind::namespaced(Kind::BackupSchedule, "schedules", V1),
    ListedKind::namespaced(Kind::Backup, "backups", V1),
    ListedKind::namespaced(Kind::BackupStorageLocation, "backupstoragelocations", V1),
];

/// Namespaces are listed before everything else: the fallback of the others needs them.
pub const NAMESPACES: ListedKind = ListedKind::cluster(Kind::Namespace, "namespaces", V1);

/// The ConfigMaps that are read, each by name, to be reduced to facts.
pub const CONFIG_MAPS: &[NamedConfigMap] = &[
    NamedConfigMap { namespace: "kube-system", name: "coredns" },
    NamedConfigMap { namespace: "kube-system", name: "kubeadm-config" },
    NamedConfigMap { namespace: "kube-public", name: "cluster-info" },
    NamedConfigMap { namespace: "kube-system", name: "cluster-autoscaler-status" },
];

/// The labels of the ConfigMaps in which Prometheus finds its rules: those that its operator makes, now and formerly,
/// and those of its Helm chart. <https://github.com/prometheus-operator/prometheus-operator>,
/// <https://github.com/prometheus-community/helm-charts>
pub const RULE_FILES: &[&str] =
    &["managed-by=prometheus-operator", "role=alert-rules", "app.kubernetes.io/name=prometheus"];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_kind_is_read_exactly_once() {
        let mut kinds: Vec<Kind> = LISTED.iter().map(|listed| listed.kind).collect();
        kinds.extend([NAMESPACES.kind, Kind::ConfigMap]);
        kinds.sort_unstable();
        let mut all = Kind::ALL.to_vec();
        all.sort_unstable();
        assert_eq!(kinds, all);
    }

    #[test]
    fn secrets_and_config_maps_are_not_listed() {
        for listed in LISTED {
            assert!(!["secrets", "configmaps"].contains(&listed.resource));
        }
    }
}
