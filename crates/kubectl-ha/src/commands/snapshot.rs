//! `kubectl ha snapshot`: saves a cluster, to be judged later or elsewhere.

use ha_core::snapshot::ResourceKind;
use ha_read::saved::{self, Anonymizer, Saved};
use ha_snapshot::objects::Object;

use crate::cli::{Input, Snapshot};
use crate::render::{count, gaps};
use crate::{input, sanitize, terminal};

/// Reads all objects and writes them, reduced to what the analysis needs.
pub(super) fn run(arguments: &Snapshot) -> anyhow::Result<()> {
    let mut objects = Vec::new();
    let from = Input { snapshot: arguments.snapshot.clone(), ..Input::default() };
    let source = input::read(&from, &arguments.connection, &mut |object| {
        objects.push(object);
    })?;
    let mut saved = Saved { taken_at: source.taken_at, reading: source.reading };
    if arguments.anonymize {
        (saved, objects) = anonymize(&saved, &objects)?;
    }
    // As the API lists them, however they arrived: the same cluster gives the same file, and what belongs together
    // stands together.
    objects.sort_by(|left, right| place(left).cmp(&place(right)));
    saved::write(&arguments.file, &saved, &objects)?;
    let gaps = saved.reading.gaps.iter();
    for line in gaps::texts(gaps.map(|gap| (gap.reason, gap.namespace.as_str(), gap.message.as_str()))) {
        terminal::warning(&line);
    }
    let file = arguments.file.display().to_string();
    let text = format!("{} in {}\n", count(objects.len(), "object"), sanitize::line(&file));
    terminal::note(&text);
    Ok(())
}

/// Where an object stands in the file.
fn place(object: &Object) -> (ResourceKind, &str, &str) {
    let metadata = object.metadata();
    (object.kind(), &metadata.namespace, &metadata.name)
}

fn anonymize(saved: &Saved, objects: &[Object]) -> anyhow::Result<(Saved, Vec<Object>)> {
    let mut anonymizer = Anonymizer::new(objects);
    let objects: Result<Vec<Object>, _> = objects.iter().map(|object| anonymizer.object(object)).collect();
    Ok((anonymizer.saved(saved), objects?))
}
