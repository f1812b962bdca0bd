//! (22) Lists that expire, repeat themselves or never end.

use ha_core::snapshot::{GapReason, ResourceKind};
use ha_read::cluster::Options;
use serde_json::{Value, json};

use crate::api::{Api, collection, list, listed, messages, options, read};
use crate::server::{Reply, Request};

const POD: ResourceKind = ResourceKind::Pod;

/// Pods in three pages with two objects each.
fn page(request: &Request) -> Reply {
    let (names, next): (&[&str], _) = match request.query("continue") {
        None => (&["shop/a", "shop/b"], Some("p2")),
        Some("p2") => (&["shop/c", "shop/d"], Some("p3")),
        _ => (&["shop/e"], None),
    };
    Reply::json(list(listed(POD), names, next))
}

fn gone(token: &str) -> Reply {
    let body = json!({"kind": "Status", "message": "too old", "metadata": {"continue": token}});
    Reply::status(410, body.to_string())
}

fn narrow(server: &crate::server::Server) -> Options {
    let mut options = options(server);
    options.limits.page_objects = 2;
    options
}

#[test]
fn pages_are_followed_to_the_end() {
    let server = Api::default().on(&collection(POD), |request, _| page(request)).start();
    let (collected, reading) = read(&narrow(&server));
    assert_eq!(collected.of(POD), ["shop/a", "shop/b", "shop/c", "shop/d", "shop/e"]);
    assert_eq!(reading.gaps, []);
    let pages = server.requests();
    let pages = pages.iter().filter(|request| request.path() == collection(POD));
    assert!(pages.clone().all(|request| request.query("limit") == Some("2")));
    assert_eq!(pages.count(), 3);
}

#[test]
fn an_expired_list_goes_on_where_the_server_offers_it() {
    let server = Api::default()
        .on(&collection(POD), |request, before| match before {
            1 => gone("p3"),
            _ => page(request),
        })
        .start();
    let (collected, reading) = read(&narrow(&server));
    assert_eq!(collected.of(POD), ["shop/a", "shop/b", "shop/e"]);
    assert_eq!(reading.gaps, []);
    assert_eq!(server.count(&collection(POD)), 3);
}

#[test]
fn a_list_begun_again_gives_nothing_twice() {
    let server = Api::default()
        .on(&collection(POD), |request, before| match before {
            2 => gone(""),
            _ => page(request),
        })
        .start();
    let (collected, reading) = read(&narrow(&server));
    assert_eq!(collected.of(POD), ["shop/a", "shop/b", "shop/c", "shop/d", "shop/e"]);
    assert_eq!(reading.counts[&POD], 5);
    assert_eq!(reading.gaps, []);
}

#[test]
fn a_list_that_always_expires_is_given_up_and_keeps_what_it_gave() {
    let server = Api::default()
        .on(&collection(POD), |request, _| match request.query("continue") {
            None => page(request),
            Some(_) => gone(""),
        })
        .start();
    let (collected, reading) = read(&narrow(&server));
    assert_eq!(collected.of(POD), ["shop/a", "shop/b"]);
    assert_eq!(reading.gaps.len(), 1);
    assert_eq!(reading.gaps[0].reason, GapReason::Unreadable);
    assert!(messages(&reading)[0].contains("expired again and again"));
    // Four times the first page: once, and three restarts; each time the second expires.
    assert_eq!(server.count(&collection(POD)), 8);
    assert_eq!(collected.of(ResourceKind::Node), ["shop/a"]);
}

#[test]
fn objects_that_come_twice_are_taken_once() {
    let server = Api::default()
        .on(&collection(POD), |request, _| {
            Reply::json(match request.query("continue") {
                None => list(listed(POD), &["shop/a", "shop/b"], Some("p2")),
                Some(_) => list(listed(POD), &["shop/b", "pay/a"], None),
            })
        })
        .start();
    let (collected, _) = read(&narrow(&server));
    assert_eq!(collected.of(POD), ["shop/a", "shop/b", "pay/a"]);
}

#[test]
fn a_list_that_runs_in_circles_ends() {
    let server =
        Api::default().on(&collection(POD), |_, _| Reply::json(list(listed(POD), &["shop/a"], Some("same")))).start();
    let (collected, reading) = read(&narrow(&server));
    assert_eq!(collected.of(POD), ["shop/a"]);
    assert!(messages(&reading)[0].contains("same page again"));
}

#[test]
fn a_bad_object_is_named_and_the_others_are_read() {
    let mut pods: Value = serde_json::from_str(&list(listed(POD), &["shop/a", "shop/bad", "shop/c"], None)).unwrap();
    pods["items"][1]["spec"] = json!({"containers": 7});
    let server = Api::default().on(&collection(POD), move |_, _| Reply::json(pods.to_string())).start();
    let (collected, reading) = read(&options(&server));
    assert_eq!(collected.of(POD), ["shop/a", "shop/c"]);
    assert_eq!(reading.gaps.len(), 1);
    let gap = &reading.gaps[0];
    assert!(gap.message.starts_with("cannot understand Pod shop/bad: "), "{}", gap.message);
    assert_eq!((gap.namespace.as_str(), gap.name.as_str()), ("shop", "bad"));
    assert_eq!((gap.kind, gap.reason), (Some(POD), GapReason::Unreadable));
}
