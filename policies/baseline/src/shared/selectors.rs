//! Selectors in words, and what a selector that matches nothing was probably meant to match.

use alloc::collections::BTreeMap;
use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;

use ha_sdk::labels::{LabelSelector, Operator, Requirement};
use ha_sdk::snapshot::{Snapshot, WorkloadId};
use ha_sdk::text::Text;

/// Most requirements that are written out.
const SHOWN: usize = 4;

/// A selector as `kubectl get -l` takes it: `app=web,tier in (a, b)`; `{}` for one that matches everything.
pub(crate) fn selector_text(snapshot: &Snapshot, selector: &LabelSelector) -> String {
    if selector.is_empty() {
        return "{}".into();
    }
    let shown: Vec<String> =
        selector.requirements.iter().take(SHOWN).map(|requirement| requirement_text(snapshot, requirement)).collect();
    let more = if selector.requirements.len() > SHOWN { ", …" } else { "" };
    format!("{}{more}", shown.join(","))
}

/// One requirement as `kubectl get -l` takes it.
pub(crate) fn requirement_text(snapshot: &Snapshot, requirement: &Requirement) -> String {
    let key = snapshot.text(requirement.key);
    let values = || {
        let values: Vec<&str> = requirement.values.iter().take(SHOWN).map(|&value| snapshot.text(value)).collect();
        values.join(", ")
    };
    match requirement.operator {
        Operator::In if requirement.values.len() == 1 => format!("{key}={}", values()),
        Operator::In => format!("{key} in ({})", values()),
        Operator::NotIn => format!("{key} notin ({})", values()),
        Operator::Exists => key.into(),
        Operator::DoesNotExist => format!("!{key}"),
        Operator::Gt => format!("{key}>{}", values()),
        Operator::Lt => format!("{key}<{}", values()),
    }
}

/// Pod templates by their labels, to name the one that a selector misses narrowly.
pub(crate) struct Templates<'s> {
    snapshot: &'s Snapshot,
    /// The first workload with a label, by key, value and namespace.
    by_label: BTreeMap<(Text, Text, Text), WorkloadId>,
}

impl<'s> Templates<'s> {
    /// Indexes all templates.
    pub(crate) fn new(snapshot: &'s Snapshot) -> Self {
        let mut by_label = BTreeMap::new();
        for (id, workload) in snapshot.workloads_by_id() {
            for label in &snapshot.labels(workload.template_labels).labels {
                by_label.entry((label.key, label.value, workload.namespace)).or_insert(id);
            }
        }
        Self { snapshot, by_label }
    }

    /// The workload that the selector was probably meant for, and what keeps them apart. The selector matches no
    /// template of its namespace.
    pub(crate) fn near_miss(&self, selector: &LabelSelector, namespace: Text) -> Option<(WorkloadId, String)> {
        let single_values = || {
            let requirements = selector.requirements.iter();
            requirements.filter_map(|requirement| match (requirement.operator, &requirement.values[..]) {
                (Operator::In, [value]) => Some((requirement.key, *value)),
                _ => None,
            })
        };
        let same = single_values().find_map(|(key, value)| self.by_label.get(&(key, value, namespace)));
        if let Some(&id) = same {
            let labels = self.snapshot.labels(self.snapshot.workload(id).template_labels);
            let unmet = selector.requirements.iter().find(|r| !r.matches(labels, &self.snapshot.texts))?;
            return Some((id, format!("its pods lack {}", requirement_text(self.snapshot, unmet))));
        }
        let (key, value) = single_values().next()?;
        let everywhere = (key, value, Text { index: 0 })..=(key, value, Text { index: u32::MAX });
        let mut elsewhere: Vec<WorkloadId> = self.by_label.range(everywhere).map(|(_, &id)| id).collect();
        // By name: numbers of texts follow the order of the input.
        elsewhere.sort_unstable();
        elsewhere
            .into_iter()
            .take(SHOWN)
            .find(|&id| {
                let labels = self.snapshot.labels(self.snapshot.workload(id).template_labels);
                selector.matches(labels, &self.snapshot.texts)
            })
            .map(|id| (id, "it is in another namespace".into()))
    }
}
