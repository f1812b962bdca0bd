//! `cargo xtask bench simulate`: the bars of `kubectl ha simulate`.

mod growth;
mod large;
mod placing;

use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use clap::{Parser, ValueEnum};
use serde_json::Value;
use xshell::{Shell, cmd};

use super::{finish, folder, page};
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
    /// For what is generated.
    folder: PathBuf,
}

/// Builds the plugin and measures it.
pub(super) fn run(args: &Args) -> Result<()> {
    let shell = shell::shell()?;
    let plugin = plugin::build_plugin(&shell, &mut Steps::default())?;
    let folder = folder(&shell)?;
    let bench = Bench { shell, plugin, folder };
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

impl Zone {
    /// The zone whose loss takes the most pods.
    fn largest(bench: &Bench, snapshot: &Path) -> Result<Self> {
        let (shell, plugin) = (&bench.shell, &bench.plugin);
        let zones = cmd!(shell, "{plugin} simulate --snapshot {snapshot} --each zone --mode removed --tries 1 -o json");
        let zones: Value = serde_json::from_str(&zones.quiet().read()?)?;
        let scenarios = zones["scenarios"].as_array().context("there are no scenarios")?;
        let displaced = |scenario: &&Value| -> u64 {
            let workloads = scenario["workloads"].as_array().into_iter().flatten();
            let lost = |workload: &Value| {
                let ready = workload["instant"]["ready"].as_u64().unwrap_or_default();
                workload["before"].as_u64().unwrap_or_default().saturating_sub(ready)
            };
            workloads.map(lost).sum()
        };
        let scenario = scenarios.iter().max_by_key(displaced).context("no zone can be lost")?;
        let nodes = scenario["disruption"]["nodes"].as_array().context("a zone has no nodes")?;
        let mut nodes = nodes.iter().filter_map(Value::as_str);
        let node = nodes.find(|node| !node.starts_with("control-plane")).context("a zone has no workers")?;
        let name = scenario["name"].as_str().context("a zone has no name")?;
        Ok(Self { name: name.to_owned(), node: node.to_owned(), displaced: displaced(&scenario) })
    }
}
