//! All failures of a cluster as large as Kubernetes supports.

use anyhow::Result;
use ha_cluster::generate::Size;

use super::super::generated;
use super::super::measure::{Subject, in_turn};
use super::super::record::{Bar, Part};
use super::super::shown;
use super::Bench;

/// 1.5 GiB.
const MOST_MEMORY: u64 = 3 << 29;

pub(super) fn measure(bench: &Bench) -> Result<Part> {
    let Size { pods, nodes, workloads, .. } = Size::BENCHMARK;
    let (file, _) = generated::save(&bench.shell, &bench.plugin, &bench.folder, nodes, None)?;
    let path = shown(&file);
    let runs: [(&str, &[&str], f64); 6] = [
        ("Every node", &["simulate", "--each", "node", "-o", "json"], 5.0),
        ("Every zone", &["simulate", "--each", "zone", "-o", "json"], 5.0),
        ("Every pair of nodes", &["simulate", "--each", "pair", "-o", "json"], 60.0),
        ("Every drain", &["simulate", "--each", "drain", "-o", "json"], 10.0),
        ("Upgrade of all nodes", &["simulate", "--upgrade", "-o", "json"], 10.0),
        ("Check with its matrix", &["check"], 8.0),
    ];
    let subject = |arguments: &[&str]| {
        let arguments: Vec<String> = arguments.iter().chain(&["--snapshot", &path]).map(ToString::to_string).collect();
        Subject::process(&format!("kubectl-ha {}", arguments.join(" ")), &bench.plugin, &arguments)
    };
    let series = in_turn(runs.iter().map(|(_, arguments, _)| subject(arguments)).collect(), 3)?;
    let mut bars = Vec::new();
    for ((about, _, most), series) in runs.iter().zip(&series) {
        bars.push(Bar::seconds(&format!("{about}: load, simulate and report"), series, *most));
        bars.push(Bar::bytes(&format!("{about}: peak memory"), series.peak.unwrap_or(u64::MAX), MOST_MEMORY));
    }
    let about = format!(
        "The failures that people fear, of the largest cluster that Kubernetes supports: {nodes} nodes, {workloads} \
         workloads and {pods} pods, generated from seed 1, each node, zone and drain by itself, each \
         pair of nodes, and an upgrade of all nodes, one after another. Whole processes."
    );
    Ok(Part { title: "All failures of a large cluster".to_owned(), about, series, bars })
}
