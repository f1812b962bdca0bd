//! `kubectl ha completion`: scripts for shells, and completion inside kubectl.

use std::path::{Path, PathBuf};

use anyhow::{Context, bail};
use clap::CommandFactory;

use crate::cli::{Cli, Completion};
use crate::{sanitize, terminal};

/// The program that kubectl asks for completions of `kubectl ha`.
const COMPLETER: &str = "kubectl_complete-ha";

/// Prints the shell's script, or installs kubectl's completer.
pub(super) fn run(arguments: &Completion) -> anyhow::Result<()> {
    if arguments.install {
        return install();
    }
    let Some(shell) = arguments.shell else {
        bail!("name a shell, or --install");
    };
    let mut script = Vec::new();
    clap_complete::generate(shell, &mut Cli::command().bin_name("kubectl-ha"), "kubectl-ha", &mut script);
    terminal::print(&String::from_utf8_lossy(&script))?;
    Ok(())
}

/// Puts the completer beside this program, where kubectl finds both on the PATH. A package manager may have linked
/// only this program; the completer then is where the link points to.
fn install() -> anyhow::Result<()> {
    let called = std::env::current_exe().context("cannot tell where this program is")?;
    let real = called.canonicalize().unwrap_or_else(|_| called.clone());
    let source = real.with_file_name(format!("{COMPLETER}{}", std::env::consts::EXE_SUFFIX));
    if !source.is_file() {
        bail!("{} is missing; install it from the archive that this program came in", source.display());
    }
    let directory = directory_on_path(&called)?;
    let target = directory.join(format!("{COMPLETER}{}", std::env::consts::EXE_SUFFIX));
    let shown = target.display().to_string();
    if target.canonicalize().is_ok_and(|existing| existing == source) {
        return report(&format!("{shown} is there already"));
    }
    if target.symlink_metadata().is_ok() {
        bail!("{shown} exists and is something else; remove it first");
    }
    link(&source, &target).with_context(|| format!("cannot write {shown}"))?;
    report(&format!("wrote {shown}; in a shell with kubectl's own completion, try: kubectl ha <TAB>"))
}

/// The first directory on the PATH that holds this program under its own name; its own directory otherwise.
fn directory_on_path(program: &Path) -> anyhow::Result<PathBuf> {
    let name = program.file_name().unwrap_or_default();
    let path = std::env::var_os("PATH").unwrap_or_default();
    let on_path = std::env::split_paths(&path).find(|directory| directory.join(name).is_file());
    let own = || program.parent().map(Path::to_owned);
    on_path.or_else(own).context("this program is in no directory")
}

#[cfg(unix)]
fn link(source: &Path, target: &Path) -> std::io::Result<()> {
    std::os::unix::fs::symlink(source, target)
}

#[cfg(not(unix))]
fn link(source: &Path, target: &Path) -> std::io::Result<()> {
    std::fs::copy(source, target).map(|_| ())
}

fn report(text: &str) -> anyhow::Result<()> {
    terminal::print(&format!("{}\n", sanitize::line(text)))?;
    Ok(())
}
