//! Which compiler builds the policies for `wasm32-unknown-unknown`.
//!
//! Usually the one that builds everything else, with the target added by rustup. Where rustup
//! cannot fetch the target, Debian's packaged compiler stands in: it brings the sources of `core`
//! and `alloc`, which cargo then builds itself.

use std::path::Path;

use anyhow::{Context, Result, bail};
use clap::ValueEnum;
use xshell::{Cmd, Shell, cmd};

use crate::shell;

/// The target triple of the policies: no operating system, hence nothing to import.
pub(crate) const TARGET: &str = "wasm32-unknown-unknown";

/// The packages of the stand-in: compiler, sources of its libraries, linker.
const DEBIAN_PACKAGES: &[&str] = &["rustc-web", "rust-web-src", "lld-22"];
const DEBIAN_COMPILER: &str = "/usr/bin/rustc";
const DEBIAN_SOURCES: &str = "/usr/lib/rustlib/src/rust/library";
const DEBIAN_LINKER: &str = "/usr/bin/wasm-ld-22";

/// What to build the policies with.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub(crate) enum Toolchain {
    /// The first of the others that is there, else the first that can be installed.
    #[default]
    Auto,
    /// The active toolchain with its wasm32 target.
    Active,
    /// Debian's packages rustc-web, rust-web-src and lld-22.
    Debian,
}

impl Toolchain {
    /// Decides, and installs what is missing.
    pub(crate) fn prepare(self, shell: &Shell) -> Result<Self> {
        match self {
            Self::Active => add_target(shell).map(|()| Self::Active),
            Self::Debian => install_debian(shell).map(|()| Self::Debian),
            Self::Auto if has_target(shell)? => Ok(Self::Active),
            Self::Auto if has_debian() => Ok(Self::Debian),
            Self::Auto => match add_target(shell) {
                Ok(()) => Ok(Self::Active),
                Err(error) => {
                    println!("{error:#}; trying Debian's compiler instead");
                    install_debian(shell).with_context(|| format!("cannot compile for {TARGET}: {error:#}"))?;
                    Ok(Self::Debian)
                }
            },
        }
    }

    /// Where it builds, below `target`: one for each compiler, so that neither finds the other's products.
    pub(crate) fn folder(self) -> &'static str {
        if self == Self::Debian { "wasm-debian" } else { "wasm" }
    }

    /// `cargo rustc` for the target, to be completed with the package and its flags.
    pub(crate) fn cargo(self, shell: &Shell) -> Cmd<'_> {
        let cargo = cmd!(shell, "cargo rustc --target {TARGET}");
        if self != Self::Debian {
            return cargo;
        }
        // `build-std` is not stable; the variable lets a stable cargo and compiler do it.
        cargo
            .args(["-Z", "build-std=core,alloc,panic_abort"])
            .env("RUSTC", DEBIAN_COMPILER)
            .env("RUSTC_BOOTSTRAP", "1")
            .env("CARGO_TARGET_WASM32_UNKNOWN_UNKNOWN_LINKER", DEBIAN_LINKER)
    }
}

/// Whether the active toolchain has the target's libraries.
fn has_target(shell: &Shell) -> Result<bool> {
    let sysroot = cmd!(shell, "rustc --print sysroot").quiet().read()?;
    Ok(Path::new(&sysroot).join("lib/rustlib").join(TARGET).join("lib").is_dir())
}

fn add_target(shell: &Shell) -> Result<()> {
    if has_target(shell)? {
        return Ok(());
    }
    if !shell::has("rustup") {
        bail!("the active Rust toolchain has no {TARGET} and there is no rustup to add it");
    }
    println!("adding the target {TARGET} with rustup");
    cmd!(shell, "rustup target add {TARGET}").quiet().run().context("rustup cannot add the target")
}

fn has_debian() -> bool {
    [DEBIAN_COMPILER, DEBIAN_SOURCES, DEBIAN_LINKER].iter().all(|path| Path::new(path).exists())
}

fn install_debian(shell: &Shell) -> Result<()> {
    if has_debian() { Ok(()) } else { shell::apt_install(shell, DEBIAN_PACKAGES) }
}
