use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;

use ha_sdk::arithmetic::replicas::image_name;
use ha_sdk::settings::Profile;
use ha_sdk::snapshot::{
    BatchSettings, Container, PodSpec, ResourceKind, Snapshot, VolumeSource, Workload, WorkloadKind,
};
use ha_sdk::text::Text;
use ha_sdk::{Area, Class, Findings, Input, Severity, rule};

use crate::shared::ages::span;
use crate::shared::cluster::{concerns_cluster, not_shown};
use crate::shared::control_plane::{Component, component_pods, flag};

/// Programs that write a snapshot of etcd.
const SNAPSHOT_PROGRAMS: &[&str] = &["etcdctl", "etcdutl", "etcd-backup-restore", "talosctl"];

/// Programs that carry it away.
const UPLOAD_PROGRAMS: &[&str] = &[
    "aws",
    "s3cmd",
    "gsutil",
    "gcloud",
    "azcopy",
    "az",
    "rclone",
    "restic",
    "kopia",
    "borg",
    "mc",
    "scp",
    "rsync",
    "sftp",
    "curl",
    "etcd-backup-restore",
];

/// Images that hold no program that could upload anything on its own.
const PLAIN_IMAGES: &[&str] = &["etcd", "hardened-etcd", "alpine", "busybox", "debian", "ubuntu"];

/// A snapshot older than this, in seconds, is not recent.
const RECENT_SECONDS: i64 = 2 * 86_400;

/// The annotation of the namespace kube-system that says how etcd is saved where no object shows it.
const ATTESTATION: &str = "kubectl-ha/attest.etcd-backup";

rule! {
    /// No recent snapshot of a self-managed etcd is kept off the cluster.
    ///
    /// ## Why it matters
    /// etcd is the cluster: when its quorum is lost for good, a snapshot is the only way back. One that lies on
    /// the disk of a control-plane node is lost together with it.
    ///
    /// What is found: CronJobs and Jobs that call `etcdctl`, `etcdutl` or `talosctl` or are named after an etcd
    /// backup, and etcd-manager with its store. Host services, k3s, RKE2 and Talos save etcd where no object shows
    /// it: the answer is then unknown, never fail.
    ///
    /// ## Remediation
    /// Save etcd at least daily to storage outside of the cluster, and try the restore. Where the backup runs
    /// outside of the cluster's sight, annotate the namespace kube-system with
    /// `kubectl-ha/attest.etcd-backup: "<how and where to>"`.
    ///
    /// ## Examples
    /// ```yaml fails
    /// # The snapshots stay on the node that they are meant to replace.
    /// apiVersion: v1
    /// kind: Node
    /// metadata: {name: cp-1, labels: {node-role.kubernetes.io/control-plane: ""}}
    /// status: {conditions: [{type: Ready, status: "True"}]}
    /// ---
    /// apiVersion: batch/v1
    /// kind: CronJob
    /// metadata: {name: etcd-backup, namespace: kube-system, creationTimestamp: "2025-06-01T00:00:00Z"}
    /// spec:
    ///   schedule: "0 */4 * * *"
    ///   jobTemplate:
    ///     spec:
    ///       template:
    ///         spec:
    ///           restartPolicy: OnFailure
    ///           containers: [{name: backup, image: "registry.k8s.io/etcd:3.6.4-0", command: [sh, -c, "etcdctl snapshot save /backup/etcd.db"]}]
    ///           volumes: [{name: backup, hostPath: {path: /var/backups}}]  # finding: etcd-backup-absent
    /// status: {lastScheduleTime: "2025-12-31T20:00:00Z", lastSuccessfulTime: "2025-12-31T20:01:00Z"}
    /// ```
    /// ```yaml fails
    /// # It has failed for two months.
    /// apiVersion: v1
    /// kind: Node
    /// metadata: {name: cp-1, labels: {node-role.kubernetes.io/control-plane: ""}}
    /// status: {conditions: [{type: Ready, status: "True"}]}
    /// ---
    /// apiVersion: batch/v1
    /// kind: CronJob
    /// metadata: {name: etcd-backup, namespace: kube-system, creationTimestamp: "2025-06-01T00:00:00Z"}
    /// spec:
    ///   schedule: "0 */4 * * *"
    ///   jobTemplate:
    ///     spec:
    ///       template:
    ///         spec:
    ///           restartPolicy: OnFailure
    ///           containers: [{name: backup, image: "registry.k8s.io/etcd:3.6.4-0", command: [sh, -c, "etcdctl snapshot save /backup/etcd.db"]}]
    ///           volumes: [{name: backup, persistentVolumeClaim: {claimName: backups}}]
    /// status: {lastScheduleTime: "2025-12-31T20:00:00Z", lastSuccessfulTime: "2025-11-02T20:01:00Z"}  # finding: etcd-backup-absent
    /// ```
    /// ```yaml passes
    /// apiVersion: v1
    /// kind: Node
    /// metadata: {name: cp-1, labels: {node-role.kubernetes.io/control-plane: ""}}
    /// status: {conditions: [{type: Ready, status: "True"}]}
    /// ---
    /// apiVersion: batch/v1
    /// kind: CronJob
    /// metadata: {name: etcd-backup, namespace: kube-system, creationTimestamp: "2025-06-01T00:00:00Z"}
    /// spec:
    ///   schedule: "0 */4 * * *"
    ///   jobTemplate:
    ///     spec:
    ///       template:
    ///         spec:
    ///           restartPolicy: OnFailure
    ///           containers: [{name: backup, image: "registry.k8s.io/etcd:3.6.4-0", command: [sh, -c, "etcdctl snapshot save /backup/etcd.db && aws s3 cp /backup/etcd.db s3://backups/etcd.db"]}]
    ///           volumes: [{name: backup, hostPath: {path: /var/backups}}]
    /// status: {lastScheduleTime: "2025-12-31T20:00:00Z", lastSuccessfulTime: "2025-12-31T20:01:00Z"}
    /// ```
    /// ```yaml passes
    /// # Attested: the backup runs where no object of the cluster shows it.
    /// apiVersion: v1
    /// kind: Node
    /// metadata: {name: cp-1, labels: {node-role.kubernetes.io/control-plane: ""}}
    /// status: {conditions: [{type: Ready, status: "True"}]}
    /// ---
    /// apiVersion: v1
    /// kind: Namespace
    /// metadata:
    ///   name: kube-system
    ///   annotations: {kubectl-ha/attest.etcd-backup: "Talos, talosctl etcd snapshot to S3 every hour from the bastion"}
    /// ```
    ///
    /// ## References
    /// - <https://kubernetes.io/docs/tasks/administer-cluster/configure-upgrade-etcd/#backing-up-an-etcd-cluster>
    /// - <https://etcd.io/docs/v3.5/op-guide/recovery/>
    pub static ETCD_BACKUP_ABSENT: Rule = Rule {
        name: "etcd-backup-absent",
        area: Area::Recovery,
        severity: Severity::Critical,
        class: Class::C,
        needs: &[ResourceKind::CronJob, ResourceKind::Job, ResourceKind::Pod, ResourceKind::Node],
        since: "0.1.0",
        check,
    };
}

/// What is known about one way in which etcd is saved.
enum Backup {
    Sound,
    Unproven,
    Faulty { message: String, path: &'static str, value: String },
}

fn check(input: &Input, findings: &mut Findings) {
    let snapshot = input.snapshot;
    if !concerns_cluster(input, Snapshot::CLUSTER, &[Profile::ManagedControlPlane], findings) {
        return;
    }
    if is_attested(snapshot) || has_remote_store(snapshot) {
        return findings.pass(Snapshot::CLUSTER);
    }
    let jobs: Vec<(&Workload, Backup)> = snapshot
        .workloads
        .iter()
        .filter(|workload| saves_etcd(snapshot, workload))
        .map(|workload| (workload, judge(snapshot, workload)))
        .collect();
    if jobs.iter().any(|(_, backup)| matches!(backup, Backup::Sound)) {
        return findings.pass(Snapshot::CLUSTER);
    }
    if let Some(missing) = snapshot.first_missing(&[ResourceKind::CronJob, ResourceKind::Job], Text::default()) {
        findings.unknown(Snapshot::CLUSTER, missing);
        return;
    }
    if jobs.is_empty() || jobs.iter().any(|(_, backup)| matches!(backup, Backup::Unproven)) {
        findings
            .unknown(Snapshot::CLUSTER, not_shown("a recent snapshot of etcd"))
            .related(jobs.iter().map(|(workload, _)| workload.object))
            .fix(format!("say how etcd is saved: annotate namespace kube-system with {ATTESTATION}"));
        return;
    }
    for (workload, backup) in jobs.into_iter().take(1) {
        if let Backup::Faulty { message, path, value } = backup {
            findings
                .fail(Snapshot::CLUSTER, message)
                .related([workload.object])
                .evidence_of(workload.object, path, value)
                .leads_to("when etcd loses its quorum for good, the cluster cannot be restored")
                .fix("save etcd at least daily to storage outside of the cluster");
        }
    }
}

fn is_attested(snapshot: &Snapshot) -> bool {
    let mut namespaces = snapshot.namespaces.iter();
    let system = namespaces.find(|namespace| snapshot.text(namespace.name) == "kube-system");
    system.and_then(|namespace| snapshot.annotation(namespace.object, ATTESTATION)).is_some_and(|how| !how.is_empty())
}

/// Whether an etcd-manager (kops) saves to a store that is not a directory of its node.
fn has_remote_store(snapshot: &Snapshot) -> bool {
    let stores =
        component_pods(snapshot, Component::Etcd).into_iter().filter_map(|pod| flag(snapshot, pod, "backup-store"));
    stores.into_iter().any(|store| store.contains("://") && !store.starts_with("file:"))
}

fn saves_etcd(snapshot: &Snapshot, workload: &Workload) -> bool {
    if matches!(workload.kind, WorkloadKind::StaticPod | WorkloadKind::BarePod) {
        return false;
    }
    let name = snapshot.name_of(workload);
    let is_named_so = name.contains("etcd") && (name.contains("backup") || name.contains("snapshot"));
    is_named_so || uses(snapshot, snapshot.spec_of(workload), SNAPSHOT_PROGRAMS)
}

fn containers(spec: &PodSpec) -> impl Iterator<Item = &Container> {
    spec.containers.iter().chain(&spec.init_containers)
}

fn uses(snapshot: &Snapshot, spec: &PodSpec, programs: &[&str]) -> bool {
    let mut used = containers(spec).flat_map(|container| &container.programs);
    used.any(|&program| programs.contains(&snapshot.text(program)))
}

fn judge(snapshot: &Snapshot, workload: &Workload) -> Backup {
    let title = snapshot.title(workload.object);
    let Some(batch) = &workload.batch else {
        return Backup::Unproven;
    };
    if batch.suspended {
        let message = format!("{title} is suspended");
        return Backup::Faulty { message, path: "spec.suspend", value: "true".into() };
    }
    if is_kept_on_the_node(snapshot, snapshot.spec_of(workload)) {
        let message = format!("{title} keeps its snapshots on the node");
        let path = "spec.jobTemplate.spec.template.spec.volumes";
        return Backup::Faulty { message, path, value: "hostPath or emptyDir, and no upload".into() };
    }
    judge_runs(snapshot, workload, batch, &title)
}

fn judge_runs(snapshot: &Snapshot, workload: &Workload, batch: &BatchSettings, title: &str) -> Backup {
    let now = snapshot.source.taken_at;
    let path = "status.lastSuccessfulTime";
    match (batch.last_succeeded, batch.last_started) {
        (Some(at), _) if now - at <= RECENT_SECONDS => Backup::Sound,
        (Some(at), _) => {
            let message = format!("{title} last succeeded {} ago", span(now - at));
            Backup::Faulty { message, path, value: format!("{} ago", span(now - at)) }
        }
        (None, None) if !snapshot.is_live() => Backup::Unproven,
        (None, _) => match snapshot.object(workload.object).created_at {
            Some(at) if now - at > RECENT_SECONDS => {
                Backup::Faulty { message: format!("{title} never succeeded"), path, value: "unset".into() }
            }
            _ => Backup::Unproven,
        },
    }
}

/// Whether the snapshots surely stay on the node: local volumes only, and nothing in sight that could upload them.
fn is_kept_on_the_node(snapshot: &Snapshot, spec: &PodSpec) -> bool {
    let is_local = |source| matches!(source, VolumeSource::HostPath | VolumeSource::EmptyDir);
    let plain = containers(spec).all(|container| PLAIN_IMAGES.contains(&image_name(snapshot.text(container.image))));
    plain && spec.volumes.iter().all(|volume| is_local(volume.source)) && !uses(snapshot, spec, UPLOAD_PROGRAMS)
}
