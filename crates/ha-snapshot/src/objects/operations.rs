//! Leases, priorities, limits, backups, and the facts kept of a few ConfigMaps.

use alloc::vec::Vec;

use super::{Condition, LabelSelector, Metadata, ResourceMap, Str, StringMap, Time, slim};

slim! {
    /// `coordination.k8s.io/v1` Lease.
    pub struct Lease {
        /// Metadata.
        pub metadata: Metadata,
        /// Specification.
        pub spec: LeaseSpec,
    }
}

slim! {
    /// `spec` of a Lease.
    pub struct LeaseSpec {
        /// Who holds it.
        pub holder_identity: Str,
        /// For how long.
        pub lease_duration_seconds: Option<u32>,
        /// Since when.
        pub acquire_time: Option<Time>,
        /// Last renewed.
        pub renew_time: Option<Time>,
        /// How often it changed hands.
        pub lease_transitions: u32,
    }
}

slim! {
    /// `scheduling.k8s.io/v1` PriorityClass.
    pub struct PriorityClass {
        /// Metadata.
        pub metadata: Metadata,
        /// Value.
        pub value: i32,
        /// For pods without one.
        pub global_default: bool,
        /// Preemption policy.
        pub preemption_policy: Str,
    }
}

slim! {
    /// `v1` LimitRange.
    pub struct LimitRange {
        /// Metadata.
        pub metadata: Metadata,
        /// Specification.
        pub spec: LimitRangeSpec,
    }
}

slim! {
    /// `spec` of a LimitRange.
    pub struct LimitRangeSpec {
        /// Limits.
        pub limits: Vec<LimitRangeItem>,
    }
}

slim! {
    /// Limits of one type of object.
    pub struct LimitRangeItem {
        /// `Container`, `Pod`, `PersistentVolumeClaim`.
        pub r#type: Str,
        /// Default limits.
        pub default: ResourceMap,
        /// Default requests.
        pub default_request: ResourceMap,
        /// Largest limits.
        pub max: ResourceMap,
        /// Smallest requests.
        pub min: ResourceMap,
    }
}

slim! {
    /// `v1` ResourceQuota.
    pub struct ResourceQuota {
        /// Metadata.
        pub metadata: Metadata,
        /// Specification.
        pub spec: ResourceQuotaSpec,
        /// Status.
        pub status: ResourceQuotaStatus,
    }
}

slim! {
    /// `spec` of a ResourceQuota.
    pub struct ResourceQuotaSpec {
        /// Bounds.
        pub hard: ResourceMap,
        /// Scopes.
        pub scopes: Vec<Str>,
        /// Scope selector; only its presence matters.
        pub scope_selector: Option<ScopeSelector>,
    }
}

slim! {
    /// A scope selector.
    pub struct ScopeSelector {
        /// Its conditions.
        pub match_expressions: Vec<ScopeExpression>,
    }
}

slim! {
    /// A condition of a scope selector.
    pub struct ScopeExpression {
        /// Scope.
        pub scope_name: Str,
    }
}

slim! {
    /// `status` of a ResourceQuota.
    pub struct ResourceQuotaStatus {
        /// Bounds.
        pub hard: ResourceMap,
        /// In use.
        pub used: ResourceMap,
    }
}

slim! {
    /// `velero.io/v1` Schedule.
    pub struct BackupSchedule {
        /// Metadata.
        pub metadata: Metadata,
        /// Specification.
        pub spec: BackupScheduleSpec,
        /// Status.
        pub status: BackupScheduleStatus,
    }
}

slim! {
    /// `spec` of a Schedule.
    pub struct BackupScheduleSpec {
        /// Cron expression.
        pub schedule: Str,
        /// Paused.
        pub paused: bool,
        /// What each backup covers.
        pub template: BackupSpec,
    }
}

slim! {
    /// `status` of a Schedule.
    pub struct BackupScheduleStatus {
        /// Phase.
        pub phase: Str,
        /// Last run.
        pub last_backup: Option<Time>,
    }
}

slim! {
    /// What a backup covers. Hooks are left out.
    pub struct BackupSpec {
        /// Namespaces.
        pub included_namespaces: Vec<Str>,
        /// Not these.
        pub excluded_namespaces: Vec<Str>,
        /// Kinds.
        pub included_resources: Vec<Str>,
        /// Not these.
        pub excluded_resources: Vec<Str>,
        /// Objects.
        pub label_selector: Option<LabelSelector>,
        /// Objects, alternatively.
        pub or_label_selectors: Vec<LabelSelector>,
        /// Volume snapshots.
        pub snapshot_volumes: Option<bool>,
        /// File backup.
        pub default_volumes_to_fs_backup: Option<bool>,
        /// Location.
        pub storage_location: Str,
        /// How long it is kept, as a Go duration.
        pub ttl: Str,
    }
}

slim! {
    /// `velero.io/v1` Backup.
    pub struct Backup {
        /// Metadata.
        pub metadata: Metadata,
        /// Specification.
        pub spec: BackupSpec,
        /// Status.
        pub status: BackupStatus,
    }
}

slim! {
    /// `status` of a Backup.
    pub struct BackupStatus {
        /// Phase.
        pub phase: Str,
        /// Start.
        pub start_timestamp: Option<Time>,
        /// End.
        pub completion_timestamp: Option<Time>,
        /// When it will be deleted.
        pub expiration: Option<Time>,
        /// Warnings.
        pub warnings: u32,
        /// Errors.
        pub errors: u32,
    }
}

slim! {
    /// `velero.io/v1` BackupStorageLocation. Credentials and configuration are left out, but for the region.
    pub struct BackupStorageLocation {
        /// Metadata.
        pub metadata: Metadata,
        /// Specification.
        pub spec: BackupStorageLocationSpec,
        /// Status.
        pub status: BackupStorageLocationStatus,
    }
}

slim! {
    /// `spec` of a BackupStorageLocation.
    pub struct BackupStorageLocationSpec {
        /// Provider.
        pub provider: Str,
        /// The default one.
        pub default: bool,
        /// `ReadOnly` or `ReadWrite`.
        pub access_mode: Str,
        /// Region.
        pub config: LocationRegion,
    }
}

slim! {
    /// The region of a location.
    pub struct LocationRegion {
        /// Region.
        pub region: Str,
    }
}

slim! {
    /// `status` of a BackupStorageLocation.
    pub struct BackupStorageLocationStatus {
        /// Phase.
        pub phase: Str,
        /// Last validated.
        pub last_validation_time: Option<Time>,
        /// Conditions.
        pub conditions: Vec<Condition>,
    }
}

slim! {
    /// What is kept of one of the ConfigMaps of rules.md 1.12: facts by name. A ConfigMap as such has no field here,
    /// so its content cannot get in by accident; the reader makes these from it.
    pub struct ConfigMapFacts {
        /// Metadata.
        pub metadata: Metadata,
        /// Facts, such as `control-plane-endpoint`.
        pub facts: StringMap,
    }
}
