//! Reads a live cluster, and cannot do anything else to it.
//!
//! Requests are built in one place (`request`), which knows `GET` only; what is asked for
//! stands in one table (`kinds`), without Secrets. Lists come page by page, several kinds
//! side by side, and are decoded while the next pages arrive. Whatever cannot be read
//! becomes a [`Gap`](crate::Gap); an error means that there is no cluster to read.
//!
//! Watching a cluster is left out, and so is everything about what objects mean.

mod connection;
mod delivery;
mod discovery;
mod error;
mod facts;
mod fault;
mod fetch;
mod kinds;
mod list;
mod reader;
mod request;
mod retry;
mod role;

use ha_core::snapshot::ResourceKind;
use ha_snapshot::objects::Object;
use tokio::sync::mpsc;

use crate::kubeconfig::{self, Environment, Flags};
use crate::reading::Reading;
use delivery::Delivery;
pub use error::ClusterError;
pub use kinds::{CONFIG_MAPS, LISTED, ListedKind, NAMESPACES, NamedConfigMap, RULE_FILES, Scope};
pub use retry::Limits;
pub use role::{PolicyRule, cluster_role, rule_files_rule};

/// What to read, from where, as whom.
#[derive(Clone, Debug, Default)]
pub struct Options {
    /// kubectl's connection flags.
    pub flags: Flags,
    /// The environment variables that count.
    pub environment: Environment,
    /// `-n`: narrows the kinds that live in namespaces; empty means all namespaces.
    /// Kinds of the cluster as a whole are read all the same.
    pub namespaces: Vec<String>,
    /// `-l`: narrows pods and what creates them
    /// ([`ListedKind::selected_by_labels`]); everything else is read whole.
    pub label_selector: Option<String>,
    /// Bounds on time and memory.
    pub limits: Limits,
}

/// What happens while a cluster is read, for whoever waits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Progress<'a> {
    /// So many objects of a kind were handed over so far, or in all.
    Read {
        /// The kind.
        kind: ResourceKind,
        /// How many.
        objects: usize,
        /// Whether no more will come.
        done: bool,
    },
    /// A credential plugin wrote this to standard error, perhaps how to log in. Without
    /// control characters except line ends; not necessarily a whole line.
    Said(&'a str),
}

/// The names of all namespaces, for whoever types one.
///
/// One request and no second try, all within `options.limits.request_timeout`, a credential plugin included. Nobody
/// is asked anything; the error is for tests, not for people. Blocks; not to be called from asynchronous code.
pub fn namespace_names(options: &Options) -> Result<Vec<String>, ClusterError> {
    let target = kubeconfig::resolve(&options.flags, &options.environment)?;
    let server = kubeconfig::shown(&target.config.cluster_url);
    let internal = |error: std::io::Error| ClusterError::Internal(error.to_string());
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().map_err(internal)?;
    let once = Options { limits: Limits { tries: 1, ..options.limits }, ..options.clone() };
    let names = runtime.block_on(async {
        tokio::time::timeout(options.limits.request_timeout, reader::namespace_names(target, &once)).await
    });
    // A name that is still being looked up must not hold up the end.
    runtime.shutdown_background();
    names.unwrap_or_else(|_| Err(ClusterError::Unreachable { server, reason: "it takes too long".to_owned() }))
}

/// Reads a cluster: hands every object to `sink`, in no particular order, and returns what else there is to know.
///
/// Blocks until all is read; sink and progress are called on this thread while others
/// download. Not to be called from asynchronous code.
pub fn read(
    options: &Options,
    sink: &mut dyn FnMut(Object),
    progress: &mut dyn FnMut(Progress<'_>),
) -> Result<Reading, ClusterError> {
    let target = kubeconfig::resolve(&options.flags, &options.environment)?;
    let context = target.context.clone();
    let server = kubeconfig::shown(&target.config.cluster_url);
    let mut delivery = Delivery::new(sink, progress);
    let outcome = std::thread::scope(|scope| {
        let (events, mut received) = mpsc::unbounded_channel();
        let reader = scope.spawn(|| {
            let runtime = tokio::runtime::Builder::new_current_thread()
                .enable_all()
                .build()
                .map_err(|error| ClusterError::Internal(error.to_string()))?;
            let outcome = runtime.block_on(reader::read(target, options, events));
            // A name that is still being looked up must not hold up the end.
            runtime.shutdown_background();
            outcome
        });
        while let Some(event) = received.blocking_recv() {
            delivery.take(event);
        }
        reader.join().unwrap_or_else(|_| Err(ClusterError::Internal("the reading thread died".to_owned())))
    })?;
    delivery.finish();
    let Delivery { counts, mut gaps, .. } = delivery;
    gaps.extend(outcome.gaps);
    gaps.sort_unstable();
    Ok(Reading {
        context,
        server,
        server_version: outcome.server_version,
        namespaces: options.namespaces.clone(),
        counts,
        gaps,
        notices: outcome.notices,
    })
}
