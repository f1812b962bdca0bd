//! Makes the classes of a model from the pods of a snapshot.

use ha_core::Snapshot;
use ha_core::labels::{Label, LabelSelector, LabelSet, LabelsId, Operator, Requirement};
use ha_core::snapshot::{
    PodClaim, PodId, PodSpec, PodSpecId, ServiceId, SpreadConstraint, Workload, WorkloadId, WorkloadKind,
};
use ha_core::text::Text;
use hashbrown::HashMap;

use super::class::{ClassKey, Group, PodClass, Shape};
use super::names::Names;
use super::requests::Resources;
use super::statics::{Static, StaticSpec, TaintKeys};
use super::terms::{Inclusion, Matcher, Namespaces, Spread, Term};
use super::topology::Topology;
use super::{ClaimRef, PodModel, StorageModel, quotas, relabelled};
use crate::ids::{ClaimIndex, ClassId, KeyId, MatcherId, ShapeId, StaticId};

/// What binding adds to a pod's labels since 1.35 (PodTopologyLabelsAdmission): a replacement does not have it.
const LABELS_OF_BINDING: [&str; 2] = ["topology.kubernetes.io/zone", "topology.kubernetes.io/region"];

/// Makes classes.
pub(super) struct ClassBuilder<'b, 'a> {
    pub(super) snapshot: &'a Snapshot,
    pub(super) names: &'b mut Names<'a>,
    resources: &'b mut Resources,
    storage: &'b StorageModel,
    taint_keys: TaintKeys,
    labels_of_binding: [Text; 2],
    /// Resources that quotas limit.
    limited: Vec<Text>,
    pub(super) topology: Topology,
    pub(super) statics: Vec<Static>,
    static_numbers: HashMap<StaticSpec, StaticId>,
    pub(super) shapes: Vec<Shape>,
    shape_numbers: HashMap<PodSpecId, ShapeId>,
    pub(super) classes: Vec<PodClass>,
    class_numbers: HashMap<ClassKey, ClassId>,
    pub(super) matchers: Vec<Matcher>,
    matcher_numbers: HashMap<Matcher, MatcherId>,
    pub(super) added_labels: Vec<LabelSet>,
    added_label_numbers: HashMap<LabelSet, LabelsId>,
    namespaces: HashMap<LabelSelector, Vec<Text>>,
    /// Services by namespace and one label that they select.
    services: HashMap<(Text, Text, Text), Vec<ServiceId>>,
}

impl<'b, 'a> ClassBuilder<'b, 'a> {
    pub(super) fn new(
        snapshot: &'a Snapshot,
        names: &'b mut Names<'a>,
        resources: &'b mut Resources,
        storage: &'b StorageModel,
    ) -> Self {
        let taint_keys = TaintKeys::new(names);
        let labels_of_binding = LABELS_OF_BINDING.map(|key| names.intern(key));
        Self {
            snapshot,
            names,
            resources,
            storage,
            taint_keys,
            labels_of_binding,
            limited: quotas::limited(snapshot),
            topology: Topology::default(),
            statics: Vec::new(),
            static_numbers: HashMap::new(),
            shapes: Vec::new(),
            shape_numbers: HashMap::new(),
            classes: Vec::new(),
            class_numbers: HashMap::new(),
            matchers: Vec::new(),
            matcher_numbers: HashMap::new(),
            added_labels: Vec::new(),
            added_label_numbers: HashMap::new(),
            namespaces: HashMap::new(),
            services: services_by_label(snapshot),
        }
    }

    /// A pod of the snapshot.
    pub(super) fn pod(&mut self, id: PodId) -> PodModel {
        let snapshot = self.snapshot;
        let pod = snapshot.pod(id);
        let object = snapshot.object(pod.object);
        let key = ClassKey {
            namespace: object.namespace,
            spec: pod.spec,
            held: pod.held_spec.unwrap_or(pod.spec),
            labels: pod.labels,
            priority: pod.priority,
            pinned: pod.pinned_node,
            group: self.group(pod.workload, pod.revision),
        };
        let claim = |claim: &PodClaim| match claim.claim {
            Some(id) => ClaimRef::Known(ClaimIndex::at(id.position())),
            None => ClaimRef::Missing(claim.name),
        };
        PodModel {
            class: self.class(key),
            workload: pod.workload,
            name: object.name,
            ordinal: None,
            claims: pod.claims.of(&snapshot.pod_claims).iter().map(claim).collect(),
            started: pod.started_at,
            terminating: pod.deleted_at.is_some(),
        }
    }

    /// The claim of that name.
    pub(super) fn claim_ref(&self, namespace: Text, name: Text) -> ClaimRef {
        self.storage.find(namespace, name).map_or(ClaimRef::Missing(name), ClaimRef::Known)
    }

    fn group(&self, workload: WorkloadId, revision: Text) -> Option<Group> {
        use WorkloadKind::{Deployment, ReplicaSet, ReplicationController, StatefulSet};
        let kind = self.snapshot.workload(workload).kind;
        let revision = if kind == Deployment { revision } else { Text::default() };
        matches!(kind, Deployment | ReplicaSet | ReplicationController | StatefulSet)
            .then_some(Group { workload, revision })
    }

    /// For the classes of a workload's pods, those of the pods that a new revision brings: the same but for the hash by
    /// which controllers and spread constraints tell revisions apart.
    pub(super) fn revisions(&mut self, workload: WorkloadId, pods: &[PodModel]) -> HashMap<ClassId, ClassId> {
        let hashes = ["pod-template-hash", "controller-revision-hash"].map(|key| self.names.intern(key));
        let value = self.names.intern("the new revision");
        let mut revisions = HashMap::new();
        for class in pods.iter().filter(|pod| pod.workload == workload).map(|pod| pod.class) {
            if revisions.contains_key(&class) {
                continue;
            }
            let key = self.classes[class.position()].key;
            let labels = self.unbound_labels(&key);
            let had: Vec<Label> = hashes
                .iter()
                .filter(|&&hash| self.labels(labels).get(hash).is_some())
                .map(|&key| Label { key, value })
                .collect();
            let labels = relabelled(self.names, self.labels(labels), &hashes, &had);
            let labels = self.add_labels(labels);
            let named = |group: Group| Group {
                revision: if group.revision.is_empty() { group.revision } else { value },
                ..group
            };
            let revision = self.class(ClassKey { labels, held: key.spec, group: key.group.map(named), ..key });
            revisions.insert(class, revision);
        }
        revisions
    }

    /// For every class, that of a pod which replaces one of it. Classes made here replace themselves.
    pub(super) fn replacements(&mut self) -> Vec<ClassId> {
        let mut replacements = Vec::with_capacity(self.classes.len());
        let mut position = 0;
        while position < self.classes.len() {
            let key = self.classes[position].key;
            let labels = self.unbound_labels(&key);
            replacements.push(self.class(ClassKey { labels, held: key.spec, ..key }));
            position += 1;
        }
        replacements
    }

    /// The labels of a pod before it is bound: what binding copied from the node is gone, or as the template has it.
    fn unbound_labels(&mut self, key: &ClassKey) -> LabelsId {
        let labels = self.labels(key.labels);
        if !labels.labels.iter().any(|label| self.labels_of_binding.contains(&label.key)) {
            return key.labels;
        }
        let template = key.group.map(|group| self.snapshot.workload(group.workload).template_labels);
        let template = template.map(|id| self.snapshot.labels(id));
        let value = |key: Text| Some(Label { key, value: template?.get(key)? });
        let kept: Vec<Label> = self.labels_of_binding.iter().filter_map(|&key| value(key)).collect();
        let stripped = relabelled(self.names, labels, &self.labels_of_binding, &kept);
        self.add_labels(stripped)
    }

    fn labels(&self, id: LabelsId) -> &LabelSet {
        match id.position().checked_sub(self.snapshot.label_sets.len()) {
            None => self.snapshot.labels(id),
            Some(position) => &self.added_labels[position],
        }
    }

    pub(super) fn add_labels(&mut self, labels: LabelSet) -> LabelsId {
        if let Some(&id) = self.added_label_numbers.get(&labels) {
            return id;
        }
        let id = LabelsId::at(self.snapshot.label_sets.len() + self.added_labels.len());
        self.added_labels.push(labels.clone());
        self.added_label_numbers.insert(labels, id);
        id
    }

    /// The class with that key, which is compiled when it is new.
    pub(super) fn class(&mut self, key: ClassKey) -> ClassId {
        if let Some(&id) = self.class_numbers.get(&key) {
            return id;
        }
        let id = ClassId::at(self.classes.len());
        let class = self.compile(key);
        self.classes.push(class);
        self.class_numbers.insert(key, id);
        id
    }

    fn compile(&mut self, key: ClassKey) -> PodClass {
        let snapshot = self.snapshot;
        let spec = snapshot.pod_spec(key.spec);
        let labels = self.labels(key.labels).clone();
        let statics = self.statics(StaticSpec::of(spec, key.pinned));
        let terms = |builder: &mut Self, terms: &[ha_core::snapshot::PodAffinityTerm]| {
            terms.iter().map(|term| builder.term(term, key.namespace, &labels)).collect::<Vec<Term>>()
        };
        let affinity = terms(self, &spec.pod_affinity);
        let anti_affinity = terms(self, &spec.pod_anti_affinity);
        let mut preferred = Vec::new();
        for (sign, list) in [(1, &spec.preferred_pod_affinity), (-1, &spec.preferred_pod_anti_affinity)] {
            for preference in list {
                let term = self.term(&preference.term, key.namespace, &labels);
                preferred.push((sign * i64::from(preference.weight), term));
            }
        }
        let hard_spread = self.spread(spec, key.namespace, &labels, statics, true);
        let spread_by_default = spec.spread_constraints.is_empty();
        let soft_spread = if spread_by_default {
            self.default_spread(&key, &labels, statics)
        } else {
            self.spread(spec, key.namespace, &labels, statics, false)
        };
        let shape = self.shape(key.held);
        PodClass {
            key,
            shape,
            statics,
            affinity,
            anti_affinity,
            preferred,
            hard_spread,
            soft_spread,
            spread_by_default,
        }
    }

    fn shape(&mut self, spec: PodSpecId) -> ShapeId {
        if let Some(&id) = self.shape_numbers.get(&spec) {
            return id;
        }
        let id = ShapeId::at(self.shapes.len());
        self.shapes.push(Shape::of(self.resources, self.names, &self.limited, self.snapshot.pod_spec(spec)));
        self.shape_numbers.insert(spec, id);
        id
    }

    fn statics(&mut self, spec: StaticSpec) -> StaticId {
        if let Some(&id) = self.static_numbers.get(&spec) {
            return id;
        }
        let id = StaticId::at(self.statics.len());
        self.statics.push(Static::new(self.names, self.taint_keys, spec.clone()));
        self.static_numbers.insert(spec, id);
        id
    }

    fn matcher(&mut self, matcher: Matcher) -> MatcherId {
        if let Some(&id) = self.matcher_numbers.get(&matcher) {
            return id;
        }
        let id = MatcherId::at(self.matchers.len());
        self.matchers.push(matcher.clone());
        self.matcher_numbers.insert(matcher, id);
        id
    }

    fn key(&mut self, name: Text) -> KeyId {
        let snapshot = self.snapshot;
        self.topology.add(name, snapshot.nodes.iter().map(|node| snapshot.labels(node.labels)))
    }

    fn term(&mut self, term: &ha_core::snapshot::PodAffinityTerm, namespace: Text, labels: &LabelSet) -> Term {
        let (snapshot, known) = (self.snapshot, &mut self.namespaces);
        let named = |selector: &LabelSelector| {
            let select = || namespaces_named(snapshot, selector);
            known.entry(selector.clone()).or_insert_with(select).clone()
        };
        let matcher = Matcher::of_term(term, namespace, labels, named);
        Term { matcher: self.matcher(matcher), key: self.key(term.topology_key) }
    }

    fn spread(
        &mut self,
        spec: &PodSpec,
        namespace: Text,
        labels: &LabelSet,
        statics: StaticId,
        hard: bool,
    ) -> Vec<Spread> {
        let wanted: Vec<&SpreadConstraint> = spec.spread_constraints.iter().filter(|c| c.hard == hard).collect();
        let mut keys: Vec<KeyId> = wanted.iter().map(|constraint| self.key(constraint.topology_key)).collect();
        keys.sort_unstable();
        keys.dedup();
        let texts = &self.snapshot.texts;
        wanted
            .iter()
            .map(|constraint| {
                let matcher = Matcher::of_constraint(constraint, namespace, labels);
                let empty = matcher.selector.as_ref().is_some_and(LabelSelector::is_empty);
                Spread {
                    matches_itself: matcher.matches(namespace, labels, texts),
                    counts_nothing: empty,
                    matcher: self.matcher(matcher),
                    key: self.key(constraint.topology_key),
                    max_skew: i64::from(constraint.max_skew),
                    min_domains: constraint.min_domains as usize,
                    inclusion: Inclusion {
                        keys: keys.clone(),
                        affinity: constraint.honors_node_affinity.then_some(statics),
                        taints: constraint.honors_node_taints.then_some(statics),
                    },
                }
            })
            .collect()
    }

    /// The system's own constraints (`systemDefaultConstraints`), for pods that a Service or a controller with a
    /// selector means: `DefaultSelector` in `plugins/helper/spread.go`.
    fn default_spread(&mut self, key: &ClassKey, labels: &LabelSet, statics: StaticId) -> Vec<Spread> {
        let Some(selector) = self.default_selector(key, labels) else {
            return Vec::new();
        };
        let matcher = Matcher { namespaces: Namespaces::These(vec![key.namespace]), selector: Some(selector) };
        let matches_itself = matcher.matches(key.namespace, labels, &self.snapshot.texts);
        let matcher = self.matcher(matcher);
        let constraints = [("kubernetes.io/hostname", 3), ("topology.kubernetes.io/zone", 5)];
        constraints
            .iter()
            .map(|&(name, max_skew)| {
                let name = self.names.intern(name);
                Spread {
                    matcher,
                    key: self.key(name),
                    max_skew,
                    min_domains: 1,
                    matches_itself,
                    counts_nothing: false,
                    inclusion: Inclusion { keys: Vec::new(), affinity: Some(statics), taints: None },
                }
            })
            .collect()
    }

    /// None where no Service and no controller means the pod.
    fn default_selector(&mut self, key: &ClassKey, labels: &LabelSet) -> Option<LabelSelector> {
        let snapshot = self.snapshot;
        let mut requirements: Vec<Requirement> = Vec::new();
        let services = labels
            .labels
            .iter()
            .filter_map(|label| self.services.get(&(key.namespace, label.key, label.value)))
            .flatten()
            .map(|&id| snapshot.service(id));
        let selectors = services.filter_map(|service| service.selector.as_ref());
        for selector in selectors.filter(|selector| selector.matches(labels, &snapshot.texts)) {
            requirements.extend(selector.requirements.iter().cloned());
        }
        if let Some(group) = key.group {
            let workload: &Workload = snapshot.workload(group.workload);
            requirements.extend(workload.selector.iter().flat_map(|selector| selector.requirements.iter().cloned()));
            if !group.revision.is_empty() {
                let key = self.names.intern("pod-template-hash");
                requirements.push(Requirement { key, operator: Operator::In, values: vec![group.revision] });
            }
        }
        let mut seen = Vec::new();
        requirements.retain(|requirement| {
            let new = !seen.contains(requirement);
            if new {
                seen.push(requirement.clone());
            }
            new
        });
        (!requirements.is_empty()).then_some(LabelSelector { requirements })
    }
}

/// The namespaces whose labels a selector matches. One that was not read has no labels, as for the scheduler.
fn namespaces_named(snapshot: &Snapshot, selector: &LabelSelector) -> Vec<Text> {
    let selected = snapshot
        .namespaces
        .iter()
        .filter(|namespace| selector.matches(snapshot.labels(namespace.labels), &snapshot.texts));
    selected.map(|namespace| namespace.name).collect()
}

/// A Service's selector holds exact labels only; one without any adds nothing to a pod's default selector.
fn services_by_label(snapshot: &Snapshot) -> HashMap<(Text, Text, Text), Vec<ServiceId>> {
    let mut services: HashMap<_, Vec<ServiceId>> = HashMap::new();
    for (position, service) in snapshot.services.iter().enumerate() {
        if let Some(first) = service.selector.as_ref().and_then(|selector| selector.requirements.first())
            && let [value] = first.values[..]
        {
            services.entry((service.namespace, first.key, value)).or_default().push(ServiceId::at(position));
        }
    }
    services
}
