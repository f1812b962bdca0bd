//! The environment variables that decide how a cluster is reached, as a value.
//!
//! Reading them once into a value keeps everything behind it pure and lets tests
//! choose their own; nothing else in the crate asks the process for a variable,
//! except kube's own in-cluster configuration.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::path::PathBuf;

/// Environment variables by name.
#[derive(Clone, Debug, Default)]
pub struct Environment(BTreeMap<String, OsString>);

impl Environment {
    /// The variables of this process; names that are not UTF-8 concern nobody here.
    pub fn of_process() -> Self {
        Self(std::env::vars_os().filter_map(|(name, value)| Some((name.into_string().ok()?, value))).collect())
    }

    /// An environment with exactly these variables.
    pub fn from_pairs<'a>(pairs: impl IntoIterator<Item = (&'a str, &'a str)>) -> Self {
        Self(pairs.into_iter().map(|(name, value)| (name.to_owned(), value.into())).collect())
    }

    /// The value of a variable, if it is set and not empty.
    pub fn os(&self, name: &str) -> Option<&OsString> {
        self.0.get(name).filter(|value| !value.is_empty())
    }

    /// The value of a variable, if it is set, not empty and UTF-8.
    pub fn text(&self, name: &str) -> Option<&str> {
        self.os(name).and_then(|value| value.to_str())
    }

    /// The user's home directory, where `.kube` is.
    pub fn home(&self) -> Option<PathBuf> {
        self.os("HOME").or_else(|| self.os("USERPROFILE")).map(PathBuf::from)
    }
}
