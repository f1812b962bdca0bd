//! Which Services have clients that notice when a pod is missing.

use ha_sdk::snapshot::{PortReference, Service, ServiceType, Snapshot, Workload};
use ha_sdk::text::Text;

/// The Services through which a workload serves clients: not aliases, and not those that only lead a scraper to
/// metrics.
pub(crate) fn client_services<'s>(snapshot: &'s Snapshot, workload: &Workload) -> impl Iterator<Item = &'s Service> {
    let services = workload.services.iter().map(|&id| snapshot.service(id));
    services.filter(|service| service.service_type != ServiceType::ExternalName && !is_for_metrics(snapshot, service))
}

/// Whether every port of a Service is named after metrics, as monitoring tools expect it.
fn is_for_metrics(snapshot: &Snapshot, service: &Service) -> bool {
    let says_so = |name: Text| snapshot.text(name).contains("metrics");
    let mut ports = service.ports.iter();
    let all = ports.all(|port| says_so(port.name) || matches!(port.target, PortReference::Name(name) if says_so(name)));
    all && !service.ports.is_empty()
}
