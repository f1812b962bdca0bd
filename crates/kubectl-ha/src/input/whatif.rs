//! From what was typed to what is simulated: a snapshot, or two where a change is laid over a cluster.

use std::collections::HashSet;

use anyhow::Context;
use ha_core::Snapshot;
use ha_core::report::ObjectReference;
use ha_core::report::change::Change;
use ha_core::snapshot::{NodeId, PodId};
use ha_sim::placement::{self, Placement, placement};
use ha_sim::{Model, State};
use ha_snapshot::objects::{Body, Object};
use ha_snapshot::overlay::{Bound, Overlaid, overlay};
use ha_snapshot::{Builder, GapRecord, ObjectName};

use super::{Source, finish, gap_record, read};
use crate::cli;

/// What is simulated on.
#[derive(Debug)]
pub struct Situation {
    /// With the change, where there is one.
    pub snapshot: Snapshot,
    /// Without it, and what it changes.
    pub before: Option<(Snapshot, Change)>,
    /// What the snapshot was built from, where that was to be kept.
    pub whole: Option<Whole>,
}

/// Reads it. `zone_keys` are label keys that mean zone besides the well-known ones. `keep` keeps the objects in memory for
/// [`Whole::with_more`].
pub fn load(
    input: &cli::WhatIf,
    keep: bool,
    connection: &cli::Connection,
    zone_keys: &[String],
) -> anyhow::Result<Situation> {
    let Some(manifests) = input.manifests() else {
        if keep {
            return Ok(Whole::read(&input.cluster(), connection, zone_keys)?.alone(keep));
        }
        let (snapshot, _) = super::load(&input.cluster(), connection, zone_keys)?;
        return Ok(Situation { snapshot, before: None, whole: None });
    };
    let changes = Whole::read(&manifests, connection, zone_keys)?;
    let is_whole = changes.objects.iter().any(|object| matches!(object.body, Body::Node(_)));
    if is_whole && !input.names_cluster() {
        return Ok(changes.alone(keep));
    }
    let base = Whole::read(&input.cluster(), connection, zone_keys);
    let base = if input.names_cluster() { base? } else { base.context(WITHOUT_NODES)? };
    Ok(laid_over(base, changes, connection, keep))
}

/// All objects of an input.
#[derive(Debug)]
pub struct Whole {
    objects: Vec<Object>,
    gaps: Vec<GapRecord>,
    source: Source,
    zone_keys: Vec<String>,
    assume_complete: bool,
}

impl Whole {
    /// The snapshot of these and more objects, such as nodes that come later.
    ///
    /// # Errors
    /// Those of `add`.
    pub fn with_more(mut self, add: impl FnOnce(&mut Vec<Object>) -> anyhow::Result<()>) -> anyhow::Result<Snapshot> {
        let mut objects = std::mem::take(&mut self.objects);
        add(&mut objects)?;
        Ok(self.build(objects))
    }

    fn read(input: &cli::Input, connection: &cli::Connection, zone_keys: &[String]) -> anyhow::Result<Self> {
        let mut objects = Vec::new();
        let source = read(input, connection, &mut |object| objects.push(object))?;
        let gaps = source.reading.gaps.iter().map(gap_record).collect();
        Ok(Self { objects, gaps, source, zone_keys: zone_keys.to_vec(), assume_complete: input.assume_complete })
    }

    fn build(&self, objects: Vec<Object>) -> Snapshot {
        let mut builder = Builder::new(&self.zone_keys);
        for object in objects {
            builder.add(object);
        }
        finish(builder, &self.source, self.gaps.iter().cloned(), self.assume_complete)
    }

    /// No change is laid over it.
    fn alone(self, keep: bool) -> Situation {
        let snapshot = self.build(self.objects.clone());
        Situation { snapshot, before: None, whole: keep.then_some(self) }
    }
}

const WITHOUT_NODES: &str = "there is no node in the files, so they are a change to the current context's cluster (add \
                             Node objects to simulate the files alone, or name a cluster with --snapshot)";

/// How often pods may preempt each other in turn before it is left at that.
const ROUNDS: usize = 4;

fn laid_over(mut base: Whole, changes: Whole, connection: &cli::Connection, keep: bool) -> Situation {
    let before = base.build(base.objects.clone());
    let namespace = connection.namespace.first().map_or("default", String::as_str);
    let description = changes.source.description;
    let mut overlaid = overlay(std::mem::take(&mut base.objects), changes.objects, namespace);
    base.gaps.extend(changes.gaps);
    let mut after = base.build(overlaid.objects.clone());
    // What the change sets in motion comes to rest before anything fails. Whom preemption removed waits anew.
    for _ in 0..ROUNDS {
        let placement = placement(&mut State::new(&Model::new(&after)));
        apply(&mut overlaid, &after, &placement);
        if placement != Placement::default() {
            after = base.build(overlaid.objects.clone());
        }
        if placement.preempted.is_empty() {
            break;
        }
    }
    let change = told(&overlaid, &after, description);
    base.objects = overlaid.objects;
    Situation { snapshot: after, before: Some((before, change)), whole: keep.then_some(base) }
}

/// Writes down where the pods went.
fn apply(overlaid: &mut Overlaid, snapshot: &Snapshot, placement: &Placement) {
    let name = |id: PodId| {
        let object = snapshot.object(snapshot.pod(id).object);
        (snapshot.text(object.namespace).to_owned(), snapshot.text(object.name).to_owned())
    };
    let node_name = |id: NodeId| snapshot.name_of(snapshot.node(id)).to_owned();
    let preempted: HashSet<(String, String)> = placement.preempted.iter().map(|&id| name(id)).collect();
    overlaid.evict(|namespace, pod| preempted.contains(&(namespace.to_owned(), pod.to_owned())));
    overlaid.place(&placement.placed.iter().map(|&(pod, node)| (name(pod), node_name(node))).collect());
    let bound: Vec<(String, String, Bound)> = placement
        .bound
        .iter()
        .map(|&(id, bound)| {
            let claim = snapshot.claim(id);
            let names = (snapshot.text(claim.namespace).to_owned(), snapshot.text(claim.name).to_owned());
            (names.0, names.1, volume(snapshot, claim.storage_class, bound))
        })
        .collect();
    overlaid.bind(&bound);
}

/// A volume that is made can be used in its node's zone; where nodes have no zones, on that node alone.
fn volume(snapshot: &Snapshot, class: Option<ha_core::text::Text>, bound: placement::Bound) -> Bound {
    const ZONE: &str = "topology.kubernetes.io/zone";
    const HOSTNAME: &str = "kubernetes.io/hostname";
    match bound {
        placement::Bound::Volume(id) => Bound::Volume(snapshot.name_of(snapshot.volume(id)).to_owned()),
        placement::Bound::MadeFor(id) => {
            let class =
                class.map_or_else(|| snapshot.default_storage_class(), |name| snapshot.storage_class_named(name));
            let driver = class.map_or("", |class| snapshot.text(class.provisioner)).to_owned();
            let node = snapshot.node(id);
            let label = |key: &str, value| (key.to_owned(), snapshot.text(value).to_owned());
            let place =
                if node.zone_label.is_empty() { label(HOSTNAME, node.hostname) } else { label(ZONE, node.zone_label) };
            Bound::Made { driver, zone: Some(place).filter(|(_, value)| !value.is_empty()) }
        }
    }
}

/// What the change does before anything fails.
fn told(overlaid: &Overlaid, after: &Snapshot, source: String) -> Change {
    let reference = |name: &ObjectName| ObjectReference {
        namespace: name.namespace.clone(),
        kind: name.kind.clone(),
        name: name.name.clone(),
        api_version: name.api_version.clone(),
    };
    let waits = |pod: &ha_core::snapshot::Pod| pod.node_name.is_empty() && !pod.is_finished();
    let waiting = after.pods.iter().filter(|pod| waits(pod));
    Change {
        source,
        replaced: overlaid.replaced.iter().map(reference).collect(),
        added: overlaid.added.iter().map(reference).collect(),
        pods_updated: overlaid.updated,
        pods_moved: overlaid.moved,
        pods_created: overlaid.created,
        pods_removed: overlaid.removed,
        pending: waiting.map(|pod| ObjectReference::of(after, pod.object)).collect(),
        differences: Vec::new(),
        pairs: None,
    }
}
