//! The only place where requests are made, and it makes `GET` requests only.

use http::header::ACCEPT;
use http::{HeaderValue, Method, Request};
use kube::client::Body;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};

use super::kinds::{ListedKind, NamedConfigMap};

/// What may stand in a path segment or a query value as it is.
const ESCAPED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

/// The plain JSON of the Kubernetes API.
pub(super) const JSON: &str = "application/json";
/// Names and labels only, where the server can; else whole objects.
pub(super) const METADATA: &str = "application/json;as=PartialObjectMetadataList;g=meta.k8s.io;v=v1,application/json";
/// Aggregated discovery, else the plain lists of older servers.
pub(super) const DISCOVERY: &str = "application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList,\
     application/json;g=apidiscovery.k8s.io;v=v2beta1;as=APIGroupDiscoveryList,\
     application/json";

/// A `GET` request for `path`, relative to the server's address.
pub(super) fn get(path: &str, accept: &'static str) -> Result<Request<Body>, http::Error> {
    Request::builder()
        .method(Method::GET)
        .uri(path)
        .header(ACCEPT, HeaderValue::from_static(accept))
        .body(Body::empty())
}

/// The collection of a kind, in one namespace or in the whole cluster.
pub(super) fn collection(listed: &ListedKind, version: &str, namespace: Option<&str>) -> String {
    let root = group_version(listed.group(), version);
    let resource = listed.resource;
    match namespace {
        Some(namespace) => format!("{root}/namespaces/{}/{resource}", escaped(namespace)),
        None => format!("{root}/{resource}"),
    }
}

/// One page of a collection.
pub(super) fn page(collection: &str, limit: u32, labels: Option<&str>, continue_token: Option<&str>) -> String {
    let mut path = format!("{collection}?limit={limit}");
    if let Some(labels) = labels {
        path.push_str("&labelSelector=");
        path.push_str(&escaped(labels));
    }
    if let Some(token) = continue_token {
        path.push_str("&continue=");
        path.push_str(&escaped(token));
    }
    path
}

/// One ConfigMap by name.
pub(super) fn config_map(config_map: NamedConfigMap) -> String {
    let NamedConfigMap { namespace, name } = config_map;
    format!("/api/v1/namespaces/{namespace}/configmaps/{name}")
}

/// All ConfigMaps, to be narrowed by a label.
pub(super) const CONFIG_MAPS: &str = "/api/v1/configmaps";

/// The root of an API group in one version.
pub(super) fn group_version(group: &str, version: &str) -> String {
    let version = escaped(version);
    if group.is_empty() { format!("/api/{version}") } else { format!("/apis/{}/{version}", escaped(group)) }
}

fn escaped(text: &str) -> String {
    utf8_percent_encode(text, ESCAPED).to_string()
}

#[cfg(test)]
mod tests {
    use super::super::kinds::LISTED;
    use super::*;

    #[test]
    fn names_cannot_leave_their_segment() {
        let pods = LISTED.iter().find(|listed| listed.resource == "pods").unwrap();
        let path = collection(pods, "v1", Some("../secrets?x"));
        assert_eq!(path, "/api/v1/namespaces/..%2Fsecrets%3Fx/pods");
        let path = page(&path, 5, Some("a=b&watch=1"), Some("t+k"));
        assert!(path.ends_with("?limit=5&labelSelector=a%3Db%26watch%3D1&continue=t%2Bk"), "{path}");
    }
}
