//! Runs a credential plugin, within bounds.
//!
//! The plugin is told what client-go tells it (`KUBERNETES_EXEC_INFO`) and must answer
//! with one `ExecCredential` on standard output: at most 1 MiB, within a time limit. What
//! it writes to standard error goes to the caller without control characters, never to
//! the terminal directly. Nothing it printed is repeated in an error.

use std::io::IsTerminal;
use std::path::PathBuf;
use std::process::Stdio;
use std::time::Duration;

use kube::config::{Cluster, ExecAuthCluster, ExecConfig, ExecInteractiveMode};
use secrecy::SecretString;
use serde::{Deserialize, Serialize};
use tokio::io::{AsyncRead, AsyncReadExt};
use tokio::process::{Child, Command};

use super::{Environment, ExecPolicy, KubeconfigError};

/// The most that a plugin may print, in bytes.
const MOST_OUTPUT: u64 = 1 << 20;
/// The most of its standard error that is passed on, in bytes.
const MOST_MESSAGES: usize = 64 << 10;
/// How long a plugin may take that cannot ask the user anything.
const TIME_LIMIT: Duration = Duration::from_mins(1);
/// How long a plugin may take that waits for a person to log in.
const INTERACTIVE_TIME_LIMIT: Duration = Duration::from_mins(5);

const API_VERSIONS: [&str; 2] = ["client.authentication.k8s.io/v1", "client.authentication.k8s.io/v1beta1"];

/// A credential plugin that may run.
#[derive(Clone)]
pub(crate) struct ExecPlugin {
    config: ExecConfig,
    command: String,
    api_version: String,
    executable: PathBuf,
    cluster: Option<ExecAuthCluster>,
    time_limit: Option<Duration>,
}

/// What a plugin answered: a token, a client certificate with its key, or both.
pub(crate) struct Credential {
    /// A bearer token.
    pub(crate) token: Option<SecretString>,
    /// A client certificate and its key, both PEM.
    pub(crate) certificate: Option<(String, SecretString)>,
}

#[derive(Serialize)]
struct Request<'a> {
    #[serde(rename = "apiVersion")]
    api_version: &'a str,
    kind: &'static str,
    spec: RequestSpec<'a>,
}

#[derive(Serialize)]
struct RequestSpec<'a> {
    interactive: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    cluster: Option<&'a ExecAuthCluster>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Answer {
    api_version: String,
    kind: String,
    status: Option<AnswerStatus>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct AnswerStatus {
    #[serde(default)]
    token: String,
    #[serde(default)]
    client_certificate_data: String,
    #[serde(default)]
    client_key_data: String,
}

impl ExecPlugin {
    /// Prepares a plugin, if kuberc lets it run.
    pub(super) fn new(
        config: ExecConfig,
        cluster: &Cluster,
        policy: &ExecPolicy,
        environment: &Environment,
    ) -> Result<Self, KubeconfigError> {
        let command = config.command.clone().unwrap_or_default();
        let failed = |reason: &str| KubeconfigError::Plugin { command: command.clone(), reason: reason.to_owned() };
        let api_version = config.api_version.clone().unwrap_or_default();
        if !API_VERSIONS.contains(&api_version.as_str()) {
            return Err(failed("its apiVersion is not client.authentication.k8s.io/v1 or v1beta1"));
        }
        let executable = policy.resolve(&command, environment)?;
        let cluster = if config.provide_cluster_info {
            let cluster = ExecAuthCluster::try_from(cluster);
            Some(cluster.map_err(|_| failed("the cluster's certificate authority cannot be read"))?)
        } else {
            None
        };
        Ok(Self { config, command, api_version, executable, cluster, time_limit: None })
    }

    /// Runs the plugin and gives `say` what it writes to standard error.
    pub(crate) async fn run(&self, say: &dyn Fn(String)) -> Result<Credential, KubeconfigError> {
        let interactive = self.is_interactive()?;
        let limit = self.time_limit.unwrap_or(if interactive { INTERACTIVE_TIME_LIMIT } else { TIME_LIMIT });
        let child = self.spawn(interactive)?;
        let output = tokio::time::timeout(limit, self.output_of(child, say))
            .await
            .map_err(|_| self.failed(format!("it did not end within {} s", limit.as_secs())))??;
        self.credential(&output)
    }

    fn is_interactive(&self) -> Result<bool, KubeconfigError> {
        let terminal = std::io::stdin().is_terminal();
        match self.config.interactive_mode {
            Some(ExecInteractiveMode::Never) => Ok(false),
            Some(ExecInteractiveMode::Always) if !terminal => {
                Err(self.failed("it needs a terminal, and standard input is none".to_owned()))
            }
            Some(ExecInteractiveMode::Always | ExecInteractiveMode::IfAvailable) | None => Ok(terminal),
        }
    }

    fn spawn(&self, interactive: bool) -> Result<Child, KubeconfigError> {
        let request = Request {
            api_version: &self.api_version,
            kind: "ExecCredential",
            spec: RequestSpec { interactive, cluster: self.cluster.as_ref() },
        };
        let request = serde_json::to_string(&request)
            .map_err(|_| self.failed("its input cannot be written as JSON".to_owned()))?;
        let variables = self.config.env.iter().flatten();
        Command::new(&self.executable)
            .args(self.config.args.iter().flatten())
            .envs(variables.filter_map(|entry| Some((entry.get("name")?, entry.get("value")?))))
            .env("KUBERNETES_EXEC_INFO", request)
            .stdin(if interactive { Stdio::inherit() } else { Stdio::null() })
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .map_err(|error| self.failed(format!("it cannot be started: {error}")))
    }

    /// Everything the plugin printed, once it has ended well.
    async fn output_of(&self, mut child: Child, say: &dyn Fn(String)) -> Result<Vec<u8>, KubeconfigError> {
        let (stdout, stderr) = (child.stdout.take(), child.stderr.take());
        let output = async {
            let mut output = Vec::new();
            if let Some(stdout) = stdout {
                let bounded = stdout.take(MOST_OUTPUT + 1).read_to_end(&mut output).await;
                bounded.map_err(|error| self.failed(format!("its output cannot be read: {error}")))?;
            }
            if output.len() as u64 > MOST_OUTPUT {
                return Err(self.failed("it printed more than 1 MiB".to_owned()));
            }
            Ok(output)
        };
        let messages = async {
            if let Some(stderr) = stderr {
                pass_on(stderr, say).await;
            }
            Ok(())
        };
        let (output, ()) = futures::future::try_join(output, messages).await?;
        let status = child.wait().await;
        match status {
            Ok(status) if status.success() => Ok(output),
            Ok(status) => Err(self.failed(format!("it ended with {status}"))),
            Err(error) => Err(self.failed(format!("it was lost: {error}"))),
        }
    }

    fn credential(&self, output: &[u8]) -> Result<Credential, KubeconfigError> {
        let answer: Answer = serde_json::from_slice(output).map_err(|error| {
            let (line, column) = (error.line(), error.column());
            self.failed(format!("its output is no ExecCredential (line {line}, column {column})"))
        })?;
        if answer.kind != "ExecCredential" || answer.api_version != self.api_version {
            let wanted = &self.api_version;
            return Err(self.failed(format!("its output is no ExecCredential of {wanted}")));
        }
        let status = answer.status.ok_or_else(|| self.failed("its output has no status".to_owned()))?;
        let (token, certificate, key) = (status.token, status.client_certificate_data, status.client_key_data);
        match (token.is_empty(), certificate.is_empty(), key.is_empty()) {
            (true, true, true) => Err(self.failed("its status has no token and no certificate".to_owned())),
            (_, true, false) | (_, false, true) => {
                Err(self.failed("its status has a certificate or a key, not both".to_owned()))
            }
            (no_token, no_certificate, _) => Ok(Credential {
                token: (!no_token).then(|| token.into()),
                certificate: (!no_certificate).then(|| (certificate, key.into())),
            }),
        }
    }

    fn failed(&self, mut reason: String) -> KubeconfigError {
        if let Some(hint) = self.config.install_hint.as_deref().filter(|hint| !hint.is_empty()) {
            reason = format!("{reason}; the kubeconfig says: {}", without_controls(hint));
        }
        KubeconfigError::Plugin { command: self.command.clone(), reason }
    }
}

/// Passes on what a plugin writes, while it writes: it may be waiting for an answer.
async fn pass_on(mut from: impl AsyncRead + Unpin, say: &dyn Fn(String)) {
    let mut buffer = [0; 4096];
    let mut passed = 0;
    while let Ok(length @ 1..) = from.read(&mut buffer).await {
        if passed < MOST_MESSAGES {
            say(without_controls(&String::from_utf8_lossy(&buffer[..length])));
        }
        passed += length;
    }
}

/// Text whose control characters, except line ends, are replaced.
fn without_controls(text: &str) -> String {
    text.chars().map(|c| if c.is_control() && c != '\n' { '\u{fffd}' } else { c }).collect()
}

#[cfg(test)]
#[cfg(unix)]
mod tests {
    use std::cell::RefCell;

    use super::*;

    fn plugin(script: &str) -> ExecPlugin {
        let config = ExecConfig {
            api_version: Some(API_VERSIONS[0].to_owned()),
            command: Some("sh".to_owned()),
            args: Some(vec!["-c".to_owned(), script.to_owned()]),
            interactive_mode: Some(ExecInteractiveMode::Never),
            ..ExecConfig::default()
        };
        let environment = Environment::of_process();
        ExecPlugin::new(config, &Cluster::default(), &ExecPolicy::AllowAll, &environment).unwrap()
    }

    /// A script that prints an ExecCredential with this status.
    fn printing(status: &str) -> String {
        let version = API_VERSIONS[0];
        format!(r#"echo '{{"apiVersion":"{version}","kind":"ExecCredential","status":{status}}}'"#)
    }

    async fn error_of(plugin: ExecPlugin) -> String {
        match plugin.run(&|_| ()).await {
            Ok(_) => panic!("the plugin gave a credential"),
            Err(error) => error.to_string(),
        }
    }

    #[tokio::test]
    async fn a_token_is_read() {
        use secrecy::ExposeSecret;
        let credential = plugin(&printing(r#"{"token":"t"}"#)).run(&|_| ()).await.unwrap();
        assert_eq!(credential.token.unwrap().expose_secret(), "t");
        assert!(credential.certificate.is_none());
    }

    #[tokio::test]
    async fn endless_output_ends_at_a_mebibyte() {
        let error = error_of(plugin("exec cat /dev/zero")).await;
        assert!(error.contains("more than 1 MiB"), "{error}");
    }

    #[tokio::test]
    async fn a_hanging_plugin_is_given_up() {
        let mut hanging = plugin("exec sleep 600");
        hanging.time_limit = Some(Duration::from_millis(50));
        let error = error_of(hanging).await;
        assert!(error.contains("did not end within"), "{error}");
    }

    #[tokio::test]
    async fn messages_lose_their_escapes() {
        let said = RefCell::new(String::new());
        let script = format!(r"printf '\033]52;c;x\007log in\n' >&2; {}", printing(r#"{"token":"t"}"#));
        let plugin = plugin(&script);
        plugin.run(&|text| said.borrow_mut().push_str(&text)).await.unwrap();
        assert_eq!(said.into_inner(), "\u{fffd}]52;c;x\u{fffd}log in\n");
    }

    #[tokio::test]
    async fn what_it_printed_is_never_repeated() {
        for script in [
            "echo '{\"apiVersion\":1,\"token\":\"hunter2\"}'".to_owned(),
            "echo '\"hunter2\"'".to_owned(),
            "echo hunter2".to_owned(),
            printing(r#"{"token":"","clientKeyData":"hunter2"}"#),
            printing(r#""hunter2""#),
            "echo hunter2; exit 3".to_owned(),
        ] {
            let error = error_of(plugin(&script)).await;
            assert!(error.contains("gave no credential"), "{error}");
            assert!(!error.contains("hunter2"), "{error}");
        }
    }

    #[tokio::test]
    async fn another_api_version_is_refused() {
        let script = printing(r#"{"token":"t"}"#).replace("/v1\"", "/v1alpha1\"");
        let error = error_of(plugin(&script)).await;
        assert!(error.contains("no ExecCredential of"), "{error}");
    }
}
