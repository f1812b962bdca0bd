//! A snapshot compiled for simulation: what never changes while failures are tried out.
//!
//! Everything the scheduler compares is resolved to numbers here, once: namespaces of affinity terms, topology
//! domains, requests in whole units, claims and volumes. States share one model, also between threads.

use ha_core::Snapshot;
use ha_core::labels::{Label, LabelSet, LabelsId};
use ha_core::snapshot::{BudgetId, NodeId, PodId, TaintEffect, Timestamp, WorkloadId};
use ha_core::text::Text;
use hashbrown::HashMap;

use crate::cluster::Roles;
use crate::ids::{ClaimIndex, ClassId, KeyId, PodIndex, ResourceId, ShapeId, StaticId};
use crate::recovery::Zones;

pub mod class;
mod classes;
mod links;
pub mod names;
pub mod quotas;
pub mod requests;
pub mod sets;
pub mod statics;
pub mod storage;
pub mod terms;
pub mod topology;

pub use class::{Disk, HostPort, PodClass, Shape};
pub use names::Names;
pub use quotas::Quotas;
pub use requests::{Requests, Resources};
pub use sets::StatefulModel;
pub use statics::Static;
pub use storage::{ClaimModel, StorageModel};
pub use terms::{Inclusion, Matcher, Spread, Term};
pub use topology::Topology;

use classes::ClassBuilder;
use links::Links;

/// A claim that a pod mounts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ClaimRef {
    /// One that exists.
    Known(ClaimIndex),
    /// One of that name that does not exist.
    Missing(Text),
}

/// A pod of the simulation.
#[derive(Clone, Debug)]
pub struct PodModel {
    /// Its class.
    pub class: ClassId,
    /// Its workload.
    pub workload: WorkloadId,
    /// Its name; empty for one that a controller names at random.
    pub name: Text,
    /// Its place in a StatefulSet.
    pub ordinal: Option<u32>,
    /// Its claims.
    pub claims: Box<[ClaimRef]>,
    /// When it started; none sorts as now.
    pub started: Option<Timestamp>,
    /// Whether it is being deleted.
    pub terminating: bool,
}

/// A node, as far as it does not change.
#[derive(Clone, Debug, Default)]
pub struct NodeModel {
    /// How many pods it may hold.
    pub pods: i64,
    /// Whether nothing starts there any more: its kubelet is silent or says that it is not ready.
    pub dead: bool,
    /// Attach limits per CSI driver.
    pub volume_limits: Vec<(Text, i64)>,
    /// Volumes attached to it, by driver and handle.
    pub attached: Vec<(Text, Text)>,
}

/// An image on nodes.
#[derive(Clone, Debug, Default)]
pub struct ImageModel {
    /// Its bytes, as the first node says.
    pub bytes: i64,
    /// Per node of the snapshot: whether it has the image.
    pub on_node: Vec<bool>,
    /// On how many nodes it is.
    pub nodes: usize,
}

/// A snapshot compiled for simulation.
#[derive(Debug)]
pub struct Model<'a> {
    /// The snapshot.
    pub snapshot: &'a Snapshot,
    /// All strings.
    pub names: Names<'a>,
    /// All resources.
    pub resources: Resources,
    /// Nodes in the snapshot's order.
    pub nodes: Vec<NodeModel>,
    node_numbers: HashMap<Text, usize>,
    /// Images that nodes have, by name.
    pub images: HashMap<Text, ImageModel>,
    /// What nodes may give: node by node, resource by resource.
    allocatable: Vec<i64>,
    /// Topology keys and domains.
    pub topology: Topology,
    /// The topology in which every node is a domain of its own.
    pub each_node: KeyId,
    /// `kubernetes.io/hostname`.
    pub hostname: Text,
    /// Whether any node has a taint `PreferNoSchedule`.
    pub some_prefer_no_pods: bool,
    /// Whether any node is dead before anything happens.
    pub some_are_dead: bool,
    /// How many nodes each zone has, and how many of them are down before anything happens.
    pub node_zones: Zones,
    /// Static specifications.
    pub statics: Vec<Static>,
    /// Shapes.
    pub shapes: Vec<Shape>,
    /// Classes.
    pub classes: Vec<PodClass>,
    /// Per class: that of a pod which replaces one of it.
    replacements: Vec<ClassId>,
    /// Classes of the workload that gets a new revision: those of the new pods.
    revisions: HashMap<ClassId, ClassId>,
    /// Selectors.
    pub matchers: Vec<Matcher>,
    added_labels: Vec<LabelSet>,
    /// The pods of the snapshot, in its order.
    pub pods: Vec<PodModel>,
    pods_of_class: Vec<Vec<PodIndex>>,
    budgets_of_class: Vec<Vec<BudgetId>>,
    classes_of_budget: Vec<Vec<ClassId>>,
    /// Claims and volumes.
    pub storage: StorageModel,
    /// What quotas allow, by namespace.
    pub quotas: HashMap<Text, Quotas>,
    /// StatefulSets by workload.
    pub sets: HashMap<WorkloadId, StatefulModel>,
    links: Links,
    /// StatefulSets that lack a pod before anything happens.
    pub incomplete_sets: Vec<WorkloadId>,
    /// The snapshot's pods that wait for a node.
    pub waiting: Vec<PodIndex>,
    /// The lowest priority of any pod.
    pub lowest_priority: i32,
    /// Every priority that a pod has, from the lowest.
    pub priorities: Vec<i32>,
    level_of_class: Vec<u32>,
    /// The order in which the scheduler looks at nodes (`nodeTree`): zone by zone in turn.
    pub node_order: Vec<u32>,
    /// Who does what for the cluster itself.
    pub roles: Roles,
}

impl<'a> Model<'a> {
    /// Compiles a snapshot.
    pub fn new(snapshot: &'a Snapshot) -> Self {
        Self::compiled(snapshot, None)
    }

    /// Compiles a snapshot in which a workload gets a new revision.
    pub fn with_revision(snapshot: &'a Snapshot, workload: WorkloadId) -> Self {
        Self::compiled(snapshot, Some(workload))
    }

    fn compiled(snapshot: &'a Snapshot, revised: Option<WorkloadId>) -> Self {
        let mut names = Names::new(&snapshot.texts);
        let mut resources = Resources::new(&mut names);
        let storage = StorageModel::new(snapshot, &mut names);
        let mut builder = ClassBuilder::new(snapshot, &mut names, &mut resources, &storage);
        let mut pods: Vec<PodModel> =
            (0..snapshot.pods.len()).map(|position| builder.pod(PodId::at(position))).collect();
        let sets = sets::stateful_sets(&mut builder, &mut pods);
        let revisions = revised.map(|workload| builder.revisions(workload, &pods)).unwrap_or_default();
        let replacements = builder.replacements();
        let ClassBuilder { mut topology, statics, shapes, classes, matchers, added_labels, .. } = builder;
        let (nodes, allocatable) = nodes(snapshot, &names, &mut resources);
        let each_node = topology.add_nodes(nodes.len());
        let hostname = names.intern("kubernetes.io/hostname");
        let mut model = Self {
            snapshot,
            names,
            resources,
            node_numbers: snapshot.nodes.iter().map(|node| snapshot.object(node.object).name).zip(0..).collect(),
            images: images(snapshot),
            allocatable,
            topology,
            each_node,
            hostname,
            some_prefer_no_pods: some_prefer_no_pods(snapshot),
            some_are_dead: nodes.iter().any(|node| node.dead),
            node_zones: Zones::new(snapshot),
            statics,
            shapes,
            pods_of_class: vec![Vec::new(); classes.len()],
            budgets_of_class: Vec::new(),
            classes_of_budget: vec![Vec::new(); snapshot.budgets.len()],
            links: Links::default(),
            classes,
            replacements,
            revisions,
            matchers,
            added_labels,
            pods,
            storage,
            quotas: quotas::quotas(snapshot),
            incomplete_sets: incomplete_sets(&sets),
            sets,
            waiting: waiting(snapshot),
            lowest_priority: 0,
            priorities: Vec::new(),
            level_of_class: Vec::new(),
            node_order: node_order(snapshot),
            nodes,
            roles: Roles::of(snapshot),
        };
        for (position, pod) in model.pods.iter().enumerate() {
            model.pods_of_class[pod.class.position()].push(PodIndex::at(position));
        }
        model.priorities = model.classes.iter().map(|class| class.key.priority).collect();
        model.priorities.sort_unstable();
        model.priorities.dedup();
        model.lowest_priority = model.priorities.first().copied().unwrap_or(0);
        let level = |class: &PodClass| model.priorities.partition_point(|&priority| priority < class.key.priority);
        model.level_of_class = model.classes.iter().map(|class| u32::try_from(level(class)).unwrap_or(0)).collect();
        model.forget_explained_attachments();
        model.links = Links::new(&model);
        model.budgets_of_class = budgets_of_classes(&model);
        for (position, budgets) in model.budgets_of_class.iter().enumerate() {
            for budget in budgets {
                model.classes_of_budget[budget.position()].push(ClassId::at(position));
            }
        }
        model
    }

    /// The class at `id`.
    pub fn class(&self, id: ClassId) -> &PodClass {
        &self.classes[id.position()]
    }

    /// The shape at `id`.
    pub fn shape(&self, id: ShapeId) -> &Shape {
        &self.shapes[id.position()]
    }

    /// The static specification at `id`.
    pub fn statics(&self, id: StaticId) -> &Static {
        &self.statics[id.position()]
    }

    /// The label set at `id`, of the snapshot or added to it.
    pub fn labels(&self, id: LabelsId) -> &LabelSet {
        match id.position().checked_sub(self.snapshot.label_sets.len()) {
            None => self.snapshot.labels(id),
            Some(position) => &self.added_labels[position],
        }
    }

    /// What the node at `node` may give of a resource.
    #[inline]
    pub fn allocatable(&self, node: usize, resource: ResourceId) -> i64 {
        self.allocatable[node * self.resources.count() + resource.position()]
    }

    /// How many pods an empty node takes, followed by what it may give of each resource.
    pub(crate) fn offer(&self, node: usize) -> impl Iterator<Item = i64> {
        let width = self.resources.count();
        let amounts = &self.allocatable[node * width..][..width];
        std::iter::once(self.nodes[node].pods.max(0)).chain(amounts.iter().copied())
    }

    /// The class of a pod that replaces one of class `id`.
    pub fn replacement(&self, id: ClassId) -> ClassId {
        self.replacements[id.position()]
    }

    /// The class of a pod of the new revision that takes the place of one of class `id`.
    pub fn revision(&self, id: ClassId) -> ClassId {
        self.revisions.get(&id).copied().unwrap_or_else(|| self.replacement(id))
    }

    /// The snapshot's pods of a class.
    pub fn pods_of_class(&self, id: ClassId) -> &[PodIndex] {
        &self.pods_of_class[id.position()]
    }

    /// The budgets that match a pod of that class.
    pub fn budgets_of_class(&self, id: ClassId) -> &[BudgetId] {
        &self.budgets_of_class[id.position()]
    }

    /// The place of a class' priority among all priorities.
    pub fn level(&self, id: ClassId) -> usize {
        self.level_of_class[id.position()] as usize
    }

    /// The classes whose pods a budget matches.
    pub fn classes_of_budget(&self, id: BudgetId) -> &[ClassId] {
        &self.classes_of_budget[id.position()]
    }

    /// Attachments that a pod of the node accounts for are counted with the pod.
    fn forget_explained_attachments(&mut self) {
        let snapshot = self.snapshot;
        for (pod, record) in snapshot.pods.iter().zip(&self.pods) {
            let Some(node) = pod.node.map(|node| &mut self.nodes[node.position()]) else {
                continue;
            };
            for &claim in &record.claims {
                if let ClaimRef::Known(claim) = claim
                    && let storage::Binding::Volume(volume) = self.storage.claims[claim.position()].binding
                {
                    let volume = snapshot.volume(volume);
                    node.attached.retain(|&attached| attached != (volume.driver, volume.handle));
                }
            }
        }
    }

    /// Which classes mean or repel which.
    pub(crate) fn links(&self) -> &Links {
        &self.links
    }

    /// The node of that name.
    pub fn find_node(&self, name: Text) -> Option<usize> {
        self.node_numbers.get(&name).copied()
    }

    /// The name of the node at `node`.
    pub fn node_name(&self, node: usize) -> &str {
        self.snapshot.name_of(self.snapshot.node(NodeId::at(node)))
    }
}

fn incomplete_sets(sets: &HashMap<WorkloadId, StatefulModel>) -> Vec<WorkloadId> {
    let lacking = sets.iter().filter(|(_, set)| set.slots.iter().any(Option::is_none));
    let mut ids: Vec<WorkloadId> = lacking.map(|(&id, _)| id).collect();
    ids.sort_unstable();
    ids
}

fn waiting(snapshot: &Snapshot) -> Vec<PodIndex> {
    let waits =
        |pod: &ha_core::snapshot::Pod| pod.node_name.is_empty() && !pod.is_finished() && pod.deleted_at.is_none();
    let pods = snapshot.pods.iter().enumerate().filter(|(_, pod)| waits(pod));
    pods.map(|(position, _)| PodIndex::at(position)).collect()
}

fn nodes(snapshot: &Snapshot, names: &Names, resources: &mut Resources) -> (Vec<NodeModel>, Vec<i64>) {
    let mut nodes: Vec<NodeModel> = Vec::with_capacity(snapshot.nodes.len());
    let mut amounts = Vec::with_capacity(snapshot.nodes.len());
    for node in &snapshot.nodes {
        let (given, pods) = resources.allocatable(names, &node.allocatable);
        nodes.push(NodeModel { pods, dead: is_dead(snapshot, node), ..NodeModel::default() });
        amounts.push(given);
    }
    let width = resources.count();
    let mut allocatable = vec![0; width * nodes.len()];
    for (position, given) in amounts.iter().enumerate() {
        for &(resource, value) in given {
            allocatable[position * width + resource.position()] = value;
        }
    }
    storage::describe_nodes(snapshot, &mut nodes);
    (nodes, allocatable)
}

fn some_prefer_no_pods(snapshot: &Snapshot) -> bool {
    let mut taints = snapshot.nodes.iter().flat_map(|node| &node.taints);
    taints.any(|taint| taint.effect == TaintEffect::PreferNoSchedule)
}

fn is_dead(snapshot: &Snapshot, node: &ha_core::snapshot::Node) -> bool {
    let keys = ["node.kubernetes.io/unreachable", "node.kubernetes.io/not-ready"];
    node.taints.iter().any(|taint| taint.effect == TaintEffect::NoExecute && keys.contains(&snapshot.text(taint.key)))
}

fn images(snapshot: &Snapshot) -> HashMap<Text, ImageModel> {
    let mut images: HashMap<Text, ImageModel> = HashMap::new();
    for (position, node) in snapshot.nodes.iter().enumerate() {
        for image in &node.images {
            let known = images.entry(image.resource).or_insert_with(|| ImageModel {
                bytes: image.value,
                on_node: vec![false; snapshot.nodes.len()],
                nodes: 0,
            });
            known.on_node[position] = true;
            known.nodes += 1;
        }
    }
    images
}

/// `nodeTree.list` in `pkg/scheduler/backend/cache/node_tree.go`, for nodes that were added in the order of their names.
fn node_order(snapshot: &Snapshot) -> Vec<u32> {
    let mut zones: Vec<Vec<u32>> = Vec::new();
    let mut numbers: HashMap<(Text, Text), usize> = HashMap::new();
    for (position, node) in (0_u32..).zip(&snapshot.nodes) {
        let number = *numbers.entry((node.region, node.zone)).or_insert(zones.len());
        if number == zones.len() {
            zones.push(Vec::new());
        }
        zones[number].push(position);
    }
    let longest = zones.iter().map(Vec::len).max().unwrap_or(0);
    (0..longest).flat_map(|round| zones.iter().filter_map(move |zone| zone.get(round).copied())).collect()
}

fn budgets_of_classes(model: &Model) -> Vec<Vec<BudgetId>> {
    let snapshot = model.snapshot;
    let mut of_namespace: HashMap<Text, Vec<BudgetId>> = HashMap::new();
    for (position, budget) in snapshot.budgets.iter().enumerate() {
        of_namespace.entry(budget.namespace).or_default().push(BudgetId::at(position));
    }
    let of_class = |class: &PodClass| {
        let labels = model.labels(class.key.labels);
        let matches = |&id: &BudgetId| {
            let selector = snapshot.budget(id).selector.as_ref();
            selector.is_some_and(|selector| selector.matches(labels, &snapshot.texts))
        };
        let here = of_namespace.get(&class.key.namespace).map_or(&[][..], Vec::as_slice);
        here.iter().copied().filter(matches).collect()
    };
    model.classes.iter().map(of_class).collect()
}

/// The labels without those keys, with `added` in their place, sorted by key as the snapshot's are.
fn relabelled(names: &Names, labels: &LabelSet, dropped: &[Text], added: &[Label]) -> LabelSet {
    let kept = labels.labels.iter().filter(|label| !dropped.contains(&label.key)).copied();
    let mut labels: Vec<Label> = kept.chain(added.iter().copied()).collect();
    labels.sort_by(|a, b| names.get(a.key).cmp(names.get(b.key)));
    labels.dedup_by(|a, b| a.key == b.key);
    LabelSet { labels }
}
