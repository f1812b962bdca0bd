//! `cargo xtask cluster`: the test cluster from the command line. The work is in `ha-cluster`.

use std::fs::File;
use std::io::{BufWriter, Write as _};
use std::path::{Path, PathBuf};
use std::time::Instant;

use anyhow::bail;
use clap::{Parser, Subcommand};
use ha_cluster::generate::{self, Size};
use ha_cluster::load::load;
use ha_cluster::{Cluster, Error};

/// Runs a real control plane (etcd, Kubernetes, kwok) on loopback ports.
#[derive(Debug, Parser)]
pub(crate) struct Args {
    /// The cluster's name; several can run side by side.
    #[arg(long, global = true, default_value = "dev")]
    name: String,
    /// The folder of its state, instead of target/cluster/NAME.
    #[arg(long, global = true)]
    dir: Option<PathBuf>,
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Builds what is missing, starts the cluster and prints its kubeconfig.
    Up,
    /// Stops the cluster and removes its state.
    Down,
    /// Shows the processes, their ports and health; fails when one is not ready.
    Status,
    /// Creates a generated cluster of so many pods and waits until they run.
    Load(Generated),
    /// Writes such a cluster as a live API server would return it, without running it.
    Generate {
        #[command(flatten)]
        generated: Generated,
        /// The file to write: JSON, one List.
        #[arg(long, short)]
        output: PathBuf,
    },
}

/// A cluster from a seed.
#[derive(Debug, clap::Args)]
struct Generated {
    /// All pods, those of the control plane and of DaemonSets included.
    pods: usize,
    /// All nodes [default: one for 18 pods].
    #[arg(long)]
    nodes: Option<usize>,
    /// Workloads [default: one for 6 pods].
    #[arg(long)]
    workloads: Option<usize>,
    /// Different pod templates [default: one for 5 workloads].
    #[arg(long)]
    templates: Option<usize>,
    /// The same seed gives the same cluster.
    #[arg(long, default_value_t = 1)]
    seed: u64,
}

impl Generated {
    fn size(&self) -> Size {
        let usual = Size::of(self.pods, self.nodes);
        let workloads = self.workloads.unwrap_or(usual.workloads);
        let templates = self.templates.unwrap_or_else(|| (workloads / 5).max(20));
        Size { workloads, templates, ..usual }
    }
}

/// Runs `cargo xtask cluster …`.
pub(crate) fn run(args: Args) -> anyhow::Result<()> {
    let Args { name, dir, command } = args;
    match command {
        Command::Up => up(&name, dir),
        Command::Down => Ok(Cluster::find(&name, dir)?.stop()?),
        Command::Status => status(&Cluster::find(&name, dir)?),
        Command::Load(generated) => fill(&Cluster::find(&name, dir)?, &generated),
        Command::Generate { generated, output } => write(&generated, &output),
    }
}

/// Progress goes to standard error, so that `eval "$(cargo xtask cluster up)"` works.
fn progress(line: &str) {
    eprintln!("{line}");
}

fn up(name: &str, directory: Option<PathBuf>) -> anyhow::Result<()> {
    let started = Instant::now();
    let cluster = Cluster::start_detached(name, directory, &progress)?;
    eprintln!("{} is ready after {:.1} s", cluster.server(), started.elapsed().as_secs_f32());
    println!("export KUBECONFIG={}", cluster.kubeconfig_path().display());
    Ok(())
}

fn status(cluster: &Cluster) -> anyhow::Result<()> {
    let health = cluster.health()?;
    println!("{:<24} {:>8}  {:<9} HEALTH", "COMPONENT", "PID", "STATE");
    for component in &health {
        let state = match (component.alive, component.ready) {
            (false, _) => "ended",
            (true, false) => "not ready",
            (true, true) => "ready",
        };
        println!("{:<24} {:>8}  {state:<9} {}", component.name, component.pid, component.url);
    }
    println!("\nkubeconfig {}\nlogs       {}", cluster.kubeconfig_path().display(), cluster.logs().display());
    if health.iter().all(|component| component.alive && component.ready) {
        return Ok(());
    }
    bail!("not every component is ready: see the logs in {}", cluster.logs().display())
}

fn fill(cluster: &Cluster, generated: &Generated) -> anyhow::Result<()> {
    let loaded = load(cluster, generated.size(), generated.seed, &progress)?;
    println!(
        "{} of {} pods run after {:.0} s (objects created after {:.0} s)",
        loaded.running,
        loaded.pods,
        loaded.running_after.as_secs_f32(),
        loaded.created_after.as_secs_f32(),
    );
    if loaded.running >= loaded.pods {
        return Ok(());
    }
    bail!("the other pods do not start: see `kubectl get pods -A --field-selector status.phase=Pending`")
}

/// Streams the List: a large cluster does not fit into memory as JSON.
fn write(generated: &Generated, path: &Path) -> anyhow::Result<()> {
    let failed = |error: std::io::Error| Error::File { action: "write", path: path.to_path_buf(), source: error };
    let mut file = BufWriter::new(File::create(path).map_err(failed)?);
    let mut separator = r#"{"apiVersion":"v1","kind":"List","items":["#;
    let mut count = 0_u64;
    generate::live(generated.size(), generated.seed, &mut |object| {
        writeln!(file, "{separator}").map_err(failed)?;
        serde_json::to_writer(&mut file, &object).map_err(|error| failed(error.into()))?;
        separator = ",";
        count += 1;
        Ok(())
    })?;
    writeln!(file, "\n]}}").and_then(|()| file.flush()).map_err(failed)?;
    println!("wrote {count} objects to {}", path.display());
    Ok(())
}
