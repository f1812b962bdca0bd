//! (19, 21) Servers that are overloaded, slow, broken, hostile, or no API server at all.

use std::io::Write;
use std::time::{Duration, Instant};

use flate2::Compression;
use flate2::write::GzEncoder;
use ha_core::snapshot::{GapReason, ResourceKind};
use ha_read::Reading;

use crate::api::{Api, Collected, collection, list, listed, messages, options, quick, read, status, try_read};
use crate::server::{Reply, Server};

const POD: ResourceKind = ResourceKind::Pod;

fn pods() -> String {
    list(listed(POD), &["shop/a"], None)
}

/// A server whose first two answers for pods are this, and good ones afterwards.
fn twice(reply: Reply) -> Server {
    Api::default()
        .on(&collection(POD), move |_, before| if before < 2 { reply.clone() } else { Reply::json(pods()) })
        .start()
}

/// A server that always answers this for pods.
fn always(reply: Reply) -> Server {
    Api::default().on(&collection(POD), move |_, _| reply.clone()).start()
}

/// Reads everything but pods, and the one gap for those.
fn assert_only_pods_missing(collected: &Collected, reading: &Reading, reason: GapReason) {
    assert_eq!(collected.of(POD), [""; 0]);
    assert_eq!(collected.of(ResourceKind::Node), ["shop/a"]);
    assert_eq!(collected.of(ResourceKind::Backup), ["shop/a"]);
    let gaps: Vec<_> = reading.gaps.iter().map(|gap| (gap.kind, gap.reason)).collect();
    assert_eq!(gaps, [(Some(POD), reason)]);
}

#[test]
fn passing_faults_are_tried_again() {
    let html = Reply::status(503, "<html>busy</html>").with("content-type", "text/html");
    for reply in [
        Reply::status(429, status("busy")).with("retry-after", "1"),
        Reply::status(500, status("etcdserver: leader changed")),
        Reply::status(502, ""),
        Reply::status(503, status("starting")).with("retry-after", "soon"),
        Reply::status(504, status("timeout")),
        html,
        Reply::BrokenOff(pods().into_bytes()),
        Reply::json(&pods().as_bytes()[..20]),
        Reply::json(""),
    ] {
        let server = twice(reply.clone());
        let (collected, reading) = read(&options(&server));
        assert_eq!(collected.of(POD), ["shop/a"], "{reply:?}");
        assert_eq!(reading.gaps, [], "{reply:?}");
        assert_eq!(server.count(&collection(POD)), 3, "{reply:?}");
    }
}

#[test]
fn retry_after_is_waited_for() {
    let server = Api::default()
        .on(&collection(POD), |_, before| match before {
            0 => Reply::status(429, status("busy")).with("retry-after", "1"),
            _ => Reply::json(pods()),
        })
        .start();
    let mut options = options(&server);
    options.limits.longest_pause = Duration::from_secs(10);
    let start = Instant::now();
    let (_, reading) = read(&options);
    assert_eq!(reading.gaps, []);
    assert!(start.elapsed() >= Duration::from_secs(1));
}

#[test]
fn an_absurd_retry_after_is_not_obeyed() {
    let server = always(Reply::status(429, status("go away")).with("retry-after", "1000000000"));
    let (collected, reading) = read(&options(&server));
    assert_only_pods_missing(&collected, &reading, GapReason::Unreadable);
    assert_eq!(messages(&reading), ["cannot list pods: the server answered 429: go away"]);
    assert_eq!(server.count(&collection(POD)), 5);
}

#[test]
fn all_pauses_together_are_bounded() {
    let server = Api::default()
        .when(
            |request| request.path() != "/version" && !request.path().ends_with("/pods"),
            |_, _| Reply::status(503, status("down")),
        )
        .start();
    let mut options = options(&server);
    options.limits.total_pause = Duration::from_millis(20);
    options.limits.longest_pause = Duration::from_millis(10);
    options.limits.first_pause = Duration::from_millis(10);
    let (collected, reading) = read(&options);
    assert_eq!(collected.of(POD), ["shop/a"]);
    assert!(reading.gaps.len() > 30);
    // After two pauses every request is tried once only.
    let requests = server.requests().len();
    assert!(requests < 60, "{requests} requests");
}

#[test]
fn a_dripping_answer_is_given_up() {
    let server = always(Reply::Dripping(pods().into_bytes(), Duration::from_millis(50)));
    let mut options = options(&server);
    options.limits.request_timeout = Duration::from_millis(400);
    let (collected, reading) = read(&options);
    assert_only_pods_missing(&collected, &reading, GapReason::TimedOut);
    assert!(messages(&reading)[0].contains("--request-timeout"), "{:?}", messages(&reading));
}

#[test]
fn a_silent_server_is_given_up_before_its_time() {
    let server = always(Reply::Silent);
    let mut options = options(&server);
    options.limits.stall_timeout = Duration::from_millis(100);
    let (collected, reading) = read(&options);
    assert_only_pods_missing(&collected, &reading, GapReason::TimedOut);
    assert_eq!(server.count(&collection(POD)), 5);
}

#[test]
fn answers_that_are_not_lists_are_said_to_be_so() {
    for (reply, expected) in [
        (
            Reply::json("<html>Log in</html>").with("content-type", "text/html; charset=utf-8"),
            "not JSON but text/html; charset=utf-8: this is not the API server, or a login page",
        ),
        (Reply::json(pods()).with("content-type", "application/protobuf"), "not JSON but application/protobuf"),
        (Reply::json("<html>"), "not what was asked for (JSON line 1, column 1)"),
        (Reply::json(r#"{"kind":"Status"}"#), "not what was asked for"),
        (Reply::json([0x7b, 0x22, 0xff, 0xfe, 0x22, 0x7d]), "not what was asked for"),
        (Reply::status(418, "tea"), "418"),
    ] {
        let server = always(reply);
        let (collected, reading) = read(&options(&server));
        assert_only_pods_missing(&collected, &reading, GapReason::Unreadable);
        assert!(messages(&reading)[0].contains(expected), "{:?}", messages(&reading));
        assert_eq!(server.count(&collection(POD)), 1);
    }
}

#[test]
fn a_login_page_instead_of_a_server_is_an_error() {
    let server = Server::start(|_| Reply::json("<html>").with("content-type", "text/html"));
    let error = try_read(&options(&server)).err().unwrap().to_string();
    assert!(error.contains(&server.url()), "{error}");
    assert!(error.contains("this is not the API server"), "{error}");
}

#[test]
fn no_server_is_an_error_that_names_it() {
    let mut options = options(&Server::start(|_| Reply::Silent));
    options.flags.server = Some("http://127.0.0.1:1".to_owned());
    let error = try_read(&options).err().unwrap().to_string();
    assert!(error.contains("cannot read the cluster at http://127.0.0.1:1"), "{error}");
    assert!(error.to_lowercase().contains("refused"), "{error}");
}

#[test]
fn a_compressed_bomb_is_not_unpacked() {
    let mut bomb = GzEncoder::new(Vec::new(), Compression::best());
    let zeros = vec![b' '; 1 << 20];
    for _ in 0..64 {
        bomb.write_all(&zeros).unwrap();
    }
    let server = always(Reply::json(bomb.finish().unwrap()).with("content-encoding", "gzip"));
    let mut options = options(&server);
    options.flags.server = Some(server.remote_url());
    options.limits.page_bytes = 4 << 20;
    let (collected, reading) = read(&options);
    assert_only_pods_missing(&collected, &reading, GapReason::Unreadable);
    assert_eq!(messages(&reading), ["cannot list pods: the answer is larger than 4 MiB"]);
    assert_eq!(server.count(&collection(POD)), 1);
}

#[test]
fn compressed_lists_are_read() {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
    encoder.write_all(pods().as_bytes()).unwrap();
    let server = always(Reply::json(encoder.finish().unwrap()).with("content-encoding", "gzip"));
    let mut options = options(&server);
    options.flags.server = Some(server.remote_url());
    let (collected, reading) = read(&options);
    assert_eq!(collected.of(POD), ["shop/a"]);
    assert_eq!(reading.gaps, []);
}

#[test]
fn redirects_are_not_followed() {
    let elsewhere = Server::start(|_| Reply::json(pods()));
    let location = format!("{}/api/v1/pods?token=x", elsewhere.url());
    for status in [301, 302, 303, 307, 308] {
        let server = always(Reply::status(status, "").with("location", &location));
        let mut options = options(&server);
        options.flags.token = Some("hunter2-hunter2".to_owned().into());
        let (collected, reading) = read(&options);
        assert_only_pods_missing(&collected, &reading, GapReason::Unreadable);
        assert!(messages(&reading)[0].contains("redirects to 127.0.0.1"), "{:?}", messages(&reading));
    }
    assert!(elsewhere.requests().is_empty());
}

#[test]
fn the_default_bounds_are_those_of_the_documentation() {
    let limits = ha_read::cluster::Limits::default();
    assert_eq!((limits.tries, limits.restarts), (5, 3));
    assert!(limits.longest_pause <= Duration::from_secs(10));
    assert!(limits.page_bytes <= 256 << 20);
    assert_eq!((quick().tries, quick().restarts), (limits.tries, limits.restarts));
}
