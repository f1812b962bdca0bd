//! Public manifests, beside kube-score, the fastest of the tools that judge manifests.

use anyhow::{Result, ensure};
use ha_cluster::binaries::{self, KUBE_SCORE};

use super::super::measure::{Subject, in_turn};
use super::super::record::{Bar, Part};
use super::Bench;

/// Where the manifests lie, from the repository's root. They are other projects' and no part of it.
const CORPUS: &str = "../shared/corpus";

pub(super) fn measure(bench: &Bench) -> Result<Part> {
    let files = files(bench)?;
    let kube_score = binaries::ensure(&KUBE_SCORE, &|line| eprintln!("{line}"))?;
    let mut check = vec!["check".to_owned()];
    check.extend(files.iter().flat_map(|file| ["-f".to_owned(), file.clone()]));
    let mut score = vec!["score".to_owned()];
    score.extend(files.iter().cloned());
    let subjects = vec![
        Subject::process("kubectl-ha check -f …", &bench.plugin, &check),
        Subject::process("kube-score score …", &kube_score, &score),
    ];
    let series = in_turn(subjects, bench.runs(30))?;
    let bars = vec![Bar::times("Manifests: as long as kube-score 1.20 takes", &series[0], &series[1], 1.0)];
    let about = format!(
        "Checking manifests must not hold up a pipeline: {} files of other projects, all rules, beside kube-score on \
         the same files, in turn.",
        files.len()
    );
    Ok(Part { title: "Manifests".to_owned(), about, series, bars })
}

/// The manifests' paths from the repository's root, sorted.
fn files(bench: &Bench) -> Result<Vec<String>> {
    let all = bench.shell.read_dir(CORPUS).unwrap_or_default();
    let names = all.iter().filter_map(|path| path.file_name()).map(|name| name.to_string_lossy());
    let files: Vec<String> =
        names.filter(|name| name.ends_with(".yaml")).map(|name| format!("{CORPUS}/{name}")).collect();
    ensure!(
        !files.is_empty(),
        "there are no manifests in {CORPUS}, which is not part of the repository: put some there, or choose other \
         parts with --only"
    );
    Ok(files)
}
