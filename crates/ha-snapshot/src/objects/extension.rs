//! Admission webhooks, aggregated APIs, custom kinds.

use alloc::vec::Vec;
use core::fmt;

use serde::de::{self, Visitor};
use serde::{Deserialize, Deserializer, Serialize};

use super::{Condition, LabelSelector, Metadata, Str, slim};

slim! {
    /// ValidatingWebhookConfiguration or MutatingWebhookConfiguration.
    pub struct WebhookConfiguration {
        /// Metadata.
        pub metadata: Metadata,
        /// Webhooks.
        pub webhooks: Vec<Webhook>,
    }
}

slim! {
    /// A webhook.
    pub struct Webhook {
        /// Name.
        pub name: Str,
        /// Whom to call.
        pub client_config: ClientConfig,
        /// What to ask about.
        pub rules: Vec<WebhookRule>,
        /// `Fail` or `Ignore`.
        pub failure_policy: Str,
        /// Time for one call.
        pub timeout_seconds: Option<u32>,
        /// Which namespaces.
        pub namespace_selector: LabelSelector,
        /// Which objects.
        pub object_selector: LabelSelector,
        /// Conditions; only their number matters.
        pub match_conditions: Vec<MatchCondition>,
    }
}

slim! {
    /// A condition in CEL; its text is left out.
    pub struct MatchCondition {
        /// Name.
        pub name: Str,
    }
}

slim! {
    /// Whom to call.
    pub struct ClientConfig {
        /// Somewhere.
        pub url: Option<Str>,
        /// A Service.
        pub service: Option<ServiceReference>,
        /// Certificates, reduced to whether there are any.
        pub ca_bundle: Presence,
    }
}

slim! {
    /// A Service by namespace and name.
    pub struct ServiceReference {
        /// Namespace.
        pub namespace: Str,
        /// Name.
        pub name: Str,
    }
}

slim! {
    /// Which requests.
    pub struct WebhookRule {
        /// Operations.
        pub operations: Vec<Str>,
        /// Groups.
        pub api_groups: Vec<Str>,
        /// Versions.
        pub api_versions: Vec<Str>,
        /// Resources.
        pub resources: Vec<Str>,
        /// Scope.
        pub scope: Str,
    }
}

/// Whether a text was there; the text itself is not kept.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize)]
#[serde(transparent)]
pub struct Presence(pub bool);

impl<'de> Deserialize<'de> for Presence {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Text;
        impl Visitor<'_> for Text {
            type Value = Presence;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a string")
            }
            fn visit_bool<E: de::Error>(self, value: bool) -> Result<Presence, E> {
                Ok(Presence(value))
            }
            fn visit_str<E: de::Error>(self, value: &str) -> Result<Presence, E> {
                Ok(Presence(!value.trim().is_empty()))
            }
        }
        deserializer.deserialize_any(Text)
    }
}

slim! {
    /// `apiregistration.k8s.io/v1` APIService.
    pub struct ApiService {
        /// Metadata.
        pub metadata: Metadata,
        /// Specification.
        pub spec: ApiServiceSpec,
        /// Status.
        pub status: ApiServiceStatus,
    }
}

slim! {
    /// `spec` of an APIService.
    pub struct ApiServiceSpec {
        /// Who answers; none for the API server itself.
        pub service: Option<ServiceReference>,
    }
}

slim! {
    /// `status` of an APIService.
    pub struct ApiServiceStatus {
        /// Conditions.
        pub conditions: Vec<Condition>,
    }
}

slim! {
    /// `apiextensions.k8s.io/v1` CustomResourceDefinition. Schemas are left out.
    pub struct CustomResourceDefinition {
        /// Metadata.
        pub metadata: Metadata,
        /// Specification.
        pub spec: CustomResourceDefinitionSpec,
    }
}

slim! {
    /// `spec` of a CustomResourceDefinition.
    pub struct CustomResourceDefinitionSpec {
        /// Group.
        pub group: Str,
        /// Names.
        pub names: CustomNames,
        /// Versions.
        pub versions: Vec<CustomVersion>,
    }
}

slim! {
    /// Names of a custom kind.
    pub struct CustomNames {
        /// Kind.
        pub kind: Str,
    }
}

slim! {
    /// A version of a custom kind.
    pub struct CustomVersion {
        /// Served.
        pub served: bool,
        /// Subresources.
        pub subresources: CustomSubresources,
    }
}

slim! {
    /// Subresources of a custom kind.
    pub struct CustomSubresources {
        /// Scale.
        pub scale: Option<ScaleSubresource>,
    }
}

slim! {
    /// The scale subresource.
    pub struct ScaleSubresource {
        /// Where the count stands.
        pub spec_replicas_path: Str,
    }
}
