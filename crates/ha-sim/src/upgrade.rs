//! An upgrade of nodes: each is drained, replaced and uncordoned, one after another or several at a time.
//!
//! What is taken for granted:
//! - A node comes back under its own name with its labels and volumes, as after an upgrade in place; pods of DaemonSets
//!   and static pods wait for it there. While it is away it counts as cordoned.
//! - Where evictions are refused for good, whoever runs the upgrade uncordons the node and goes on with the next; those
//!   left out are tried again after all others, as long as one more succeeds; after so many times (`MOST_PASSES`) it
//!   cannot be told.
//! - The nodes of a surge are there from the first step to the last, and then drained.
//!
//! How low a workload falls is counted after each round of evictions, before the replacements start: they are not ready
//! at once. Budgets see the same as in the simulation of a drain (see `failure`).

use ha_core::arithmetic::replicas::needed;
use ha_core::arithmetic::size;
use ha_core::impact::{Certainty, Disruption, DisruptionKind, Impact, InstantVerdict, RefusedEviction};
use ha_core::rule::Input;
use ha_core::snapshot::{BudgetId, NodeId, PodId, WorkloadId, WorkloadKind};
use hashbrown::HashMap;
use rayon::iter::{IntoParallelIterator, ParallelIterator};

use crate::eviction::{self, Answer};
use crate::failure::{self, RefusedPod};
use crate::ids::PodIndex;
use crate::settle::Settling;
use crate::simulate::{Options, verdict};
use crate::state::{State, flag};

/// How often the nodes that are left are gone through, so that nodes which free each other one at a time do not take for
/// ever. Whoever runs an upgrade gives up before.
const MOST_PASSES: usize = 50;

/// What is upgraded, and how.
#[derive(Clone, Debug, Default)]
pub struct Plan {
    /// The nodes, in the order in which they are tried first.
    pub nodes: Vec<NodeId>,
    /// Nodes that exist for the time of the upgrade only.
    pub surge: Vec<NodeId>,
    /// How many nodes are drained at a time; at least 1.
    pub parallel: usize,
}

/// What one run of an upgrade came to.
#[derive(Clone, Debug, Default)]
pub struct Progress {
    /// The nodes that were upgraded, step by step.
    pub steps: Vec<Vec<NodeId>>,
    /// Those that were not, and why.
    pub blocked: Vec<Blocked>,
    /// How few pods of a workload were ready at the lowest, and while which nodes were drained.
    pub lowest: HashMap<WorkloadId, (u32, Vec<NodeId>)>,
    /// The most pods without a node at the end of a step.
    pub most_pending: u32,
    /// Whether it was given up: pods chased each other without end, or it came back to nodes too often.
    pub endless: bool,
}

/// A node that could not be drained.
#[derive(Clone, Debug)]
pub struct Blocked {
    /// The node.
    pub node: NodeId,
    /// Each by itself keeps it from being drained.
    pub causes: Vec<Cause>,
}

/// Why a node cannot be drained: budgets, the pods that they guard there, and what keeps their replacements waiting.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cause {
    /// The budgets.
    pub budgets: Vec<BudgetId>,
    /// The pods that are not evicted; those that were created meanwhile are counted in `others`.
    pub pods: Vec<PodId>,
    /// Pods that the snapshot does not know.
    pub others: u32,
    /// The eviction API's words about the first.
    pub message: String,
    /// Workloads under these budgets with pods that have no node, and the scheduler's words about the first of each.
    pub waiting: Vec<(WorkloadId, String)>,
    /// Whether nothing can be left out, and it holds in every order: the budgets allow nothing even while all of their
    /// pods are ready, or two of them guard one pod.
    pub smallest: bool,
}

/// What an upgrade comes to.
#[derive(Clone, Debug, Default)]
pub struct Upgrade {
    /// The first run.
    pub first: Progress,
    /// How many runs there were, and in how many of them it ended.
    pub runs: (u32, u32),
    /// Whether the answer, finished or not, holds for every order and tie.
    pub certainty: Certainty,
    /// How few pods of a workload were ready at the lowest of all runs, sorted by workload.
    pub lowest: Vec<Lowest>,
}

impl Upgrade {
    /// The first run as policies see it: the nodes that it gets done in their order, and the evictions that are refused
    /// on the others in the end. None where it has no end.
    pub fn impact(&self) -> Option<Impact> {
        let run = &self.first;
        let refused = |cause: &Cause| {
            let of =
                |&pod: &PodId| RefusedEviction { pod, budgets: cause.budgets.clone(), message: cause.message.clone() };
            cause.pods.iter().map(of).collect::<Vec<_>>()
        };
        let causes = run.blocked.iter().flat_map(|blocked| &blocked.causes);
        (!run.endless).then(|| Impact {
            disruption: Disruption { name: "upgrade".into(), kind: DisruptionKind::Upgrade, nodes: run.steps.concat() },
            refused_evictions: causes.flat_map(refused).collect(),
            ..Impact::default()
        })
    }
}

/// The moment at which fewest pods of a workload were ready.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Lowest {
    /// The workload.
    pub workload: WorkloadId,
    /// Ready before.
    pub before: u32,
    /// Ready then.
    pub ready: u32,
    /// Needed (rules.md 1.4).
    pub needed: u32,
    /// How it stood.
    pub verdict: InstantVerdict,
    /// While these were drained.
    pub nodes: Vec<NodeId>,
}

/// Tries an upgrade as often as the options say, and less often where it moves very many pods.
pub fn upgrade(state: &State, plan: &Plan, options: &Options) -> Upgrade {
    let displaced = plan.nodes.iter().map(|node| state.pods_on(node.position()).len()).sum();
    let seeds: Vec<u64> = Options { tries: options.affordable(displaced), ..*options }.seeds().collect();
    let runs: Vec<Progress> = seeds.into_par_iter().map(|seed| run(&mut state.clone(), plan, seed)).collect();
    let finished = size(runs.iter().filter(|run| is_finished(run)).count());
    let mut upgrade = Upgrade { runs: (size(runs.len()), finished), ..Upgrade::default() };
    let mut runs = runs.into_iter();
    let first = runs.next().unwrap_or_default();
    let never = first.blocked.iter().flat_map(|blocked| &blocked.causes).any(|cause| cause.smallest);
    let mut lowest = first.lowest.clone();
    for (workload, found) in runs.flat_map(|run| run.lowest) {
        let known = lowest.entry(workload).or_insert_with(|| found.clone());
        if found.0 < known.0 {
            *known = found;
        }
    }
    upgrade.certainty = if first.endless {
        Certainty::Unknown
    } else if never {
        Certainty::Certain
    } else {
        Certainty::Possible
    };
    let each = lowest.into_iter().map(|(workload, (ready, nodes))| standing(state, options, workload, ready, nodes));
    upgrade.lowest = each.collect();
    upgrade.lowest.sort_unstable_by_key(|lowest| lowest.workload);
    upgrade.first = first;
    upgrade
}

fn standing(state: &State, options: &Options, id: WorkloadId, ready: u32, nodes: Vec<NodeId>) -> Lowest {
    let snapshot = state.model.snapshot;
    let workload = snapshot.workload(id);
    let healthy = snapshot.pods_of(workload).filter(|pod| pod.is_healthy()).count();
    let before = size(healthy);
    let desired = workload.desired().max(before);
    let input = Input { snapshot, settings: options.settings, impacts: &[] };
    let needed = if desired == 0 { 0 } else { needed(&input, workload, desired) };
    Lowest { workload: id, before, ready, needed, verdict: verdict(snapshot, id, desired, ready, needed), nodes }
}

fn is_finished(progress: &Progress) -> bool {
    progress.blocked.is_empty() && !progress.endless
}

/// One run, in a state that nobody needs afterwards.
fn run(state: &mut State, plan: &Plan, seed: u64) -> Progress {
    for node in &plan.surge {
        state.set_flags(node.position(), flag::ABSENT);
    }
    let mut work = Work::new(Settling::new(state, seed));
    work.rest();
    for node in &plan.surge {
        work.settling.state.set_flags(node.position(), 0);
    }
    work.nodes_changed();
    let mut left = plan.nodes.clone();
    let mut passes = 0;
    while !left.is_empty() && !work.settling.endless && passes < MOST_PASSES {
        let (blocked, before) = (work.pass(&left, plan.parallel.max(1)), left.len());
        left = blocked;
        passes += 1;
        if left.len() == before {
            break;
        }
    }
    work.explain(&left);
    if left.is_empty() {
        work.end_surge(&plan.surge);
    }
    let Work { settling, mut progress, .. } = work;
    progress.endless = settling.endless || (passes == MOST_PASSES && !left.is_empty());
    progress
}

/// An upgrade on its way.
struct Work<'s, 'm> {
    settling: Settling<'s, 'm>,
    progress: Progress,
    refused: HashMap<NodeId, Vec<RefusedPod>>,
    /// Pods that controllers created up to now, and that were there when their workload was last counted.
    created: HashMap<WorkloadId, Vec<PodIndex>>,
    /// How many pods had been created by then.
    sorted: usize,
}

impl<'s, 'm> Work<'s, 'm> {
    fn new(settling: Settling<'s, 'm>) -> Self {
        Self { settling, progress: Progress::default(), refused: HashMap::new(), created: HashMap::new(), sorted: 0 }
    }

    fn rest(&mut self) {
        self.settling.settle();
        self.settling.retry();
    }

    /// Nodes came or are to be used again: whoever waits is tried once more.
    fn nodes_changed(&mut self) {
        self.settling.note_change_of_nodes();
        self.rest();
        let waiting = size(self.settling.waiting().len());
        self.progress.most_pending = self.progress.most_pending.max(waiting);
    }

    /// Goes through the nodes once. Returns those that could not be drained.
    fn pass(&mut self, nodes: &[NodeId], parallel: usize) -> Vec<NodeId> {
        let mut blocked = Vec::new();
        for step in nodes.chunks(parallel) {
            let refused = self.drain(step);
            let is_blocked = |node: &NodeId| refused.iter().any(|(on, _)| on == node);
            let (stuck, done): (Vec<NodeId>, Vec<NodeId>) = step.iter().partition(|node| is_blocked(node));
            for &node in &stuck {
                let pods = refused.iter().filter(|(on, _)| *on == node).map(|(_, pod)| pod.clone()).collect();
                self.refused.insert(node, pods);
            }
            self.note_waiting(&stuck);
            if !done.is_empty() {
                self.progress.steps.push(done);
            }
            blocked.extend(stuck);
            for node in step {
                let flags = self.settling.state.flags(node.position()) & !flag::CORDONED;
                self.settling.state.set_flags(node.position(), flags);
            }
            self.nodes_changed();
            if self.settling.endless {
                break;
            }
        }
        blocked
    }

    /// Cordons the nodes and evicts what is on them until nothing more goes. Returns what is refused then, by node.
    fn drain(&mut self, step: &[NodeId]) -> Vec<(NodeId, RefusedPod)> {
        for node in step {
            let flags = self.settling.state.flags(node.position()) | flag::CORDONED;
            self.settling.state.set_flags(node.position(), flags);
        }
        let positions: Vec<usize> = step.iter().map(|node| node.position()).collect();
        let mut pods = failure::pods_on(self.settling.state, &positions);
        pods.retain(|&pod| failure::is_evicted(self.settling.state, pod));
        loop {
            let (evicted, refused) = self.evict(&pods);
            self.count(&evicted, step);
            self.settling.settle();
            if evicted.is_empty() || self.settling.endless {
                self.settling.retry();
                return refused;
            }
        }
    }

    /// One round of evictions: the workloads that lost pods, and what was refused.
    fn evict(&mut self, pods: &[PodIndex]) -> (Vec<WorkloadId>, Vec<(NodeId, RefusedPod)>) {
        let (mut evicted, mut refused) = (Vec::new(), Vec::new());
        for &pod in pods {
            let Some(node) = self.settling.state.node_of(pod) else {
                continue;
            };
            match eviction::ask(self.settling.state, pod) {
                Answer::Evicted => {
                    evicted.push(self.settling.state.pod(pod).workload);
                    self.settling.lose(pod);
                }
                Answer::Refused(refusal) => refused.push((NodeId::at(node), RefusedPod { pod, refusal })),
            }
        }
        evicted.sort_unstable();
        evicted.dedup();
        (evicted, refused)
    }

    /// Takes note of how many pods of these workloads are ready before their replacements start.
    fn count(&mut self, workloads: &[WorkloadId], step: &[NodeId]) {
        self.sort_created();
        let state = &*self.settling.state;
        for &id in workloads {
            let ready = self.pods_of(id).filter(|&pod| eviction::is_ready(state, pod) && !state.pod(pod).terminating);
            let count = size(ready.count());
            let known = self.progress.lowest.entry(id).or_insert_with(|| (u32::MAX, Vec::new()));
            if count < known.0 {
                *known = (count, step.to_vec());
            }
        }
    }

    /// Notes whose pods those are that were created since, and forgets those that have gone.
    fn sort_created(&mut self) {
        let state = &*self.settling.state;
        for pod in state.created().skip(self.sorted) {
            let pods = self.created.entry(state.pod(pod).workload).or_default();
            pods.retain(|&pod| state.exists(pod));
            pods.push(pod);
        }
        self.sorted = state.created().len();
    }

    /// The pods of a workload: those of the snapshot and those that were created by the last count.
    fn pods_of(&self, id: WorkloadId) -> impl Iterator<Item = PodIndex> {
        let snapshot = self.settling.state.model.snapshot;
        let known = snapshot.workload(id).pods.of(&snapshot.workload_pods).iter();
        let created = self.created.get(&id).into_iter().flatten();
        known.map(|pod| PodIndex::at(pod.position())).chain(created.copied())
    }

    /// Why nodes are blocked is looked at while they are cordoned: uncordoned, they take the pods that wait.
    fn note_waiting(&mut self, stuck: &[NodeId]) {
        self.sort_created();
        for &node in stuck {
            let causes = self.causes(node);
            self.progress.blocked.retain(|blocked| blocked.node != node);
            self.progress.blocked.push(Blocked { node, causes });
        }
    }

    /// The refusals on a node, by budgets.
    fn causes(&self, node: NodeId) -> Vec<Cause> {
        let state = &*self.settling.state;
        let mut causes: Vec<Cause> = Vec::new();
        for RefusedPod { pod, refusal } in self.refused.get(&node).into_iter().flatten() {
            if !causes.iter().any(|cause| cause.budgets == refusal.budgets) {
                let waiting = self.waiting(&refusal.budgets);
                let smallest = waiting.is_empty() && self.never_allows(&refusal.budgets);
                causes.push(Cause {
                    budgets: refusal.budgets.clone(),
                    pods: Vec::new(),
                    others: 0,
                    message: refusal.message.clone(),
                    waiting,
                    smallest,
                });
            }
            let Some(cause) = causes.iter_mut().find(|cause| cause.budgets == refusal.budgets) else {
                continue;
            };
            if pod.position() < state.model.pods.len() {
                cause.pods.push(PodId::at(pod.position()));
            } else {
                cause.others += 1;
            }
        }
        causes
    }

    /// Two budgets refuse whatever they allow. One does for good when it allows nothing while every pod that it counts
    /// is ready: then no pod that comes back can help.
    fn never_allows(&self, budgets: &[BudgetId]) -> bool {
        let state = &*self.settling.state;
        let [budget] = *budgets else {
            return budgets.len() > 1;
        };
        let snapshot = state.model.snapshot;
        let complete = snapshot.budget(budget).workloads.iter().all(|&id| {
            let workload = snapshot.workload(id);
            let there = self.pods_of(id).filter(|&pod| state.exists(pod)).count();
            workload.kind != WorkloadKind::BarePod && there >= workload.desired() as usize
        });
        complete && eviction::guarded(state, budget).all(|pod| eviction::is_ready(state, pod))
    }

    /// Workloads under these budgets with pods that wait, and why the first of each does.
    fn waiting(&self, budgets: &[BudgetId]) -> Vec<(WorkloadId, String)> {
        let state = &*self.settling.state;
        let mut waiting: Vec<(WorkloadId, String)> = Vec::new();
        for entry in self.settling.waiting() {
            let pod = state.pod(entry.pod);
            let guarded = state.model.budgets_of_class(pod.class).iter().any(|budget| budgets.contains(budget));
            if !guarded || waiting.iter().any(|(workload, _)| *workload == pod.workload) {
                continue;
            }
            waiting.push((pod.workload, entry.why(state)));
        }
        waiting.sort_unstable();
        waiting
    }

    /// Keeps what is known about the nodes that are blocked in the end.
    fn explain(&mut self, left: &[NodeId]) {
        self.progress.blocked.retain(|blocked| left.contains(&blocked.node));
        self.progress.blocked.sort_by_key(|blocked| blocked.node);
    }

    /// The nodes of the surge are drained and go.
    fn end_surge(&mut self, surge: &[NodeId]) {
        if surge.is_empty() {
            return;
        }
        for (node, pod) in self.drain(surge) {
            self.refused.entry(node).or_default().push(pod);
        }
        for &node in surge {
            if self.refused.contains_key(&node) {
                self.note_waiting(&[node]);
            }
        }
    }
}
