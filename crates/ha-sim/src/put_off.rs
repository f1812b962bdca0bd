//! Pods that are sure to be refused once more, told without looking at every node.
//!
//! Where a hard spread constraint finds each domain too full that has a node for the pod, every node refuses it: for lack
//! of room, or else for the spread. Preemption helps nowhere either, since no constraint of the pod counts pods of lower
//! priority. The same holds where a volume of the pod can be used on no node that labels and taints leave, whoever comes
//! or goes. Such pods wait and are tried again and again. What an attempt leaves behind is then known: the dice rolled,
//! and the pod waiting. Why it waits is asked for at the end only, and once for all pods that differ in nothing that
//! matters.
//!
//! Left out: pods with ports or disks, and moments at which room is promised to some pod.

use std::rc::Rc;

use ha_core::text::Text;
use hashbrown::HashMap;

use crate::cycle::{Cycle, Plugin, Refusal};
use crate::filters::{node_volume_limits, volume_binding};
use crate::ids::{KeyId, PodIndex, ReachId, StaticId};
use crate::model::Requests;
use crate::preemption::{Written, preempt};
use crate::schedule::{Attempt, Diagnosis, Search, begin, schedule};
use crate::state::State;

/// What the scheduler's words about a pod that was put off depend on.
#[derive(Debug, PartialEq, Eq, Hash)]
struct Likeness<'m> {
    requests: &'m Requests,
    statics: StaticId,
    level: usize,
    never_preempts: bool,
    why: Why,
}

/// What keeps the pod off all nodes that have room for it.
#[derive(Debug, PartialEq, Eq, Hash)]
enum Why {
    /// The domains that are too full, one bit each.
    Spread(KeyId, u64),
    /// Where its only volume can be used, and the driver that would attach it.
    Volume(ReachId, Text),
}

/// Why pods wait that were put off.
#[derive(Debug, Default)]
pub(crate) struct Explanations<'m>(HashMap<Likeness<'m>, Rc<Diagnosis>>);

/// The plugin for which every node refuses a pod, unless it does so for lack of room already, and with which preemption
/// helps nowhere; none where that is not sure.
pub(crate) fn sure_refusal<'m>(state: &mut State<'m>, cycle: &Cycle<'m>) -> Option<Plugin> {
    let shape = cycle.shape;
    let is_simple = cycle.statics.only_nodes.is_none()
        && shape.ports.is_empty()
        && !cycle.checks_restrictions
        && state.nominated().is_empty();
    if !is_simple {
        None
    } else if volume_binding::is_out_of_reach(state, cycle) {
        Some(Plugin::VolumeBinding)
    } else if cycle.volumes.claims.is_empty() && is_refused_by_spread(state, cycle) {
        Some(Plugin::PodTopologySpread)
    } else {
        None
    }
}

/// Whether every node refuses a pod without claims, some only for its spread, and preemption helps nowhere.
fn is_refused_by_spread<'m>(state: &mut State<'m>, cycle: &Cycle<'m>) -> bool {
    let is_complete = cycle.spread.iter().all(|check| state.model.topology.is_complete(check.key));
    !cycle.spread.is_empty()
        && is_complete
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

/// What stands for the words about a pod that was put off: pods that go help it, as far as anyone knows, and where the
/// spread refuses it pods that come do, too.
pub(crate) fn placeholder(state: &State, plugin: Plugin) -> Rc<Diagnosis> {
    let refusal = Refusal { plugin, reasons: 2, unresolvable: false };
    Rc::new(Diagnosis { refusals: vec![(refusal, 1)], ..Diagnosis::new(state) })
}

impl<'m> Explanations<'m> {
    /// The scheduler's words about a pod as things are.
    pub(crate) fn of(&mut self, state: &mut State<'m>, search: &Search, pod: PodIndex) -> Rc<Diagnosis> {
        let cycle = match begin(state, pod) {
            Ok(cycle) => cycle,
            Err(refused) => return Rc::new(refused.diagnosis),
        };
        let likeness = likeness(state, &cycle);
        if let Some(known) = likeness.as_ref().and_then(|likeness| self.0.get(likeness)) {
            return known.clone();
        }
        let diagnosis = Rc::new(diagnosis(state, search, cycle));
        if let Some(likeness) = likeness {
            self.0.insert(likeness, diagnosis.clone());
        }
        diagnosis
    }
}

/// None where something has a say that is the pod's own.
fn likeness<'m>(state: &mut State<'m>, cycle: &Cycle<'m>) -> Option<Likeness<'m>> {
    let why = match sure_refusal(state, cycle)? {
        Plugin::PodTopologySpread => too_full(cycle),
        _ => out_of_reach(state, cycle),
    };
    Some(Likeness {
        requests: &cycle.shape.requests,
        statics: cycle.class.statics,
        level: state.model.level(state.pod(cycle.pod).class),
        never_preempts: cycle.shape.never_preempts,
        why: why?,
    })
}

fn too_full(cycle: &Cycle) -> Option<Why> {
    let [check] = cycle.spread[..] else {
        return None;
    };
    Some(Why::Spread(check.key, check.full?))
}

/// What refuses a node after VolumeBinding is not asked. Of the filters before it NodeVolumeLimits looks at the volume,
/// and sees one like all others of its driver, unless some node has it attached.
fn out_of_reach(state: &State, cycle: &Cycle) -> Option<Why> {
    let [claim] = cycle.volumes.claims[..] else {
        return None;
    };
    let reach = cycle.volumes.reaches().next()?;
    let driver = node_volume_limits::driver_of_detached(state, claim)?;
    Some(Why::Volume(reach.id, driver))
}

/// One more attempt, of which nothing stays.
fn diagnosis<'m>(state: &mut State<'m>, search: &Search, cycle: Cycle<'m>) -> Diagnosis {
    let (mark, mut search) = (state.mark(), search.clone());
    let mut diagnosis = Diagnosis::new(state);
    if let Attempt::Refused(refused) = schedule(state, &mut search, cycle) {
        diagnosis = refused.diagnosis;
        if let Some(mut cycle) = refused.cycle
            && let Err(message) = preempt(state, &mut search.random, &mut cycle, &diagnosis, &Written::new())
        {
            diagnosis.preemption = message;
        }
    }
    state.undo_to(mark);
    diagnosis.resolvable = Vec::new();
    diagnosis
}
