//! `cargo xtask wasm`: compiles the built-in policy and packs it for every engine.
//!
//! One core module is compiled once. From it come, in `target/policies/`,
//! - `baseline.opa.wasm`, for engines that load OPA's WebAssembly,
//! - `baseline.component.wasm`, the component that `kubectl ha` embeds,
//! - `baseline.cwasm`, the same component compiled ahead of time for this machine's kind.

mod package;
mod precompile;
mod toolchain;
mod try_out;

use std::path::PathBuf;

use anyhow::{Context, Result};
use clap::Parser;
use xshell::Shell;

use crate::shell;
use toolchain::{TARGET, Toolchain};

/// Builds the built-in policy and packs it for every engine.
#[derive(Debug, Default, Parser)]
pub(crate) struct Args {
    /// The compiler to use.
    #[arg(long, value_enum, default_value_t)]
    toolchain: Toolchain,
    /// The platform to compile ahead of time for, instead of this machine's.
    #[arg(long, value_name = "TRIPLE")]
    precompile_for: Option<String>,
    /// Builds nothing: takes this component, and compiles it ahead of time.
    #[arg(long, value_name = "FILE", conflicts_with = "toolchain")]
    component: Option<PathBuf>,
}

impl Args {
    /// For a release of one platform: what it embeds is built here, or was built on another machine.
    pub(crate) fn for_target(triple: &str, component: Option<PathBuf>) -> Self {
        Self { precompile_for: Some(triple.to_owned()), component, ..Self::default() }
    }
}

/// Link arguments that make the module loadable by OPA engines: memory comes from the engine,
/// which offers five pages for data and stack together and none more than asked for.
const LINK_ARGS: &[&str] = &[
    "-Clink-arg=--import-memory",
    "-Clink-arg=--export-memory",
    "-Clink-arg=-zstack-size=65536",
    "-Clink-arg=--initial-memory=327680",
];

/// Compiles and packs; prints the files and their sizes.
pub(crate) fn run(args: &Args) -> Result<()> {
    let shell = shell::shell()?;
    let mut files = match &args.component {
        Some(component) => vec![("baseline.component.wasm", shell.read_binary_file(std::path::absolute(component)?)?)],
        None => build(&shell, args.toolchain.prepare(&shell)?)?,
    };
    let component = files.last().map(|(_, component)| component.as_slice()).unwrap_or_default();
    let native = precompile::precompile(component, args.precompile_for.as_deref())?;
    try_out::try_out(component, &native)?;
    files.push(("baseline.cwasm", native));

    let folder = shell::root().join("target/policies");
    for (name, bytes) in &files {
        write_if_changed(&shell, &folder.join(name), bytes)?;
        println!("{:>7} KiB  target/policies/{name}", bytes.len().div_ceil(1024));
    }
    Ok(())
}

/// The files that come from the sources, by name; the component last.
fn build(shell: &Shell, toolchain: Toolchain) -> Result<Vec<(&'static str, Vec<u8>)>> {
    let module = shell.read_binary_file(compile(shell, toolchain)?)?;
    let metadata = package::metadata();
    let opa = package::opa_module(&module, &metadata)?;
    let component = package::component(&module, &metadata)?;
    package::ensure_same_program(&opa, &component)?;
    Ok(vec![("baseline.opa.wasm", opa), ("baseline.component.wasm", component)])
}

/// Compiles the policy to a core module and returns its path.
fn compile(shell: &Shell, toolchain: Toolchain) -> Result<PathBuf> {
    let target_dir = shell::root().join("target").join(toolchain.folder());
    toolchain
        .cargo(shell)
        .args(["--package", "baseline", "--lib", "--crate-type", "cdylib", "--profile", "wasm"])
        .arg("--target-dir")
        .arg(&target_dir)
        .env("CARGO_ENCODED_RUSTFLAGS", remap_flags())
        .arg("--")
        .args(LINK_ARGS)
        .run()
        .context("the policy does not compile to WebAssembly")?;
    Ok(target_dir.join(TARGET).join("wasm/baseline.wasm"))
}

/// Compiler flags that keep this machine's paths out of panic messages, so that the same sources
/// and compiler give the same module everywhere.
pub(crate) fn remap_flags() -> String {
    let home = home::cargo_home().unwrap_or_default();
    let replacements = [(home, "cargo"), (shell::root(), ".")];
    replacements.map(|(from, to)| format!("--remap-path-prefix={}={to}", from.display())).join("\x1f")
}

/// Leaves an unchanged file alone, so that cargo does not rebuild what embeds it.
fn write_if_changed(shell: &Shell, path: &PathBuf, bytes: &[u8]) -> Result<()> {
    if shell.read_binary_file(path).is_ok_and(|old| old == bytes) {
        return Ok(());
    }
    shell.write_file(path, bytes).with_context(|| format!("cannot write {}", path.display()))
}
