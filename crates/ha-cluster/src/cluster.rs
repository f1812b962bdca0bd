//! A running cluster: start, find again, stop.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use crate::api::{Api, is_healthy};
use crate::binaries::Binaries;
use crate::components::{Components, Ports};
use crate::credentials::{Credentials, USERS, kubeconfig_path};
use crate::error::{Error, Result};
use crate::process::{Group, Launch, Lifetime, kill, signal};
use crate::state::{Component, State, all_clusters, directory};
use crate::{Progress, repository};

/// How long a component may take to become ready; a loaded machine is slow.
const PATIENCE: Duration = Duration::from_mins(2);
/// How often a condition is looked at while waiting for it.
const INTERVAL: Duration = Duration::from_millis(50);

/// A control plane that listens on loopback ports.
///
/// From [`Cluster::start`] it lives as long as the value, or at most as long as the process.
#[derive(Debug)]
pub struct Cluster {
    directory: PathBuf,
    kubeconfig: PathBuf,
    state: State,
    /// Nothing when the cluster goes on without this value.
    group: Option<Group>,
}

/// How one component is doing.
#[derive(Debug)]
pub struct Health {
    /// The component, such as `kube-apiserver`.
    pub name: String,
    /// Its process.
    pub pid: u32,
    /// Whether the process runs.
    pub alive: bool,
    /// Where it is asked for its health.
    pub url: String,
    /// Whether it says that it is ready.
    pub ready: bool,
}

impl Cluster {
    /// Starts a cluster that ends with the returned value. Progress goes to standard error.
    ///
    /// The name is that of its folder below `target/cluster`: one cluster per name at a time.
    pub fn start(name: &str) -> Result<Self> {
        #[allow(clippy::print_stderr)]
        let progress = |line: &str| eprintln!("{line}");
        Self::launch(directory(name)?, Lifetime::WithParent, &progress)
    }

    /// Starts a cluster that goes on until it is stopped. `directory` replaces the folder that
    /// follows from the name.
    pub fn start_detached(name: &str, directory: Option<PathBuf>, progress: Progress) -> Result<Self> {
        let directory = Self::directory(name, directory)?;
        let mut cluster = Self::launch(directory, Lifetime::Detached, progress)?;
        if let Some(group) = cluster.group.take() {
            group.detach();
        }
        Ok(cluster)
    }

    /// Finds a running cluster again. Dropping the value does not stop it.
    pub fn find(name: &str, directory: Option<PathBuf>) -> Result<Self> {
        let directory = Self::directory(name, directory)?;
        let state = State::read(&directory)?.ok_or_else(|| {
            Error::Usage(format!(
                "no cluster in {}: start it with `cargo xtask cluster up` (clusters there are: {})",
                directory.display(),
                names().join(", ")
            ))
        })?;
        let kubeconfig = kubeconfig_path(&directory, "admin");
        Ok(Self { directory, kubeconfig, state, group: None })
    }

    /// Stops the cluster and removes its folder.
    pub fn stop(mut self) -> Result<()> {
        match self.group.take() {
            Some(group) => drop(group),
            None => end(&self.directory, &self.state)?,
        }
        fs::remove_dir_all(&self.directory).map_err(Error::file("remove", &self.directory))
    }

    /// The administrator's kubeconfig.
    pub fn kubeconfig_path(&self) -> &Path {
        &self.kubeconfig
    }

    /// The kubeconfig of one of [`USERS`].
    pub fn token_kubeconfig(&self, user: &str) -> Result<PathBuf> {
        if USERS.iter().any(|(name, _)| *name == user) {
            return Ok(kubeconfig_path(&self.directory, user));
        }
        let users: Vec<&str> = USERS.iter().map(|(name, _)| *name).collect();
        Err(Error::Usage(format!("no user {user:?}: there are {}", users.join(", "))))
    }

    /// The pinned kubectl.
    pub fn kubectl_path(&self) -> &Path {
        &self.state.kubectl
    }

    /// The pinned kubectl, as the administrator.
    pub fn kubectl(&self) -> Command {
        let mut command = Command::new(&self.state.kubectl);
        command.env("KUBECONFIG", &self.kubeconfig);
        command
    }

    /// The address of the API server.
    pub fn server(&self) -> &str {
        &self.state.server
    }

    /// The folder of its state.
    pub fn path(&self) -> &Path {
        &self.directory
    }

    /// The folder of its logs, one file per component.
    pub fn logs(&self) -> PathBuf {
        logs(&self.directory)
    }

    /// Asks every component.
    pub fn health(&self) -> Result<Vec<Health>> {
        let alive = self.state.alive(&self.directory)?;
        let health = |component: &Component| Health {
            name: component.name.clone(),
            pid: component.pid,
            alive: alive.iter().any(|living| living.pid == component.pid),
            url: component.health.clone(),
            ready: is_healthy(&component.health),
        };
        Ok(self.state.components.iter().map(health).collect())
    }

    /// Stops a component such as `kube-controller-manager` from doing anything, or lets it go on. Its leases run out
    /// after 10 s.
    pub fn pause(&self, component: &str, paused: bool) -> Result<()> {
        let found = self.state.components.iter().find(|known| known.name == component);
        let Some(found) = found else {
            return Err(Error::Usage(format!("the cluster has no component {component}")));
        };
        signal(found.pid, paused).map_err(|source| Error::Process {
            action: if paused { "pause" } else { "wake" },
            program: component.to_owned(),
            source,
        })
    }

    /// Reads an object, a list or a page of discovery as the administrator; nothing when it does not exist.
    pub fn get(&self, path: &str) -> Result<Option<serde_json::Value>> {
        self.api()?.get(path)
    }

    /// Asks the eviction API to evict a pod, as a trial that changes nothing: the HTTP status and the server's answer.
    pub fn try_eviction(&self, namespace: &str, pod: &str) -> Result<(u16, serde_json::Value)> {
        let eviction = serde_json::json!({"apiVersion": "policy/v1", "kind": "Eviction",
            "metadata": {"namespace": namespace, "name": pod}, "deleteOptions": {"dryRun": ["All"]}});
        self.api()?.post(&format!("/api/v1/namespaces/{namespace}/pods/{pod}/eviction"), &eviction)
    }

    /// Reads the answers of several paths to their ends, one after the other over one connection, and drops them; how
    /// many bytes they had together. What other readers are compared with.
    pub fn download(&self, paths: &[String]) -> Result<u64> {
        let api = self.api()?;
        paths.iter().map(|path| api.download(path)).sum()
    }

    pub(crate) fn api(&self) -> Result<Api> {
        Api::new(&self.directory, &self.state.server)
    }

    fn directory(name: &str, given: Option<PathBuf>) -> Result<PathBuf> {
        let Some(given) = given else {
            return directory(name);
        };
        std::path::absolute(&given).map_err(Error::file("find", &given))
    }

    fn launch(directory: PathBuf, lifetime: Lifetime, progress: Progress) -> Result<Self> {
        let binaries = Binaries::ensure(progress)?;
        claim(&directory)?;
        let ports = Ports::free()?;
        let server = format!("https://127.0.0.1:{}", ports.kube_apiserver);
        let credentials = Credentials::create(&directory, &server)?;
        let kubeconfig = kubeconfig_path(&directory, "admin");
        let components = Components {
            binaries: &binaries,
            credentials: &credentials,
            ports: &ports,
            directory: &directory,
            kubeconfig: &kubeconfig,
        };
        let mut starting = Starting {
            state: State { group: 0, server, kubectl: binaries.kubectl.clone(), components: Vec::new() },
            group: Group::new(lifetime)?,
            directory: &directory,
        };
        starting.start(&[components.etcd(), components.kube_apiserver()])?;
        starting.start(&[components.kube_controller_manager(), components.kube_scheduler(), components.kwok()])?;
        starting.wait_for_service_account()?;
        let Starting { state, group, .. } = starting;
        let cluster = Self { directory, kubeconfig, state, group: Some(group) };
        cluster.create_users()?;
        Ok(cluster)
    }

    /// Gives the users what `tests/cluster/users.yaml` says.
    fn create_users(&self) -> Result<()> {
        let file = repository().join("tests/cluster/users.yaml");
        let mut kubectl = self.kubectl();
        let output = kubectl.args(["apply", "-f"]).arg(&file).output();
        let output = output.map_err(|source| Error::Process {
            action: "run",
            program: self.state.kubectl.display().to_string(),
            source,
        })?;
        if output.status.success() {
            return Ok(());
        }
        let message = String::from_utf8_lossy(&output.stderr).into_owned();
        Err(Error::file("apply", &file)(std::io::Error::other(message)))
    }
}

impl Drop for Cluster {
    fn drop(&mut self) {
        // A failing test keeps its logs.
        if self.group.take().is_some() && !std::thread::panicking() {
            let _ = fs::remove_dir_all(&self.directory);
        }
    }
}

/// A cluster whose components are being started.
struct Starting<'a> {
    state: State,
    group: Group,
    directory: &'a Path,
}

impl Starting<'_> {
    /// Starts components side by side and waits until all are ready.
    fn start(&mut self, launches: &[Launch]) -> Result<()> {
        let logs = logs(self.directory);
        for launch in launches {
            let pid = self.group.start(launch, &logs)?;
            let (name, health) = (launch.name.to_owned(), launch.health.clone());
            self.state.components.push(Component { name, pid, health });
            self.state.group = self.group.id();
            self.state.write(self.directory)?; // at once: whoever cleans up must find it
        }
        for launch in launches {
            self.wait(&format!("{} to be ready", launch.name), || Ok(is_healthy(&launch.health)))?;
        }
        Ok(())
    }

    /// Pods can be created once the controllers made the default service account.
    fn wait_for_service_account(&mut self) -> Result<()> {
        let api = Api::new(self.directory, &self.state.server)?;
        self.wait("the default service account", || {
            let account = api.get("/api/v1/namespaces/default/serviceaccounts/default")?;
            Ok(account.is_some())
        })
    }

    fn wait(&mut self, what: &str, condition: impl Fn() -> Result<bool>) -> Result<()> {
        let started = Instant::now();
        while !condition()? {
            self.group.check()?;
            if started.elapsed() > PATIENCE {
                let (what, seconds) = (what.to_owned(), PATIENCE.as_secs());
                return Err(Error::TimedOut { what, seconds, logs: logs(self.directory) });
            }
            std::thread::sleep(INTERVAL);
        }
        Ok(())
    }
}

/// The names of the clusters below `target/cluster`, running or not.
fn names() -> Vec<String> {
    let entries = fs::read_dir(all_clusters()).into_iter().flatten().flatten();
    let mut names: Vec<String> = entries
        .filter(|entry| entry.path().join("cluster.json").exists())
        .map(|entry| entry.file_name().to_string_lossy().into_owned())
        .collect();
    names.sort();
    names
}

fn logs(directory: &Path) -> PathBuf {
    directory.join("logs")
}

/// Makes the folder of a new cluster, in place of one that is no longer running.
fn claim(directory: &Path) -> Result<()> {
    if let Some(state) = State::read(directory)? {
        if !state.alive(directory)?.is_empty() {
            return Err(Error::Usage(format!(
                "a cluster runs in {}: stop it with `cargo xtask cluster down`, or choose another name",
                directory.display()
            )));
        }
        fs::remove_dir_all(directory).map_err(Error::file("remove", directory))?;
    }
    let logs = logs(directory);
    fs::create_dir_all(&logs).map_err(Error::file("create", &logs))?;
    let private = fs::Permissions::from_mode(0o700); // it will hold keys and tokens
    fs::set_permissions(directory, private).map_err(Error::file("protect", directory))
}

/// Ends the processes of a cluster that another process started.
fn end(directory: &Path, state: &State) -> Result<()> {
    if state.alive(directory)?.is_empty() {
        return Ok(());
    }
    let program = "the process group of the cluster".to_owned();
    kill(state.group).map_err(|source| Error::Process { action: "stop", program, source })?;
    let started = Instant::now();
    while !state.alive(directory)?.is_empty() {
        if started.elapsed() > PATIENCE {
            let (what, seconds) = ("the cluster's processes to end".to_owned(), PATIENCE.as_secs());
            return Err(Error::TimedOut { what, seconds, logs: logs(directory) });
        }
        std::thread::sleep(INTERVAL);
    }
    Ok(())
}
