//! The scheduler's own words: `0/9 nodes are available: …`.
//!
//! Sources: `FitError.Error` in `pkg/scheduler/framework/types.go`, the constants of each plugin,
//! `RunPostFilterPlugins`. What comes after the full stop is what the plugins that may still help say: dynamic resources
//! (`no new claims to deallocate`; `not found` when the pod was refused before any node was looked at) and preemption.

use std::collections::BTreeMap;

use crate::cycle::{Plugin, Refusal};
use crate::model::{Model, Shape};
use crate::preemption::NoHelp;
use crate::schedule::Diagnosis;

/// What a pod waits for whose gates nobody took away.
pub(crate) const GATED: &str = "Scheduling is blocked due to non-empty scheduling gates";

/// The whole message.
pub fn unschedulable(model: &Model, shape: &Shape, diagnosis: &Diagnosis) -> String {
    if shape.gated {
        return GATED.to_owned();
    }
    if diagnosis.nodes == 0 {
        return "no nodes available to schedule pods".to_owned();
    }
    let head = format!("0/{} nodes are available:", diagnosis.nodes);
    if let Some(rejection) = &diagnosis.rejection {
        return format!("{head} {}. not found", rejection.message);
    }
    let mut reasons = Reasons::default();
    for (refusal, nodes) in &diagnosis.refusals {
        reasons.add_refusal(model, shape, refusal, *nodes);
    }
    let absent = diagnosis.nodes - diagnosis.refused();
    reasons.add("node(s) didn't satisfy plugin(s) [NodeAffinity]".to_owned(), absent);
    let reasons = reasons.text();
    let preemption = &diagnosis.preemption;
    let tail = if preemption.is_empty() { String::new() } else { format!(", preemption: {preemption}") };
    let middle = if reasons.is_empty() { String::new() } else { format!(" {reasons}.") };
    format!("{head}{middle} no new claims to deallocate{tail}")
}

/// What preemption says when it found no node; nodes that it did not try are not helped.
pub(crate) fn no_preemption(model: &Model, shape: &Shape, nodes: usize, failures: &[(NoHelp, usize)]) -> String {
    let mut reasons = Reasons::default();
    for (failure, nodes) in failures {
        match failure {
            NoHelp::NoVictims => reasons.add("No preemption victims found for incoming pod".to_owned(), *nodes),
            NoHelp::Refused(refusal) => reasons.add_refusal(model, shape, refusal, *nodes),
        }
    }
    let tried: usize = failures.iter().map(|(_, nodes)| nodes).sum();
    reasons.add("Preemption is not helpful for scheduling".to_owned(), nodes - tried);
    format!("0/{nodes} nodes are available: {}.", reasons.text())
}

/// Nodes per reason.
#[derive(Debug, Default)]
struct Reasons(BTreeMap<String, usize>);

impl Reasons {
    fn add(&mut self, reason: String, nodes: usize) {
        if nodes > 0 {
            *self.0.entry(reason).or_insert(0) += nodes;
        }
    }

    fn add_refusal(&mut self, model: &Model, shape: &Shape, refusal: &Refusal, nodes: usize) {
        for bit in (0..64).filter(|bit| refusal.reasons >> bit & 1 == 1) {
            self.add(reason(model, shape, refusal.plugin, bit), nodes);
        }
    }

    /// Sorted as strings, numbers included, as the scheduler does.
    fn text(&self) -> String {
        let mut entries: Vec<String> = self.0.iter().map(|(reason, nodes)| format!("{nodes} {reason}")).collect();
        entries.sort();
        entries.join(", ")
    }
}

/// What a bit of a plugin's reasons says.
pub fn reason(model: &Model, shape: &Shape, plugin: Plugin, bit: usize) -> String {
    let text = match (plugin, bit) {
        (Plugin::NodeResourcesFit, 0) => "Too many pods",
        (Plugin::NodeResourcesFit, _) => {
            let resource = shape.requests.amounts.get(bit - 1).map(|&(resource, _)| model.resources.name(resource));
            return format!("Insufficient {}", resource.map_or("resources", |name| model.names.get(name)));
        }
        (Plugin::SchedulingGates, _) => GATED,
        (Plugin::NodeUnschedulable, _) => "node(s) were unschedulable",
        (Plugin::NodeName, _) => "node(s) didn't match the requested node name",
        (Plugin::TaintToleration, _) => "node(s) had untolerated taint(s)",
        (Plugin::NodeAffinity, _) => "node(s) didn't match Pod's node affinity/selector",
        (Plugin::NodePorts, _) => "node(s) didn't have free ports for the requested pod ports",
        (Plugin::VolumeRestrictions, 0) => "node(s) had no available disk",
        (Plugin::VolumeRestrictions, _) => {
            "node(s) unavailable due to PersistentVolumeClaim with ReadWriteOncePod access mode already in-use by \
             another pod"
        }
        (Plugin::NodeVolumeLimits, _) => "node(s) exceed max volume count",
        (Plugin::VolumeBinding, 0) => "node(s) didn't match PersistentVolume's node affinity",
        (Plugin::VolumeBinding, _) => "node(s) didn't find available persistent volumes to bind",
        (Plugin::VolumeZone, _) => "node(s) had no available volume zone",
        (Plugin::PodTopologySpread, 0) => {
            "node(s) didn't match pod topology spread constraints (missing required label)"
        }
        (Plugin::PodTopologySpread, _) => "node(s) didn't match pod topology spread constraints",
        (Plugin::InterPodAffinity, 0) => "node(s) didn't match pod affinity rules",
        (Plugin::InterPodAffinity, 1) => "node(s) didn't match pod anti-affinity rules",
        (Plugin::InterPodAffinity, _) => "node(s) didn't satisfy existing pods anti-affinity rules",
    };
    text.to_owned()
}
