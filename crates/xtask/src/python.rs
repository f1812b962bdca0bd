//! Programs that PyPI has ready to run for every platform, in pinned versions, each set in a folder of its own in the
//! cache: what a machine may lack and no other registry brings.

use std::ffi::OsString;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, ensure};
use xshell::{Shell, cmd};

use crate::shell;

/// Packages that belong together.
pub(crate) struct Programs {
    /// What the folder is called.
    pub(crate) name: &'static str,
    /// As pip writes them, with versions.
    pub(crate) packages: &'static [&'static str],
    /// A program that is there when they are installed.
    pub(crate) program: &'static str,
}

impl Programs {
    /// A `PATH` on which they come first; installs them when they are not there yet, and says so.
    pub(crate) fn path(&self, shell: &Shell) -> Result<OsString> {
        let folder = self.folder()?;
        let programs = folder.join("bin");
        if !programs.join(self.program).is_file() {
            self.install(shell, &folder)?;
        }
        let path = std::env::var_os("PATH").unwrap_or_default();
        Ok(std::env::join_paths(std::iter::once(programs).chain(std::env::split_paths(&path)))?)
    }

    /// `kubectl-ha-dev/<name>-<versions>` in the user's cache folder.
    fn folder(&self) -> Result<PathBuf> {
        let versions: Vec<&str> = self.packages.iter().filter_map(|package| package.split("==").nth(1)).collect();
        Ok(shell::cache()?.join(format!("{}-{}", self.name, versions.join("-"))))
    }

    fn install(&self, shell: &Shell, folder: &Path) -> Result<()> {
        let packages = self.packages;
        println!("installing {} from PyPI into {}", packages.join(" and "), folder.display());
        ensure!(shell::has("python3"), "python3 is missing; please install it with its module venv");
        if cmd!(shell, "python3 -c 'import ensurepip'").quiet().ignore_stderr().run().is_err() {
            shell::apt_install(shell, &["python3-venv"])?;
        }
        shell.remove_path(folder)?;
        let pip = folder.join("bin/pip");
        cmd!(shell, "python3 -m venv {folder}").quiet().run().context("cannot make a Python environment")?;
        cmd!(shell, "{pip} install --quiet --disable-pip-version-check --only-binary :all: {packages...}")
            .quiet()
            .run()
            .with_context(|| format!("cannot install {}", self.name))
    }
}
