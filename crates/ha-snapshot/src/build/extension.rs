//! Admission webhooks, aggregated APIs, custom kinds.

use alloc::vec::Vec;

use ha_core::snapshot::{AggregatedApi, CustomKind, ObjectId, ServiceReference, Webhook, WebhookBackend, WebhookRule};

use super::Builder;
use super::join::Lookup;
use crate::objects as slim;

impl Builder {
    pub(super) fn webhooks(
        &mut self,
        id: ObjectId,
        configuration: &slim::WebhookConfiguration,
        mutating: bool,
        lookup: &Lookup,
    ) -> Vec<Webhook> {
        let webhooks = (0_u32..).zip(&configuration.webhooks);
        webhooks
            .map(|(position, webhook)| Webhook {
                object: id,
                position,
                name: self.text(&webhook.name),
                mutating,
                fails_closed: webhook.failure_policy != "Ignore",
                failure_policy_written: !webhook.failure_policy.is_empty(),
                timeout_seconds: webhook.timeout_seconds.unwrap_or(10),
                rules: webhook.rules.iter().map(|rule| self.webhook_rule(rule)).collect(),
                namespace_selector: self.selector(&webhook.namespace_selector),
                object_selector: self.selector(&webhook.object_selector),
                match_conditions: u32::try_from(webhook.match_conditions.len()).unwrap_or(u32::MAX),
                backend: self.webhook_backend(&webhook.client_config, lookup),
                has_ca_bundle: webhook.client_config.ca_bundle.0,
            })
            .collect()
    }

    fn webhook_rule(&mut self, rule: &slim::WebhookRule) -> WebhookRule {
        WebhookRule {
            operations: self.texts_of(&rule.operations),
            api_groups: self.texts_of(&rule.api_groups),
            api_versions: self.texts_of(&rule.api_versions),
            resources: self.texts_of(&rule.resources),
            scope: self.text(if rule.scope.is_empty() { "*" } else { &rule.scope }),
        }
    }

    fn webhook_backend(&mut self, client: &slim::ClientConfig, lookup: &Lookup) -> WebhookBackend {
        match &client.service {
            Some(service) => WebhookBackend::Service(self.backend(service, lookup)),
            None => WebhookBackend::Url(self.text(client.url.as_deref().unwrap_or(""))),
        }
    }

    fn backend(&mut self, service: &slim::ServiceReference, lookup: &Lookup) -> ServiceReference {
        let namespace = self.text(&service.namespace);
        self.service_reference(namespace, &service.name, lookup)
    }

    /// None for an APIService that the API server answers itself.
    pub(super) fn aggregated_api(
        &mut self,
        id: ObjectId,
        api: &slim::ApiService,
        lookup: &Lookup,
    ) -> Option<AggregatedApi> {
        let service = api.spec.service.as_ref()?;
        let available = api.status.conditions.iter().find(|condition| condition.r#type == "Available");
        Some(AggregatedApi {
            object: id,
            backend: self.backend(service, lookup),
            available: available.map(|condition| condition.status == "True"),
            reason: self.text(available.map_or("", |condition| &condition.reason)),
        })
    }

    pub(super) fn custom_kind(&mut self, id: ObjectId, definition: &slim::CustomResourceDefinition) -> CustomKind {
        CustomKind {
            object: id,
            group: self.text(&definition.spec.group),
            kind: self.text(&definition.spec.names.kind),
            has_scale: definition
                .spec
                .versions
                .iter()
                .any(|version| version.served && version.subresources.scale.is_some()),
        }
    }
}
