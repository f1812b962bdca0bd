//! Which outcomes hold for every order and every tie of the scheduler.
//!
//! The real scheduler breaks ties at random, and controllers hand it pods in an order that is chance. A run of the
//! simulation is one of many. What is called certain here follows from an argument that does not depend on the run.
//!
//! Let D be the pods that have no node once the failure has struck: those that waited before, those that controllers
//! create at once, and those that a StatefulSet will create later. Let S be the state before any pod of D is placed.
//!
//! **No preemption.** Assume for now that no pod is preempted. Then pods are only ever added to S, so what is requested
//! on a node, its ports in use, and the counts of (anti-)affinity terms per domain only grow.
//!
//! 1. *Never.* A node that refuses p in S refuses it for ever when the reason can only get worse: labels and taints
//!    (fixed), resources, ports, disks, claims in use, bound volumes, volumes to bind (they only get
//!    fewer), anti-affinity in both directions. Not so the skew of a spread constraint (the smallest count may rise) and
//!    required affinity (a pod may come that attracts), nor volumes for several claims of one pod (which claim gets which
//!    of equal volumes is chance). If every node refuses p in S for a reason that stays, p is
//!    Pending in every run. Where the smallest count can never rise so far, the skew stays, too: see
//!    [`ample`](crate::ample).
//! 2. *Always.* Let p have no claims, ports, disks, hard spread constraint or required (anti-)affinity term, and let no
//!    pod hold a required anti-affinity term that means p. Then a node that fits p in S, and that the failure did not hit,
//!    refuses it later only if some resource of it runs short, for which other pods of D must request more of it there than
//!    is left beside p. Those pods of D that are not of case 1 for their volumes request a sum T of a resource together;
//!    they can make so many nodes run short of it as the smallest gaps add up to T. If these numbers, added over all
//!    resources (the number of pods among them), are less than the number of such nodes, then at every moment some node
//!    fits p, and p is placed in every run. With spread and anti-affinity: see [`ample`](crate::ample).
//! 3. *Always, on solid nodes.* Nodes with room for all of D at once are lost to p through spread and (anti-)affinity
//!    only, which so few pods of D concern that they cannot reach all of these nodes: see [`solid`](crate::solid).
//!
//! **Why no pod is preempted.** A pod preempts only when it is refused, only pods of lower priority, and only on nodes
//! whose refusal they could resolve. Consider the first preemption of a run, by p: up to then the argument above holds.
//! So p is not a pod of case 2 or 3; and it is not one which never preempts, whose priority is not above the lowest of all
//! pods of the cluster, or whom every node refuses in S by labels, taints or bound volumes (those refusals stay
//! and are not resolvable; where a node refuses it for lack of room first, preemption meets them next), or for a spread
//! that counts no pod it could preempt. If all pods of D are of one of these kinds, there is no first preemption.
//!
//! D holds also the pods that quotas may deny; a workload whose namespace has quotas that might is never certain.
//! If some pod of D is of none of these kinds, nothing is called certain. A StatefulSet with `OrderedReady` is certain
//! only if all its pods in D are placed, or if it lacks one pod alone: else the split between Pending and not created is
//! chance. A drain is certain only if every budget in its way either allows an eviction now and all pods of D are of
//! case 2 or 3 (then each round evicts some, and they become ready elsewhere), or allows none and has no pod in D.

use hashbrown::{HashMap, HashSet};

use ha_core::snapshot::{WorkloadId, WorkloadKind};
use ha_core::text::Text;

use crate::ample::{self, Pools};
use crate::cycle::{Cycle, Plugin, Refusal};
use crate::filters;
use crate::filters::volume_binding;
use crate::ids::{ClassId, PodIndex};
use crate::model::Quotas;
use crate::model::storage::Binding;
use crate::schedule::{candidates, unknown};
use crate::shortage::{Demand, Pool};
use crate::solid;
use crate::state::State;
use crate::threats::Others;

/// What is known about a pod of D for every run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fate {
    /// It is placed in every run.
    Always,
    /// It is Pending in every run.
    Never,
    /// It depends, or the argument does not reach that far.
    Open,
}

/// What is known about all pods of D.
#[derive(Clone, Debug, Default)]
pub struct Fates {
    of_pod: HashMap<PodIndex, Fate>,
    /// Whether no pod is ever preempted.
    pub no_preemption: bool,
}

impl Fates {
    /// What is known about a pod.
    pub fn of(&self, pod: PodIndex) -> Fate {
        self.of_pod.get(&pod).copied().unwrap_or(Fate::Open)
    }

    /// Whether all pods are placed in every run, and none is preempted.
    pub fn all_always(&self) -> bool {
        self.no_preemption && self.of_pod.values().all(|&fate| fate == Fate::Always)
    }
}

/// Applies the argument to the pods of D in the state S, to which the failure came by taking the pods `vanishing` away. The
/// state is not changed, but for tallies that are made.
pub fn fates(state: &mut State, pods: &[PodIndex], vanishing: &[PodIndex]) -> Fates {
    for &pod in pods {
        state.plan(state.pod(pod).class);
    }
    // They take no room from the others.
    let (stranded, movable): (Vec<PodIndex>, Vec<PodIndex>) = pods.iter().partition(|&&pod| is_stranded(state, pod));
    let demand = Demand::of(state, &movable);
    if demand.is_absurd {
        return Fates::default();
    }
    let others = Others::of(state, pods, vanishing);
    let mut pools = Pools::default();
    let mut known: HashMap<ClassId, (Fate, bool)> = HashMap::new();
    let of_pod = stranded.into_iter().map(|pod| (pod, Fate::Never)).collect();
    let mut fates = Fates { no_preemption: true, of_pod };
    let lowest = state.model.lowest_priority;
    for pod in movable {
        let id = state.pod(pod).class;
        // Claims are the pod's own.
        let shares = state.pod(pod).claims.is_empty();
        let cached = known.get(&id).copied().filter(|_| shares);
        let (fate, helpless) = cached.unwrap_or_else(|| fate(state, &demand, &others, &mut pools, pod));
        if shares {
            known.insert(id, (fate, helpless));
        }
        let preempts_none =
            helpless || state.shape_of(pod).never_preempts || state.model.class(id).key.priority <= lowest;
        // One pod that may preempt leaves nothing to be said about any other.
        if fate != Fate::Always && !preempts_none {
            return Fates::default();
        }
        fates.of_pod.insert(pod, fate);
    }
    fates
}

/// Whether no node takes a pod, ever, and preemption does not try to help it, whatever the other pods do: it is gated, or
/// has a claim that does not exist, that the volume controller did not bind, or whose volume no node reaches.
fn is_stranded(state: &mut State, pod: PodIndex) -> bool {
    if state.shape_of(pod).gated {
        return true;
    }
    if state.pod(pod).claims.is_empty() || !unknown(state, pod).is_empty() {
        return false;
    }
    Cycle::start(state, pod).map_or(true, |cycle| volume_binding::is_out_of_reach(state, &cycle))
}

/// The fate of a pod, and whether every node refuses it in a way that preemption cannot resolve.
fn fate(state: &mut State, demand: &Demand, others: &Others, pools: &mut Pools, pod: PodIndex) -> (Fate, bool) {
    if !unknown(state, pod).is_empty() {
        return (Fate::Open, false);
    }
    // Its affinity names no node.
    let Ok(cycle) = Cycle::start(state, pod) else {
        return (Fate::Never, true);
    };
    if demand.fits_a_node && solid::is_always_placed(state, demand, others, &cycle) {
        return (Fate::Always, false);
    }
    if let Some(known) = ample::fate(state, demand, others, pools, &cycle) {
        return known;
    }
    // Only labels, taints and resources keep it off a node.
    let is_simple = ample::is_covered(&cycle) && cycle.spread.is_empty() && !cycle.plan.has_anti_affinity();
    let (mut fits, mut fitting) = (false, Vec::new());
    let (mut all_stay, mut all_helpless) = (true, true);
    // Those that the affinity does not name stay refused, and preemption does not help.
    for &node in candidates(state, cycle.statics).iter() {
        match filters::check(state, &cycle, node as usize) {
            None if is_simple => {
                fits = true;
                // Pods that are to vanish from a node that was hit may be on it still when the pod is tried.
                if state.flags(node as usize) == 0 {
                    fitting.push(node);
                }
            }
            None => return (Fate::Open, false),
            Some(refusal) => {
                let by_chance = refusal.plugin == Plugin::VolumeBinding && cycle.volumes.is_by_chance();
                all_stay &= stays(&refusal) && !by_chance;
                all_helpless &= is_helpless(&refusal) && !by_chance;
            }
        }
    }
    if !fits {
        return (if all_stay { Fate::Never } else { Fate::Open }, all_helpless);
    }
    // Nodes that fit none are no longer counted, so this may tell more than before.
    let outlasts = Pool::new(state, demand, fitting).is_ample(&cycle.shape.requests);
    (if outlasts { Fate::Always } else { Fate::Open }, false)
}

/// Whether a refusal can only get worse.
fn stays(refusal: &Refusal) -> bool {
    match refusal.plugin {
        // A missing label stays, too.
        Plugin::PodTopologySpread => refusal.unresolvable,
        Plugin::InterPodAffinity => !refusal.unresolvable,
        // A claim that waits counts for its class' driver, and its volume may turn out to be another's.
        Plugin::NodeVolumeLimits => false,
        _ => true,
    }
}

/// Whether a refusal stays and preemption does not try to resolve it.
fn is_helpless(refusal: &Refusal) -> bool {
    refusal.unresolvable && stays(refusal)
}

/// Whether a drain's evictions come out the same in every run: see the module's text. `staying` are the pods whose
/// budgets allow nothing now, `leaving` the others that are to be evicted.
pub fn drain_is_certain(
    state: &State,
    staying: &[PodIndex],
    leaving: &[PodIndex],
    fates: &Fates,
    pods: &[PodIndex],
) -> bool {
    let model = state.model;
    let budgets_of = |pod: PodIndex| model.budgets_of_class(state.pod(pod).class);
    // A bare pod does not come back, so what its budget allows shrinks.
    let returns = |pod: PodIndex| model.snapshot.workload(state.pod(pod).workload).kind != WorkloadKind::BarePod;
    let goes = |&pod: &PodIndex| budgets_of(pod).is_empty() || (fates.all_always() && returns(pod));
    leaving.iter().all(goes)
        && staying.iter().all(|&pod| match *budgets_of(pod) {
            [budget] => !pods.iter().any(|&other| budgets_of(other).contains(&budget)),
            // Two budgets refuse whatever they allow, and none refuses nothing.
            _ => true,
        })
}

/// Whether a workload's claims make its outcome depend on chance: a claim that is not bound yet gets a volume at random.
pub(crate) fn has_open_claims(state: &State, pod: PodIndex) -> bool {
    let claims = state.pod(pod).claims.iter();
    claims.filter_map(|&claim| state.claim_of(pod, claim)).any(|claim| state.binding(claim) == Binding::Unbound)
}

/// Namespaces in which quotas might deny a pod of D: those where what D uses together comes on top of what is used before
/// the failure (a loss only makes that less) and exceeds a limit, and those whose quotas have scopes.
pub(crate) fn tight_namespaces(state: &State, pods: &[PodIndex]) -> HashSet<Text> {
    let mut used: HashMap<(Text, Text), i64> = HashMap::new();
    let mut lacking: HashSet<(Text, Text)> = HashSet::new();
    for &pod in pods {
        let namespace = state.model.class(state.pod(pod).class).key.namespace;
        let usage = &state.shape_of(pod).usage;
        for &(resource, amount) in &usage.amounts {
            let sum = used.entry((namespace, resource)).or_insert(0);
            *sum = sum.saturating_add(amount.max(0));
        }
        lacking.extend(usage.lacking.iter().map(|&resource| (namespace, resource)));
    }
    let is_tight = |namespace: Text, quotas: &Quotas| {
        quotas.scoped
            || quotas.limits.iter().any(|limit| {
                let key = (namespace, limit.resource);
                let sum = used.get(&key).copied().unwrap_or(0);
                lacking.contains(&key) || limit.used.saturating_add(sum) > limit.hard
            })
    };
    let quotas = state.model.quotas.iter();
    quotas.filter(|&(&namespace, quotas)| is_tight(namespace, quotas)).map(|(&namespace, _)| namespace).collect()
}

/// The pods of D per workload.
pub(crate) fn by_workload(state: &State, pods: &[PodIndex]) -> HashMap<WorkloadId, Vec<PodIndex>> {
    let mut map: HashMap<WorkloadId, Vec<PodIndex>> = HashMap::new();
    for &pod in pods {
        map.entry(state.pod(pod).workload).or_default().push(pod);
    }
    map
}
