//! The file: what is written is read, nothing secret is in it, and no damaged file is taken for a whole one.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::{Read, Write};
use std::path::{Path, PathBuf};

use flate2::Compression;
use flate2::read::GzDecoder;
use flate2::write::GzEncoder;
use ha_read::saved::{self, Limits, SavedError};
use ha_snapshot::objects::Object;
use tempfile::TempDir;

use crate::{cluster, saved};

fn written() -> (TempDir, PathBuf) {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("cluster.ha");
    saved::write(&path, &saved(), &cluster()).unwrap();
    (directory, path)
}

fn unpacked(path: &Path) -> String {
    let mut text = String::new();
    GzDecoder::new(File::open(path).unwrap()).read_to_string(&mut text).unwrap();
    text
}

fn pack(path: &Path, text: &[u8]) {
    let mut output = GzEncoder::new(File::create(path).unwrap(), Compression::fast());
    output.write_all(text).unwrap();
    output.finish().unwrap();
}

fn read(path: &Path) -> Result<(saved::Saved, Vec<Object>), SavedError> {
    let mut objects = Vec::new();
    let saved = saved::read(path, &mut |object| objects.push(object))?;
    Ok((saved, objects))
}

const HEADER: &str =
    r#"{"kind":"Snapshot","apiVersion":"kubectl-ha/v1alpha1","version":1,"takenAt":"2026-11-22T12:00:00Z"}"#;

#[test]
fn what_is_written_is_read() {
    let (_directory, path) = written();
    let (read, objects) = read(&path).unwrap();
    assert_eq!(objects, cluster());
    let expected = saved();
    assert_eq!(read.taken_at, expected.taken_at);
    assert_eq!(read.reading.context, expected.reading.context);
    assert_eq!(read.reading.server_version, expected.reading.server_version);
    assert_eq!(read.reading.namespaces, expected.reading.namespaces);
    assert_eq!(read.reading.gaps, expected.reading.gaps);
    assert_eq!(read.reading.notices, expected.reading.notices);
    let mut counts = BTreeMap::new();
    for object in &objects {
        *counts.entry(object.kind()).or_default() += 1;
    }
    assert_eq!(read.reading.counts, counts);
}

#[test]
fn the_same_objects_give_the_same_bytes() {
    let ((_one, first), (_two, second)) = (written(), written());
    assert_eq!(fs::read(first).unwrap(), fs::read(second).unwrap());
}

#[test]
fn nothing_secret_is_written() {
    let planted = include_str!("cluster.jsonl");
    assert!(planted.contains("hunter2") && planted.contains("aHVudGVyMg=="));
    let (_directory, path) = written();
    let text = unpacked(&path);
    assert!(!text.contains("hunter2") && !text.contains("aHVudGVyMg=="), "{text}");
}

#[cfg(unix)]
#[test]
fn only_the_owner_may_read_the_file() {
    use std::os::unix::fs::PermissionsExt;

    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("cluster.ha");
    fs::write(&path, "old").unwrap();
    fs::set_permissions(&path, fs::Permissions::from_mode(0o666)).unwrap();
    saved::write(&path, &saved(), &cluster()).unwrap();
    assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
    assert_eq!(fs::read_dir(directory.path()).unwrap().count(), 1, "a temporary file was left behind");
}

#[test]
fn a_file_that_cannot_be_written_is_named() {
    let error = saved::write(Path::new("/nowhere/at/all.ha"), &saved(), &cluster()).unwrap_err();
    assert!(error.to_string().starts_with("cannot write the snapshot /nowhere/at/all.ha: No such file"), "{error}");
}

#[test]
fn a_file_cut_off_anywhere_is_refused() {
    let (_directory, path) = written();
    let bytes = fs::read(&path).unwrap();
    for end in [bytes.len() - 1, bytes.len() - 9, bytes.len() / 2, 20] {
        fs::write(&path, &bytes[..end]).unwrap();
        let error = read(&path).unwrap_err();
        assert!(matches!(error, SavedError::CutOff { .. }), "{end}: {error}");
    }
    let text = unpacked_without_its_last_line(&bytes, &path);
    pack(&path, text.as_bytes());
    let error = read(&path).unwrap_err();
    assert!(error.to_string().contains("cut off after 17 objects: take it again"), "{error}");
}

fn unpacked_without_its_last_line(bytes: &[u8], path: &Path) -> String {
    fs::write(path, bytes).unwrap();
    let text = unpacked(path);
    let end = text.trim_end().rfind('\n').unwrap();
    text[..=end].to_owned()
}

#[test]
fn a_missing_line_is_noticed() {
    let (_directory, path) = written();
    let text = unpacked(&path);
    let lines: Vec<&str> = text.lines().collect();
    pack(&path, [&lines[..3], &lines[4..]].concat().join("\n").as_bytes());
    assert!(matches!(read(&path).unwrap_err(), SavedError::CutOff { .. }));
}

#[test]
fn a_damaged_line_is_a_gap_and_the_rest_is_read() {
    let (_directory, path) = written();
    let mut lines: Vec<String> = unpacked(&path).lines().map(str::to_owned).collect();
    lines[3] = lines[3].replace("\"metadata\":{", "\"metadata\":[");
    lines[5] = r#"{"apiVersion":"v1","kind":"Pod","spec":{"priority":"high"}}"#.to_owned();
    pack(&path, lines.join("\n").as_bytes());
    let (read, objects) = read(&path).unwrap();
    assert_eq!(objects.len(), cluster().len() - 2);
    let messages: Vec<&str> = read.reading.gaps.iter().map(|gap| gap.message.as_str()).collect();
    assert!(messages.iter().any(|message| message.contains("line 4: ")), "{messages:?}");
    assert!(messages.iter().any(|message| message.contains("line 6: invalid type: string")), "{messages:?}");
}

#[test]
fn other_files_are_refused_with_advice() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("file");
    for text in ["apiVersion: v1\nkind: Pod\n", "", "{\"kind\":\"Pod\"}\n", "\u{0}\u{1}", "{\"kind\":\"Snapshot\"}\n"] {
        fs::write(&path, text).unwrap();
        let error = read(&path).unwrap_err();
        assert!(matches!(error, SavedError::NotASnapshot { .. }), "{text:?}: {error}");
        assert!(error.to_string().contains("manifests are read with -f"), "{error}");
    }
    assert!(matches!(read(&directory.path().join("none")).unwrap_err(), SavedError::Read { .. }));
}

#[test]
fn versions() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("file");
    let end = r#"{"kind":"SnapshotEnd","objects":0}"#;
    fs::write(&path, format!("{HEADER}\n{end}\n")).unwrap();
    assert_eq!(read(&path).unwrap().0.taken_at, 1_795_348_800);
    fs::write(&path, format!("{}\n{end}\n", HEADER.replace("\"version\":1", "\"version\":2,\"new\":{}"))).unwrap();
    let error = read(&path).unwrap_err();
    assert!(error.to_string().contains("version 2; this program reads versions up to 1: use a newer"), "{error}");
}

#[test]
fn what_a_newer_program_added_is_passed_over() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("file");
    let header = HEADER.replace('}', r#","gaps":[{"kind":"warp-core","reason":"too-new"}],"more":1}"#);
    let lines = [
        header.as_str(),
        r#"{"apiVersion":"warp.example/v1","kind":"WarpCore","spec":{"x":[1]}}"#,
        r#"{"apiVersion":"v1","kind":"Pod","metadata":{"name":"a","new":1},"spec":{"warp":true}}"#,
        r#"{"kind":"SnapshotEnd","objects":2,"more":1}"#,
    ];
    fs::write(&path, lines.join("\n")).unwrap();
    let (read, objects) = read(&path).unwrap();
    assert_eq!(objects.len(), 1);
    assert_eq!(read.reading.gaps.len(), 1, "a gap is a gap whatever its reason");
}

#[test]
fn a_small_file_with_endless_content_is_refused() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("bomb");
    let limits = Limits { max_bytes: 8 << 20, max_line: 2 << 20, max_objects: 10 };
    let refused = |text: &[u8]| {
        pack(&path, text);
        saved::read_with(&path, &limits, &mut |_| {}).unwrap_err().to_string()
    };
    let one_line = refused(&vec![b' '; 6 << 20]);
    assert!(one_line.contains("too large: more than 2097152 bytes in one line"), "{one_line}");
    let blank_lines = refused(&vec![b'\n'; 16 << 20]);
    assert!(blank_lines.contains("too large: more than 8388608 bytes"), "{blank_lines}");
    let pods = format!("{HEADER}\n{}", "{\"apiVersion\":\"v1\",\"kind\":\"Pod\"}\n".repeat(11));
    let objects = refused(pods.as_bytes());
    assert!(objects.contains("too large: more than 10 objects"), "{objects}");
}
