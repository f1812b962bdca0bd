//! What quotas allow in a namespace, and what a pod uses of it.
//!
//! Sources: `CheckRequest` in `k8s.io/apiserver/pkg/admission/plugin/resourcequota/controller.go`, `PodUsageFunc` and
//! `Constraints` in `pkg/quota/v1/evaluator/core/pods.go`.
//! Differs from upstream 1.36: quotas with scopes limit nothing here, and make the outcome in their namespaces uncertain.
//! What claims use is not counted.

use ha_core::snapshot::{Container, PodSpec, Snapshot};
use ha_core::text::Text;
use hashbrown::HashMap;

use super::names::Names;
use super::requests::{Amounts, pod_limits, pod_requests, sets_pod_level};

/// One limit of a quota on what pods use.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Limit {
    /// What is limited: `pods`, `requests.cpu`, …
    pub resource: Text,
    /// How much there may be.
    pub hard: i64,
    /// How much there is before anything happens.
    pub used: i64,
}

impl Limit {
    /// Whether there may be that much more, after a change of what is used.
    pub(crate) fn admits(&self, changed: i64, more: i64) -> bool {
        self.used.saturating_add(changed).saturating_add(more) <= self.hard
    }
}

/// The limits of a namespace.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Quotas {
    /// Of all quotas without scopes.
    pub limits: Vec<Limit>,
    /// Whether some quota has scopes.
    pub scoped: bool,
}

/// What a pod uses of quotas.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Usage {
    /// Per resource that some quota limits.
    pub amounts: Vec<(Text, i64)>,
    /// Resources which every container must name, and one does not: quotas on them deny the pod.
    pub lacking: Vec<Text>,
}

/// The limits per namespace.
pub(super) fn quotas(snapshot: &Snapshot) -> HashMap<Text, Quotas> {
    let mut quotas: HashMap<Text, Quotas> = HashMap::new();
    for quota in &snapshot.resource_quotas {
        let of_namespace = quotas.entry(quota.namespace).or_default();
        of_namespace.scoped |= quota.scoped;
        if quota.scoped {
            continue;
        }
        let used = |resource: Text| quota.used.iter().find(|used| used.resource == resource).map_or(0, |u| u.value);
        of_namespace.limits.extend(quota.hard.iter().map(|hard| Limit {
            resource: hard.resource,
            hard: hard.value,
            used: used(hard.resource),
        }));
    }
    quotas
}

/// Every resource that some quota limits.
pub(super) fn limited(snapshot: &Snapshot) -> Vec<Text> {
    let mut resources: Vec<Text> =
        snapshot.resource_quotas.iter().flat_map(|quota| &quota.hard).map(|hard| hard.resource).collect();
    resources.sort_unstable();
    resources.dedup();
    resources
}

impl Usage {
    pub(super) fn of(names: &Names, spec: &PodSpec, limited: &[Text]) -> Self {
        if limited.is_empty() {
            return Self::default();
        }
        let (requests, limits) = (pod_requests(names, spec, &[]), pod_limits(names, spec));
        let amount = |&resource: &Text| Some((resource, used(names, names.get(resource), &requests, &limits)?));
        let lacks = |resource: &&Text| {
            let containers = || spec.containers.iter().chain(&spec.init_containers);
            !sets_pod_level(names, spec)
                && containers().any(|container| !is_set(names, container, names.get(**resource)))
        };
        Self {
            amounts: limited.iter().filter_map(amount).collect(),
            lacking: limited.iter().filter(lacks).copied().collect(),
        }
    }
}

/// How much of what a quota calls `resource` a pod uses (`podComputeUsageHelper`).
fn used(names: &Names, resource: &str, requests: &Amounts, limits: &Amounts) -> Option<i64> {
    let of = |amounts: &Amounts, name: &str| amounts.get(&names.find(name)?).copied();
    let basic = |name: &str| matches!(name, "cpu" | "memory" | "ephemeral-storage");
    match resource.split_once('.') {
        _ if matches!(resource, "pods" | "count/pods") => Some(1),
        _ if basic(resource) || resource.starts_with("hugepages-") => of(requests, resource),
        Some(("requests", name)) if basic(name) || name.starts_with("hugepages-") || name.contains('/') => {
            of(requests, name)
        }
        Some(("limits", name)) if basic(name) => of(limits, name),
        _ => None,
    }
}

/// Whether a container names what a quota on cpu or memory makes it name.
fn is_set(names: &Names, container: &Container, resource: &str) -> bool {
    let has = |amounts: &[ha_core::snapshot::Amount], name: &str| {
        amounts.iter().any(|amount| names.get(amount.resource) == name)
    };
    match resource {
        "cpu" | "memory" => has(&container.requests, resource),
        "requests.cpu" => has(&container.requests, "cpu"),
        "requests.memory" => has(&container.requests, "memory"),
        "limits.cpu" => has(&container.limits, "cpu"),
        "limits.memory" => has(&container.limits, "memory"),
        _ => true,
    }
}
