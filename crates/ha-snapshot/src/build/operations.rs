//! Leases, priorities, limits, backups, facts.

use alloc::vec::Vec;

use ha_core::snapshot::{
    Amount, Backup, BackupLocation, BackupSchedule, BackupScope, Fact, Lease, LimitRange, ObjectId, PriorityClass,
    ResourceQuota,
};

use super::convert::filled_in;
use super::{Builder, schedule};
use crate::objects as slim;

/// Velero keeps a backup for 30 days when nothing else is said.
const DEFAULT_TTL_SECONDS: i64 = 30 * 86_400;

/// The label with which Velero marks the backups of a schedule.
const SCHEDULE_LABEL: &str = "velero.io/schedule-name";

impl Builder {
    pub(super) fn lease(&mut self, id: ObjectId, lease: &slim::Lease) -> Lease {
        Lease {
            object: id,
            namespace: self.objects[id.position()].namespace,
            name: self.objects[id.position()].name,
            holder: self.text(&lease.spec.holder_identity),
            duration_seconds: lease.spec.lease_duration_seconds,
            acquired_at: lease.spec.acquire_time.map(|time| time.0),
            renewed_at: lease.spec.renew_time.map(|time| time.0),
            transitions: lease.spec.lease_transitions,
        }
    }

    pub(super) fn priority_class(&mut self, id: ObjectId, class: &slim::PriorityClass) -> PriorityClass {
        PriorityClass {
            object: id,
            name: self.objects[id.position()].name,
            value: class.value,
            global_default: class.global_default,
            never_preempts: class.preemption_policy == "Never",
        }
    }

    pub(super) fn limit_range(&mut self, id: ObjectId, range: &slim::LimitRange) -> LimitRange {
        let mut default_requests: Vec<Amount> = Vec::new();
        for item in range.spec.limits.iter().filter(|item| item.r#type == "Container") {
            // A limit that is the default, or else the largest, is the default request, too; so is the smallest
            // (`SetDefaults_LimitRangeItem` in `pkg/apis/core/v1/defaults.go`).
            let requests = filled_in(&[&item.default_request, &item.default, &item.max, &item.min]);
            for amount in self.amounts(&requests) {
                if default_requests.iter().all(|known| known.resource != amount.resource) {
                    default_requests.push(amount);
                }
            }
        }
        LimitRange { object: id, namespace: self.objects[id.position()].namespace, default_requests }
    }

    pub(super) fn resource_quota(&mut self, id: ObjectId, quota: &slim::ResourceQuota) -> ResourceQuota {
        let hard = if quota.status.hard.0.is_empty() { &quota.spec.hard } else { &quota.status.hard };
        ResourceQuota {
            object: id,
            namespace: self.objects[id.position()].namespace,
            hard: self.amounts(hard),
            used: self.amounts(&quota.status.used),
            scoped: !quota.spec.scopes.is_empty() || quota.spec.scope_selector.is_some(),
        }
    }

    fn backup_scope(&mut self, spec: &slim::BackupSpec) -> BackupScope {
        BackupScope {
            included_namespaces: self.texts_of(&spec.included_namespaces),
            excluded_namespaces: self.texts_of(&spec.excluded_namespaces),
            included_resources: self.texts_of(&spec.included_resources),
            excluded_resources: self.texts_of(&spec.excluded_resources),
            selector: spec.label_selector.as_ref().map(|selector| self.selector(selector)),
            or_selectors: spec.or_label_selectors.iter().map(|selector| self.selector(selector)).collect(),
            snapshots_volumes: spec.snapshot_volumes,
            backs_up_files: spec.default_volumes_to_fs_backup,
            location: self.text(&spec.storage_location),
            ttl_seconds: schedule::duration_seconds(&spec.ttl).filter(|&ttl| ttl > 0).unwrap_or(DEFAULT_TTL_SECONDS),
        }
    }

    pub(super) fn backup_schedule(&mut self, id: ObjectId, object: &slim::BackupSchedule) -> BackupSchedule {
        BackupSchedule {
            object: id,
            namespace: self.objects[id.position()].namespace,
            name: self.objects[id.position()].name,
            schedule: self.text(&object.spec.schedule),
            interval_seconds: schedule::longest_interval(&object.spec.schedule),
            paused: object.spec.paused,
            phase: self.text(&object.status.phase),
            last_backup: object.status.last_backup.map(|time| time.0),
            scope: self.backup_scope(&object.spec.template),
        }
    }

    pub(super) fn backup(&mut self, id: ObjectId, backup: &slim::Backup) -> Backup {
        Backup {
            object: id,
            namespace: self.objects[id.position()].namespace,
            schedule: self.text(backup.metadata.labels.get(SCHEDULE_LABEL).unwrap_or("")),
            phase: self.text(&backup.status.phase),
            started_at: backup.status.start_timestamp.map(|time| time.0),
            completed_at: backup.status.completion_timestamp.map(|time| time.0),
            expires_at: backup.status.expiration.map(|time| time.0),
            warnings: backup.status.warnings,
            errors: backup.status.errors,
            scope: self.backup_scope(&backup.spec),
        }
    }

    pub(super) fn backup_location(&mut self, id: ObjectId, location: &slim::BackupStorageLocation) -> BackupLocation {
        BackupLocation {
            object: id,
            namespace: self.objects[id.position()].namespace,
            name: self.objects[id.position()].name,
            is_default: location.spec.default,
            phase: self.text(&location.status.phase),
            validated_at: location.status.last_validation_time.map(|time| time.0),
            read_only: location.spec.access_mode == "ReadOnly",
            provider: self.text(&location.spec.provider),
            region: self.text(&location.spec.config.region),
        }
    }

    pub(super) fn facts(&mut self, id: ObjectId, map: &slim::ConfigMapFacts) -> Vec<Fact> {
        let facts = map.facts.0.iter();
        facts
            .map(|(name, value)| Fact { object: id, name: self.texts.intern(name), value: self.texts.intern(value) })
            .collect()
    }
}
