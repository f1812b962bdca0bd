//! What controllers do when pods vanish: which are recreated, and when.
//!
//! ReplicaSets, ReplicationControllers and Jobs create a pod for each that is gone, at once. StatefulSets recreate the
//! same ordinal with the same claims; with `OrderedReady` one at a time, each only when all before it are ready
//! (`processReplica` in `pkg/controller/statefulset/stateful_set_control.go`). DaemonSets create a pod again where its node
//! is there and their pods tolerate its taints (`NodeShouldRunDaemonPod` in `pkg/controller/daemon/daemon_controller.go`),
//! and delete those that wait for a node which is gone (`getUnscheduledPodsWithoutNode`). Bare and static pods are gone
//! for good.
//! A pod that quotas deny is not created; its controller tries again when pods have gone.
//! Differs from upstream 1.36: a replacement has the specification of the pod that it replaces, which is that of its
//! ReplicaSet or revision; only a StatefulSet in the middle of a rollout may give its pods a newer one. Custom
//! controllers are taken to recreate what they lost; the outcome is then reported as unknown.

use ha_core::snapshot::{WorkloadId, WorkloadKind};
use ha_core::text::Text;
use hashbrown::HashMap;

use crate::eviction::is_ready;
use crate::filters::volume_binding;
use crate::ids::{ClaimIndex, ClassId, PodIndex};
use crate::model::statics::bit;
use crate::model::storage::{Binding, BindingMode};
use crate::model::{ClaimRef, PodModel};
use crate::random::Random;
use crate::schedule;
use crate::state::State;

/// StatefulSets whose pods came or went.
#[derive(Clone, Debug, Default)]
pub struct Controllers {
    sets: HashMap<WorkloadId, Set>,
    /// By how much what counts against a quota's limits has changed, by namespace and resource.
    used: HashMap<(Text, Text), i64>,
    denied: Vec<PodModel>,
    denied_sets: Vec<WorkloadId>,
    ignores_quotas: bool,
}

#[derive(Clone, Debug)]
struct Set {
    parallel: bool,
    slots: Vec<Slot>,
}

#[derive(Clone, Debug)]
struct Slot {
    pod: Option<PodIndex>,
    next: PodModel,
}

/// What a controller does about a pod that vanished.
#[derive(Debug, PartialEq, Eq)]
pub enum Answer {
    /// It created this pod.
    Created(PodIndex),
    /// Its StatefulSet has to be looked at.
    Set(WorkloadId),
    /// Nothing.
    Nothing,
}

impl Controllers {
    /// Controllers whom no quota denies anything.
    pub(crate) fn without_quotas() -> Self {
        Self { ignores_quotas: true, ..Self::default() }
    }

    /// Pods that quotas deny, by workload; those of StatefulSets left out.
    pub(crate) fn denied(&self) -> impl Iterator<Item = WorkloadId> {
        self.denied.iter().map(|pod| pod.workload)
    }

    /// How many pods StatefulSets lack that they have not created yet; by workload, in no order.
    pub(crate) fn lacking(&self) -> impl Iterator<Item = (WorkloadId, usize)> {
        let lacking = |set: &Set| set.slots.iter().filter(|slot| slot.pod.is_none()).count();
        self.sets.iter().map(move |(&id, set)| (id, lacking(set))).filter(|&(_, pods)| pods > 0)
    }

    /// Tries to create what quotas denied before. Which controller is the first to try is chance.
    pub(crate) fn try_denied(&mut self, state: &mut State, random: &mut Random) -> Vec<PodIndex> {
        let mut denied = std::mem::take(&mut self.denied);
        let sets = std::mem::take(&mut self.denied_sets);
        random.shuffle(&mut denied);
        let sets_first = !denied.is_empty() && !sets.is_empty() && random.below(2) == 1;
        let mut created = if sets_first { self.sync_all(state, random, &sets) } else { Vec::new() };
        created.extend(denied.into_iter().filter_map(|pod| self.create(state, pod)));
        if !sets_first {
            created.extend(self.sync_all(state, random, &sets));
        }
        created
    }

    fn sync_all(&mut self, state: &mut State, random: &mut Random, sets: &[WorkloadId]) -> Vec<PodIndex> {
        sets.iter().flat_map(|&workload| self.sync(state, random, workload)).collect()
    }

    /// Creates a pod if quotas admit it now.
    pub(crate) fn bring(&mut self, state: &mut State, pod: PodModel) -> Option<PodIndex> {
        if !self.admits(state, &pod) {
            return None;
        }
        self.count(state, pod.class, 1);
        Some(state.create(pod))
    }

    fn create(&mut self, state: &mut State, pod: PodModel) -> Option<PodIndex> {
        if !self.admits(state, &pod) {
            self.denied.push(pod);
            return None;
        }
        self.count(state, pod.class, 1);
        Some(state.create(pod))
    }

    /// Whether quotas admit a pod. What it does not ask for is not checked.
    fn admits(&self, state: &State, pod: &PodModel) -> bool {
        let class = state.model.class(pod.class);
        let Some(quotas) = state.model.quotas.get(&class.key.namespace).filter(|_| !self.ignores_quotas) else {
            return true;
        };
        let usage = &state.model.shape(class.shape).usage;
        quotas.limits.iter().all(|limit| {
            let changed = self.used.get(&(class.key.namespace, limit.resource)).copied().unwrap_or(0);
            let asked = usage.amounts.iter().find(|(resource, _)| *resource == limit.resource);
            !usage.lacking.contains(&limit.resource) && asked.is_none_or(|&(_, amount)| limit.admits(changed, amount))
        })
    }

    fn count(&mut self, state: &State, class: ClassId, sign: i64) {
        let class = state.model.class(class);
        for &(resource, amount) in &state.model.shape(class.shape).usage.amounts {
            *self.used.entry((class.key.namespace, resource)).or_insert(0) += sign * amount;
        }
    }

    /// A pod no longer counts against quotas.
    pub(crate) fn deleted(&mut self, state: &State, pod: PodIndex) {
        self.count(state, state.pod(pod).class, -1);
    }

    /// Whether quotas have denied something.
    pub(crate) fn is_denied(&self) -> bool {
        !self.denied.is_empty() || !self.denied_sets.is_empty()
    }

    /// The controller of a pod that vanished answers, after [`deleted`](Self::deleted).
    pub fn lost(&mut self, state: &mut State, pod: PodIndex) -> Answer {
        let workload = state.pod(pod).workload;
        let snapshot = state.model.snapshot;
        match snapshot.workload(workload).kind {
            WorkloadKind::BarePod | WorkloadKind::StaticPod => Answer::Nothing,
            WorkloadKind::DaemonSet if !is_wanted(state, pod) => Answer::Nothing,
            WorkloadKind::DaemonSet => {
                let next = successor(state, pod);
                self.create(state, next).map_or(Answer::Nothing, Answer::Created)
            }
            WorkloadKind::StatefulSet => {
                self.vacate(state, workload, pod);
                Answer::Set(workload)
            }
            // One that was being deleted has its replacement already.
            _ if state.pod(pod).terminating => Answer::Nothing,
            _ => {
                let next = successor(state, pod);
                self.create(state, next).map_or(Answer::Nothing, Answer::Created)
            }
        }
    }

    fn vacate(&mut self, state: &State, workload: WorkloadId, pod: PodIndex) {
        if let Some(set) = self.set(state, workload)
            && let Some(slot) = set.slots.iter_mut().find(|slot| slot.pod == Some(pod))
        {
            slot.pod = None;
        }
    }

    fn set(&mut self, state: &State, workload: WorkloadId) -> Option<&mut Set> {
        let model = state.model.sets.get(&workload)?;
        Some(self.sets.entry(workload).or_insert_with(|| {
            let slots = model.slots.iter().zip(&model.prototypes);
            let slots = slots.filter_map(|(&pod, prototype)| {
                let next = pod.map(|pod| successor(state, pod)).or_else(|| prototype.clone())?;
                Some(Slot { pod, next })
            });
            Set { parallel: model.parallel, slots: slots.collect() }
        }))
    }

    /// Looks at a StatefulSet once: the pods that it creates now.
    pub fn sync(&mut self, state: &mut State, random: &mut Random, workload: WorkloadId) -> Vec<PodIndex> {
        let mut created = Vec::new();
        if self.set(state, workload).is_none() {
            return created;
        }
        let Some(mut set) = self.sets.remove(&workload) else {
            return created;
        };
        for slot in &mut set.slots {
            let ready = slot.pod.is_some_and(|pod| is_ready(state, pod) && !state.pod(pod).terminating);
            if slot.pod.is_none() {
                if !self.admits(state, &slot.next) {
                    self.denied_sets.push(workload);
                    break;
                }
                self.count(state, slot.next.class, 1);
                create_claims(state, random, &slot.next);
                let pod = state.create(slot.next.clone());
                slot.pod = Some(pod);
                created.push(pod);
            }
            if !ready && !set.parallel {
                break;
            }
        }
        self.sets.insert(workload, set);
        created
    }
}

impl Controllers {
    /// Creates every pod that the StatefulSets looked at so far lack, whether their order allows it yet or not.
    pub(crate) fn create_all(&mut self, state: &mut State, random: &mut Random) -> Vec<PodIndex> {
        let mut created = Vec::new();
        let mut sets: Vec<(&WorkloadId, &mut Set)> = self.sets.iter_mut().collect();
        sets.sort_by_key(|(id, _)| **id);
        for slot in sets.into_iter().flat_map(|(_, set)| &mut set.slots).filter(|slot| slot.pod.is_none()) {
            create_claims(state, random, &slot.next);
            let pod = state.create(slot.next.clone());
            slot.pod = Some(pod);
            created.push(pod);
        }
        created
    }
}

/// Whether a DaemonSet runs a pod on the node that this one is for (`NodeShouldRunDaemonPod`). A cordon alone does not
/// count.
pub(crate) fn is_wanted(state: &State, pod: PodIndex) -> bool {
    const LOOKED_AT: u8 = bit::NAME | bit::TAINT | bit::AFFINITY;
    let class = state.model.class(state.pod(pod).class);
    let node = state.model.find_node(class.key.pinned);
    node.is_some_and(|node| state.is_present(node) && state.static_mask(class.statics, node) & LOOKED_AT == 0)
}

/// Whether a DaemonSet deletes the pod, which waits for a node that is gone. The controller is not told of deleted nodes,
/// but of its pods that were tried once more; one that gates hold back, or that is another scheduler's, is not tried.
pub(crate) fn is_left_over(state: &State, pod: PodIndex) -> bool {
    let class = state.model.class(state.pod(pod).class);
    let workload = state.model.snapshot.workload(state.pod(pod).workload);
    workload.kind == WorkloadKind::DaemonSet
        && state.node_of(pod).is_none()
        && !state.model.shape(class.shape).gated
        && schedule::unknown(state, pod).is_empty()
        && state.model.find_node(class.key.pinned).is_some_and(|node| !state.is_present(node))
}

/// The pod that takes the place of one that vanished.
fn successor(state: &State, pod: PodIndex) -> PodModel {
    let lost = state.pod(pod);
    let model = state.model;
    PodModel { class: model.replacement(lost.class), started: None, terminating: false, ..lost.clone() }
}

/// The claims of the set's templates that do not exist are made together with the pod, and bound by the volume
/// controller where their class does not wait for the pod.
fn create_claims(state: &mut State, random: &mut Random, pod: &PodModel) {
    let model = state.model;
    let workload = model.snapshot.workload(pod.workload);
    let Some(settings) = &workload.stateful else {
        return;
    };
    let set = model.snapshot.name_of(workload);
    for &claim in &pod.claims {
        let ClaimRef::Missing(name) = claim else {
            continue;
        };
        if state.find_claim(workload.namespace, name).is_some() {
            continue;
        }
        let of_template = |template: &&ha_core::snapshot::ClaimTemplate| {
            let rest = model.names.get(name).strip_prefix(model.snapshot.text(template.name));
            rest.and_then(|rest| rest.strip_prefix('-')?.strip_prefix(set)).is_some()
        };
        if let Some(template) = settings.claim_templates.iter().find(of_template) {
            let index = state.create_claim(model.storage.templated(template, workload.namespace, name));
            bind_at_once(state, random, index);
        }
    }
}

fn bind_at_once(state: &mut State, random: &mut Random, claim: ClaimIndex) {
    let model = state.model;
    let class = state.claim(claim).class;
    if model.storage.mode(model.snapshot, class) == BindingMode::WaitForFirstConsumer {
        return;
    }
    let rotation = random.below(usize::from(u16::MAX));
    if let Some(volume) = volume_binding::matching_volume(state, claim, None, &[], rotation) {
        state.bind(claim, Binding::Volume(volume));
    } else if model.storage.class(model.snapshot, class).is_some_and(|class| model.storage.provisions(class)) {
        // A volume is made wherever its driver likes.
        let node = random.below(model.nodes.len());
        state.bind(claim, Binding::Provisioned(u32::try_from(node).unwrap_or(0)));
    }
}
