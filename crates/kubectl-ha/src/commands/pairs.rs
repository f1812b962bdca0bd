//! `kubectl ha simulate --each pair`: what comes of every pair of nodes, in names.

use std::sync::atomic::AtomicBool;

use ha_core::Snapshot;
use ha_core::impact::LossMode;
use ha_core::report::ObjectReference;
use ha_core::report::pairs::{BrokenByPairs, PairEnd, PairEnds, Pairs, UndecidedWorkload, WorstPair};
use ha_core::snapshot::{NodeId, WorkloadId};
use ha_sim::Model;
use ha_sim::pairs::{Broken, End, Pair, Subject, pairs};
use ha_sim::simulate::Options;

/// How many nodes and pairs are named per workload.
const NAMED: usize = 10;

/// Tells of all pairs; once `cancelled` is set, what is not shown by then is left open.
pub(super) fn simulated(snapshot: &Snapshot, mode: LossMode, options: &Options, cancelled: &AtomicBool) -> Pairs {
    let found = pairs(&Model::new(snapshot), mode, options, cancelled);
    let worst = found.worst.iter().map(|pair| WorstPair {
        nodes: names(snapshot, pair.nodes),
        cluster: pair.cluster,
        down: pair.down,
        below: pair.below,
        stops_control_plane: pair.stops_control_plane,
        recovered: match pair.end {
            End::Holds => PairEnd::Holds,
            End::Breaks => PairEnd::Breaks,
            End::Open => PairEnd::DependsOnOrder,
        },
    });
    let undecided = found.undecided.iter();
    Pairs {
        mode: mode.to_string(),
        pairs: found.all,
        complete: found.is_complete,
        broken_at_once: found.broken_at_once,
        stop_control_plane: found.stop_control_plane,
        recovered: PairEnds { holds: found.hold, breaks: found.break_for_good, depends_on_order: found.open },
        worst: worst.collect(),
        broken: found.broken.iter().map(|broken| broken_by_pairs(snapshot, broken)).collect(),
        undecided: undecided.map(|&(id, nodes)| UndecidedWorkload { object: object(snapshot, id), nodes }).collect(),
        undecided_workloads: found.undecided_workloads,
    }
}

fn object(snapshot: &Snapshot, id: WorkloadId) -> ObjectReference {
    ObjectReference::of(snapshot, snapshot.workload(id).object)
}

fn name(snapshot: &Snapshot, id: NodeId) -> String {
    snapshot.name_of(snapshot.node(id)).to_owned()
}

fn names(snapshot: &Snapshot, (first, second): Pair) -> Vec<String> {
    vec![name(snapshot, first), name(snapshot, second)]
}

fn broken_by_pairs(snapshot: &Snapshot, broken: &Broken) -> BrokenByPairs {
    let (object, part) = match broken.subject {
        Subject::Workload(id) => (object(snapshot, id), None),
        Subject::Cluster(id, part) => (ObjectReference::of(snapshot, id), Some(part.to_owned())),
    };
    let (nodes_alone, alone) = &broken.alone;
    let (pairs, examples) = &broken.pairs;
    BrokenByPairs {
        object,
        part,
        before: broken.before,
        needed: broken.needed,
        verdict: broken.verdict,
        nodes_alone: *nodes_alone,
        alone: alone.iter().take(NAMED).map(|&node| name(snapshot, node)).collect(),
        pairs: *pairs,
        examples: examples.iter().take(NAMED).map(|&pair| names(snapshot, pair)).collect(),
    }
}
