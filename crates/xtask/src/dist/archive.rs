//! Packs files so that the same files always give the same bytes.

use anyhow::Result;
use flate2::{Compression, GzBuilder};
use tar::{EntryType, Header};

/// When every entry was changed, in seconds since 1970: the oldest time that every archive format can tell.
const CHANGED: u64 = 315_532_800;

/// One file of an archive.
#[derive(Debug)]
pub(super) struct Entry {
    path: String,
    executable: bool,
    contents: Vec<u8>,
}

impl Entry {
    /// A file to read.
    pub(super) fn file(path: impl Into<String>, contents: Vec<u8>) -> Self {
        Self { path: path.into(), executable: false, contents }
    }

    /// A file to run.
    pub(super) fn executable(path: impl Into<String>, contents: Vec<u8>) -> Self {
        Self { executable: true, ..Self::file(path, contents) }
    }
}

/// A `.tar.gz` with these files, sorted by path, owned by nobody in particular.
pub(super) fn pack(mut entries: Vec<Entry>) -> Result<Vec<u8>> {
    entries.sort_by(|a, b| a.path.cmp(&b.path));
    let gzip = GzBuilder::new().mtime(0).write(Vec::new(), Compression::best());
    let mut archive = tar::Builder::new(gzip);
    for entry in &entries {
        let mut header = Header::new_ustar();
        header.set_entry_type(EntryType::Regular);
        header.set_mode(if entry.executable { 0o755 } else { 0o644 });
        header.set_uid(0);
        header.set_gid(0);
        header.set_mtime(CHANGED);
        header.set_size(entry.contents.len() as u64);
        archive.append_data(&mut header, &entry.path, entry.contents.as_slice())?;
    }
    Ok(archive.into_inner()?.finish()?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_files_give_the_same_bytes_in_any_order() {
        let files = || {
            [
                Entry::executable("kubectl-ha", vec![7; 5000]),
                Entry::file("LICENSE", b"Apache".to_vec()),
                Entry::file("man/kubectl-ha.1", Vec::new()),
            ]
        };
        let packed = pack(files().into()).unwrap();
        assert_eq!(pack(files().into_iter().rev().collect()).unwrap(), packed);

        let mut archive = tar::Archive::new(flate2::read::GzDecoder::new(packed.as_slice()));
        let entries = archive.entries().unwrap().map(|entry| {
            let entry = entry.unwrap();
            let header = entry.header();
            let numbers = (header.mode().unwrap(), header.uid().unwrap(), header.mtime().unwrap(), entry.size());
            (entry.path().unwrap().to_string_lossy().into_owned(), numbers)
        });
        let expected = [
            ("LICENSE", (0o644, 0, CHANGED, 6)),
            ("kubectl-ha", (0o755, 0, CHANGED, 5000)),
            ("man/kubectl-ha.1", (0o644, 0, CHANGED, 0)),
        ];
        assert_eq!(entries.collect::<Vec<_>>(), expected.map(|(path, numbers)| (path.to_owned(), numbers)));
    }
}
