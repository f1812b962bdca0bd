//! Looks up owners, names and selectors, and lays the tables out in the order of names.

use alloc::vec::Vec;

use ha_core::snapshot::{
    Autoscaler, Budget, BudgetStatus, ClaimId, NodeId, ObjectId, PodClaim, PodId, ResourceKind, ServiceId, Slice,
    Snapshot, Source, Subject, UnhealthyPodEviction, VolumeId, Workload, WorkloadId, WorkloadKind,
};
use ha_core::text::{Interner, Text};
use hashbrown::HashMap;

use super::Builder;
use super::edges::LabelIndex;
use super::ownership;
use crate::objects::{self as slim, Body, Object};

/// Finds entries by name.
#[derive(Debug, Default)]
pub(super) struct Lookup {
    pub(super) nodes: HashMap<Text, NodeId>,
    /// By namespace and name.
    pub(super) pods: HashMap<(Text, Text), PodId>,
    /// By namespace and name.
    pub(super) services: HashMap<(Text, Text), ServiceId>,
    /// By namespace and name.
    pub(super) claims: HashMap<(Text, Text), ClaimId>,
    /// By namespace, kind and name.
    pub(super) workloads: HashMap<(Text, Text, Text), WorkloadId>,
}

/// Joins all that a builder holds.
pub(super) fn join(mut builder: Builder, source: Source) -> Snapshot {
    let mut snapshot = Snapshot { source, ..Snapshot::default() };
    let mut lookup = Lookup::default();
    let rest = core::mem::take(&mut builder.rest);
    builder.place_nodes(&mut snapshot, &mut lookup, &rest);
    builder.place_claims(&mut snapshot, &mut lookup, &rest);
    ownership::place_workloads_and_pods(&mut builder, &mut snapshot, &mut lookup);
    builder.place_images(&mut snapshot, &lookup, &rest);
    builder.place_services(&mut snapshot, &mut lookup, &rest);
    let index = LabelIndex::new(&snapshot, &builder.objects).by_label(&builder.label_sets);
    builder.place_budgets(&mut snapshot, &index, &rest);
    builder.place_autoscalers(&mut snapshot, &lookup, &rest);
    builder.connect_services(&mut snapshot, &index);
    builder.place_others(&mut snapshot, &lookup, &rest);
    Builder::apply_limit_ranges(&mut snapshot);
    builder.finish_tables(snapshot)
}

impl Builder {
    fn place_nodes(&mut self, snapshot: &mut Snapshot, lookup: &mut Lookup, rest: &[(ObjectId, Object)]) {
        let mut namespaces = Vec::new();
        for (id, object) in rest {
            match &object.body {
                Body::Node(node) => snapshot.nodes.push(self.node(*id, node)),
                Body::Namespace(_) => namespaces.push(*id),
                _ => {}
            }
        }
        self.tell_zones_apart(&mut snapshot.nodes);
        self.sort(&mut snapshot.nodes);
        for (position, node) in snapshot.nodes.iter().enumerate() {
            lookup.nodes.insert(self.objects[node.object.position()].name, NodeId::at(position));
        }
        snapshot.namespaces = self.namespaces(&namespaces);
    }

    fn place_claims(&mut self, snapshot: &mut Snapshot, lookup: &mut Lookup, rest: &[(ObjectId, Object)]) {
        for (id, object) in rest {
            match &object.body {
                Body::PersistentVolumeClaim(claim) => snapshot.claims.push(self.claim(*id, claim)),
                Body::PersistentVolume(volume) => snapshot.volumes.push(self.persistent_volume(*id, volume)),
                _ => {}
            }
        }
        self.sort(&mut snapshot.claims);
        self.sort(&mut snapshot.volumes);
        let volumes: HashMap<Text, VolumeId> = snapshot
            .volumes
            .iter()
            .enumerate()
            .map(|(position, volume)| (volume.name, VolumeId::at(position)))
            .collect();
        for (position, claim) in snapshot.claims.iter_mut().enumerate() {
            claim.volume = volumes.get(&claim.volume_name).copied();
            lookup.claims.insert((claim.namespace, claim.name), ClaimId::at(position));
        }
    }

    fn place_services(&mut self, snapshot: &mut Snapshot, lookup: &mut Lookup, rest: &[(ObjectId, Object)]) {
        for (id, object) in rest {
            if let Body::Service(service) = &object.body {
                snapshot.services.push(self.service(*id, service));
            }
        }
        self.sort(&mut snapshot.services);
        for (position, service) in snapshot.services.iter().enumerate() {
            let name = self.objects[service.object.position()].name;
            lookup.services.insert((service.namespace, name), ServiceId::at(position));
        }
        let slices: Vec<&slim::EndpointSlice> = rest
            .iter()
            .filter_map(|(_, object)| if let Body::EndpointSlice(slice) = &object.body { Some(&**slice) } else { None })
            .collect();
        if slices.is_empty() {
            return;
        }
        lookup.pods.reserve(snapshot.pods.len());
        for (position, pod) in snapshot.pods.iter().enumerate() {
            let object = &self.objects[pod.object.position()];
            lookup.pods.insert((object.namespace, object.name), PodId::at(position));
        }
        for slice in slices {
            let Some(name) = slice.metadata.labels.get("kubernetes.io/service-name") else {
                continue;
            };
            let key = (self.texts.intern(&slice.metadata.namespace), self.texts.intern(name));
            let Some(&id) = lookup.services.get(&key) else {
                continue;
            };
            let endpoints = self.endpoints(slice, lookup);
            let service = &mut snapshot.services[id.position()];
            service.endpoint_slices += 1;
            service.endpoints.extend(endpoints);
        }
        for service in &mut snapshot.services {
            service.endpoints.sort_by(|a, b| self.texts.get(a.address).cmp(self.texts.get(b.address)));
            // A dual-stack or large Service names one address in one slice only; repeated slices add nothing.
            service.endpoints.dedup();
        }
    }

    fn place_budgets(&mut self, snapshot: &mut Snapshot, index: &LabelIndex, rest: &[(ObjectId, Object)]) {
        for (id, object) in rest {
            if let Body::PodDisruptionBudget(budget) = &object.body {
                let budget = self.budget(*id, &object.api_version, budget);
                snapshot.budgets.push(budget);
            }
        }
        self.sort(&mut snapshot.budgets);
        let texts = self.texts.texts();
        for position in 0..snapshot.budgets.len() {
            let budget = &snapshot.budgets[position];
            let Some(selector) = &budget.selector else {
                continue;
            };
            let (workloads, pods) = index.matching(&self.label_sets, texts, budget.namespace, selector);
            for &workload in &workloads {
                let id = ha_core::snapshot::BudgetId::at(position);
                snapshot.workloads[workload.position()].budgets.push(id);
            }
            let budget = &mut snapshot.budgets[position];
            (budget.workloads, budget.pods) = (workloads, pods);
        }
    }

    fn budget(&mut self, id: ObjectId, api_version: &str, budget: &slim::PodDisruptionBudget) -> Budget {
        let spec = &budget.spec;
        let kind = ResourceKind::PodDisruptionBudget;
        // In v1beta1 the empty selector matched no pod (rules.md 2.4).
        let selects = |selector: &&slim::LabelSelector| {
            api_version != "policy/v1beta1" || **selector != slim::LabelSelector::default()
        };
        Budget {
            object: id,
            namespace: self.objects[id.position()].namespace,
            selector: spec.selector.as_ref().filter(selects).map(|selector| self.selector(selector)),
            min_available: self.threshold(id, kind, "spec.minAvailable", spec.min_available.as_ref()),
            max_unavailable: self.threshold(id, kind, "spec.maxUnavailable", spec.max_unavailable.as_ref()),
            unhealthy_pod_eviction: if spec.unhealthy_pod_eviction_policy == "AlwaysAllow" {
                UnhealthyPodEviction::AlwaysAllow
            } else {
                UnhealthyPodEviction::IfHealthyBudget
            },
            generation: budget.metadata.generation,
            status: budget.status.as_ref().map(|status| BudgetStatus {
                current_healthy: status.current_healthy,
                desired_healthy: status.desired_healthy,
                expected_pods: status.expected_pods,
                disruptions_allowed: status.disruptions_allowed,
                observed_generation: status.observed_generation,
                conditions: self.conditions(&status.conditions),
            }),
            workloads: Vec::new(),
            pods: Vec::new(),
        }
    }

    fn place_autoscalers(&mut self, snapshot: &mut Snapshot, lookup: &Lookup, rest: &[(ObjectId, Object)]) {
        let mut made_by_keda: Vec<(Text, Text)> = Vec::new();
        for (id, object) in rest {
            match &object.body {
                Body::HorizontalPodAutoscaler(autoscaler) => {
                    let entry = self.autoscaler(*id, autoscaler);
                    snapshot.autoscalers.push(entry);
                }
                Body::ScaledObject(scaled) => {
                    let default = compact_str::format_compact!("keda-hpa-{}", scaled.metadata.name);
                    let name = if scaled.status.hpa_name.is_empty() { &default } else { &scaled.status.hpa_name };
                    made_by_keda.push((self.texts.intern(&scaled.metadata.namespace), self.texts.intern(name)));
                    let entry = self.scaled_object(*id, scaled);
                    snapshot.autoscalers.push(entry);
                }
                _ => {}
            }
        }
        self.sort(&mut snapshot.autoscalers);
        for position in 0..snapshot.autoscalers.len() {
            let autoscaler = &mut snapshot.autoscalers[position];
            let name = self.objects[autoscaler.object.position()].name;
            autoscaler.made_by_keda = !autoscaler.is_keda && made_by_keda.contains(&(autoscaler.namespace, name));
            let key = (autoscaler.namespace, autoscaler.target_kind, autoscaler.target_name);
            let Some(&target) = lookup.workloads.get(&key) else {
                continue;
            };
            let workload = &mut snapshot.workloads[target.position()];
            let api_version = self.texts.get(self.objects[workload.object.position()].api_version);
            let group = api_version.split_once('/').map_or("", |(group, _)| group);
            if group == self.texts.get(autoscaler.target_group) {
                autoscaler.target = Some(target);
                workload.autoscalers.push(ha_core::snapshot::AutoscalerId::at(position));
            }
        }
    }

    fn autoscaler(&mut self, id: ObjectId, autoscaler: &slim::HorizontalPodAutoscaler) -> Autoscaler {
        let (spec, status) = (&autoscaler.spec, &autoscaler.status);
        Autoscaler {
            min_replicas: spec.min_replicas,
            max_replicas: spec.max_replicas,
            current_replicas: status.current_replicas,
            desired_replicas: status.desired_replicas,
            conditions: self.conditions(&status.conditions),
            ..self.autoscaler_target(id, &spec.scale_target_ref)
        }
    }

    fn scaled_object(&mut self, id: ObjectId, scaled: &slim::ScaledObject) -> Autoscaler {
        let mut target = scaled.spec.scale_target_ref.clone();
        // KEDA's own defaults.
        if target.kind.is_empty() {
            target.kind = "Deployment".into();
        }
        if target.api_version.is_empty() {
            target.api_version = "apps/v1".into();
        }
        Autoscaler {
            is_keda: true,
            min_replicas: scaled.spec.min_replica_count,
            max_replicas: scaled.spec.max_replica_count,
            conditions: self.conditions(&scaled.status.conditions),
            ..self.autoscaler_target(id, &target)
        }
    }

    fn autoscaler_target(&mut self, id: ObjectId, target: &slim::ScaleTarget) -> Autoscaler {
        Autoscaler {
            object: id,
            namespace: self.objects[id.position()].namespace,
            target_group: self.text(target.api_version.split_once('/').map_or("", |(group, _)| group)),
            target_kind: self.text(&target.kind),
            target_name: self.text(&target.name),
            ..Autoscaler::default()
        }
    }

    fn connect_services(&mut self, snapshot: &mut Snapshot, index: &LabelIndex) {
        let texts = self.texts.texts();
        for position in 0..snapshot.services.len() {
            let service = &snapshot.services[position];
            let Some(selector) = &service.selector else {
                continue;
            };
            let (workloads, _) = index.matching(&self.label_sets, texts, service.namespace, selector);
            for &workload in &workloads {
                snapshot.workloads[workload.position()].services.push(ServiceId::at(position));
            }
            snapshot.services[position].workloads = workloads;
        }
    }

    fn place_others(&mut self, snapshot: &mut Snapshot, lookup: &Lookup, rest: &[(ObjectId, Object)]) {
        let routes: Vec<slim::HttpRoute> = rest
            .iter()
            .filter_map(
                |(_, object)| {
                    if let Body::HttpRoute(route) = &object.body { Some((**route).clone()) } else { None }
                },
            )
            .collect();
        for (id, object) in rest {
            let id = *id;
            match &object.body {
                Body::IngressClass(class) => snapshot.ingress_classes.push(self.ingress_class(id, class)),
                Body::Ingress(ingress) => snapshot.ingresses.push(self.ingress(id, ingress, lookup)),
                Body::GatewayClass(class) => snapshot.gateway_classes.push(self.gateway_class(id, class)),
                Body::Gateway(gateway) => snapshot.gateways.push(self.gateway(id, gateway, &routes, lookup)),
                Body::ValidatingWebhookConfiguration(webhooks) => {
                    snapshot.webhooks.extend(self.webhooks(id, webhooks, false, lookup));
                }
                Body::MutatingWebhookConfiguration(webhooks) => {
                    snapshot.webhooks.extend(self.webhooks(id, webhooks, true, lookup));
                }
                Body::ApiService(api) => snapshot.aggregated_apis.extend(self.aggregated_api(id, api, lookup)),
                Body::CustomResourceDefinition(definition) => {
                    snapshot.custom_kinds.push(self.custom_kind(id, definition));
                }
                Body::StorageClass(class) => snapshot.storage_classes.push(self.storage_class(id, class)),
                Body::CsiNode(node) => snapshot.csi_nodes.push(self.csi_node(id, node, lookup)),
                Body::CsiDriver(driver) => snapshot.csi_drivers.push(self.csi_driver(id, driver)),
                Body::VolumeAttachment(attachment) => {
                    snapshot.volume_attachments.push(self.attachment(id, attachment, lookup));
                }
                Body::PriorityClass(class) => snapshot.priority_classes.push(self.priority_class(id, class)),
                Body::Lease(lease) => snapshot.leases.push(self.lease(id, lease)),
                Body::LimitRange(range) => snapshot.limit_ranges.push(self.limit_range(id, range)),
                Body::ResourceQuota(quota) => snapshot.resource_quotas.push(self.resource_quota(id, quota)),
                Body::BackupSchedule(schedule) => snapshot.backup_schedules.push(self.backup_schedule(id, schedule)),
                Body::Backup(backup) => snapshot.backups.push(self.backup(id, backup)),
                Body::BackupStorageLocation(location) => {
                    snapshot.backup_locations.push(self.backup_location(id, location));
                }
                Body::ConfigMap(map) => snapshot.facts.extend(self.facts(id, map)),
                _ => {}
            }
        }
        self.sort_others(snapshot);
    }

    fn sort_others(&self, snapshot: &mut Snapshot) {
        self.sort(&mut snapshot.ingress_classes);
        self.sort(&mut snapshot.ingresses);
        self.sort(&mut snapshot.gateway_classes);
        self.sort(&mut snapshot.gateways);
        // Stable: the webhooks of one configuration keep their order.
        self.sort(&mut snapshot.webhooks);
        self.sort(&mut snapshot.aggregated_apis);
        self.sort(&mut snapshot.custom_kinds);
        self.sort(&mut snapshot.storage_classes);
        self.sort(&mut snapshot.csi_nodes);
        self.sort(&mut snapshot.csi_drivers);
        self.sort(&mut snapshot.volume_attachments);
        self.sort(&mut snapshot.priority_classes);
        self.sort(&mut snapshot.leases);
        self.sort(&mut snapshot.limit_ranges);
        self.sort(&mut snapshot.resource_quotas);
        self.sort(&mut snapshot.backup_schedules);
        self.sort(&mut snapshot.backups);
        self.sort(&mut snapshot.backup_locations);
        self.sort(&mut snapshot.facts);
    }

    fn apply_limit_ranges(snapshot: &mut Snapshot) {
        let mut by_namespace: HashMap<Text, Vec<ha_core::snapshot::Amount>> = HashMap::new();
        for range in &snapshot.limit_ranges {
            by_namespace.entry(range.namespace).or_default().extend(range.default_requests.iter().copied());
        }
        if by_namespace.is_empty() {
            return;
        }
        for workload in &mut snapshot.workloads {
            if let Some(defaults) = by_namespace.get(&workload.namespace) {
                workload.limit_range_defaults.clone_from(defaults);
            }
        }
    }

    /// Sorts a table by namespace, kind and name.
    pub(super) fn sort<T: Subject>(&self, table: &mut [T]) {
        table.sort_by(|a, b| self.compare(a.object(), b.object()));
    }

    pub(super) fn compare(&self, one: ObjectId, other: ObjectId) -> core::cmp::Ordering {
        let key = |id: ObjectId| {
            let object = &self.objects[id.position()];
            [object.namespace, object.kind, object.name]
        };
        let (a, b) = (key(one), key(other));
        let differ = a.iter().zip(&b).find(|(a, b)| a != b);
        differ.map_or_else(
            // Files may hold an object twice.
            || self.compare_places(one, other),
            |(&a, &b)| self.texts.get(a).cmp(self.texts.get(b)),
        )
    }

    fn compare_places(&self, a: ObjectId, b: ObjectId) -> core::cmp::Ordering {
        let place = |id: ObjectId| {
            let location = self.objects[id.position()].location;
            location.map(|location| (self.texts.get(location.file), location.line))
        };
        place(a).cmp(&place(b))
    }

    fn finish_tables(self, mut snapshot: Snapshot) -> Snapshot {
        snapshot.objects = self.objects;
        snapshot.gaps = self.gaps;
        snapshot.suppressions = self.suppressions;
        snapshot.label_sets = self.label_sets.into_entries();
        snapshot.pod_specs = self.pod_specs.into_entries();
        snapshot.texts = Interner::finish(self.texts);
        let texts = &snapshot.texts;
        snapshot.gaps.sort_by(|a, b| {
            let key = |gap: &ha_core::snapshot::Gap| (gap.kind, gap.reason);
            let words = |gap: &ha_core::snapshot::Gap| (texts.get(gap.message), texts.get(gap.namespace));
            key(a).cmp(&key(b)).then_with(|| words(a).cmp(&words(b)))
        });
        snapshot
    }

    /// Lays the claims of all pods out, one pod after the other.
    pub(super) fn place_pod_claims(&self, snapshot: &mut Snapshot, lookup: &Lookup) {
        let mut all: Vec<PodClaim> = Vec::with_capacity(self.claims_of_pods.len());
        for pod in &mut snapshot.pods {
            let namespace = self.objects[pod.object.position()].namespace;
            let first = all.len();
            for &name in self.claim_names(pod) {
                all.push(PodClaim { name, claim: lookup.claims.get(&(namespace, name)).copied() });
            }
            pod.claims = slice(first, all.len());
        }
        snapshot.pod_claims = all;
    }
}

/// The part of a table from `first` up to `end`.
pub(super) fn slice(first: usize, end: usize) -> Slice {
    let as_u32 = |position: usize| u32::try_from(position).unwrap_or(u32::MAX);
    Slice { first: as_u32(first), count: as_u32(end - first) }
}

/// A workload that stands for one pod without a controller.
pub(super) fn lone(kind: WorkloadKind, pod: &ha_core::snapshot::Pod, namespace: Text) -> Workload {
    Workload {
        object: pod.object,
        kind,
        namespace,
        resolved: true,
        template_labels: pod.labels,
        spec: pod.spec,
        ..Workload::default()
    }
}
