//! A saved snapshot of a cluster as large as Kubernetes supports.

use anyhow::Result;
use ha_cluster::generate::Size;

use super::super::generated;
use super::super::measure::{Subject, in_turn};
use super::super::record::{Bar, Part};
use super::super::shown;
use super::Bench;

/// 1 GiB.
const MOST_MEMORY: u64 = 1 << 30;
/// What may be kept of a pod, in bytes: everything in the snapshot, shared out among the pods.
const MOST_PER_POD: u64 = 2_000;

pub(super) fn measure(bench: &Bench) -> Result<Part> {
    let Size { pods, nodes, workloads, templates } = Size::BENCHMARK;
    let (file, kept) = generated::save(&bench.shell, &bench.plugin, &bench.folder, nodes, None)?;
    let path = shown(&file);
    let arguments = ["check", "--no-simulate", "--snapshot", &path].map(ToOwned::to_owned);
    let subject =
        Subject::process(&format!("kubectl-ha check --no-simulate --snapshot {path}"), &bench.plugin, &arguments);
    let series = in_turn(vec![subject], bench.runs(7))?;
    let bars = vec![
        Bar::seconds("Large snapshot: load and check with all rules", &series[0], 3.0),
        Bar::bytes("Large snapshot: peak memory", series[0].peak.unwrap_or(u64::MAX), MOST_MEMORY),
        Bar::bytes("Large snapshot: kept per pod", kept / pods as u64, MOST_PER_POD),
    ];
    let megabytes = std::fs::metadata(&file)?.len() / 1_000_000;
    let about = format!(
        "The largest cluster that Kubernetes supports must be a matter of seconds on a laptop: {nodes} nodes, \
         {workloads} workloads of {templates} different pod templates and {pods} pods, generated from seed 1 and saved \
         by `kubectl ha snapshot` ({megabytes} MB). Kept per pod is everything that the finished snapshot holds, as its \
         allocations ask for it, divided by the pods."
    );
    Ok(Part { title: "Large snapshot".to_owned(), about, series, bars })
}
