//! The clusters of `tests`, as the fuzz targets read them: one object a line.

use std::fs::{self, File};
use std::path::Path;

use anyhow::{Context as _, Result};
use flate2::read::GzDecoder;
use serde::Deserialize;
use serde_json::Value;

use crate::shell::root;

/// Writes the clusters into a folder, where fuzzing begins, and says how many there are.
pub(super) fn write(folder: &Path) -> Result<usize> {
    fs::create_dir_all(folder)?;
    let tests = root().join("tests");
    let mut count = 0;
    for case in fs::read_dir(tests.join("cases"))?.chain(fs::read_dir(tests.join("sim-cases"))?) {
        let case = case?.path();
        let Some(objects) = objects(&case).with_context(|| case.display().to_string())? else { continue };
        let lines: Vec<String> = objects.iter().map(Value::to_string).collect();
        fs::write(folder.join(case.file_name().context("a case has no name")?), lines.join("\n"))?;
        count += 1;
    }
    Ok(count)
}

/// The objects of a case; none where the folder holds something else.
fn objects(case: &Path) -> Result<Option<Vec<Value>>> {
    let (manifests, list) = (case.join("input.yaml"), case.join("before.json.gz"));
    if manifests.exists() {
        let text = fs::read_to_string(manifests)?;
        let documents = serde_yaml::Deserializer::from_str(&text).map(Value::deserialize);
        let documents: Vec<Value> = documents.collect::<Result<_, _>>()?;
        Ok(Some(documents.into_iter().flat_map(items).collect()))
    } else if list.exists() {
        Ok(Some(items(serde_json::from_reader(GzDecoder::new(File::open(list)?))?)))
    } else {
        Ok(None)
    }
}

/// The objects of a list, or the one object.
fn items(value: Value) -> Vec<Value> {
    match value {
        Value::Array(items) => items,
        Value::Object(mut map) if map.contains_key("items") => items(map.remove("items").unwrap_or_default()),
        other => vec![other],
    }
}
