//! What stands behind a Service.

use alloc::collections::BTreeSet;

use ha_sdk::arithmetic::replicas::{Replicas, effective_replicas};
use ha_sdk::finding::Missing;
use ha_sdk::labels::LabelSelector;
use ha_sdk::snapshot::{Endpoint, ResourceKind, Service, ServiceType, Snapshot};
use ha_sdk::text::Text;

/// Labels that controllers and operators put on pods while they run: no template shows them.
const RUNTIME_KEYS: &[&str] = &[
    "role",
    "spilo-role",
    "cnpg.io/instanceRole",
    "statefulset.kubernetes.io/pod-name",
    "apps.kubernetes.io/pod-index",
    "batch.kubernetes.io/job-name",
    "controller-revision-hash",
    "pod-template-hash",
    "rollouts-pod-template-hash",
];

/// The Service's selector; none when somebody else manages its endpoints.
pub(crate) fn managed_selector(service: &Service) -> Option<&LabelSelector> {
    let has_endpoints = service.service_type != ServiceType::ExternalName;
    service.selector.as_ref().filter(|selector| has_endpoints && !selector.is_empty())
}

/// The label of the selector that is put on pods at run time, such as the role of a database's primary.
pub(crate) fn runtime_key<'s>(snapshot: &'s Snapshot, selector: &LabelSelector) -> Option<&'s str> {
    let mut keys = selector.requirements.iter().map(|requirement| snapshot.text(requirement.key));
    keys.find(|key| RUNTIME_KEYS.contains(key))
}

/// What is missing before one may say that a Service selects nothing.
pub(crate) fn unread_pods(snapshot: &Snapshot, service: &Service) -> Option<Missing> {
    const KINDS: &[ResourceKind] = &[
        ResourceKind::Deployment,
        ResourceKind::StatefulSet,
        ResourceKind::DaemonSet,
        ResourceKind::ReplicaSet,
        ResourceKind::Pod,
    ];
    snapshot.first_missing(KINDS, service.namespace)
}

/// Why no endpoint is expected behind a Service that selects workloads; none when one is.
pub(crate) fn idle_reason(snapshot: &Snapshot, service: &Service) -> Option<&'static str> {
    let reason = |workload| match effective_replicas(snapshot, workload) {
        _ if !workload.serves_continuously() => Some("its pods run to an end"),
        Replicas::Off => Some("its workload is scaled to 0"),
        Replicas::Elastic { .. } => Some("the autoscaler of its workload scales to 0 by design"),
        Replicas::Range(_) | Replicas::Unknown(_) => None,
    };
    let mut last = None;
    for &id in &service.workloads {
        last = Some(reason(snapshot.workload(id))?);
    }
    last
}

/// How many pods the Service's workloads have at their floors; none when that is not known.
pub(crate) fn pods_at_floor(snapshot: &Snapshot, service: &Service) -> Option<u32> {
    service.workloads.iter().try_fold(0_u32, |sum, &id| match effective_replicas(snapshot, snapshot.workload(id)) {
        Replicas::Range(range) => Some(sum.saturating_add(range.floor)),
        Replicas::Off | Replicas::Elastic { .. } => Some(sum),
        Replicas::Unknown(_) => None,
    })
}

/// The ready endpoints, one per pod: a dual-stack Service lists each pod once per family.
pub(crate) fn ready_endpoints(service: &Service) -> impl Iterator<Item = &Endpoint> {
    let mut seen = BTreeSet::new();
    let ready = service.endpoints.iter().filter(|endpoint| endpoint.ready && !endpoint.terminating);
    ready.filter(move |endpoint| match endpoint.pod {
        Some(pod) => seen.insert((Some(pod), Text::default())),
        None => seen.insert((None, endpoint.address)),
    })
}
