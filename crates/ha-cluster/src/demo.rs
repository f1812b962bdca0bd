//! Expands the page of a small example cluster into the objects that an API server would return.
//!
//! The page has ordinary objects and a few short forms, which it explains itself. What controllers, the scheduler and
//! kubelets add is made here: owners, pods with status, endpoints, budget status. Pure: text in, objects out, and the
//! same text gives the same objects.

use serde::Deserialize;
use serde_json::{Map, Value, json};

use crate::error::{Error, Result};

mod app;
mod machine;
mod pods;

use pods::PodMaker;

/// An example cluster.
#[derive(Debug)]
pub struct Demo {
    /// The instant that it shows, in RFC 3339.
    pub taken_at: String,
    /// The server's version.
    pub server_version: String,
    /// The context's name.
    pub context: String,
    /// All objects.
    pub objects: Vec<Value>,
}

/// What the page's first document says.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Header {
    taken_at: String,
    server_version: String,
    context: String,
}

/// When everything was created, unless an object says something else.
pub(crate) const CREATED: &str = "2026-10-01T08:00:00Z";

/// Expands a page.
///
/// # Errors
/// [`Error::Demo`] where a document is not what the page's own comment allows, with its number and the reason.
pub fn expand(page: &str) -> Result<Demo> {
    let mut documents = serde_yaml::Deserializer::from_str(page).enumerate();
    let wrong =
        |number: usize, reason: &dyn std::fmt::Display| Error::Demo(format!("document {}: {reason}", number + 1));
    let (number, first) = documents.next().ok_or_else(|| Error::Demo("the page is empty".into()))?;
    let header = Header::deserialize(first).map_err(|error| wrong(number, &error))?;
    let mut expansion = Expansion { taken_at: header.taken_at.clone(), ..Expansion::default() };
    for (number, document) in documents {
        let value = Value::deserialize(document).map_err(|error| wrong(number, &error))?;
        expansion.document(value).map_err(|reason| wrong(number, &reason))?;
    }
    expansion.endpoints();
    expansion.namespaces();
    let Header { taken_at, server_version, context } = header;
    Ok(Demo { taken_at, server_version, context, objects: expansion.objects })
}

/// What has been expanded so far.
#[derive(Default)]
struct Expansion {
    taken_at: String,
    objects: Vec<Value>,
    pods: PodMaker,
}

impl Expansion {
    fn document(&mut self, value: Value) -> std::result::Result<(), String> {
        let text = |error: serde_json::Error| error.to_string();
        match value["kind"].as_str() {
            Some("Machine") => {
                let machine: machine::Machine = serde_json::from_value(value).map_err(text)?;
                self.objects.push(machine.node(&self.taken_at));
            }
            Some("Static") => {
                let pods: pods::Static = serde_json::from_value(value).map_err(text)?;
                self.objects.extend(self.pods.statics(&pods));
            }
            Some("App") => {
                let app: app::App = serde_json::from_value(value).map_err(text)?;
                for object in app.objects() {
                    self.object(object)?;
                }
            }
            Some(_) => self.object(value)?,
            None => return Err("it has no kind".into()),
        }
        Ok(())
    }

    /// An ordinary object, with pods on its `nodes` if it names any.
    fn object(&mut self, mut object: Value) -> std::result::Result<(), String> {
        let nodes: Vec<String> = match object.as_object_mut().and_then(|fields| fields.remove("nodes")) {
            Some(nodes) => serde_json::from_value(nodes).map_err(|error| error.to_string())?,
            None => Vec::new(),
        };
        if object["kind"] == "Pod" {
            let node = nodes.first().ok_or("a Pod needs a node")?;
            self.objects.push(self.pods.bare(object, node));
            return Ok(());
        }
        stamp(&mut object);
        let made = if nodes.is_empty() { Vec::new() } else { self.pods.controlled(&object, &nodes) };
        self.objects.push(object);
        self.objects.extend(made);
        Ok(())
    }

    /// Gives every Service with a selector the EndpointSlice of the pods that it selects.
    fn endpoints(&mut self) {
        let pods: Vec<&Value> = self.objects.iter().filter(|object| object["kind"] == "Pod").collect();
        let services = self.objects.iter().filter(|object| object["kind"] == "Service");
        let slices: Vec<Value> = services
            .filter(|service| service["spec"]["selector"].is_object())
            .map(|service| {
                let selected = pods.iter().filter(|pod| selects(service, pod));
                let endpoints: Vec<Value> = selected.map(|pod| pods::endpoint(pod)).collect();
                let (namespace, name) = (&service["metadata"]["namespace"], &service["metadata"]["name"]);
                let mut slice = json!({"apiVersion": "discovery.k8s.io/v1", "kind": "EndpointSlice",
                    "metadata": {"namespace": namespace, "name": format!("{}-1", text(name)),
                        "labels": {"kubernetes.io/service-name": name}},
                    "endpoints": endpoints});
                stamp(&mut slice);
                slice
            })
            .collect();
        self.objects.extend(slices);
    }

    /// Adds every namespace that is named.
    fn namespaces(&mut self) {
        let mentioned = self.objects.iter().filter_map(|object| object["metadata"]["namespace"].as_str());
        let mut names: Vec<String> = mentioned.map(str::to_owned).collect();
        names.sort_unstable();
        names.dedup();
        for name in names {
            let mut namespace = json!({"apiVersion": "v1", "kind": "Namespace",
                "metadata": {"name": name, "labels": {"kubernetes.io/metadata.name": name}}});
            stamp(&mut namespace);
            self.objects.push(namespace);
        }
    }
}

/// Gives an object the identity that the API server would: a UID that follows from its name.
pub(super) fn stamp(object: &mut Value) {
    use sha2::{Digest, Sha256};
    let kind = text(&object["kind"]).to_owned();
    let metadata = &mut object["metadata"];
    let title = format!("{kind}/{}/{}", text(&metadata["namespace"]), text(&metadata["name"]));
    let bits = Sha256::digest(title).iter().take(16).fold(0_u128, |bits, byte| bits << 8 | u128::from(*byte));
    let digest = format!("{bits:032x}");
    let parts = [&digest[..8], &digest[8..12], &digest[12..16], &digest[16..20], &digest[20..]];
    metadata["uid"] = json!(parts.join("-"));
    if metadata["creationTimestamp"].is_null() {
        metadata["creationTimestamp"] = json!(CREATED);
    }
}

/// A string field; empty for anything else.
pub(super) fn text(value: &Value) -> &str {
    value.as_str().unwrap_or("")
}

/// Merges a JSON merge patch (RFC 7396) into a value.
pub(super) fn merge(target: &mut Value, patch: &Value) {
    let Value::Object(fields) = patch else {
        *target = patch.clone();
        return;
    };
    if !target.is_object() {
        *target = Value::Object(Map::new());
    }
    for (key, value) in fields {
        if value.is_null() {
            if let Some(target) = target.as_object_mut() {
                target.remove(key);
            }
        } else {
            merge(&mut target[key.as_str()], value);
        }
    }
}

/// Whether a Service selects a pod.
fn selects(service: &Value, pod: &Value) -> bool {
    let selector = service["spec"]["selector"].as_object();
    service["metadata"]["namespace"] == pod["metadata"]["namespace"]
        && selector.is_some_and(|selector| {
            selector.iter().all(|(key, value)| pod["metadata"]["labels"][key.as_str()] == *value)
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    const PAGE: &str = "
takenAt: 2026-11-22T03:00:00Z
serverVersion: v1.36.3
context: test
---
{kind: Machine, name: n1, zone: a, address: 10.0.0.1}
---
{kind: App, namespace: shop, name: web, nodes: [n1, n1], image: web, patch: {spec: {minReadySeconds: 5}}}
";

    fn of_kind<'a>(demo: &'a Demo, kind: &str) -> Vec<&'a Value> {
        demo.objects.iter().filter(|object| object["kind"] == kind).collect()
    }

    #[test]
    fn an_app_becomes_what_controllers_would_make_of_it() {
        let demo = expand(PAGE).unwrap();
        let pods = of_kind(&demo, "Pod");
        assert_eq!(pods.len(), 2);
        let (set, deployment) = (of_kind(&demo, "ReplicaSet")[0], of_kind(&demo, "Deployment")[0]);
        assert_eq!(pods[0]["metadata"]["ownerReferences"][0]["uid"], set["metadata"]["uid"]);
        assert_eq!(set["metadata"]["ownerReferences"][0]["uid"], deployment["metadata"]["uid"]);
        assert_eq!(deployment["spec"]["minReadySeconds"], 5);
        let budget = of_kind(&demo, "PodDisruptionBudget")[0];
        assert_eq!(budget["status"]["disruptionsAllowed"], 1);
        assert_eq!(of_kind(&demo, "EndpointSlice")[0]["endpoints"].as_array().unwrap().len(), 2);
        assert_eq!(of_kind(&demo, "Namespace").len(), 1);
    }

    #[test]
    fn a_misspelt_field_is_refused_with_its_document() {
        let page = format!("{PAGE}---\n{{kind: Machine, name: n2, zonee: b, address: 10.0.0.2}}\n");
        let error = expand(&page).unwrap_err().to_string();
        assert!(error.contains("document 4") && error.contains("zonee"), "{error}");
    }
}
