//! What a case is about: how likely each feature is in it.
//!
//! Features that are all a little likely rarely meet. So every case puts two or three of them in the middle, and over
//! many cases every pair meets.

use super::dice::Dice;

/// How likely a feature is, in percent: per node, per workload or per constraint, as said.
#[derive(Debug, Clone, Default)]
pub(super) struct Theme {
    /// A node is tainted.
    pub(super) taints: u32,
    /// A node is cordoned from the start; half as likely one is once the pods run.
    pub(super) cordons: u32,
    /// A workload selects nodes, or has a required node affinity.
    pub(super) node_affinity: u32,
    /// A workload uses ports of its nodes.
    pub(super) host_ports: u32,
    /// A workload asks for things that few nodes have.
    pub(super) extended: u32,
    /// A workload has a required pod affinity or anti-affinity.
    pub(super) pod_affinity: u32,
    /// A workload has topology spread constraints that forbid.
    pub(super) spread: u32,
    /// A workload has soft terms of any sort.
    pub(super) soft: u32,
    /// A workload has a priority of its own.
    pub(super) priority: u32,
    /// A workload has a budget.
    pub(super) budgets: u32,
    /// A workload has claims.
    pub(super) claims: u32,
    /// Of volumes: usable in some zones by their label alone.
    pub(super) label_only: u32,
    /// Of claims: one pod at a time.
    pub(super) one_pod: u32,
    /// A workload has disks in its template.
    pub(super) disks: u32,
    /// A driver allows few volumes per node.
    pub(super) limits: u32,
    /// A namespace has a quota.
    pub(super) quotas: u32,
    /// A node has an image.
    pub(super) images: u32,
    /// A workload's pods are being resized.
    pub(super) resizes: u32,
    /// A workload is gated.
    pub(super) gates: u32,
    /// How much of the nodes is asked for, in percent.
    pub(super) load: u32,
}

type Emphasis = fn(&mut Theme);

const EMPHASES: [Emphasis; 17] = [
    |theme| theme.taints = 35,
    |theme| {
        theme.cordons = 18;
        theme.taints += 5;
    },
    |theme| theme.node_affinity = 55,
    |theme| theme.host_ports = 70,
    |theme| theme.extended = 60,
    |theme| theme.pod_affinity = 75,
    |theme| theme.spread = 80,
    |theme| {
        theme.spread = 50;
        theme.soft = 60;
    },
    |theme| {
        theme.priority = 85;
        theme.load = 110;
        theme.budgets = 50;
    },
    |theme| theme.claims = 70,
    |theme| {
        theme.claims = 70;
        theme.label_only = 80;
    },
    |theme| {
        theme.claims = 70;
        theme.one_pod = 50;
    },
    |theme| {
        theme.claims = 80;
        theme.limits = 95;
    },
    |theme| theme.disks = 60,
    |theme| theme.gates = 8,
    |theme| theme.quotas = 50,
    |theme| theme.resizes = 40,
];

impl Theme {
    pub(super) fn choose(dice: &mut Dice) -> Self {
        let mut theme = Self {
            taints: 6,
            cordons: 3,
            node_affinity: 10,
            host_ports: 8,
            extended: 5,
            pod_affinity: 20,
            spread: 20,
            soft: 20,
            priority: 25,
            budgets: 15,
            claims: 10,
            label_only: 15,
            one_pod: 10,
            disks: 4,
            limits: 15,
            quotas: 3,
            images: dice.one(&[0, 30, 60]),
            resizes: 5,
            gates: 0,
            load: dice.one(&[25, 45, 60, 75, 85, 95, 105]),
        };
        for _ in 0..dice.from(2, 3) {
            dice.one(&EMPHASES)(&mut theme);
        }
        theme
    }
}
