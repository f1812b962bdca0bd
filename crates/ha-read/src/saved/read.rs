//! Reads a saved snapshot.

use std::path::Path;
use std::thread;

use ha_core::snapshot::GapReason;
use ha_snapshot::objects::Object;

use super::format::{Header, KIND, ReadObject, Trailer, VERSION};
use super::lines::{End, Origin};
use super::parse::{Batches, Line};
use super::{Saved, SavedError};
use crate::Gap;

/// Most unreadable lines that are told one by one.
const BAD_LINES: usize = 100;

/// Bounds on what a file may unpack to: a small file can hold a lot of nothing.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// The whole text, in bytes.
    pub max_bytes: u64,
    /// One line, in bytes.
    pub max_line: usize,
    /// Objects.
    pub max_objects: usize,
}

impl Default for Limits {
    /// Ten times what a cluster of 150,000 pods needs.
    fn default() -> Self {
        Self { max_bytes: 8 << 30, max_line: 16 << 20, max_objects: 5_000_000 }
    }
}

/// Reads a saved snapshot: hands every object to `sink`, and returns what else the file says.
///
/// A line that cannot be read becomes a gap.
///
/// # Errors
/// Where the file as a whole cannot be read: absent, no snapshot, newer than this program, cut off, or too large.
pub fn read(path: &Path, sink: &mut dyn FnMut(Object)) -> Result<Saved, SavedError> {
    read_with(path, &Limits::default(), sink)
}

/// Like [`read`], with other limits.
///
/// # Errors
/// As for [`read`].
pub fn read_with(path: &Path, limits: &Limits, sink: &mut dyn FnMut(Object)) -> Result<Saved, SavedError> {
    read_from(Origin::File(path), path, limits, sink)
}

/// Reads a snapshot that is part of the program; errors call it `name`.
///
/// # Errors
/// As for [`read`].
pub fn read_bytes(name: &Path, bytes: &[u8], sink: &mut dyn FnMut(Object)) -> Result<Saved, SavedError> {
    read_from(Origin::Bytes(bytes), name, &Limits::default(), sink)
}

fn read_from(origin: Origin, path: &Path, limits: &Limits, sink: &mut dyn FnMut(Object)) -> Result<Saved, SavedError> {
    thread::scope(|scope| {
        let batches = Batches::start(scope, origin, limits);
        Reader { path, limits, objects: 0, line: 0, bad: 0 }.read(batches, sink)
    })
}

struct Reader<'r> {
    path: &'r Path,
    limits: &'r Limits,
    objects: usize,
    /// The number of the line that is looked at, from 1.
    line: usize,
    /// Lines that cannot be read.
    bad: usize,
}

impl Reader<'_> {
    fn read(mut self, batches: Batches, sink: &mut dyn FnMut(Object)) -> Result<Saved, SavedError> {
        let mut saved: Option<Saved> = None;
        for batch in batches {
            for line in batch.map_err(|end| self.failed(end))? {
                self.line += 1;
                match (line, &mut saved) {
                    (Line::First(text), _) => saved = Some(self.header(&text)?),
                    (_, None) => return Err(self.not_a_snapshot("its first line is no header")),
                    (Line::Object(object), Some(saved)) => self.object(object, saved, sink)?,
                    (Line::Last(trailer), Some(saved)) => return self.end(&trailer, saved),
                    (Line::Bad(error), Some(saved)) => self.bad_line(&error, saved),
                }
            }
        }
        match saved {
            Some(_) => Err(SavedError::CutOff { path: self.path.to_owned(), objects: self.objects }),
            None => Err(self.not_a_snapshot("it is empty")),
        }
    }

    fn header(&self, line: &[u8]) -> Result<Saved, SavedError> {
        let header: Header = serde_json::from_slice(line)
            .map_err(|error| self.not_a_snapshot(&format!("its first line is no header ({error})")))?;
        if header.kind != KIND || header.version == 0 {
            return Err(self.not_a_snapshot("its first line is no header"));
        }
        if header.version > VERSION {
            let path = self.path.to_owned();
            return Err(SavedError::Newer { path, version: header.version, newest: VERSION });
        }
        Ok(header.into_saved())
    }

    fn object(
        &mut self,
        object: ReadObject,
        saved: &mut Saved,
        sink: &mut dyn FnMut(Object),
    ) -> Result<(), SavedError> {
        if self.objects == self.limits.max_objects {
            return Err(self.failed(End::TooLarge(format!("{} objects", self.limits.max_objects))));
        }
        // A kind of a newer program has no reader here, and no rule that asks for it.
        if let ReadObject(Some(object)) = object {
            *saved.reading.counts.entry(object.kind()).or_default() += 1;
            sink(object);
        }
        self.objects += 1;
        Ok(())
    }

    fn end(&self, trailer: &Trailer, saved: &mut Saved) -> Result<Saved, SavedError> {
        if trailer.objects != self.objects {
            return Err(SavedError::CutOff { path: self.path.to_owned(), objects: self.objects });
        }
        if self.bad > BAD_LINES {
            let message = format!("{}: {} more lines cannot be read", self.path.display(), self.bad - BAD_LINES);
            saved.reading.gaps.push(Gap { message, ..unreadable() });
        }
        saved.reading.gaps.sort();
        Ok(std::mem::take(saved))
    }

    fn bad_line(&mut self, error: &serde_json::Error, saved: &mut Saved) {
        if self.bad < BAD_LINES {
            let message = format!("{}, line {}: {error}", self.path.display(), self.line);
            saved.reading.gaps.push(Gap { message, ..unreadable() });
        }
        self.bad += 1;
        self.objects += 1;
    }

    fn not_a_snapshot(&self, reason: &str) -> SavedError {
        SavedError::NotASnapshot { path: self.path.to_owned(), reason: reason.to_owned() }
    }

    fn failed(&self, end: End) -> SavedError {
        let path = self.path.to_owned();
        match end {
            End::TooLarge(limit) => SavedError::TooLarge { path, limit },
            End::Failed(source) if source.kind() == std::io::ErrorKind::UnexpectedEof => {
                SavedError::CutOff { path, objects: self.objects }
            }
            End::Failed(source) => SavedError::Read { path, source },
        }
    }
}

fn unreadable() -> Gap {
    Gap {
        kind: None,
        namespace: String::new(),
        name: String::new(),
        reason: GapReason::Unreadable,
        message: String::new(),
    }
}
