//! The least ClusterRole that the reader needs, from the table that drives it.

use std::collections::BTreeMap;

use super::kinds::{CONFIG_MAPS, LISTED, NAMESPACES};

/// One rule of a ClusterRole, with the fields of `rbac.authorization.k8s.io/v1`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PolicyRule {
    /// API groups; the core group is the empty string.
    pub api_groups: Vec<&'static str>,
    /// Plural resource names.
    pub resources: Vec<&'static str>,
    /// Names the rule is limited to; empty means any.
    pub resource_names: Vec<&'static str>,
    /// Paths outside of the API groups; when set, all fields before are empty.
    pub non_resource_urls: Vec<&'static str>,
    /// What is allowed.
    pub verbs: Vec<&'static str>,
}

/// What is asked for outside of the API groups: discovery and the server's version.
const PATHS: &[&str] = &["/api", "/api/*", "/apis", "/apis/*", "/version"];

/// The rules of the least ClusterRole, one for each API group, sorted.
///
/// Its verbs are `get` and `list` only; Secrets do not occur; ConfigMaps may only be got
/// by the few names that are read. That Prometheus' rule files are found by their label
/// would take the right to list all ConfigMaps: see [`rule_files_rule`].
pub fn cluster_role() -> Vec<PolicyRule> {
    let mut groups: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    for listed in LISTED.iter().chain([&NAMESPACES]) {
        groups.entry(listed.group()).or_default().push(listed.resource);
    }
    let mut rules: Vec<PolicyRule> = groups
        .into_iter()
        .map(|(group, mut resources)| {
            resources.sort_unstable();
            PolicyRule {
                api_groups: vec![group],
                resources,
                resource_names: Vec::new(),
                non_resource_urls: Vec::new(),
                verbs: vec!["get", "list"],
            }
        })
        .collect();
    let mut names: Vec<&str> = CONFIG_MAPS.iter().map(|config_map| config_map.name).collect();
    names.sort_unstable();
    rules.push(PolicyRule {
        api_groups: vec![""],
        resources: vec!["configmaps"],
        resource_names: names,
        non_resource_urls: Vec::new(),
        verbs: vec!["get"],
    });
    rules.push(PolicyRule {
        api_groups: Vec::new(),
        resources: Vec::new(),
        resource_names: Vec::new(),
        non_resource_urls: PATHS.to_vec(),
        verbs: vec!["get"],
    });
    rules
}

/// What finding Prometheus' rule files takes besides [`cluster_role`]. It lets its holder list every ConfigMap, since
/// Kubernetes knows no right for those with a label; nobody has to grant it.
pub fn rule_files_rule() -> PolicyRule {
    PolicyRule {
        api_groups: vec![""],
        resources: vec!["configmaps"],
        resource_names: Vec::new(),
        non_resource_urls: Vec::new(),
        verbs: vec!["list"],
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_only_reads_and_never_secrets() {
        for rule in cluster_role() {
            assert!(rule.verbs.iter().all(|verb| ["get", "list"].contains(verb)), "{rule:?}");
            assert!(!rule.resources.contains(&"secrets"), "{rule:?}");
            assert!(!rule.resources.contains(&"*"), "{rule:?}");
            assert!(!rule.api_groups.contains(&"*"), "{rule:?}");
        }
    }

    #[test]
    fn config_maps_are_got_by_name_only() {
        for rule in cluster_role() {
            if rule.resources.contains(&"configmaps") {
                assert_eq!(rule.verbs, ["get"]);
                assert!(!rule.resource_names.is_empty());
            }
        }
    }
}
