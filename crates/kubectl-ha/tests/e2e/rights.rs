//! Users who may not read everything: they get what they may see, and are told the rest.

use std::collections::BTreeSet;
use std::path::Path;

use serde_json::Value;

use crate::bench::{Bench, Checked, answers};

pub(crate) fn all_are_respected(bench: &Bench) {
    the_role_that_is_printed_is_enough(bench);
    nobody_gets_gaps_and_no_pass(bench);
    a_tenant_gets_its_namespace(bench);
    a_viewer_gets_namespaces_and_no_nodes(bench);
    no_token_is_ever_shown(bench);
}

fn forbidden(report: &Value) -> Vec<&Value> {
    report["gaps"].as_array().unwrap().iter().filter(|gap| gap["reason"] == "forbidden").collect()
}

/// The namespaces of what was judged.
fn namespaces(report: &Value) -> BTreeSet<&str> {
    let results = report["results"].as_array().unwrap().iter().filter(|result| result["verdict"] != "unknown");
    results.map(|result| result["object"]["namespace"].as_str().unwrap()).collect()
}

/// `kubectl ha rbac | kubectl apply -f -`, for somebody who may do nothing else. Of ConfigMaps it grants some by name;
/// the right to list them all is printed as a comment, for whoever wants to grant it as well.
fn the_role_that_is_printed_is_enough(bench: &Bench) {
    let role = bench.ha(&["rbac"]);
    assert_eq!(role.code, Some(0), "{role:?}");
    grant(bench, &role.out);
    bench.kubectl(&["create", "clusterrolebinding", "reader", "--clusterrole=kubectl-ha", "--user=reader"]);
    let whole = answers(&bench.check(&["--show", "all"]).report);
    let Checked { code, report, errors } = bench.check(&["--show", "all", "--as", "reader"]);
    let refused: Vec<&str> = forbidden(&report).iter().map(|gap| gap["message"].as_str().unwrap()).collect();
    assert!(matches!(refused[..], [one] if one.contains("configmaps with rules of Prometheus")), "{refused:#?}");
    assert_eq!((code, errors.as_str()), (Some(1), ""));
    assert_eq!(report["summary"]["incomplete"], false, "no rule needs those ConfigMaps here");
    same_answers(&whole, &report);

    let optional = |line: &str| line.starts_with("#- ") || line.starts_with("#  ");
    let more: Vec<&str> = role.out.lines().map(|line| if optional(line) { &line[1..] } else { line }).collect();
    grant(bench, &more.join("\n"));
    bench.kubectl(&["auth", "can-i", "list", "configmaps", "--all-namespaces", "--as", "reader"]);
    let Checked { report, .. } = bench.check(&["--show", "all", "--as", "reader"]);
    assert_eq!(forbidden(&report), Vec::<&Value>::new());
    same_answers(&whole, &report);
}

fn grant(bench: &Bench, role: &str) {
    let file = bench.path("role.yaml");
    std::fs::write(&file, role).unwrap();
    bench.kubectl(&["apply", "-f", &file]);
}

fn same_answers(whole: &BTreeSet<String>, report: &Value) {
    let read = answers(report);
    let differing: Vec<&String> = whole.symmetric_difference(&read).collect();
    assert!(differing.is_empty(), "the role sees less than the administrator: {differing:#?}");
}

fn nobody_gets_gaps_and_no_pass(bench: &Bench) {
    let stranger = bench.kubeconfig("stranger");
    let Checked { code, report, errors } = bench.check_as(&stranger, &["--show", "all"]);
    assert_eq!((code, errors.as_str()), (Some(3), ""), "nothing could be read");
    let gaps = forbidden(&report);
    assert!(gaps.iter().any(|gap| gap["message"].as_str().unwrap().contains("forbidden for user stranger")));
    assert!(report["results"].as_array().unwrap().iter().all(|result| result["verdict"] != "pass"));
    assert_eq!(bench.check_as(&stranger, &["--allow-incomplete"]).code, Some(0));

    let table = bench.ha_as(&stranger, &["check"]);
    assert!(table.out.contains("Nothing could be judged"), "{}", table.out);
    assert!(table.out.contains("the rights it needs: kubectl ha rbac"), "{}", table.out);
    let refused = table.out.lines().filter(|line| line.contains("cannot list")).count();
    assert!((1..=3).contains(&refused), "one line says it for all kinds:\n{}", table.out);
}

/// One namespace, and the names of the others.
fn a_tenant_gets_its_namespace(bench: &Bench) {
    let mut sound = crate::bench::Sound::new("tenant");
    sound.deployment["spec"]["replicas"] = 1.into();
    bench.apply("tenant", &sound.objects());
    bench.kubectl(&["rollout", "status", "--timeout=300s", "deployment/landing", "-n", "tenant"]);
    let tenant = bench.kubeconfig("tenant");
    let Checked { code, report, .. } = bench.check_as(&tenant, &[]);
    assert_eq!(code, Some(1), "its own finding counts for more than what it may not see");
    let known = BTreeSet::from(["", "tenant"]);
    assert!(namespaces(&report).is_subset(&known), "{:?}", namespaces(&report));
    assert!(answers(&report).contains("fail single-replica Deployment/tenant/landing"), "{report:#}");
    assert_eq!(report["summary"]["incomplete"], true);
    let gaps = forbidden(&report);
    assert!(gaps.iter().any(|gap| gap["namespace"] == "site"), "other namespaces are gaps");
    assert!(gaps.iter().all(|gap| gap["namespace"] != "tenant" || gap["kind"] == "Lease"), "{gaps:#?}");
    assert_eq!(bench.check_as(&tenant, &["--fail-on", "never"]).code, Some(3));

    // Hundreds of gaps are a few lines.
    let table = bench.ha_as(&tenant, &["check"]).out;
    let lines: Vec<&str> = table.lines().filter(|line| line.contains("cannot list")).collect();
    assert!(lines.len() <= 8, "{lines:#?}");
    assert!(lines.iter().any(|line| line.contains(" namespaces: forbidden")), "{lines:#?}");
    only_its_namespace_is_read(bench, &tenant);
}

/// Asked for alone, its namespace is all that is read besides what is the cluster's. The built-in role `view` has
/// neither leases nor custom kinds.
fn only_its_namespace_is_read(bench: &Bench, tenant: &Path) {
    let narrowed = bench.check_as(tenant, &["-n", "tenant", "--fail-on", "never"]).report;
    let (own, others): (Vec<&Value>, Vec<&Value>) =
        forbidden(&narrowed).into_iter().partition(|gap| gap["namespace"] == "tenant");
    let own: BTreeSet<&str> = own.into_iter().map(|gap| gap["kind"].as_str().unwrap()).collect();
    assert_eq!(own, BTreeSet::from(["Lease", "Schedule"]));
    let of_cluster = |gap: &&Value| gap["namespace"] == "" || gap["kind"] == "ConfigMap";
    assert!(others.iter().all(of_cluster), "{others:#?}");
}

/// Every namespace, and nothing of the cluster as a whole.
fn a_viewer_gets_namespaces_and_no_nodes(bench: &Bench) {
    let viewer = bench.kubeconfig("viewer");
    let Checked { code, report, .. } = bench.check_as(&viewer, &[]);
    assert_eq!(code, Some(1));
    let refused: BTreeSet<&str> = forbidden(&report).iter().map(|gap| gap["kind"].as_str().unwrap()).collect();
    assert!(refused.contains("Node"), "{refused:?}");
    assert!(!refused.contains("Deployment") && !refused.contains("PodDisruptionBudget"), "{refused:?}");
    assert!(namespaces(&report).len() > 20);
    let about_nodes = report["results"].as_array().unwrap().iter().filter(|result| result["rule"] == "workers-too-few");
    assert!(about_nodes.clone().count() > 0);
    assert!(about_nodes.into_iter().all(|result| result["verdict"] == "unknown"));
}

fn no_token_is_ever_shown(bench: &Bench) {
    for user in ["admin", "viewer", "tenant", "stranger"] {
        let (token, kubeconfig) = (bench.token(user), bench.kubeconfig(user));
        let file = bench.path("saved.ha");
        let runs = [
            bench.ha_as(&kubeconfig, &["check", "-o", "wide"]),
            bench.ha_as(&kubeconfig, &["check", "-o", "json", "--show", "all", "--evidence"]),
            bench.ha_as(&kubeconfig, &["check", "--token", &token, "-o", "yaml"]),
            bench.ha_as(&kubeconfig, &["check", "--token", &token, "--nonsense"]),
            bench.ha_as(&kubeconfig, &["check", "--token", "wrong"]),
            bench.ha_as(&kubeconfig, &["snapshot", &file]),
        ];
        for ran in runs {
            assert!(!ran.out.contains(&token) && !ran.err.contains(&token), "the token of {user}");
        }
        let saved = bench.ha(&["check", "--snapshot", &file, "-o", "json", "--show", "all"]);
        assert!(!saved.out.contains(&token));
    }
}
