//! The names of namespaces, for whoever types one: all of them or none, soon.

use std::time::{Duration, Instant};

use ha_core::snapshot::ResourceKind;
use ha_read::cluster::{Options, namespace_names};

use crate::api::{Api, collection, forbidden, list, listed, options};
use crate::server::{Reply, Server};

const NAMESPACE: ResourceKind = ResourceKind::Namespace;

/// An impatient caller, as the shell is.
fn soon(server: &Server) -> Options {
    let mut options = options(server);
    options.limits.request_timeout = Duration::from_millis(500);
    options
}

#[test]
fn all_pages_are_named_and_nothing_else_is_asked() {
    let server = Api::default()
        .on(&collection(NAMESPACE), |request, _| {
            let (names, next): (&[&str], _) = match request.query("continue") {
                None => (&["/default", "/kube-system"], Some("p2")),
                Some(_) => (&["/shop"], None),
            };
            Reply::json(list(listed(NAMESPACE), names, next))
        })
        .start();
    assert_eq!(namespace_names(&options(&server)).unwrap(), ["default", "kube-system", "shop"]);
    assert_eq!(server.requests().len(), server.count(&collection(NAMESPACE)));
    assert!(server.requests()[0].header("accept").is_some_and(|accept| accept.contains("PartialObjectMetadataList")));
}

#[test]
fn a_refusal_or_a_fault_is_not_tried_again() {
    for reply in [forbidden("jane"), Reply::status(503, "{}"), Reply::json("<html>")] {
        let server = Api::default().on(&collection(NAMESPACE), move |_, _| reply.clone()).start();
        assert!(namespace_names(&options(&server)).is_err());
        assert_eq!(server.requests().len(), 1);
    }
}

#[test]
fn a_slow_server_is_not_waited_for() {
    for reply in [Reply::Silent, Reply::Dripping(vec![b' '; 10_000], Duration::from_millis(20))] {
        let server = Api::default().on(&collection(NAMESPACE), move |_, _| reply.clone()).start();
        let start = Instant::now();
        assert!(namespace_names(&soon(&server)).is_err());
        assert!(start.elapsed() < Duration::from_secs(3), "{:?}", start.elapsed());
    }
}
