//! Reading manifests through the public interface.
#![allow(clippy::unwrap_used)] // Helpers of tests are tests too.

mod files;
mod hostile;
mod objects;

use ha_read::manifests::{self, Manifest, Manifests, NoObjects, Options, Source, Text};

const DEPLOYMENT: &str = "apiVersion: apps/v1
kind: Deployment
metadata:
  name: web
  annotations:
    example.com/a.b: c
spec:
  replicas: 1
  template:
    spec:
      containers:
      - name: app
        image: app:1
      - name: log
        readinessProbe:
          httpGet: {path: /, port: 80}
";

/// Reads a text named `test.yaml`.
fn read_text(text: &str) -> (Manifests, Vec<Manifest>) {
    read_bytes(text.as_bytes())
}

/// Reads bytes named `test.yaml`.
fn read_bytes(bytes: &[u8]) -> (Manifests, Vec<Manifest>) {
    let name = "test.yaml".into();
    read_source(
        Source::Text(Text {
            name,
            bytes: bytes.to_vec(),
        }),
        &Options::default(),
    )
    .unwrap()
}

fn read_source(source: Source, options: &Options) -> Result<(Manifests, Vec<Manifest>), NoObjects> {
    let mut read = Vec::new();
    let manifests = manifests::read(&[source], options, &mut |manifest| read.push(manifest))?;
    Ok((manifests, read))
}

/// The names of objects.
fn names(read: &[Manifest]) -> Vec<&str> {
    read.iter()
        .filter_map(|manifest| manifest.value["metadata"]["name"].as_str())
        .collect()
}
