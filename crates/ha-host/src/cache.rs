//! Compiled policies, kept in the user's cache folder.
//!
//! What stands there is run as native code, so only what this program wrote itself is: files of
//! this user that nobody else can write, in a folder that nobody else can enter, found by the
//! digest of the policy and the version of the engine, and whole. Anything else is as good as
//! absent, and so is any error: the cache only saves time.
//!
//! It does not grow for ever: what was not used for a month is removed, and so is what was not
//! used for longest when all of it together is too large.

use std::path::PathBuf;
use std::time::Duration;

use wasmtime::Engine;
use wasmtime::component::Component;

use crate::compile::MAX_CODE;
use crate::inspect::digest;

/// A digest in hexadecimal stands before the code.
const HEADER: usize = 64;

/// The largest file that is read back, in bytes.
const MAX_FILE: u64 = MAX_CODE + HEADER as u64;

/// What is kept: for how long after its last use, and how much together, in bytes.
const KEPT_FOR: Duration = Duration::from_hours(30 * 24);
const MAX_TOGETHER: u64 = 512 * 1024 * 1024;

/// The ending of the files in the cache.
const SUFFIX: &str = ".cwasm";

/// A folder with compiled policies.
#[derive(Clone, Debug)]
pub struct Cache {
    folder: PathBuf,
}

impl Cache {
    /// The cache of this user: `kubectl-ha` in the platform's cache folder
    /// (`$XDG_CACHE_HOME`, else `~/.cache`, on Linux). `None` where files' owners and modes cannot be checked.
    pub fn of_user() -> Option<Self> {
        use etcetera::BaseStrategy as _;

        if !cfg!(unix) {
            return None;
        }
        let base = etcetera::choose_base_strategy().ok()?.cache_dir();
        Some(Self::at(base.join("kubectl-ha")))
    }

    /// A cache in this folder, which is made when it is first written to.
    pub fn at(folder: PathBuf) -> Self {
        Self { folder }
    }

    /// The compiled policy with that digest.
    #[allow(unsafe_code)]
    pub(crate) fn get(&self, engine: &Engine, policy: &str) -> Option<Component> {
        let contents = files::read(&self.folder, &file_name(engine, policy), MAX_FILE)?;
        let (header, code) = contents.split_at_checked(HEADER)?;
        if header != digest(code).as_bytes() {
            return None;
        }
        // SAFETY: `put` wrote it, and nobody but this user could have changed it since.
        unsafe { Component::deserialize(engine, code) }.ok()
    }

    /// Keeps a compiled policy, and removes what nobody asks for any more.
    pub(crate) fn put(&self, engine: &Engine, policy: &str, code: &[u8]) {
        let header = digest(code);
        if files::write(&self.folder, &file_name(engine, policy), &[header.as_bytes(), code]).is_some() {
            files::prune(&self.folder, KEPT_FOR, MAX_TOGETHER);
        }
    }
}

/// The policy's digest, and the engine's version and settings.
fn file_name(engine: &Engine, policy: &str) -> String {
    use std::hash::{DefaultHasher, Hash as _, Hasher as _};

    let mut hasher = DefaultHasher::new();
    engine.precompile_compatibility_hash().hash(&mut hasher);
    format!("{policy}-{:016x}{SUFFIX}", hasher.finish())
}

/// Files that are this user's alone.
#[cfg(unix)]
mod files {
    use std::fs::{self, DirBuilder, File, FileTimes, Metadata};
    use std::io::{Read as _, Write as _};
    use std::os::unix::fs::{DirBuilderExt as _, MetadataExt as _};
    use std::path::{Path, PathBuf};
    use std::time::{Duration, SystemTime};

    use rustix::fs::{Mode, OFlags};

    /// Nobody but the owner may do anything.
    const PRIVATE_FOLDER: u32 = 0o700;
    const OTHERS: u32 = 0o077;

    /// Without following links, and without waiting for whoever writes into a pipe.
    const CAREFULLY: OFlags = OFlags::NOFOLLOW.union(OFlags::NONBLOCK).union(OFlags::CLOEXEC);

    pub(super) fn read(folder: &Path, name: &str, most: u64) -> Option<Vec<u8>> {
        let folder = private_folder(folder)?;
        let file = File::from(rustix::fs::openat(&folder, name, CAREFULLY, Mode::empty()).ok()?);
        // Asked of the open file, so that it is the one that is read.
        let metadata = file.metadata().ok()?;
        if !metadata.is_file() || !is_private(&metadata) || metadata.len() > most {
            return None;
        }
        // What is used is kept; when the time cannot be noted, it is compiled again in a month.
        let _ = file.set_times(FileTimes::new().set_modified(SystemTime::now()));
        let mut contents = Vec::new();
        file.take(most).read_to_end(&mut contents).ok()?;
        Some(contents)
    }

    pub(super) fn write(folder: &Path, name: &str, parts: &[&[u8]]) -> Option<()> {
        DirBuilder::new().recursive(true).mode(PRIVATE_FOLDER).create(folder).ok()?;
        private_folder(folder)?;
        // A temporary file is made with mode 0600, then takes its place in one step.
        let mut file = tempfile::Builder::new().suffix(super::SUFFIX).tempfile_in(folder).ok()?;
        for part in parts {
            file.write_all(part).ok()?;
        }
        file.persist(folder.join(name)).ok().map(drop)
    }

    /// Removes files of ours (never what a link leads to): those not used for `kept_for`, then those not used for
    /// longest until no more than `most` bytes are left.
    pub(super) fn prune(folder: &Path, kept_for: Duration, most: u64) -> Option<()> {
        let mut files: Vec<(SystemTime, u64, PathBuf)> = fs::read_dir(folder).ok()?.filter_map(ours).collect();
        files.sort_by(|a, b| b.cmp(a));
        let oldest = SystemTime::now().checked_sub(kept_for)?;
        let mut together = 0_u64;
        for (used, size, path) in files {
            together = together.saturating_add(size);
            if used < oldest || together > most {
                // Another process may have removed it before.
                let _ = fs::remove_file(path);
            }
        }
        Some(())
    }

    /// When a file was last used, and its size; none when it is not one that this program made.
    fn ours(entry: std::io::Result<fs::DirEntry>) -> Option<(SystemTime, u64, PathBuf)> {
        let entry = entry.ok()?;
        let metadata = entry.metadata().ok()?;
        let named = entry.file_name().to_str()?.ends_with(super::SUFFIX);
        (named && metadata.is_file()).then_some((metadata.modified().ok()?, metadata.len(), entry.path()))
    }

    /// The folder itself, not what a link leads to, when it is this user's alone.
    fn private_folder(folder: &Path) -> Option<File> {
        let open = rustix::fs::open(folder, CAREFULLY | OFlags::DIRECTORY, Mode::empty()).ok()?;
        let folder = File::from(open);
        is_private(&folder.metadata().ok()?).then_some(folder)
    }

    fn is_private(metadata: &Metadata) -> bool {
        metadata.uid() == rustix::process::geteuid().as_raw() && metadata.mode() & OTHERS == 0
    }

    #[cfg(test)]
    mod tests {
        use super::*;

        /// A file of so many bytes, last used so many days ago.
        fn file(folder: &Path, name: &str, size: usize, days: u64) {
            let mut file = File::create(folder.join(name)).unwrap();
            file.write_all(&vec![0; size]).unwrap();
            let used = SystemTime::now() - Duration::from_hours(24 * days);
            file.set_times(FileTimes::new().set_modified(used)).unwrap();
        }

        fn left(folder: &Path) -> Vec<String> {
            let names = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap());
            let mut names: Vec<String> = names.collect();
            names.sort();
            names
        }

        #[test]
        fn what_is_old_or_too_much_is_removed_and_nothing_else() {
            let parent = tempfile::tempdir().unwrap();
            let folder = parent.path();
            for (name, size, days) in [
                ("a.cwasm", 400, 0),
                ("b.cwasm", 400, 2),
                ("c.cwasm", 400, 3),
                ("d.cwasm", 1, 40),
                (".tmp.cwasm", 1, 50),
            ] {
                file(folder, name, size, days);
            }
            file(folder, "notes.txt", 5000, 100);
            let elsewhere = parent.path().join("elsewhere");
            file(parent.path(), "elsewhere", 5000, 100);
            std::os::unix::fs::symlink(&elsewhere, folder.join("link.cwasm")).unwrap();
            prune(folder, super::super::KEPT_FOR, 1000).unwrap();
            assert_eq!(left(folder), ["a.cwasm", "b.cwasm", "elsewhere", "link.cwasm", "notes.txt"]);
        }
    }
}

/// Without owners and modes to check, nothing is kept.
#[cfg(not(unix))]
mod files {
    use std::path::Path;
    use std::time::Duration;

    pub(super) fn read(_: &Path, _: &str, _: u64) -> Option<Vec<u8>> {
        None
    }

    pub(super) fn write(_: &Path, _: &str, _: &[&[u8]]) -> Option<()> {
        None
    }

    pub(super) fn prune(_: &Path, _: Duration, _: u64) -> Option<()> {
        None
    }
}
