//! Nodes that take a pod whatever the other displaced pods do: the third case of the argument in [`order`](crate::order).
//!
//! Words are those of that text: D, S, and L, the pods that vanish. Replacements are created while others of L may still
//! be there, so between S and the end a state holds S, some pods of D, and some of L. Let p be a pod of D without ports
//! and disks, whose claims were all bound before anything happened and may be mounted by several pods.
//!
//! A node is *solid* for p when it passes all filters in S and has room left for everything that all of D requests
//! together. Labels, taints and bound volumes do not change, so only anti-affinity, the skew of a spread, and affinity can
//! make a solid node refuse p later; [`threats`](crate::threats) tells off how many nodes these can keep p at most. If
//! all together cannot take away every node of some set of solid nodes, p is placed in every run.
//!
//! Or else: let p have one hard spread constraint and nothing of the others. If each domain that can ever have the smallest
//! count has a solid node, p is placed in every run.

use crate::cycle::Cycle;
use crate::filters;
use crate::ids::{DomainId, ResourceId};
use crate::model::ClaimRef;
use crate::model::storage::Binding;
use crate::schedule::candidates;
use crate::shortage::Demand;
use crate::state::{State, flag};
use crate::threats::{Others, Threat, emptiest, threats};

/// Whether p is placed in every run, as far as solid nodes tell. The cycle is one of S.
pub(crate) fn is_always_placed(state: &mut State, demand: &Demand, others: &Others, cycle: &Cycle) -> bool {
    if !is_covered(state, cycle) {
        return false;
    }
    let Some(threats) = threats(state, others, cycle) else {
        return false;
    };
    let order = candidates(state, cycle.statics);
    let mut solid = Vec::new();
    // Not all pods look at the same nodes first.
    let start = if order.is_empty() { 0 } else { cycle.pod.position() % order.len() };
    for &node in order[start..].iter().chain(&order[..start]) {
        let node = node as usize;
        if !is_solid(state, demand, cycle, node) {
            continue;
        }
        solid.push(node);
        if threats.is_empty() || (solid.len().is_power_of_two() && outnumbers(state, &threats, &solid)) {
            return true;
        }
    }
    !solid.is_empty() && (outnumbers(state, &threats, &solid) || holds_the_emptiest(state, cycle, &threats, &solid))
}

/// Whether the argument covers p.
fn is_covered(state: &State, cycle: &Cycle) -> bool {
    let was_bound = |claim: &ClaimRef| match claim {
        ClaimRef::Known(claim) => matches!(state.model.storage.claims[claim.position()].binding, Binding::Volume(_)),
        ClaimRef::Missing(_) => false,
    };
    cycle.shape.ports.is_empty()
        && cycle.shape.disks.is_empty()
        && cycle.single_pod_claims.is_empty()
        && state.pod(cycle.pod).claims.iter().all(was_bound)
}

fn is_solid(state: &State, demand: &Demand, cycle: &Cycle, node: usize) -> bool {
    let model = state.model;
    let left = state.left(node);
    let has_room = |&(resource, _): &(ResourceId, i64)| {
        let place = resource.after_pods();
        left[place] >= demand.all[place]
    };
    let has_limits = !cycle.volumes.claims.is_empty() && !model.nodes[node].volume_limits.is_empty();
    // Pods that are to vanish from a node that was hit may be on it still. A pod that is made for a silent node takes the
    // place of one there.
    let flags = state.flags(node);
    let is_made_for_it = flags & flag::CORDONED == 0 && !cycle.statics.spec.pinned.is_empty();
    !has_limits
        && (flags == 0 || is_made_for_it)
        && left[0] >= demand.all[0]
        && cycle.shape.requests.amounts.iter().all(has_room)
        && state.is_present(node)
        && filters::check(state, cycle, node).is_none()
}

/// Whether all threats together leave one of the nodes.
fn outnumbers(state: &State, threats: &[Threat], solid: &[usize]) -> bool {
    threats.iter().map(|threat| threat.reach(state, solid)).sum::<usize>() < solid.len()
}

/// Whether every domain that can ever have the smallest count of the one spread constraint has a solid node.
fn holds_the_emptiest(state: &State, cycle: &Cycle, threats: &[Threat], solid: &[usize]) -> bool {
    let ([check], [Threat { others, spread: Some(_), .. }]) = (&cycle.spread[..], threats) else {
        return false;
    };
    let has_solid =
        |domain: DomainId| solid.iter().any(|&node| state.model.topology.domain(check.key, node) == Some(domain));
    emptiest(state, check, *others).is_some_and(|domains| domains.into_iter().all(has_solid))
}
