//! (18, 20, 23) Who we are: tokens that expire, plugins under kuberc, and secrets that
//! must not be seen.

use std::fs;
use std::path::{Path, PathBuf};

use ha_core::snapshot::ResourceKind;
use ha_read::cluster::Options;
use ha_read::kubeconfig::Environment;
use tempfile::TempDir;

use crate::api::{Api, collection, options, read, status, try_read};
use crate::server::{Reply, Request, Server};

const POD: ResourceKind = ResourceKind::Pod;
const TOKEN: &str = "hunter2-hunter2";

fn bearer(request: &Request) -> &str {
    let header = request.header("authorization").unwrap_or_default();
    header.strip_prefix("Bearer ").unwrap_or_default()
}

fn unauthorized() -> Reply {
    Reply::status(401, status("Unauthorized"))
}

/// A home directory with a kubeconfig for `server`.
struct Home {
    directory: TempDir,
}

impl Home {
    /// `user` is the YAML of the kubeconfig's user, in flow style.
    fn new(server: &Server, user: &str) -> Self {
        let directory = tempfile::tempdir().unwrap();
        let kube = directory.path().join(".kube");
        fs::create_dir(&kube).unwrap();
        let text = format!(
            "apiVersion: v1\nkind: Config\ncurrent-context: c\n\
             contexts: [{{name: c, context: {{cluster: k, user: u}}}}]\n\
             clusters: [{{name: k, cluster: {{server: '{}'}}}}]\n\
             users: [{{name: u, user: {user}}}]\n",
            server.url()
        );
        fs::write(kube.join("config"), text).unwrap();
        Self { directory }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    fn kuberc(&self, text: &str) {
        let header = "apiVersion: kubectl.config.k8s.io/v1beta1\nkind: Preference\n";
        fs::write(self.path(".kube/kuberc"), format!("{header}{text}\n")).unwrap();
    }

    fn options(&self, server: &Server) -> Options {
        let mut options = options(server);
        options.flags.server = None;
        let home = self.directory.path().to_str().unwrap();
        let path = std::env::var("PATH").unwrap();
        options.environment = Environment::from_pairs([("HOME", home), ("PATH", &path)]);
        options
    }
}

#[test]
fn a_token_that_expires_on_the_way_is_read_again_once() {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("token");
    fs::write(&file, "old-token-1").unwrap();
    let renewed = file.clone();
    let server = Api::default()
        .when(
            |request| bearer(request) == "old-token-1" && request.path().ends_with("/replicasets"),
            move |_, _| {
                fs::write(&renewed, "new-token-2").unwrap();
                unauthorized()
            },
        )
        .start();
    let home = Home::new(&server, &format!("{{tokenFile: '{}'}}", file.display()));
    let (collected, reading) = read(&home.options(&server));
    assert_eq!(reading.gaps, []);
    assert_eq!(collected.of(ResourceKind::ReplicaSet), ["shop/a"]);
    let tokens: Vec<_> = server.requests().iter().map(|request| bearer(request).to_owned()).collect();
    assert_eq!(tokens.last().unwrap(), "new-token-2");
}

#[test]
fn a_token_that_stays_refused_is_not_renewed_for_ever() {
    let server = Api::default().when(|request| request.path().starts_with("/apis/"), |_, _| unauthorized()).start();
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("token");
    fs::write(&file, TOKEN).unwrap();
    let home = Home::new(&server, &format!("{{tokenFile: '{}'}}", file.display()));
    let (collected, reading) = read(&home.options(&server));
    assert_eq!(collected.of(POD), ["shop/a"]);
    let refused = reading.gaps.iter().filter(|gap| gap.message.contains("are not accepted"));
    assert!(refused.count() > 10);
}

#[test]
fn a_refused_login_is_an_error_that_says_what_to_do() {
    let server = Server::start(|_| unauthorized());
    let mut options = options(&server);
    options.flags.token = Some(TOKEN.to_owned().into());
    let error = try_read(&options).err().unwrap().to_string();
    assert!(error.contains("cannot log in to"), "{error}");
    assert!(error.contains("log in again"), "{error}");
    assert_eq!(server.requests().len(), 1);
}

/// A server that repeats the credentials it was sent, wherever it can.
#[test]
fn an_echoed_token_is_redacted() {
    let server = Api::default()
        .on(&collection(POD), |request, _| Reply::status(400, status(&format!("no such thing as {}", bearer(request)))))
        .on(&collection(ResourceKind::Node), |request, _| {
            Reply::status(403, status(&format!("User \"{}\" cannot list", bearer(request))))
        })
        .on(&collection(ResourceKind::Job), |request, _| Reply::json("").with("content-type", bearer(request)))
        .on(&collection(ResourceKind::Lease), |request, _| {
            let location = format!("https://{}/", bearer(request));
            Reply::status(302, "").with("location", &location)
        })
        .start();
    let mut options = options(&server);
    options.flags.token = Some(TOKEN.to_owned().into());
    let (_, reading) = read(&options);
    let shown = format!("{reading:?} {options:?}");
    assert!(!shown.contains(TOKEN), "{shown}");
    assert_eq!(shown.matches("[redacted]").count(), 4, "{shown}");
    assert!(server.requests().iter().all(|request| bearer(request) == TOKEN));
}

/// (20) Whatever is wrong with a kubeconfig, its secrets are not shown.
#[test]
fn no_error_shows_a_secret() {
    let server = Api::default().start();
    for user in [
        "{token: [hunter2-hunter2]}".to_owned(),
        "hunter2-hunter2".to_owned(),
        "{token: hunter2-hunter2, : }".to_owned(),
        "{token: \"hunter2-hunter2\\n\"}".to_owned(),
        "{client-key-data: hunter2-hunter2, client-certificate-data: hunter2-hunter2}".to_owned(),
        "{client-key-data: hunter2-hunter2}".to_owned(),
        "{client-certificate-data: aHVudGVyMi1odW50ZXIy, client-key-data: aHVudGVyMi1odW50ZXIy}".to_owned(),
        "{auth-provider: {name: gcp, config: {access-token: hunter2-hunter2}}}".to_owned(),
        "{password: hunter2-hunter2, username: [u]}".to_owned(),
    ] {
        let home = Home::new(&server, &user);
        let error = try_read(&home.options(&server)).err().unwrap_or_else(|| panic!("{user} is usable"));
        let shown = format!("{error} {error:?}");
        assert!(!shown.contains("hunter2"), "{user}: {shown}");
        assert!(!shown.contains("aHVudGVy"), "{user}: {shown}");
    }
}

#[test]
fn an_unverified_certificate_is_a_notice() {
    let server = Api::default().start();
    let mut options = options(&server);
    options.flags.insecure_skip_tls_verify = true;
    let (_, reading) = read(&options);
    assert!(reading.notices[0].contains("is not verified"), "{:?}", reading.notices);
}

#[test]
fn impersonation_is_sent_with_every_request() {
    let server = Api::default().start();
    let mut options = options(&server);
    options.flags.as_user = Some("jane".to_owned());
    options.flags.as_groups = vec!["dev".to_owned(), "ops".to_owned()];
    options.flags.as_uid = Some("7".to_owned());
    read(&options);
    for request in server.requests() {
        assert_eq!(request.header("impersonate-user"), Some("jane"));
        assert_eq!(request.header("impersonate-uid"), Some("7"));
        let groups: Vec<_> = request
            .headers
            .iter()
            .filter(|(name, _)| name.eq_ignore_ascii_case("impersonate-group"))
            .map(|(_, value)| value.as_str())
            .collect();
        assert_eq!(groups, ["dev", "ops"]);
    }
    options.flags.as_user = None;
    let error = try_read(&options).err().unwrap().to_string();
    assert!(error.contains("add --as"), "{error}");
}

#[cfg(unix)]
mod plugins {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    /// A plugin that leaves a marker and prints the token in `token`.
    fn install(home: &Home) -> PathBuf {
        let plugin = home.path("login");
        let script = format!(
            "#!/bin/sh\necho ran >> '{}'\n\
             printf '{{\"apiVersion\":\"client.authentication.k8s.io/v1\",\"kind\":\"ExecCredential\",\
             \"status\":{{\"token\":\"%s\"}}}}' \"$(cat '{}')\"\n",
            home.path("marker").display(),
            home.path("token").display()
        );
        fs::write(&plugin, script).unwrap();
        fs::set_permissions(&plugin, fs::Permissions::from_mode(0o755)).unwrap();
        fs::write(home.path("token"), TOKEN).unwrap();
        plugin
    }

    fn user(plugin: &Path) -> String {
        format!(
            "{{exec: {{apiVersion: client.authentication.k8s.io/v1, command: '{}', interactiveMode: Never}}}}",
            plugin.display()
        )
    }

    fn runs(home: &Home) -> usize {
        fs::read_to_string(home.path("marker")).map_or(0, |marker| marker.lines().count())
    }

    fn with_plugin(server: &Server) -> (Home, PathBuf) {
        let home = Home::new(server, "{}");
        let plugin = install(&home);
        let config = home.path(".kube/config");
        let text = fs::read_to_string(&config).unwrap();
        fs::write(&config, text.replace("user: {}}", &format!("user: {}}}", user(&plugin)))).unwrap();
        (home, plugin)
    }

    #[test]
    fn the_default_policy_runs_a_plugin_once() {
        let server = Api::default().start();
        let (home, _) = with_plugin(&server);
        read(&home.options(&server));
        assert_eq!(runs(&home), 1);
        assert!(server.requests().iter().all(|request| bearer(request) == TOKEN));
    }

    #[test]
    fn deny_all_runs_none() {
        let server = Api::default().start();
        let (home, _) = with_plugin(&server);
        home.kuberc("credentialPluginPolicy: DenyAll");
        let error = try_read(&home.options(&server)).err().unwrap().to_string();
        assert!(error.contains("is not allowed") && error.contains("DenyAll"), "{error}");
        assert_eq!(runs(&home), 0);
        assert!(server.requests().is_empty());
    }

    #[test]
    fn an_allowlist_runs_what_it_lists() {
        let server = Api::default().start();
        let (home, plugin) = with_plugin(&server);
        home.kuberc("credentialPluginPolicy: Allowlist\ncredentialPluginAllowlist: [{command: sh}]");
        let error = try_read(&home.options(&server)).err().unwrap().to_string();
        assert!(error.contains("does not list it"), "{error}");
        assert_eq!(runs(&home), 0);
        let plugin = plugin.display();
        home.kuberc(&format!(
            "credentialPluginPolicy: Allowlist\ncredentialPluginAllowlist: [{{command: '{plugin}'}}]"
        ));
        read(&home.options(&server));
        assert_eq!(runs(&home), 1);
    }

    #[test]
    fn a_broken_kuberc_runs_none() {
        let server = Api::default().start();
        let (home, _) = with_plugin(&server);
        home.kuberc("credentialPluginPolicy: [");
        let error = try_read(&home.options(&server)).err().unwrap().to_string();
        assert!(error.contains("kuberc") && error.contains("is unusable"), "{error}");
        assert_eq!(runs(&home), 0);
    }

    #[test]
    fn a_token_of_ones_own_needs_no_plugin() {
        let server = Api::default().start();
        let (home, _) = with_plugin(&server);
        home.kuberc("credentialPluginPolicy: DenyAll");
        let mut options = home.options(&server);
        options.flags.token = Some("another-token".to_owned().into());
        read(&options);
        assert_eq!(runs(&home), 0);
        assert!(server.requests().iter().all(|request| bearer(request) == "another-token"));
    }

    #[test]
    fn a_plugin_is_run_again_when_its_token_is_refused() {
        let server = Api::default()
            .when(
                |request| bearer(request) == "old-token-1" && request.path().ends_with("/pods"),
                |_, _| unauthorized(),
            )
            .start();
        let (home, _) = with_plugin(&server);
        // Each run prints another token.
        let plugin = home.path("login");
        let script = fs::read_to_string(&plugin).unwrap();
        let next = format!("echo new-token-2 > '{}'\n", home.path("token").display());
        fs::write(&plugin, format!("{script}{next}")).unwrap();
        fs::write(home.path("token"), "old-token-1").unwrap();
        let (collected, reading) = read(&home.options(&server));
        assert_eq!(collected.of(POD), ["shop/a"]);
        assert_eq!(reading.gaps, []);
        assert_eq!(runs(&home), 2);
    }
}
