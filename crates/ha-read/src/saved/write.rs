//! Writes a saved snapshot.

use std::io::{self, BufWriter, Write};
use std::path::Path;

use flate2::Compression;
use flate2::write::GzEncoder;
use ha_snapshot::objects::Object;
use serde::Serialize;
use tempfile::NamedTempFile;

use super::format::{Header, ObjectLine, Trailer, TrailerKind};
use super::{Saved, SavedError};

/// Writes objects to a file, which appears whole or not at all, readable by its owner only.
///
/// The same objects give the same bytes. Where they came from (file and line) is not written.
///
/// # Errors
/// [`SavedError::Write`] where the file cannot be created, written or moved to its place.
pub fn write<'o>(path: &Path, saved: &Saved, objects: impl IntoIterator<Item = &'o Object>) -> Result<(), SavedError> {
    write_file(path, saved, &mut objects.into_iter())
        .map_err(|source| SavedError::Write { path: path.to_owned(), source })
}

fn write_file(path: &Path, saved: &Saved, objects: &mut dyn Iterator<Item = &Object>) -> io::Result<()> {
    let directory = match path.parent() {
        Some(directory) if !directory.as_os_str().is_empty() => directory,
        _ => Path::new("."),
    };
    // A new temporary file has mode 0600 from its first byte on.
    let file = NamedTempFile::new_in(directory)?;
    let mut output = BufWriter::new(GzEncoder::new(file, Compression::fast()));
    write_lines(&mut output, saved, objects)?;
    let file = output.into_inner().map_err(io::IntoInnerError::into_error)?.finish()?;
    file.as_file().sync_all()?;
    file.persist(path).map_err(|error| error.error)?;
    Ok(())
}

fn write_lines(output: &mut impl Write, saved: &Saved, objects: &mut dyn Iterator<Item = &Object>) -> io::Result<()> {
    line(output, &Header::new(saved))?;
    let mut count = 0;
    for object in objects {
        line(output, &ObjectLine::new(object))?;
        count += 1;
    }
    line(output, &Trailer { kind: TrailerKind::SnapshotEnd, objects: count })
}

fn line(output: &mut impl Write, value: &impl Serialize) -> io::Result<()> {
    serde_json::to_writer(&mut *output, value)?;
    output.write_all(b"\n")
}
