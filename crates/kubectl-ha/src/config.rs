//! The configuration file `.kubectl-ha.yaml`.
//!
//! It is found upwards from the working directory, or named with `--config`. Unknown keys are errors that name the
//! nearest known one. Its schema for editors, `schemas/config.schema.json`, is generated from these types.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use anyhow::Context;
use ha_core::Severity;
use ha_core::report::{ConfiguredSuppression, ReportOptions, RuleSetting};
use ha_core::rule::RuleInfo;
use ha_core::settings::{Profile, Settings, Tier, TierAssignment};
use schemars::JsonSchema;
use serde::Deserialize;

use crate::UsageError;

/// The file's name.
pub const FILE: &str = ".kubectl-ha.yaml";

/// What a user may set.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase", default)]
pub struct Config {
    /// Replicas that a workload of the normal tier must have; 2 when unset.
    pub minimum_replicas: Option<u32>,
    /// For how long a node may be away, in seconds; 3600 when unset.
    pub node_unavailable_seconds: Option<u32>,
    /// What the cluster is like, where it is not to be detected.
    pub profiles: Vec<Profile>,
    /// How much workloads must hold; the first entry that matches wins.
    pub tiers: Vec<TierEntry>,
    /// Rules that are off or have another severity.
    pub rules: BTreeMap<String, RuleWish>,
    /// Label keys besides the well-known ones that mean a failure domain.
    pub topology_keys: TopologyKeys,
    /// Findings that are accepted, each with its reason.
    pub suppressions: Vec<SuppressionEntry>,
}

/// The tier of some workloads. Fields left out match everything; `*` stands for any characters.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct TierEntry {
    /// Their tier.
    pub tier: Tier,
    /// Their namespace.
    #[serde(default)]
    pub namespace: String,
    /// Their kind.
    #[serde(default)]
    pub kind: String,
    /// Their name.
    #[serde(default)]
    pub name: String,
}

/// What is wanted of a rule.
#[derive(Clone, Copy, Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum RuleWish {
    /// It does not run.
    Off,
    /// Information.
    Low,
    /// Recovery is slower or weaker.
    Medium,
    /// One ordinary fault stops a workload.
    High,
    /// One ordinary fault stops the cluster or loses data.
    Critical,
}

/// Label keys that mean a failure domain.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase", default)]
pub struct TopologyKeys {
    /// Keys that mean zone.
    pub zone: Vec<String>,
    /// Keys that mean node.
    pub host: Vec<String>,
    /// Keys of racks and other domains between the two.
    pub rack: Vec<String>,
}

/// A finding that is accepted. Fields left out match everything; `*` stands for any characters.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct SuppressionEntry {
    /// The one rule it silences.
    pub rule: String,
    /// Why. Without a reason it does not take effect.
    #[serde(default)]
    pub reason: String,
    /// The last day on which it holds, YYYY-MM-DD; for ever without.
    #[serde(default)]
    pub until: String,
    /// The object's namespace.
    #[serde(default)]
    pub namespace: String,
    /// The object's kind.
    #[serde(default)]
    pub kind: String,
    /// The object's name.
    #[serde(default)]
    pub name: String,
    /// Labels that the object must bear, all of them.
    #[serde(default)]
    pub labels: BTreeMap<String, String>,
    /// The file that the object was read from.
    #[serde(default)]
    pub file: String,
}

/// A configuration and the file it came from.
#[derive(Clone, Debug, Default)]
pub struct Loaded {
    /// What it says; the default when there is no file.
    pub config: Config,
    /// The file, for messages; empty when there is none.
    pub file: String,
}

/// Reads the named file, or the nearest [`FILE`] upwards from the working directory; none is no error.
pub fn load(named: Option<&Path>) -> anyhow::Result<Loaded> {
    let Some(path) = named.map(Path::to_owned).or_else(nearest) else {
        return Ok(Loaded::default());
    };
    let file = path.display().to_string();
    let text = std::fs::read_to_string(&path)
        .map_err(|error| UsageError(format!("cannot read the configuration {file}: {error}")))?;
    let config = parse(&text, &file)?;
    Ok(Loaded { config, file })
}

fn nearest() -> Option<PathBuf> {
    let start = std::env::current_dir().ok()?;
    start.ancestors().map(|directory| directory.join(FILE)).find(|path| path.is_file())
}

fn parse(text: &str, file: &str) -> Result<Config, UsageError> {
    // An empty file is a configuration that says nothing.
    let parsed: Result<Option<Config>, _> = serde_yaml::from_str(text);
    let error = match parsed {
        Ok(config) => return Ok(config.unwrap_or_default()),
        Err(error) => error,
    };
    let message = error.to_string();
    let place = error.location().map_or(String::new(), |location| format!(":{}", location.line()));
    let nearest = nearest_name(&message).map_or(String::new(), |name| format!("; did you mean {name:?}?"));
    Err(UsageError(format!("{file}{place}: {message}{nearest}")))
}

/// The name nearest to an unknown one, from serde's words: ``unknown field `a`, expected one of `b`, `c` ``.
fn nearest_name(message: &str) -> Option<&str> {
    let (_, rest) = message.split_once("unknown ")?;
    let mut quoted = rest.split('`').skip(1).step_by(2);
    let unknown = quoted.next()?;
    most_similar(unknown, quoted)
}

/// The one of `names` that somebody may have meant by `name`.
pub fn most_similar<'a>(name: &str, names: impl Iterator<Item = &'a str>) -> Option<&'a str> {
    let similarity = |other: &str| strsim::jaro_winkler(&name.to_lowercase(), &other.to_lowercase());
    let best = names.max_by(|a, b| similarity(a).total_cmp(&similarity(b)))?;
    (similarity(best) > 0.75).then_some(best)
}

impl Loaded {
    /// What rules read.
    pub fn settings(&self, list_all: bool) -> Settings {
        let config = &self.config;
        let tiers = config.tiers.iter().map(|entry| TierAssignment {
            namespace: entry.namespace.clone(),
            kind: entry.kind.clone(),
            name: entry.name.clone(),
            tier: entry.tier,
        });
        let off = config.rules.iter().filter(|(_, wish)| matches!(wish, RuleWish::Off));
        Settings {
            minimum_replicas: config.minimum_replicas,
            tiers: tiers.collect(),
            zone_keys: config.topology_keys.zone.clone(),
            host_keys: config.topology_keys.host.clone(),
            rack_keys: config.topology_keys.rack.clone(),
            profiles: config.profiles.clone(),
            node_unavailable_seconds: config.node_unavailable_seconds,
            disabled_rules: off.map(|(name, _)| name.clone()).collect(),
            list_all,
        }
    }

    /// What the report reads.
    pub fn report_options(&self, narrowed: bool) -> ReportOptions {
        let rules = self.config.rules.iter().map(|(name, wish)| (name.clone(), wish.setting()));
        let suppressions = self.config.suppressions.iter().enumerate().map(|(number, entry)| ConfiguredSuppression {
            rule: entry.rule.clone(),
            reason: entry.reason.clone(),
            until: entry.until.clone(),
            namespace: entry.namespace.clone(),
            kind: entry.kind.clone(),
            name: entry.name.clone(),
            labels: entry.labels.clone().into_iter().collect(),
            file: entry.file.clone(),
            place: format!("{} suppressions[{number}]", self.file),
        });
        ReportOptions { rules: rules.collect(), suppressions: suppressions.collect(), narrowed }
    }

    /// Refuses settings of rules that do not exist, and numbers that mean nothing.
    pub fn check(&self, known: &[RuleInfo]) -> anyhow::Result<()> {
        if self.config.minimum_replicas == Some(0) {
            return Err(UsageError(format!("{}: minimumReplicas is at least 1", self.file)).into());
        }
        let wrong = self.config.rules.keys().find(|name| !known.iter().any(|rule| &rule.name == *name));
        match wrong {
            None => Ok(()),
            Some(name) => Err(unknown_rule(name, known)).context(self.file.clone()),
        }
    }
}

/// There is no such rule; names the nearest.
pub fn unknown_rule(name: &str, known: &[RuleInfo]) -> UsageError {
    let names = known.iter().map(|rule| rule.name.as_str());
    UsageError(match most_similar(name, names) {
        Some(nearest) => format!("there is no rule {name:?}; did you mean {nearest}?"),
        None => format!("there is no rule {name:?}; `kubectl ha rules` lists them"),
    })
}

impl RuleWish {
    fn setting(self) -> RuleSetting {
        match self {
            Self::Off => RuleSetting::Off,
            Self::Low => RuleSetting::Severity(Severity::Low),
            Self::Medium => RuleSetting::Severity(Severity::Medium),
            Self::High => RuleSetting::Severity(Severity::High),
            Self::Critical => RuleSetting::Severity(Severity::Critical),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_configuration_is_read() {
        let config = parse(
            "minimumReplicas: 3\nprofiles: [single-zone]\nrules: {bare-pod: off, single-replica: low}\n\
             topologyKeys: {zone: [example.com/hall]}\ntiers: [{tier: critical, namespace: pay*}]\n\
             suppressions: [{rule: bare-pod, reason: because, labels: {app: x}}]\n",
            FILE,
        );
        let loaded = Loaded { config: config.unwrap(), file: FILE.into() };
        let settings = loaded.settings(false);
        assert_eq!(settings.disabled_rules, ["bare-pod"]);
        assert_eq!(settings.tiers[0].tier, Tier::Critical);
        assert_eq!(loaded.report_options(false).suppressions[0].place, ".kubectl-ha.yaml suppressions[0]");
        assert!(parse("", FILE).is_ok());
    }

    #[test]
    fn an_unknown_key_names_line_and_nearest() {
        for (text, place, nearest) in [
            ("minimumReplicas: 3\nminReplicas: 3\n", ".kubectl-ha.yaml:2", "minimumReplicas"),
            ("suppressions:\n- rule: a\n  resaon: b\n", ".kubectl-ha.yaml:3", "reason"),
            ("rules: {bare-pod: hihg}\n", ".kubectl-ha.yaml:1", "high"),
        ] {
            let message = parse(text, FILE).unwrap_err().0;
            assert!(message.starts_with(place), "{message}");
            assert!(message.ends_with(&format!("did you mean {nearest:?}?")), "{message}");
        }
    }

    #[test]
    fn a_rule_that_does_not_exist_is_refused() {
        let known: Vec<RuleInfo> = baseline::RULES.iter().map(|rule| RuleInfo::from(*rule)).collect();
        let config = parse("rules: {single-replcia: off}\n", FILE).unwrap();
        let error = Loaded { config, file: FILE.into() }.check(&known).unwrap_err();
        assert!(error.is::<UsageError>());
        assert!(format!("{error:#}").contains("did you mean single-replica?"), "{error:#}");
    }
}
