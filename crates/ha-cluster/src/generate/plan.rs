//! Which nodes and workloads a generated cluster has, before any object is written.

use fastrand::Rng;

use super::{Size, system};

/// The zones of every generated cluster.
pub(super) const ZONES: [&str; 3] = ["region-1a", "region-1b", "region-1c"];

/// A generated cluster in outline.
pub(super) struct Plan {
    pub(super) seed: u64,
    pub(super) nodes: Vec<Node>,
    pub(super) namespaces: Vec<String>,
    pub(super) workloads: Vec<Workload>,
}

/// One machine.
#[derive(Debug, Clone)]
pub(super) struct Node {
    pub(super) name: String,
    /// An index into [`ZONES`].
    pub(super) zone: usize,
    pub(super) pool: Pool,
    /// Its internal address.
    pub(super) address: String,
}

impl Node {
    /// The name of its zone.
    pub(super) fn zone_name(&self) -> &'static str {
        ZONES[self.zone]
    }
}

/// What a node is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Pool {
    ControlPlane,
    General,
    /// More memory; some workloads select it.
    Memory,
    /// Tainted; some workloads tolerate and select it.
    Dedicated,
}

impl Pool {
    /// The value of the label `pool`.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::ControlPlane => "control-plane",
            Self::General => "general",
            Self::Memory => "memory",
            Self::Dedicated => "dedicated",
        }
    }

    /// Cores and GiB of memory.
    pub(super) fn capacity(self) -> (u64, u64) {
        match self {
            Self::ControlPlane => (8, 32),
            Self::General | Self::Dedicated => (16, 64),
            Self::Memory => (16, 128),
        }
    }
}

/// The controller of a workload.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Deployment,
    StatefulSet,
    /// Suspended, so without pods.
    CronJob,
}

/// What a workload asks of the scheduler.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Placement {
    /// A hard spread over zones.
    HardZoneSpread,
    /// A hard spread over zones, and a soft one over nodes.
    HardZoneSoftNodeSpread,
    /// A hard spread over nodes.
    HardNodeSpread,
    /// Required anti-affinity between its pods on one node.
    RequiredAntiAffinity,
    /// One zonal volume a pod, and a soft spread over zones.
    Volume,
    SoftZoneSpread,
    PreferredAntiAffinity,
    /// Required node affinity to the pool with more memory.
    MemoryPool,
    /// A node selector and a toleration for the tainted pool.
    DedicatedPool,
    /// Nothing: the fragile ones.
    Anywhere,
}

impl Placement {
    /// The placement of a template. Out of 20: 4 spread strictly, 1 requires different nodes,
    /// 2 have volumes.
    fn of_template(template: usize) -> Self {
        match template % 20 {
            0 | 1 => Self::HardZoneSpread,
            2 => Self::HardZoneSoftNodeSpread,
            3 => Self::HardNodeSpread,
            4 => Self::RequiredAntiAffinity,
            5 | 6 => Self::Volume,
            7..=10 => Self::SoftZoneSpread,
            11..=13 => Self::PreferredAntiAffinity,
            14 => Self::MemoryPool,
            15 => Self::DedicatedPool,
            _ => Self::Anywhere,
        }
    }

    /// Whether two pods can never share a node.
    fn needs_different_nodes(self) -> bool {
        matches!(self, Self::HardNodeSpread | Self::RequiredAntiAffinity)
    }

    /// The pool its pods run in.
    pub(super) fn pool(self) -> Pool {
        match self {
            Self::MemoryPool => Pool::Memory,
            Self::DedicatedPool => Pool::Dedicated,
            _ => Pool::General,
        }
    }
}

/// One controller of pods.
#[derive(Debug, Clone)]
pub(super) struct Workload {
    pub(super) kind: Kind,
    pub(super) name: String,
    /// An index into [`Plan::namespaces`].
    pub(super) namespace: usize,
    pub(super) replicas: usize,
    /// The number of its pod template.
    pub(super) template: usize,
    pub(super) placement: Placement,
    pub(super) service: bool,
    pub(super) budget: Option<Budget>,
    pub(super) autoscaled: bool,
}

/// What a PodDisruptionBudget asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Budget {
    OneUnavailable,
    HalfAvailable,
    /// Blocks every drain: a fault.
    AllAvailable,
}

impl Plan {
    /// Plans a cluster of a size that was checked to be possible.
    pub(super) fn new(size: Size, seed: u64) -> Self {
        let mut rng = Rng::with_seed(seed);
        let nodes = nodes(size.nodes);
        let pods = size.pods - system::pods(size.nodes);
        let namespaces = (size.workloads / 50).clamp(1, 300);
        let mut workloads: Vec<Workload> =
            (0..size.workloads).map(|index| workload(index, size.templates, namespaces, &nodes, &mut rng)).collect();
        set_replicas(&mut workloads, pods, &nodes, &mut rng);
        for workload in &mut workloads {
            add_protection(workload, &mut rng);
        }
        let namespaces = (0..namespaces).map(|index| format!("team-{index:03}")).collect();
        Self { seed, nodes, namespaces, workloads }
    }

    /// The namespace of a workload.
    pub(super) fn namespace(&self, workload: &Workload) -> &str {
        &self.namespaces[workload.namespace]
    }

    /// The nodes of the control plane.
    pub(super) fn control_plane(&self) -> impl Iterator<Item = &Node> {
        self.nodes.iter().filter(|node| node.pool == Pool::ControlPlane)
    }
}

/// Three control-plane nodes, then workers; zones take turns, pools take turns within a zone.
fn nodes(count: usize) -> Vec<Node> {
    let node = |index: usize| {
        let pool = match (index < ZONES.len(), index / ZONES.len() % 20) {
            (true, _) => Pool::ControlPlane,
            (false, 8 | 13 | 18) => Pool::Memory,
            (false, 10) => Pool::Dedicated,
            _ => Pool::General,
        };
        Node {
            name: format!("{}-{index:05}", pool.name()),
            zone: index % ZONES.len(),
            pool,
            address: format!("172.16.{}.{}", index / 250, index % 250 + 1),
        }
    };
    (0..count).map(node).collect()
}

fn workload(index: usize, templates: usize, namespaces: usize, nodes: &[Node], rng: &mut Rng) -> Workload {
    const WORDS: [&str; 12] =
        ["cart", "search", "billing", "orders", "media", "mail", "auth", "stock", "price", "audit", "chat", "feed"];
    let template = index % templates;
    let mut placement = Placement::of_template(template);
    if !nodes.iter().any(|node| node.pool == placement.pool()) {
        placement = Placement::Anywhere; // small clusters lack the special pools
    }
    let kind = match placement {
        Placement::Volume => Kind::StatefulSet,
        _ if index % 100 == 99 => Kind::CronJob,
        _ => Kind::Deployment,
    };
    let word = WORDS[rng.usize(..WORDS.len())];
    Workload {
        kind,
        name: format!("{word}-{index:05}"),
        namespace: rng.usize(..namespaces),
        replicas: 0,
        template,
        placement,
        service: false,
        budget: None,
        autoscaled: false,
    }
}

/// Gives every workload replicas, of very different numbers, so that they sum up to `pods`.
fn set_replicas(workloads: &mut [Workload], pods: usize, nodes: &[Node], rng: &mut Rng) {
    const SHAPE: [usize; 12] = [1, 2, 2, 2, 3, 3, 3, 4, 5, 6, 10, 20];
    let general = nodes.iter().filter(|node| node.pool == Pool::General).count();
    let limits = |workload: &Workload| match workload {
        Workload { kind: Kind::CronJob, .. } => (0, 0),
        Workload { placement, .. } if placement.needs_different_nodes() => (1, (general * 2 / 3).clamp(1, 40)),
        _ => (1, usize::MAX),
    };
    let scale = SHAPE.iter().sum::<usize>() * workloads.len();
    let mut sum = 0;
    for workload in workloads.iter_mut() {
        let (least, most) = limits(workload);
        let drawn = SHAPE[rng.usize(..SHAPE.len())] * SHAPE.len();
        workload.replicas = (drawn * pods / scale).clamp(least, most);
        sum += workload.replicas;
    }
    // Rounding and limits leave a difference, which everybody takes a share of.
    while sum != pods {
        for workload in workloads.iter_mut() {
            let (least, most) = limits(workload);
            if sum < pods && workload.replicas < most {
                workload.replicas += 1;
                sum += 1;
            } else if sum > pods && workload.replicas > least {
                workload.replicas -= 1;
                sum -= 1;
            }
        }
    }
}

/// Services, budgets and autoscalers: most workloads have what they should, some have not.
fn add_protection(workload: &mut Workload, rng: &mut Rng) {
    workload.service = match workload.kind {
        Kind::Deployment => rng.u8(..100) < 70,
        Kind::StatefulSet => true,
        Kind::CronJob => false,
    };
    if workload.replicas < 2 {
        return;
    }
    workload.autoscaled = workload.kind == Kind::Deployment && rng.u8(..100) < 10;
    workload.budget = match rng.u8(..100) {
        0..45 => Some(Budget::OneUnavailable),
        45..58 => Some(Budget::HalfAvailable),
        58..60 => Some(Budget::AllAvailable),
        _ => None,
    };
}
