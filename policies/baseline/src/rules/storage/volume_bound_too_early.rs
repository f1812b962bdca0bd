use alloc::collections::BTreeSet;
use alloc::format;
use alloc::vec;

use ha_sdk::arithmetic::profile::{Detected, has_profile};
use ha_sdk::finding::{BlastRadius, Missing};
use ha_sdk::settings::Profile;
use ha_sdk::snapshot::{Absence, GapReason, ResourceKind, Snapshot, StorageClass};
use ha_sdk::text::Text;
use ha_sdk::{Area, Class, Findings, Input, Severity, rule};

rule! {
    /// A StorageClass makes zonal volumes before the scheduler has chosen a node.
    ///
    /// ## Why it matters
    /// With `volumeBindingMode: Immediate`, which is the default, the provisioner picks the volume's zone when the
    /// claim is made. The pod must follow it: it stays Pending when that zone has no room or its other constraints
    /// point elsewhere, and the replicas of a StatefulSet may all get their volumes in one zone.
    ///
    /// ## Remediation
    /// Set `volumeBindingMode: WaitForFirstConsumer`. The field cannot be changed: delete the class and create it
    /// again, volumes that exist are not touched.
    ///
    /// ## Examples
    /// ```yaml fails
    /// apiVersion: v1
    /// kind: Node
    /// metadata: {name: a1, labels: {topology.kubernetes.io/zone: a, topology.kubernetes.io/region: r}}
    /// status: {conditions: [{type: Ready, status: "True"}]}
    /// ---
    /// apiVersion: v1
    /// kind: Node
    /// metadata: {name: b1, labels: {topology.kubernetes.io/zone: b, topology.kubernetes.io/region: r}}
    /// status: {conditions: [{type: Ready, status: "True"}]}
    /// ---
    /// apiVersion: storage.k8s.io/v1
    /// kind: StorageClass
    /// metadata: {name: block}
    /// provisioner: ebs.csi.aws.com
    /// volumeBindingMode: Immediate  # finding: volume-bound-too-early
    /// ```
    /// ```yaml passes
    /// apiVersion: v1
    /// kind: Node
    /// metadata: {name: a1, labels: {topology.kubernetes.io/zone: a, topology.kubernetes.io/region: r}}
    /// status: {conditions: [{type: Ready, status: "True"}]}
    /// ---
    /// apiVersion: v1
    /// kind: Node
    /// metadata: {name: b1, labels: {topology.kubernetes.io/zone: b, topology.kubernetes.io/region: r}}
    /// status: {conditions: [{type: Ready, status: "True"}]}
    /// ---
    /// apiVersion: storage.k8s.io/v1
    /// kind: StorageClass
    /// metadata: {name: block}
    /// provisioner: ebs.csi.aws.com
    /// volumeBindingMode: WaitForFirstConsumer
    /// ---
    /// apiVersion: storage.k8s.io/v1
    /// kind: StorageClass
    /// metadata: {name: shared}
    /// provisioner: nfs.csi.k8s.io
    /// ```
    ///
    /// ## References
    /// - <https://kubernetes.io/docs/concepts/storage/storage-classes/#volume-binding-mode>
    pub static VOLUME_BOUND_TOO_EARLY: Rule = Rule {
        name: "volume-bound-too-early",
        area: Area::Storage,
        severity: Severity::High,
        class: Class::BC,
        needs: &[ResourceKind::StorageClass, ResourceKind::Node],
        since: "0.1.0",
        check,
    };
}

/// Provisioners of disks that live in one zone.
const ZONAL: &[&str] = &[
    "ebs.csi.aws.com",
    "ebs.csi.eks.amazonaws.com",
    "kubernetes.io/aws-ebs",
    "pd.csi.storage.gke.io",
    "kubernetes.io/gce-pd",
    "disk.csi.azure.com",
    "kubernetes.io/azure-disk",
    "cinder.csi.openstack.org",
    "kubernetes.io/cinder",
    "diskplugin.csi.alibabacloud.com",
    "csi.hetzner.cloud",
    "csi.vsphere.vmware.com",
];

/// Provisioners of what every zone reaches: network file systems and storage replicated across the cluster.
const REACHABLE: &[&str] = &[
    "nfs.csi.k8s.io",
    "smb.csi.k8s.io",
    "efs.csi.aws.com",
    "fsx.csi.aws.com",
    "filestore.csi.storage.gke.io",
    "file.csi.azure.com",
    "kubernetes.io/azure-file",
    "cephfs.csi.ceph.com",
    "rbd.csi.ceph.com",
    "driver.longhorn.io",
];

/// Parameters of classes whose volumes are replicated over zones, and what their value holds then.
const REPLICATED: &[(&str, &str)] =
    &[("replication-type", "regional"), ("skuName", "ZRS"), ("skuname", "ZRS"), ("storageaccounttype", "ZRS")];

fn check(input: &Input, findings: &mut Findings) {
    let snapshot = input.snapshot;
    let tied: BTreeSet<Text> = snapshot
        .volumes
        .iter()
        .filter(|volume| volume.node_affinity.is_some())
        .map(|volume| volume.storage_class)
        .collect();
    let zones = Zones::of(input);
    for class in &snapshot.storage_classes {
        if class.binds_late {
            findings.pass(class.object);
        } else {
            check_class(snapshot, class, &zones, &tied, findings);
        }
    }
}

/// How many zones the cluster has.
enum Zones {
    Several(usize),
    NotSeveral(&'static str),
    Unknown(Missing),
}

impl Zones {
    fn of(input: &Input) -> Self {
        let snapshot = input.snapshot;
        if snapshot.nodes.is_empty() && snapshot.absence(ResourceKind::Node, Text::default()) == Absence::Proven {
            return Self::NotSeveral("no node in the input");
        }
        for (profile, reason) in
            [(Profile::SingleNode, "single-node cluster"), (Profile::SingleZone, "single-zone cluster")]
        {
            match has_profile(input, profile) {
                Detected::Yes => return Self::NotSeveral(reason),
                Detected::Unknown(missing) => return Self::Unknown(missing),
                Detected::No => {}
            }
        }
        let labelled = snapshot.nodes.iter().map(|node| node.zone).filter(|zone| !zone.is_empty());
        match labelled.collect::<BTreeSet<_>>().len() {
            0 | 1 => Self::Unknown(not_seen("zone labels of the nodes".into())),
            count => Self::Several(count),
        }
    }
}

fn not_seen(what: alloc::string::String) -> Missing {
    Missing { what, reason: GapReason::NotInInput, ..Missing::default() }
}

fn check_class(
    snapshot: &Snapshot,
    class: &StorageClass,
    zones: &Zones,
    tied: &BTreeSet<Text>,
    findings: &mut Findings,
) {
    let provisioner = snapshot.text(class.provisioner);
    match (zones, Reach::of(snapshot, class, tied)) {
        (Zones::NotSeveral(reason), _) => findings.not_applicable(class.object, reason),
        (_, Reach::Everywhere(reason)) => findings.not_applicable(class.object, reason),
        (Zones::Unknown(missing), _) => {
            findings.unknown(class.object, missing.clone());
        }
        (Zones::Several(_), Reach::Unknown) => {
            let what = format!("whether volumes of {provisioner} are tied to a zone");
            findings.unknown(class.object, not_seen(what));
        }
        (Zones::Several(count), Reach::OnePlace) => {
            let claims = snapshot.claims.iter().filter(|claim| {
                claim.storage_class == Some(class.name) || claim.storage_class.is_none() && class.is_default
            });
            let claims = claims.count();
            let finding = findings
                .fail(class.object, format!("{provisioner} picks one of {count} zones before the pod is scheduled"));
            finding
                .leads_to(format!("pods must follow their volumes, or stay Pending; {claims} claims"))
                .evidence("volumeBindingMode", "Immediate (the default)")
                .at_risk(BlastRadius { faults: vec!["losing a zone".into()], ..BlastRadius::default() })
                .fix("volumeBindingMode: WaitForFirstConsumer (create the class anew)");
            // A class in a cluster cannot be patched: the field is immutable.
            if !snapshot.is_live() {
                finding.patch(r#"{"volumeBindingMode":"WaitForFirstConsumer"}"#);
            }
        }
    }
}

/// From where the volumes of a class can be used.
enum Reach {
    Everywhere(&'static str),
    OnePlace,
    Unknown,
}

impl Reach {
    fn of(snapshot: &Snapshot, class: &StorageClass, tied: &BTreeSet<Text>) -> Self {
        let provisioner = snapshot.text(class.provisioner);
        let is_replicated = class.parameters.iter().any(|parameter| {
            let (key, value) = (snapshot.text(parameter.key), snapshot.text(parameter.value));
            REPLICATED.iter().any(|&(name, part)| key == name && value.contains(part))
        });
        // Rook names its drivers after the operator's namespace: `rook-ceph.rbd.csi.ceph.com`.
        let is_named = |names: &[&str]| {
            names
                .iter()
                .any(|name| provisioner.strip_suffix(name).is_some_and(|rest| rest.is_empty() || rest.ends_with('.')))
        };
        if is_replicated {
            return Self::Everywhere("its volumes are replicated over zones");
        }
        if is_named(REACHABLE) {
            return Self::Everywhere("its volumes are reachable from every zone");
        }
        if names_one_place(class) {
            return Self::Everywhere("allowedTopologies names one place");
        }
        if is_named(ZONAL) || tied.contains(&class.name) {
            return Self::OnePlace;
        }
        let mut drivers = snapshot
            .csi_nodes
            .iter()
            .flat_map(|node| &node.drivers)
            .filter(|driver| driver.driver == class.provisioner)
            .peekable();
        if drivers.peek().is_none() {
            return Self::Unknown;
        }
        if drivers.any(|driver| !driver.topology_keys.is_empty()) {
            Self::OnePlace
        } else {
            Self::Everywhere("its driver knows no topology")
        }
    }
}

/// Whether `allowedTopologies` leaves a single domain: that is another fault, and binding late would not cure it.
fn names_one_place(class: &StorageClass) -> bool {
    let [term] = &class.allowed_topologies.terms[..] else {
        return false;
    };
    term.expressions.iter().any(|requirement| requirement.values.len() == 1)
}
