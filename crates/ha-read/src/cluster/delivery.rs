//! Hands the objects over, one by one, on the caller's thread.

use std::collections::{BTreeMap, HashSet};

use ha_core::snapshot::{GapReason, ResourceKind};
use ha_snapshot::objects::{Object, Str};

use super::list::Identity;
use super::reader::Event;
use super::{Progress, facts};
use crate::reading::Gap;

/// More bad objects of one kind are counted, not listed.
const MOST_BAD_OBJECTS: usize = 100;

/// Gives objects to a sink, and counts them.
pub(super) struct Delivery<'a> {
    sink: &'a mut dyn FnMut(Object),
    progress: &'a mut dyn FnMut(Progress<'_>),
    seen: BTreeMap<ResourceKind, HashSet<(Str, Str)>>,
    bad: BTreeMap<ResourceKind, usize>,
    pub(super) counts: BTreeMap<ResourceKind, usize>,
    pub(super) gaps: Vec<Gap>,
}

impl<'a> Delivery<'a> {
    pub(super) fn new(sink: &'a mut dyn FnMut(Object), progress: &'a mut dyn FnMut(Progress<'_>)) -> Self {
        Self { sink, progress, seen: BTreeMap::new(), bad: BTreeMap::new(), counts: BTreeMap::new(), gaps: Vec::new() }
    }

    pub(super) fn take(&mut self, event: Event) {
        match event {
            Event::Objects { kind, api_version, items, may_repeat, .. } => {
                for item in items {
                    self.deliver(kind, &api_version, &item, may_repeat);
                }
                self.report(kind, false);
            }
            Event::Done(kind) => {
                self.seen.remove(&kind);
                self.report(kind, true);
            }
            Event::Said(text) => (self.progress)(Progress::Said(&text)),
        }
    }

    fn report(&mut self, kind: ResourceKind, done: bool) {
        let objects = self.counts.get(&kind).copied().unwrap_or(0);
        (self.progress)(Progress::Read { kind, objects, done });
    }

    fn deliver(&mut self, kind: ResourceKind, api_version: &str, item: &[u8], may_repeat: bool) {
        let object = std::str::from_utf8(item)
            .map_err(|_| "it is not UTF-8".to_owned())
            .and_then(|json| decoded(api_version, kind, json).map_err(|error| error.to_string()));
        let object = match object {
            Ok(object) => object,
            Err(reason) => return self.bad_object(kind, item, &reason),
        };
        if may_repeat {
            let metadata = object.metadata();
            let identity = (metadata.namespace.clone(), metadata.name.clone());
            if !self.seen.entry(kind).or_default().insert(identity) {
                return;
            }
        }
        *self.counts.entry(kind).or_default() += 1;
        (self.sink)(object);
    }

    fn bad_object(&mut self, kind: ResourceKind, item: &[u8], reason: &str) {
        let bad = self.bad.entry(kind).or_default();
        *bad += 1;
        if *bad > MOST_BAD_OBJECTS {
            return;
        }
        let Identity { namespace, name } = Identity::of(item);
        let (slash, shown) = if namespace.is_empty() { ("", "") } else { ("/", namespace.as_str()) };
        self.gaps.push(Gap {
            kind: Some(kind),
            message: format!("cannot understand {} {shown}{slash}{name}: {reason}", kind.kind()),
            namespace,
            name,
            reason: GapReason::Unreadable,
        });
    }

    /// Notes how many bad objects were not listed.
    pub(super) fn finish(&mut self) {
        for (&kind, &bad) in &self.bad {
            if let Some(more @ 1..) = bad.checked_sub(MOST_BAD_OBJECTS) {
                self.gaps.push(Gap {
                    kind: Some(kind),
                    namespace: String::new(),
                    name: String::new(),
                    reason: GapReason::Unreadable,
                    message: format!("cannot understand {more} more objects of kind {}", kind.kind()),
                });
            }
        }
    }
}

/// A slim object; of a ConfigMap only facts.
fn decoded(api_version: &str, kind: ResourceKind, json: &str) -> Result<Object, serde_json::Error> {
    if kind == ResourceKind::ConfigMap { facts::reduced(json) } else { Object::from_json(api_version, kind, json) }
}
