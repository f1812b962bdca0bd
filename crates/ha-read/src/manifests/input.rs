//! Opens what the user named: files, directories, standard input. Bounded in size, and text only.

use std::fs::{self, File, Metadata};
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use super::{Options, Problem, Source, Text, kustomize};

/// The endings of the files that a directory is searched for, as for kubectl.
const ENDINGS: [&str; 3] = ["yaml", "yml", "json"];
/// Deepest directory below one that the user named.
const DEPTH: usize = 64;

/// Hands every text of a source to `sink`, or what kept it from being read.
pub(super) fn texts(source: &Source, options: &Options, sink: &mut dyn FnMut(Result<Text, Problem>)) {
    match source {
        Source::Stdin => sink(text("-", io::stdin().lock(), options)),
        Source::Text(text) => sink(Ok(text.clone())),
        Source::Kustomize(directory) => sink(kustomize::build(directory, options)),
        Source::Path(path) => match fs::metadata(path) {
            Ok(metadata) if metadata.is_dir() => directory(path, options, sink),
            Ok(metadata) => sink(file(path, &metadata, options)),
            Err(error) => sink(Err(unreadable(path, &error))),
        },
    }
}

/// The texts of a directory's files, by name; of its subdirectories too when asked to. Links to directories are not
/// followed, so a walk ends.
fn directory(top: &Path, options: &Options, sink: &mut dyn FnMut(Result<Text, Problem>)) {
    let mut open = vec![(top.to_path_buf(), 0)];
    while let Some((path, depth)) = open.pop() {
        let entries = match entries(&path) {
            Ok(entries) => entries,
            Err(error) => {
                sink(Err(unreadable(&path, &error)));
                continue;
            }
        };
        let mut directories = Vec::new();
        for (path, is_directory) in entries {
            if !is_directory {
                entry(&path, options, sink);
            } else if options.recursive && depth < DEPTH {
                directories.push((path, depth + 1));
            }
        }
        open.extend(directories.into_iter().rev());
    }
}

/// The paths in a directory, sorted, with whether each is itself a directory.
fn entries(directory: &Path) -> io::Result<Vec<(PathBuf, bool)>> {
    let mut entries = Vec::new();
    for entry in fs::read_dir(directory)? {
        let entry = entry?;
        entries.push((entry.path(), entry.file_type()?.is_dir()));
    }
    entries.sort();
    Ok(entries)
}

/// One file of a directory: only regular ones, and only with an ending that manifests have.
fn entry(path: &Path, options: &Options, sink: &mut dyn FnMut(Result<Text, Problem>)) {
    let ending = path.extension().and_then(|ending| ending.to_str()).unwrap_or_default();
    if !ENDINGS.contains(&ending) {
        return;
    }
    match fs::metadata(path) {
        Ok(metadata) if metadata.is_file() => sink(file(path, &metadata, options)),
        Ok(metadata) if metadata.is_dir() => {}
        Ok(_) => {
            sink(Err(Problem::unreadable(
                &path.to_string_lossy(),
                0,
                "not a regular file; name it with -f to read it",
            )));
        }
        Err(error) => sink(Err(unreadable(path, &error))),
    }
}

fn file(path: &Path, metadata: &Metadata, options: &Options) -> Result<Text, Problem> {
    let name = path.to_string_lossy();
    if metadata.is_file() && metadata.len() > options.max_bytes {
        return Err(too_large(&name, options));
    }
    let file = File::open(path).map_err(|error| unreadable(path, &error))?;
    text(&name, file, options)
}

/// Reads a text to its end, or until it is too large or turns out to be binary.
pub(super) fn text(name: &str, mut reader: impl Read, options: &Options) -> Result<Text, Problem> {
    let mut bytes = Vec::new();
    loop {
        let before = bytes.len();
        let read = reader.by_ref().take(1 << 20).read_to_end(&mut bytes);
        let read = read.map_err(|error| Problem::unreadable(name, 0, &error.to_string()))?;
        if bytes.len() as u64 > options.max_bytes {
            return Err(too_large(name, options));
        }
        if before == 0 && is_utf16(&bytes) {
            continue;
        }
        if !is_utf16(&bytes) && bytes[before..].contains(&0) {
            return Err(Problem::unreadable(name, 0, "binary data, not a manifest"));
        }
        if read == 0 {
            break;
        }
    }
    if is_utf16(&bytes) {
        bytes = from_utf16(&bytes).ok_or_else(|| Problem::unreadable(name, 0, "not valid UTF-16"))?;
    }
    Ok(Text { name: name.into(), bytes })
}

/// Whether the text has the byte order mark of UTF-16, as PowerShell's `>` writes it.
fn is_utf16(bytes: &[u8]) -> bool {
    bytes.starts_with(&[0xFF, 0xFE]) || bytes.starts_with(&[0xFE, 0xFF])
}

fn from_utf16(bytes: &[u8]) -> Option<Vec<u8>> {
    let (mark, rest) = bytes.split_at_checked(2)?;
    let unit = if mark == [0xFF, 0xFE] { u16::from_le_bytes } else { u16::from_be_bytes };
    let units: Vec<u16> = rest.chunks_exact(2).map(|pair| unit([pair[0], pair[1]])).collect();
    String::from_utf16(&units).ok().map(String::into_bytes)
}

fn too_large(name: &str, options: &Options) -> Problem {
    Problem::unreadable(name, 0, &format!("larger than {} bytes; split it", options.max_bytes))
}

fn unreadable(path: &Path, error: &io::Error) -> Problem {
    Problem::unreadable(&path.to_string_lossy(), 0, &error.to_string())
}
