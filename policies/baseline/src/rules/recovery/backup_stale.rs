use alloc::collections::BTreeMap;
use alloc::format;
use alloc::string::String;

use ha_sdk::snapshot::{Backup, BackupSchedule, ResourceKind, Snapshot, Timestamp};
use ha_sdk::text::Text;
use ha_sdk::{Area, Class, Findings, Input, Severity, rule};

use crate::shared::ages::span;
use crate::shared::cluster::not_shown;

rule! {
    /// A backup schedule is paused, never ran, or its last completed backup is older than twice its interval.
    ///
    /// ## Why it matters
    /// Backups stop in silence: expired credentials, a full bucket, a schedule paused during an upgrade. It is
    /// noticed on the day of the restore. The newest backup of each schedule counts; partly failed is failed, and
    /// completed with warnings is worth a look.
    ///
    /// ## Remediation
    /// `velero backup describe <name> --details` and `velero backup logs <name>` tell what went wrong; unpause the
    /// schedule with `velero schedule unpause <name>`.
    ///
    /// ## Examples
    /// ```yaml fails
    /// apiVersion: velero.io/v1
    /// kind: Schedule
    /// metadata: {name: daily, namespace: velero, creationTimestamp: "2025-06-01T00:00:00Z"}
    /// spec:
    ///   schedule: "0 2 * * *"
    ///   paused: true  # finding: backup-stale
    ///   template: {ttl: 720h}
    /// ---
    /// apiVersion: velero.io/v1
    /// kind: Backup
    /// metadata: {name: daily-1, namespace: velero, labels: {velero.io/schedule-name: daily}}
    /// status: {phase: Completed, startTimestamp: "2025-12-31T02:10:00Z", completionTimestamp: "2025-12-31T02:10:00Z"}
    /// ```
    /// ```yaml fails
    /// # Nothing for eleven days.
    /// apiVersion: velero.io/v1
    /// kind: Schedule
    /// metadata: {name: daily, namespace: velero, creationTimestamp: "2025-06-01T00:00:00Z"}
    /// spec:
    ///   schedule: "0 2 * * *"
    ///   template: {ttl: 720h}
    /// ---
    /// apiVersion: velero.io/v1
    /// kind: Backup
    /// metadata: {name: daily-1, namespace: velero, labels: {velero.io/schedule-name: daily}}
    /// status: {phase: Completed, startTimestamp: "2025-12-20T02:10:00Z", completionTimestamp: "2025-12-20T02:10:00Z"}  # finding: backup-stale
    /// ```
    /// ```yaml fails
    /// # The newest one is incomplete.
    /// apiVersion: velero.io/v1
    /// kind: Schedule
    /// metadata: {name: daily, namespace: velero, creationTimestamp: "2025-06-01T00:00:00Z"}
    /// spec:
    ///   schedule: "0 2 * * *"
    ///   template: {ttl: 720h}
    /// ---
    /// apiVersion: velero.io/v1
    /// kind: Backup
    /// metadata: {name: daily-1, namespace: velero, labels: {velero.io/schedule-name: daily}}
    /// status: {phase: Completed, startTimestamp: "2025-12-30T02:10:00Z", completionTimestamp: "2025-12-30T02:10:00Z"}
    /// ---
    /// apiVersion: velero.io/v1
    /// kind: Backup
    /// metadata: {name: daily-2, namespace: velero, labels: {velero.io/schedule-name: daily}}
    /// status: {phase: PartiallyFailed, startTimestamp: "2025-12-31T02:10:00Z", completionTimestamp: "2025-12-31T02:10:00Z"}  # finding: backup-stale
    /// ```
    /// ```yaml passes
    /// # An old failure lingers until it expires; the newest backup counts.
    /// apiVersion: velero.io/v1
    /// kind: Schedule
    /// metadata: {name: daily, namespace: velero, creationTimestamp: "2025-06-01T00:00:00Z"}
    /// spec:
    ///   schedule: "0 2 * * *"
    ///   template: {ttl: 720h}
    /// ---
    /// apiVersion: velero.io/v1
    /// kind: Backup
    /// metadata: {name: daily-1, namespace: velero, labels: {velero.io/schedule-name: daily}}
    /// status: {phase: Failed, startTimestamp: "2025-12-30T02:10:00Z", completionTimestamp: "2025-12-30T02:10:00Z"}
    /// ---
    /// apiVersion: velero.io/v1
    /// kind: Backup
    /// metadata: {name: daily-2, namespace: velero, labels: {velero.io/schedule-name: daily}}
    /// status: {phase: Completed, startTimestamp: "2025-12-31T02:10:00Z", completionTimestamp: "2025-12-31T02:10:00Z"}
    /// ```
    ///
    /// ## References
    /// - <https://velero.io/docs/main/api-types/schedule/>
    /// - <https://velero.io/docs/main/api-types/backup/>
    pub static BACKUP_STALE: Rule = Rule {
        name: "backup-stale",
        area: Area::Recovery,
        severity: Severity::Critical,
        class: Class::C,
        needs: &[ResourceKind::BackupSchedule, ResourceKind::Backup],
        since: "0.1.0",
        check,
    };
}

/// The newest backups of one schedule.
#[derive(Clone, Copy, Default)]
struct Newest<'s> {
    ended: Option<&'s Backup>,
    completed: Option<&'s Backup>,
}

fn check(input: &Input, findings: &mut Findings) {
    let snapshot = input.snapshot;
    if snapshot.backup_schedules.is_empty() {
        match snapshot.first_missing(&[ResourceKind::BackupSchedule], Text::default()) {
            Some(missing) => drop(findings.unknown(Snapshot::CLUSTER, missing)),
            None => findings.not_applicable(Snapshot::CLUSTER, "no Velero schedule"),
        }
        return;
    }
    let newest = newest_backups(snapshot);
    for schedule in &snapshot.backup_schedules {
        let newest = newest.get(&(schedule.namespace, schedule.name)).copied().unwrap_or_default();
        judge(snapshot, schedule, newest, findings);
    }
}

/// The newest ended and the newest completed backup by the namespace and name of their schedule.
fn newest_backups(snapshot: &Snapshot) -> BTreeMap<(Text, Text), Newest<'_>> {
    let mut newest: BTreeMap<(Text, Text), Newest> = BTreeMap::new();
    for backup in snapshot.backups.iter().filter(|backup| !backup.schedule.is_empty()) {
        let entry = newest.entry((backup.namespace, backup.schedule)).or_default();
        let newer = |other: Option<&Backup>| other.is_none_or(|other| ended_at(other) < ended_at(backup));
        let phase = snapshot.text(backup.phase);
        if (is_failure(phase) || phase == "Completed") && newer(entry.ended) {
            entry.ended = Some(backup);
        }
        if phase == "Completed" && newer(entry.completed) {
            entry.completed = Some(backup);
        }
    }
    newest
}

fn ended_at(backup: &Backup) -> Option<Timestamp> {
    backup.completed_at.or(backup.started_at)
}

fn is_failure(phase: &str) -> bool {
    matches!(phase, "Failed" | "PartiallyFailed" | "FailedValidation")
}

fn judge(snapshot: &Snapshot, schedule: &BackupSchedule, newest: Newest, findings: &mut Findings) {
    if schedule.paused {
        let finding = findings.fail(schedule.object, "the schedule is paused");
        finding.evidence("spec.paused", "true").leads_to("nothing is saved until somebody notices");
        finding.fix("paused: false").patch(r#"{"spec":{"paused":false}}"#);
        return;
    }
    if snapshot.text(schedule.phase) == "FailedValidation" {
        let finding = findings.fail(schedule.object, "Velero refuses the schedule");
        finding.evidence("status.phase", "FailedValidation").leads_to("it never runs");
        finding.fix("correct what its status.validationErrors name");
        return;
    }
    let unread = snapshot.first_missing(&[ResourceKind::Backup], schedule.namespace);
    if let Some(missing) = unread {
        findings.unknown(schedule.object, missing);
        return;
    }
    if snapshot.backups.is_empty() && !snapshot.is_live() {
        return findings.not_applicable(schedule.object, "no Backup in the input");
    }
    let Some(interval) = schedule.interval_seconds else {
        findings.unknown(schedule.object, not_shown("the interval of its cron expression"));
        return;
    };
    judge_backups(snapshot, schedule, newest, interval, findings);
}

/// What is wrong with the newest backups, and where that stands.
struct Fault<'s> {
    severity: Severity,
    message: String,
    consequence: &'static str,
    /// The backup concerned; none when it is the schedule itself.
    backup: Option<&'s Backup>,
    path: &'static str,
    value: String,
}

fn judge_backups(
    snapshot: &Snapshot,
    schedule: &BackupSchedule,
    newest: Newest,
    interval: i64,
    findings: &mut Findings,
) {
    let is_old = |at: Timestamp| snapshot.source.taken_at - at > 2 * interval;
    let created = snapshot.object(schedule.object).created_at;
    if newest.ended.is_none() && created.is_some_and(|at| !is_old(at)) {
        return findings.not_applicable(schedule.object, "created less than two intervals ago");
    }
    let Some(fault) = fault(snapshot, newest, interval) else {
        return findings.pass(schedule.object);
    };
    let finding = findings.fail(schedule.object, fault.message);
    match fault.backup {
        Some(backup) => finding.related([backup.object]).evidence_of(backup.object, fault.path, fault.value),
        None => finding.evidence(fault.path, fault.value),
    };
    finding
        .severity(fault.severity)
        .leads_to(fault.consequence)
        .fix("read the logs of the newest backup, repair its cause, and run one by hand");
}

fn fault<'s>(snapshot: &Snapshot, newest: Newest<'s>, interval: i64) -> Option<Fault<'s>> {
    let age = |backup: &Backup| ended_at(backup).map(|at| snapshot.source.taken_at - at);
    let is_fresh = newest.completed.and_then(age).is_some_and(|age| age <= 2 * interval);
    let severity = if is_fresh { Severity::High } else { Severity::Critical };
    if let Some(failed) = newest.ended.filter(|backup| is_failure(snapshot.text(backup.phase))) {
        let phase = snapshot.text(failed.phase);
        let message = format!("the newest backup is {phase}");
        return Some(Fault {
            severity,
            message,
            consequence: "a restore brings back older data, or none",
            backup: Some(failed),
            path: "status.phase",
            value: phase.into(),
        });
    }
    let every = span(interval);
    let Some(backup) = newest.completed else {
        let message = format!("no backup was ever completed; the schedule runs every {every}");
        return Some(Fault {
            severity,
            message,
            consequence: "there is nothing to restore",
            backup: None,
            path: "status.lastBackup",
            value: "unset".into(),
        });
    };
    if !is_fresh {
        let age = age(backup).map_or_else(|| "of unknown age".into(), |age| format!("{} old", span(age)));
        let message = format!("the newest backup is {age}; the schedule runs every {every}");
        let path = "status.completionTimestamp";
        return Some(Fault {
            severity,
            message,
            consequence: "a restore brings back old data",
            backup: Some(backup),
            path,
            value: age,
        });
    }
    (backup.warnings > 0).then(|| Fault {
        severity: Severity::Medium,
        message: format!("the newest backup has {} warnings", backup.warnings),
        consequence: "something may be missing from it",
        backup: Some(backup),
        path: "status.warnings",
        value: format!("{}", backup.warnings),
    })
}
