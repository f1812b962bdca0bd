//! Which kinds the server has, and in which versions.
//!
//! Aggregated discovery takes two requests. Servers without it are asked group by group,
//! the needed groups only. A group behind an aggregated API that does not answer is not
//! known to be absent, so its kinds are asked for all the same.

use std::collections::{BTreeMap, BTreeSet};

use bytes::Bytes;
use serde::Deserialize;

use super::fault::Fault;
use super::fetch::Fetcher;
use super::kinds::{LISTED, ListedKind};
use super::request;

/// What a server serves; nothing when it does not tell.
#[derive(Debug, Default)]
pub(super) struct Served(Option<Groups>);

/// Group, version, plural resource names. No resources (`None`) means that the version is
/// there, and what is in it is unknown.
type Groups = BTreeMap<String, BTreeMap<String, Option<BTreeSet<String>>>>;

/// What discovery says of one kind.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Availability {
    /// List it in this version.
    Version(&'static str),
    /// The server does not have it.
    Absent,
    /// The server has it only in versions that are not known here.
    UnknownVersions(Vec<String>),
}

/// A document of `/api`, `/apis` or `/apis/GROUP/VERSION`, whichever the server sends.
#[derive(Deserialize)]
#[serde(tag = "kind")]
enum Document {
    #[serde(rename = "APIGroupDiscoveryList")]
    Aggregated { items: Vec<AggregatedGroup> },
    #[serde(rename = "APIGroupList")]
    Groups { groups: Vec<LegacyGroup> },
    #[serde(rename = "APIVersions")]
    CoreVersions { versions: Vec<String> },
    #[serde(rename = "APIResourceList")]
    Resources { resources: Vec<LegacyResource> },
}

#[derive(Deserialize)]
struct AggregatedGroup {
    #[serde(default)]
    metadata: GroupMeta,
    #[serde(default)]
    versions: Vec<AggregatedVersion>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct GroupMeta {
    name: String,
}

#[derive(Deserialize)]
struct AggregatedVersion {
    version: String,
    #[serde(default)]
    freshness: String,
    #[serde(default)]
    resources: Vec<AggregatedResource>,
}

#[derive(Deserialize)]
struct AggregatedResource {
    resource: String,
}

#[derive(Deserialize)]
struct LegacyGroup {
    name: String,
    #[serde(default)]
    versions: Vec<LegacyVersion>,
}

#[derive(Deserialize)]
struct LegacyVersion {
    version: String,
}

#[derive(Deserialize)]
struct LegacyResource {
    name: String,
}

fn parse(body: &Bytes) -> Result<Document, serde_json::Error> {
    serde_json::from_slice(body)
}

impl Served {
    /// Asks the server. A fault of the first request is returned; it tells whether there
    /// is a server at all. When discovery is merely forbidden, nothing is known.
    pub(super) async fn discover(fetcher: &Fetcher) -> Result<Self, Fault> {
        let mut served = BTreeMap::new();
        for root in ["/api", "/apis"] {
            match fetcher.get(root, request::DISCOVERY, parse).await {
                Ok(document) => add_root(&mut served, document),
                Err(Fault::Forbidden(_) | Fault::NotFound) => return Ok(Self(None)),
                Err(fault) => return Err(fault),
            }
        }
        for (group, versions) in &mut served {
            for (version, resources) in versions {
                if resources.is_none() && is_needed(group, version) {
                    let path = request::group_version(group, version);
                    if let Ok(Document::Resources { resources: found }) = fetcher.get(&path, request::JSON, parse).await
                    {
                        *resources = Some(found.into_iter().map(|resource| resource.name).collect());
                    }
                }
            }
        }
        Ok(Self(Some(served)))
    }

    /// In which version a kind can be listed.
    pub(super) fn availability(&self, listed: &ListedKind) -> Availability {
        let best = Availability::Version(listed.versions.first().copied().unwrap_or("v1"));
        let Some(served) = &self.0 else {
            return best;
        };
        let Some(versions) = served.get(listed.group()) else {
            return Availability::Absent;
        };
        let has = |resources: &Option<BTreeSet<String>>| {
            resources.as_ref().is_none_or(|resources| resources.contains(listed.resource))
        };
        let known = listed.versions.iter().copied().find(|&version| versions.get(version).is_some_and(has));
        if let Some(version) = known {
            return Availability::Version(version);
        }
        let others: Vec<String> = versions
            .iter()
            .filter(|(_, resources)| {
                let contains = |resources: &BTreeSet<String>| resources.contains(listed.resource);
                resources.as_ref().is_some_and(contains)
            })
            .map(|(version, _)| version.clone())
            .collect();
        if others.is_empty() { Availability::Absent } else { Availability::UnknownVersions(others) }
    }
}

fn add_root(served: &mut Groups, document: Document) {
    match document {
        Document::Aggregated { items } => {
            for group in items {
                let versions = served.entry(group.metadata.name).or_default();
                versions.extend(group.versions.into_iter().map(|version| {
                    let stale = version.freshness == "Stale" && version.resources.is_empty();
                    let resources = version.resources.into_iter().map(|found| found.resource);
                    (version.version, (!stale).then(|| resources.collect()))
                }));
            }
        }
        Document::Groups { groups } => {
            for group in groups {
                let versions = served.entry(group.name).or_default();
                versions.extend(group.versions.into_iter().map(|version| (version.version, None)));
            }
        }
        Document::CoreVersions { versions } => {
            let core = served.entry(String::new()).or_default();
            core.extend(versions.into_iter().map(|version| (version, None)));
        }
        Document::Resources { .. } => {}
    }
}

/// Whether any kind would be listed in that version of that group.
fn is_needed(group: &str, version: &str) -> bool {
    LISTED.iter().any(|listed| listed.group() == group && listed.versions.contains(&version))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn served(root: &str) -> Served {
        let mut groups = BTreeMap::new();
        add_root(&mut groups, serde_json::from_str(root).unwrap());
        Served(Some(groups))
    }

    fn of(served: &Served, resource: &str) -> Availability {
        let listed = LISTED.iter().find(|listed| listed.resource == resource).unwrap();
        served.availability(listed)
    }

    #[test]
    fn versions_are_chosen_by_what_is_known_here() {
        let served = served(
            r#"{"kind":"APIGroupDiscoveryList","items":[
              {"metadata":{"name":"gateway.networking.k8s.io"},"versions":[
                {"version":"v2","resources":[{"resource":"gateways"},{"resource":"httproutes"}]},
                {"version":"v1beta1","resources":[{"resource":"gateways"}]}]}]}"#,
        );
        assert_eq!(of(&served, "gateways"), Availability::Version("v1beta1"));
        let unknown = Availability::UnknownVersions(vec!["v2".to_owned()]);
        assert_eq!(of(&served, "httproutes"), unknown);
        assert_eq!(of(&served, "gatewayclasses"), Availability::Absent);
        assert_eq!(of(&served, "scaledobjects"), Availability::Absent);
    }

    #[test]
    fn a_stale_group_is_not_an_absent_one() {
        let served = served(
            r#"{"kind":"APIGroupDiscoveryList","items":[{"metadata":{"name":"keda.sh"},
              "versions":[{"version":"v1alpha1","freshness":"Stale"}]}]}"#,
        );
        assert_eq!(of(&served, "scaledobjects"), Availability::Version("v1alpha1"));
    }

    #[test]
    fn without_discovery_every_kind_is_tried() {
        assert_eq!(of(&Served(None), "scaledobjects"), Availability::Version("v1alpha1"));
    }
}
