//! A small API server: every kind of the table with one object each, unless told otherwise.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicUsize, Ordering};

use ha_core::snapshot::ResourceKind;
use ha_read::Reading;
use ha_read::cluster::{self, ClusterError, LISTED, Limits, ListedKind, NAMESPACES, Options};
use ha_read::kubeconfig::{Environment, Flags};
use ha_snapshot::objects::Object;
use serde_json::{Value, json};
use std::time::Duration;

use crate::server::{Reply, Request, Server};

type Rule = Box<dyn Fn(&Request, usize) -> Option<Reply> + Send + Sync>;

/// The script of an API server.
#[derive(Default)]
pub(crate) struct Api {
    rules: Vec<(Rule, AtomicUsize)>,
}

impl Api {
    /// Answers requests for `path` by `answer`, which is told how many came before.
    pub(crate) fn on(self, path: &str, answer: impl Fn(&Request, usize) -> Reply + Send + Sync + 'static) -> Self {
        let path = path.to_owned();
        self.when(move |request| request.path() == path, answer)
    }

    /// Answers the requests that `matches` chooses.
    pub(crate) fn when(
        mut self,
        matches: impl Fn(&Request) -> bool + Send + Sync + 'static,
        answer: impl Fn(&Request, usize) -> Reply + Send + Sync + 'static,
    ) -> Self {
        let rule = move |request: &Request, before| matches(request).then(|| answer(request, before));
        self.rules.push((Box::new(rule), AtomicUsize::new(0)));
        self
    }

    pub(crate) fn start(self) -> Server {
        Server::start(move |request| self.answer(request))
    }

    fn answer(&self, request: &Request) -> Reply {
        for (rule, calls) in &self.rules {
            if let Some(reply) = rule(request, calls.load(Ordering::SeqCst)) {
                calls.fetch_add(1, Ordering::SeqCst);
                return reply;
            }
        }
        match request.path() {
            "/version" => Reply::json(json!({"gitVersion": "v1.36.3"}).to_string()),
            "/api" => Reply::json(discovery(str::is_empty).to_string()),
            "/apis" => Reply::json(discovery(|group| !group.is_empty()).to_string()),
            path if path.contains("/configmaps/") => {
                let name = path.rsplit('/').next().unwrap();
                Reply::json(json!({"kind": "ConfigMap", "metadata": {"name": name}}).to_string())
            }
            "/api/v1/configmaps" => Reply::json(json!({"kind": "ConfigMapList", "items": []}).to_string()),
            path => match kind_of(path) {
                Some(listed) => Reply::json(list(listed, &["shop/a"], None)),
                None => Reply::status(404, "{}"),
            },
        }
    }
}

/// The kind whose collection this path is.
pub(crate) fn kind_of(path: &str) -> Option<ListedKind> {
    let group = match path.strip_prefix("/apis/") {
        Some(rest) => rest.split('/').next()?,
        None => "",
    };
    let resource = path.rsplit('/').next()?;
    all_kinds().find(|listed| listed.resource == resource && listed.group() == group)
}

pub(crate) fn all_kinds() -> impl Iterator<Item = ListedKind> {
    LISTED.iter().copied().chain([NAMESPACES])
}

/// The table's entry of a kind.
pub(crate) fn listed(kind: ResourceKind) -> ListedKind {
    all_kinds().find(|listed| listed.kind == kind).unwrap()
}

/// The path of a kind's collection in the whole cluster.
pub(crate) fn collection(kind: ResourceKind) -> String {
    let listed = listed(kind);
    let version = listed.versions[0];
    match listed.group() {
        "" => format!("/api/{version}/{}", listed.resource),
        group => format!("/apis/{group}/{version}/{}", listed.resource),
    }
}

/// The aggregated discovery document of some groups.
pub(crate) fn discovery(include: impl Fn(&str) -> bool) -> Value {
    let mut groups: BTreeMap<&str, BTreeMap<&str, Vec<Value>>> = BTreeMap::new();
    for listed in all_kinds().filter(|listed| include(listed.group())) {
        for version in listed.versions {
            let resources = groups.entry(listed.group()).or_default().entry(version).or_default();
            resources.push(json!({"resource": listed.resource, "verbs": ["get", "list"]}));
        }
    }
    let items = groups.into_iter().map(|(group, versions)| {
        let versions: Vec<Value> = versions
            .into_iter()
            .map(|(version, resources)| json!({"version": version, "resources": resources}))
            .collect();
        json!({"metadata": {"name": group}, "versions": versions})
    });
    json!({"kind": "APIGroupDiscoveryList", "items": items.collect::<Vec<_>>()})
}

/// A page of a list with objects of these names, as `namespace/name`.
pub(crate) fn list(listed: ListedKind, names: &[&str], next: Option<&str>) -> String {
    let items: Vec<Value> = names
        .iter()
        .map(|name| {
            let (namespace, name) = name.split_once('/').unwrap();
            json!({"metadata": {"namespace": namespace, "name": name}})
        })
        .collect();
    let kind = format!("{}List", listed.kind.kind());
    json!({"kind": kind, "metadata": {"continue": next.unwrap_or_default()}, "items": items}).to_string()
}

/// The `Status` of a refusal.
pub(crate) fn status(message: &str) -> String {
    json!({"kind": "Status", "status": "Failure", "message": message}).to_string()
}

/// The refusal of RBAC.
pub(crate) fn forbidden(user: &str) -> Reply {
    Reply::status(403, status(&format!("it is forbidden: User \"{user}\" cannot list it")))
}

/// Bounds that make a test quick.
pub(crate) fn quick() -> Limits {
    Limits {
        request_timeout: Duration::from_secs(5),
        stall_timeout: Duration::from_secs(5),
        first_pause: Duration::from_millis(1),
        longest_pause: Duration::from_millis(5),
        ..Limits::default()
    }
}

/// Options for a server without any kubeconfig.
pub(crate) fn options(server: &Server) -> Options {
    Options {
        flags: Flags { server: Some(server.url()), ..Flags::default() },
        environment: Environment::default(),
        limits: quick(),
        ..Options::default()
    }
}

/// What a reading handed over: kind and `namespace/name`.
#[derive(Default)]
pub(crate) struct Collected(pub(crate) Vec<(ResourceKind, String)>);

impl Collected {
    /// Takes one object.
    pub(crate) fn take(&mut self, object: &Object) {
        let metadata = object.metadata();
        self.0.push((object.kind(), format!("{}/{}", metadata.namespace, metadata.name)));
    }

    /// The names of one kind, in the order in which they came.
    pub(crate) fn of(&self, kind: ResourceKind) -> Vec<&str> {
        let of_kind = self.0.iter().filter(|(found, _)| *found == kind);
        of_kind.map(|(_, name)| name.as_str()).collect()
    }
}

/// Reads a cluster to its end.
pub(crate) fn try_read(options: &Options) -> Result<(Collected, Reading), ClusterError> {
    let mut collected = Collected::default();
    let reading = cluster::read(options, &mut |object| collected.take(&object), &mut |_| ())?;
    Ok((collected, reading))
}

/// Reads a cluster that can be read.
pub(crate) fn read(options: &Options) -> (Collected, Reading) {
    try_read(options).unwrap()
}

/// The messages of all gaps.
pub(crate) fn messages(reading: &Reading) -> Vec<&str> {
    reading.gaps.iter().map(|gap| gap.message.as_str()).collect()
}
