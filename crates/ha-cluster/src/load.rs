//! Creates a generated cluster through the API server, and waits until its pods run.

use std::collections::HashSet;
use std::sync::Mutex;
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::api::Api;
use crate::error::{Error, Result};
use crate::generate::{Size, manifests};
use crate::{Cluster, Progress};

/// Requests in flight at a time.
const WRITERS: usize = 16;
/// Nothing moves any more when no pod started for so long.
const QUIET: Duration = Duration::from_secs(30);

/// How far a load came.
#[derive(Debug, Clone, Copy)]
pub struct Loaded {
    /// Pods that were asked for.
    pub pods: usize,
    /// Pods that run.
    pub running: usize,
    /// Time until all objects were created.
    pub created_after: Duration,
    /// Time until the last pod ran.
    pub running_after: Duration,
}

/// Fills an empty cluster. Returns when all pods run, or when no pod has started for 30 s.
pub fn load(cluster: &Cluster, size: Size, seed: u64, progress: Progress) -> Result<Loaded> {
    let api = cluster.api()?;
    let started = Instant::now();
    let mut objects = Vec::new();
    manifests(size, seed, &mut |object| {
        objects.push(object);
        Ok(())
    })?;
    progress(&format!("creating {} objects", objects.len()));
    // Kind after kind: namespaces and nodes are there before what needs them.
    let mut rest = objects.as_slice();
    while let Some(first) = rest.first() {
        let same = rest.iter().take_while(|object| stage(object) == stage(first)).count();
        let (batch, others) = rest.split_at(same);
        create_all(&api, batch)?;
        rest = others;
    }
    let created_after = started.elapsed();
    progress(&format!("created them in {} s, waiting for the pods", created_after.as_secs()));
    let (running, last) = wait_for_pods(&api, size.pods, progress)?;
    let running_after = last.duration_since(started);
    Ok(Loaded { pods: size.pods, running, created_after, running_after })
}

/// Objects of one stage can be created in any order.
fn stage(object: &Value) -> u8 {
    match object["kind"].as_str() {
        Some("Namespace" | "PriorityClass" | "StorageClass" | "CSIDriver") => 0,
        Some("Node") => 1,
        _ => 2,
    }
}

/// Creates objects with several requests at a time; stops at the first that is refused.
fn create_all(api: &Api, objects: &[Value]) -> Result<()> {
    let queue = Mutex::new(objects.iter());
    let next = || queue.lock().ok().and_then(|mut queue| queue.next());
    let write = || -> Result<()> {
        while let Some(object) = next() {
            if let Err(error) = api.create(&collection(object), object) {
                drop(queue.lock().map(|mut queue| *queue = [].iter()));
                return Err(error);
            }
        }
        Ok(())
    };
    std::thread::scope(|scope| {
        let writers: Vec<_> = (0..WRITERS).map(|_| scope.spawn(write)).collect();
        let join = |writer: std::thread::ScopedJoinHandle<Result<()>>| {
            let crashed = |_| Err(Error::Usage("a thread that creates objects crashed".to_owned()));
            writer.join().unwrap_or_else(crashed)
        };
        writers.into_iter().try_for_each(join)
    })
}

/// The path an object is created under.
fn collection(object: &Value) -> String {
    let kind = object["kind"].as_str().unwrap_or_default();
    let version = object["apiVersion"].as_str().unwrap_or_default();
    let group = if version == "v1" { "/api/v1".to_owned() } else { format!("/apis/{version}") };
    let plural = match kind {
        "StorageClass" | "PriorityClass" => format!("{}es", kind.to_lowercase()),
        _ => format!("{}s", kind.to_lowercase()),
    };
    match object["metadata"]["namespace"].as_str() {
        Some(namespace) => format!("{group}/namespaces/{namespace}/{plural}"),
        None => format!("{group}/{plural}"),
    }
}

/// Waits for so many running pods: how many there are in the end, and when the last came.
fn wait_for_pods(api: &Api, wanted: usize, progress: Progress) -> Result<(usize, Instant)> {
    let mut running = RunningPods::default();
    let mut last_change = Instant::now();
    let mut last_report = Instant::now();
    let mut events = watch_running_pods(api.clone(), None);
    while running.uids.len() < wanted {
        match events.recv_timeout(QUIET) {
            Ok(event) => {
                if running.apply(&event?) {
                    last_change = Instant::now();
                }
            }
            Err(RecvTimeoutError::Timeout) => break,
            // A busy server ends watches that fall behind.
            Err(RecvTimeoutError::Disconnected) => {
                if running.version.is_none() {
                    running = RunningPods::default();
                }
                events = watch_running_pods(api.clone(), running.version.as_deref());
            }
        }
        if last_report.elapsed() > Duration::from_secs(10) {
            progress(&format!("{} of {wanted} pods run", running.uids.len()));
            last_report = Instant::now();
        }
    }
    Ok((running.uids.len(), last_change))
}

/// The pods that run, as far as watches have told.
#[derive(Default)]
struct RunningPods {
    uids: HashSet<String>,
    /// Where the next watch goes on; nothing before all pods that ran at first were told, in
    /// which case it has to begin anew.
    version: Option<String>,
}

impl RunningPods {
    /// Whether the event changed anything.
    fn apply(&mut self, event: &Value) -> bool {
        let metadata = &event["object"]["metadata"];
        let uid = metadata["uid"].as_str().unwrap_or_default();
        if event["type"] == "BOOKMARK" || self.version.is_some() {
            self.version = metadata["resourceVersion"].as_str().map(str::to_owned);
        }
        match event["type"].as_str() {
            Some("ADDED") => self.uids.insert(uid.to_owned()),
            Some("DELETED") => self.uids.remove(uid),
            // The version is too old to go on from.
            Some("ERROR") => {
                *self = Self::default();
                false
            }
            _ => false,
        }
    }
}

/// The events of a watch on pods that run: from a version on, or starting with one for each that
/// runs already. The thread ends with the receiver, or with the watch.
fn watch_running_pods(api: Api, version: Option<&str>) -> Receiver<Result<Value>> {
    let from = version.map_or_else(
        || "sendInitialEvents=true&resourceVersionMatch=NotOlderThan".to_owned(),
        |version| format!("resourceVersion={version}"),
    );
    let path = format!("/api/v1/pods?watch=1&allowWatchBookmarks=true&fieldSelector=status.phase%3DRunning&{from}");
    let (sender, receiver) = channel();
    std::thread::spawn(move || match api.watch(&path) {
        Ok(mut events) => while events.next().is_some_and(|event| sender.send(event).is_ok()) {},
        Err(error) => drop(sender.send(Err(error))),
    });
    receiver
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_watch_goes_on_where_the_last_one_ended() {
        let event = |kind: &str, uid: &str, version: &str| {
            let metadata = json!({ "uid": uid, "resourceVersion": version });
            json!({ "type": kind, "object": { "metadata": metadata } })
        };
        let mut running = RunningPods::default();
        assert!(running.apply(&event("ADDED", "a", "5")));
        assert_eq!(running.version, None, "the next pod may have an older version");
        assert!(running.apply(&event("ADDED", "b", "3")));
        assert!(!running.apply(&event("BOOKMARK", "", "6")));
        assert!(!running.apply(&event("MODIFIED", "b", "7")));
        assert!(running.apply(&event("DELETED", "a", "8")));
        assert_eq!((running.uids.len(), running.version.as_deref()), (1, Some("8")));
        assert!(!running.apply(&json!({ "type": "ERROR", "object": { "code": 410 } })));
        assert_eq!((running.uids.len(), running.version), (0, None));
    }

    #[test]
    fn objects_are_created_in_their_collection() {
        let path = |version: &str, kind: &str, namespace: Option<&str>| {
            let metadata = json!({ "name": "x", "namespace": namespace });
            collection(&json!({ "apiVersion": version, "kind": kind, "metadata": metadata }))
        };
        assert_eq!(path("v1", "Node", None), "/api/v1/nodes");
        assert_eq!(path("v1", "Pod", Some("a")), "/api/v1/namespaces/a/pods");
        assert_eq!(path("storage.k8s.io/v1", "StorageClass", None), "/apis/storage.k8s.io/v1/storageclasses");
        assert_eq!(path("apps/v1", "Deployment", Some("a")), "/apis/apps/v1/namespaces/a/deployments");
    }
}
