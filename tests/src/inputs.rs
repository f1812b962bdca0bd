//! What tests judge: the cases, other projects' manifests, the example cluster, generated clusters.
//!
//! Each is a list of slim objects in the order of its source, so that a test can change, shuffle, save or rename them.

#![allow(clippy::unwrap_used, clippy::missing_panics_doc, reason = "a helper of tests may fail like a test")]

use std::path::{Path, PathBuf};

use ha_core::Snapshot;
use ha_core::report::Report;
use ha_core::snapshot::{ResourceKind, SourceKind};
use ha_read::{manifests, saved};
use ha_snapshot::objects::Object;
use ha_snapshot::{Builder, Origin};
use serde::Deserialize;
use serde_json::Value;

use crate::native;

/// Objects, and what is known of them as a whole.
#[derive(Clone, Debug)]
pub struct Input {
    /// What to call it in a failure.
    pub name: String,
    /// The objects.
    pub objects: Vec<Object>,
    /// Where they come from.
    pub origin: Origin,
}

impl Input {
    /// The objects, joined.
    pub fn snapshot(&self) -> Snapshot {
        let mut builder = Builder::new(&[]);
        for object in &self.objects {
            builder.add(object.clone());
        }
        builder.finish(&self.origin)
    }

    /// What the built-in rules say, every answer listed.
    pub fn report(&self) -> Report {
        native::report(&self.snapshot())
    }
}

/// The root of the repository.
pub fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().to_path_buf()
}

/// The files of `tests/cases`, sorted.
pub fn case_files() -> Vec<PathBuf> {
    let cases = std::fs::read_dir(root().join("tests/cases")).unwrap();
    let mut files: Vec<PathBuf> = cases.map(|case| case.unwrap().path().join("input.yaml")).collect();
    files.retain(|file| file.is_file());
    files.sort();
    assert!(files.len() >= 32, "only {} cases", files.len());
    files
}

/// Other projects' manifests, sorted. They lie beside the repository and are no part of it; where they are not, this
/// says so and there are none.
#[allow(clippy::print_stdout)]
pub fn corpus_files() -> Vec<PathBuf> {
    let folder = root().join("../shared/corpus");
    let Ok(entries) = std::fs::read_dir(&folder) else {
        println!("not checked: the corpus is not at {}", folder.display());
        return Vec::new();
    };
    let mut files: Vec<PathBuf> = entries.map(|entry| entry.unwrap().path()).collect();
    files.retain(|file| file.extension().is_some_and(|extension| extension == "yaml"));
    files.sort();
    assert!(!files.is_empty(), "the corpus is empty");
    files
}

/// A file of manifests.
pub fn of_file(file: &Path, assume_complete: bool) -> Input {
    let mut objects = Vec::new();
    let sources = [manifests::Source::Path(file.to_path_buf())];
    let read = manifests::read(&sources, &manifests::Options::default(), &mut |object| objects.push(object));
    let read = read.unwrap_or_else(|error| panic!("{}: {error}", file.display()));
    assert!(read.problems.is_empty(), "{}: {:?}", file.display(), read.problems);
    let origin =
        Origin { kind: SourceKind::Manifests, taken_at: native::TAKEN_AT, assume_complete, ..Origin::default() };
    Input { name: format!("{} assume_complete={assume_complete}", file.display()), objects, origin }
}

/// The cases and the corpus, once as a part and once as a whole.
pub fn manifests() -> Vec<Input> {
    let files = case_files().into_iter().chain(corpus_files());
    files.flat_map(|file| [false, true].map(|assume_complete| of_file(&file, assume_complete))).collect()
}

/// The example cluster.
pub fn demo() -> Input {
    let mut objects = Vec::new();
    let saved =
        saved::read(&root().join("crates/kubectl-ha/demo/shop.ha"), &mut |object| objects.push(object)).unwrap();
    let origin = Origin {
        kind: SourceKind::Cluster,
        name: saved.reading.context,
        server_version: saved.reading.server_version,
        taken_at: saved.taken_at,
        ..Origin::default()
    };
    Input { name: "the example cluster".into(), objects, origin }
}

/// A generated cluster of about that many pods.
pub fn generated(pods: usize, seed: u64) -> Input {
    let mut objects = Vec::new();
    ha_cluster::generate::live(ha_cluster::generate::Size::of(pods, None), seed, &mut |value| {
        objects.push(object(&value));
        Ok(())
    })
    .unwrap();
    let origin = Origin { kind: SourceKind::Cluster, taken_at: native::TAKEN_AT, ..Origin::default() };
    Input { name: format!("generated from seed {seed}"), objects, origin }
}

/// All of these: manifests, the example cluster, generated clusters.
pub fn all() -> Vec<Input> {
    let mut inputs = manifests();
    inputs.push(demo());
    inputs.extend([1, 2].map(|seed| generated(300, seed)));
    inputs
}

/// The slim form of a JSON object.
pub fn object(value: &Value) -> Object {
    let api_version = value["apiVersion"].as_str().unwrap();
    let group = api_version.split_once('/').map_or("", |(group, _)| group);
    let kind = ResourceKind::from_group_kind(group, value["kind"].as_str().unwrap()).unwrap();
    Object::deserialize(api_version, kind, value).unwrap_or_else(|error| panic!("{error}: {value:#}"))
}

/// The documents of a YAML file, items of lists included, or the lines of a file of JSON lines.
pub fn documents(file: &Path) -> Vec<Value> {
    let text = std::fs::read_to_string(file).unwrap();
    let documents = serde_yaml::Deserializer::from_str(&text).map(|document| Value::deserialize(document).unwrap());
    let documents: Vec<Value> = if file.extension().is_some_and(|extension| extension == "jsonl") {
        text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
    } else {
        documents.collect()
    };
    let items = |document: Value| match document.get("items").and_then(Value::as_array) {
        Some(items) => items.clone(),
        None => vec![document],
    };
    documents.into_iter().flat_map(items).filter(|document| !document.is_null()).collect()
}
