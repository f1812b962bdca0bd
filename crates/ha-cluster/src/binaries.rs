//! The cluster's programs: built once from the pinned Go modules, then taken from the cache.
//!
//! The cache is `$XDG_CACHE_HOME/kubectl-ha-dev` (else `~/.cache/kubectl-ha-dev`), one folder per
//! Go module and hash of everything that decides what comes out. A program in the folder that
//! `KUBEBUILDER_ASSETS` names (the convention of controller-runtime's envtest) is preferred.

use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::time::Instant;

use sha2::{Digest, Sha256};

use crate::error::{Error, Result};
use crate::{Progress, repository};

/// A Go program of a pinned module in `tests`.
#[derive(Debug)]
pub struct Program {
    /// The name of the executable.
    pub name: &'static str,
    /// The folder below `tests` whose `go.mod` pins it.
    folder: &'static str,
    /// The Go package of its `main`; `.` is the folder itself, whose tests are the program.
    package: &'static str,
    /// The Go module that holds the package; its version is the program's.
    origin: &'static str,
    /// The Go variables which the linker sets to that version.
    version_variables: &'static [&'static str],
    /// What the first build takes on two cores, for the progress line.
    takes: &'static str,
}

const KUBERNETES_VERSION: &[&str] =
    &["k8s.io/component-base/version.gitVersion", "k8s.io/client-go/pkg/version.gitVersion"];

const fn kubernetes(name: &'static str, package: &'static str, takes: &'static str) -> Program {
    let (folder, origin) = ("cluster/kubernetes", "k8s.io/kubernetes");
    Program { name, folder, package, origin, version_variables: KUBERNETES_VERSION, takes }
}

/// The API server.
pub static KUBE_APISERVER: Program =
    kubernetes("kube-apiserver", "k8s.io/kubernetes/cmd/kube-apiserver", "about 5 minutes");
/// The controllers.
pub static KUBE_CONTROLLER_MANAGER: Program =
    kubernetes("kube-controller-manager", "k8s.io/kubernetes/cmd/kube-controller-manager", "about 2 minutes");
/// The scheduler.
pub static KUBE_SCHEDULER: Program =
    kubernetes("kube-scheduler", "k8s.io/kubernetes/cmd/kube-scheduler", "about 1 minute");
/// The command line client.
pub static KUBECTL: Program = kubernetes("kubectl", "k8s.io/kubernetes/cmd/kubectl", "about 1 minute");
/// The store of the API server.
pub static ETCD: Program = Program {
    name: "etcd",
    folder: "cluster/etcd",
    package: "go.etcd.io/etcd/server/v3",
    origin: "go.etcd.io/etcd/server/v3",
    version_variables: &[],
    takes: "about 1 minute",
};
/// Plays the kubelets: nodes are Ready and pods Running although nothing runs.
pub static KWOK: Program = Program {
    name: "kwok",
    folder: "cluster/kwok",
    package: "sigs.k8s.io/kwok/cmd/kwok",
    origin: "sigs.k8s.io/kwok",
    version_variables: &[],
    takes: "about 1 minute",
};
/// The linter that benchmarks compare with.
pub static KUBE_SCORE: Program = Program {
    name: "kube-score",
    folder: "cluster/kube-score",
    package: "github.com/zegl/kube-score/cmd/kube-score",
    origin: "github.com/zegl/kube-score",
    version_variables: &["main.version"],
    takes: "less than a minute",
};

/// The scheduler in process, which answers for generated cases (`tests/scheduler/README.md`). Run it with
/// `-test.run TestServe -test.timeout 0`.
pub static SCHEDULER_IN_PROCESS: Program = Program {
    name: "scheduler-in-process",
    folder: "scheduler",
    package: OWN_TESTS,
    origin: "k8s.io/kubernetes",
    version_variables: &[],
    takes: "about 3 minutes",
};

/// The package of a program that consists of the folder's own tests.
const OWN_TESTS: &str = ".";

/// kwok's own descriptions of how nodes and pods come to life, as paths below its module.
const STAGES: &[&str] = &[
    "kustomize/stage/node/fast/node-initialize.yaml",
    "kustomize/stage/node/heartbeat-with-lease/node-heartbeat-with-lease.yaml",
    "kustomize/stage/pod/fast/pod-ready.yaml",
    "kustomize/stage/pod/fast/pod-complete.yaml",
    "kustomize/stage/pod/fast/pod-delete.yaml",
];

/// Everything a running cluster needs.
#[derive(Debug, Clone)]
pub(crate) struct Binaries {
    pub(crate) etcd: PathBuf,
    pub(crate) kube_apiserver: PathBuf,
    pub(crate) kube_controller_manager: PathBuf,
    pub(crate) kube_scheduler: PathBuf,
    pub(crate) kubectl: PathBuf,
    pub(crate) kwok: PathBuf,
    /// kwok's configuration, one YAML file.
    pub(crate) kwok_stages: PathBuf,
}

impl Binaries {
    /// Finds or builds them all.
    pub(crate) fn ensure(progress: Progress) -> Result<Self> {
        Ok(Self {
            etcd: ensure(&ETCD, progress)?,
            kube_apiserver: ensure(&KUBE_APISERVER, progress)?,
            kube_controller_manager: ensure(&KUBE_CONTROLLER_MANAGER, progress)?,
            kube_scheduler: ensure(&KUBE_SCHEDULER, progress)?,
            kubectl: ensure(&KUBECTL, progress)?,
            kwok: ensure(&KWOK, progress)?,
            kwok_stages: ensure_kwok_stages()?,
        })
    }
}

/// The path of a program, which is built first where neither `KUBEBUILDER_ASSETS` nor the cache
/// has it.
pub fn ensure(program: &'static Program, progress: Progress) -> Result<PathBuf> {
    if let Some(given) = from_assets(std::env::var_os("KUBEBUILDER_ASSETS"), program.name) {
        return Ok(given);
    }
    let cache = Cache::open(program)?;
    let path = cache.folder.join(program.name);
    if path.exists() {
        return Ok(path);
    }
    let _lock = cache.lock()?;
    if !path.exists() {
        build(program, &path, progress)?;
    }
    Ok(path)
}

/// The program in the folder of assets, if there is one.
fn from_assets(assets: Option<OsString>, name: &str) -> Option<PathBuf> {
    let path = PathBuf::from(assets?).join(name);
    path.is_file().then_some(path)
}

/// Builds beside the final path and renames, so that no half-written program is ever found.
fn build(program: &'static Program, path: &Path, progress: Progress) -> Result<()> {
    let version = module_field(program, "{{.Version}}")?;
    progress(&format!("building {} {version} with Go: {} on two cores, this one time", program.name, program.takes));
    let started = Instant::now();
    let unfinished = path.with_extension("unfinished");
    let verb: &[&str] = if program.package == OWN_TESTS { &["test", "-c"] } else { &["build"] };
    go(
        program,
        &verb
            .iter()
            .copied()
            .chain(["-o", &unfinished.to_string_lossy(), "-trimpath", "-ldflags"])
            .chain([link_flags(program, &version).as_str(), program.package])
            .collect::<Vec<_>>(),
    )?;
    fs::rename(&unfinished, path).map_err(Error::file("rename", &unfinished))?;
    progress(&format!("built {} in {} s", program.name, started.elapsed().as_secs()));
    Ok(())
}

/// No symbol tables, and the version where the program expects its release process to put it.
fn link_flags(program: &Program, version: &str) -> String {
    program
        .version_variables
        .iter()
        .fold("-s -w".to_owned(), |flags, variable| flags + " -X " + variable + "=" + version)
}

fn ensure_kwok_stages() -> Result<PathBuf> {
    let cache = Cache::open(&KWOK)?;
    let path = cache.folder.join("stages.yaml");
    if path.exists() {
        return Ok(path);
    }
    let _lock = cache.lock()?;
    let module = PathBuf::from(module_field(&KWOK, "{{.Dir}}")?);
    let mut stages = Vec::new();
    for stage in STAGES {
        let file = module.join(stage);
        stages.push(fs::read_to_string(&file).map_err(Error::file("read", &file))?);
    }
    let unfinished = path.with_extension("unfinished");
    fs::write(&unfinished, stages.join("---\n")).map_err(Error::file("write", &unfinished))?;
    fs::rename(&unfinished, &path).map_err(Error::file("rename", &unfinished))?;
    Ok(path)
}

/// What `go list -m` says of the module a program comes from.
fn module_field(program: &'static Program, template: &str) -> Result<String> {
    go(program, &["mod", "download", program.origin])?;
    let output = go(program, &["list", "-m", "-f", template, program.origin])?;
    Ok(String::from_utf8_lossy(&output.stdout).trim().to_owned())
}

/// Runs the go command in the program's module: pinned versions only, no C compiler needed.
fn go(program: &'static Program, arguments: &[&str]) -> Result<Output> {
    let folder = module_folder(program);
    let output = Command::new("go")
        .args(arguments)
        .current_dir(&folder)
        .envs([("CGO_ENABLED", "0"), ("GOFLAGS", "-mod=readonly"), ("GOWORK", "off")])
        .output()
        .map_err(|source| match source.kind() {
            std::io::ErrorKind::NotFound => Error::GoMissing { program: program.name },
            _ => Error::Process { action: "run", program: "go".to_owned(), source },
        })?;
    if output.status.success() {
        return Ok(output);
    }
    let command = format!("go {}", arguments.join(" "));
    Err(Error::Go { command, folder, output: last_lines(&output.stderr) })
}

/// The end of a log, enough to see why a program gave up.
pub(crate) fn last_lines(log: &[u8]) -> String {
    let text = String::from_utf8_lossy(log);
    let lines: Vec<&str> = text.lines().collect();
    lines[lines.len().saturating_sub(15)..].join("\n")
}

fn module_folder(program: &Program) -> PathBuf {
    repository().join("tests").join(program.folder)
}

/// The files that decide what comes out: the pins, and the code where it is our own.
fn sources(program: &Program) -> Result<Vec<PathBuf>> {
    let folder = module_folder(program);
    let mut files = vec![folder.join("go.mod"), folder.join("go.sum")];
    if program.package == OWN_TESTS {
        let entries = fs::read_dir(&folder).map_err(Error::file("list", &folder))?;
        let mut code: Vec<PathBuf> = entries
            .filter_map(|entry| Some(entry.ok()?.path()))
            .filter(|path| path.extension().is_some_and(|extension| extension == "go"))
            .collect();
        code.sort();
        files.append(&mut code);
    }
    Ok(files)
}

/// The folder that holds what one pinned Go module builds.
struct Cache {
    folder: PathBuf,
}

impl Cache {
    fn open(program: &Program) -> Result<Self> {
        let mut hash = Sha256::new();
        for file in sources(program)? {
            hash.update(fs::read(&file).map_err(Error::file("read", &file))?);
        }
        hash.update(link_flags(program, ""));
        let hash = format!("{:x}", hash.finalize());
        let module = program.folder.rsplit('/').next().unwrap_or(program.folder);
        let folder = root()?.join(format!("{module}-{}", &hash[..16]));
        fs::create_dir_all(&folder).map_err(Error::file("create", &folder))?;
        Ok(Self { folder })
    }

    /// Keeps other processes from building the same; released when the file is dropped.
    fn lock(&self) -> Result<fs::File> {
        let path = self.folder.join("lock");
        let file = fs::File::create(&path).map_err(Error::file("create", &path))?;
        file.lock().map_err(Error::file("lock", &path))?;
        Ok(file)
    }
}

fn root() -> Result<PathBuf> {
    let set = |name: &str| std::env::var_os(name).filter(|value| !value.is_empty());
    let cache =
        set("XDG_CACHE_HOME").map(PathBuf::from).or_else(|| set("HOME").map(|home| PathBuf::from(home).join(".cache")));
    cache.map(|cache| cache.join("kubectl-ha-dev")).ok_or_else(|| {
        Error::Usage(
            "neither XDG_CACHE_HOME nor HOME is set: set one, the cluster's programs are cached there".to_owned(),
        )
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn assets_are_taken_only_where_they_exist() {
        let folder = module_folder(&ETCD);
        let assets = Some(folder.clone().into_os_string());
        assert_eq!(from_assets(assets.clone(), "go.mod"), Some(folder.join("go.mod")));
        assert_eq!(from_assets(assets, "etcd"), None);
        assert_eq!(from_assets(None, "go.mod"), None);
    }

    #[test]
    fn the_cache_changes_with_the_pinned_versions_only() {
        let folder = |program: &Program| Cache::open(program).unwrap().folder;
        assert_eq!(folder(&KUBECTL), folder(&KUBE_APISERVER));
        assert_ne!(folder(&KUBECTL), folder(&ETCD));
    }
}
