//! Renames what is in a snapshot, so that it can be shown to others: the same findings, up to names.
//!
//! Words of names, label values and labels of one's own are renamed (see the module `words`), so are addresses, nodes
//! named after addresses, zones and regions. Kept are images, kinds and other words of the API, well-known labels,
//! quantities, times, and the names of the namespaces `kube-*` with what runs there. A field that is not known here
//! is renamed: new fields are private until someone decides otherwise.

use std::collections::{HashMap, HashSet};

use ha_core::snapshot::{Fact, Timestamp};
use ha_snapshot::objects::{Body, Object};
use serde_json::{Map, Value};

use super::Saved;
use super::words::Words;
use crate::{Gap, Reading};

/// Fields whose text is a word of the API, an image, a schedule or a time.
const KEPT: &[&str] = &[
    "accessMode",
    "accessModes",
    "acquireTime",
    "apiGroups",
    "apiVersions",
    "attacher",
    "completionTime",
    "completionTimestamp",
    "controller",
    "controllerName",
    "creationTimestamp",
    "deletionTimestamp",
    "driver",
    "effect",
    "excludedResources",
    "expiration",
    "externalTrafficPolicy",
    "failurePolicy",
    "image",
    "includedResources",
    "internalTrafficPolicy",
    "kind",
    "kubeletVersion",
    "lastBackup",
    "lastScheduleTime",
    "lastSuccessfulTime",
    "lastTransitionTime",
    "lastValidationTime",
    "medium",
    "nodeAffinityPolicy",
    "nodeTaintsPolicy",
    "numberOfReplicas",
    "operations",
    "operator",
    "persistentVolumeReclaimPolicy",
    "phase",
    "podManagementPolicy",
    "preemptionPolicy",
    "programs",
    "protocol",
    "provider",
    "provisioner",
    "reason",
    "reclaimPolicy",
    "renewTime",
    "replication-type",
    "resources",
    "restartPolicy",
    "schedule",
    "scheme",
    "scope",
    "scopeName",
    "scopes",
    "sessionAffinity",
    "skuName",
    "specReplicasPath",
    "startTime",
    "startTimestamp",
    "status",
    "storageaccounttype",
    "timeAdded",
    "timeZone",
    "trafficDistribution",
    "ttl",
    "type",
    "unhealthyPodEvictionPolicy",
    "volumeBindingMode",
    "volumeMode",
    "whenScaled",
    "whenUnsatisfiable",
];

/// Maps from a resource to a quantity.
const QUANTITIES: &[&str] =
    &["allocatable", "capacity", "default", "defaultRequest", "hard", "limits", "overhead", "requests", "used"];

/// Maps whose keys are data: labels for the most part.
const LABELS: &[&str] = &["annotations", "labels", "matchLabels", "nodeSelector", "selector"];

/// Fields that hold a label's key.
const LABEL_KEYS: &[&str] = &["key", "matchLabelKeys", "mismatchLabelKeys", "topologyKey", "topologyKeys"];

/// Domains of labels, groups and drivers that many clusters share.
const PUBLIC_DOMAINS: &[&str] = &[
    "amazonaws.com",
    "argoproj.io",
    "azure.com",
    "cattle.io",
    "cert-manager.io",
    "cloud.google.com",
    "cnpg.io",
    "coreos.com",
    "crunchydata.com",
    "eksctl.io",
    "elastic.co",
    "fluxcd.io",
    "gke.io",
    "helm.sh",
    "istio.io",
    "k0s.io",
    "k3s.io",
    "k8s.aws",
    "k8s.io",
    "karpenter.sh",
    "keda.sh",
    "knative.dev",
    "kubernetes.io",
    "linkerd.io",
    "openshift.io",
    "operatorframework.io",
    "percona.com",
    "rancher.io",
    "redhat.com",
    "rook.io",
    "strimzi.io",
    "velero.io",
    "x-k8s.io",
    "zalan.do",
    "zalando.org",
];

/// Renames objects, always in the same way. What a name was is forgotten with it.
#[derive(Debug)]
pub struct Anonymizer {
    words: Words,
    /// Nodes named after addresses or domains, with their pseudonyms. Other nodes are renamed word by word.
    nodes: HashMap<String, String>,
    /// Other names that spell an address.
    hosts: HashMap<String, String>,
    zones: HashMap<String, String>,
    regions: HashMap<String, String>,
}

impl Anonymizer {
    /// Learns from all objects of a snapshot which names nodes have, and which words the namespaces `kube-*` use.
    pub fn new<'o>(objects: impl IntoIterator<Item = &'o Object> + Clone) -> Self {
        let nodes: HashSet<&str> = objects.clone().into_iter().filter_map(node_name).collect();
        let mut words = Words::new();
        for object in objects.clone() {
            let metadata = object.metadata();
            if metadata.namespace.starts_with("kube-") && !nodes.contains(metadata.name.as_str()) {
                words.keep(&metadata.namespace);
                words.keep(without_node(&metadata.name, |name| nodes.contains(name)).0);
                for (_, value) in &metadata.labels.0 {
                    words.keep(value);
                }
            }
        }
        let (nodes, hosts, zones, regions) = Default::default();
        let mut anonymizer = Self { words, nodes, hosts, zones, regions };
        for name in
            objects.into_iter().filter_map(node_name).filter(|name| name.contains('.') || holds_an_address(name))
        {
            numbered(&mut anonymizer.nodes, "node", name);
        }
        anonymizer
    }

    /// The object under its new names. Where it stood in a file is dropped.
    ///
    /// # Errors
    /// None that can be provoked: what an object writes, it can read.
    pub fn object(&mut self, object: &Object) -> Result<Object, serde_json::Error> {
        let body = self.value("", serde_json::to_value(&object.body)?);
        Object::deserialize(&object.api_version, object.kind(), body)
    }

    /// What is known beside the objects, without the names of cluster and server, and without free text.
    pub fn saved(&mut self, saved: &Saved) -> Saved {
        let taken_at: Timestamp = saved.taken_at;
        let reading = &saved.reading;
        let namespaces = reading.namespaces.iter().map(|namespace| self.text(namespace)).collect();
        let gaps = reading.gaps.iter().map(|gap| self.gap(gap)).collect();
        let reading = Reading {
            server_version: reading.server_version.clone(),
            namespaces,
            counts: reading.counts.clone(),
            gaps,
            ..Reading::default()
        };
        Saved { taken_at, reading }
    }

    fn gap(&mut self, gap: &Gap) -> Gap {
        let kind = gap.kind.map_or("objects", |kind| kind.kind());
        Gap {
            namespace: self.text(&gap.namespace),
            name: self.text(&gap.name),
            message: format!("{kind}: {}", gap.reason.as_str()),
            ..gap.clone()
        }
    }

    /// Renames what a value holds that stands under the key `field`.
    fn value(&mut self, field: &str, value: Value) -> Value {
        match value {
            Value::String(text) => Value::String(self.field(field, text)),
            Value::Array(values) => values.into_iter().map(|value| self.value(field, value)).collect(),
            Value::Object(map) if QUANTITIES.contains(&field) => Value::Object(map),
            Value::Object(map) if field == "facts" => {
                // All but addresses are words of ours.
                let is_address = |fact: &str| Fact::ADDRESSES.contains(&fact);
                let rename = |(fact, value): (String, Value)| {
                    let value = if is_address(&fact) { self.value("", value) } else { value };
                    (fact, value)
                };
                Value::Object(map.into_iter().map(rename).collect())
            }
            Value::Object(map) if is_label_map(field, &map) => {
                let rename = |(key, value): (String, Value)| (self.label_key(&key), self.label_value(&key, value));
                Value::Object(map.into_iter().map(rename).collect())
            }
            Value::Object(map) => Value::Object(self.fields(map)),
            other => other,
        }
    }

    /// Renames what the fields of a structure hold.
    fn fields(&mut self, map: Map<String, Value>) -> Map<String, Value> {
        let label = map.get("key").and_then(Value::as_str).map(str::to_owned);
        map.into_iter()
            .map(|(field, value)| {
                let renamed = match &label {
                    Some(label) if field == "value" || field == "values" => self.label_value(label, value),
                    _ => self.value(&field, value),
                };
                (field, renamed)
            })
            .collect()
    }

    fn field(&mut self, field: &str, text: String) -> String {
        match field {
            "zone" => numbered(&mut self.zones, "zone", &text),
            "region" => numbered(&mut self.regions, "region", &text),
            "apiVersion" | "group" => self.label_key(&text),
            field if LABEL_KEYS.contains(&field) => self.label_key(&text),
            field if KEPT.contains(&field) => text,
            _ => self.text(&text),
        }
    }

    /// A label's key: kept under a public domain, else renamed.
    fn label_key(&mut self, key: &str) -> String {
        let domain = key.split_once('/').map_or(key, |(domain, _)| domain);
        if is_public(domain) { key.to_owned() } else { self.text(key) }
    }

    /// What a label or an expression on one may be, as one text or several.
    fn label_value(&mut self, key: &str, value: Value) -> Value {
        match value {
            Value::String(text) if key.ends_with("/zone") => Value::String(numbered(&mut self.zones, "zone", &text)),
            Value::String(text) if key.ends_with("/region") => {
                Value::String(numbered(&mut self.regions, "region", &text))
            }
            Value::String(text) => Value::String(self.text(&text)),
            Value::Array(values) => values.into_iter().map(|value| self.label_value(key, value)).collect(),
            other => other,
        }
    }

    /// A text made of words: a name, or names joined by `_` as the holders of leases are.
    fn text(&mut self, text: &str) -> String {
        text.split('_').map(|name| self.name(name)).collect::<Vec<_>>().join("_")
    }

    /// A name. One that ends with a node's name, as a static pod's does, ends with the node's new name.
    fn name(&mut self, name: &str) -> String {
        let (rest, node) = without_node(name, |name| self.nodes.contains_key(name));
        match node.and_then(|node| self.nodes.get(node)).cloned() {
            Some(node) if rest.is_empty() => node,
            Some(node) => format!("{}-{node}", self.words.rename(rest)),
            None if holds_an_address(name) => numbered(&mut self.hosts, "host", name),
            None => self.words.rename(name),
        }
    }
}

fn node_name(object: &Object) -> Option<&str> {
    matches!(object.body, Body::Node(_)).then_some(object.metadata().name.as_str())
}

/// Whether a name spells an address, such as `ip-10-0-1-5`.
fn holds_an_address(name: &str) -> bool {
    let words: Vec<&str> = name.split(['-', '.']).collect();
    words.windows(4).any(|words| words.iter().all(|word| word.parse::<u8>().is_ok())) && name.contains('-')
}

/// A text without the node's name, and the `-` before it, with which it ends.
fn without_node(text: &str, is_node: impl Fn(&str) -> bool) -> (&str, Option<&str>) {
    if is_node(text) {
        return ("", Some(text));
    }
    let mut joints = text.match_indices('-').map(|(joint, _)| (&text[..joint], &text[joint + 1..]));
    match joints.find(|(_, name)| is_node(name)) {
        Some((rest, node)) => (rest, Some(node)),
        None => (text, None),
    }
}

/// The pseudonym `WORD-N` of a name.
fn numbered(names: &mut HashMap<String, String>, word: &str, name: &str) -> String {
    if name.is_empty() {
        return String::new();
    }
    let number = names.len() + 1;
    names.entry(name.to_owned()).or_insert_with(|| format!("{word}-{number}")).clone()
}

/// Whether a map has data for keys: a label selector has fields under `selector`, a Service's has labels.
fn is_label_map(field: &str, map: &Map<String, Value>) -> bool {
    LABELS.contains(&field) && map.values().all(Value::is_string)
}

/// Whether a domain, or a name without one that belongs to the product itself, is everyone's.
fn is_public(domain: &str) -> bool {
    let belongs = |public: &str| domain.strip_suffix(public).is_some_and(|rest| rest.is_empty() || rest.ends_with('.'));
    domain == "kubectl-ha" || PUBLIC_DOMAINS.iter().any(|public| belongs(public))
}
