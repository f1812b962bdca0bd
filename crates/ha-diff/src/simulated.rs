//! `ha-sim` as a simulator to be compared.

use std::collections::{BTreeMap, BTreeSet};

use ha_core::impact::{self, Disruption, DisruptionKind, LossMode, PodCounts};
use ha_core::snapshot::{NodeId, ResourceKind, SourceKind, WorkloadId};
use ha_core::{Settings, Snapshot};
use ha_sim::cycle::{Cycle, Plugin};
use ha_sim::filters;
use ha_sim::ids::PodIndex;
use ha_sim::simulate::{Options, simulate};
use ha_sim::{Model, State, outcome};
use ha_snapshot::objects::Object;
use ha_snapshot::{Builder, Origin};
use serde_json::Value;

use crate::case::{Case, Failure, Kind};
use crate::predict::{Certainty, Forecast, Missing, Prediction, Refusals, Simulator};

/// How many times as often as usual a case is tried that does not agree at first.
const THOROUGHLY: u64 = 10;

/// The simulator of this repository.
#[derive(Debug, Clone, Copy)]
pub struct HaSim {
    /// How often what is not certain is tried.
    pub tries: u64,
}

impl Simulator for HaSim {
    fn predict(&self, case: &Case) -> Result<Prediction, String> {
        let snapshot = snapshot(&case.objects)?;
        let model = Model::new(&snapshot);
        let mut state = State::new(&model);
        let disruption = disruption(&snapshot, &case.failure);
        let settings = Settings::default();
        let options = Options { settings: &settings, tries: self.tries, least: 2, seed: 0, show_all: true };
        let impact = simulate(&mut state, &disruption, &options);
        let mut prediction = Prediction::default();
        for impact in &impact.workloads {
            prediction.workloads.insert(title(&snapshot, impact.workload), forecast(impact));
        }
        for seed in 0..self.tries {
            let run = outcome::run(&mut state, &disruption, seed, true);
            if run.endless {
                return Err("the simulation was given up: pods are moved about without end".to_owned());
            }
            let refusals = refusals(&snapshot, &model, &run);
            for (title, forecast) in &mut prediction.workloads {
                let count = refusals.get(title).copied().unwrap_or(0);
                forecast.refused.0 = if seed == 0 { count } else { forecast.refused.0.min(count) };
                forecast.refused.1 = forecast.refused.1.max(count);
            }
            for (workload, reasons) in sorted(&run.reasons) {
                let Some(forecast) = prediction.workloads.get_mut(&title(&snapshot, workload)) else {
                    continue;
                };
                let named = reasons.iter().flat_map(|reason| &reason.plugins);
                forecast.plugins.insert(named.map(|(plugin, _)| (*plugin).to_owned()).collect());
                forecast.messages.extend(reasons.iter().map(|reason| reason.message.clone()));
                forecast.messages.sort();
                forecast.messages.dedup();
            }
        }
        Ok(prediction)
    }

    fn predict_thoroughly(&self, case: &Case) -> Result<Prediction, String> {
        Self { tries: self.tries.saturating_mul(THOROUGHLY) }.predict(case)
    }

    /// Pods that name their node are left out: they are on it, as far as the simulator is concerned.
    fn refusals(&self, objects: &[Value], pods: &[Value]) -> Option<Refusals> {
        let asked = pods.iter().filter(|pod| !pod["spec"]["nodeName"].is_string());
        let names: BTreeSet<String> = asked.clone().map(full_name).collect();
        let all: Vec<Value> = objects.iter().chain(asked).cloned().collect();
        let snapshot = snapshot(&all).ok()?;
        let model = Model::new(&snapshot);
        let mut state = State::new(&model);
        let mut found = Refusals::new();
        for (position, pod) in snapshot.pods.iter().enumerate() {
            let object = snapshot.object(pod.object);
            let name = format!("{}/{}", snapshot.text(object.namespace), snapshot.text(object.name));
            if names.contains(&name) {
                found.insert(name, refused(&snapshot, &mut state, PodIndex::at(position)));
            }
        }
        Some(found)
    }
}

fn full_name(object: &Value) -> String {
    let text = |field: &str| object["metadata"][field].as_str().unwrap_or_default();
    format!("{}/{}", text("namespace"), text("name"))
}

/// The objects as a snapshot of a live cluster; kinds that the snapshot has no place for are left out.
///
/// # Errors
/// The object that cannot be read, and why.
pub fn snapshot(objects: &[Value]) -> Result<Snapshot, String> {
    let mut builder = Builder::new(&[]);
    for value in objects {
        let [api_version, kind] = ["apiVersion", "kind"].map(|field| value[field].as_str().unwrap_or_default());
        let group = api_version.split_once('/').map_or("", |(group, _)| group);
        if let Some(kind) = ResourceKind::from_group_kind(group, kind) {
            let object = Object::from_json(api_version, kind, &value.to_string());
            builder.add(object.map_err(|error| format!("{}: {error}", full_name(value)))?);
        }
    }
    let origin = Origin { kind: SourceKind::Cluster, taken_at: 2_000_000_000, ..Origin::default() };
    Ok(builder.finish(&origin))
}

/// Per workload, of how many pods the eviction is refused at the end.
fn refusals(snapshot: &Snapshot, model: &Model, run: &outcome::Outcome) -> BTreeMap<String, i32> {
    let mut refusals = BTreeMap::new();
    // Pods that were created meanwhile are not on a drained node.
    for pod in run.refused.iter().filter_map(|refused| model.pods.get(refused.pod.position())) {
        *refusals.entry(title(snapshot, pod.workload)).or_insert(0) += 1;
    }
    refusals
}

fn disruption(snapshot: &Snapshot, failure: &Failure) -> Disruption {
    let kind = match failure.kind {
        Kind::Removed => DisruptionKind::Loss(LossMode::Removed),
        Kind::Unreachable => DisruptionKind::Loss(LossMode::Unreachable),
        Kind::Drained => DisruptionKind::Drain,
    };
    let name = |node: &ha_core::snapshot::Node| snapshot.text(snapshot.object(node.object).name);
    let nodes = snapshot.nodes.iter().enumerate();
    let lost = nodes.filter(|(_, node)| failure.nodes.iter().any(|lost| lost == name(node)));
    let nodes = lost.map(|(position, _)| NodeId::at(position)).collect();
    Disruption { name: String::new(), kind, nodes }
}

fn title(snapshot: &Snapshot, workload: WorkloadId) -> String {
    let object = snapshot.object(snapshot.workload(workload).object);
    format!("{}/{}", snapshot.text(object.namespace), snapshot.text(object.name))
}

fn forecast(impact: &impact::WorkloadImpact) -> Forecast {
    Forecast {
        certainty: match impact.certainty {
            impact::Certainty::Certain => Certainty::Certain,
            impact::Certainty::Possible => Certainty::Possible,
            impact::Certainty::Unknown => Certainty::Unknown,
        },
        expected: missing(impact.recovered),
        best: missing(impact.best),
        worst: missing(impact.worst),
        plugins: BTreeSet::new(),
        refused: (0, 0),
        messages: Vec::new(),
    }
}

fn missing(counts: PodCounts) -> Missing {
    let number = |count: u32| i32::try_from(count).unwrap_or(i32::MAX);
    Missing { pending: number(counts.pending), not_created: number(counts.not_created) }
}

/// The entries of a map in the order of their keys, so that reports do not change from run to run.
fn sorted<'a, T>(map: impl IntoIterator<Item = (&'a WorkloadId, &'a T)>) -> Vec<(WorkloadId, &'a T)> {
    let mut entries: Vec<(WorkloadId, &T)> = map.into_iter().map(|(key, value)| (*key, value)).collect();
    entries.sort_unstable_by_key(|(key, _)| *key);
    entries
}

/// What each filter says about each node. A pod that is refused before any node is looked at is refused everywhere, and
/// nothing else is known of it.
fn refused(snapshot: &Snapshot, state: &mut State, pod: PodIndex) -> BTreeMap<String, BTreeSet<String>> {
    let name = |node: &ha_core::snapshot::Node| snapshot.text(snapshot.object(node.object).name).to_owned();
    let nodes: Vec<String> = snapshot.nodes.iter().map(name).collect();
    let cycle = match Cycle::start(state, pod) {
        Ok(cycle) => cycle,
        Err(rejection) => {
            return BTreeMap::from([(rejection.plugin.as_str().to_owned(), nodes.into_iter().collect())]);
        }
    };
    let mut found: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    let by_chance = cycle.binds_by_chance();
    for (position, node) in nodes.into_iter().enumerate() {
        let labels_and_taints = state.static_mask(cycle.class.statics, position);
        let verdicts = [
            (Plugin::NodeUnschedulable, filters::node_unschedulable::check(labels_and_taints)),
            (Plugin::NodeName, filters::node_name::check(labels_and_taints)),
            (Plugin::TaintToleration, filters::taint_toleration::check(labels_and_taints)),
            (Plugin::NodeAffinity, filters::node_affinity::check(labels_and_taints)),
            (Plugin::NodePorts, filters::node_ports::check(state, &cycle, position)),
            (Plugin::NodeResourcesFit, filters::node_resources_fit::check(state, &cycle, position)),
            (Plugin::VolumeRestrictions, filters::volume_restrictions::check(state, &cycle, position)),
            (Plugin::NodeVolumeLimits, filters::node_volume_limits::check(state, &cycle, position)),
            (Plugin::VolumeBinding, filters::volume_binding::check(state, &cycle, position)),
            (Plugin::VolumeZone, filters::volume_zone::check(state, &cycle, position)),
            (Plugin::PodTopologySpread, filters::pod_topology_spread::check(state, &cycle, position)),
            (Plugin::InterPodAffinity, filters::inter_pod_affinity::check(state, &cycle, position)),
        ];
        let sure = verdicts.into_iter().filter(|(plugin, _)| !by_chance || *plugin != Plugin::VolumeBinding);
        for (plugin, refusal) in sure {
            let refused = found.entry(plugin.as_str().to_owned()).or_default();
            if refusal.is_some() {
                refused.insert(node.clone());
            }
        }
    }
    found
}
