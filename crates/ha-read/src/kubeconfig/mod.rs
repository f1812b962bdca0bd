//! Decides which cluster is read and as whom, exactly as kubectl would.
//!
//! Pure but for the files it reads: flags and environment come in as values, and the
//! result is a client configuration that has not yet talked to anyone. What the client
//! library does differently from kubectl is done here instead: missing files of
//! `KUBECONFIG`, proxies, credential plugins under kuberc's policy. The removed
//! auth-providers are refused; of `oidc` the stored id-token is used, never renewed.

mod environment;
mod error;
mod exec;
mod exec_policy;
mod files;
mod flags;
mod proxy;

use std::path::Path;

use http::Uri;
use kube::Config;
use kube::config::{AuthInfo, Cluster, Context, Kubeconfig, NamedAuthInfo, NamedCluster, NamedContext};

pub use environment::Environment;
pub use error::KubeconfigError;
pub(crate) use exec::ExecPlugin;
use exec_policy::ExecPolicy;
pub use flags::Flags;
pub(crate) use proxy::is_loopback;

/// What the reports call the cluster of a pod that reads its own.
const IN_CLUSTER: &str = "in-cluster";

/// A chosen cluster and user, ready to connect.
#[derive(Clone)]
pub(crate) struct Target {
    /// The client's configuration, without a credential plugin.
    pub(crate) config: Config,
    /// The credential plugin to run before connecting.
    pub(crate) plugin: Option<ExecPlugin>,
    /// The context's name, or what stands for it.
    pub(crate) context: String,
    /// The context's namespace, or `default`.
    pub(crate) namespace: String,
    /// What the user should know of this connection.
    pub(crate) notices: Vec<String>,
}

/// The names of all contexts, in the order of the files, for completion.
pub fn context_names(kubeconfig: Option<&Path>, environment: &Environment) -> Result<Vec<String>, KubeconfigError> {
    let kubeconfig = files::load(kubeconfig, environment)?;
    Ok(kubeconfig.contexts.into_iter().map(|named| named.name).collect())
}

/// Chooses cluster and user from flags, kubeconfig and environment.
pub(crate) fn resolve(flags: &Flags, environment: &Environment) -> Result<Target, KubeconfigError> {
    let kubeconfig = files::load(flags.kubeconfig.as_deref(), environment)?;
    let nothing_named = flags.context.is_none() && flags.cluster.is_none() && flags.user.is_none();
    let empty = kubeconfig.contexts.is_empty() && kubeconfig.clusters.is_empty();
    if empty && nothing_named && flags.server.is_none() {
        if environment.os("KUBERNETES_SERVICE_HOST").is_some() {
            return in_cluster(flags, environment);
        }
        let looked = files::candidates(environment);
        let looked: Vec<_> = looked.iter().map(|path| path.display().to_string()).collect();
        return Err(KubeconfigError::NotConfigured { looked: looked.join(", ") });
    }
    let chosen = choose(flags, kubeconfig)?;
    target(chosen, flags, environment)
}

/// What the kubeconfig and the flags together choose.
struct Chosen {
    context_name: String,
    context: Context,
    cluster_name: String,
    cluster: Cluster,
    user_name: String,
    user: AuthInfo,
}

fn choose(flags: &Flags, kubeconfig: Kubeconfig) -> Result<Chosen, KubeconfigError> {
    let contexts = by_name(kubeconfig.contexts, |named| (named.name, named.context));
    let clusters = by_name(kubeconfig.clusters, |named| (named.name, named.cluster));
    let users = by_name(kubeconfig.auth_infos, |named| (named.name, named.auth_info));
    let current = kubeconfig.current_context.filter(|name| !name.is_empty());
    let context_name = flags.context.clone().or(current).unwrap_or_default();
    let context = find("context", &context_name, &contexts)?;
    let cluster_name = flags.cluster.clone().unwrap_or_else(|| context.cluster.clone());
    let mut cluster = find("cluster", &cluster_name, &clusters)?;
    let user_name = flags.user.clone().or_else(|| context.user.clone()).unwrap_or_default();
    let mut user = find("user", &user_name, &users)?;
    flags.override_cluster(&mut cluster);
    flags.override_user(&mut user)?;
    if cluster.server.as_deref().unwrap_or_default().is_empty() {
        if context_name.is_empty() {
            let known = contexts.into_iter().map(|(name, _)| name).collect();
            return Err(KubeconfigError::NoContext { known });
        }
        return Err(KubeconfigError::Invalid {
            what: format!("cluster {cluster_name:?}"),
            reason: "it has no server: set one in the kubeconfig, or use --server".to_owned(),
        });
    }
    Ok(Chosen { context_name, context, cluster_name, cluster, user_name, user })
}

fn by_name<N, T: Default>(named: Vec<N>, parts: impl Fn(N) -> (String, Option<T>)) -> Vec<(String, T)> {
    named.into_iter().map(parts).map(|(name, value)| (name, value.unwrap_or_default())).collect()
}

/// The entry of this name; an empty name stands for an empty entry.
fn find<T: Clone + Default>(what: &'static str, name: &str, entries: &[(String, T)]) -> Result<T, KubeconfigError> {
    if name.is_empty() {
        return Ok(T::default());
    }
    entries.iter().find(|(known, _)| known == name).map(|(_, value)| value.clone()).ok_or_else(|| {
        KubeconfigError::Unknown {
            what,
            name: name.to_owned(),
            known: entries.iter().map(|(name, _)| name.clone()).collect(),
        }
    })
}

fn target(mut chosen: Chosen, flags: &Flags, environment: &Environment) -> Result<Target, KubeconfigError> {
    check_auth_provider(&chosen)?;
    let plugin = match chosen.user.exec.take() {
        // As in client-go, whoever already has a token or a certificate runs no plugin.
        Some(_) if has_credentials(&chosen.user) => None,
        Some(exec) => {
            let policy = ExecPolicy::load(flags.kuberc.as_deref(), environment)?;
            Some(ExecPlugin::new(exec, &chosen.cluster, &policy, environment)?)
        }
        None => None,
    };
    let context = [&chosen.context_name, &chosen.cluster_name]
        .into_iter()
        .chain(chosen.cluster.server.as_ref())
        .find(|name| !name.is_empty())
        .cloned()
        .unwrap_or_default();
    let namespace = chosen.context.namespace.clone().unwrap_or_default();
    let proxy_url = chosen.cluster.proxy_url.take();
    let (cluster_name, user_name) = (chosen.cluster_name.clone(), chosen.user_name.clone());
    let mut config = Config::try_from(single(chosen)).map_err(|error| invalid(&cluster_name, &user_name, &error))?;
    config.proxy_url = proxy::proxy_for(&config.cluster_url, proxy_url.as_deref(), environment)?;
    let notices = notices(&config, &cluster_name);
    Ok(Target {
        plugin,
        context,
        namespace: if namespace.is_empty() { "default".to_owned() } else { namespace },
        notices,
        config: tuned(config),
    })
}

/// The configuration of a pod's own cluster.
fn in_cluster(flags: &Flags, environment: &Environment) -> Result<Target, KubeconfigError> {
    let mut config = Config::incluster().map_err(|error| KubeconfigError::Invalid {
        what: "the configuration of this pod".to_owned(),
        reason: error.to_string(),
    })?;
    flags.override_user(&mut config.auth_info)?;
    if flags.insecure_skip_tls_verify {
        config.accept_invalid_certs = true;
    }
    if flags.tls_server_name.is_some() {
        config.tls_server_name.clone_from(&flags.tls_server_name);
    }
    config.proxy_url = proxy::proxy_for(&config.cluster_url, None, environment)?;
    Ok(Target {
        plugin: None,
        context: IN_CLUSTER.to_owned(),
        namespace: config.default_namespace.clone(),
        notices: notices(&config, IN_CLUSTER),
        config: tuned(config),
    })
}

/// Settings of the client that do not depend on the cluster.
fn tuned(mut config: Config) -> Config {
    // Retries are decided in one place, `cluster::retry`.
    config.default_retry = false;
    // Over loopback, compressing costs more than it saves.
    config.disable_compression |= is_loopback(&config.cluster_url);
    config
}

fn has_credentials(user: &AuthInfo) -> bool {
    let token = user.token.is_some() || user.token_file.is_some();
    let certificate = user.client_certificate.is_some() || user.client_certificate_data.is_some();
    token || certificate || user.username.is_some()
}

/// client-go dropped all auth-providers but `oidc`; the client library would still run
/// the command of `gcp`, past kuberc's policy.
fn check_auth_provider(chosen: &Chosen) -> Result<(), KubeconfigError> {
    match &chosen.user.auth_provider {
        Some(provider) if provider.name != "oidc" => Err(KubeconfigError::Invalid {
            what: format!("auth-provider {:?} of user {:?}", provider.name, chosen.user_name),
            reason: "kubectl no longer has it: use its exec credential plugin".to_owned(),
        }),
        _ => Ok(()),
    }
}

/// A kubeconfig with nothing in it but what was chosen.
fn single(chosen: Chosen) -> Kubeconfig {
    let name = || "chosen".to_owned();
    let context = Context { cluster: name(), user: Some(name()), ..chosen.context };
    Kubeconfig {
        current_context: Some(name()),
        contexts: vec![NamedContext { name: name(), context: Some(context), ..NamedContext::default() }],
        clusters: vec![NamedCluster { name: name(), cluster: Some(chosen.cluster), ..NamedCluster::default() }],
        auth_infos: vec![NamedAuthInfo { name: name(), auth_info: Some(chosen.user), ..NamedAuthInfo::default() }],
        ..Kubeconfig::default()
    }
}

/// Tells which setting is unusable, and why as far as that holds no secret.
fn invalid(cluster: &str, user: &str, error: &kube::config::KubeconfigError) -> KubeconfigError {
    use kube::config::KubeconfigError as Kube;
    let (what, reason) = match error {
        Kube::ParseClusterUrl(error) => (format!("server of cluster {cluster:?}"), error.to_string()),
        Kube::LoadCertificateAuthority(error) => {
            (format!("certificate authority of cluster {cluster:?}"), load_reason(error))
        }
        Kube::ParseCertificates(_) => {
            (format!("certificate authority of cluster {cluster:?}"), "it is not PEM".to_owned())
        }
        Kube::LoadClientCertificate(error) => (format!("client certificate of user {user:?}"), load_reason(error)),
        Kube::LoadClientKey(error) => (format!("client key of user {user:?}"), load_reason(error)),
        _ => (format!("cluster {cluster:?} with user {user:?}"), "its settings do not fit together".to_owned()),
    };
    KubeconfigError::Invalid { what, reason }
}

fn load_reason(error: &kube::config::LoadDataError) -> String {
    use kube::config::LoadDataError;
    match error {
        LoadDataError::ReadFile(error, path) => format!("{}: {error}", path.display()),
        LoadDataError::DecodeBase64(_) => "it is not base64".to_owned(),
        LoadDataError::NoBase64DataOrFile => "certificate and key must both be there".to_owned(),
    }
}

fn notices(config: &Config, cluster: &str) -> Vec<String> {
    let mut notices = Vec::new();
    if config.accept_invalid_certs {
        notices.push(format!(
            "the certificate of cluster {cluster:?} is not verified (insecure-skip-tls-verify): \
             anyone on the way can read and change what is read"
        ));
    }
    if config.cluster_url.scheme() == Some(&http::uri::Scheme::HTTP) && !is_loopback(&config.cluster_url) {
        notices.push(format!("the connection to cluster {cluster:?} is not encrypted (http)"));
    }
    notices
}

/// The same of an address as text; empty when it is none.
pub(crate) fn shown_text(server: &str) -> String {
    server.parse().map(|server| shown(&server)).unwrap_or_default()
}

/// A server's address without user, password and query, to be shown.
pub(crate) fn shown(server: &Uri) -> String {
    let scheme = server.scheme_str().unwrap_or("https");
    let host = server.host().unwrap_or("?");
    match server.port_u16() {
        Some(port) => format!("{scheme}://{host}:{port}"),
        None => format!("{scheme}://{host}"),
    }
}
