//! The filter plugins of the default profile, one file each, named after them.
//!
//! A node is refused by the first plugin that says no, in the order of `getDefaultPlugins` in
//! `pkg/scheduler/apis/config/v1/default_plugins.go`. Left out: NodeDeclaredFeatures and DynamicResources (pods that
//! ask for dynamic resources are reported as unknown), and the plugins of pod groups, which are off in 1.36.

use crate::cycle::{Cycle, Refusal};
use crate::state::State;

pub mod inter_pod_affinity;
pub mod node_affinity;
pub mod node_name;
pub mod node_ports;
pub mod node_resources_fit;
pub mod node_unschedulable;
pub mod node_volume_limits;
pub mod pod_topology_spread;
pub mod taint_toleration;
pub mod volume_binding;
pub mod volume_restrictions;
pub mod volume_zone;

/// Why a node does not take the pod, as things are; none when it does.
#[inline]
pub fn check(state: &State, cycle: &Cycle, node: usize) -> Option<Refusal> {
    let mask = cycle.mask(state, node);
    if mask != 0 { first_static(mask) } else { check_changing(state, cycle, node) }
}

/// The same without the filters on labels and taints.
#[inline]
pub(crate) fn check_changing(state: &State, cycle: &Cycle, node: usize) -> Option<Refusal> {
    if cycle.is_plain {
        return node_resources_fit::check(state, cycle, node);
    }
    node_ports::check(state, cycle, node)
        .or_else(|| node_resources_fit::check(state, cycle, node))
        .or_else(|| check_with_room(state, cycle, node))
}

/// The same on a node that has what the pod requests.
#[inline]
pub(crate) fn check_with_room(state: &State, cycle: &Cycle, node: usize) -> Option<Refusal> {
    if cycle.is_plain {
        return None;
    }
    node_ports::check(state, cycle, node)
        .or_else(|| if cycle.checks_volumes() { check_volumes(state, cycle, node) } else { None })
        .or_else(|| pod_topology_spread::check(state, cycle, node))
        .or_else(|| inter_pod_affinity::check(state, cycle, node))
}

/// The filters that look at the volumes of a pod.
fn check_volumes(state: &State, cycle: &Cycle, node: usize) -> Option<Refusal> {
    volume_restrictions::check(state, cycle, node)
        .or_else(|| node_volume_limits::check(state, cycle, node))
        .or_else(|| volume_binding::check(state, cycle, node))
        .or_else(|| volume_zone::check(state, cycle, node))
}

/// The first of the filters on labels and taints that refuse a node.
pub(crate) fn first_static(mask: u8) -> Option<Refusal> {
    node_unschedulable::check(mask)
        .or_else(|| node_name::check(mask))
        .or_else(|| taint_toleration::check(mask))
        .or_else(|| node_affinity::check(mask))
}
