//! Finds what a selector matches, without looking at every pod for every selector.
//!
//! Pods of one workload share their labels, so label sets are compared, not pods; and only those of the namespace that
//! have the selector's first exact label.

use alloc::vec::Vec;

use ha_core::labels::{LabelSelector, LabelSet, LabelsId, Operator};
use ha_core::snapshot::{Object, PodId, Snapshot, WorkloadId};
use ha_core::text::{Text, Texts};
use hashbrown::HashMap;

use super::intern::Interned;

/// What has one label set in one namespace.
#[derive(Debug, Default)]
struct Bearers {
    labels: LabelsId,
    workloads: Vec<WorkloadId>,
    pods: Vec<PodId>,
}

/// The label sets of pods and pod templates, by namespace and by each of their labels.
#[derive(Debug, Default)]
pub(super) struct LabelIndex {
    bearers: Vec<Bearers>,
    of_namespace: HashMap<Text, Vec<u32>>,
    of_labels: HashMap<(Text, LabelsId), u32>,
    /// By namespace, key and value.
    of_label: HashMap<(Text, Text, Text), Vec<u32>>,
}

impl LabelIndex {
    pub(super) fn new(snapshot: &Snapshot, objects: &[Object]) -> Self {
        let mut index = Self::default();
        for (position, workload) in snapshot.workloads.iter().enumerate() {
            let bearers = index.bearers_of(workload.namespace, workload.template_labels);
            bearers.workloads.push(WorkloadId::at(position));
        }
        for (position, pod) in snapshot.pods.iter().enumerate() {
            let namespace = objects[pod.object.position()].namespace;
            let bearers = index.bearers_of(namespace, pod.labels);
            bearers.pods.push(PodId::at(position));
            if bearers.workloads.last() != Some(&pod.workload) {
                bearers.workloads.push(pod.workload);
            }
        }
        index
    }

    /// Makes each label of the bearers a way to find them.
    pub(super) fn by_label(mut self, label_sets: &Interned<LabelSet>) -> Self {
        for (&namespace, numbers) in &self.of_namespace {
            for &number in numbers {
                let labels = label_sets.get(self.bearers[number as usize].labels.position());
                for label in &labels.labels {
                    self.of_label.entry((namespace, label.key, label.value)).or_default().push(number);
                }
            }
        }
        self
    }

    fn bearers_of(&mut self, namespace: Text, labels: LabelsId) -> &mut Bearers {
        let next = u32::try_from(self.bearers.len()).unwrap_or(u32::MAX);
        let number = *self.of_labels.entry((namespace, labels)).or_insert(next);
        if number == next {
            self.bearers.push(Bearers { labels, ..Bearers::default() });
            self.of_namespace.entry(namespace).or_default().push(number);
        }
        &mut self.bearers[number as usize]
    }

    /// The workloads and pods of a namespace that a selector matches, sorted.
    pub(super) fn matching(
        &self,
        label_sets: &Interned<LabelSet>,
        texts: &Texts,
        namespace: Text,
        selector: &LabelSelector,
    ) -> (Vec<WorkloadId>, Vec<PodId>) {
        let (mut workloads, mut pods) = (Vec::new(), Vec::new());
        let exact = selector.requirements.iter().find(|r| r.operator == Operator::In && r.values.len() == 1);
        let candidates = match exact {
            Some(exact) => self.of_label.get(&(namespace, exact.key, exact.values[0])),
            None => self.of_namespace.get(&namespace),
        };
        for &number in candidates.map_or(&[][..], Vec::as_slice) {
            let bearers = &self.bearers[number as usize];
            let labels = label_sets.get(bearers.labels.position());
            if selector.matches(labels, texts) {
                workloads.extend_from_slice(&bearers.workloads);
                pods.extend_from_slice(&bearers.pods);
            }
        }
        workloads.sort_unstable();
        workloads.dedup();
        pods.sort_unstable();
        (workloads, pods)
    }
}
