//! (18, 19) Which cluster is read: kubeconfig files, flags and environment, as kubectl
//! takes them.

use std::fs;
use std::path::PathBuf;

use ha_read::cluster::Options;
use ha_read::kubeconfig::{Environment, context_names};
use tempfile::TempDir;

use crate::api::{Api, options, read, try_read};
use crate::server::{Reply, Server};

/// A folder of kubeconfig files, and what `KUBECONFIG` says.
struct Files {
    directory: TempDir,
    listed: Vec<PathBuf>,
}

impl Files {
    fn new() -> Self {
        Self { directory: tempfile::tempdir().unwrap(), listed: Vec::new() }
    }

    /// Lists a file in `KUBECONFIG`; without text it does not exist.
    fn list(mut self, name: &str, text: Option<String>) -> Self {
        let path = self.directory.path().join(name);
        if let Some(text) = text {
            fs::write(&path, text).unwrap();
        }
        self.listed.push(path);
        self
    }

    fn environment(&self) -> Environment {
        let listed = std::env::join_paths(&self.listed).unwrap();
        let home = self.directory.path().to_str().unwrap();
        Environment::from_pairs([("HOME", home), ("KUBECONFIG", listed.to_str().unwrap())])
    }

    fn options(&self, server: &Server) -> Options {
        let mut options = options(server);
        options.flags.server = None;
        options.environment = self.environment();
        options
    }
}

/// A kubeconfig with one context, cluster and user of the same name.
fn kubeconfig(name: &str, server: &str, token: &str) -> String {
    format!(
        "apiVersion: v1\nkind: Config\ncurrent-context: {name}\n\
         contexts: [{{name: {name}, context: {{cluster: {name}, user: {name}}}}}]\n\
         clusters: [{{name: {name}, cluster: {{server: '{server}'}}}}]\n\
         users: [{{name: {name}, user: {{token: {token}}}}}]\n"
    )
}

fn error_of(options: &Options) -> String {
    try_read(options).err().unwrap().to_string()
}

fn bearer(server: &Server) -> String {
    let requests = server.requests();
    requests.last().unwrap().header("authorization").unwrap().to_owned()
}

#[test]
fn several_files_are_one_and_the_first_to_say_something_wins() {
    let (first, second) = (Api::default().start(), Api::default().start());
    let files = Files::new()
        .list("absent", None)
        .list("one", Some(kubeconfig("one", &first.url(), "token-one")))
        .list("empty", Some(String::new()))
        .list("same", Some(kubeconfig("one", "http://127.0.0.1:1", "wrong")))
        .list("two", Some(kubeconfig("two", &second.url(), "token-two")));
    assert_eq!(context_names(None, &files.environment()).unwrap(), ["one", "two"]);
    let mut options = files.options(&first);
    let (_, reading) = read(&options);
    assert_eq!((reading.context.as_str(), bearer(&first).as_str()), ("one", "Bearer token-one"));
    options.flags.context = Some("two".to_owned());
    let (_, reading) = read(&options);
    assert_eq!((reading.context.as_str(), bearer(&second).as_str()), ("two", "Bearer token-two"));
}

#[test]
fn flags_choose_cluster_and_user_apart() {
    let (first, second) = (Api::default().start(), Api::default().start());
    let files = Files::new()
        .list("one", Some(kubeconfig("one", &first.url(), "token-one")))
        .list("two", Some(kubeconfig("two", &second.url(), "token-two")));
    let mut options = files.options(&first);
    options.flags.cluster = Some("two".to_owned());
    read(&options);
    assert_eq!(bearer(&second), "Bearer token-one");
    options.flags.user = Some("two".to_owned());
    options.flags.server = Some(first.url());
    read(&options);
    assert_eq!(bearer(&first), "Bearer token-two");
}

#[test]
fn names_that_do_not_exist_are_answered_with_those_that_do() {
    let server = Api::default().start();
    let files = Files::new().list("one", Some(kubeconfig("one", &server.url(), "t")));
    for (what, set) in [
        ("context", (|options, name| options.flags.context = name) as fn(&mut Options, Option<String>)),
        ("cluster", |options, name| options.flags.cluster = name),
        ("user", |options, name| options.flags.user = name),
    ] {
        let mut options = files.options(&server);
        set(&mut options, Some("oen".to_owned()));
        let error = error_of(&options);
        assert_eq!(error, format!("{what} \"oen\" is not in the kubeconfig (it has: one)"));
    }
}

#[test]
fn nothing_configured_says_where_it_was_looked_for() {
    let server = Api::default().start();
    let files = Files::new().list("absent", None);
    let mut options = files.options(&server);
    let error = error_of(&options);
    assert!(error.contains("no cluster is configured"), "{error}");
    assert!(error.contains("absent") && error.contains("--kubeconfig"), "{error}");
    // A file that was named must be there.
    options.flags.kubeconfig = Some(files.listed[0].clone());
    let error = error_of(&options);
    assert!(error.contains("cannot read kubeconfig") && error.contains("absent"), "{error}");
}

#[test]
fn no_current_context_asks_for_one() {
    let server = Api::default().start();
    let text = kubeconfig("one", &server.url(), "t").replace("current-context: one\n", "");
    let files = Files::new().list("one", Some(text));
    let error = error_of(&files.options(&server));
    assert_eq!(error, "no current context is set: choose one with --context (there are: one)");
}

#[test]
fn a_broken_file_is_named_with_its_line() {
    let server = Api::default().start();
    let text = kubeconfig("one", &server.url(), "hunter2").replace("users: [", "users: [[");
    let files = Files::new().list("one", Some(text));
    let error = error_of(&files.options(&server));
    assert!(error.contains("cannot parse kubeconfig") && error.contains("line "), "{error}");
    assert!(!error.contains("hunter2"), "{error}");
}

#[test]
fn certificates_that_cannot_be_used_are_named() {
    let server = Api::default().start();
    let text = kubeconfig("one", "https://127.0.0.1:1", "t");
    let files = Files::new().list("one", Some(text));
    let mut options = files.options(&server);
    options.flags.certificate_authority = Some("/nowhere/ca.crt".into());
    let error = error_of(&options);
    assert!(error.contains("certificate authority of cluster \"one\""), "{error}");
    assert!(error.contains("/nowhere/ca.crt"), "{error}");
    let garbage = files.directory.path().join("ca.crt");
    fs::write(&garbage, "-----BEGIN CERTIFICATE-----\nnonsense\n-----END CERTIFICATE-----\n").unwrap();
    options.flags.certificate_authority = Some(garbage);
    let error = error_of(&options);
    assert!(error.contains("cannot"), "{error}");
}

#[test]
fn the_proxy_of_the_cluster_is_used() {
    let server = Api::default().start();
    let proxy = Server::start(|_| Reply::status(502, ""));
    let cluster = format!("server: 'http://api.example.invalid:8080', proxy-url: '{}'", proxy.url());
    let text = kubeconfig("one", "URL", "hunter2-hunter2").replace("server: 'URL'", &cluster);
    let files = Files::new().list("one", Some(text));
    let error = error_of(&files.options(&server));
    assert!(error.contains("http://api.example.invalid"), "{error}");
    let requests = proxy.requests();
    assert!(requests.iter().all(|request| request.method == "CONNECT"), "{requests:?}");
    assert_eq!(requests[0].target, "api.example.invalid:8080");
    // The proxy is no API server: it must not see who we are.
    assert!(requests.iter().all(|request| request.header("authorization").is_none()));
}

#[test]
fn the_proxy_of_the_environment_is_used_unless_no_proxy_says_otherwise() {
    let server = Api::default().start();
    let proxy = Server::start(|_| Reply::status(502, ""));
    let mut options = options(&server);
    options.flags.server = Some("http://api.example.invalid".to_owned());
    options.environment = Environment::from_pairs([("HTTP_PROXY", proxy.url().as_str())]);
    error_of(&options);
    assert!(!proxy.requests().is_empty());
    let before = proxy.requests().len();
    let no_proxy = [("HTTP_PROXY", proxy.url()), ("NO_PROXY", ".example.invalid".to_owned())];
    options.environment = Environment::from_pairs(no_proxy.iter().map(|(name, value)| (*name, value.as_str())));
    error_of(&options);
    assert_eq!(proxy.requests().len(), before);
}

#[test]
fn an_unencrypted_connection_elsewhere_is_a_notice() {
    let server = Api::default().start();
    let mut options = options(&server);
    options.flags.server = Some(server.remote_url());
    let (_, reading) = read(&options);
    assert!(reading.notices[0].contains("is not encrypted"), "{:?}", reading.notices);
}
