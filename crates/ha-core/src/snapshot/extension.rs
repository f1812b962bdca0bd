//! What extends the API server: admission webhooks, aggregated APIs, custom kinds.

use alloc::vec::Vec;

use super::object::ObjectId;
use super::service::ServiceReference;
use crate::labels::LabelSelector;
use crate::text::Text;
use crate::wire::{choice, record};

choice! {
    /// Whom the API server calls.
    pub enum WebhookBackend {
        /// A Service of the cluster.
        Service(ServiceReference) = "service",
        /// Somewhere else.
        Url(Text) = "url",
    }
}

impl Default for WebhookBackend {
    fn default() -> Self {
        Self::Url(Text::default())
    }
}

record! {
    /// Which requests a webhook wants to see. `*` stands for all in every list.
    pub struct WebhookRule {
        /// `CREATE`, `UPDATE`, `DELETE`, `CONNECT`.
        pub operations: Vec<Text>,
        /// API groups.
        pub api_groups as "api-groups": Vec<Text>,
        /// API versions.
        pub api_versions as "api-versions": Vec<Text>,
        /// Resources and subresources.
        pub resources: Vec<Text>,
        /// `Cluster`, `Namespaced` or `*`.
        pub scope: Text,
    }
}

record! {
    /// One webhook of a configuration.
    pub struct Webhook {
        /// The configuration it stands in.
        pub object: ObjectId,
        /// Its position in the configuration, for evidence paths.
        pub position: u32,
        /// Its name.
        pub name: Text,
        /// Whether it may change objects.
        pub mutating: bool,
        /// `failurePolicy: Fail`, the default of `v1`.
        pub fails_closed as "fails-closed": bool,
        /// Whether `failurePolicy` was written.
        pub failure_policy_written as "failure-policy-written": bool,
        /// `timeoutSeconds`, 10 by default.
        pub timeout_seconds as "timeout-seconds": u32,
        /// What it wants to see.
        pub rules: Vec<WebhookRule>,
        /// Which namespaces; empty is every one.
        pub namespace_selector as "namespace-selector": LabelSelector,
        /// Which objects; empty is every one.
        pub object_selector as "object-selector": LabelSelector,
        /// How many `matchConditions` narrow it.
        pub match_conditions as "match-conditions": u32,
        /// Whom it calls.
        pub backend: WebhookBackend,
        /// Whether `caBundle` holds anything.
        pub has_ca_bundle as "has-ca-bundle": bool,
    }
}

record! {
    /// An APIService that a Service of the cluster answers. Local ones are left out.
    pub struct AggregatedApi {
        /// Its identity.
        pub object: ObjectId,
        /// Who answers.
        pub backend: ServiceReference,
        /// Its `Available` condition; none when it has none.
        pub available: Option<bool>,
        /// The condition's reason.
        pub reason: Text,
    }
}

record! {
    /// A custom kind.
    pub struct CustomKind {
        /// The CustomResourceDefinition.
        pub object: ObjectId,
        /// Its group.
        pub group: Text,
        /// Its kind.
        pub kind: Text,
        /// Whether a served version has the scale subresource.
        pub has_scale as "has-scale": bool,
    }
}
