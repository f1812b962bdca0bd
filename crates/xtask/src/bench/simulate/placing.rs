//! How fast displaced pods are placed, by what they ask of the scheduler.
//!
//! The floors of the scheduler's own benchmark (`scheduler_perf` at 5,000 nodes) are 810 pods a second without
//! constraints, 460 with a hard spread and 60 with required anti-affinity.
//! The plugin itself may foresee where such losses end and place nothing, so a tool of the library makes the run.

use anyhow::Result;
use ha_cluster::generate::Size;

use super::super::generated::{self, Placement};
use super::super::measure::in_turn;
use super::super::record::{Bar, Part, Unit};
use super::{Bench, Zone};

/// What pods ask for, in words, and how many of them are to be placed in a second.
const BARS: [(Placement, &str, f64); 3] = [
    (Placement::Basic, "no constraints", 50_000.0),
    (Placement::Spread, "a hard spread over zones", 20_000.0),
    (Placement::AntiAffinity, "required anti-affinity", 5_000.0),
];

pub(super) fn measure(bench: &Bench) -> Result<Part> {
    let (mut all, mut bars) = (Vec::new(), Vec::new());
    for (placement, words, rate) in BARS {
        let nodes = Size::BENCHMARK.nodes;
        let (file, _) = generated::save(&bench.shell, &bench.plugin, &bench.folder, nodes, Some(placement))?;
        let zone = Zone::largest(bench, &file)?;
        let node = format!("node/{}", zone.node);
        let series = in_turn(vec![bench.placing(&file, &node, 1), bench.placing(&file, &zone.name, 1)], 3)?;
        #[allow(clippy::cast_precision_loss, reason = "far below 2^52")]
        let displaced = zone.displaced as f64;
        bars.push(Bar {
            about: format!("{} pods with {words}: the zone's loss beyond that of a node", zone.displaced),
            unit: Unit::Seconds,
            measured: (series[1].seconds.median - series[0].seconds.median).max(0.0),
            at_most: displaced / rate,
        });
        all.extend(series);
    }
    let about =
        "A third of 150,000 pods has to go elsewhere, once: a run of the loss of a zone whose nodes are removed, on one \
         processor, by `crates/ha-sim/examples/bench.rs`. (The plugin may foresee the end and need no run.) What the loss \
         of the zone takes beyond the loss of one node of it is the placing; the bars are 50,000, 20,000 and 5,000 pods a \
         second."
            .to_owned();
    Ok(Part { title: "Placing the pods of a zone".to_owned(), about, series: all, bars })
}
