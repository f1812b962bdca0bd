//! The manifest that tells Krew where the archives are: filled in from a template, and held against Krew's rules.
//!
//! The rules are those of Krew's own `ValidatePlugin` and `validate-krew-manifest`, of which the latter decides
//! what gets into krew-index, of its guide for plugin authors, and a few of ours: no placeholder for a digest, the
//! executable among the extracted files, no flags in the descriptions.
//! <https://krew.sigs.k8s.io/docs/developer-guide/plugin-manifest/>

use std::collections::{BTreeMap, BTreeSet};

use anyhow::{Context, Result, bail, ensure};
use serde::{Deserialize, Serialize};

use super::platform::{self, Platform};

/// The only version that Krew reads.
const API_VERSION: &str = "krew.googlecontainertools.github.com/v1alpha2";

/// The plugin's name, which is also the manifest's file name.
const NAME: &str = "ha";

/// What `kubectl krew search` shows of a short description before it cuts it off, in characters.
const SHORT: usize = 50;

/// Characters of a SHA-256 in hexadecimal.
const DIGEST_LENGTH: usize = 64;

/// A plugin manifest.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct Plugin {
    api_version: String,
    kind: String,
    metadata: Metadata,
    pub(super) spec: Spec,
}

#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
#[serde(deny_unknown_fields)]
struct Metadata {
    name: String,
}

/// What a manifest says.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct Spec {
    version: String,
    homepage: String,
    short_description: String,
    description: String,
    caveats: String,
    pub(super) platforms: Vec<Target>,
}

/// Where the plugin comes from on one platform.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Target {
    selector: Selector,
    pub(super) uri: String,
    pub(super) sha256: String,
    pub(super) bin: String,
    pub(super) files: Vec<FileOperation>,
}

#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Selector {
    match_labels: Labels,
}

#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
#[serde(deny_unknown_fields)]
struct Labels {
    os: String,
    arch: String,
}

/// What to copy from the archive into the plugin's folder.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
#[serde(deny_unknown_fields)]
pub(super) struct FileOperation {
    pub(super) from: String,
    pub(super) to: String,
}

impl Plugin {
    /// Fills a template in. Platforms without an archive are left out: no link may lead nowhere.
    pub(super) fn fill(template: &str, version: &str, digests: &BTreeMap<Platform, String>) -> Result<Self> {
        let mut text = template.replace("{{VERSION}}", version);
        for (platform, digest) in digests {
            text = text.replace(&format!("{{{{SHA256_{}_{}}}}}", platform.os, platform.arch), digest);
        }
        let mut plugin = Self::from_yaml(&text)?;
        plugin.spec.platforms.retain(|target| digests.keys().any(|platform| target.is_for(*platform)));
        ensure!(
            plugin.spec.platforms.len() == digests.len(),
            "the template has not exactly one entry for each of {:?}",
            digests.keys().map(|platform| (platform.os, platform.arch)).collect::<Vec<_>>()
        );
        Ok(plugin)
    }

    /// Reads a manifest.
    pub(super) fn from_yaml(text: &str) -> Result<Self> {
        serde_yaml::from_str(text).context("it is no manifest for Krew")
    }

    /// The manifest as a file.
    pub(super) fn to_yaml(&self) -> Result<String> {
        Ok(serde_yaml::to_string(self)?)
    }

    /// Where the plugin comes from on this platform.
    pub(super) fn target(&self, platform: Platform) -> Option<&Target> {
        self.spec.platforms.iter().find(|target| target.is_for(platform))
    }

    /// Refuses what Krew or its index would refuse.
    pub(super) fn check(&self) -> Result<()> {
        ensure!(self.api_version == API_VERSION, "apiVersion is {}, not {API_VERSION}", self.api_version);
        ensure!(self.kind == "Plugin", "kind is {}, not Plugin", self.kind);
        ensure!(self.metadata.name == NAME, "the plugin is called {}, not {NAME}", self.metadata.name);
        self.spec.check_texts()?;
        ensure!(!self.spec.platforms.is_empty(), "it has no platforms");
        let mut seen = BTreeSet::new();
        for target in &self.spec.platforms {
            let name = format!("{}/{}", target.selector.match_labels.os, target.selector.match_labels.arch);
            target.check(&self.spec.version).with_context(|| format!("the platform {name} is wrong"))?;
            ensure!(seen.insert(name.clone()), "two platforms are {name}");
        }
        Ok(())
    }
}

impl Spec {
    fn check_texts(&self) -> Result<()> {
        let number = self.version.strip_prefix('v').with_context(|| format!("version {} lacks its v", self.version))?;
        semver::Version::parse(number).with_context(|| format!("version {} is not semantic", self.version))?;
        let short = self.short_description.as_str();
        ensure!(!short.is_empty() && !short.contains(['\r', '\n']), "shortDescription is not one line");
        let length = short.chars().count();
        ensure!(length <= SHORT, "shortDescription has {length} characters; searching shows {SHORT}");
        ensure!(!self.description.trim().is_empty(), "it has no description");
        for text in [short, &self.description] {
            if let Some(flag) = text.split_whitespace().find(|word| word.len() > 1 && word.starts_with('-')) {
                bail!("a description lists the flag {flag}; what it can do is for --help");
            }
        }
        ensure!(self.caveats.contains("completion --install"), "caveats do not tell how completion gets installed");
        ensure!(self.homepage.starts_with("https://"), "homepage {} is no https address", self.homepage);
        Ok(())
    }
}

impl Target {
    fn is_for(&self, platform: Platform) -> bool {
        let Labels { os, arch } = &self.selector.match_labels;
        (os.as_str(), arch.as_str()) == (platform.os, platform.arch)
    }

    fn check(&self, version: &str) -> Result<()> {
        let platform = platform::ALL.into_iter().find(|platform| self.is_for(*platform));
        let platform = platform.context("its selector matches none of the platforms that are released")?;
        let address = format!("/{version}/{}", platform.archive());
        ensure!(
            self.uri.starts_with("https://") && self.uri.ends_with(&address),
            "uri {} does not lead to {address}",
            self.uri
        );
        check_digest(&self.sha256)?;
        for operation in &self.files {
            operation.check()?;
        }
        let installed = |name: &str| self.files.iter().any(|operation| operation.installs(name));
        let executable = platform.executable("kubectl-ha");
        ensure!(self.bin == executable, "bin {} is not {executable}", self.bin);
        ensure!(installed(&self.bin), "bin {} is not among its files", self.bin);
        ensure!(installed("LICENSE"), "LICENSE is not among its files");
        Ok(())
    }
}

/// Refuses what is no digest, and what only stands for one.
fn check_digest(digest: &str) -> Result<()> {
    let is_hexadecimal = |digit: u8| matches!(digit, b'0'..=b'9' | b'a'..=b'f');
    ensure!(
        digest.len() == DIGEST_LENGTH && digest.bytes().all(is_hexadecimal),
        "sha256 {digest:?} is not {DIGEST_LENGTH} hexadecimal digits"
    );
    let different: BTreeSet<u8> = digest.bytes().collect();
    ensure!(different.len() > 2, "sha256 {digest} is a placeholder, not the digest of an archive");
    Ok(())
}

impl FileOperation {
    /// Krew copies clean relative paths only.
    fn check(&self) -> Result<()> {
        let leaves = |path: &str| path.starts_with(['/', '\\']) || path.split(['/', '\\']).any(|part| part == "..");
        ensure!(!self.from.is_empty() && !leaves(&self.from), "files: from {:?} is not in the archive", self.from);
        ensure!(!self.to.is_empty() && !leaves(&self.to), "files: to {:?} is not in the plugin's folder", self.to);
        let clean = self.to == "." || self.to.split('/').all(|part| !part.is_empty() && part != ".");
        ensure!(clean, "files: to {:?} is not a clean path", self.to);
        Ok(())
    }

    /// Whether it puts a file at this path.
    fn installs(&self, path: &str) -> bool {
        path == if self.to == "." { self.from.rsplit('/').next().unwrap_or_default() } else { &self.to }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn template() -> String {
        std::fs::read_to_string(crate::shell::root().join(super::super::TEMPLATE)).unwrap()
    }

    /// A digest for every platform, each different.
    fn digests() -> BTreeMap<Platform, String> {
        platform::ALL
            .into_iter()
            .map(|platform| (platform, super::super::hexadecimal(platform.triple.as_bytes())))
            .collect()
    }

    fn finished() -> Plugin {
        Plugin::fill(&template(), "1.2.3", &digests()).unwrap()
    }

    #[test]
    fn the_template_fills_to_a_manifest_that_krew_takes() {
        let plugin = finished();
        plugin.check().unwrap();
        assert_eq!(plugin.spec.version, "v1.2.3");
        for (platform, digest) in digests() {
            assert_eq!(plugin.target(platform).unwrap().sha256, digest);
        }
        let text = plugin.to_yaml().unwrap();
        assert!(!text.contains("{{") && text.contains("  description: |\n"), "{text}");
        assert_eq!(Plugin::from_yaml(&text).unwrap(), plugin);
    }

    #[test]
    fn one_platform_makes_a_manifest_of_that_platform_only() {
        let one: BTreeMap<_, _> = digests().into_iter().take(1).collect();
        let plugin = Plugin::fill(&template(), "1.2.3", &one).unwrap();
        plugin.check().unwrap();
        assert_eq!(plugin.spec.platforms.len(), 1);
    }

    #[test]
    fn a_digest_that_is_none_is_refused() {
        let zero = "0".repeat(64);
        let not_filled_in = "{{SHA256_linux_amd64}}".to_owned();
        let upper = super::super::hexadecimal(b"").to_uppercase();
        for placeholder in [zero, "0123".repeat(15), String::new(), not_filled_in, upper, "01".repeat(32)] {
            let mut plugin = finished();
            plugin.spec.platforms[2].sha256.clone_from(&placeholder);
            let error = format!("{:#}", plugin.check().unwrap_err());
            assert!(error.contains("darwin/amd64") && error.contains("sha256"), "{placeholder}: {error}");
        }
        assert!(Plugin::from_yaml(&template()).unwrap().check().is_err(), "the template itself is not finished");
    }

    /// A change that breaks a manifest, and a word of the complaint.
    type Breakage = (fn(&mut Plugin), &'static str);

    #[test]
    fn what_krew_would_refuse_is_refused() {
        let breakages: [Breakage; 18] = [
            (|plugin| plugin.api_version = "krew/v1".into(), "apiVersion"),
            (|plugin| plugin.kind = "Plugins".into(), "kind"),
            (|plugin| plugin.metadata.name = "kubectl-ha".into(), "called kubectl-ha"),
            (|plugin| plugin.spec.version = "1.2.3".into(), "lacks its v"),
            (|plugin| plugin.spec.version = "v1.2".into(), "not semantic"),
            (|plugin| plugin.spec.short_description = "two\nlines".into(), "one line"),
            (|plugin| plugin.spec.short_description = "word ".repeat(20), "characters"),
            (|plugin| plugin.spec.description.push_str("use --all-namespaces"), "--all-namespaces"),
            (|plugin| plugin.spec.caveats = String::new(), "caveats"),
            (|plugin| plugin.spec.platforms.clear(), "no platforms"),
            (|plugin| plugin.spec.platforms[0].selector.match_labels.os = "plan9".into(), "matches none"),
            (|plugin| plugin.spec.platforms[1] = plugin.spec.platforms[0].clone(), "two platforms"),
            (|plugin| plugin.spec.platforms[0].uri = plugin.spec.platforms[1].uri.clone(), "does not lead to"),
            (|plugin| plugin.spec.platforms[0].bin = "bin/kubectl-ha".into(), "is not kubectl-ha"),
            (|plugin| plugin.spec.platforms[0].files.retain(|file| file.from != "kubectl-ha"), "not among its files"),
            (|plugin| plugin.spec.platforms[0].files.retain(|file| file.from != "LICENSE"), "LICENSE"),
            (|plugin| plugin.spec.platforms[0].files[0].from = "../kubectl-ha".into(), "not in the archive"),
            (|plugin| plugin.spec.platforms[0].files[0].to = "./".into(), "not a clean path"),
        ];
        for (breakage, complaint) in breakages {
            let mut plugin = finished();
            breakage(&mut plugin);
            let error = format!("{:#}", plugin.check().unwrap_err());
            assert!(error.contains(complaint), "{complaint}: {error}");
        }
    }
}
