//! Manifests: files, directories, standard input and kustomizations to Kubernetes objects.
//!
//! [`read`] hands every object of a kind that rules know to a sink, with the file and line where it stands. It reads
//! YAML and JSON as kubectl does (see the module `scalar`) and resolves `List`s. Whatever cannot be read becomes a
//! [`Problem`] that says where and why, and everything else is still read. YAML documents of kinds that no rule knows,
//! such as Secrets, are counted but not parsed. [`Manifests::locate`] finds the line of a field, for excerpts.
//!
//! Left out: what the objects mean (`ha-snapshot`), and files on the network.

mod documents;
mod head;
mod input;
mod kustomize;
mod locate;
mod objects;
mod scalar;
mod tree;

use std::collections::BTreeMap;
use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;

use ha_core::snapshot::{GapReason, ResourceKind};
use ha_snapshot::objects::Object;

use crate::{Gap, Reading};

/// Where manifests come from.
#[derive(Clone, Debug)]
pub enum Source {
    /// A file, or a directory of `.yaml`, `.yml` and `.json` files.
    Path(PathBuf),
    /// Standard input, named `-`.
    Stdin,
    /// A directory with a kustomization.
    Kustomize(PathBuf),
    /// A text that is at hand already.
    Text(Text),
}

impl Source {
    /// What `-f` names: a path, or standard input for `-`.
    pub fn from_argument(argument: PathBuf) -> Self {
        if argument.as_os_str() == "-" { Self::Stdin } else { Self::Path(argument) }
    }
}

/// A text with the name under which it is reported.
#[derive(Clone, Debug)]
pub struct Text {
    /// The path as the user gave it, or `-`.
    pub name: Arc<str>,
    /// The content; UTF-8 where it can be read.
    pub bytes: Vec<u8>,
}

/// How to read.
#[derive(Clone, Copy, Debug)]
pub struct Options {
    /// Read the subdirectories of directories too.
    pub recursive: bool,
    /// The largest text that is read, in bytes.
    pub max_bytes: u64,
}

impl Default for Options {
    fn default() -> Self {
        Self { recursive: false, max_bytes: 512 << 20 }
    }
}

/// What was wrong with a part of the input.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    /// The text concerned.
    pub file: Arc<str>,
    /// The line, from 1; 0 for the text as a whole.
    pub line: usize,
    /// What is wrong and, where it is not plain, what to do.
    pub message: String,
    /// How bad it is.
    pub weight: Weight,
    /// The object that could not be read, where that much is known.
    pub subject: Option<Subject>,
}

/// An object that is there but could not be read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Subject {
    /// The kind.
    pub kind: ResourceKind,
    /// The namespace; empty where none is written.
    pub namespace: String,
    /// The name.
    pub name: String,
}

/// What a [`Problem`] did to the reading.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Weight {
    /// Something is missing that may have held objects.
    Lost,
    /// What is there is no Kubernetes object.
    NotKubernetes,
    /// Everything was read, but not as one would expect.
    Note,
}

impl Problem {
    fn unreadable(file: &str, line: usize, message: &str) -> Self {
        Self { file: file.into(), line, message: message.to_owned(), weight: Weight::Lost, subject: None }
    }

    fn gap(&self) -> Gap {
        let subject = self.subject.clone();
        Gap {
            kind: subject.as_ref().map(|subject| subject.kind),
            namespace: subject.as_ref().map(|subject| subject.namespace.clone()).unwrap_or_default(),
            name: subject.map(|subject| subject.name).unwrap_or_default(),
            reason: GapReason::Unreadable,
            message: self.to_string(),
        }
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.line {
            0 => write!(formatter, "{}: {}", self.file, self.message),
            line => write!(formatter, "{}:{line}: {}", self.file, self.message),
        }
    }
}

/// Most problems that are kept; the others are counted.
const PROBLEMS: usize = 1000;

/// What was read beside the objects.
#[derive(Debug, Default)]
pub struct Manifests {
    /// How many Kubernetes objects there were, of whatever kind.
    pub objects: usize,
    /// What was wrong, in the order of the input; at most 1000.
    pub problems: Vec<Problem>,
    /// How many more problems there were.
    pub more_problems: usize,
    /// How many objects there were of each kind that rules know.
    counts: BTreeMap<ResourceKind, usize>,
    /// The texts, with the places of their objects.
    files: Vec<File>,
}

/// A text that was read, and where its objects stand, in order.
#[derive(Debug)]
struct File {
    text: Text,
    places: Vec<Place>,
}

/// The piece of a text that holds one object.
#[derive(Clone, Copy, Debug)]
struct Place {
    /// Its first line, from 1.
    line: usize,
    /// The column of its first character, from 0.
    column: usize,
    start: usize,
    end: usize,
}

impl Manifests {
    /// The same in the words of every source: what was lost as gaps, all else as notices.
    pub fn reading(&self) -> Reading {
        let (lost, others): (Vec<_>, Vec<_>) = self.problems.iter().partition(|problem| problem.weight == Weight::Lost);
        let mut notices: Vec<String> = others.iter().map(ToString::to_string).collect();
        if self.more_problems > 0 {
            notices.push(format!("{} more problems in the input", self.more_problems));
        }
        let mut gaps: Vec<Gap> = lost.iter().map(|problem| problem.gap()).collect();
        gaps.sort();
        Reading { counts: self.counts.clone(), gaps, notices, ..Reading::default() }
    }

    fn problem(&mut self, problem: Problem) {
        if self.problems.len() < PROBLEMS {
            self.problems.push(problem);
        } else {
            self.more_problems += 1;
        }
    }

    /// The line of a field, from 1, in the object that starts in `file` at `line`; of the deepest part of the path
    /// that is there, when the field itself is not. None when no object starts there.
    ///
    /// A path is written as in findings: `spec.template.spec.containers[0].image`, or with an element's name in the
    /// brackets: `containers[app]`. Keys may hold dots.
    pub fn locate(&self, file: &str, line: usize, path: &str) -> Option<usize> {
        let (file, place) = self.place(file, line)?;
        let text = std::str::from_utf8(file.text.bytes.get(place.start..place.end)?).ok()?;
        let found = locate::locate(text, place.column, path)?;
        Some(place.line + found - 1)
    }

    /// The content of a text that was read, and the range of lines (from 1) of the object that starts at `line`.
    pub fn excerpt(&self, file: &str, line: usize) -> Option<(&str, std::ops::RangeInclusive<usize>)> {
        let (file, place) = self.place(file, line)?;
        let text = std::str::from_utf8(&file.text.bytes).ok()?;
        let lines = text.get(place.start..place.end)?.trim_end().lines().count();
        Some((text, place.line..=place.line + lines.saturating_sub(1)))
    }

    fn place(&self, file: &str, line: usize) -> Option<(&File, Place)> {
        let file = self.files.iter().find(|known| &*known.text.name == file)?;
        let index = file.places.binary_search_by_key(&line, |place| place.line).ok()?;
        Some((file, file.places[index]))
    }
}

/// Nothing in the input was a Kubernetes object.
#[derive(Debug, thiserror::Error)]
#[error("no Kubernetes object in the input{}", first_problems(.0))]
pub struct NoObjects(pub Vec<Problem>);

fn first_problems(problems: &[Problem]) -> String {
    problems.iter().take(5).fold(String::new(), |text, problem| format!("{text}\n  {problem}"))
}

/// Reads every object of the sources into `sink`.
///
/// Fails only when not a single Kubernetes object was found; all else that goes wrong stands in the result.
pub fn read(sources: &[Source], options: &Options, sink: &mut dyn FnMut(Object)) -> Result<Manifests, NoObjects> {
    let mut manifests = Manifests::default();
    for source in sources {
        input::texts(source, options, &mut |text| match text {
            Ok(text) => objects::read(text, &mut manifests, sink),
            Err(problem) => manifests.problem(problem),
        });
    }
    if manifests.objects == 0 { Err(NoObjects(manifests.problems)) } else { Ok(manifests) }
}
