//! The test cluster with 500 nodes and 9,200 pods: how reading and checking compare with downloading alone.

use anyhow::{Context, Result};
use ha_cluster::Cluster;
use ha_cluster::generate::Size;
use ha_cluster::load::load;
use serde::Deserialize;
use xshell::cmd;

use super::super::measure::{Subject, in_turn};
use super::super::record::{Bar, Part};
use super::Bench;

const PODS: usize = 9_200;
const NODES: usize = 500;
const SEED: u64 = 1;
/// 100 MB.
const MOST_MEMORY: u64 = 100_000_000;
/// The cluster's name. One of that name that runs already is taken as it is.
const NAME: &str = "bench";

pub(super) fn measure(bench: &Bench) -> Result<Part> {
    let cluster = cluster()?;
    let lists = lists(bench, &cluster)?;
    let kubeconfig = cluster.kubeconfig_path().display().to_string();
    let check = ["check", "--no-simulate", "--kubeconfig", &kubeconfig].map(ToOwned::to_owned);
    let mut bytes = 0;
    let subjects = vec![
        Subject::action("GET of every list", || {
            bytes = cluster.download(&lists)?;
            Ok(())
        }),
        Subject::process("kubectl-ha check --no-simulate", &bench.plugin, &check),
    ];
    let series = in_turn(subjects, bench.runs(9))?;
    let (download, check) = (&series[0], &series[1]);
    let bars = vec![
        Bar::times("Live cluster: as long as downloading takes", check, download, 2.0),
        Bar::bytes("Live cluster: peak memory", check.peak.unwrap_or(u64::MAX), MOST_MEMORY),
    ];
    let about = format!(
        "Reading must cost little more than the network does: a real API server on this machine with {NODES} nodes and \
         {PODS} pods, all rules, beside plain GETs of the same {} lists ({} MB), each whole, one after the other over one \
         connection, which drop what they get.",
        lists.len(),
        bytes / 1_000_000
    );
    Ok(Part { title: "Live cluster".to_owned(), about, series, bars })
}

/// The cluster that runs already, or a new one for this run.
fn cluster() -> Result<Cluster> {
    if let Ok(cluster) = Cluster::find(NAME, None) {
        return Ok(cluster);
    }
    let cluster = Cluster::start(NAME)?;
    let progress = |line: &str| eprintln!("{line}");
    let loaded = load(&cluster, Size::of(PODS, Some(NODES)), SEED, &progress)?;
    anyhow::ensure!(loaded.running == PODS, "only {} of {PODS} pods run", loaded.running);
    Ok(cluster)
}

/// What `kubectl ha rbac` says.
#[derive(Deserialize)]
struct Role {
    rules: Vec<Rule>,
}

#[derive(Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct Rule {
    api_groups: Vec<String>,
    resources: Vec<String>,
    verbs: Vec<String>,
}

/// The paths of all lists that the plugin reads and that this server has.
fn lists(bench: &Bench, cluster: &Cluster) -> Result<Vec<String>> {
    let (shell, plugin) = (&bench.shell, &bench.plugin);
    let role: Role = serde_yaml::from_str(&cmd!(shell, "{plugin} rbac").quiet().read()?)?;
    let mut lists = Vec::new();
    for rule in role.rules.iter().filter(|rule| rule.verbs.iter().any(|verb| verb == "list")) {
        for group in &rule.api_groups {
            if let Some(root) = root(cluster, group)? {
                lists.extend(rule.resources.iter().map(|resource| format!("{root}/{resource}")));
            }
        }
    }
    Ok(lists)
}

/// The path of a group in the version that the server prefers; none when it does not have the group.
fn root(cluster: &Cluster, group: &str) -> Result<Option<String>> {
    if group.is_empty() {
        return Ok(Some("/api/v1".to_owned()));
    }
    let Some(answer) = cluster.get(&format!("/apis/{group}"))? else {
        return Ok(None);
    };
    let version = answer["preferredVersion"]["groupVersion"].as_str();
    Ok(Some(format!("/apis/{}", version.with_context(|| format!("{group} has no preferred version"))?)))
}
