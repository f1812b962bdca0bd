//! Services, their endpoints, and the ways in from outside.

use alloc::vec::Vec;

use super::node::NodeId;
use super::object::ObjectId;
use super::pod::{PodId, PortReference};
use super::workload::WorkloadId;
use crate::labels::LabelSelector;
use crate::text::Text;
use crate::wire::{index, record, word};

index! {
    /// A Service in [`Snapshot::services`](crate::Snapshot::services).
    ServiceId,
}

word! {
    /// `spec.type`.
    pub enum ServiceType {
        /// Reachable inside the cluster.
        ClusterIp = "cluster-ip",
        /// Reachable on every node.
        NodePort = "node-port",
        /// Reachable through a load balancer.
        LoadBalancer = "load-balancer",
        /// A DNS alias.
        ExternalName = "external-name",
    }
}

record! {
    /// A port of a Service.
    pub struct ServicePort {
        /// Its name; may be empty.
        pub name: Text,
        /// The number.
        pub port: u32,
        /// The pods' port.
        pub target: PortReference,
        /// `TCP`, `UDP` or `SCTP`.
        pub protocol: Text,
    }
}

record! {
    /// One address of an EndpointSlice.
    pub struct Endpoint {
        /// The address.
        pub address: Text,
        /// `conditions.ready`; unset means ready.
        pub ready: bool,
        /// `conditions.serving`.
        pub serving: bool,
        /// `conditions.terminating`.
        pub terminating: bool,
        /// The pod behind it, when it names one that was read.
        pub pod: Option<PodId>,
        /// The node, when it names one that was read.
        pub node: Option<NodeId>,
        /// The zone that the slice states; empty without.
        pub zone: Text,
    }
}

record! {
    /// A Service.
    pub struct Service {
        /// Its identity.
        pub object: ObjectId,
        /// Its namespace.
        pub namespace: Text,
        /// Its type.
        pub service_type as "service-type": ServiceType,
        /// `clusterIP: None`.
        pub headless: bool,
        /// Which pods; none means that somebody else manages its endpoints.
        pub selector: Option<LabelSelector>,
        /// Its ports.
        pub ports: Vec<ServicePort>,
        /// `externalTrafficPolicy: Local`.
        pub external_traffic_local as "external-traffic-local": bool,
        /// `internalTrafficPolicy: Local`.
        pub internal_traffic_local as "internal-traffic-local": bool,
        /// `trafficDistribution`; empty when unset.
        pub traffic_distribution as "traffic-distribution": Text,
        /// `publishNotReadyAddresses`.
        pub publishes_unready as "publishes-unready": bool,
        /// `sessionAffinity: ClientIP`.
        pub client_affinity as "client-affinity": bool,
        /// All addresses of its EndpointSlices.
        pub endpoints: Vec<Endpoint>,
        /// How many EndpointSlices it has; none at all means that no controller has looked at it yet.
        pub endpoint_slices as "endpoint-slices": u32,
        /// Workloads whose pod template or one of whose pods it selects.
        pub workloads: Vec<WorkloadId>,
    }
}

record! {
    /// An IngressClass or a GatewayClass.
    pub struct TrafficClass {
        /// Its identity.
        pub object: ObjectId,
        /// Its name.
        pub name: Text,
        /// `spec.controller` or `spec.controllerName`.
        pub controller: Text,
        /// Marked as the default class.
        pub is_default as "is-default": bool,
    }
}

record! {
    /// An Ingress or a Gateway.
    pub struct TrafficEntry {
        /// Its identity.
        pub object: ObjectId,
        /// Its namespace.
        pub namespace: Text,
        /// The class's name; empty for the default one.
        pub class: Text,
        /// Services it leads to.
        pub backends: Vec<ServiceReference>,
    }
}

record! {
    /// A Service named by another object.
    #[derive(Copy)]
    pub struct ServiceReference {
        /// Its namespace.
        pub namespace: Text,
        /// Its name.
        pub name: Text,
        /// The Service, when it was read.
        pub service: Option<ServiceId>,
    }
}
