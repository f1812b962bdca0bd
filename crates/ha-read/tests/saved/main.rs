//! Saved snapshots through the public interface.
#![allow(clippy::unwrap_used)] // Helpers of tests are tests too.

mod anonymize;
mod file;

use ha_core::snapshot::{GapReason, ResourceKind};
use ha_read::saved::Saved;
use ha_read::{Gap, Reading};
use ha_snapshot::objects::Object;

/// An object from the JSON of the API.
fn object(json: &str) -> Object {
    let value: serde_json::Value = serde_json::from_str(json).unwrap();
    let api_version = value["apiVersion"].as_str().unwrap();
    let group = api_version.split_once('/').map_or("", |(group, _)| group);
    let kind = ResourceKind::from_group_kind(group, value["kind"].as_str().unwrap()).unwrap();
    Object::from_json(api_version, kind, json).unwrap()
}

/// A cluster in small: nodes, a StatefulSet with its pod, claim and volume, a Service, a webhook, a static pod.
fn cluster() -> Vec<Object> {
    include_str!("cluster.jsonl").lines().map(object).collect()
}

fn saved() -> Saved {
    let gap = Gap {
        kind: Some(ResourceKind::Lease),
        namespace: "acme-shop".to_owned(),
        name: String::new(),
        reason: GapReason::Forbidden,
        message: "leases is forbidden: User \"jane@acme.example\" cannot list".to_owned(),
    };
    let reading = Reading {
        context: "acme-prod".to_owned(),
        server: "https://api.acme.example:6443".to_owned(),
        server_version: "v1.36.3".to_owned(),
        namespaces: vec!["acme-shop".to_owned()],
        gaps: vec![gap],
        notices: vec!["the certificate is not verified".to_owned()],
        ..Reading::default()
    };
    Saved { taken_at: 1_795_348_800, reading }
}
