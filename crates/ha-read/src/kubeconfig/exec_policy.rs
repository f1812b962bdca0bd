//! Whether kuberc lets a credential plugin run: kubectl's `credentialPluginPolicy`.
//!
//! A kubeconfig may name any executable, which runs with all rights of its user; kuberc
//! is where that user says which may. The fields and their meaning are those of kubectl
//! 1.36 (`kubectl.config.k8s.io/v1beta1`, `Preference`); `name`, which 1.35 used for
//! `command`, is read too. In one point this is stricter than kubectl: a kuberc that
//! cannot be read lets no plugin run, where kubectl only warns.

use std::collections::BTreeSet;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use serde::Deserialize;

use super::{Environment, KubeconfigError};

/// Which credential plugins may run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum ExecPolicy {
    /// Any (the default).
    AllowAll,
    /// None; said by this file.
    DenyAll(PathBuf),
    /// These, by name on the PATH or by full path; said by this file.
    Allowlist(PathBuf, Vec<String>),
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Preference {
    #[serde(default)]
    api_version: String,
    #[serde(default)]
    kind: String,
    #[serde(default)]
    credential_plugin_policy: String,
    credential_plugin_allowlist: Option<Vec<AllowlistEntry>>,
}

#[derive(Deserialize)]
struct AllowlistEntry {
    #[serde(default, alias = "name")]
    command: String,
}

impl ExecPolicy {
    /// The policy of the user's kuberc: `--kuberc`, else `KUBERC`, else `~/.kube/kuberc`.
    pub(super) fn load(explicit: Option<&Path>, environment: &Environment) -> Result<Self, KubeconfigError> {
        let (path, must_exist) = match (explicit, environment.os("KUBERC")) {
            (Some(path), _) => (path.to_owned(), true),
            (None, Some(value)) if value == "off" => return Ok(Self::AllowAll),
            (None, Some(value)) => (PathBuf::from(value), true),
            (None, None) if is_disabled(environment) => return Ok(Self::AllowAll),
            (None, None) => match environment.home() {
                Some(home) => (home.join(".kube").join("kuberc"), false),
                None => return Ok(Self::AllowAll),
            },
        };
        let text = match std::fs::read_to_string(&path) {
            Ok(text) => text,
            Err(error) if error.kind() == ErrorKind::NotFound && !must_exist => {
                return Ok(Self::AllowAll);
            }
            Err(error) => {
                let reason = error.to_string();
                return Err(KubeconfigError::Kuberc { path, reason });
            }
        };
        Self::parse(&path, &text).map_err(|reason| KubeconfigError::Kuberc { path, reason })
    }

    /// The policy of the first preference in `text`; an empty file has none.
    fn parse(path: &Path, text: &str) -> Result<Self, String> {
        let documents: Vec<Option<Preference>> = serde_saphyr::from_multiple(text)
            .map_err(|error| format!("it is not valid YAML: {}", error.without_snippet()))?;
        let mut documents = documents.into_iter().flatten().peekable();
        if documents.peek().is_none() {
            return Ok(Self::AllowAll);
        }
        let preference = documents
            .find(|document| {
                document.kind == "Preference" && document.api_version.starts_with("kubectl.config.k8s.io/")
            })
            .ok_or("it holds no Preference of kubectl.config.k8s.io")?;
        let policy = preference.credential_plugin_policy.as_str();
        match (policy, preference.credential_plugin_allowlist) {
            ("" | "AllowAll", None) => Ok(Self::AllowAll),
            ("DenyAll", None) => Ok(Self::DenyAll(path.to_owned())),
            ("" | "AllowAll" | "DenyAll", Some(_)) => {
                Err(format!("credentialPluginAllowlist needs credentialPluginPolicy: Allowlist, not {policy:?}"))
            }
            ("Allowlist", Some(entries)) => Ok(Self::Allowlist(path.to_owned(), commands(entries)?)),
            ("Allowlist", None) => {
                Err("credentialPluginPolicy is Allowlist, and credentialPluginAllowlist is missing".to_owned())
            }
            _ => Err(format!("unknown credentialPluginPolicy {policy:?}")),
        }
    }

    /// The executable to run for `command`, when it may run.
    ///
    /// It is resolved once, here, so that what was allowed is what runs.
    pub(super) fn resolve(&self, command: &str, environment: &Environment) -> Result<PathBuf, KubeconfigError> {
        let denied = |reason: String| KubeconfigError::PluginDenied { command: command.to_owned(), reason };
        if let Self::DenyAll(path) = self {
            let path = path.display();
            return Err(denied(format!("credentialPluginPolicy in {path} is DenyAll")));
        }
        let executable = look_up(command, environment).ok_or_else(|| KubeconfigError::Plugin {
            command: command.to_owned(),
            reason: "there is no such executable".to_owned(),
        })?;
        if let Self::Allowlist(path, allowed) = self {
            let exact: BTreeSet<&Path> = allowed.iter().map(Path::new).collect();
            let permitted = exact.contains(Path::new(command))
                || exact.contains(executable.as_path())
                || allowed.iter().filter_map(|entry| look_up(entry, environment)).any(|entry| entry == executable);
            if !permitted {
                let path = path.display();
                return Err(denied(format!("credentialPluginAllowlist in {path} does not list it")));
            }
        }
        Ok(executable)
    }
}

/// kubectl's feature gate for kuberc as a whole.
fn is_disabled(environment: &Environment) -> bool {
    matches!(environment.text("KUBECTL_KUBERC"), Some("0" | "f" | "F" | "false" | "FALSE" | "False"))
}

/// The commands of an allowlist, or what is wrong with it.
fn commands(entries: Vec<AllowlistEntry>) -> Result<Vec<String>, String> {
    if entries.is_empty() {
        return Err("credentialPluginAllowlist is empty: use credentialPluginPolicy: DenyAll".to_owned());
    }
    entries
        .into_iter()
        .enumerate()
        .map(|(index, entry)| match entry.command.as_str() {
            "" => Err(format!("entry {} of credentialPluginAllowlist has no command", index + 1)),
            command if !is_normalized(command) => {
                Err(format!("{command:?} in credentialPluginAllowlist is not a normalized path"))
            }
            _ => Ok(entry.command),
        })
        .collect()
}

/// Whether a path has no `.`, `..` or empty segment, as Go's `filepath.Clean` leaves it.
fn is_normalized(path: &str) -> bool {
    let relative = path.strip_prefix('/').unwrap_or(path);
    relative.split('/').all(|segment| !matches!(segment, "" | "." | ".."))
}

/// The executable behind a command: itself if it is a path, else the first on the PATH.
fn look_up(command: &str, environment: &Environment) -> Option<PathBuf> {
    let directory = std::env::current_dir().ok()?;
    which::which_in(command, environment.os("PATH"), directory).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(policy: &str) -> Result<ExecPolicy, String> {
        let header = "apiVersion: kubectl.config.k8s.io/v1beta1\nkind: Preference\n";
        ExecPolicy::parse(Path::new("kuberc"), &format!("{header}{policy}"))
    }

    #[test]
    fn the_default_allows_all() {
        assert_eq!(parse("").unwrap(), ExecPolicy::AllowAll);
        assert_eq!(parse("credentialPluginPolicy: AllowAll").unwrap(), ExecPolicy::AllowAll);
        assert_eq!(ExecPolicy::parse(Path::new("kuberc"), "").unwrap(), ExecPolicy::AllowAll);
    }

    #[test]
    fn both_spellings_of_an_entry_are_read() {
        let policy = parse(
            "credentialPluginPolicy: Allowlist\n\
             credentialPluginAllowlist: [{command: aws}, {name: /opt/bin/login}]",
        );
        let commands = vec!["aws".to_owned(), "/opt/bin/login".to_owned()];
        assert_eq!(policy.unwrap(), ExecPolicy::Allowlist("kuberc".into(), commands));
    }

    #[test]
    fn a_misconfigured_policy_is_an_error_not_a_pass() {
        for text in [
            "credentialPluginPolicy: Allowlist",
            "credentialPluginPolicy: Allowlist\ncredentialPluginAllowlist: []",
            "credentialPluginPolicy: Allowlist\ncredentialPluginAllowlist: [{}]",
            "credentialPluginPolicy: Allowlist\ncredentialPluginAllowlist: [{command: a/../b}]",
            "credentialPluginPolicy: DenyAll\ncredentialPluginAllowlist: [{command: aws}]",
            "credentialPluginAllowlist: [{command: aws}]",
            "credentialPluginPolicy: denyall",
            "credentialPluginPolicy: [",
        ] {
            assert!(parse(text).is_err(), "{text}");
        }
        let other = ExecPolicy::parse(Path::new("kuberc"), "kind: Config\n");
        assert!(other.is_err());
    }

    #[test]
    fn an_unreadable_kuberc_is_an_error_only_when_it_was_named() {
        let home = tempfile::tempdir().unwrap();
        let home = home.path().to_str().unwrap();
        let implicit = Environment::from_pairs([("HOME", home)]);
        assert_eq!(ExecPolicy::load(None, &implicit).unwrap(), ExecPolicy::AllowAll);
        let explicit = Environment::from_pairs([("HOME", home), ("KUBERC", "/nowhere/kuberc")]);
        assert!(ExecPolicy::load(None, &explicit).is_err());
        let off = Environment::from_pairs([("HOME", home), ("KUBERC", "off")]);
        assert_eq!(ExecPolicy::load(None, &off).unwrap(), ExecPolicy::AllowAll);
    }
}
