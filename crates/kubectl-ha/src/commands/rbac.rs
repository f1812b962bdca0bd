//! `kubectl ha rbac`: the least ClusterRole that reading a cluster needs.

use ha_read::cluster::{PolicyRule, cluster_role, rule_files_rule};

use crate::terminal;

const HEAD: &str = "\
# The least that `kubectl ha` needs to read a whole cluster. It only reads, and never Secrets.
# Apply it:  kubectl ha rbac | kubectl apply -f -
# Grant it:  kubectl create clusterrolebinding kubectl-ha --clusterrole=kubectl-ha --user=NAME
apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRole
metadata:
  name: kubectl-ha
rules:
";

const OPTIONAL: &str = "\
# Not needed: with this rule as well, the files of Prometheus' rules are found by their label, and what their alerts are
# about is known. It is the right to list all ConfigMaps, since Kubernetes has none for those with a label.
";

/// Prints it.
pub(super) fn run() -> anyhow::Result<()> {
    let rules: String = cluster_role().iter().map(rule).collect();
    let optional: String = rule(&rule_files_rule()).lines().map(|line| format!("#{line}\n")).collect();
    terminal::print(&format!("{HEAD}{rules}{OPTIONAL}{optional}"))?;
    Ok(())
}

fn rule(rule: &PolicyRule) -> String {
    let fields = [
        ("apiGroups", &rule.api_groups),
        ("resources", &rule.resources),
        ("resourceNames", &rule.resource_names),
        ("nonResourceURLs", &rule.non_resource_urls),
        ("verbs", &rule.verbs),
    ];
    let present = fields.into_iter().filter(|(_, values)| !values.is_empty());
    let lines = present.enumerate().map(|(position, (name, values))| {
        let mark = if position == 0 { '-' } else { ' ' };
        let values: Vec<String> = values.iter().map(|value| format!("{value:?}")).collect();
        format!("{mark} {name}: [{}]\n", values.join(", "))
    });
    lines.collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_yaml_with_a_group_for_every_resource() {
        let text: String = cluster_role().iter().map(rule).collect();
        let rules: serde_yaml::Value = serde_yaml::from_str(&text).unwrap();
        for rule in rules.as_sequence().unwrap() {
            assert!(rule["nonResourceURLs"].is_sequence() || rule["apiGroups"].is_sequence(), "{rule:?}");
            assert!(rule["verbs"].is_sequence());
        }
    }
}
