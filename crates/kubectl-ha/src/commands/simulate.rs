//! `kubectl ha simulate`: reads, disrupts a copy in memory, reports.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use ha_core::Snapshot;
use ha_core::arithmetic::size;
use ha_core::impact::{Disruption, DisruptionKind, Impact, LossMode};
use ha_core::report::change::{Change, PairsChange, differences};
use ha_core::report::simulation::{
    Fix, Interrupted, Proof, Simulation, WorkloadOutcome, simulation, simulation_during,
};
use ha_core::report::{ExitCode, ObjectReference};
use ha_core::snapshot::{GapReason, Node, NodeId, WorkloadId};
use ha_sim::during::drain_during;
use ha_sim::places::places;
use ha_sim::remedies::remedies;
use ha_sim::simulate::Options;
use ha_sim::survival::zone_and_node;
use ha_sim::{Model, State, matrix};

use super::sinks::Sinks;
use super::{autoscaler, headroom, pairs, rollout, upgrade};
use crate::cli::{DisruptionArguments, Lost, Mode, ShowWorkloads, Simulate, SimulationFormat};
use crate::input::whatif::{self, Situation};
use crate::render::simulation::picture::Picture;
use crate::render::simulation::render;
use crate::render::view::Page;
use crate::sanitize::{Safe, SafeSimulation};
use crate::{UsageError, config, interrupt, terminal};

/// Runs the whole of it.
pub(super) fn run(arguments: &Simulate) -> anyhow::Result<ExitCode> {
    let sinks = Sinks::open(&arguments.output, SimulationFormat::Table)?;
    let config = config::load(arguments.config.as_deref())?;
    let Situation { snapshot: read, before, mut whole } = whatif::load(
        &arguments.input,
        keeps_objects(&arguments.disruption),
        &arguments.connection,
        &config.config.topology_keys.zone,
    )?;
    let snapshot = &read;
    if snapshot.nodes.is_empty() {
        let message = "there is no node in the input, so nothing can be lost: add Node objects, or use a cluster";
        return Err(UsageError(message.into()).into());
    }
    let is_upgrade = arguments.disruption.upgrade.upgrade.is_some();
    let is_rollout_alone = arguments.disruption.rollout.is_some() && arguments.disruption.lose.is_empty();
    let asked = arguments.disruption.headroom;
    let scenarios = if is_upgrade || is_rollout_alone || asked.is_some() {
        Scenarios::default()
    } else {
        Scenarios::of(snapshot, &arguments.disruption)?
    };

    let settings = config.settings(false);
    let options = Options {
        settings: &settings,
        tries: u64::from(arguments.disruption.tries),
        // One try alone would show no difference between the best and the worst.
        least: 2,
        seed: arguments.disruption.seed,
        show_all: arguments.show == ShowWorkloads::All,
    };
    let picture = picture(snapshot, &scenarios, &sinks, &options)?;
    // One scenario is whole or not there, so that Ctrl-C may end it at once.
    let has_parts = scenarios.each.len() > 1 || scenarios.pairs.is_some() || asked.is_some();
    let cancelled = if has_parts { interrupt::flag() } else { Arc::default() };
    let (mut report, impacts) = scenarios.simulated(snapshot, &options, &cancelled);
    scenarios.explain(&mut report, snapshot, &impacts, &options);
    if let Some(rolled) = &arguments.disruption.rollout {
        report.rollout = Some(rollout::simulated(snapshot, rolled, scenarios.each.first(), &options)?);
    }
    if let Some(limit) = arguments.disruption.with_autoscaler {
        report.autoscaler = Some(autoscaler::simulated(snapshot, whole.take(), scenarios.alone()?, limit, &options)?);
    }
    if is_upgrade {
        report.upgrade = Some(upgrade::simulated(snapshot, whole.take(), &arguments.disruption.upgrade, &options)?);
    }
    if let Some(domain) = asked {
        let mode = mode(arguments.disruption.mode);
        report.headroom = Some(headroom::simulated(snapshot, whole, domain, mode, &options, &cancelled)?);
    }
    if let Some((before, change)) = &before {
        let (without, _) = scenarios.carried_over(snapshot, before).simulated(before, &options, &cancelled);
        let pairs = without.pairs.as_ref().zip(report.pairs.as_ref());
        let pairs = pairs.map(|(before, after)| PairsChange::between(before, after));
        report.change = Some(Change { differences: differences(&without, &report), pairs, ..change.clone() });
        report.interrupted = report.interrupted.or(without.interrupted);
    }

    let page = terminal::page(arguments.no_color);
    // A large report is copied only for formats that show it as it is not.
    let is_shown_safe = sinks.any(|format| !format.escapes_by_itself());
    let safe = SafeSimulation::new(if is_shown_safe { report.clone() } else { simulation(snapshot, &[]) });
    sinks
        .write(|format, to_file| render(format, &report, &safe, &picture, if to_file { &Page::FILE } else { &page }))?;
    // Nobody asked in advance for a part only.
    let is_partial = report.interrupted.is_some()
        || report.pairs.as_ref().is_some_and(|pairs| !pairs.complete)
        || report.headroom.as_ref().is_some_and(|headroom| !headroom.complete);
    let incomplete = is_partial || (is_incomplete(snapshot) && !arguments.allow_incomplete);
    let code = if incomplete { ExitCode::Incomplete } else { ExitCode::Success };
    // The process ends here, see `check`.
    std::mem::forget((read, before, report, safe));
    Ok(code)
}

/// What a picture shows, where one is asked for: of one scenario only.
fn picture(
    snapshot: &Snapshot,
    scenarios: &Scenarios,
    sinks: &Sinks<SimulationFormat>,
    options: &Options,
) -> anyhow::Result<Safe<Picture>> {
    if !sinks.any(|format| format == SimulationFormat::Svg) {
        return Ok(Safe::new(Picture::default()));
    }
    let [disruption] = &scenarios.each[..] else {
        let message = "a picture shows one scenario: say which with --lose or --drain";
        return Err(UsageError(message.into()).into());
    };
    let disruptions: Vec<&Disruption> = scenarios.during.iter().chain([disruption]).collect();
    let fates = places(&mut State::new(&Model::new(snapshot)), &disruptions, options.seed);
    Ok(Safe::new(Picture::new(snapshot, &disruptions, &fates)))
}

/// Whether nodes are to be added to what was read.
fn keeps_objects(arguments: &DisruptionArguments) -> bool {
    arguments.upgrade.surge > 0 || arguments.with_autoscaler.is_some() || arguments.headroom.is_some()
}

/// The same disruptions on the cluster without the change, by the names of their nodes; nodes that the change adds are
/// left out.
pub(super) fn carried_over(after: &Snapshot, before: &Snapshot, disruptions: &[Disruption]) -> Vec<Disruption> {
    let known: HashMap<&str, NodeId> = before.nodes_by_id().map(|(id, node)| (before.name_of(node), id)).collect();
    let carry = |disruption: &Disruption| {
        let name = |&id: &NodeId| known.get(after.name_of(after.node(id))).copied();
        Disruption { nodes: disruption.nodes.iter().filter_map(name).collect(), ..disruption.clone() }
    };
    disruptions.iter().map(carry).collect()
}

/// Whether something could not be read: pods that are not seen take room that the simulation believes free.
fn is_incomplete(snapshot: &Snapshot) -> bool {
    let lost = |reason| matches!(reason, GapReason::Forbidden | GapReason::Unreadable | GapReason::TimedOut);
    snapshot.gaps.iter().any(|gap| lost(gap.reason))
}

/// What is tried.
#[derive(Default)]
struct Scenarios {
    /// One scenario each.
    each: Vec<Disruption>,
    /// What is lost meanwhile, in the one scenario that there is.
    during: Option<Disruption>,
    /// Instead: every pair of nodes is lost in this way.
    pairs: Option<LossMode>,
    /// Every zone and every node is lost in one of them.
    is_standard: bool,
}

impl Scenarios {
    fn of(snapshot: &Snapshot, arguments: &DisruptionArguments) -> anyhow::Result<Self> {
        let mode = mode(arguments.mode);
        if arguments.each.as_deref() == Some("pair") {
            return Self::pairs(snapshot, mode);
        }
        let (each, during) = match (&arguments.each, loss(snapshot, arguments, mode)?, drain(snapshot, arguments)?) {
            (Some(domain), ..) => (each(snapshot, domain, mode)?, None),
            (None, None, None) => (matrix::standard(snapshot, mode), None),
            (None, Some(loss), Some(drain)) => {
                nothing_twice(snapshot, &loss, &drain)?;
                (vec![drain], Some(loss))
            }
            (None, loss, drain) => (loss.into_iter().chain(drain).collect(), None),
        };
        let is_standard = arguments.each.is_none() && arguments.lose.is_empty() && arguments.drain.is_empty();
        Ok(Self { each, during, pairs: None, is_standard })
    }

    fn pairs(snapshot: &Snapshot, mode: LossMode) -> anyhow::Result<Self> {
        if snapshot.nodes.len() < 2 {
            return Err(UsageError("there is one node only, and so no pair of nodes".into()).into());
        }
        Ok(Self { pairs: Some(mode), ..Self::default() })
    }

    /// The scenarios, none of which has a loss before it.
    fn alone(&self) -> anyhow::Result<&[Disruption]> {
        if self.during.is_some() {
            let message = "--with-autoscaler is told of a loss or of a drain, not of both";
            return Err(UsageError(message.into()).into());
        }
        Ok(&self.each)
    }

    fn carried_over(&self, after: &Snapshot, before: &Snapshot) -> Self {
        let during =
            self.during.as_ref().and_then(|loss| carried_over(after, before, std::slice::from_ref(loss)).pop());
        Self { each: carried_over(after, before, &self.each), during, ..*self }
    }

    /// The report, and what it tells of each scenario. Once `cancelled` is set, no further scenario begins.
    fn simulated(&self, snapshot: &Snapshot, options: &Options, cancelled: &AtomicBool) -> (Simulation, Vec<Impact>) {
        if let Some(mode) = self.pairs {
            let pairs = Some(pairs::simulated(snapshot, mode, options, cancelled));
            return (Simulation { pairs, ..simulation(snapshot, &[]) }, Vec::new());
        }
        let model = Model::new(snapshot);
        if let (Some(loss), [drain]) = (&self.during, &self.each[..]) {
            let impact = drain_during(&mut State::new(&model), loss, drain, options);
            return (simulation_during(snapshot, &impact, loss), Vec::new());
        }
        let impacts = matrix::run(&model, &self.each, options, cancelled);
        let (done, of) = (size(impacts.len()), size(self.each.len()));
        let interrupted = (done < of).then_some(Interrupted { done, of });
        (Simulation { interrupted, ..simulation(snapshot, &impacts) }, impacts)
    }

    /// Tells more than the scenarios themselves do: of one, what may be done; of the standard ones, what is survived beyond.
    fn explain(&self, report: &mut Simulation, snapshot: &Snapshot, impacts: &[Impact], options: &Options) {
        if let ([impact], [_]) = (impacts, &self.each[..]) {
            prove_fixes(report, snapshot, impact, options);
        }
        let has_zones = snapshot.nodes.iter().any(|node| !node.zone.is_empty());
        if self.is_standard && has_zones && report.interrupted.is_none() {
            tell_of_zone_and_node(report, snapshot, options);
        }
    }
}

/// Says of one scenario which changes of a workload's own rules let all its pods find a place.
fn prove_fixes(report: &mut Simulation, snapshot: &Snapshot, impact: &Impact, options: &Options) {
    let mut outcomes: Vec<&mut WorkloadOutcome> =
        report.scenarios.iter_mut().flat_map(|scenario| &mut scenario.workloads).collect();
    for remedy in remedies(snapshot, impact, options) {
        let object = ObjectReference::of(snapshot, snapshot.workload(remedy.workload).object);
        let proven = Proof {
            scheduled: remedy.worst.scheduled,
            of: remedy.worst.scheduled + remedy.worst.missing(),
            certainty: remedy.certainty,
        };
        if let Some(outcome) = outcomes.iter_mut().find(|outcome| outcome.object == object) {
            outcome.recovered.fix = Some(Fix { change: remedy.change.as_str().into(), proven: Some(proven) });
        }
    }
}

/// Whether what survives every zone and every node survives both together.
fn tell_of_zone_and_node(report: &mut Simulation, snapshot: &Snapshot, options: &Options) {
    let workloads = snapshot.workloads_by_id();
    let known: HashMap<ObjectReference, WorkloadId> =
        workloads.map(|(id, workload)| (ObjectReference::of(snapshot, workload.object), id)).collect();
    report.tell_of_zone_and_node(|object| {
        let (zone, node) = zone_and_node(snapshot, options.settings, *known.get(object)?)?;
        Some(format!("zone/{} + node/{}", snapshot.text(zone), snapshot.name_of(snapshot.node(node))))
    });
}

fn mode(mode: Mode) -> LossMode {
    match mode {
        Mode::Unreachable => LossMode::Unreachable,
        Mode::Removed => LossMode::Removed,
    }
}

fn loss(snapshot: &Snapshot, arguments: &DisruptionArguments, mode: LossMode) -> anyhow::Result<Option<Disruption>> {
    let mut nodes = Vec::new();
    for lost in &arguments.lose {
        nodes.extend(nodes_of(snapshot, lost)?);
    }
    let names: Vec<String> = arguments.lose.iter().map(ToString::to_string).collect();
    Ok((!names.is_empty()).then(|| scenario(&names, DisruptionKind::Loss(mode), nodes)))
}

fn drain(snapshot: &Snapshot, arguments: &DisruptionArguments) -> anyhow::Result<Option<Disruption>> {
    let nodes = arguments.drain.iter().map(|name| node_named(snapshot, name)).collect::<anyhow::Result<_>>()?;
    let names: Vec<String> = arguments.drain.iter().map(|name| format!("drain/{name}")).collect();
    Ok((!names.is_empty()).then(|| scenario(&names, DisruptionKind::Drain, nodes)))
}

/// A node that is lost has nothing left to drain.
fn nothing_twice(snapshot: &Snapshot, loss: &Disruption, drain: &Disruption) -> anyhow::Result<()> {
    match drain.nodes.iter().find(|node| loss.nodes.contains(node)) {
        None => Ok(()),
        Some(&node) => {
            let name = snapshot.name_of(snapshot.node(node));
            Err(UsageError(format!("{name} is lost with {}, so it cannot be drained", loss.name)).into())
        }
    }
}

fn each(snapshot: &Snapshot, domain: &str, mode: LossMode) -> anyhow::Result<Vec<Disruption>> {
    let disruptions = match domain {
        "node" => matrix::each_node(snapshot, mode),
        "zone" => matrix::each_zone(snapshot, mode),
        "drain" => matrix::each_drain(snapshot),
        key => matrix::each_value(snapshot, key, mode),
    };
    if disruptions.is_empty() {
        let message = match domain {
            "zone" => "no node has a zone".to_owned(),
            key => nodes_without(snapshot, key, ""),
        };
        return Err(UsageError(message).into());
    }
    Ok(disruptions)
}

/// One scenario of all that is named; a node named twice is lost once.
fn scenario(names: &[String], kind: DisruptionKind, mut nodes: Vec<NodeId>) -> Disruption {
    nodes.sort_unstable();
    nodes.dedup();
    Disruption { name: names.join(" + "), kind, nodes }
}

fn nodes_of(snapshot: &Snapshot, lost: &Lost) -> anyhow::Result<Vec<NodeId>> {
    let matching = |wanted: &dyn Fn(&Node) -> bool| -> Vec<NodeId> {
        snapshot.nodes_by_id().filter(|(_, node)| wanted(node)).map(|(id, _)| id).collect()
    };
    match lost {
        Lost::Node(name) => Ok(vec![node_named(snapshot, name)?]),
        Lost::Zone(zone) => {
            let nodes = matching(&|node| snapshot.text(node.zone) == zone || snapshot.text(node.zone_label) == zone);
            let zones = snapshot.nodes.iter().map(|node| snapshot.text(node.zone)).filter(|zone| !zone.is_empty());
            some_of(nodes, || format!("there is no zone {zone:?}; {}", there_are("zones", zones)))
        }
        Lost::Label { key, value } => {
            let of = |node: &Node| snapshot.labels(node.labels).get_named(&snapshot.texts, key);
            some_of(matching(&|node| of(node) == Some(value)), || nodes_without(snapshot, key, value))
        }
    }
}

fn node_named(snapshot: &Snapshot, name: &str) -> anyhow::Result<NodeId> {
    let found = snapshot.nodes_by_id().find(|(_, node)| snapshot.name_of(*node) == name).map(|(id, _)| id);
    let names = snapshot.nodes.iter().map(|node| snapshot.name_of(node));
    found.ok_or_else(|| UsageError(format!("there is no node {name:?}; {}", there_are("nodes", names))).into())
}

fn some_of(nodes: Vec<NodeId>, message: impl FnOnce() -> String) -> anyhow::Result<Vec<NodeId>> {
    if nodes.is_empty() { Err(UsageError(message()).into()) } else { Ok(nodes) }
}

/// That no node has a label, and which values or else which labels there are.
pub(super) fn nodes_without(snapshot: &Snapshot, key: &str, value: &str) -> String {
    let labels = || snapshot.nodes.iter().map(|node| snapshot.labels(node.labels));
    let mut values = labels().filter_map(|labels| labels.get_named(&snapshot.texts, key)).peekable();
    if values.peek().is_some() {
        return format!("no node has {key}={value}; {}", there_are("values", values));
    }
    let keys = labels().flat_map(|labels| labels.labels.iter().map(|label| snapshot.text(label.key)));
    format!("no node has the label {key:?}; {}", there_are("labels", keys))
}

/// `there are the zones a, b, c`, at most 20 of them.
pub(super) fn there_are<'s>(what: &str, names: impl Iterator<Item = &'s str>) -> String {
    const SHOWN: usize = 20;
    let names: std::collections::BTreeSet<&str> = names.collect();
    let shown: Vec<&str> = names.iter().take(SHOWN).copied().collect();
    match names.len() {
        0 => format!("there are no {what}"),
        all if all > SHOWN => format!("there are the {what} {} and {} more", shown.join(", "), all - SHOWN),
        _ => format!("there are the {what} {}", shown.join(", ")),
    }
}
