//! Classes of pods: what pods that the scheduler cannot tell apart (but for their claims) have in common, compiled
//! once for the whole simulation.

use ha_core::labels::LabelsId;
use ha_core::snapshot::{PodSpec, PodSpecId, VolumeSource};
use ha_core::text::Text;

use super::names::Names;
use super::quotas::Usage;
use super::requests::{Requests, Resources};
use super::terms::{Spread, Term};
use crate::ids::{ShapeId, StaticId};

/// By what a class is told from others.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct ClassKey {
    /// The namespace.
    pub namespace: Text,
    /// The specification.
    pub spec: PodSpecId,
    /// The same with what is counted as requested while it is resized in place.
    pub held: PodSpecId,
    /// The labels, of the snapshot or of the model.
    pub labels: LabelsId,
    /// The priority.
    pub priority: i32,
    /// The node that a DaemonSet's pod is pinned to.
    pub pinned: Text,
    /// The selector by which the scheduler spreads the pod when it has no constraints of its own.
    pub group: Option<Group>,
}

/// The controller whose selector makes the system's default spread constraints.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Group {
    /// The workload.
    pub workload: ha_core::snapshot::WorkloadId,
    /// The pod template's hash of a Deployment's ReplicaSet; empty otherwise.
    pub revision: Text,
}

/// A class of pods.
#[derive(Debug)]
pub struct PodClass {
    /// By what it is told from others.
    pub key: ClassKey,
    /// Requests, ports and disks.
    pub shape: ShapeId,
    /// What the filters on labels and taints read.
    pub statics: StaticId,
    /// Required pod affinity: all terms must be met by one pod each.
    pub affinity: Vec<Term>,
    /// Required pod anti-affinity.
    pub anti_affinity: Vec<Term>,
    /// Preferred terms with their weights; anti-affinity has negative ones.
    pub preferred: Vec<(i64, Term)>,
    /// Constraints with `DoNotSchedule`.
    pub hard_spread: Vec<Spread>,
    /// Constraints with `ScheduleAnyway`, or the system's own.
    pub soft_spread: Vec<Spread>,
    /// Whether `soft_spread` are the system's own: then a node need not have all their labels.
    pub spread_by_default: bool,
}

/// A port of the node.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct HostPort {
    /// The address; the empty text stands for all, which is also how `0.0.0.0` is stored.
    pub address: Text,
    /// `TCP`, `UDP` or `SCTP`.
    pub protocol: Text,
    /// The number.
    pub port: u32,
}

impl HostPort {
    /// Whether both cannot be open on one node (`CheckConflict` of `HostPortInfo`).
    pub fn conflicts(&self, other: &Self) -> bool {
        let overlap = self.address.is_empty() || other.address.is_empty() || self.address == other.address;
        overlap && self.protocol == other.protocol && self.port == other.port
    }
}

/// A disk that a pod names itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Disk {
    /// `gce`, `ebs`, `iscsi` or `rbd`.
    pub kind: String,
    /// Where it is: one of an RBD image's monitors must agree; empty for other kinds.
    pub monitors: Vec<String>,
    /// Which it is.
    pub identity: String,
    /// Whether it is only read.
    pub read_only: bool,
}

impl Disk {
    /// From the identity that the snapshot's builder makes: `gce:NAME`, `rbd:MONITOR,MONITOR/POOL/IMAGE`.
    fn parse(reference: &str, read_only: bool) -> Option<Self> {
        let (kind, rest) = reference.split_once(':')?;
        let (monitors, identity) = match (kind, rest.split_once('/')) {
            ("rbd", Some((monitors, image))) => (monitors.split(',').map(str::to_owned).collect(), image),
            _ => (Vec::new(), rest),
        };
        Some(Self { kind: kind.to_owned(), monitors, identity: identity.to_owned(), read_only })
    }

    /// Whether two pods of one node cannot both have their disk (`isVolumeConflict`).
    pub fn conflicts(&self, other: &Self) -> bool {
        let same_place = self.kind != "rbd" || self.monitors.iter().any(|monitor| other.monitors.contains(monitor));
        let both_read = self.kind != "ebs" && self.read_only && other.read_only;
        self.kind == other.kind && same_place && self.identity == other.identity && !both_read
    }
}

/// What a specification alone determines.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Shape {
    /// Requests.
    pub requests: Requests,
    /// Ports of the node, of containers that run as long as the pod.
    pub ports: Vec<HostPort>,
    /// Disks named in the pod.
    pub disks: Vec<Disk>,
    /// What it uses of quotas.
    pub usage: Usage,
    /// The images of all its containers, the first ones among them.
    pub images: Vec<Text>,
    /// `preemptionPolicy: Never`.
    pub never_preempts: bool,
    /// What keeps the simulation from knowing where the pod runs, in words; empty otherwise.
    pub unknown: &'static str,
    /// Whether scheduling gates hold the pod back.
    pub gated: bool,
    /// Whether volumes are checked at all.
    pub has_claims: bool,
}

impl Shape {
    pub(super) fn of(resources: &mut Resources, names: &Names, limited: &[Text], spec: &PodSpec) -> Self {
        let sidecars = spec.init_containers.iter().filter(|container| container.is_sidecar);
        let mut ports = Vec::new();
        for container in sidecars.chain(&spec.containers) {
            for port in &container.ports {
                // The API server fills in the port of the node when the pod uses the node's network.
                let number = if port.host_port == 0 && spec.host_network { port.number } else { port.host_port };
                let everywhere = matches!(names.get(port.host_address), "0.0.0.0");
                let address = if everywhere { Text::default() } else { port.host_address };
                if number > 0 {
                    ports.push(HostPort { address, protocol: port.protocol, port: number });
                }
            }
        }
        let disks = spec.volumes.iter().filter(|volume| volume.source == VolumeSource::Disk);
        Self {
            requests: Requests::of(resources, names, spec),
            ports,
            disks: disks.filter_map(|disk| Disk::parse(names.get(disk.reference), disk.read_only)).collect(),
            usage: Usage::of(names, spec, limited),
            images: spec.init_containers.iter().chain(&spec.containers).map(|container| container.image).collect(),
            never_preempts: spec.never_preempts,
            unknown: unknown(spec),
            gated: !spec.scheduling_gates.is_empty(),
            has_claims: spec
                .volumes
                .iter()
                .any(|volume| matches!(volume.source, VolumeSource::Claim | VolumeSource::Ephemeral)),
        }
    }
}

fn unknown(spec: &PodSpec) -> &'static str {
    if !spec.scheduler_name.is_empty() {
        "another scheduler places it"
    } else if spec.resource_claims > 0 {
        "it asks for dynamic resources (DRA)"
    } else if spec.volumes.iter().any(|volume| volume.source == VolumeSource::Ephemeral) {
        "it has ephemeral volumes, whose claims are made with it"
    } else {
        ""
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn disks_conflict_as_each_kind_does() {
        let disk = |text: &str, read_only| Disk::parse(text, read_only).unwrap();
        let cases = [
            ("gce:a", "gce:a", false, false, true),
            ("gce:a", "gce:a", true, true, false),
            ("gce:a", "gce:a", true, false, true),
            ("gce:a", "gce:b", false, false, false),
            ("ebs:a", "ebs:a", true, true, true),
            ("gce:a", "ebs:a", false, false, false),
            ("iscsi:iqn.x", "iscsi:iqn.x", true, true, false),
            ("iscsi:iqn.x", "iscsi:iqn.x", false, true, true),
            ("rbd:m1,m2/pool/image", "rbd:m2,m3/pool/image", false, false, true),
            ("rbd:m1,m2/pool/image", "rbd:m3/pool/image", false, false, false),
            ("rbd:m1/pool/image", "rbd:m1/pool/other", false, false, false),
            ("rbd:m1/pool/image", "rbd:m1/pool/image", true, true, false),
        ];
        for (a, b, a_reads, b_reads, conflict) in cases {
            assert_eq!(disk(a, a_reads).conflicts(&disk(b, b_reads)), conflict, "{a} {a_reads} {b} {b_reads}");
            assert_eq!(disk(b, b_reads).conflicts(&disk(a, a_reads)), conflict, "{b} {b_reads} {a} {a_reads}");
        }
    }

    #[test]
    fn ports_conflict_on_the_same_or_every_address() {
        let (all, first, second) = (Text::default(), Text { index: 1 }, Text { index: 2 });
        let (tcp, udp) = (Text { index: 3 }, Text { index: 4 });
        let port = |address, protocol, port| HostPort { address, protocol, port };
        let cases = [
            (port(all, tcp, 80), port(all, tcp, 80), true),
            (port(all, tcp, 80), port(first, tcp, 80), true),
            (port(first, tcp, 80), port(first, tcp, 80), true),
            (port(first, tcp, 80), port(second, tcp, 80), false),
            (port(all, tcp, 80), port(all, udp, 80), false),
            (port(all, tcp, 80), port(all, tcp, 81), false),
        ];
        for (a, b, conflict) in cases {
            assert_eq!((a.conflicts(&b), b.conflicts(&a)), (conflict, conflict), "{a:?} {b:?}");
        }
    }
}
