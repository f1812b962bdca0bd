//! What is kept of a ConfigMap: a few facts in words of ours, never its content.
//!
//! Only the ConfigMaps of [`super::kinds`] get here. Each is reduced at once: what a rule may need to know, as a
//! word, a number or the address of the API server. Names, texts, expressions and certificates have no way through.

use std::collections::BTreeMap;

use ha_core::snapshot::{Fact, ResourceKind};
use ha_snapshot::objects::{Annotations, Body, ConfigMapFacts, Metadata, Object, StringMap};
use serde::Deserialize;

/// A ConfigMap while it is reduced.
#[derive(Deserialize)]
struct ConfigMap {
    #[serde(default)]
    metadata: Metadata,
    data: Option<BTreeMap<String, String>>,
}

/// Facts by name.
type Facts = Vec<(&'static str, String)>;

/// What is kept of the ConfigMap with this JSON text. Content that makes no sense gives no fact.
pub(super) fn reduced(json: &str) -> Result<Object, serde_json::Error> {
    let ConfigMap { metadata, data } = serde_json::from_str(json)?;
    let data = data.unwrap_or_default();
    let text = |key: &str| data.get(key).map(String::as_str).unwrap_or_default();
    let facts = match (metadata.namespace.as_str(), metadata.name.as_str()) {
        ("kube-system", "coredns") => coredns(text("Corefile")),
        ("kube-system", "kubeadm-config") => kubeadm(text("ClusterConfiguration")),
        ("kube-public", "cluster-info") => cluster_info(text("kubeconfig")),
        ("kube-system", "cluster-autoscaler-status") => autoscaler(text("status")),
        _ => vec![(Fact::ALERTS, alerts(data.values()))],
    };
    let mut facts: Vec<_> = facts.into_iter().map(|(name, value)| (name.into(), value.into())).collect();
    facts.sort_unstable();
    // Neither labels nor annotations of a ConfigMap mean anything to a rule.
    let metadata = Metadata { labels: StringMap::default(), annotations: Annotations::default(), ..metadata };
    let body = Body::ConfigMap(Box::new(ConfigMapFacts { metadata, facts: StringMap(facts) }));
    debug_assert_eq!(body.kind(), ResourceKind::ConfigMap);
    Ok(Object { api_version: "v1".into(), body, location: None })
}

/// The names of the plugins that CoreDNS runs, and how long it goes on answering when it is told to stop.
fn coredns(corefile: &str) -> Facts {
    let mut plugins: Vec<&str> = Vec::new();
    let mut lameduck = None;
    let mut depth = 0_usize;
    for line in corefile.lines() {
        let line = line.split('#').next().unwrap_or_default().trim();
        let mut words = line.split_whitespace();
        if let (1, Some(name)) = (depth, words.next()) {
            plugins.extend(Some(name).filter(|name| is_word(name)));
        }
        if let Some(duration) = line.strip_prefix("lameduck ") {
            lameduck = Some(duration.trim()).filter(|duration| is_word(duration));
        }
        depth = (depth + line.matches('{').count()).saturating_sub(line.matches('}').count());
    }
    plugins.sort_unstable();
    plugins.dedup();
    let lameduck = lameduck.map(|duration| (Fact::COREDNS_LAMEDUCK, duration.to_owned()));
    let plugins = (!plugins.is_empty()).then(|| (Fact::COREDNS_PLUGINS, plugins.join(" ")));
    plugins.into_iter().chain(lameduck).collect()
}

/// A short word of letters and digits: nothing that could be a name, an address or a secret by its form.
fn is_word(text: &str) -> bool {
    (1..=20).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit())
}

/// kubeadm's ClusterConfiguration, as far as it is of interest.
#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct ClusterConfiguration {
    control_plane_endpoint: String,
    etcd: Option<Etcd>,
}

#[derive(Deserialize)]
struct Etcd {
    external: Option<serde::de::IgnoredAny>,
}

fn kubeadm(configuration: &str) -> Facts {
    let ClusterConfiguration { control_plane_endpoint, etcd } = parsed(configuration);
    let etcd = etcd.map(|etcd| if etcd.external.is_some() { "external" } else { "stacked" });
    let endpoint =
        (!control_plane_endpoint.is_empty()).then_some((Fact::CONTROL_PLANE_ENDPOINT, control_plane_endpoint));
    endpoint.into_iter().chain(etcd.map(|etcd| (Fact::ETCD_TOPOLOGY, etcd.to_owned()))).collect()
}

/// The kubeconfig of `cluster-info`, as far as it is of interest.
#[derive(Default, Deserialize)]
#[serde(default)]
struct Kubeconfig {
    clusters: Vec<NamedCluster>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct NamedCluster {
    cluster: Cluster,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Cluster {
    server: String,
}

fn cluster_info(kubeconfig: &str) -> Facts {
    let clusters = parsed::<Kubeconfig>(kubeconfig).clusters;
    let servers = clusters.into_iter().map(|named| crate::kubeconfig::shown_text(&named.cluster.server));
    servers.filter(|server| !server.is_empty()).take(1).map(|server| (Fact::CLUSTER_INFO_SERVER, server)).collect()
}

/// The autoscaler's own status, as it writes it since 1.30.
#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct AutoscalerStatus {
    cluster_wide: Group,
    node_groups: Vec<Group>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Group {
    health: Health,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct Health {
    status: String,
    cloud_provider_target: Option<u32>,
    max_size: Option<u32>,
}

fn autoscaler(status: &str) -> Facts {
    let AutoscalerStatus { cluster_wide, node_groups } = parsed(status);
    // Older versions write lines for people: `Health: Healthy (ready=3 …)`, first for the whole cluster.
    let old = || status.lines().find_map(|line| line.trim().strip_prefix("Health:")?.split_whitespace().next());
    let health = Some(cluster_wide.health.status).filter(|health| !health.is_empty()).or_else(|| old().map(Into::into));
    let known = ["Healthy", "Unhealthy"].into_iter().find(|known| health.as_deref() == Some(*known));
    let is_full = |group: &&Group| matches!((group.health.cloud_provider_target, group.health.max_size), (Some(now), Some(most)) if now >= most);
    let full = node_groups.iter().filter(is_full).count();
    let groups = (!node_groups.is_empty()).then(|| format!("{full}/{}", node_groups.len()));
    let health = known.map(|health| (Fact::AUTOSCALER_HEALTH, health.to_owned()));
    health.into_iter().chain(groups.map(|groups| (Fact::AUTOSCALER_FULL_GROUPS, groups))).collect()
}

/// A file of Prometheus rules, as far as it is of interest.
#[derive(Default, Deserialize)]
#[serde(default)]
struct RuleFile {
    groups: Vec<RuleGroup>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct RuleGroup {
    rules: Vec<AlertRule>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct AlertRule {
    alert: Option<serde::de::IgnoredAny>,
    expr: Expression,
}

/// PromQL; YAML reads `expr: 1` as a number.
#[derive(Deserialize)]
#[serde(untagged)]
enum Expression {
    Text(String),
    Other(serde::de::IgnoredAny),
}

impl Default for Expression {
    fn default() -> Self {
        Self::Text(String::new())
    }
}

/// What alerts can be about, and the beginnings of the metrics that tell: metrics have fixed names, alerts do not.
const SUBJECTS: &[(&str, &[&str])] = &[
    ("backups", &["velero_backup_", "etcd_backup_", "k8up_"]),
    ("budgets", &["kube_poddisruptionbudget_status_"]),
    (
        "certificates",
        &[
            "apiserver_client_certificate_expiration_seconds",
            "certmanager_certificate_expiration_timestamp_seconds",
            "kubelet_certificate_manager_",
            "x509_cert_not_after",
        ],
    ),
    ("etcd", &["etcd_server_", "etcd_disk_", "etcd_mvcc_"]),
    ("nodes", &["kube_node_status_", "kube_node_spec_", "node_cpu_", "node_memory_"]),
    ("volumes", &["kubelet_volume_stats_"]),
];

/// What the alerts in some rule files are about, in words of [`SUBJECTS`]; empty when about nothing known.
fn alerts<'a>(files: impl Iterator<Item = &'a String>) -> String {
    let rules = files.flat_map(|file| parsed::<RuleFile>(file).groups).flat_map(|group| group.rules);
    let expressions: Vec<String> = rules
        .filter(|rule| rule.alert.is_some())
        .filter_map(|rule| match rule.expr {
            Expression::Text(text) => Some(text),
            Expression::Other(_) => None,
        })
        .collect();
    let uses = |metric: &str| expressions.iter().any(|expression| mentions(expression, metric));
    let subjects = SUBJECTS.iter().filter(|(_, metrics)| metrics.iter().any(|metric| uses(metric)));
    subjects.map(|(subject, _)| *subject).collect::<Vec<_>>().join(" ")
}

/// Whether an expression has a metric whose name begins so.
fn mentions(expression: &str, metric: &str) -> bool {
    let continues = |before: &str| before.ends_with(|last: char| last.is_ascii_alphanumeric() || "_:".contains(last));
    expression.match_indices(metric).any(|(start, _)| !continues(&expression[..start]))
}

/// YAML in a ConfigMap. What cannot be read is as good as empty: it is not ours to complain about.
fn parsed<T: Default + serde::de::DeserializeOwned>(yaml: &str) -> T {
    serde_saphyr::from_str(yaml).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn facts(namespace: &str, name: &str, key: &str, text: &str) -> Vec<(String, String)> {
        let config_map = json!({
            "metadata": {"namespace": namespace, "name": name, "labels": {"team": "hunter2"}}, "data": {key: text},
        });
        let object = reduced(&config_map.to_string()).unwrap();
        let written = serde_json::to_string(&object.body).unwrap();
        assert!(!written.contains("hunter2"), "{written}");
        let Body::ConfigMap(config_map) = object.body else { panic!("{written}") };
        config_map.facts.0.into_iter().map(|(name, value)| (name.to_string(), value.to_string())).collect()
    }

    fn owned(facts: &[(&str, &str)]) -> Vec<(String, String)> {
        facts.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
    }

    #[test]
    fn plugins_of_coredns_are_kept_and_zones_are_not() {
        let corefile = "hunter2.internal:53 {\n  errors # hunter2\n  health {\n    lameduck 5s\n  }\n  ready\n\
            kubernetes cluster.local hunter2.example {\n    pods insecure\n  }\n  forward . 10.0.0.53\n  cache 30\n}\n";
        let expected =
            [(Fact::COREDNS_LAMEDUCK, "5s"), (Fact::COREDNS_PLUGINS, "cache errors forward health kubernetes ready")];
        assert_eq!(facts("kube-system", "coredns", "Corefile", corefile), owned(&expected));
    }

    #[test]
    fn of_kubeadm_the_endpoint_and_where_etcd_runs_are_kept() {
        let configuration = "apiVersion: kubeadm.k8s.io/v1beta4\nkind: ClusterConfiguration\n\
            controlPlaneEndpoint: api.example:6443\netcd: {external: {endpoints: [https://hunter2:2379]}}\n\
            apiServer: {extraArgs: [{name: token, value: hunter2}]}\n";
        let expected = [(Fact::CONTROL_PLANE_ENDPOINT, "api.example:6443"), (Fact::ETCD_TOPOLOGY, "external")];
        let found = facts("kube-system", "kubeadm-config", "ClusterConfiguration", configuration);
        assert_eq!(found, owned(&expected));
        let stacked = facts("kube-system", "kubeadm-config", "ClusterConfiguration", "etcd: {local: {dataDir: /x}}");
        assert_eq!(stacked, owned(&[(Fact::ETCD_TOPOLOGY, "stacked")]));
    }

    #[test]
    fn of_cluster_info_the_address_is_kept() {
        let kubeconfig = "clusters: [{name: '', cluster: {server: 'https://user:hunter2@10.0.0.1:6443/?t=hunter2', \
            certificate-authority-data: hunter2}}]\n";
        let found = facts("kube-public", "cluster-info", "kubeconfig", kubeconfig);
        assert_eq!(found.len(), 1);
        assert!(found[0].1.contains("10.0.0.1:6443"), "{found:?}");
    }

    #[test]
    fn the_autoscaler_is_healthy_in_both_of_its_languages() {
        let new = "time: x\nclusterWide: {health: {status: Healthy}}\nnodeGroups:\n\
            - {name: hunter2, health: {status: Healthy, cloudProviderTarget: 5, minSize: 1, maxSize: 5}}\n\
            - {name: b, health: {cloudProviderTarget: 2, maxSize: 5}}\n";
        let status = |text| facts("kube-system", "cluster-autoscaler-status", "status", text);
        let expected = [(Fact::AUTOSCALER_FULL_GROUPS, "1/2"), (Fact::AUTOSCALER_HEALTH, "Healthy")];
        assert_eq!(status(new), owned(&expected));
        let old = "Cluster-autoscaler status at 2024:\nCluster-wide:\n  Health:      Unhealthy (ready=3 hunter2)\n";
        assert_eq!(status(old), owned(&[(Fact::AUTOSCALER_HEALTH, "Unhealthy")]));
        assert_eq!(status("Health: hunter2"), owned(&[]));
    }

    #[test]
    fn of_rule_files_only_what_alerts_are_about_is_kept() {
        let rules = r#"
groups:
- name: hunter2
  rules:
  - {record: hunter2, expr: kube_node_status_condition}
  - {alert: hunter2, expr: 'min(kube_poddisruptionbudget_status_pod_disruptions_allowed{team="hunter2"}) < 1'}
  - {alert: a, expr: 'my_etcd_server_x > 1', annotations: {text: hunter2}}
  - {alert: b, expr: 'time() - velero_backup_last_successful_timestamp > 1e5'}
- {alert: c, expr: 1}
"#;
        assert_eq!(facts("monitoring", "rules", "a.yaml", rules), owned(&[(Fact::ALERTS, "backups budgets")]));
        // That there is a file without such alerts is a fact, too.
        for broken in ["", "groups: hunter2", "{", "- ["] {
            assert_eq!(facts("monitoring", "rules", "a.yaml", broken), owned(&[(Fact::ALERTS, "")]), "{broken}");
        }
    }
}
