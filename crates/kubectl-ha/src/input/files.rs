//! Manifests: files, directories, standard input, kustomizations.

use ha_core::snapshot::SourceKind;
use ha_read::manifests::{self, Options};

use super::{Sink, Source, now};
use crate::{UsageError, cli};

/// Reads what `-f` and `-k` name.
pub(super) fn read(input: &cli::Input, sink: Sink) -> anyhow::Result<Source> {
    let files = input
        .filename
        .iter()
        .cloned()
        .map(manifests::Source::from_argument);
    let directories = input
        .kustomize
        .iter()
        .cloned()
        .map(manifests::Source::Kustomize);
    let sources: Vec<_> = files.chain(directories).collect();
    let options = Options {
        recursive: input.recursive,
        ..Options::default()
    };
    let manifests =
        manifests::read(&sources, &options, sink).map_err(|error| UsageError(error.to_string()))?;
    Ok(Source {
        kind: SourceKind::Manifests,
        taken_at: now(),
        reading: manifests.reading(),
        manifests: Some(manifests),
        description: description(input),
        read_in: None,
        narrowed: false,
    })
}

/// What was named, as it was named.
fn description(input: &cli::Input) -> String {
    let named = input.filename.iter().chain(&input.kustomize);
    let names: Vec<String> = named.map(|path| path.display().to_string()).collect();
    match names.as_slice() {
        [one] if one == "-" => "standard input".to_owned(),
        [one] => one.clone(),
        [first, rest @ ..] => format!("{first} and {} more", rest.len()),
        [] => String::new(),
    }
}
