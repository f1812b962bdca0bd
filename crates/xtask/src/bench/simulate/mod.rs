//! `cargo xtask bench simulate`: the bars of `kubectl ha simulate`.

mod growth;
mod large;
mod placing;

use std::io::BufReader;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context, Result, ensure};
use clap::{Parser, ValueEnum};
use serde::Deserialize;
use xshell::{Shell, cmd};

use super::measure::Subject;
use super::{finish, folder, page, shown};
use crate::plugin;
use crate::shell::{self, Steps};

/// Measures `kubectl ha simulate`.
#[derive(Debug, Parser)]
pub(crate) struct Args {
    /// Measures these parts only, and leaves the documents alone.
    #[arg(long, value_enum, value_delimiter = ',')]
    only: Vec<Chosen>,
}

/// A part of the benchmark. The order is that in which they are measured.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Chosen {
    /// Every node, zone, pair and drain and the whole check of a snapshot of 150,000 pods.
    Large,
    /// The pods of one zone, by what they ask of the scheduler.
    Placing,
    /// Clusters of 100 to 5,000 nodes.
    Growth,
}

/// What every part needs.
struct Bench {
    shell: Shell,
    /// The release build of the plugin.
    plugin: PathBuf,
    /// `crates/ha-sim/examples/bench.rs`, which places pods even where the plugin foresees the end.
    tool: PathBuf,
    /// For what is generated.
    folder: PathBuf,
}

impl Bench {
    /// Places the pods of a node or a zone so many times, in one process.
    fn placing(&self, snapshot: &Path, lost: &str, times: usize) -> Subject<'static> {
        let place = std::iter::repeat_n(format!("place:{lost}"), times);
        let arguments: Vec<String> = std::iter::once(shown(snapshot)).chain(place).collect();
        let times = if times > 1 { format!(" ({times} times)") } else { String::new() };
        Subject::process(&format!("bench {} place:{lost}{times}", shown(snapshot)), &self.tool, &arguments)
    }
}

/// Builds the plugin and measures it.
pub(super) fn run(args: &Args) -> Result<()> {
    let shell = shell::shell()?;
    let plugin = plugin::build_plugin(&shell, &mut Steps::default())?;
    cmd!(shell, "cargo build --quiet --release --all-features --package ha-sim --example bench").quiet().run()?;
    let tool = shell::target().join("release/examples/bench");
    let folder = folder(&shell)?;
    let bench = Bench { shell, plugin, tool, folder };
    let mut parts = Vec::new();
    for part in Chosen::value_variants() {
        if args.only.is_empty() || args.only.contains(part) {
            let part = match part {
                Chosen::Large => large::measure(&bench),
                Chosen::Placing => placing::measure(&bench),
                Chosen::Growth => growth::measure(&bench),
            }?;
            page::print(&part);
            parts.push(part);
        }
    }
    finish(&bench.shell, "simulate", parts, args.only.is_empty())
}

/// A zone of a saved cluster, one of its nodes that is no machine of the control plane, and how many pods of workloads
/// are ready no more at the moment when the zone is lost.
struct Zone {
    name: String,
    node: String,
    displaced: u64,
}

/// What is needed of the plugin's JSON, which is too large to be kept: memory of this process would count as that of
/// what it starts.
#[derive(Deserialize)]
struct Simulation {
    scenarios: Vec<Scenario>,
}

#[derive(Deserialize)]
struct Scenario {
    name: String,
    disruption: Disruption,
    workloads: Vec<Workload>,
}

#[derive(Deserialize)]
struct Disruption {
    nodes: Vec<String>,
}

#[derive(Deserialize)]
struct Workload {
    before: u64,
    instant: Instant,
}

#[derive(Deserialize)]
struct Instant {
    ready: u64,
}

impl Zone {
    /// The zone whose loss takes the most pods.
    fn largest(bench: &Bench, snapshot: &Path) -> Result<Self> {
        let Simulation { scenarios } = zone_losses(bench, snapshot)?;
        let lost = |workload: &Workload| workload.before.saturating_sub(workload.instant.ready);
        let displaced = |scenario: &Scenario| scenario.workloads.iter().map(lost).sum();
        let scenario = scenarios.into_iter().max_by_key(displaced).context("no zone can be lost")?;
        let displaced = displaced(&scenario);
        let mut nodes = scenario.disruption.nodes.into_iter();
        let node = nodes.find(|node| !node.starts_with("control-plane")).context("a zone has no workers")?;
        Ok(Self { name: scenario.name, node, displaced })
    }
}

fn zone_losses(bench: &Bench, snapshot: &Path) -> Result<Simulation> {
    let mut command = Command::new(&bench.plugin);
    command.args(["simulate", "--each", "zone", "--mode", "removed", "--tries", "1", "-o", "json", "--snapshot"]);
    let mut plugin = command.arg(snapshot).stdout(Stdio::piped()).spawn().context("cannot run the plugin")?;
    let output = plugin.stdout.take().context("the plugin has no output")?;
    let losses = serde_json::from_reader(BufReader::new(output)).context("the plugin's JSON is not as expected")?;
    let status = plugin.wait()?;
    ensure!(matches!(status.code(), Some(0 | 1)), "simulating the loss of each zone failed: {status}");
    Ok(losses)
}
