//! How one run breaks ties, and in which order what happens at the same time happens.
//!
//! Upstream nothing of this is decided: it follows from how fast controllers, the scheduler and the network are. Each coin
//! stands for a race that may end in both ways.

use crate::schedule::Search;

/// How one run breaks ties and orders what happens at the same time.
#[allow(clippy::struct_excessive_bools, reason = "each is a coin of its own")]
#[derive(Clone, Debug)]
pub struct Run {
    /// The dice and where the search for nodes stands.
    pub search: Search,
    /// Over how many waves the displaced pods reach the queue.
    pub(crate) waves: usize,
    /// Whether pods of one priority come in the order of names instead of by chance.
    pub(crate) in_order: bool,
    /// Dice for workloads, where the pods of one reach the queue together.
    pub(crate) by_workload: Option<u64>,
    /// Whether pods of a StatefulSet vanish one by one, with the controller at work between.
    pub vanish_one_by_one: bool,
    /// Whether several nodes that fall silent lose their pods one node after another, and all comes to rest between: the node
    /// controller taints silent nodes at a limited rate (`--node-eviction-rate`).
    pub(crate) node_by_node: bool,
    /// Whether a drain waits for all to settle after each eviction.
    pub settles_between: bool,
    /// Whether pods that wait are tried as soon as pods vanish, beside those that replace these, and not only after them.
    pub(crate) wakes_at_once: bool,
    /// How many other pods are tried before the victims of a preemption are gone, at most.
    pub(crate) grace: usize,
    /// Whether controllers answer a preemption only when the queue is empty.
    pub(crate) slow_controllers: bool,
    /// Whether a pod that preempted is tried again only when the queue is empty: the scheduler overlooks the end of some
    /// victims, and others take the room meanwhile.
    pub(crate) late_preemptors: bool,
    /// Whether the disruption controller takes note of the failure only after all displaced pods were tried once.
    pub(crate) slow_budgets: bool,
    /// Whether the victims of preemptions go one by one, those of several in any order, while other pods are tried.
    pub(crate) piecemeal: bool,
}

impl Run {
    /// The run of a seed. Seed 0 is the plain one: all at once, in the order of priority and names.
    pub fn new(seed: u64, nodes: usize) -> Self {
        let mut search = Search::new(seed, nodes);
        let (plain, salt) = (seed == 0, search.random.roll());
        let waves = if plain { 1 } else { [1, 1, 2, 5, 1000][search.random.below(5)] };
        let mut chance = || !plain && search.random.below(2) == 1;
        let (vanish_one_by_one, settles_between) = (chance(), chance());
        let by_workload = chance();
        // In half of the runs victims go at once, and all take note in the usual order.
        let unusual = chance();
        let (wakes_at_once, slow_controllers, late_preemptors) =
            (unusual && chance(), unusual && chance(), unusual && chance());
        let grace = if unusual { [0, 1, 2, 3, 8][search.random.below(5)] } else { 0 };
        // No die of its own: rolling one more would change every run.
        let node_by_node = !plain && salt & 1 == 1;
        let slow_budgets = !plain && search.random.below(4) == 0;
        let piecemeal = !plain && search.random.below(3) == 0;
        Self {
            search,
            waves,
            in_order: plain,
            by_workload: by_workload.then_some(salt),
            vanish_one_by_one,
            node_by_node,
            settles_between,
            wakes_at_once,
            grace,
            slow_controllers,
            late_preemptors,
            slow_budgets,
            piecemeal,
        }
    }
}
