//! One attempt to place one pod: what the scheduler computes before it looks at nodes (`PreFilter`), and the verdicts
//! it comes to.

use std::sync::Arc;

use ha_core::snapshot::AccessMode;

use crate::filters::volume_binding::{self, VolumeCycle};
use crate::filters::volume_zone::{self, VolumeZones};
use crate::filters::{inter_pod_affinity, pod_topology_spread, volume_restrictions};
use crate::ids::{ClaimIndex, ClassId, KeyId, PodIndex, TallyId};
use crate::model::{PodClass, Shape, Static};
use crate::state::{State, flag, mask_of_flags};

/// Declares the plugins with their names.
macro_rules! plugins {
    ($($name:ident),* $(,)?) => {
        /// A plugin of the scheduler's default profile that may refuse a pod.
        #[allow(missing_docs)]
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum Plugin { $($name),* }

        impl Plugin {
            /// All of them, in the order in which the scheduler asks them.
            pub const ALL: &'static [Self] = &[$(Self::$name),*];

            /// The name that Kubernetes gives it.
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$name => stringify!($name)),* }
            }
        }
    };
}

plugins! {
    SchedulingGates, NodeUnschedulable, NodeName, TaintToleration, NodeAffinity, NodePorts, NodeResourcesFit,
    VolumeRestrictions, NodeVolumeLimits, VolumeBinding, VolumeZone, PodTopologySpread, InterPodAffinity,
}

/// Why a plugin refuses a node.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Refusal {
    /// Which plugin.
    pub plugin: Plugin,
    /// Its reasons, as bits whose meaning `messages` knows.
    pub reasons: u64,
    /// Whether taking pods away cannot help (`UnschedulableAndUnresolvable`).
    pub unresolvable: bool,
}

impl Refusal {
    /// A refusal with one reason, the first of the plugin's.
    pub(crate) fn unresolvable(plugin: Plugin) -> Self {
        Self { plugin, reasons: 1, unresolvable: true }
    }
}

/// Why a pod is refused before any node is looked at.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rejection {
    /// Which plugin.
    pub plugin: Plugin,
    /// Its words.
    pub message: String,
}

/// One hard spread constraint in a cycle.
#[derive(Clone, Copy, Debug)]
pub(crate) struct SpreadCheck {
    pub(crate) key: KeyId,
    pub(crate) tally: TallyId,
    /// The count above which a domain is too full, less the smallest count: `maxSkew - selfMatch`.
    pub(crate) allowance: i64,
    pub(crate) min_domains: usize,
    /// The smallest count, as of the last `refresh`.
    pub(crate) min: i64,
    /// The domains that are too full, one bit each, as of then; none where there are more domains than bits.
    pub(crate) full: Option<u64>,
}

/// The tallies that the filters of all pods of a class look at.
#[derive(Clone, Debug)]
pub(crate) struct Plan {
    spread: Vec<SpreadCheck>,
    pub(crate) affinity: Vec<(KeyId, TallyId)>,
    pub(crate) matches_own_affinity: bool,
    pub(crate) anti_affinity: Vec<(KeyId, TallyId)>,
    pub(crate) repelling: Vec<(KeyId, TallyId)>,
}

impl Plan {
    /// Makes the tallies of a class where they do not exist yet.
    pub(crate) fn new(state: &mut State, id: ClassId) -> Self {
        let model = state.model;
        let class = model.class(id);
        Self {
            spread: pod_topology_spread::start(state, class),
            affinity: inter_pod_affinity::affinity(state, class),
            matches_own_affinity: inter_pod_affinity::matches_itself(model, class),
            anti_affinity: inter_pod_affinity::anti_affinity(state, class),
            repelling: inter_pod_affinity::repelling(state, id),
        }
    }
}

impl Plan {
    /// Whether a term of anti-affinity, of the pods or of others that mean them, may keep them off nodes.
    pub(crate) fn has_anti_affinity(&self) -> bool {
        !self.anti_affinity.is_empty() || !self.repelling.is_empty()
    }

    /// Whether pods of a lower priority than `priority` count in no tally of this plan.
    pub(crate) fn is_deaf_below(&self, state: &State, priority: i32) -> bool {
        let spread = self.spread.iter().map(|check| check.tally);
        let terms =
            [&self.affinity, &self.anti_affinity, &self.repelling].into_iter().flatten().map(|&(_, tally)| tally);
        spread.chain(terms).all(|tally| state.tallies.get(tally).lowest_priority >= priority)
    }
}

/// What the scheduler knows about a pod before it looks at nodes.
#[derive(Debug)]
pub struct Cycle<'m> {
    /// The pod.
    pub pod: PodIndex,
    /// Its class.
    pub class: &'m PodClass,
    /// Its shape.
    pub shape: &'m Shape,
    /// What the filters on labels and taints read.
    pub statics: &'m Static,
    /// Their verdicts on the nodes of the snapshot, unless the pod is pinned to one.
    masks: Option<&'m [u8]>,
    /// What they make of the flags of a node.
    masks_of_flags: [u8; flag::COMBINATIONS as usize],
    /// The tallies of its class.
    pub(crate) plan: Arc<Plan>,
    /// The plan's checks of the spread, with the smallest counts as of the last `refresh`.
    pub(crate) spread: Vec<SpreadCheck>,
    pub(crate) checks_affinity: bool,
    /// Whether only labels, taints and resources can keep the pod off a node now.
    pub(crate) is_plain: bool,
    pub(crate) single_pod_claims: Vec<ClaimIndex>,
    pub(crate) checks_restrictions: bool,
    pub(crate) volumes: VolumeCycle<'m>,
    pub(crate) zones: VolumeZones,
}

impl<'m> Cycle<'m> {
    /// Starts a cycle, or tells why there is none. The order of the checks is that of the `PreFilter` plugins.
    pub fn start(state: &mut State<'m>, pod: PodIndex) -> Result<Self, Rejection> {
        let model = state.model;
        let class = model.class(state.pod(pod).class);
        let shape = model.shape(class.shape);
        let statics = model.statics(class.statics);
        if statics.only_nodes.as_ref().is_some_and(Vec::is_empty) {
            let message = "pod affinity terms conflict".to_owned();
            return Err(Rejection { plugin: Plugin::NodeAffinity, message });
        }
        let claims = volume_restrictions::claims(state, pod)?;
        let single = |claim: &&ClaimIndex| state.claim(**claim).modes.contains(&AccessMode::ReadWriteOncePod);
        let single_pod_claims: Vec<ClaimIndex> = claims.iter().filter(single).copied().collect();
        let in_use = single_pod_claims.iter().any(|&claim| state.users(claim) > 0);
        let volumes = volume_binding::start(state, &claims)?;
        let zones = volume_zone::start(state, &claims)?;
        let plan = state.plan(state.pod(pod).class);
        let mut cycle = Self {
            pod,
            class,
            shape,
            statics,
            masks: statics.masks(model.snapshot),
            masks_of_flags: std::array::from_fn(|flags| {
                u8::try_from(flags).map_or(0, |flags| mask_of_flags(flags, statics))
            }),
            spread: plan.spread.clone(),
            plan,
            checks_affinity: false,
            is_plain: false,
            single_pod_claims,
            checks_restrictions: !shape.disks.is_empty() || in_use,
            volumes,
            zones,
        };
        let repelled = cycle.plan.repelling.iter().any(|&(_, tally)| !state.tallies.get(tally).is_empty());
        cycle.checks_affinity = repelled || !class.affinity.is_empty() || !class.anti_affinity.is_empty();
        let alone = cycle.spread.is_empty() && !cycle.checks_affinity;
        cycle.is_plain = !cycle.checks_volumes() && alone && shape.ports.is_empty();
        cycle.refresh(state);
        Ok(cycle)
    }

    /// Whether VolumeBinding's verdict on a node is chance.
    pub fn binds_by_chance(&self) -> bool {
        self.volumes.is_by_chance()
    }

    /// Whether volumes can keep the pod off a node.
    #[inline]
    pub(crate) fn checks_volumes(&self) -> bool {
        self.checks_restrictions || !self.volumes.claims.is_empty()
    }

    /// The filters on labels and taints that refuse a node.
    #[inline]
    pub(crate) fn mask(&self, state: &State, node: usize) -> u8 {
        let before = self.masks.map_or_else(|| self.statics.mask(state.model.snapshot, node), |masks| masks[node]);
        before | self.masks_of_flags[usize::from(state.flags(node) % flag::COMBINATIONS)]
    }

    /// Whether filters on labels and taints refuse a node for what happened to it.
    #[inline]
    pub(crate) fn refuses_flags(&self, flags: u8) -> bool {
        self.masks_of_flags[usize::from(flags % flag::COMBINATIONS)] != 0
    }

    /// Takes note of what changed in the state, after pods came or went.
    pub fn refresh(&mut self, state: &State) {
        for check in &mut self.spread {
            let (min, domains) = state.tallies.min(check.tally);
            check.min = if domains < check.min_domains { 0 } else { min };
            check.full = state.tallies.get(check.tally).domains_above(check.min + check.allowance);
        }
    }
}
