//! How the time grows with the cluster.

use std::fmt::Write as _;

use anyhow::Result;

use super::super::generated;
use super::super::measure::{Subject, in_turn};
use super::super::record::Part;
use super::super::shown;
use super::{Bench, Zone};

const NODES: [usize; 6] = [100, 250, 500, 1_000, 2_500, 5_000];
/// How long the longest bar of the plot is, in characters.
const WIDTH: f64 = 50.0;

pub(super) fn measure(bench: &Bench) -> Result<Part> {
    let (mut all, mut points) = (Vec::new(), Vec::new());
    for nodes in NODES {
        let (file, _) = generated::save(&bench.shell, &bench.plugin, &bench.folder, nodes, None)?;
        let zone = Zone::largest(bench, &file)?;
        let path = shown(&file);
        let lose = |what: &str| {
            let arguments = ["simulate", "--snapshot", &path, "--tries", "1", "--lose", what].map(ToOwned::to_owned);
            Subject::process(&format!("kubectl-ha {}", arguments.join(" ")), &bench.plugin, &arguments)
        };
        let series = in_turn(vec![lose(&format!("node/{}", zone.node)), lose(&zone.name)], 3)?;
        points.push((zone.displaced, (series[1].seconds.minimum - series[0].seconds.minimum).max(0.0)));
        all.extend(series);
    }
    let about = format!(
        "The loss of the largest zone, of clusters from 100 to 5,000 nodes: the time must grow with the pods that are \
         displaced, and no faster. Below, what the loss of the zone takes beyond the loss of one node (fastest runs).\n\n\
         ```text\n{}```",
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
