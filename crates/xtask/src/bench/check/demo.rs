//! The built-in demo cluster: how long it takes from nothing to a report.

use anyhow::Result;

use super::super::measure::{Subject, in_turn};
use super::super::record::{Bar, Part};
use super::Bench;

pub(super) fn measure(bench: &Bench) -> Result<Part> {
    let arguments = ["check", "--demo"].map(str::to_owned);
    let subject = Subject::process("kubectl-ha check --demo", &bench.plugin, &arguments);
    let series = in_turn(vec![subject], bench.runs(30))?;
    let bars = vec![Bar::seconds("Demo: whole process", &series[0], 0.1)];
    let about = "The first answer must feel immediate: start, load the precompiled policy, read the embedded cluster, \
                 judge, print."
        .to_owned();
    Ok(Part { title: "Demo".to_owned(), about, series, bars })
}
