use alloc::collections::{BTreeMap, BTreeSet};
use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;

use ha_sdk::arithmetic::replicas::wildcard;
use ha_sdk::snapshot::{BackupSchedule, BackupScope, Claim, Namespace, ResourceKind, Snapshot};
use ha_sdk::text::Text;
use ha_sdk::{Area, Class, Findings, Input, Severity, rule};

use crate::shared::ages::span;
use crate::shared::cluster::{not_shown, object_name};
use crate::shared::places::list;

/// Groups of other backup tools, whose schedules are not read.
const OTHER_TOOLS: &[&str] = &[
    "config.kio.kasten.io",
    "k8up.io",
    "stash.appscode.com",
    "core.kubestash.com",
    "volsync.backube",
    "triliovault.trilio.io",
    "stork.libopenstorage.org",
    "longhorn.io",
];

/// By this annotation pods choose the volumes that Velero saves file by file.
const OPT_IN: &str = "backup.velero.io/backup-volumes";

/// Most claims that are shown as evidence.
const SHOWN: usize = 5;

rule! {
    /// A namespace with volumes is in no backup schedule, or its backups expire before the next one.
    ///
    /// ## Why it matters
    /// A deleted claim, a lost zone or a faulty release takes the data, and nothing brings it back. A schedule
    /// covers a claim when it includes the namespace, the claim's kind and labels, and the data of volumes: by
    /// snapshot, file by file, or by the pods' own choice. Without any backup tool in a cluster each namespace
    /// with volumes has this finding.
    ///
    /// ## Remediation
    /// Include the namespace in a schedule, and let backups live longer than the interval. Where data may be lost
    /// (caches) or the database saves itself (CloudNativePG, pgBackRest), suppress the rule on the namespace with
    /// that reason.
    ///
    /// ## Examples
    /// ```yaml fails
    /// apiVersion: velero.io/v1
    /// kind: Schedule
    /// metadata: {name: daily, namespace: velero}
    /// spec:
    ///   schedule: "0 2 * * *"
    ///   template: {includedNamespaces: [shop]}
    /// ---
    /// apiVersion: v1
    /// kind: PersistentVolumeClaim
    /// metadata: {name: data, namespace: shop}
    /// spec: {accessModes: [ReadWriteOnce], resources: {requests: {storage: 10Gi}}}
    /// ---
    /// apiVersion: v1
    /// kind: PersistentVolumeClaim
    /// metadata: {name: data, namespace: books}  # finding: backup-coverage-gap
    /// spec: {accessModes: [ReadWriteOnce], resources: {requests: {storage: 10Gi}}}
    /// ```
    /// ```yaml fails
    /// # The claim is saved, its data is not.
    /// apiVersion: velero.io/v1
    /// kind: Schedule
    /// metadata: {name: daily, namespace: velero}
    /// spec:
    ///   schedule: "0 2 * * *"
    ///   template: {snapshotVolumes: false}  # finding: backup-coverage-gap
    /// ---
    /// apiVersion: v1
    /// kind: PersistentVolumeClaim
    /// metadata: {name: data, namespace: shop}
    /// spec: {accessModes: [ReadWriteOnce], resources: {requests: {storage: 10Gi}}}
    /// ```
    /// ```yaml fails
    /// # Each backup is gone before the next one.
    /// apiVersion: velero.io/v1
    /// kind: Schedule
    /// metadata: {name: daily, namespace: velero}
    /// spec:
    ///   schedule: "0 2 * * *"
    ///   template: {ttl: 12h}  # finding: backup-coverage-gap
    /// ---
    /// apiVersion: v1
    /// kind: PersistentVolumeClaim
    /// metadata: {name: data, namespace: shop}
    /// spec: {accessModes: [ReadWriteOnce], resources: {requests: {storage: 10Gi}}}
    /// ```
    /// ```yaml passes
    /// apiVersion: velero.io/v1
    /// kind: Schedule
    /// metadata: {name: daily, namespace: velero}
    /// spec:
    ///   schedule: "0 2 * * *"
    ///   template: {excludedNamespaces: [scratch]}
    /// ---
    /// apiVersion: v1
    /// kind: PersistentVolumeClaim
    /// metadata: {name: data, namespace: shop}
    /// spec: {accessModes: [ReadWriteOnce], resources: {requests: {storage: 10Gi}}}
    /// ```
    ///
    /// ## References
    /// - <https://velero.io/docs/main/api-types/schedule/>
    /// - <https://velero.io/docs/main/file-system-backup/>
    pub static BACKUP_COVERAGE_GAP: Rule = Rule {
        name: "backup-coverage-gap",
        area: Area::Recovery,
        severity: Severity::High,
        class: Class::C,
        needs: &[ResourceKind::BackupSchedule, ResourceKind::Namespace, ResourceKind::PersistentVolumeClaim],
        since: "0.1.0",
        check,
    };
}

fn check(input: &Input, findings: &mut Findings) {
    let snapshot = input.snapshot;
    let mut claims: BTreeMap<Text, Vec<&Claim>> = BTreeMap::new();
    for claim in &snapshot.claims {
        claims.entry(claim.namespace).or_default().push(claim);
    }
    if claims.is_empty() {
        match snapshot.first_missing(&[ResourceKind::PersistentVolumeClaim], Text::default()) {
            Some(missing) => drop(findings.unknown(Snapshot::CLUSTER, missing)),
            None => findings.not_applicable(Snapshot::CLUSTER, "no namespace has a claim"),
        }
        return;
    }
    let opted_in = namespaces_that_opted_in(snapshot);
    for namespace in &snapshot.namespaces {
        if let Some(claims) = claims.get(&namespace.name) {
            let opted_in = opted_in.contains(&namespace.name);
            judge(snapshot, namespace, &Volumes { claims, opted_in }, findings);
        }
    }
}

/// The volumes of one namespace.
struct Volumes<'s> {
    claims: &'s [&'s Claim],
    /// Whether a pod of the namespace chooses volumes to be saved.
    opted_in: bool,
}

fn namespaces_that_opted_in(snapshot: &Snapshot) -> BTreeSet<Text> {
    let chooses = |labels| snapshot.labels(labels).get_named(&snapshot.texts, OPT_IN).is_some();
    let workloads = snapshot.workloads.iter().filter(|workload| chooses(workload.template_annotations));
    workloads.map(|workload| workload.namespace).collect()
}

fn judge(snapshot: &Snapshot, namespace: &Namespace, volumes: &Volumes, findings: &mut Findings) {
    let schedules = &snapshot.backup_schedules;
    let saved = |claim: &Claim| schedules.iter().any(|schedule| saves(snapshot, schedule, claim, volumes.opted_in));
    let left_out: Vec<&Claim> = volumes.claims.iter().copied().filter(|claim| !saved(claim)).collect();
    if left_out.is_empty() {
        return findings.pass(namespace.object);
    }
    if let Some(missing) = snapshot.first_missing(&[ResourceKind::BackupSchedule], Text::default()) {
        findings.unknown(namespace.object, missing);
        return;
    }
    if let Some(tool) = other_tool(snapshot) {
        findings.unknown(namespace.object, not_shown(&format!("the schedules of {tool}")));
        return;
    }
    if schedules.is_empty() && !snapshot.is_live() {
        return findings.not_applicable(namespace.object, "no backup schedule in the input");
    }
    report(snapshot, namespace, &left_out, findings);
}

fn other_tool(snapshot: &Snapshot) -> Option<&str> {
    snapshot.custom_kinds.iter().map(|kind| snapshot.text(kind.group)).find(|group| OTHER_TOOLS.contains(group))
}

fn report(snapshot: &Snapshot, namespace: &Namespace, left_out: &[&Claim], findings: &mut Findings) {
    let including = snapshot
        .backup_schedules
        .iter()
        .find(|schedule| !schedule.paused && left_out.iter().all(|claim| includes(snapshot, &schedule.scope, claim)));
    let (message, fix) = gap(snapshot, left_out.len(), including);
    let finding = findings.fail(namespace.object, message);
    match including {
        Some(schedule) => {
            let value = "ttl, snapshotVolumes, defaultVolumesToFsBackup";
            finding.related([schedule.object]).evidence_of(schedule.object, "spec.template", value);
        }
        None => {
            for claim in left_out.iter().take(SHOWN) {
                finding.evidence_of(claim.object, "metadata", object_name(snapshot, claim.object));
            }
        }
    }
    let names: Vec<&str> = left_out.iter().map(|claim| snapshot.text(claim.name)).collect();
    finding.related(left_out.iter().take(SHOWN).map(|claim| claim.object));
    finding.leads_to(format!("what is lost in {} stays lost", list(&names))).fix(fix);
}

/// Why the claims are not saved, and what would change that. `including` is a schedule that holds the claims
/// themselves.
fn gap(snapshot: &Snapshot, claims: usize, including: Option<&BackupSchedule>) -> (String, &'static str) {
    let claims = if claims == 1 { "1 claim is".into() } else { format!("{claims} claims are") };
    let Some(schedule) = including else {
        return if snapshot.backup_schedules.is_empty() {
            (
                format!("{claims} never backed up: no schedule exists"),
                "install a backup tool, and schedule the namespace",
            )
        } else {
            (format!("{claims} in no active backup schedule"), "include the namespace in a schedule")
        };
    };
    let name = snapshot.text(schedule.name);
    if let Some((ttl, interval)) = expiry_gap(schedule) {
        return (format!("backups of {name} live {ttl}, the next is due after {interval}"), "raise the template's ttl");
    }
    (format!("{claims} saved by {name} without the data"), "snapshotVolumes or defaultVolumesToFsBackup: true")
}

/// Whether a schedule keeps a copy of the claim's data at all times.
fn saves(snapshot: &Snapshot, schedule: &BackupSchedule, claim: &Claim, opted_in: bool) -> bool {
    let scope = &schedule.scope;
    let holds_data = scope.snapshots_volumes != Some(false) || scope.backs_up_files == Some(true) || opted_in;
    !schedule.paused && holds_data && expiry_gap(schedule).is_none() && includes(snapshot, scope, claim)
}

/// How long a backup lives and how far the next one is, when there is a time between without any.
fn expiry_gap(schedule: &BackupSchedule) -> Option<(String, String)> {
    let (ttl, interval) = (schedule.scope.ttl_seconds, schedule.interval_seconds?);
    (ttl > 0 && ttl < interval).then(|| (span(ttl), span(interval)))
}

/// Whether the claim itself is part of the backup: by namespace, kind and labels.
fn includes(snapshot: &Snapshot, scope: &BackupScope, claim: &Claim) -> bool {
    let named = |list: &[Text], name: &str| list.iter().any(|&pattern| wildcard(snapshot.text(pattern), name));
    let namespace = snapshot.text(claim.namespace);
    let is_claim = |&resource: &Text| {
        let resource = snapshot.text(resource);
        resource == "*" || resource == "pvc" || resource.starts_with("persistentvolumeclaim")
    };
    let labels = snapshot.labels(snapshot.object(claim.object).labels);
    let selected = scope.selector.as_ref().is_none_or(|selector| selector.matches(labels, &snapshot.texts));
    let alternatives = &scope.or_selectors;
    (scope.included_namespaces.is_empty() || named(&scope.included_namespaces, namespace))
        && !named(&scope.excluded_namespaces, namespace)
        && (scope.included_resources.is_empty() || scope.included_resources.iter().any(is_claim))
        && !scope.excluded_resources.iter().any(is_claim)
        && selected
        && (alternatives.is_empty() || alternatives.iter().any(|one| one.matches(labels, &snapshot.texts)))
}
