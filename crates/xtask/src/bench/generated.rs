//! Generated clusters for benchmarks: their objects as JSON lines, and what a snapshot of them keeps in memory.
//!
//! They are made by a process of its own: whoever measures other processes must stay small itself.

use std::fs::File;
use std::io::{BufWriter, Write};
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use clap::{Parser, ValueEnum};
use ha_cluster::Error;
use ha_cluster::generate::{self, Size};
use ha_core::snapshot::ResourceKind;
use ha_snapshot::objects::Object;
use ha_snapshot::{Builder, Origin};
use serde_json::{Value, json};
use xshell::{Shell, cmd};

use crate::ALLOCATOR;

/// The seed of all clusters.
const SEED: u64 = 1;
/// What holds for all clusters but the largest, as for it.
const PODS_PER_NODE: usize = 30;

/// Which cluster to generate, and where to write its objects to.
#[derive(Debug, Parser)]
pub(crate) struct GenerateArgs {
    lines: PathBuf,
    /// How many nodes.
    #[arg(long, default_value_t = Size::BENCHMARK.nodes)]
    nodes: usize,
    /// What all workloads ask of the scheduler, instead of a mixture.
    #[arg(long, value_enum)]
    placement: Option<Placement>,
}

/// What all workloads of a cluster ask of the scheduler beside their requests.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(super) enum Placement {
    /// Nothing.
    Basic,
    /// A hard spread over zones.
    Spread,
    /// Nodes of their own for the pods of a workload.
    AntiAffinity,
}

/// The size of a cluster with so many nodes: that of the benchmarks, in small.
pub(super) fn size(nodes: usize) -> Size {
    if nodes == Size::BENCHMARK.nodes { Size::BENCHMARK } else { Size::of(nodes * PODS_PER_NODE, Some(nodes)) }
}

/// Generates a cluster and has the plugin's own command save it, which reduces the objects to what a snapshot holds.
/// Returns the file and how many bytes the finished snapshot keeps.
pub(super) fn save(
    shell: &Shell,
    plugin: &Path,
    folder: &Path,
    nodes: usize,
    placement: Option<Placement>,
) -> Result<(PathBuf, u64)> {
    let placed = placement.and_then(|placement| placement.to_possible_value());
    let placed = placed.map_or_else(|| "mixed".to_owned(), |placed| placed.get_name().to_owned());
    let file = folder.join(format!("{nodes}-nodes-{placed}.ha"));
    let lines = file.with_extension("jsonl");
    eprintln!("generating {}", super::shown(&file));
    let placement = placement.map(|_| ["--placement", placed.as_str()]).into_iter().flatten();
    let nodes = nodes.to_string();
    let kept = cmd!(shell, "cargo xtask bench generate {lines} --nodes {nodes} {placement...}").quiet().ignore_stderr();
    let kept = kept.read()?.parse().context("the generated cluster's size is no number")?;
    cmd!(shell, "{plugin} snapshot --snapshot {lines} {file}").quiet().ignore_stderr().run()?;
    shell.remove_path(&lines)?;
    Ok((file, kept))
}

/// Writes the objects in the form of a saved snapshot, and prints how many bytes the snapshot built from them keeps.
///
/// All that is counted is what the builder asked the allocator for and has not given back when the snapshot is done.
pub(super) fn run(args: &GenerateArgs) -> Result<()> {
    let file = File::create(&args.lines).with_context(|| format!("cannot write {}", args.lines.display()))?;
    let mut lines = BufWriter::new(file);
    let header = json!({ "kind": "Snapshot", "version": 1, "takenAt": "2026-01-15T10:30:00Z", "context": "generated" });
    writeln!(lines, "{header}")?;
    let before = ALLOCATOR.current_usage();
    let mut builder = Builder::new(&[]);
    let mut count = 0_usize;
    generate::live(size(args.nodes), SEED, &mut |mut object| {
        let failed = |problem: String| Error::Usage(format!("a generated object cannot be used: {problem}"));
        if let Some(placement) = args.placement {
            placement.apply(&mut object);
        }
        let (line, object) = convert(object).map_err(|error| failed(error.to_string()))?;
        writeln!(lines, "{line}").map_err(|error| failed(error.to_string()))?;
        builder.add(object);
        count += 1;
        Ok(())
    })?;
    let snapshot = builder.finish(&Origin::default());
    let kept = ALLOCATOR.current_usage().saturating_sub(before);
    writeln!(lines, "{}", json!({ "kind": "SnapshotEnd", "objects": count }))?;
    lines.flush()?;
    println!("{kept}");
    drop(snapshot);
    Ok(())
}

/// An object's line, which begins with `apiVersion` and `kind`, and its slim form.
fn convert(mut object: Value) -> Result<(String, Object)> {
    let mut take = |key: &str| object.as_object_mut().and_then(|map| map.remove(key)).unwrap_or_default();
    let (api_version, kind) = (take("apiVersion"), take("kind"));
    let rest = object.to_string();
    let line = format!("{{\"apiVersion\":{api_version},\"kind\":{kind},{}", rest.trim_start_matches('{'));
    let api_version = api_version.as_str().unwrap_or_default();
    let group = api_version.split_once('/').map_or("", |(group, _)| group);
    let kind = ResourceKind::from_group_kind(group, kind.as_str().unwrap_or_default());
    let kind = kind.with_context(|| format!("{api_version} {kind:?} is not known"))?;
    Ok((line, Object::deserialize(api_version, kind, object)?))
}

impl Placement {
    /// Lets the pods of a workload ask for this only. Pods of DaemonSets and of the control plane stay as they are.
    fn apply(self, object: &mut Value) {
        let kind = object["kind"].as_str().unwrap_or_default();
        let owner = object["metadata"]["ownerReferences"][0]["kind"].as_str().unwrap_or_default();
        let (labels, spec) = match (kind, owner) {
            ("Pod", "ReplicaSet" | "StatefulSet") => (object["metadata"]["labels"].clone(), &mut object["spec"]),
            ("Deployment" | "ReplicaSet" | "StatefulSet", _) => {
                let labels = object["spec"]["template"]["metadata"]["labels"].clone();
                (labels, &mut object["spec"]["template"]["spec"])
            }
            _ => return,
        };
        let (Some(app), Some(spec)) = (labels["app"].as_str(), spec.as_object_mut()) else { return };
        for field in ["affinity", "nodeSelector", "topologySpreadConstraints", "volumes"] {
            spec.remove(field);
        }
        let selector = json!({ "matchLabels": { "app": app } });
        match self {
            Self::Basic => {}
            Self::Spread => {
                let zone = "topology.kubernetes.io/zone";
                let constraint = json!({ "maxSkew": 1, "topologyKey": zone, "whenUnsatisfiable": "DoNotSchedule", "labelSelector": selector });
                spec.insert("topologySpreadConstraints".to_owned(), json!([constraint]));
            }
            Self::AntiAffinity => {
                let term = json!({ "topologyKey": "kubernetes.io/hostname", "labelSelector": selector });
                let required = json!({ "requiredDuringSchedulingIgnoredDuringExecution": [term] });
                spec.insert("affinity".to_owned(), json!({ "podAntiAffinity": required }));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn workloads_ask_for_one_thing_only() {
        let pod = |owner: &str| {
            json!({"kind": "Pod", "metadata": {"labels": {"app": "a"}, "ownerReferences": [{"kind": owner}]},
                "spec": {"nodeSelector": {"pool": "x"}}})
        };
        let mut own = pod("ReplicaSet");
        Placement::Spread.apply(&mut own);
        assert_eq!(own["spec"]["topologySpreadConstraints"][0]["maxSkew"], 1);
        assert_eq!(own["spec"]["nodeSelector"], Value::Null);
        let mut daemon = pod("DaemonSet");
        Placement::Spread.apply(&mut daemon);
        assert_eq!(daemon, pod("DaemonSet"));
    }
}
