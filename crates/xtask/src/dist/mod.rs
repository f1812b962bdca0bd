//! `cargo xtask dist`: this machine's release archive, its digest, and the manifest for Krew.
//!
//! What comes out, in `target/dist/`:
//! - `kubectl-ha-<os>-<arch>.tar.gz`: both executables, LICENSE, README, man pages and completion scripts. The same
//!   files give the same bytes: entries are sorted, and owners and times fixed.
//! - the same name with `.sha256`, as `sha256sum --check` reads it,
//! - `ha.yaml`, the manifest of `krew/ha.yaml` filled in for this platform alone, to install from here.
//!
//! A release needs the archives of all platforms, each built on its own kind of machine;
//! `cargo xtask dist --manifest DIR` makes the manifest for all of them. Uploading is left to the release workflow.

mod archive;
mod glibc;
pub(crate) mod install;
mod manifest;
mod platform;
mod zig;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, ensure};
use clap::Parser;
use sha2::{Digest, Sha256};
use xshell::{Shell, cmd};

use crate::{plugin, shell, wasm};
use archive::Entry;
use manifest::Plugin;
use platform::Platform;

/// The template of Krew's manifest.
const TEMPLATE: &str = "krew/ha.yaml";

/// Builds this machine's release archive and a manifest for Krew.
#[derive(Debug, Default, Parser)]
pub(crate) struct Args {
    /// Builds nothing: writes ha.yaml and SHA256SUMS for the archives of all platforms in this folder.
    #[arg(long, value_name = "DIR", conflicts_with = "component")]
    manifest: Option<PathBuf>,
    /// Embeds this built-in policy (baseline.component.wasm) instead of building it.
    #[arg(long, value_name = "FILE")]
    component: Option<PathBuf>,
}

/// What was built, for whoever tries it.
#[derive(Debug)]
pub(crate) struct Built {
    /// The archive.
    pub(crate) archive: PathBuf,
    /// Krew's manifest for it.
    pub(crate) manifest: PathBuf,
}

/// Runs `cargo xtask dist …`.
pub(crate) fn run(args: &Args) -> Result<()> {
    let shell = shell::shell()?;
    match &args.manifest {
        Some(folder) => assemble(&shell, &std::path::absolute(folder)?),
        None => build(&shell, args.component.clone()).map(drop),
    }
}

/// Builds the archive of this machine's platform.
pub(crate) fn build(shell: &Shell, component: Option<PathBuf>) -> Result<Built> {
    let platform = Platform::of_this_machine()?;
    wasm::run(&wasm::Args::for_target(platform.triple, component))?;
    let executables = compile(shell, platform)?;
    if platform.os == "linux" {
        for executable in &executables {
            let newest = glibc::check(&shell.read_binary_file(executable)?)
                .with_context(|| format!("{} cannot be released", executable.display()))?;
            println!("{} needs glibc {newest}", executable.display());
        }
    }
    let folder = shell::root().join("target/dist");
    shell.create_dir(&folder)?;
    let archive = folder.join(platform.archive());
    let bytes = archive::pack(entries(shell, platform, &executables)?)?;
    shell.write_file(&archive, &bytes)?;
    let digest = hexadecimal(&bytes);
    shell.write_file(folder.join(format!("{}.sha256", platform.archive())), checksum_line(&digest, &archive))?;
    let manifest = folder.join("ha.yaml");
    write_manifest(shell, &manifest, &BTreeMap::from([(platform, digest)]))?;
    println!("{:>7} KiB  {}", bytes.len().div_ceil(1024), archive.display());
    println!("try it: kubectl krew install --manifest={} --archive={}", manifest.display(), archive.display());
    Ok(Built { archive, manifest })
}

/// Writes the finished manifest and the list of digests for the archives of all platforms.
fn assemble(shell: &Shell, folder: &Path) -> Result<()> {
    let mut digests = BTreeMap::new();
    let mut sums = String::new();
    for platform in platform::ALL {
        let archive = folder.join(platform.archive());
        let bytes = shell.read_binary_file(&archive).context("an archive of the release is missing")?;
        let (digest, noted) = (hexadecimal(&bytes), shell.read_file(archive.with_added_extension("sha256"))?);
        let line = checksum_line(&digest, &archive);
        ensure!(noted == line, "{} is not the file that its .sha256 was made of", archive.display());
        sums.push_str(&line);
        digests.insert(platform, digest);
    }
    write_manifest(shell, &folder.join("ha.yaml"), &digests)?;
    shell.write_file(folder.join("SHA256SUMS"), sums)?;
    println!("wrote ha.yaml and SHA256SUMS for {} archives in {}", digests.len(), folder.display());
    Ok(())
}

/// Writes the manifest for these archives, and refuses to when Krew would not take it.
fn write_manifest(shell: &Shell, path: &Path, digests: &BTreeMap<Platform, String>) -> Result<()> {
    let manifest = Plugin::fill(&shell.read_file(TEMPLATE)?, env!("CARGO_PKG_VERSION"), digests)?;
    manifest.check().with_context(|| format!("{TEMPLATE} makes no manifest that Krew takes"))?;
    Ok(shell.write_file(path, manifest.to_yaml()?)?)
}

/// Compiles the executables and returns their paths: the plugin first, then what kubectl asks for completions.
fn compile(shell: &Shell, platform: Platform) -> Result<[PathBuf; 2]> {
    let (subcommand, target) = match platform.os {
        "linux" => ("zigbuild", format!("{}.{}", platform.triple, glibc::BASELINE)),
        _ => ("build", platform.triple.to_owned()),
    };
    let mut cargo =
        cmd!(shell, "cargo {subcommand} --profile dist --locked --package kubectl-ha --bins --target {target}")
            .env("CARGO_ENCODED_RUSTFLAGS", flags(platform));
    if platform.os == "linux" {
        cargo = cargo.env("PATH", zig::ZIGBUILD.path(shell)?);
    }
    cargo.run().context("the plugin does not compile")?;
    let folder = shell::target().join(platform.triple).join("dist");
    Ok(plugin::EXECUTABLES.map(|name| folder.join(platform.executable(name))))
}

/// Compiler flags: no paths of this machine, and on Windows no library that must be installed first.
fn flags(platform: Platform) -> String {
    let mut flags = wasm::remap_flags();
    if platform.os == "windows" {
        flags.push_str("\x1f-Ctarget-feature=+crt-static");
    }
    flags
}

/// What goes into the archive. The executables write their own man pages and completion scripts.
fn entries(shell: &Shell, platform: Platform, executables: &[PathBuf; 2]) -> Result<Vec<Entry>> {
    let mut entries = Vec::new();
    for (name, path) in plugin::EXECUTABLES.iter().zip(executables) {
        entries.push(Entry::executable(platform.executable(name), shell.read_binary_file(path)?));
    }
    for name in ["LICENSE", "README.md"] {
        entries.push(Entry::file(name, shell.read_binary_file(name)?));
    }
    let plugin = &executables[0];
    for (shell_name, file) in [
        ("bash", "kubectl-ha.bash"),
        ("fish", "kubectl-ha.fish"),
        ("powershell", "kubectl-ha.ps1"),
        ("zsh", "_kubectl-ha"),
    ] {
        let script = cmd!(shell, "{plugin} completion {shell_name}").quiet().output()?.stdout;
        entries.push(Entry::file(format!("completions/{file}"), script));
    }
    let pages = shell.create_temp_dir()?;
    let folder = pages.path();
    cmd!(shell, "{plugin} man {folder}").quiet().run()?;
    for page in shell.read_dir(folder)? {
        let name = page.file_name().unwrap_or_default().to_string_lossy().into_owned();
        entries.push(Entry::file(format!("man/{name}"), shell.read_binary_file(&page)?));
    }
    Ok(entries)
}

/// The SHA-256 of `bytes`, in hexadecimal.
fn hexadecimal(bytes: &[u8]) -> String {
    format!("{:x}", Sha256::digest(bytes))
}

/// A line for `sha256sum --check`.
fn checksum_line(digest: &str, file: &Path) -> String {
    format!("{digest}  {}\n", file.file_name().unwrap_or_default().to_string_lossy())
}
