//! (24) Users who may not read everything.

use ha_core::snapshot::{GapReason, ResourceKind};
use ha_read::OTHER_NAMESPACES;
use ha_read::cluster::Scope;

use crate::api::{Api, all_kinds, collection, forbidden, kind_of, list, listed, messages, options, read};
use crate::server::{Reply, Request};

const POD: ResourceKind = ResourceKind::Pod;

fn in_namespace(request: &Request, namespace: &str) -> bool {
    request.path().contains(&format!("/namespaces/{namespace}/"))
}

#[test]
fn each_kind_forbidden_alone_is_one_gap_and_everything_else_is_read() {
    for denied in all_kinds() {
        let server = Api::default()
            .when(
                move |request| kind_of(request.path()).is_some_and(|found| found.kind == denied.kind),
                |_, _| forbidden("jane"),
            )
            .start();
        let (collected, reading) = read(&options(&server));
        let expected = format!("cannot list {}: forbidden for user jane", denied.qualified());
        assert_eq!(messages(&reading), [expected]);
        assert_eq!(reading.gaps[0].kind, Some(denied.kind));
        assert_eq!(reading.gaps[0].reason, GapReason::Forbidden);
        for other in all_kinds().filter(|other| other.kind != denied.kind) {
            assert_eq!(collected.of(other.kind), ["shop/a"], "{other:?} without {denied:?}");
        }
        assert_eq!(collected.of(denied.kind), [""; 0]);
    }
}

#[test]
fn everything_forbidden_is_still_a_reading() {
    let server = Api::default().when(|request| request.path() != "/version", |_, _| forbidden("jane")).start();
    let (collected, reading) = read(&options(&server));
    assert!(collected.0.is_empty());
    for listed in all_kinds() {
        let expected = format!("cannot list {}: forbidden for user jane", listed.qualified());
        assert!(messages(&reading).contains(&expected.as_str()), "{listed:?}");
    }
    let config_map = "cannot get configmap coredns in namespace kube-system: forbidden for user jane";
    assert!(messages(&reading).contains(&config_map));
}

/// A user may list namespaces, and everything in `shop` only.
#[test]
fn namespaces_are_tried_one_by_one_when_the_cluster_is_forbidden() {
    let server = Api::default()
        .on("/api/v1/namespaces", |_, _| {
            let namespaces = listed(ResourceKind::Namespace);
            Reply::json(list(namespaces, &["/pay", "/shop"], None))
        })
        .when(|request| kind_of(request.path()).is_some() && !in_namespace(request, "shop"), |_, _| forbidden("jane"))
        .start();
    let (collected, reading) = read(&options(&server));
    for kind in all_kinds().filter(|listed| listed.scope == Scope::Namespaced) {
        assert_eq!(collected.of(kind.kind), ["shop/a"], "{kind:?}");
    }
    let budgets = "cannot list poddisruptionbudgets.policy in namespace pay: forbidden for user jane";
    assert!(messages(&reading).contains(&budgets), "{:?}", messages(&reading));
    // Nothing is unknown in the namespace that was read, nor beyond those that there are.
    assert!(reading.gaps.iter().all(|gap| gap.namespace != "shop"));
    let pods = reading.gaps.iter().filter(|gap| gap.kind == Some(POD));
    assert!(pods.clone().all(|gap| gap.namespace == "pay"));
    let nodes = "cannot list nodes: forbidden for user jane";
    assert!(messages(&reading).contains(&nodes));
}

/// A user may not even list namespaces: the context's is read.
#[test]
fn the_contexts_namespace_is_read_when_namespaces_are_secret() {
    let server = Api::default()
        .when(|request| kind_of(request.path()).is_some() && !in_namespace(request, "pay"), |_, _| forbidden("jane"))
        .start();
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("config");
    let text = format!(
        "current-context: c\ncontexts: [{{name: c, context: {{cluster: k, namespace: pay}}}}]\n\
         clusters: [{{name: k, cluster: {{server: '{}'}}}}]\n",
        server.url()
    );
    std::fs::write(&file, text).unwrap();
    let mut options = options(&server);
    options.flags.server = None;
    options.flags.kubeconfig = Some(file);
    let (collected, reading) = read(&options);
    assert_eq!(collected.of(POD), ["shop/a"]);
    assert_eq!(reading.context, "c");
    let pods: Vec<_> = reading.gaps.iter().filter(|gap| gap.kind == Some(POD)).collect();
    let namespaces: Vec<_> = pods.iter().map(|gap| gap.namespace.as_str()).collect();
    assert_eq!(namespaces, [OTHER_NAMESPACES, "kube-system"]);
    assert!(pods.iter().all(|gap| gap.reason == GapReason::Forbidden));
}

#[test]
fn a_forbidden_namespace_of_several_is_named() {
    let server = Api::default()
        .when(|request| request.path() == "/api/v1/namespaces/pay/pods", |_, _| forbidden("jane"))
        .start();
    let mut options = options(&server);
    options.namespaces = vec!["pay".to_owned(), "shop".to_owned()];
    let (collected, reading) = read(&options);
    assert_eq!(collected.of(POD), ["shop/a"]);
    let expected = "cannot list pods in namespace pay: forbidden for user jane";
    assert!(messages(&reading).contains(&expected));
    assert_eq!(server.count(&collection(POD)), 0);
}

#[test]
fn rule_files_that_may_not_be_listed_are_one_gap_and_asked_for_once() {
    let server = Api::default().on("/api/v1/configmaps", |_, _| forbidden("jane")).start();
    let (collected, reading) = read(&options(&server));
    let [message] = messages(&reading)[..] else { panic!("{:?}", reading.gaps) };
    assert!(message.starts_with("cannot list configmaps") && message.contains("forbidden for user jane"), "{message}");
    assert_eq!((server.count("/api/v1/configmaps"), collected.of(POD).len()), (1, 1));
}
