//! Cluster DNS.

use crate::snapshot::{Service, Snapshot};

/// Where the Service of the cluster's DNS lives.
const NAMESPACES: &[&str] = &["kube-system", "openshift-dns"];

/// Its names, the usual one first: upstream, OpenShift, RKE2.
const NAMES: &[&str] = &["kube-dns", "dns-default", "rke2-coredns-rke2-coredns", "coredns"];

/// The Service of cluster DNS: of those that answer on port 53, the best known name, then the usual label.
pub fn service(snapshot: &Snapshot) -> Option<&Service> {
    let rank = |service: &&Service| {
        let object = snapshot.object(service.object);
        let by_name = NAMES.iter().position(|&name| name == snapshot.text(object.name));
        let label = snapshot.labels(object.labels).get_named(&snapshot.texts, "k8s-app");
        by_name.or_else(|| (label == Some("kube-dns")).then_some(NAMES.len()))
    };
    let answers = |service: &&Service| {
        NAMESPACES.contains(&snapshot.text(service.namespace)) && service.ports.iter().any(|port| port.port == 53)
    };
    let services = snapshot.services.iter().filter(answers);
    services
        .filter_map(|service| Some((rank(&service)?, service)))
        .min_by_key(|(rank, _)| *rank)
        .map(|(_, service)| service)
}
