//! `kubectl ha simulate --headroom`: the nodes that are lacking and how much workloads could grow, in names.

use std::sync::atomic::{AtomicBool, Ordering};

use ha_core::Snapshot;
use ha_core::arithmetic::size;
use ha_core::impact::{Certainty, LossMode};
use ha_core::report::ObjectReference;
use ha_core::report::headroom::{Grows, GrowthStop, Headroom, LackingNodes, PendingWorkload, Shortage};
use ha_core::snapshot::WorkloadId;
use ha_sim::Model;
use ha_sim::headroom::{self, Domain, Growth, Lacking, Question, Shortages, growth, lacking, shortages};
use ha_sim::simulate::Options;
use ha_snapshot::objects::Object;

use super::autoscaler;
use crate::UsageError;
use crate::cli;
use crate::input::surge;
use crate::input::whatif::Whole;

/// How many nodes may be added in all.
const LIMIT: usize = 100;

/// Finds what it takes so that no single loss leaves a pod Pending. Once `cancelled` is set, what is known by then is told.
///
/// # Errors
/// A [`UsageError`] where there is no zone, or one that holds all nodes.
pub(super) fn simulated(
    snapshot: &Snapshot,
    whole: Option<Whole>,
    domain: cli::Headroom,
    mode: LossMode,
    options: &Options,
    cancelled: &AtomicBool,
) -> anyhow::Result<Headroom> {
    let domain = match domain {
        cli::Headroom::Zone => Domain::Zone,
        cli::Headroom::Node => Domain::Node,
    };
    let question = Question { domain, mode, pools: Vec::new(), limit: LIMIT, options: *options, cancelled };
    can_be_asked(snapshot, &question)?;
    let model = Model::new(snapshot);
    let short = shortages(&model, &question);
    if short.list.is_empty() {
        let grown = growth(&model, &question, &[]);
        let certainty = if short.never { Certainty::Certain } else { Certainty::Possible };
        let lacking = Lacking { enough: !cancelled.load(Ordering::Relaxed), certainty, ..Lacking::default() };
        return Ok(told(snapshot, &question, &short, &lacking, &grown, 0));
    }
    drop(model);
    let mut left_out = 0;
    let add = |objects: &mut Vec<Object>| {
        left_out = surge::add_to_pools(objects, LIMIT);
        Ok(())
    };
    let grown = whole.map(|whole| whole.with_more(add)).transpose()?;
    let snapshot = grown.as_ref().unwrap_or(snapshot);
    let question = Question { pools: autoscaler::pools(snapshot), ..question };
    let model = Model::new(snapshot);
    let lacking = lacking(&model, &question);
    let grown = if lacking.enough { growth(&model, &question, &lacking.added) } else { Growth::default() };
    Ok(told(snapshot, &question, &short, &lacking, &grown, left_out))
}

/// What is lost with every node has nothing that could take its place.
fn can_be_asked(snapshot: &Snapshot, question: &Question) -> anyhow::Result<()> {
    let losses = question.losses(snapshot);
    match &losses[..] {
        [] => Err(UsageError("no node has a zone".to_owned()).into()),
        [only] if question.domain == Domain::Zone && only.nodes.len() == snapshot.nodes.len() => {
            let message = format!("{} holds all nodes, and nothing survives its loss: try --headroom node", only.name);
            Err(UsageError(message).into())
        }
        _ => Ok(()),
    }
}

fn told(
    snapshot: &Snapshot,
    question: &Question,
    short: &Shortages,
    lacking: &Lacking,
    grown: &Growth,
    left_out: usize,
) -> Headroom {
    let losses = question.losses(snapshot);
    let name = |loss: usize| losses[loss].name.clone();
    let object = |id: WorkloadId| ObjectReference::of(snapshot, snapshot.workload(id).object);
    let mut growth: Vec<Grows> = grown
        .workloads
        .iter()
        .map(|grows| Grows {
            object: object(grows.workload),
            replicas: grows.replicas,
            more: grows.more,
            stopped_by: grows.stop.as_ref().map(|stop| GrowthStop {
                loss: stop.loss.map(name),
                object: object(stop.workload),
                message: stop.message.clone(),
            }),
        })
        .collect();
    growth.sort_by(|one, other| (one.more, &one.object).cmp(&(other.more, &other.object)));
    Headroom {
        domain: match question.domain {
            Domain::Zone => "zone",
            Domain::Node => "node",
        }
        .to_owned(),
        mode: question.mode.to_string(),
        losses: size(losses.len()),
        complete: !question.cancelled.load(Ordering::Relaxed),
        shortages: short.list.iter().map(|shortage| shortage_named(snapshot, shortage, lacking, name)).collect(),
        nodes: LackingNodes {
            added: autoscaler::added(snapshot, &lacking.added),
            count: size(lacking.added.len()),
            at_least: size(lacking.at_least),
            enough: lacking.enough,
            certainty: lacking.certainty,
            limit: size(question.limit),
            pools_left_out: size(left_out),
        },
        growth,
        growth_left_out: size(grown.left_out),
        growth_runs: grown.runs,
    }
}

fn shortage_named(
    snapshot: &Snapshot,
    shortage: &headroom::Shortage,
    lacking: &Lacking,
    name: impl Fn(usize) -> String,
) -> Shortage {
    let beyond = lacking.beyond_help.iter().find(|(loss, _)| *loss == shortage.loss);
    let beyond_help = |id: WorkloadId| {
        let pods = beyond.and_then(|(_, workloads)| workloads.iter().find(|(other, _)| *other == id));
        pods.map_or(0, |&(_, pods)| pods)
    };
    let refused = |id: WorkloadId| {
        let words = lacking.refused.iter().find(|(other, _)| *other == id && beyond_help(id) > 0);
        words.map(|(_, words)| words.clone())
    };
    let mut workloads: Vec<PendingWorkload> = shortage
        .workloads
        .iter()
        .map(|short| PendingWorkload {
            object: ObjectReference::of(snapshot, snapshot.workload(short.workload).object),
            pending: short.pods,
            beyond_help: beyond_help(short.workload).min(short.pods),
            message: short.message.clone(),
            refused: refused(short.workload).unwrap_or_default(),
        })
        .collect();
    workloads.sort_by(|one, other| one.object.cmp(&other.object));
    Shortage { loss: name(shortage.loss), workloads }
}
