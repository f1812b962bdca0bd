//! Manifests: files, directories, standard input, kustomizations.

use ha_core::snapshot::{SourceKind, Timestamp};
use ha_read::manifests::{self, Options};

use super::{Sink, Source, now};
use crate::{UsageError, cli};

/// Reads what `-f` and `-k` name.
///
/// # Errors
/// A [`UsageError`] where something named is not there, or nothing in it is a Kubernetes object.
pub(super) fn read(input: &cli::Input, sink: Sink) -> anyhow::Result<Source> {
    let mut named = input.filename.iter().filter(|path| path.as_os_str() != "-").chain(&input.kustomize);
    if let Some(missing) = named.find(|path| !path.exists()) {
        // Whatever else was named: a check of less than what was asked for must not look like one of all.
        return Err(UsageError(format!("there is no file or directory {}", missing.display())).into());
    }
    let files = input.filename.iter().cloned().map(manifests::Source::from_argument);
    let directories = input.kustomize.iter().cloned().map(manifests::Source::Kustomize);
    let sources: Vec<_> = files.chain(directories).collect();
    let options = Options { recursive: input.recursive, ..Options::default() };
    let manifests = manifests::read(&sources, &options, sink).map_err(|error| UsageError(error.to_string()))?;
    Ok(Source {
        kind: SourceKind::Manifests,
        taken_at: instant(),
        reading: manifests.reading(),
        manifests: Some(manifests),
        description: description(input),
        read_in: None,
        narrowed: false,
    })
}

/// Files show no instant: it is now, or what `SOURCE_DATE_EPOCH` says where the same bytes must come out again
/// (<https://reproducible-builds.org/specs/source-date-epoch/>).
fn instant() -> Timestamp {
    let fixed = std::env::var("SOURCE_DATE_EPOCH").ok();
    fixed.and_then(|seconds| seconds.parse().ok()).unwrap_or_else(now)
}

/// What was named, as it was named.
fn description(input: &cli::Input) -> String {
    let paths = input.filename.iter().chain(&input.kustomize);
    let names: Vec<String> = paths.map(|path| path.display().to_string()).collect();
    match names.as_slice() {
        [one] if one == "-" => "standard input".to_owned(),
        [one] => one.clone(),
        [first, rest @ ..] => format!("{first} and {} more", rest.len()),
        [] => String::new(),
    }
}
