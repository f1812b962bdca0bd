//! What is remembered of a cluster on disk, so that another process finds and stops it.

use std::fs;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use sysinfo::{ProcessRefreshKind, ProcessesToUpdate, System, UpdateKind};

use crate::error::{Error, Result};
use crate::repository;

/// The file of a cluster's folder that describes it.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct State {
    /// The process group of all components.
    pub(crate) group: u32,
    /// The address of the API server.
    pub(crate) server: String,
    /// The kubectl that belongs to it.
    pub(crate) kubectl: PathBuf,
    pub(crate) components: Vec<Component>,
}

/// One process of a cluster.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Component {
    pub(crate) name: String,
    pub(crate) pid: u32,
    /// Answers 200 when the component is ready.
    pub(crate) health: String,
}

impl State {
    pub(crate) fn read(directory: &Path) -> Result<Option<Self>> {
        let path = file(directory);
        let text = match fs::read_to_string(&path) {
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
            text => text.map_err(Error::file("read", &path))?,
        };
        let state = serde_json::from_str(&text).map_err(std::io::Error::other);
        state.map(Some).map_err(Error::file("read", &path))
    }

    pub(crate) fn write(&self, directory: &Path) -> Result<()> {
        let path = file(directory);
        let text = serde_json::to_string_pretty(self).map_err(std::io::Error::other);
        text.and_then(|text| fs::write(&path, text)).map_err(Error::file("write", &path))
    }

    /// The components whose process still runs. A process number may have been given to another
    /// program since: every component carries its cluster's folder in its arguments.
    pub(crate) fn alive(&self, directory: &Path) -> Result<Vec<&Component>> {
        let mut system = System::new().map_err(|error| Error::Process {
            action: "list the processes for",
            program: directory.display().to_string(),
            source: std::io::Error::other(error.to_string()),
        })?;
        system.refresh_processes_specifics(
            ProcessesToUpdate::All,
            true,
            ProcessRefreshKind::nothing().with_cmd(UpdateKind::Always),
        );
        let folder = directory.to_string_lossy();
        let runs = |component: &&Component| {
            let process = system.process(sysinfo::Pid::from_u32(component.pid));
            process.is_some_and(|process| process.cmd().iter().any(|word| word.to_string_lossy().contains(&*folder)))
        };
        Ok(self.components.iter().filter(runs).collect())
    }
}

fn file(directory: &Path) -> PathBuf {
    directory.join("cluster.json")
}

/// The folder of a cluster, by its name: `target/cluster/<name>`.
pub(crate) fn directory(name: &str) -> Result<PathBuf> {
    let plain = |c: char| c.is_ascii_alphanumeric() || c == '-';
    if name.is_empty() || !name.chars().all(plain) {
        return Err(Error::Usage(format!("{name:?} cannot name a cluster: use letters, digits and hyphens")));
    }
    Ok(all_clusters().join(name))
}

/// The folder of all clusters.
pub(crate) fn all_clusters() -> PathBuf {
    let target = std::env::var_os("CARGO_TARGET_DIR").map(PathBuf::from);
    let target = target.unwrap_or_else(|| repository().join("target"));
    target.join("cluster")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn another_program_with_the_same_number_is_not_the_cluster() {
        let own = Component { name: "etcd".to_owned(), pid: std::process::id(), health: String::new() };
        let state = State { group: own.pid, server: String::new(), kubectl: PathBuf::new(), components: vec![own] };
        assert!(state.alive(Path::new("/no/such/cluster")).unwrap().is_empty());
        let arguments: Vec<String> = std::env::args().collect();
        assert_eq!(state.alive(Path::new(&arguments[0])).unwrap().len(), 1);
    }

    #[test]
    fn a_name_cannot_leave_the_folder_of_all_clusters() {
        assert!(directory("dev-2").unwrap().starts_with(all_clusters()));
        for name in ["", "..", "a/b", "a b"] {
            assert!(directory(name).unwrap_err().to_string().contains("letters"), "{name}");
        }
    }
}
