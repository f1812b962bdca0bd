//! Reading manifests through the public interface.
#![allow(clippy::unwrap_used)] // Helpers of tests are tests too.

mod files;
mod hostile;
mod objects;

use ha_read::manifests::{self, Manifests, NoObjects, Options, Source, Text};
use ha_snapshot::objects::Object;

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
fn read_text(text: &str) -> (Manifests, Vec<Object>) {
    read_bytes(text.as_bytes())
}

/// Reads bytes named `test.yaml`.
fn read_bytes(bytes: &[u8]) -> (Manifests, Vec<Object>) {
    let name = "test.yaml".into();
    read_source(Source::Text(Text { name, bytes: bytes.to_vec() }), &Options::default()).unwrap()
}

fn read_source(source: Source, options: &Options) -> Result<(Manifests, Vec<Object>), NoObjects> {
    let mut read = Vec::new();
    let manifests = manifests::read(&[source], options, &mut |manifest| read.push(manifest))?;
    Ok((manifests, read))
}

/// The names of objects.
fn names(read: &[Object]) -> Vec<&str> {
    read.iter().map(|object| object.metadata().name.as_str()).collect()
}

/// The first lines of objects.
fn lines(read: &[Object]) -> Vec<u32> {
    read.iter().filter_map(|object| object.location.as_ref()).map(|location| location.line).collect()
}
