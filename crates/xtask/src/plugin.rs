//! The plugin itself: `cargo xtask demo` shows it, `cargo xtask install` puts it on the PATH.

use std::env;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, ensure};
use clap::Parser;
use xshell::{Shell, cmd};

use crate::shell::{self, Steps};

/// The executables: the plugin, and what kubectl asks for completions.
pub(crate) const EXECUTABLES: [&str; 2] = ["kubectl-ha", "kubectl_complete-ha"];

/// Puts kubectl-ha and kubectl_complete-ha on the PATH.
#[derive(Debug, Parser)]
pub(crate) struct InstallArgs {
    /// The folder to put them in, instead of ~/.local/bin.
    #[arg(long, value_name = "DIR")]
    to: Option<PathBuf>,
}

/// Builds everything and checks the built-in demo cluster.
pub(crate) fn demo() -> Result<()> {
    let shell = shell::shell()?;
    let mut steps = Steps::default();
    let plugin = build_plugin(&shell, &mut steps)?;
    println!("── kubectl ha check --demo");
    // Findings are what the demo is for, and their exit code is 1.
    let status = Command::new(&plugin).args(["check", "--demo"]).status()?;
    steps.print_times();
    ensure!(matches!(status.code(), Some(0 | 1)), "kubectl ha check --demo failed: {status}");
    Ok(())
}

/// Builds everything and copies the executables.
pub(crate) fn install(args: &InstallArgs) -> Result<()> {
    let shell = shell::shell()?;
    let built = build(&shell, &mut Steps::default())?;
    let folder = match &args.to {
        Some(folder) => std::path::absolute(folder)?,
        None => home::home_dir().context("there is no home folder; use --to DIR")?.join(".local/bin"),
    };
    shell.create_dir(&folder)?;
    for name in EXECUTABLES.map(executable) {
        // A running program cannot be written to, but its file can be replaced.
        let (new, target) = (folder.join(format!(".{name}.new")), folder.join(&name));
        shell.copy_file(built.join(&name), &new)?;
        std::fs::rename(&new, &target).with_context(|| format!("cannot write {}", target.display()))?;
        println!("installed {}", target.display());
    }
    if !is_on_path(&folder) {
        println!("{} is not on your PATH; kubectl finds plugins there only: add it", folder.display());
    }
    Ok(())
}

/// Builds the policies and the executables; returns the path of the plugin.
pub(crate) fn build_plugin(shell: &Shell, steps: &mut Steps) -> Result<PathBuf> {
    Ok(build(shell, steps)?.join(executable(EXECUTABLES[0])))
}

/// Builds the policies and the executables; returns the folder with the latter.
fn build(shell: &Shell, steps: &mut Steps) -> Result<PathBuf> {
    // In another process: benchmarks would count what this one holds then as memory of what they start.
    steps.run("build the policies to WebAssembly", || Ok(cmd!(shell, "cargo xtask wasm").run()?))?;
    steps.run("build the plugin", || Ok(cmd!(shell, "cargo build --release --package kubectl-ha --bins").run()?))?;
    Ok(shell::target().join("release"))
}

fn executable(name: &str) -> String {
    format!("{name}{}", env::consts::EXE_SUFFIX)
}

fn is_on_path(folder: &Path) -> bool {
    env::var_os("PATH").is_some_and(|path| env::split_paths(&path).any(|entry| entry == folder))
}
