//! Puts the pods of a generated live cluster on nodes, the way a scheduler might have.
//!
//! It keeps what generated workloads ask for (pool, spread, different nodes, room) by taking the
//! nodes of a zone in turns; it is not a scheduler.

use serde_json::Value;

use super::plan::{Node, Placement, Pool, Workload, ZONES};

/// What a pod needs and a node has: thousandths of a core, and MiB.
#[derive(Debug, Clone, Copy)]
pub(super) struct Resources {
    milli_cpu: u64,
    memory: u64,
}

impl Resources {
    /// The sum of the requests of a pod's containers, which are whole `m` and `Mi`.
    pub(super) fn requested(pod_spec: &Value) -> Self {
        let sum = |resource: &str, unit: &str| {
            let containers = pod_spec["containers"].as_array();
            let requests = containers.into_iter().flatten().filter_map(|container| {
                let text = container["resources"]["requests"][resource].as_str()?;
                text.strip_suffix(unit)?.parse::<u64>().ok()
            });
            requests.sum()
        };
        Self { milli_cpu: sum("cpu", "m"), memory: sum("memory", "Mi") }
    }
}

/// The room that is left, and whose turn it is.
pub(super) struct Placer {
    room: Vec<Room>,
    /// Per pool of [`POOLS`].
    turns: [Turns; POOLS.len()],
}

/// The pools that generated workloads run in.
const POOLS: [Pool; 3] = [Pool::General, Pool::Memory, Pool::Dedicated];

#[derive(Debug, Clone, Copy)]
struct Room {
    free: Resources,
    pods: u64,
}

/// The nodes of one pool, zone by zone; each zone has a hand that goes around.
struct Turns {
    nodes: [Vec<usize>; ZONES.len()],
    hands: [usize; ZONES.len()],
}

impl Placer {
    pub(super) fn new(nodes: &[Node]) -> Self {
        let room = nodes.iter().map(|node| {
            let (cores, memory) = node.pool.capacity();
            let free = Resources { milli_cpu: cores * 1000, memory: memory * 1024 };
            Room { free, pods: 110 }
        });
        Self { room: room.collect(), turns: POOLS.map(|pool| Turns::new(nodes, pool)) }
    }

    /// Takes room on a given node, whether it is there or not: nothing keeps a DaemonSet away.
    pub(super) fn take(&mut self, node: usize, needs: Resources) {
        let Room { free, pods } = &mut self.room[node];
        free.milli_cpu = free.milli_cpu.saturating_sub(needs.milli_cpu);
        free.memory = free.memory.saturating_sub(needs.memory);
        *pods = pods.saturating_sub(1);
    }

    /// Nodes for all replicas of a workload; none for a replica whose zone is full.
    pub(super) fn place(&mut self, workload: &Workload, needs: Resources) -> Vec<Option<usize>> {
        let pool = workload.placement.pool();
        let pool = POOLS.iter().position(|other| *other == pool).unwrap_or_default();
        // Some of those who ask for nothing got all their pods into one zone.
        let together = workload.placement == Placement::Anywhere && workload.template.is_multiple_of(4);
        let zone = |replica: usize| {
            let step = if together { 0 } else { replica };
            (workload.template + step) % ZONES.len()
        };
        (0..workload.replicas).map(|replica| self.next(pool, zone(replica), needs)).collect()
    }

    fn next(&mut self, pool: usize, zone: usize, needs: Resources) -> Option<usize> {
        let turns = &mut self.turns[pool];
        let (nodes, hand) = (&turns.nodes[zone], &mut turns.hands[zone]);
        let room = &self.room;
        let fits = |node: usize| {
            let Room { free, pods } = room[node];
            pods > 0 && free.milli_cpu >= needs.milli_cpu && free.memory >= needs.memory
        };
        let turn = (0..nodes.len()).map(|step| (*hand + step) % nodes.len());
        let chosen = turn.into_iter().find(|position| fits(nodes[*position]))?;
        *hand = (chosen + 1) % nodes.len();
        let node = nodes[chosen];
        self.take(node, needs);
        Some(node)
    }
}

impl Turns {
    fn new(nodes: &[Node], pool: Pool) -> Self {
        let mut zones = [const { Vec::new() }; ZONES.len()];
        for (index, node) in nodes.iter().enumerate().filter(|(_, node)| node.pool == pool) {
            zones[node.zone].push(index);
        }
        Self { nodes: zones, hands: [0; ZONES.len()] }
    }
}
