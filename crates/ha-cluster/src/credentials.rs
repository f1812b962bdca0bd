//! Keys, certificates, tokens and kubeconfigs of a test cluster.
//!
//! All of it is made anew for each cluster and is worth nothing elsewhere: the server listens on
//! the loopback interface only.

use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};

use rcgen::{BasicConstraints, CertificateParams, DnType, IsCa, Issuer, KeyPair, KeyUsagePurpose};
use serde_json::json;

use crate::error::{Error, Result};

/// The users of every test cluster with their groups. What they may read is in
/// `tests/cluster/users.yaml`.
pub const USERS: &[(&str, &str)] = &[("admin", "system:masters"), ("viewer", ""), ("tenant", ""), ("stranger", "")];

/// The files a cluster's components and users authenticate with.
#[derive(Debug)]
pub(crate) struct Credentials {
    /// The authority that signed the server's certificate.
    pub(crate) authority: PathBuf,
    /// The server's certificate.
    pub(crate) certificate: PathBuf,
    /// The server's key.
    pub(crate) key: PathBuf,
    /// Signs the tokens of service accounts.
    pub(crate) service_account_key: PathBuf,
    /// Checks them.
    pub(crate) service_account_public_key: PathBuf,
    /// The API server's `--token-auth-file`.
    pub(crate) tokens: PathBuf,
}

impl Credentials {
    /// Where they are in a cluster's folder.
    pub(crate) fn within(directory: &Path) -> Self {
        Self {
            authority: directory.join("ca.crt"),
            certificate: directory.join("apiserver.crt"),
            key: directory.join("apiserver.key"),
            service_account_key: directory.join("service-account.key"),
            service_account_public_key: directory.join("service-account.pub"),
            tokens: directory.join("tokens.csv"),
        }
    }

    /// Makes all files, and one kubeconfig per user for the server at `url`.
    pub(crate) fn create(directory: &Path, url: &str) -> Result<Self> {
        let files = Self::within(directory);
        let (authority, certificate, key) = server_certificate()?;
        write(&files.authority, &authority)?;
        write(&files.certificate, &certificate)?;
        write(&files.key, &key)?;
        let service_accounts = KeyPair::generate()?;
        write(&files.service_account_key, &service_accounts.serialize_pem())?;
        write(&files.service_account_public_key, &service_accounts.public_key_pem())?;
        let mut tokens = String::new();
        for (user, group) in USERS {
            let token: String = std::iter::repeat_with(fastrand::alphanumeric).take(32).collect();
            let _ = writeln!(tokens, "{token},{user},{user},{group}");
            let config = kubeconfig(directory, url, &files.authority, user, &token);
            write(&kubeconfig_path(directory, user), &config)?;
        }
        write(&files.tokens, &tokens)?;
        Ok(files)
    }
}

/// The kubeconfig of a user; the administrator's has the plain name.
pub(crate) fn kubeconfig_path(directory: &Path, user: &str) -> PathBuf {
    match user {
        "admin" => directory.join("kubeconfig"),
        _ => directory.join(format!("kubeconfig-{user}")),
    }
}

/// A kubeconfig with one context, as JSON, which is YAML.
fn kubeconfig(directory: &Path, url: &str, authority: &Path, user: &str, token: &str) -> String {
    let cluster = directory.file_name().unwrap_or_default().to_string_lossy();
    let config = json!({
        "apiVersion": "v1",
        "kind": "Config",
        "current-context": cluster,
        "clusters": [{"name": cluster, "cluster": {
            "server": url,
            "certificate-authority": authority,
        }}],
        "users": [{"name": user, "user": {"token": token}}],
        "contexts": [{"name": cluster, "context": {"cluster": cluster, "user": user}}],
    });
    format!("{config:#}\n")
}

/// A certificate authority, and a certificate of the API server signed by it, as PEM:
/// (authority, certificate, key).
fn server_certificate() -> Result<(String, String, String)> {
    let mut authority = CertificateParams::new(Vec::<String>::new())?;
    authority.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    authority.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::DigitalSignature];
    authority.distinguished_name.push(DnType::CommonName, "kubectl-ha test cluster");
    let authority_key = KeyPair::generate()?;
    let authority_pem = authority.self_signed(&authority_key)?.pem();
    let issuer = Issuer::new(authority, authority_key);

    let names = ["127.0.0.1", "localhost", "kubernetes", "kubernetes.default.svc"];
    let server = CertificateParams::new(names.map(str::to_owned))?;
    let key = KeyPair::generate()?;
    let certificate = server.signed_by(&key, &issuer)?;
    Ok((authority_pem, certificate.pem(), key.serialize_pem()))
}

fn write(path: &Path, content: &str) -> Result<()> {
    fs::write(path, content).map_err(Error::file("write", path))
}
