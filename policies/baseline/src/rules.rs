//! The list of rules. A new rule is one file and one line here.

use ha_sdk::Rule;

/// Declares each rule's module and the list of all of them, in the catalogue's order.
macro_rules! rules {
    ($( $area:ident { $( $file:ident $name:ident ),* $(,)? } )*) => {
        $( mod $area { $( pub(super) mod $file; )* } )*

        /// Every rule of the policy. A finding names its rule by the position in this list.
        pub static RULES: &[&Rule] = &[ $( $( &$area::$file::$name ),* ),* ];
    };
}

rules! {
    control_plane {
        control_plane_too_small CONTROL_PLANE_TOO_SMALL,
        control_plane_shares_zone CONTROL_PLANE_SHARES_ZONE,
        etcd_even_members ETCD_EVEN_MEMBERS,
        etcd_quorum_fragile ETCD_QUORUM_FRAGILE,
        etcd_zone_quorum ETCD_ZONE_QUORUM,
        api_endpoints_degraded API_ENDPOINTS_DEGRADED,
        control_plane_leader_stale CONTROL_PLANE_LEADER_STALE,
        control_plane_component_down CONTROL_PLANE_COMPONENT_DOWN,
    }
    nodes {
        workers_too_few WORKERS_TOO_FEW,
        node_pool_single_zone NODE_POOL_SINGLE_ZONE,
        topology_labels_absent TOPOLOGY_LABELS_ABSENT,
        nodes_unavailable_long NODES_UNAVAILABLE_LONG,
        node_loss_strands_pods NODE_LOSS_STRANDS_PODS,
        zone_loss_strands_pods ZONE_LOSS_STRANDS_PODS,
        survivor_limits_exhausted SURVIVOR_LIMITS_EXHAUSTED,
    }
    replication {
        single_replica SINGLE_REPLICA,
        autoscaler_floor_too_low AUTOSCALER_FLOOR_TOO_LOW,
        bare_pod BARE_POD,
        replicas_share_node REPLICAS_SHARE_NODE,
        replicas_share_zone REPLICAS_SHARE_ZONE,
        replicas_placed_together REPLICAS_PLACED_TOGETHER,
        anti_affinity_unsatisfiable ANTI_AFFINITY_UNSATISFIABLE,
        spread_selector_mismatch SPREAD_SELECTOR_MISMATCH,
        pods_pinned_to_domain PODS_PINNED_TO_DOMAIN,
        rollout_drops_all_replicas ROLLOUT_DROPS_ALL_REPLICAS,
        resource_requests_absent RESOURCE_REQUESTS_ABSENT,
    }
    disruption {
        budget_absent BUDGET_ABSENT,
        budget_blocks_drain BUDGET_BLOCKS_DRAIN,
        budget_too_loose BUDGET_TOO_LOOSE,
        budget_selects_nothing BUDGET_SELECTS_NOTHING,
        budgets_overlap BUDGETS_OVERLAP,
        budget_exhausted_now BUDGET_EXHAUSTED_NOW,
        drain_order_infeasible DRAIN_ORDER_INFEASIBLE,
        preemption_breaks_quorum PREEMPTION_BREAKS_QUORUM,
    }
    services {
        service_selects_nothing SERVICE_SELECTS_NOTHING,
        service_single_endpoint SERVICE_SINGLE_ENDPOINT,
        ingress_controller_fragile INGRESS_CONTROLLER_FRAGILE,
    }
    probes {
        readiness_probe_absent READINESS_PROBE_ABSENT,
        liveness_equals_readiness LIVENESS_EQUALS_READINESS,
    }
    failover {
        toleration_forever TOLERATION_FOREVER,
        webhook_fails_closed_on_fragile_backend WEBHOOK_FAILS_CLOSED_ON_FRAGILE_BACKEND,
        webhook_guards_itself WEBHOOK_GUARDS_ITSELF,
    }
    storage {
        single_writer_volume_shared SINGLE_WRITER_VOLUME_SHARED,
        volume_bound_too_early VOLUME_BOUND_TOO_EARLY,
        zonal_volume_stranded ZONAL_VOLUME_STRANDED,
    }
    dns {
        dns_replicas_share_node DNS_REPLICAS_SHARE_NODE,
    }
    recovery {
        etcd_backup_absent ETCD_BACKUP_ABSENT,
        backup_stale BACKUP_STALE,
        backup_coverage_gap BACKUP_COVERAGE_GAP,
    }
    tools {
        monitoring_fragile MONITORING_FRAGILE,
    }
}
