//! The linker for old distributions: zig, which brings the symbols of every glibc, driven by cargo-zigbuild.
//!
//! Both come from PyPI, in pinned versions, into a folder of their own in the cache.

use std::ffi::OsString;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, ensure};
use xshell::{Shell, cmd};

use crate::shell;

/// What is installed, as pip writes it. Another version of the linker may make other bytes of the same sources.
const PACKAGES: [&str; 2] = ["cargo-zigbuild==0.24.0", "ziglang==0.17.1"];

/// A `PATH` on which `cargo zigbuild` and its zig come first; installs them when they are not there yet.
pub(super) fn prepare(shell: &Shell) -> Result<OsString> {
    let folder = folder()?;
    let programs = folder.join("bin");
    if !programs.join("cargo-zigbuild").is_file() {
        install(shell, &folder)?;
    }
    let path = std::env::var_os("PATH").unwrap_or_default();
    Ok(std::env::join_paths(std::iter::once(programs).chain(std::env::split_paths(&path)))?)
}

/// `kubectl-ha-dev/zigbuild-<version>` in the user's cache folder.
fn folder() -> Result<PathBuf> {
    let versions: Vec<&str> = PACKAGES.iter().filter_map(|package| package.split("==").nth(1)).collect();
    Ok(shell::cache()?.join(format!("zigbuild-{}", versions.join("-"))))
}

/// Installs beside the final path and renames, so that no half-made folder is ever found.
fn install(shell: &Shell, folder: &Path) -> Result<()> {
    println!("installing {} from PyPI into {}", PACKAGES.join(" and "), folder.display());
    ensure!(shell::has("python3"), "python3 is missing; please install it with its module venv");
    if cmd!(shell, "python3 -c 'import ensurepip'").quiet().ignore_stderr().run().is_err() {
        shell::apt_install(shell, &["python3-venv"])?;
    }
    shell.remove_path(folder)?;
    let pip = folder.join("bin/pip");
    cmd!(shell, "python3 -m venv {folder}").quiet().run().context("cannot make a Python environment")?;
    cmd!(shell, "{pip} install --quiet --disable-pip-version-check --only-binary :all: {PACKAGES...}")
        .quiet()
        .run()
        .context("cannot install cargo-zigbuild")
}
