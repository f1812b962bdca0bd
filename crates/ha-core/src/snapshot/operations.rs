//! What keeps a cluster running and brings it back: leases, priorities, limits, backups.

use alloc::vec::Vec;

use super::node::Amount;
use super::object::{ObjectId, Timestamp};
use crate::labels::LabelSelector;
use crate::text::Text;
use crate::wire::record;

record! {
    /// A Lease. Those of nodes (namespace `kube-node-lease`) are left out.
    pub struct Lease {
        /// Its identity.
        pub object: ObjectId,
        /// Its namespace.
        pub namespace: Text,
        /// Its name.
        pub name: Text,
        /// Who holds it.
        pub holder: Text,
        /// `leaseDurationSeconds`.
        pub duration_seconds as "duration-seconds": Option<u32>,
        /// When the holder got it.
        pub acquired_at as "acquired-at": Option<Timestamp>,
        /// When the holder last renewed it.
        pub renewed_at as "renewed-at": Option<Timestamp>,
        /// How often it changed hands.
        pub transitions: u32,
    }
}

record! {
    /// A PriorityClass.
    pub struct PriorityClass {
        /// Its identity.
        pub object: ObjectId,
        /// Its name.
        pub name: Text,
        /// Its value.
        pub value: i32,
        /// `globalDefault`.
        pub global_default as "global-default": bool,
        /// `preemptionPolicy: Never`.
        pub never_preempts as "never-preempts": bool,
    }
}

record! {
    /// The `Container` defaults of a LimitRange.
    pub struct LimitRange {
        /// Its identity.
        pub object: ObjectId,
        /// Its namespace.
        pub namespace: Text,
        /// `defaultRequest`, and `default` where only that is given.
        pub default_requests as "default-requests": Vec<Amount>,
    }
}

record! {
    /// A ResourceQuota.
    pub struct ResourceQuota {
        /// Its identity.
        pub object: ObjectId,
        /// Its namespace.
        pub namespace: Text,
        /// `status.hard`, or `spec.hard`.
        pub hard: Vec<Amount>,
        /// `status.used`.
        pub used: Vec<Amount>,
        /// Whether scopes limit it to some pods.
        pub scoped: bool,
    }
}

record! {
    /// What a backup or a schedule covers.
    pub struct BackupScope {
        /// `includedNamespaces`; empty or `*` is all.
        pub included_namespaces as "included-namespaces": Vec<Text>,
        /// `excludedNamespaces`.
        pub excluded_namespaces as "excluded-namespaces": Vec<Text>,
        /// `includedResources`; empty or `*` is all.
        pub included_resources as "included-resources": Vec<Text>,
        /// `excludedResources`.
        pub excluded_resources as "excluded-resources": Vec<Text>,
        /// `labelSelector`.
        pub selector: Option<LabelSelector>,
        /// `orLabelSelectors`.
        pub or_selectors as "or-selectors": Vec<LabelSelector>,
        /// `snapshotVolumes`; none leaves it to the server.
        pub snapshots_volumes as "snapshots-volumes": Option<bool>,
        /// `defaultVolumesToFsBackup`.
        pub backs_up_files as "backs-up-files": Option<bool>,
        /// `storageLocation`; empty for the default one.
        pub location: Text,
        /// `ttl` in seconds; 30 days when unset.
        pub ttl_seconds as "ttl-seconds": i64,
    }
}

record! {
    /// A Velero Schedule.
    pub struct BackupSchedule {
        /// Its identity.
        pub object: ObjectId,
        /// Its namespace.
        pub namespace: Text,
        /// Its name.
        pub name: Text,
        /// The cron expression.
        pub schedule: Text,
        /// The longest time between two runs in seconds, computed from `schedule`; none when it cannot be read.
        pub interval_seconds as "interval-seconds": Option<i64>,
        /// `paused`.
        pub paused: bool,
        /// `status.phase`.
        pub phase: Text,
        /// `status.lastBackup`.
        pub last_backup as "last-backup": Option<Timestamp>,
        /// What it covers.
        pub scope: BackupScope,
    }
}

record! {
    /// A Velero Backup.
    pub struct Backup {
        /// Its identity.
        pub object: ObjectId,
        /// Its namespace.
        pub namespace: Text,
        /// The schedule that made it; empty for one made by hand.
        pub schedule: Text,
        /// `status.phase`.
        pub phase: Text,
        /// When it started.
        pub started_at as "started-at": Option<Timestamp>,
        /// When it ended.
        pub completed_at as "completed-at": Option<Timestamp>,
        /// When it will be deleted.
        pub expires_at as "expires-at": Option<Timestamp>,
        /// How many warnings.
        pub warnings: u32,
        /// How many errors.
        pub errors: u32,
        /// What it covers.
        pub scope: BackupScope,
    }
}

record! {
    /// A Velero BackupStorageLocation.
    pub struct BackupLocation {
        /// Its identity.
        pub object: ObjectId,
        /// Its namespace.
        pub namespace: Text,
        /// Its name.
        pub name: Text,
        /// The default location.
        pub is_default as "is-default": bool,
        /// `status.phase`.
        pub phase: Text,
        /// When it was last validated.
        pub validated_at as "validated-at": Option<Timestamp>,
        /// `accessMode: ReadOnly`.
        pub read_only as "read-only": bool,
        /// The provider.
        pub provider: Text,
        /// `config.region`.
        pub region: Text,
    }
}

record! {
    /// A typed fact taken from one of the ConfigMaps of rules.md 1.12; their content is never kept.
    pub struct Fact {
        /// The ConfigMap.
        pub object: ObjectId,
        /// Which fact: one of the words below.
        pub name: Text,
        /// Its value.
        pub value: Text,
    }
}

/// The facts there are.
impl Fact {
    /// `controlPlaneEndpoint` of kubeadm: host and port of the API server, as the cluster was set up.
    pub const CONTROL_PLANE_ENDPOINT: &str = "control-plane-endpoint";
    /// The API server's address in `kube-public/cluster-info`, with which machines join.
    pub const CLUSTER_INFO_SERVER: &str = "cluster-info-server";
    /// `stacked` or `external`: whether etcd runs on the control-plane nodes, as kubeadm was told.
    pub const ETCD_TOPOLOGY: &str = "etcd-topology";
    /// The plugins of CoreDNS, sorted, with blanks between them.
    pub const COREDNS_PLUGINS: &str = "coredns-plugins";
    /// For how long CoreDNS goes on answering when it is told to stop, as a Go duration.
    pub const COREDNS_LAMEDUCK: &str = "coredns-lameduck";
    /// `Healthy` or `Unhealthy`: what the cluster autoscaler says of the cluster.
    pub const AUTOSCALER_HEALTH: &str = "cluster-autoscaler-health";
    /// `2/5`: two of five node groups of the cluster autoscaler are as large as they may become.
    pub const AUTOSCALER_FULL_GROUPS: &str = "cluster-autoscaler-full-groups";
    /// What the alerts in a file of Prometheus rules are about: of `backups`, `budgets`, `certificates`, `etcd`,
    /// `nodes` and `volumes` those that they measure, sorted, with blanks between them.
    pub const ALERTS: &str = "alerts";

    /// The facts whose value is an address, hence somebody's.
    pub const ADDRESSES: &[&str] = &[Self::CONTROL_PLANE_ENDPOINT, Self::CLUSTER_INFO_SERVER];
}
