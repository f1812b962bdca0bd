//! Running programs, and keeping a table of how long each step took.

use std::fmt::Display;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use xshell::Shell;

/// The repository's root folder.
pub(crate) fn root() -> PathBuf {
    let manifest = Path::new(env!("CARGO_MANIFEST_DIR"));
    manifest.ancestors().nth(2).unwrap_or(manifest).to_path_buf()
}

/// The folder into which cargo builds.
pub(crate) fn target() -> PathBuf {
    std::env::var_os("CARGO_TARGET_DIR").map_or_else(|| root().join("target"), PathBuf::from)
}

/// The folder for what is installed or built once for all checkouts: `kubectl-ha-dev` in the user's cache folder.
pub(crate) fn cache() -> Result<PathBuf> {
    use etcetera::BaseStrategy as _;

    Ok(etcetera::choose_base_strategy().context("there is no home folder")?.cache_dir().join("kubectl-ha-dev"))
}

/// A shell that works in the repository's root.
pub(crate) fn shell() -> Result<Shell> {
    let shell = Shell::new()?;
    shell.change_dir(root());
    Ok(shell)
}

/// Whether `program` can be started: it is on the PATH and answers `--version`.
pub(crate) fn has(program: &str) -> bool {
    Command::new(program).arg("--version").output().is_ok_and(|output| output.status.success())
}

/// Whether this process may install system packages.
pub(crate) fn is_root(shell: &Shell) -> bool {
    xshell::cmd!(shell, "id -u").quiet().ignore_stderr().read().is_ok_and(|id| id == "0")
}

/// Installs Debian packages, and says so. Only root may; everybody else is told the command.
pub(crate) fn apt_install(shell: &Shell, packages: &[&str]) -> Result<()> {
    let list = packages.join(" ");
    anyhow::ensure!(has("apt-get"), "please install {list} (this machine has no apt-get)");
    anyhow::ensure!(is_root(shell), "please run: sudo apt-get install --no-install-recommends {list}");
    println!("installing Debian packages: {list}");
    xshell::cmd!(shell, "apt-get update -qq").quiet().run()?;
    xshell::cmd!(shell, "apt-get install -y -qq --no-install-recommends {packages...}")
        .env("DEBIAN_FRONTEND", "noninteractive")
        .quiet()
        .run()
        .with_context(|| format!("cannot install {list}"))
}

/// The steps of a task, each announced when it starts and timed when it ends.
#[derive(Default)]
pub(crate) struct Steps {
    taken: Vec<(String, Duration)>,
}

impl Steps {
    /// Runs one step. An error names the step.
    pub(crate) fn run<T>(&mut self, name: impl Display, step: impl FnOnce() -> Result<T>) -> Result<T> {
        let name = name.to_string();
        println!("── {name}");
        let start = Instant::now();
        let result = step().with_context(|| format!("the step '{name}' failed"));
        self.taken.push((name, start.elapsed()));
        result
    }

    /// Prints how long each step took.
    pub(crate) fn print_times(&self) {
        println!("── time per step");
        for (name, time) in &self.taken {
            println!("{:>8.1} s  {name}", time.as_secs_f64());
        }
        let total: Duration = self.taken.iter().map(|(_, time)| *time).sum();
        println!("{:>8.1} s  together", total.as_secs_f64());
    }
}
