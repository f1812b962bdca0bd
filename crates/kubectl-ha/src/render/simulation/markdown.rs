//! A simulation in Markdown, for comments and job summaries.

use ha_core::report::simulation::{Recovered, Scenario, Simulation, WorkloadOutcome};

use super::super::markdown::escape;

/// Scenarios and workloads that are listed: GitHub refuses comments above 65,536 characters.
const SHOWN: usize = 50;

/// Writes a table of scenarios; of one scenario, a table of workloads.
pub(super) fn render(simulation: &Simulation) -> String {
    let mut out = format!("## {}\n\n", escape(&simulation.source.name));
    if let Some(interrupted) = simulation.interrupted {
        out.push_str(&format!("**Partial**: {}.\n\n", super::table::partial(interrupted)));
    }
    if let Some(change) = &simulation.change {
        out.push_str(&super::change::markdown(change, simulation.scenarios.is_empty(), SHOWN));
    }
    if let Some(pairs) = &simulation.pairs {
        out.push_str(&super::pairs::markdown(pairs, SHOWN));
        return out;
    }
    if let Some(headroom) = &simulation.headroom {
        out.push_str(&super::headroom::markdown(headroom, SHOWN));
        return out;
    }
    if let Some(upgrade) = &simulation.upgrade {
        out.push_str(&super::upgrade::markdown(upgrade, SHOWN));
        return out;
    }
    if let Some(rollout) = &simulation.rollout {
        out.push_str(&super::rollout::markdown(rollout));
    }
    if let Some(autoscaled) = &simulation.autoscaler {
        out.push_str(&super::autoscaler::markdown(autoscaled, SHOWN));
    }
    match simulation.scenarios.as_slice() {
        [] if simulation.rollout.is_some() || simulation.interrupted.is_some() => {}
        [] => out.push_str("Nothing to simulate.\n"),
        [scenario] if simulation.interrupted.is_none() => out.push_str(&workloads(scenario)),
        scenarios => {
            out.push_str("| Scenario | Cluster | Down | Below | Pending | Refused |\n|---|---:|---:|---:|---:|---:|\n");
            out.extend(scenarios.iter().take(SHOWN).map(scenario_row));
            if scenarios.len() > SHOWN {
                out.push_str(&format!("\n{} more.\n", scenarios.len() - SHOWN));
            }
        }
    }
    out
}

fn scenario_row(scenario: &Scenario) -> String {
    let (down, below, pending, refused) = scenario.damage();
    let cluster = scenario.cluster_down();
    format!("| {} | {cluster} | {down} | {below} | {pending} | {refused} |\n", escape(&scenario.name))
}

fn workloads(scenario: &Scenario) -> String {
    let mut out = format!("**{}**\n\n", escape(&super::table::what_happens(scenario)));
    for loss in &scenario.cluster {
        let line = escape(&super::table::cluster_line(loss));
        out.push_str(&if loss.down { format!("- **{line}**\n") } else { format!("- {line}\n") });
    }
    if !scenario.cluster.is_empty() {
        out.push('\n');
    }
    let broken: Vec<&WorkloadOutcome> = scenario.workloads.iter().filter(|outcome| !outcome.is_fine()).collect();
    if broken.is_empty() {
        out.push_str("Every workload keeps what it needs.\n");
        return out;
    }
    out.push_str("| Workload | Right after | Ready | Needed | Pending | Why |\n|---|---|---:|---:|---:|---|\n");
    for (outcome, why) in super::table::with_why(&broken).take(SHOWN) {
        out.push_str(&format!(
            "| {} | {} | {} | {} | {} | {} |\n",
            escape(&outcome.object.to_string()),
            outcome.instant.verdict,
            outcome.instant.ready,
            outcome.instant.needed,
            pending(&outcome.recovered),
            why.iter().map(|line| escape(line)).collect::<Vec<_>>().join("<br>"),
        ));
    }
    if broken.len() > SHOWN {
        out.push_str(&format!("\n{} more.\n", broken.len() - SHOWN));
    }
    out
}

/// `2`, or `0 to 2` where it depends on the order.
fn pending(recovered: &Recovered) -> String {
    match (recovered.best.missing(), recovered.worst.missing()) {
        (least, most) if least == most => most.to_string(),
        (least, most) => format!("{least} to {most}"),
    }
}
