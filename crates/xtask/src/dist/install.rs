//! Installs an archive as Krew does, and runs the plugin through kubectl.
//!
//! Krew itself cannot be had from a registry. What it does with a manifest is little: it takes the platform's
//! archive, compares its digest, unpacks it, copies the named files into a folder of the plugin's and links the
//! executable beside its other plugins. The same happens here, with the same refusals.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use anyhow::{Context, Result, bail, ensure};
use flate2::read::GzDecoder;
use tar::EntryType;
use xshell::Shell;

use super::manifest::{FileOperation, Plugin, Target};
use super::platform::Platform;
use super::{Built, hexadecimal};

/// Installs what was built into a temporary folder, and has `kubectl` run it and complete its command line.
pub(crate) fn try_out(shell: &Shell, built: &Built, kubectl: &Path) -> Result<()> {
    let root = shell.create_temp_dir()?;
    let bin = install(built, root.path())?;
    let kubectl = Kubectl { program: kubectl, bin: &bin };

    let version = kubectl.run(&["ha", "--version"], &[0])?;
    ensure!(version.contains(env!("CARGO_PKG_VERSION")), "kubectl ha --version says {version:?}");
    // Findings are what the demo is for, and their exit code is 1.
    let report = kubectl.run(&["ha", "check", "--demo", "-o", "json"], &[1])?;
    ensure!(report.contains("single-replica"), "kubectl ha check --demo found too little:\n{report}");

    // What the caveats ask for, then what kubectl's own completion asks.
    kubectl.run(&["ha", "completion", "--install"], &[0])?;
    let completions = kubectl.run(&["__complete", "ha", "che"], &[0])?;
    ensure!(completions.starts_with("check\t"), "kubectl completes `kubectl ha che` with {completions:?}");
    println!("installed as Krew does, run and completed through kubectl");
    Ok(())
}

/// A real kubectl that finds the installed plugin.
struct Kubectl<'a> {
    program: &'a Path,
    bin: &'a Path,
}

impl Kubectl<'_> {
    /// What it prints; an error when it ends with another code.
    fn run(&self, arguments: &[&str], codes: &[i32]) -> Result<String> {
        let others = std::env::var_os("PATH").unwrap_or_default();
        let path = std::env::join_paths([self.bin.to_path_buf()].into_iter().chain(std::env::split_paths(&others)))?;
        let Output { status, stdout, stderr } =
            Command::new(self.program).args(arguments).env("PATH", path).output()?;
        ensure!(
            status.code().is_some_and(|code| codes.contains(&code)),
            "kubectl {}: {status}\n{}",
            arguments.join(" "),
            String::from_utf8_lossy(&stderr)
        );
        Ok(String::from_utf8(stdout)?)
    }
}

/// Installs below `root` and returns the folder that Krew has its users put on their PATH.
fn install(built: &Built, root: &Path) -> Result<PathBuf> {
    let plugin = Plugin::from_yaml(&fs::read_to_string(&built.manifest)?)?;
    plugin.check()?;
    let target = plugin.target(Platform::of_this_machine()?).context("the manifest is not for this machine")?;
    let archive = fs::read(&built.archive)?;
    ensure!(hexadecimal(&archive) == target.sha256, "the archive's digest is not the manifest's");
    let (unpacked, installed, bin) = (root.join("unpacked"), root.join("store/ha"), root.join("bin"));
    fs::create_dir_all(&unpacked)?;
    unpack(&archive, &unpacked)?;
    for operation in &target.files {
        copy(operation, &unpacked, &installed)?;
    }
    fs::create_dir_all(&bin)?;
    link(target, &installed, &bin)?;
    Ok(bin)
}

/// Krew takes folders and ordinary files only, and none that could leave the folder.
fn unpack(archive: &[u8], to: &Path) -> Result<()> {
    for entry in tar::Archive::new(GzDecoder::new(archive)).entries()? {
        let mut entry = entry?;
        let path = entry.path()?.to_string_lossy().into_owned();
        ensure!(!path.contains("..") && !path.starts_with(['/', '\\']), "the archive holds {path:?}");
        match entry.header().entry_type() {
            EntryType::Directory | EntryType::Regular => {
                ensure!(entry.unpack_in(to)?, "the archive holds {path:?}");
            }
            other => bail!("{path} in the archive is neither a file nor a folder but {other:?}"),
        }
    }
    Ok(())
}

fn copy(operation: &FileOperation, unpacked: &Path, installed: &Path) -> Result<()> {
    let from = unpacked.join(&operation.from);
    let name = from.file_name().context("it names no file")?;
    let to = if operation.to == "." { installed.join(name) } else { installed.join(&operation.to) };
    fs::create_dir_all(to.parent().unwrap_or(installed))?;
    fs::copy(&from, &to).with_context(|| format!("the archive does not hold {}", operation.from))?;
    Ok(())
}

/// One link, to the executable; on Windows a copy, since links need rights there that few have.
fn link(target: &Target, installed: &Path, bin: &Path) -> Result<()> {
    let executable = installed.join(&target.bin);
    ensure!(executable.is_file(), "bin {} is not among the installed files", target.bin);
    let name = bin.join(format!("kubectl-ha{}", std::env::consts::EXE_SUFFIX));
    #[cfg(unix)]
    std::os::unix::fs::symlink(&executable, name)?;
    #[cfg(not(unix))]
    fs::copy(&executable, name)?;
    Ok(())
}
