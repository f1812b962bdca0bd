//! A changed autoscaler moves its target between its new bounds.

use super::workload::{Controlled, replicas};
use super::{Overlaid, scale};
use crate::objects::{Body, Object, Str};

/// Whom an autoscaler scales, and between which bounds.
struct Bounds {
    namespace: Str,
    kind: Str,
    name: Str,
    floor: u32,
    ceiling: u32,
}

/// Carries out the changes that are autoscalers. Load is not known: a target stays as it is between the bounds.
pub(super) fn carry_out(overlaid: &mut Overlaid, controlled: &mut Controlled, changes: &[(Option<Object>, usize)]) {
    for &(_, position) in changes {
        let Some(bounds) = bounds(&overlaid.objects[position]) else {
            continue;
        };
        let is_target = |object: &Object| {
            let metadata = object.metadata();
            object.kind().kind() == bounds.kind
                && metadata.namespace == bounds.namespace
                && metadata.name == bounds.name
        };
        let Some(target) = overlaid.objects.iter().position(is_target) else {
            continue;
        };
        let Some(known) = replicas(&overlaid.objects[target].body).filter(|&known| known > 0) else {
            continue;
        };
        let (floor, ceiling) = (bounds.floor as usize, bounds.ceiling.max(bounds.floor) as usize);
        let wanted = known.clamp(floor, ceiling);
        if wanted != known {
            set_replicas(&mut overlaid.objects[target].body, wanted);
            let workload = overlaid.objects[target].clone();
            scale::scale(overlaid, controlled, &workload, known, wanted);
        }
    }
}

fn bounds(object: &Object) -> Option<Bounds> {
    let namespace = object.metadata().namespace.clone();
    let (target, floor, ceiling) = match &object.body {
        Body::HorizontalPodAutoscaler(autoscaler) => {
            let spec = &autoscaler.spec;
            (&spec.scale_target_ref, spec.min_replicas.unwrap_or(1), spec.max_replicas.unwrap_or(u32::MAX))
        }
        // Defaults of KEDA: `minReplicaCount` 0, `maxReplicaCount` 100.
        Body::ScaledObject(scaled) => {
            let spec = &scaled.spec;
            (&spec.scale_target_ref, spec.min_replica_count.unwrap_or(0), spec.max_replica_count.unwrap_or(100))
        }
        _ => return None,
    };
    let kind = if target.kind.is_empty() { "Deployment".into() } else { target.kind.clone() };
    Some(Bounds { namespace, kind, name: target.name.clone(), floor, ceiling })
}

fn set_replicas(body: &mut Body, wanted: usize) {
    let replicas = i32::try_from(wanted).ok();
    match body {
        Body::Deployment(deployment) => deployment.spec.replicas = replicas,
        Body::StatefulSet(set) => set.spec.replicas = replicas,
        Body::ReplicaSet(set) => set.spec.replicas = replicas,
        Body::ReplicationController(controller) => controller.spec.replicas = replicas,
        _ => {}
    }
}
