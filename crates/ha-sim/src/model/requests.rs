//! How much a pod requests.
//!
//! Sources: `PodRequests` and `AggregateContainerRequests` in `k8s.io/component-helpers/resource/helpers.go`,
//! `CalculateResource` in `pkg/scheduler/framework/types.go`, `calculatePodResourceRequest` in
//! `plugins/noderesources/resource_allocation.go`.
//!
//! While a container is resized in place, the largest of specification, allocation and status counts
//! (`determineEffectiveRequests`): the snapshot holds such a pod's specification twice (`Pod::held_spec`).
//! Differs from upstream 1.36: resources of the whole pod are not resized (InPlacePodLevelResourcesVerticalScaling).

use ha_core::snapshot::{Amount, Container, PodSpec};
use ha_core::text::Text;
use hashbrown::HashMap;

use super::names::Names;
use crate::ids::ResourceId;

/// What a container without a request counts for when nodes are scored: `DefaultMilliCPURequest` and
/// `DefaultMemoryRequest` in `pkg/scheduler/util/pod_resources.go`.
const DEFAULT_MILLI_CPU: i64 = 100;
const DEFAULT_MEMORY: i64 = 200 * 1024 * 1024;

/// The resources that nodes and pods name, `pods` left out.
#[derive(Debug)]
pub struct Resources {
    names: Vec<Text>,
    numbers: HashMap<Text, ResourceId>,
    pods: Text,
}

impl Resources {
    /// `cpu`, in millicores.
    pub const CPU: ResourceId = ResourceId::at(0);
    /// `memory`, in bytes.
    pub const MEMORY: ResourceId = ResourceId::at(1);
    /// `ephemeral-storage`, in bytes.
    pub const EPHEMERAL_STORAGE: ResourceId = ResourceId::at(2);

    pub(super) fn new(names: &mut Names) -> Self {
        let mut resources = Self { names: Vec::new(), numbers: HashMap::new(), pods: names.intern("pods") };
        for name in ["cpu", "memory", "ephemeral-storage"] {
            resources.add(names.intern(name));
        }
        resources
    }

    fn add(&mut self, name: Text) -> ResourceId {
        let next = ResourceId::at(self.names.len());
        let id = *self.numbers.entry(name).or_insert(next);
        if id == next {
            self.names.push(name);
        }
        id
    }

    /// How many there are.
    pub fn count(&self) -> usize {
        self.names.len()
    }

    /// The resource's name.
    pub fn name(&self, id: ResourceId) -> Text {
        self.names[id.position()]
    }

    /// The resource's number, when the scheduler counts it: cpu, memory, ephemeral storage and what
    /// `IsScalarResourceName` accepts (extended resources, huge pages, attachable volumes).
    pub(super) fn counted(&mut self, names: &Names, resource: Text) -> Option<ResourceId> {
        if let Some(&id) = self.numbers.get(&resource) {
            return Some(id);
        }
        let name = names.get(resource);
        let native = name.contains("kubernetes.io/");
        let extended = name.contains('/') && !native && !name.starts_with("requests.");
        let scalar = native || extended || name.starts_with("hugepages-") || name.starts_with("attachable-volumes-");
        scalar.then(|| self.add(resource))
    }

    /// What a node may give, per resource, and how many pods it may hold.
    pub(super) fn allocatable(&mut self, names: &Names, amounts: &[Amount]) -> (Vec<(ResourceId, i64)>, i64) {
        let pods = amounts.iter().find(|amount| amount.resource == self.pods).map_or(0, |amount| amount.value);
        let counted = amounts.iter().filter_map(|amount| Some((self.counted(names, amount.resource)?, amount.value)));
        (counted.collect(), pods)
    }
}

/// What a pod requests.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Requests {
    /// Per resource, without zeros.
    pub amounts: Vec<(ResourceId, i64)>,
    /// Millicores and bytes with which the pod counts on its node when other pods are scored (`NonZeroRequested`).
    pub non_zero: [i64; 2],
    /// Millicores and bytes with which the pod counts when it is scored itself.
    pub scored: [i64; 2],
}

impl Requests {
    pub(super) fn of(resources: &mut Resources, names: &Names, spec: &PodSpec) -> Self {
        let (cpu, memory) = (resources.names[0], resources.names[1]);
        let plain = pod_requests(names, spec, &[]);
        let defaults = [(cpu, DEFAULT_MILLI_CPU), (memory, DEFAULT_MEMORY)];
        let missing: Vec<(Text, i64)> = if sets_pod_level(names, spec) {
            defaults.iter().copied().filter(|(resource, _)| !plain.contains_key(resource)).collect()
        } else {
            defaults.to_vec()
        };
        let pair = |map: &Amounts| [map.get(&cpu).copied().unwrap_or(0), map.get(&memory).copied().unwrap_or(0)];
        let mut amounts: Vec<(ResourceId, i64)> = plain
            .iter()
            .filter(|&(_, &value)| value != 0)
            .filter_map(|(&resource, &value)| Some((resources.counted(names, resource)?, value)))
            .collect();
        amounts.sort_unstable();
        Self {
            amounts,
            non_zero: pair(&pod_requests(names, spec, &missing)),
            scored: pair(&scored_requests(spec, &defaults)),
        }
    }
}

pub(super) type Amounts = HashMap<Text, i64>;

/// Whether a pod-level request of a supported resource is set (`IsPodLevelRequestsSet`).
pub(super) fn sets_pod_level(names: &Names, spec: &PodSpec) -> bool {
    spec.requests.iter().any(|amount| is_pod_level(names, amount.resource))
}

fn is_pod_level(names: &Names, resource: Text) -> bool {
    let name = names.get(resource);
    matches!(name, "cpu" | "memory") || name.starts_with("hugepages-")
}

/// The requests of the whole pod. `missing` stands in for what a container does not request.
pub(super) fn pod_requests(names: &Names, spec: &PodSpec, missing: &[(Text, i64)]) -> Amounts {
    let mut total = of_containers(spec, |container| filled(container, missing));
    for amount in spec.requests.iter().filter(|amount| is_pod_level(names, amount.resource)) {
        total.insert(amount.resource, amount.value);
    }
    add_overhead(&mut total, spec);
    total
}

fn add_overhead(total: &mut Amounts, spec: &PodSpec) {
    for amount in &spec.overhead {
        let entry = total.entry(amount.resource).or_insert(0);
        *entry = entry.saturating_add(amount.value);
    }
}

/// What the pod requests when it is scored: what its containers do, whatever is requested for the whole pod. The scorer
/// of NodeResourcesFit is never told that there are pod-level resources (`NewFit` in `plugins/noderesources/fit.go` sets
/// `enablePodLevelResources` of the plugin, not of its `resourceAllocationScorer`).
fn scored_requests(spec: &PodSpec, defaults: &[(Text, i64)]) -> Amounts {
    let mut total = of_containers(spec, |container| filled(container, defaults));
    add_overhead(&mut total, spec);
    total
}

/// The limits of the whole pod (`PodLimits`).
pub(super) fn pod_limits(names: &Names, spec: &PodSpec) -> Amounts {
    let limits =
        |container: &Container| container.limits.iter().map(|amount| (amount.resource, amount.value)).collect();
    let mut total = of_containers(spec, limits);
    for amount in spec.limits.iter().filter(|amount| is_pod_level(names, amount.resource)) {
        total.insert(amount.resource, amount.value);
    }
    for amount in &spec.overhead {
        if let Some(limit) = total.get_mut(&amount.resource) {
            *limit = limit.saturating_add(amount.value);
        }
    }
    total
}

/// Containers run at once, ordinary init containers one after the other, beside the sidecars started before them.
fn of_containers(spec: &PodSpec, amounts: impl Fn(&Container) -> Amounts) -> Amounts {
    let mut total = Amounts::new();
    for container in &spec.containers {
        add(&mut total, &amounts(container));
    }
    let (mut sidecars, mut initial) = (Amounts::new(), Amounts::new());
    for container in &spec.init_containers {
        let requests = amounts(container);
        let mut at_once = sidecars.clone();
        add(&mut at_once, &requests);
        if container.is_sidecar {
            add(&mut total, &requests);
            sidecars.clone_from(&at_once);
        }
        raise(&mut initial, &at_once);
    }
    raise(&mut total, &initial);
    total
}

fn filled(container: &Container, missing: &[(Text, i64)]) -> Amounts {
    let mut amounts: Amounts = container.requests.iter().map(|amount| (amount.resource, amount.value)).collect();
    for &(resource, value) in missing {
        amounts.entry(resource).or_insert(value);
    }
    amounts
}

fn add(total: &mut Amounts, amounts: &Amounts) {
    for (&resource, &value) in sorted(amounts) {
        let entry = total.entry(resource).or_insert(0);
        *entry = entry.saturating_add(value);
    }
}

fn raise(total: &mut Amounts, amounts: &Amounts) {
    for (&resource, &value) in sorted(amounts) {
        let entry = total.entry(resource).or_insert(value);
        *entry = (*entry).max(value);
    }
}

/// Addition and maximum do not depend on the order; the sort keeps that beyond doubt.
fn sorted(amounts: &Amounts) -> impl Iterator<Item = (&Text, &i64)> {
    let mut entries: Vec<_> = amounts.iter().collect();
    entries.sort_unstable();
    entries.into_iter()
}
