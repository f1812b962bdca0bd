//! How the time grows with the cluster.

use std::fmt::Write as _;

use anyhow::Result;

use super::super::generated;
use super::super::measure::{Subject, in_turn};
use super::super::record::Part;
use super::super::shown;
use super::{Bench, Zone};

const NODES: [usize; 6] = [100, 250, 500, 1_000, 2_500, 5_000];
/// How many times pods are placed in one process, because small clusters take milliseconds.
const TIMES: usize = 5;
/// How long the longest bar of the plot is, in characters.
const WIDTH: f64 = 50.0;

pub(super) fn measure(bench: &Bench) -> Result<Part> {
    let (mut all, mut points) = (Vec::new(), Vec::new());
    for nodes in NODES {
        let (file, _) = generated::save(&bench.shell, &bench.plugin, &bench.folder, nodes, None)?;
        let zone = Zone::largest(bench, &file)?;
        let placing = |lost: &str| bench.placing(&file, lost, TIMES);
        let whole = ["simulate", "--snapshot", &shown(&file), "--lose", &zone.name].map(ToOwned::to_owned);
        let whole = Subject::process(&format!("kubectl-ha {}", whole.join(" ")), &bench.plugin, &whole);
        let series = in_turn(vec![placing(&format!("node/{}", zone.node)), placing(&zone.name), whole], 3)?;
        #[allow(clippy::cast_precision_loss, reason = "a small figure")]
        let seconds = (series[1].seconds.minimum - series[0].seconds.minimum).max(0.0) / TIMES as f64;
        points.push((zone.displaced, seconds));
        all.extend(series);
    }
    let about = format!(
        "The loss of the largest zone, of clusters from 100 to 5,000 nodes: the time must grow with the pods that are \
         displaced. Below, what a run of the loss of the zone takes beyond a run of the loss of one node (fastest runs, \
         one processor, by `crates/ha-sim/examples/bench.rs`). A pod costs more in a larger cluster because the \
         scheduler chooses among more nodes there, and so does the simulation: all that remain of 100, 159 of those that \
         remain of 500, 299 of 1,000, 616 of 2,500 and 799 of 5,000, and no more than that in larger ones \
         (`numFeasibleNodesToFind`). For each of these nodes the time does not grow. The plugin itself, in the table, loads the \
         snapshot, makes several runs, and up to 20,000 pods it also tries which changes would help, which then takes \
         most of its time.\n\n```text\n{}```",
        plot(&points)
    );
    Ok(Part { title: "Growth".to_owned(), about, series: all, bars: Vec::new() })
}

/// One bar for each number of pods; a straight line where the time grows with the pods.
#[allow(
    clippy::cast_precision_loss,
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "small figures"
)]
fn plot(points: &[(u64, f64)]) -> String {
    let longest = points.iter().map(|point| point.1).fold(f64::MIN_POSITIVE, f64::max);
    points.iter().fold(String::new(), |mut plot, &(pods, seconds)| {
        let bar = "█".repeat((seconds / longest * WIDTH).round() as usize);
        let each = seconds * 1e6 / pods.max(1) as f64;
        // Writing to a string cannot fail.
        let _ = writeln!(plot, "{pods:>7} pods {:>6.0} ms {each:>6.1} µs a pod  {bar}", seconds * 1e3);
        plot
    })
}
