//! kubectl's connection flags, and how they change what the kubeconfig says.

use std::path::PathBuf;

use kube::config::{AuthInfo, Cluster};
use secrecy::SecretString;

use super::KubeconfigError;

/// kubectl's flags that decide which cluster is read, and as whom.
#[derive(Clone, Debug, Default)]
pub struct Flags {
    /// `--kubeconfig`: the only kubeconfig to read.
    pub kubeconfig: Option<PathBuf>,
    /// `--context`: instead of the current context.
    pub context: Option<String>,
    /// `--cluster`: instead of the context's cluster.
    pub cluster: Option<String>,
    /// `--user`: instead of the context's user.
    pub user: Option<String>,
    /// `--server`: instead of the cluster's address.
    pub server: Option<String>,
    /// `--token`: a bearer token, instead of the user's credentials.
    pub token: Option<SecretString>,
    /// `--as`: a user to impersonate.
    pub as_user: Option<String>,
    /// `--as-group`, repeatable.
    pub as_groups: Vec<String>,
    /// `--as-uid`.
    pub as_uid: Option<String>,
    /// `--insecure-skip-tls-verify`.
    pub insecure_skip_tls_verify: bool,
    /// `--tls-server-name`: the name the server's certificate must bear.
    pub tls_server_name: Option<String>,
    /// `--certificate-authority`: a PEM file.
    pub certificate_authority: Option<PathBuf>,
    /// `--kuberc`: instead of `KUBERC` or `~/.kube/kuberc`.
    pub kuberc: Option<PathBuf>,
}

impl Flags {
    /// Puts the cluster's flags over what the kubeconfig says of it.
    pub(super) fn override_cluster(&self, cluster: &mut Cluster) {
        if let Some(server) = &self.server {
            cluster.server = Some(server.clone());
        }
        if let Some(name) = &self.tls_server_name {
            cluster.tls_server_name = Some(name.clone());
        }
        if let Some(path) = &self.certificate_authority {
            cluster.certificate_authority = Some(path.to_string_lossy().into_owned());
            cluster.certificate_authority_data = None;
        }
        if self.insecure_skip_tls_verify {
            cluster.insecure_skip_tls_verify = Some(true);
            if self.certificate_authority.is_none() {
                cluster.certificate_authority = None;
                cluster.certificate_authority_data = None;
            }
        }
    }

    /// Puts the user's flags over what the kubeconfig says of it.
    ///
    /// A token replaces every other way to prove who one is, except a client
    /// certificate, which the connection may need before any token is seen.
    pub(super) fn override_user(&self, user: &mut AuthInfo) -> Result<(), KubeconfigError> {
        if let Some(token) = &self.token {
            user.token = Some(token.clone());
            user.token_file = None;
            user.exec = None;
            user.auth_provider = None;
            user.username = None;
            user.password = None;
        }
        if let Some(name) = &self.as_user {
            user.impersonate = Some(name.clone());
        }
        if let Some(uid) = &self.as_uid {
            user.impersonate_uid = Some(uid.clone());
        }
        if !self.as_groups.is_empty() {
            user.impersonate_groups = Some(self.as_groups.clone());
        }
        let impersonates_more = user.impersonate_uid.is_some() || user.impersonate_groups.is_some();
        if impersonates_more && user.impersonate.is_none() {
            return Err(KubeconfigError::ImpersonationWithoutUser);
        }
        Ok(())
    }
}
