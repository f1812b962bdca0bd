//! Carries a changed workload out: its pods get the new template, come and go.

use alloc::vec::Vec;

use hashbrown::HashMap;

use super::{Overlaid, daemons, is_removed, scale, template};
use crate::objects::{Body, Object, PodTemplate, Str};

/// Which pods a controller has, by its identity.
#[derive(Debug, Default)]
pub(super) struct Controlled {
    pods: HashMap<Str, Vec<usize>>,
}

impl Controlled {
    /// Looks through all objects. A ReplicaSet leads to its Deployment.
    pub(super) fn of(objects: &[Object]) -> Self {
        let mut parents: HashMap<&Str, &Str> = HashMap::new();
        for object in objects {
            if let (Body::ReplicaSet(set), Some(owner)) = (&object.body, object.metadata().controller()) {
                parents.insert(&set.metadata.uid, &owner.uid);
            }
        }
        let mut controlled = Self::default();
        for (position, object) in objects.iter().enumerate() {
            let Body::Pod(pod) = &object.body else {
                continue;
            };
            let ended = matches!(&*pod.status.phase, "Succeeded" | "Failed");
            let Some(owner) = pod.metadata.controller().filter(|_| !ended && pod.metadata.deletion_timestamp.is_none())
            else {
                continue;
            };
            let top = parents.get(&owner.uid).copied().unwrap_or(&owner.uid);
            controlled.pods.entry(top.clone()).or_default().push(position);
        }
        controlled
    }

    /// The positions of a controller's pods.
    pub(super) fn pods(&self, uid: &Str) -> Vec<usize> {
        self.pods.get(uid).cloned().unwrap_or_default()
    }

    pub(super) fn add(&mut self, uid: &Str, position: usize) {
        self.pods.entry(uid.clone()).or_default().push(position);
    }
}

/// The template of a controller whose pods it replaces by itself.
pub(super) fn template(body: &Body) -> Option<&PodTemplate> {
    match body {
        Body::Deployment(deployment) => Some(&deployment.spec.template),
        Body::StatefulSet(set) => Some(&set.spec.template),
        Body::ReplicaSet(set) => Some(&set.spec.template),
        Body::ReplicationController(controller) => Some(&controller.spec.template),
        Body::DaemonSet(set) => Some(&set.spec.template),
        _ => None,
    }
}

/// How many pods a controller wants; none for kinds without a number.
pub(super) fn replicas(body: &Body) -> Option<usize> {
    let replicas = match body {
        Body::Deployment(deployment) => deployment.spec.replicas,
        Body::StatefulSet(set) => set.spec.replicas,
        Body::ReplicaSet(set) => set.spec.replicas,
        Body::ReplicationController(controller) => controller.spec.replicas,
        _ => return None,
    };
    usize::try_from(replicas.unwrap_or(1)).ok()
}

/// From which ordinal on pods that exist get a new template; none when nobody replaces them.
fn rolled_from(body: &Body) -> Option<u32> {
    match body {
        Body::Deployment(deployment) => (!deployment.spec.paused).then_some(0),
        Body::StatefulSet(set) if set.spec.update_strategy.r#type == "OnDelete" => None,
        Body::StatefulSet(set) => Some(set.spec.update_strategy.rolling_update.partition),
        Body::DaemonSet(set) => (set.spec.update_strategy.r#type != "OnDelete").then_some(0),
        // Their pods stay as they are until somebody deletes them.
        _ => None,
    }
}

/// Carries out what changed at `position`.
pub(super) fn carry_out(overlaid: &mut Overlaid, controlled: &mut Controlled, old: Option<&Object>, position: usize) {
    let new = overlaid.objects[position].clone();
    let Some(after) = template(&new.body) else {
        return;
    };
    let before = old.and_then(|old| template(&old.body));
    if let (Some(before), Some(first)) = (before.filter(|before| *before != after), rolled_from(&new.body)) {
        for pod in controlled.pods(&new.metadata().uid) {
            template::roll(overlaid, pod, (before, after), first, matches!(new.body, Body::DaemonSet(_)));
        }
    }
    match &new.body {
        Body::DaemonSet(_) if before != Some(after) => daemons::fit(overlaid, controlled, &new),
        Body::DaemonSet(_) => {}
        _ => {
            let wanted = replicas(&new.body).unwrap_or(0);
            let known = old.map_or(0, |old| replicas(&old.body).unwrap_or(0));
            scale::scale(overlaid, controlled, &new, known, wanted);
        }
    }
}

/// A controller's pods that are still there.
pub(super) fn present(overlaid: &Overlaid, controlled: &Controlled, uid: &Str) -> Vec<usize> {
    let mut pods = controlled.pods(uid);
    pods.retain(|&pod| !is_removed(&overlaid.objects[pod]));
    pods
}
