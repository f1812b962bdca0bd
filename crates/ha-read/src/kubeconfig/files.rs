//! Finds kubeconfig files and merges them as kubectl does.
//!
//! `--kubeconfig` names the only file, which must exist. Else every existing file of
//! `KUBECONFIG` counts, the first to set a name wins. Else `~/.kube/config`.

use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use kube::config::{Kubeconfig, KubeconfigError as KubeError};

use super::{Environment, KubeconfigError};

/// All kubeconfig files merged into one; empty when there are none.
pub(super) fn load(explicit: Option<&Path>, environment: &Environment) -> Result<Kubeconfig, KubeconfigError> {
    if let Some(path) = explicit {
        return read(path);
    }
    let mut merged = Kubeconfig::default();
    for path in candidates(environment) {
        match read(&path) {
            Ok(next) => {
                merged =
                    merged.merge(next).map_err(|error| KubeconfigError::Merge { path, reason: error.to_string() })?;
            }
            Err(KubeconfigError::Read { source, .. }) if source.kind() == ErrorKind::NotFound => {}
            Err(error) => return Err(error),
        }
    }
    Ok(merged)
}

/// Where kubeconfigs are looked for when no flag names one, in order of precedence.
pub(super) fn candidates(environment: &Environment) -> Vec<PathBuf> {
    if let Some(list) = environment.os("KUBECONFIG") {
        return std::env::split_paths(list).filter(|path| !path.as_os_str().is_empty()).collect();
    }
    environment.home().map(|home| home.join(".kube").join("config")).into_iter().collect()
}

fn read(path: &Path) -> Result<Kubeconfig, KubeconfigError> {
    Kubeconfig::read_from(path).map_err(|error| match error {
        KubeError::ReadConfig(source, path) => KubeconfigError::Read { path, source },
        KubeError::Parse(error) => KubeconfigError::Parse {
            path: path.to_owned(),
            position: error
                .location()
                .map(|at| format!(" at line {}, column {}", at.line(), at.column()))
                .unwrap_or_default(),
        },
        other => KubeconfigError::Merge { path: path.to_owned(), reason: other.to_string() },
    })
}
