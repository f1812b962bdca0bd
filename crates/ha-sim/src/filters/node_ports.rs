//! NodePorts refuses nodes on which a port that the pod opens on the node is in use.
//!
//! Source: `Filter` in `pkg/scheduler/framework/plugins/nodeports/node_ports.go`, `GetHostPorts` in
//! `pkg/scheduler/util/utils.go`, `CheckConflict` in `k8s.io/kube-scheduler/framework/types.go`.
//! Differs from upstream 1.36: no.

use crate::cycle::{Cycle, Plugin, Refusal};
use crate::state::State;

/// Why the node has no free port; none when it has.
#[inline]
pub fn check(state: &State, cycle: &Cycle, node: usize) -> Option<Refusal> {
    let in_use = state.ports_on(node);
    let conflict = cycle.shape.ports.iter().any(|port| in_use.iter().any(|other| port.conflicts(other)));
    conflict.then_some(Refusal { plugin: Plugin::NodePorts, reasons: 1, unresolvable: false })
}
