//! The client with its current credentials, and how they are renewed.
//!
//! Credentials may expire while a large cluster is read. When the server stops accepting
//! them, a credential plugin is run again, or a token file read again, once for all
//! requests that were refused.

use std::sync::Arc;

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use http::{Request, Response};
use kube::Client;
use kube::client::Body;
use secrecy::ExposeSecret;
use tokio::sync::Mutex;

use super::error::ClusterError;
use crate::kubeconfig::{self, Target};

/// How often credentials are renewed in one reading.
const MOST_RENEWALS: u32 = 3;
/// Shorter secrets are not looked for in texts: they would hide harmless words.
const SHORTEST_SECRET: usize = 6;

/// Passes on what a credential plugin writes to standard error.
pub(super) type Say = Box<dyn Fn(String) + Send + Sync>;

/// A connection to one API server.
pub(super) struct Connection {
    target: Target,
    say: Say,
    current: Mutex<Arc<Session>>,
}

/// A client and the credentials it uses.
pub(super) struct Session {
    client: Client,
    renewals: u32,
    secrets: Vec<String>,
}

impl Session {
    /// Sends a request with these credentials.
    pub(super) async fn send(&self, request: Request<Body>) -> Result<Response<Body>, kube::Error> {
        self.client.send(request).await
    }

    /// `text` without any credential that a server may have echoed.
    pub(super) fn redact(&self, text: String) -> String {
        self.secrets
            .iter()
            .filter(|secret| secret.len() >= SHORTEST_SECRET)
            .fold(text, |text, secret| text.replace(secret, "[redacted]"))
    }
}

impl Connection {
    /// Gets the credentials and sets up the client. Nothing is sent yet.
    pub(super) async fn open(target: Target, say: Say) -> Result<Self, ClusterError> {
        let session = session(&target, &say, 0).await?;
        Ok(Self { target, say, current: Mutex::new(Arc::new(session)) })
    }

    /// What this is a connection to.
    pub(super) fn target(&self) -> &Target {
        &self.target
    }

    /// The client with the newest credentials.
    pub(super) async fn session(&self) -> Arc<Session> {
        Arc::clone(&*self.current.lock().await)
    }

    /// The client with newer credentials than those of `refused`; none when there can be
    /// no newer ones.
    pub(super) async fn renewed(&self, refused: &Session) -> Result<Option<Arc<Session>>, ClusterError> {
        let mut current = self.current.lock().await;
        if current.renewals > refused.renewals {
            return Ok(Some(Arc::clone(&current)));
        }
        let renewable = self.target.plugin.is_some() || self.target.config.auth_info.token_file.is_some();
        if !renewable || refused.renewals >= MOST_RENEWALS {
            return Ok(None);
        }
        *current = Arc::new(session(&self.target, &self.say, refused.renewals + 1).await?);
        Ok(Some(Arc::clone(&current)))
    }
}

async fn session(target: &Target, say: &Say, renewals: u32) -> Result<Session, ClusterError> {
    // Another crate of the process may bring a second provider, and then none is the default.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let mut config = target.config.clone();
    let user = &mut config.auth_info;
    if let Some(plugin) = &target.plugin {
        let credential = plugin.run(say.as_ref()).await?;
        user.token = credential.token;
        if let Some((certificate, key)) = credential.certificate {
            user.client_certificate_data = Some(BASE64_STANDARD.encode(&certificate));
            user.client_key_data = Some(BASE64_STANDARD.encode(key.expose_secret()).into());
        }
    }
    let mut secrets: Vec<String> =
        [&user.token, &user.password].into_iter().flatten().map(|secret| secret.expose_secret().to_owned()).collect();
    if let (None, Some(path)) = (&user.token, &user.token_file) {
        let token = std::fs::read_to_string(path).unwrap_or_default();
        secrets.push(token.trim().to_owned());
    }
    let client = Client::try_from(config).map_err(|error| ClusterError::Setup {
        server: kubeconfig::shown(&target.config.cluster_url),
        reason: setup_reason(&error),
    })?;
    Ok(Session { client, renewals, secrets })
}

/// Why no client could be made, without any part of a credential.
fn setup_reason(error: &kube::Error) -> String {
    match error {
        kube::Error::Auth(_) => "the user's token or token file cannot be used".to_owned(),
        kube::Error::HttpError(_) => "a user or group to impersonate cannot stand in a header".to_owned(),
        kube::Error::InferKubeconfig(_) | kube::Error::RustlsTls(_) => {
            "the certificates of the user or the cluster cannot be used".to_owned()
        }
        _ => "its settings do not fit together".to_owned(),
    }
}
