//! Compiled policies that were tampered with (11): only what this program wrote is run.
#![cfg(unix)]

use std::fs;
use std::os::unix::fs::{PermissionsExt as _, symlink};
use std::path::{Path, PathBuf};

use ha_core::Settings;
use ha_core::rule::Input;
use ha_host::{Cache, Host};

use crate::component::{answer, answering, snapshot};

/// Loads a policy through a cache and tells how many passes it reports.
fn passes(folder: &Path, wasm: &[u8]) -> u32 {
    let host = Host::new(Some(Cache::at(folder.into()))).expect("the engine starts");
    let policy = host.load(wasm).expect("the policy loads");
    let output = host
        .evaluate(&policy, &Input { snapshot: &snapshot(), settings: &Settings::default(), impacts: &[] })
        .expect("it answers");
    output.tallies[0].pass
}

fn policy(passes: u32) -> Vec<u8> {
    answering(&answer(0, 0, [0, passes, 0, 0, 0]))
}

fn only_file(folder: &Path) -> PathBuf {
    let files: Vec<_> = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    assert_eq!(files.len(), 1, "{files:?}");
    files[0].clone()
}

/// A folder with the compiled policy in it, and its path.
fn filled() -> (tempfile::TempDir, PathBuf) {
    let parent = tempfile::tempdir().unwrap();
    let folder = parent.path().join("cache");
    assert_eq!(passes(&folder, &policy(1)), 1);
    (parent, folder)
}

/// Puts the code of a policy with two passes where that with one is expected; whoever runs it
/// has run what it should not.
fn swap(folder: &Path) -> PathBuf {
    let (_other_parent, other) = {
        let parent = tempfile::tempdir().unwrap();
        let folder = parent.path().join("cache");
        assert_eq!(passes(&folder, &policy(2)), 2);
        (parent, folder)
    };
    let target = only_file(folder);
    fs::copy(only_file(&other), &target).unwrap();
    target
}

#[test]
fn what_is_kept_is_private_and_used_again() {
    let (_parent, folder) = filled();
    let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!((mode(&folder), mode(&only_file(&folder))), (0o700, 0o600));
    // That the file is used shows when it holds another policy's code, written by the same user.
    swap(&folder);
    assert_eq!(passes(&folder, &policy(1)), 2);
}

#[test]
fn a_damaged_file_is_compiled_again() {
    for damage in
        [(|bytes: &mut Vec<u8>| bytes.truncate(1000)) as fn(&mut Vec<u8>), |bytes| bytes[5000] ^= 1, Vec::clear]
    {
        let (_parent, folder) = filled();
        let file = swap(&folder);
        let mut bytes = fs::read(&file).unwrap();
        damage(&mut bytes);
        fs::write(&file, bytes).unwrap();
        assert_eq!(passes(&folder, &policy(1)), 1);
    }
}

#[test]
fn a_file_that_others_could_have_changed_is_not_run() {
    let (_parent, folder) = filled();
    let file = swap(&folder);
    fs::set_permissions(&file, fs::Permissions::from_mode(0o620)).unwrap();
    assert_eq!(passes(&folder, &policy(1)), 1);
}

#[test]
fn a_folder_that_others_can_enter_is_not_used() {
    let (_parent, folder) = filled();
    swap(&folder);
    fs::set_permissions(&folder, fs::Permissions::from_mode(0o755)).unwrap();
    assert_eq!(passes(&folder, &policy(1)), 1);
}

#[test]
fn links_are_not_followed() {
    let (parent, folder) = filled();
    let file = swap(&folder);
    let elsewhere = parent.path().join("elsewhere");
    fs::rename(&file, &elsewhere).unwrap();
    symlink(&elsewhere, &file).unwrap();
    assert_eq!(passes(&folder, &policy(1)), 1);

    let (parent, folder) = filled();
    swap(&folder);
    let linked = parent.path().join("linked");
    symlink(&folder, &linked).unwrap();
    assert_eq!(passes(&linked, &policy(1)), 1);
}

#[test]
fn native_code_for_another_engine_is_compiled_again() {
    let wasm = policy(1);
    let host = Host::new(None).expect("the engine starts");
    let other = wasmtime::Engine::default().precompile_component(&wasm).unwrap();
    for native in [other.as_slice(), b"", b"\x7fELF"] {
        // SAFETY: it is refused before it is run, which is what is tested.
        #[allow(unsafe_code)]
        let loaded = unsafe { host.load_precompiled(&wasm, native) }.expect("it is compiled instead");
        let output = host
            .evaluate(&loaded, &Input { snapshot: &snapshot(), settings: &Settings::default(), impacts: &[] })
            .unwrap();
        assert_eq!(output.tallies[0].pass, 1);
    }
}
