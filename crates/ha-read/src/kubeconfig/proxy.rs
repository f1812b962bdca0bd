//! Which proxy, if any, stands between us and the API server.
//!
//! The same answer as kubectl gives: `proxy-url` of the cluster wins, even over
//! `NO_PROXY`; else `HTTPS_PROXY` or `HTTP_PROXY` by the scheme of the server, unless
//! `NO_PROXY` or a loopback address says otherwise.

use http::Uri;
use hyper_util::client::proxy::matcher::Matcher;

use super::{Environment, KubeconfigError};

/// The proxy for `server`, with its user and password if it has them.
pub(super) fn proxy_for(
    server: &Uri,
    proxy_url: Option<&str>,
    environment: &Environment,
) -> Result<Option<Uri>, KubeconfigError> {
    if let Some(url) = proxy_url.filter(|url| !url.is_empty()) {
        return parse(url, "proxy-url of the cluster").map(Some);
    }
    if is_loopback(server) {
        return Ok(None);
    }
    let name = if server.scheme_str() == Some("http") { "HTTP_PROXY" } else { "HTTPS_PROXY" };
    let Some(url) = either_case(environment, name) else {
        return Ok(None);
    };
    let matcher = Matcher::builder().all(url).no(either_case(environment, "NO_PROXY").unwrap_or_default()).build();
    if matcher.intercept(server).is_none() {
        return Ok(None);
    }
    parse(url, name).map(Some)
}

/// Whether the server is this machine: no proxy, and no use in compressing.
pub(crate) fn is_loopback(server: &Uri) -> bool {
    let host = server.host().unwrap_or_default();
    let host = host.trim_start_matches('[').trim_end_matches(']');
    host.eq_ignore_ascii_case("localhost")
        || host.parse::<std::net::IpAddr>().is_ok_and(|address| address.is_loopback())
}

fn either_case<'a>(environment: &'a Environment, name: &str) -> Option<&'a str> {
    environment.text(name).or_else(|| environment.text(&name.to_ascii_lowercase()))
}

/// Checks the scheme here, since the client's own message would repeat the password.
fn parse(url: &str, what: &str) -> Result<Uri, KubeconfigError> {
    let invalid = |reason: &str| KubeconfigError::Invalid { what: what.to_owned(), reason: reason.to_owned() };
    let url = match url.split_once("://") {
        None => format!("http://{url}"),
        Some(("socks5h", rest)) => format!("socks5://{rest}"),
        Some(_) => url.to_owned(),
    };
    let uri: Uri = url.parse().map_err(|_| invalid("it is not a URL"))?;
    match uri.scheme_str() {
        Some("http" | "https" | "socks5") => Ok(uri),
        _ => Err(invalid("its scheme is not http, https or socks5")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn proxy(server: &str, proxy_url: Option<&str>, variables: &[(&str, &str)]) -> Option<String> {
        let environment = Environment::from_pairs(variables.iter().copied());
        proxy_for(&server.parse().unwrap(), proxy_url, &environment).unwrap().map(|uri| uri.to_string())
    }

    #[test]
    fn the_clusters_proxy_wins_over_the_environment() {
        let variables = [("HTTPS_PROXY", "http://env:1"), ("NO_PROXY", "*")];
        let found = proxy("https://api.example", Some("socks5h://c:2"), &variables);
        assert_eq!(found.as_deref(), Some("socks5://c:2/"));
    }

    #[test]
    fn the_environment_serves_by_scheme() {
        let variables = [("https_proxy", "sec:1"), ("HTTP_PROXY", "http://plain:2")];
        let of = |server| proxy(server, None, &variables);
        assert_eq!(of("https://api.example").as_deref(), Some("http://sec:1/"));
        assert_eq!(of("http://api.example").as_deref(), Some("http://plain:2/"));
    }

    #[test]
    fn no_proxy_names_the_server_not_the_proxy() {
        let variables = [("HTTPS_PROXY", "http://p:1"), ("NO_PROXY", ".corp,10.0.0.0/8")];
        let of = |server| proxy(server, None, &variables);
        assert_eq!(of("https://api.corp:6443"), None);
        assert_eq!(of("https://10.1.2.3"), None);
        assert_eq!(of("https://api.example").as_deref(), Some("http://p:1/"));
    }

    #[test]
    fn loopback_needs_no_proxy() {
        let variables = [("HTTPS_PROXY", "http://p:1")];
        for server in ["https://127.0.0.1:6443", "https://localhost", "https://[::1]:1"] {
            assert_eq!(proxy(server, None, &variables), None, "{server}");
        }
    }

    #[test]
    fn a_bad_proxy_is_named_without_its_password() {
        let server = "https://api.example".parse().unwrap();
        let url = Some("ftp://user:hunter2@p");
        let error = proxy_for(&server, url, &Environment::default()).unwrap_err();
        assert!(error.to_string().contains("proxy-url"), "{error}");
        assert!(!error.to_string().contains("hunter2"), "{error}");
    }
}
