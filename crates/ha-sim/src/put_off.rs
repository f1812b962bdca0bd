//! Pods that are sure to be refused once more, told without looking at every node.
//!
//! Where a hard spread constraint finds each domain too full that has a node for the pod, every node refuses it: for lack
//! of room, or else for the spread. Preemption helps nowhere either, since no constraint of the pod counts pods of lower
//! priority. Such pods wait for others to come or go, and are tried again and again. What an attempt leaves behind is then
//! known: the dice rolled, and the pod waiting for both. Why it waits is asked for at the end only, and once for all pods
//! that differ in nothing that matters.
//!
//! Left out: pods with ports, disks or claims, and moments at which room is promised to some pod.

use std::rc::Rc;

use hashbrown::HashMap;

use crate::cycle::{Cycle, Plugin, Refusal};
use crate::ids::{KeyId, PodIndex, StaticId};
use crate::model::Requests;
use crate::preemption::preempt;
use crate::schedule::{Attempt, Diagnosis, Search, schedule};
use crate::state::State;

/// What the scheduler's words about a pod that was put off depend on.
type Likeness<'m> = (&'m Requests, StaticId, KeyId, u64, usize, bool);

/// Why pods wait that were put off.
#[derive(Debug, Default)]
pub(crate) struct Explanations<'m>(HashMap<Likeness<'m>, Rc<Diagnosis>>);

/// Whether every node refuses a pod without claims, some only for its spread, and preemption helps nowhere.
pub(crate) fn is_surely_refused<'m>(state: &mut State<'m>, cycle: &Cycle<'m>) -> bool {
    let shape = cycle.shape;
    let is_complete = cycle.spread.iter().all(|check| state.model.topology.is_complete(check.key));
    is_complete
        && cycle.statics.only_nodes.is_none()
        && shape.ports.is_empty()
        && shape.disks.is_empty()
        && state.nominated().is_empty()
        && cycle.plan.is_deaf_below(state, cycle.class.key.priority)
        && cycle.spread.iter().any(|check| {
            let open = state.open_domains(cycle.class.statics, check.key);
            check.full.is_some_and(|full| open & !full == 0)
        })
        && has_room(state, cycle)
}

/// Whether some node has room for the pod that labels and taints leave.
fn has_room<'m>(state: &mut State<'m>, cycle: &Cycle<'m>) -> bool {
    let (model, requests) = (state.model, &cycle.shape.requests);
    let mut room = state.rooms.take(requests, model.nodes.len());
    let found = cycle.statics.passing(model.snapshot, &model.node_order).iter().any(|&node| {
        let node = node as usize;
        state.is_present(node) && !cycle.refuses_flags(state.flags(node)) && room.score(state, cycle, node).is_some()
    });
    state.rooms.keep(requests, room);
    found
}

/// What stands for the words about a pod that was put off: it is helped by pods that come, and by pods that go.
pub(crate) fn placeholder(state: &State) -> Rc<Diagnosis> {
    let refusal = Refusal { plugin: Plugin::PodTopologySpread, reasons: 2, unresolvable: false };
    Rc::new(Diagnosis { refusals: vec![(refusal, 1)], ..Diagnosis::new(state) })
}

impl<'m> Explanations<'m> {
    /// The scheduler's words about a pod as things are.
    pub(crate) fn of(&mut self, state: &mut State<'m>, search: &Search, pod: PodIndex) -> Rc<Diagnosis> {
        let likeness = likeness(state, pod);
        if let Some(known) = likeness.and_then(|likeness| self.0.get(&likeness)) {
            return known.clone();
        }
        let diagnosis = Rc::new(diagnosis(state, search, pod));
        if let Some(likeness) = likeness {
            self.0.insert(likeness, diagnosis.clone());
        }
        diagnosis
    }
}

/// None where a second constraint has a say.
fn likeness<'m>(state: &mut State<'m>, pod: PodIndex) -> Option<Likeness<'m>> {
    let cycle = Cycle::start(state, pod).ok()?;
    let [check] = cycle.spread[..] else {
        return None;
    };
    let level = state.model.level(state.pod(pod).class);
    let (shape, statics) = (cycle.shape, cycle.class.statics);
    is_surely_refused(state, &cycle).then_some((
        &shape.requests,
        statics,
        check.key,
        check.full?,
        level,
        shape.never_preempts,
    ))
}

/// One more attempt, of which nothing stays.
fn diagnosis(state: &mut State, search: &Search, pod: PodIndex) -> Diagnosis {
    let (mark, mut search) = (state.mark(), search.clone());
    let mut diagnosis = Diagnosis::new(state);
    if let Attempt::Refused(refused) = schedule(state, &mut search, pod) {
        diagnosis = refused.diagnosis;
        if let Some(mut cycle) = refused.cycle
            && let Err(message) = preempt(state, &mut search.random, &mut cycle, &diagnosis)
        {
            diagnosis.preemption = message;
        }
    }
    state.undo_to(mark);
    diagnosis.resolvable = Vec::new();
    diagnosis
}
