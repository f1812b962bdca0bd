//! Reads every kind from one API server, several side by side.
//!
//! Runs beside the thread that decodes: it downloads pages, cuts them into objects and
//! sends them on, and it waits when the decoding lags behind. What fails becomes a gap.

use std::sync::{Arc, Mutex};

use bytes::Bytes;
use futures::StreamExt;
use ha_core::snapshot::{GapReason, ResourceKind};
use tokio::sync::mpsc::UnboundedSender;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use super::connection::{Connection, Say};
use super::discovery::{Availability, Served};
use super::error::ClusterError;
use super::fault::Fault;
use super::fetch::Fetcher;
use super::kinds::{CONFIG_MAPS, LISTED, ListedKind, NAMESPACES, NamedConfigMap, RULE_FILES, Scope};
use super::list::{Identity, Page};
use super::{Options, request};
use crate::kubeconfig::{self, Target};
use crate::reading::{Gap, OTHER_NAMESPACES};

/// How many kinds are listed side by side.
const SIDE_BY_SIDE: usize = 4;
/// How many pages may wait for being decoded.
const PAGES_WAITING: usize = 3;
/// More pages than any real list has.
const MOST_PAGES: usize = 20_000;
/// Where the control plane lives; rules about it must know when this was not read.
const SYSTEM_NAMESPACE: &str = "kube-system";

/// What the reader sends to the thread that decodes.
pub(super) enum Event {
    /// Some objects of a kind.
    Objects {
        kind: ResourceKind,
        /// Group and version, which objects in a list do not tell.
        api_version: String,
        items: Vec<Bytes>,
        /// Whether some of them may have been sent before.
        may_repeat: bool,
        /// Dropped with the event: room for the next page.
        _room: OwnedSemaphorePermit,
    },
    /// All of a kind was read, or as much as could be.
    Done(ResourceKind),
    /// A credential plugin says something to the user.
    Said(String),
}

/// What the reader found besides objects.
pub(super) struct Outcome {
    pub(super) server_version: String,
    pub(super) gaps: Vec<Gap>,
    pub(super) notices: Vec<String>,
}

struct Reader<'a> {
    options: &'a Options,
    fetcher: Fetcher,
    served: Served,
    events: UnboundedSender<Event>,
    room: Arc<Semaphore>,
    /// All namespaces, when they could be listed.
    namespaces: Option<Vec<String>>,
    gaps: Mutex<Vec<Gap>>,
}

/// Reads the whole cluster.
pub(super) async fn read(
    target: Target,
    options: &Options,
    events: UnboundedSender<Event>,
) -> Result<Outcome, ClusterError> {
    let says = events.clone();
    let say: Say = Box::new(move |text| {
        let _ = says.send(Event::Said(text));
    });
    let mut notices = target.notices.clone();
    let connection = Connection::open(target, say).await?;
    let fetcher = Fetcher::new(connection, options.limits);
    let server_version = server_version(&fetcher).await?;
    let served = match Served::discover(&fetcher).await {
        Ok(served) => served,
        Err(fault @ Fault::Unauthorized(_)) => return Err(no_reading(&fetcher, fault)),
        Err(fault) => {
            notices.push(format!("cannot discover the server's kinds, so each is asked for: {fault}"));
            Served::default()
        }
    };
    let mut reader = Reader {
        options,
        fetcher,
        served,
        events,
        room: Arc::new(Semaphore::new(PAGES_WAITING)),
        namespaces: None,
        gaps: Mutex::default(),
    };
    reader.namespaces = reader.list_namespaces().await;
    notices.extend(reader.missing_namespaces());
    let reader = &reader;
    futures::stream::iter(LISTED).for_each_concurrent(SIDE_BY_SIDE, |listed| reader.list_kind(listed)).await;
    reader.get_config_maps().await;
    reader.list_rule_files().await;
    reader.send(Event::Done(ResourceKind::ConfigMap));
    let gaps = match reader.gaps.lock() {
        Ok(mut gaps) => std::mem::take(&mut *gaps),
        Err(poisoned) => std::mem::take(&mut *poisoned.into_inner()),
    };
    Ok(Outcome { server_version, gaps, notices })
}

/// The names of all namespaces, page by page; what a credential plugin says is lost.
pub(super) async fn namespace_names(target: Target, options: &Options) -> Result<Vec<String>, ClusterError> {
    let connection = Connection::open(target, Box::new(|_| ())).await?;
    let fetcher = Fetcher::new(connection, options.limits);
    let collection = request::collection(&NAMESPACES, "v1", None);
    let mut names = Vec::new();
    let mut token: Option<String> = None;
    for _ in 0..MOST_PAGES {
        let path = request::page(&collection, options.limits.page_objects, None, token.as_deref());
        let page = fetcher.get(&path, request::METADATA, Page::parse).await;
        let page = page.map_err(|fault| no_reading(&fetcher, fault))?;
        names.extend(page.items.iter().map(|item| Identity::of(item).name));
        match page.next {
            Some(next) => token = Some(next),
            None => break,
        }
    }
    Ok(names)
}

#[derive(serde::Deserialize)]
#[serde(rename_all = "camelCase")]
struct Version {
    git_version: String,
}

/// The server's version; empty when it does not tell. Whether there is a server, and
/// whether it accepts us, shows here first.
async fn server_version(fetcher: &Fetcher) -> Result<String, ClusterError> {
    let parse = |body: &Bytes| serde_json::from_slice::<Version>(body);
    match fetcher.get("/version", request::JSON, parse).await {
        Ok(version) => Ok(version.git_version),
        Err(Fault::Forbidden(_) | Fault::NotFound | Fault::Refused(_)) => Ok(String::new()),
        Err(fault) => Err(no_reading(fetcher, fault)),
    }
}

fn no_reading(fetcher: &Fetcher, fault: Fault) -> ClusterError {
    let target = fetcher.connection().target();
    let server = kubeconfig::shown(&target.config.cluster_url);
    match fault {
        Fault::Unauthorized(reason) => ClusterError::Unauthorized { server, context: target.context.clone(), reason },
        fault => ClusterError::Unreachable { server, reason: fault.to_string() },
    }
}

/// What to list, and what it is a list of.
struct Collection<'a> {
    path: String,
    labels: Option<&'a str>,
    kind: ResourceKind,
    api_version: String,
}

impl Reader<'_> {
    /// Reads the namespaces; their names serve the other kinds.
    async fn list_namespaces(&self) -> Option<Vec<String>> {
        let mut names = Vec::new();
        let Availability::Version(version) = self.served.availability(&NAMESPACES) else {
            return None;
        };
        let read = self
            .read_collection(&NAMESPACES, version, None, |items| {
                names.extend(items.iter().map(|item| Identity::of(item).name));
            })
            .await;
        self.send(Event::Done(NAMESPACES.kind));
        match read {
            Ok(()) => Some(names),
            Err(fault) => {
                self.gap(&NAMESPACES, "", fault.reason(), &fault.to_string());
                None
            }
        }
    }

    /// What to say about namespaces that were asked for and do not exist.
    fn missing_namespaces(&self) -> Vec<String> {
        let Some(known) = &self.namespaces else {
            return Vec::new();
        };
        let wanted = self.options.namespaces.iter();
        wanted
            .filter(|namespace| !known.contains(namespace))
            .map(|namespace| format!("namespace {namespace:?} does not exist in this cluster"))
            .collect()
    }

    /// Reads one kind, wherever it may be read.
    async fn list_kind(&self, listed: &ListedKind) {
        match self.served.availability(listed) {
            Availability::Version(version) => self.list_version(listed, version).await,
            Availability::Absent => {
                self.gap(listed, "", GapReason::NotInstalled, "the server does not have this kind");
            }
            Availability::UnknownVersions(versions) => {
                let why =
                    format!("the server has it only as {}, which this release does not know", versions.join(", "));
                self.gap(listed, "", GapReason::Unreadable, &why);
            }
        }
        self.send(Event::Done(listed.kind));
    }

    async fn list_version(&self, listed: &ListedKind, version: &str) {
        if listed.selected_by_labels
            && let Some(labels) = &self.options.label_selector
        {
            let why = format!("only what matches -l {labels} was asked for");
            self.gap(listed, "", GapReason::NotInInput, &why);
        }
        let namespaces = &self.options.namespaces;
        if listed.scope == Scope::Namespaced && !namespaces.is_empty() {
            self.list_in(listed, version, namespaces).await;
            self.gaps_elsewhere(listed, namespaces, GapReason::NotInInput, "-n does not name them");
            return;
        }
        let fault = match self.read_collection(listed, version, None, |_| ()).await {
            Ok(()) => return,
            Err(fault) => fault,
        };
        if listed.scope == Scope::Namespaced && matches!(fault, Fault::Forbidden(_)) {
            self.list_where_allowed(listed, version, &fault).await;
        } else {
            self.gap(listed, "", fault.reason(), &fault.to_string());
        }
    }

    /// Reads a kind that may not be read in the whole cluster from the namespaces where
    /// it may: all there are, or the context's when they may not be listed.
    async fn list_where_allowed(&self, listed: &ListedKind, version: &str, refusal: &Fault) {
        let own = [self.fetcher.connection().target().namespace.clone()];
        let candidates = self.namespaces.as_deref().unwrap_or(&own);
        let forbidden = self.list_allowed(listed, version, candidates).await;
        if forbidden.len() == candidates.len() {
            self.gap(listed, "", refusal.reason(), &refusal.to_string());
            return;
        }
        for (namespace, fault) in forbidden {
            self.gap(listed, &namespace, fault.reason(), &fault.to_string());
        }
        if self.namespaces.is_none() {
            self.gaps_elsewhere(listed, candidates, GapReason::Forbidden, &refusal.to_string());
        }
    }

    /// Reads a kind from each of these namespaces; returns where that is forbidden.
    /// Other faults are gaps at once.
    async fn list_allowed(&self, listed: &ListedKind, version: &str, namespaces: &[String]) -> Vec<(String, Fault)> {
        let mut forbidden = Vec::new();
        for namespace in namespaces {
            match self.read_collection(listed, version, Some(namespace), |_| ()).await {
                Ok(()) => {}
                Err(fault @ Fault::Forbidden(_)) => forbidden.push((namespace.clone(), fault)),
                Err(fault) => self.gap(listed, namespace, fault.reason(), &fault.to_string()),
            }
        }
        forbidden
    }

    /// Reads a kind from these namespaces; whatever fails is a gap there.
    async fn list_in(&self, listed: &ListedKind, version: &str, namespaces: &[String]) {
        for (namespace, fault) in self.list_allowed(listed, version, namespaces).await {
            self.gap(listed, &namespace, fault.reason(), &fault.to_string());
        }
    }

    /// Notes that the kind was read in these namespaces only.
    fn gaps_elsewhere(&self, listed: &ListedKind, read: &[String], reason: GapReason, why: &str) {
        self.gap(listed, OTHER_NAMESPACES, reason, why);
        if !read.iter().any(|namespace| namespace == SYSTEM_NAMESPACE) {
            self.gap(listed, SYSTEM_NAMESPACE, reason, why);
        }
    }

    /// Reads one collection of a kind.
    async fn read_collection(
        &self,
        listed: &ListedKind,
        version: &str,
        namespace: Option<&str>,
        see: impl FnMut(&[Bytes]),
    ) -> Result<(), Fault> {
        let path = request::collection(listed, version, namespace);
        let labels = self.options.label_selector.as_deref();
        let labels = labels.filter(|_| listed.selected_by_labels);
        self.read_pages(&Collection { path, labels, kind: listed.kind, api_version: listed.api_version(version) }, see)
            .await
    }

    /// Reads a collection page by page. When it expires on the way, it is continued where
    /// the server offers that, else begun again, and repeated objects are dropped later.
    async fn read_pages(&self, collection: &Collection<'_>, mut see: impl FnMut(&[Bytes])) -> Result<(), Fault> {
        let limits = self.fetcher.limits();
        let mut restarts = 0;
        let mut token: Option<String> = None;
        for number in 0..MOST_PAGES {
            let path = request::page(&collection.path, limits.page_objects, collection.labels, token.as_deref());
            let page = match self.fetcher.get(&path, request::JSON, Page::parse).await {
                Ok(page) => page,
                Err(Fault::Expired(next)) if restarts < limits.restarts => {
                    restarts += 1;
                    token = next;
                    continue;
                }
                Err(fault) => return Err(fault),
            };
            if page.next.is_some() && page.next == token {
                return Err(Fault::Unreadable("the server sends the same page again and again".to_owned()));
            }
            see(&page.items);
            // The rule files of one label may be those of another, too.
            let may_repeat = number > 0 || page.next.is_some() || collection.kind == ResourceKind::ConfigMap;
            self.send_objects(collection.kind, collection.api_version.clone(), page.items, may_repeat).await;
            match page.next {
                Some(next) => token = Some(next),
                None => return Ok(()),
            }
        }
        Err(Fault::Unreadable(format!("the list does not end after {MOST_PAGES} pages")))
    }

    /// Reads the few ConfigMaps that hold facts about the cluster. One that is not there
    /// is a fact too.
    async fn get_config_maps(&self) {
        for &config_map in CONFIG_MAPS {
            let path = request::config_map(config_map);
            match self.fetcher.get(&path, request::JSON, Page::of_object).await {
                Ok(page) => {
                    self.send_objects(ResourceKind::ConfigMap, "v1".to_owned(), page.items, true).await;
                }
                Err(Fault::NotFound) => {}
                Err(fault) => self.config_map_gap(config_map, &fault),
            }
        }
    }

    /// Reads the ConfigMaps with Prometheus' rules. Whoever may not list ConfigMaps by a label may list none, so the
    /// first refusal is the answer for all.
    async fn list_rule_files(&self) {
        for &labels in RULE_FILES {
            let path = request::CONFIG_MAPS.to_owned();
            let kind = ResourceKind::ConfigMap;
            let collection = Collection { path, labels: Some(labels), kind, api_version: "v1".to_owned() };
            if let Err(fault) = self.read_pages(&collection, |_| ()).await {
                self.push(Gap {
                    kind: Some(kind),
                    namespace: String::new(),
                    name: String::new(),
                    reason: fault.reason(),
                    message: format!("cannot list configmaps with rules of Prometheus ({labels}): {fault}"),
                });
                return;
            }
        }
    }

    async fn send_objects(&self, kind: ResourceKind, api_version: String, items: Vec<Bytes>, may_repeat: bool) {
        // The semaphore is never closed; if it were, the events would not be wanted either.
        if let Ok(room) = Arc::clone(&self.room).acquire_owned().await {
            self.send(Event::Objects { kind, api_version, items, may_repeat, _room: room });
        }
    }

    /// Nobody listens any more only when the process is about to end.
    fn send(&self, event: Event) {
        let _ = self.events.send(event);
    }

    fn gap(&self, listed: &ListedKind, namespace: &str, reason: GapReason, why: &str) {
        let place = match namespace {
            "" => String::new(),
            OTHER_NAMESPACES => " in other namespaces".to_owned(),
            namespace => format!(" in namespace {namespace}"),
        };
        let verb = if reason == GapReason::NotInInput { "did not list" } else { "cannot list" };
        self.push(Gap {
            kind: Some(listed.kind),
            namespace: namespace.to_owned(),
            name: String::new(),
            reason,
            message: format!("{verb} {}{place}: {why}", listed.qualified()),
        });
    }

    fn config_map_gap(&self, config_map: NamedConfigMap, fault: &Fault) {
        let NamedConfigMap { namespace, name } = config_map;
        self.push(Gap {
            kind: Some(ResourceKind::ConfigMap),
            namespace: namespace.to_owned(),
            name: name.to_owned(),
            reason: fault.reason(),
            message: format!("cannot get configmap {name} in namespace {namespace}: {fault}"),
        });
    }

    fn push(&self, gap: Gap) {
        if let Ok(mut gaps) = self.gaps.lock() {
            gaps.push(gap);
        }
    }
}
