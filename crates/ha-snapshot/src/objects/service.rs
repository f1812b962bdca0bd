//! Services, endpoints and the ways in.

use alloc::vec::Vec;

use super::{IntOrString, Metadata, Str, StringMap, slim};

slim! {
    /// `v1` Service.
    pub struct Service {
        /// Metadata.
        pub metadata: Metadata,
        /// Specification.
        pub spec: ServiceSpec,
    }
}

slim! {
    /// `spec` of a Service.
    pub struct ServiceSpec {
        /// Type.
        pub r#type: Str,
        /// Address; `None` for a headless one.
        #[serde(rename = "clusterIP")]
        pub cluster_ip: Str,
        /// Which pods.
        pub selector: Option<StringMap>,
        /// Ports.
        pub ports: Vec<ServicePort>,
        /// `Local` or `Cluster`.
        pub external_traffic_policy: Str,
        /// `Local` or `Cluster`.
        pub internal_traffic_policy: Str,
        /// Nearby routing.
        pub traffic_distribution: Str,
        /// Publishes pods that are not ready.
        pub publish_not_ready_addresses: bool,
        /// `ClientIP` or `None`.
        pub session_affinity: Str,
    }
}

slim! {
    /// A port of a Service.
    pub struct ServicePort {
        /// Name.
        pub name: Str,
        /// Number.
        pub port: u32,
        /// The pods' port.
        pub target_port: Option<IntOrString>,
        /// Protocol.
        pub protocol: Str,
    }
}

slim! {
    /// `discovery.k8s.io/v1` EndpointSlice.
    pub struct EndpointSlice {
        /// Metadata.
        pub metadata: Metadata,
        /// Addresses.
        pub endpoints: Vec<Endpoint>,
    }
}

slim! {
    /// An address of an EndpointSlice.
    pub struct Endpoint {
        /// Addresses; all of the same pod.
        pub addresses: Vec<Str>,
        /// State.
        pub conditions: EndpointConditions,
        /// The pod.
        pub target_ref: Option<TargetReference>,
        /// The node.
        pub node_name: Str,
        /// The zone.
        pub zone: Str,
    }
}

slim! {
    /// The state of an endpoint.
    pub struct EndpointConditions {
        /// Ready; unset means yes.
        pub ready: Option<bool>,
        /// Serving; unset means as ready.
        pub serving: Option<bool>,
        /// Terminating.
        pub terminating: bool,
    }
}

slim! {
    /// What an endpoint stands for.
    pub struct TargetReference {
        /// Kind.
        pub kind: Str,
        /// Namespace.
        pub namespace: Str,
        /// Name.
        pub name: Str,
    }
}

slim! {
    /// `networking.k8s.io/v1` IngressClass.
    pub struct IngressClass {
        /// Metadata.
        pub metadata: Metadata,
        /// Specification.
        pub spec: IngressClassSpec,
    }
}

slim! {
    /// `spec` of an IngressClass.
    pub struct IngressClassSpec {
        /// Controller.
        pub controller: Str,
    }
}

slim! {
    /// `networking.k8s.io/v1` Ingress.
    pub struct Ingress {
        /// Metadata.
        pub metadata: Metadata,
        /// Specification.
        pub spec: IngressSpec,
    }
}

slim! {
    /// `spec` of an Ingress.
    pub struct IngressSpec {
        /// Class.
        pub ingress_class_name: Str,
        /// Where everything else goes.
        pub default_backend: Option<IngressBackend>,
        /// Rules.
        pub rules: Vec<IngressRule>,
    }
}

slim! {
    /// A rule of an Ingress.
    pub struct IngressRule {
        /// HTTP paths.
        pub http: IngressPaths,
    }
}

slim! {
    /// The paths of a rule.
    pub struct IngressPaths {
        /// Paths.
        pub paths: Vec<IngressPath>,
    }
}

slim! {
    /// A path of a rule.
    pub struct IngressPath {
        /// Where it leads.
        pub backend: IngressBackend,
    }
}

slim! {
    /// Where an Ingress leads.
    pub struct IngressBackend {
        /// The Service.
        pub service: Option<NamedService>,
    }
}

slim! {
    /// A Service by name.
    pub struct NamedService {
        /// Name.
        pub name: Str,
    }
}

slim! {
    /// `gateway.networking.k8s.io` GatewayClass.
    pub struct GatewayClass {
        /// Metadata.
        pub metadata: Metadata,
        /// Specification.
        pub spec: GatewayClassSpec,
    }
}

slim! {
    /// `spec` of a GatewayClass.
    pub struct GatewayClassSpec {
        /// Controller.
        pub controller_name: Str,
    }
}

slim! {
    /// `gateway.networking.k8s.io` Gateway.
    pub struct Gateway {
        /// Metadata.
        pub metadata: Metadata,
        /// Specification.
        pub spec: GatewaySpec,
    }
}

slim! {
    /// `spec` of a Gateway.
    pub struct GatewaySpec {
        /// Class.
        pub gateway_class_name: Str,
    }
}

slim! {
    /// `gateway.networking.k8s.io` HTTPRoute.
    pub struct HttpRoute {
        /// Metadata.
        pub metadata: Metadata,
        /// Specification.
        pub spec: HttpRouteSpec,
    }
}

slim! {
    /// `spec` of an HTTPRoute.
    pub struct HttpRouteSpec {
        /// Gateways.
        pub parent_refs: Vec<RouteReference>,
        /// Rules.
        pub rules: Vec<RouteRule>,
    }
}

slim! {
    /// A rule of a route.
    pub struct RouteRule {
        /// Where it leads.
        pub backend_refs: Vec<RouteReference>,
    }
}

slim! {
    /// A Gateway or Service by name.
    pub struct RouteReference {
        /// Kind; a Service for backends when empty.
        pub kind: Str,
        /// Namespace; the route's own when empty.
        pub namespace: Str,
        /// Name.
        pub name: Str,
    }
}
