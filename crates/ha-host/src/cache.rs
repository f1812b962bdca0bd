//! Compiled policies, kept in the user's cache folder.
//!
//! What stands there is run as native code, so only what this program wrote itself is: files of
//! this user that nobody else can write, in a folder that nobody else can enter, found by the
//! digest of the policy and the version of the engine, and whole. Anything else is as good as
//! absent, and so is any error: the cache only saves time.

use std::path::PathBuf;

use wasmtime::Engine;
use wasmtime::component::Component;

use crate::inspect::digest;

/// A digest in hexadecimal stands before the code.
const HEADER: usize = 64;

/// The largest compiled policy that is read back, in bytes.
const MAX_FILE: u64 = 256 * 1024 * 1024;

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

    /// Keeps a compiled policy.
    pub(crate) fn put(&self, engine: &Engine, policy: &str, component: &Component) {
        if let Ok(code) = component.serialize() {
            let header = digest(&code);
            files::write(&self.folder, &file_name(engine, policy), &[header.as_bytes(), &code]);
        }
    }
}

/// The policy's digest, and the engine's version and settings.
fn file_name(engine: &Engine, policy: &str) -> String {
    use std::hash::{DefaultHasher, Hash as _, Hasher as _};

    let mut hasher = DefaultHasher::new();
    engine.precompile_compatibility_hash().hash(&mut hasher);
    format!("{policy}-{:016x}.cwasm", hasher.finish())
}

/// Files that are this user's alone.
#[cfg(unix)]
mod files {
    use std::fs::{self, DirBuilder, File, Metadata};
    use std::io::{Read as _, Write as _};
    use std::os::unix::fs::{DirBuilderExt as _, MetadataExt as _, OpenOptionsExt as _};
    use std::path::Path;

    /// Nobody but the owner may do anything.
    const PRIVATE_FOLDER: u32 = 0o700;
    const OTHERS: u32 = 0o077;

    pub(super) fn read(folder: &Path, name: &str, most: u64) -> Option<Vec<u8>> {
        if !is_private_folder(folder) {
            return None;
        }
        let no_links = rustix::fs::OFlags::NOFOLLOW.bits().cast_signed();
        let file = File::options().read(true).custom_flags(no_links).open(folder.join(name)).ok()?;
        // Asked of the open file, so that it is the one that is read.
        let metadata = file.metadata().ok()?;
        if !metadata.is_file() || !is_private(&metadata) {
            return None;
        }
        let mut contents = Vec::new();
        file.take(most).read_to_end(&mut contents).ok()?;
        Some(contents)
    }

    pub(super) fn write(folder: &Path, name: &str, parts: &[&[u8]]) -> Option<()> {
        DirBuilder::new().recursive(true).mode(PRIVATE_FOLDER).create(folder).ok()?;
        if !is_private_folder(folder) {
            return None;
        }
        // A temporary file is made with mode 0600, then takes its place in one step.
        let mut file = tempfile::NamedTempFile::new_in(folder).ok()?;
        for part in parts {
            file.write_all(part).ok()?;
        }
        file.persist(folder.join(name)).ok().map(drop)
    }

    fn is_private_folder(folder: &Path) -> bool {
        fs::symlink_metadata(folder).is_ok_and(|metadata| metadata.is_dir() && is_private(&metadata))
    }

    fn is_private(metadata: &Metadata) -> bool {
        metadata.uid() == rustix::process::geteuid().as_raw() && metadata.mode() & OTHERS == 0
    }
}

/// Without owners and modes to check, nothing is kept.
#[cfg(not(unix))]
mod files {
    use std::path::Path;

    pub(super) fn read(_: &Path, _: &str, _: u64) -> Option<Vec<u8>> {
        None
    }

    pub(super) fn write(_: &Path, _: &str, _: &[&[u8]]) -> Option<()> {
        None
    }
}
