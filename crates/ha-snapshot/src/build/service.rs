//! Services and the ways in.

use alloc::vec::Vec;

use ha_core::labels::LabelSelector;
use ha_core::snapshot::{
    Endpoint, ObjectId, Service, ServicePort, ServiceReference, ServiceType, TrafficClass, TrafficEntry,
};
use ha_core::text::Text;

use super::Builder;
use super::join::Lookup;
use super::spec::same_port;
use crate::objects::{self as slim, DEFAULT_INGRESS_CLASS_ANNOTATION, INGRESS_CLASS_ANNOTATION};

impl Builder {
    pub(super) fn service(&mut self, id: ObjectId, service: &slim::Service) -> Service {
        let spec = &service.spec;
        let service_type = match spec.r#type.as_str() {
            "NodePort" => ServiceType::NodePort,
            "LoadBalancer" => ServiceType::LoadBalancer,
            "ExternalName" => ServiceType::ExternalName,
            _ => ServiceType::ClusterIp,
        };
        // An empty selector and none are the same: nobody manages the endpoints.
        let selector = spec.selector.as_ref().filter(|labels| !labels.0.is_empty());
        let selector: Option<LabelSelector> = selector.map(|labels| self.exact(&labels.0));
        Service {
            object: id,
            namespace: self.objects[id.position()].namespace,
            service_type,
            headless: spec.cluster_ip == "None",
            selector: selector.filter(|_| service_type != ServiceType::ExternalName),
            ports: spec.ports.iter().map(|port| self.service_port(port)).collect(),
            external_traffic_local: spec.external_traffic_policy == "Local",
            internal_traffic_local: spec.internal_traffic_policy == "Local",
            traffic_distribution: self.text(&spec.traffic_distribution),
            publishes_unready: spec.publish_not_ready_addresses,
            client_affinity: spec.session_affinity == "ClientIP",
            endpoints: Vec::new(),
            endpoint_slices: 0,
            workloads: Vec::new(),
        }
    }

    /// A target of 0 or "" is none, and none is the port itself (`SetDefaults_Service` in
    /// `pkg/apis/core/v1/defaults.go`).
    fn service_port(&mut self, port: &slim::ServicePort) -> ServicePort {
        let is_set = |target: &&slim::IntOrString| match target {
            slim::IntOrString::Int(number) => *number != 0,
            slim::IntOrString::String(name) => !name.is_empty(),
        };
        ServicePort {
            name: self.text(&port.name),
            port: port.port,
            target: port
                .target_port
                .as_ref()
                .filter(is_set)
                .map_or_else(|| same_port(port.port), |target| self.port_reference(target)),
            protocol: self.text(if port.protocol.is_empty() { "TCP" } else { &port.protocol }),
        }
    }

    pub(super) fn endpoints(&mut self, slice: &slim::EndpointSlice, lookup: &Lookup) -> Vec<Endpoint> {
        let mut endpoints = Vec::new();
        for endpoint in &slice.endpoints {
            let ready = endpoint.conditions.ready.unwrap_or(true);
            let pod = endpoint.target_ref.as_ref().filter(|target| target.kind == "Pod").and_then(|target| {
                let namespace = if target.namespace.is_empty() { &slice.metadata.namespace } else { &target.namespace };
                let key = (self.texts.intern(namespace), self.texts.intern(&target.name));
                lookup.pods.get(&key).copied()
            });
            let node_name = self.texts.intern(&endpoint.node_name);
            for address in &endpoint.addresses {
                endpoints.push(Endpoint {
                    address: self.texts.intern(address),
                    ready,
                    serving: endpoint.conditions.serving.unwrap_or(ready),
                    terminating: endpoint.conditions.terminating,
                    pod,
                    node: lookup.nodes.get(&node_name).copied(),
                    zone: self.texts.intern(&endpoint.zone),
                });
            }
        }
        endpoints
    }

    pub(super) fn ingress_class(&mut self, id: ObjectId, class: &slim::IngressClass) -> TrafficClass {
        TrafficClass {
            object: id,
            name: self.objects[id.position()].name,
            controller: self.text(&class.spec.controller),
            is_default: class.metadata.annotations.get(DEFAULT_INGRESS_CLASS_ANNOTATION) == Some("true"),
        }
    }

    pub(super) fn gateway_class(&mut self, id: ObjectId, class: &slim::GatewayClass) -> TrafficClass {
        TrafficClass {
            object: id,
            name: self.objects[id.position()].name,
            controller: self.text(&class.spec.controller_name),
            is_default: false,
        }
    }

    pub(super) fn ingress(&mut self, id: ObjectId, ingress: &slim::Ingress, lookup: &Lookup) -> TrafficEntry {
        let namespace = self.objects[id.position()].namespace;
        let class = if ingress.spec.ingress_class_name.is_empty() {
            ingress.metadata.annotations.get(INGRESS_CLASS_ANNOTATION).unwrap_or("")
        } else {
            &ingress.spec.ingress_class_name
        };
        let class = self.texts.intern(class);
        let paths = ingress.spec.rules.iter().flat_map(|rule| &rule.http.paths).map(|path| &path.backend);
        let backends = ingress.spec.default_backend.iter().chain(paths).filter_map(|backend| backend.service.as_ref());
        let backends = backends.map(|service| self.service_reference(namespace, &service.name, lookup)).collect();
        TrafficEntry { object: id, namespace, class, backends }
    }

    /// A Gateway with the backends of the routes attached to it.
    pub(super) fn gateway(
        &mut self,
        id: ObjectId,
        gateway: &slim::Gateway,
        routes: &[slim::HttpRoute],
        lookup: &Lookup,
    ) -> TrafficEntry {
        let namespace = self.objects[id.position()].namespace;
        let mut backends = Vec::new();
        for route in routes {
            let attached = route.spec.parent_refs.iter().any(|parent| {
                let parent_namespace =
                    if parent.namespace.is_empty() { &route.metadata.namespace } else { &parent.namespace };
                parent.name == gateway.metadata.name && *parent_namespace == gateway.metadata.namespace
            });
            if !attached {
                continue;
            }
            for backend in route.spec.rules.iter().flat_map(|rule| &rule.backend_refs) {
                if backend.kind.is_empty() || backend.kind == "Service" {
                    let owner =
                        if backend.namespace.is_empty() { &route.metadata.namespace } else { &backend.namespace };
                    let owner = self.texts.intern(owner);
                    backends.push(self.service_reference(owner, &backend.name, lookup));
                }
            }
        }
        let class = self.text(&gateway.spec.gateway_class_name);
        TrafficEntry { object: id, namespace, class, backends }
    }

    pub(super) fn service_reference(&mut self, namespace: Text, name: &str, lookup: &Lookup) -> ServiceReference {
        let name = self.texts.intern(name);
        ServiceReference { namespace, name, service: lookup.services.get(&(namespace, name)).copied() }
    }
}
