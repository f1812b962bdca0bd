//! The platforms that are released, in Krew's words and in Rust's.

use anyhow::{Result, bail};

/// One platform.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Platform {
    /// The operating system, as Go names it.
    pub(crate) os: &'static str,
    /// The processor, as Go names it.
    pub(crate) arch: &'static str,
    /// Both, as Rust names them.
    pub(crate) triple: &'static str,
}

const fn platform(os: &'static str, arch: &'static str, triple: &'static str) -> Platform {
    Platform { os, arch, triple }
}

/// All of them, in the manifest's order.
pub(crate) const ALL: [Platform; 6] = [
    platform("linux", "amd64", "x86_64-unknown-linux-gnu"),
    platform("linux", "arm64", "aarch64-unknown-linux-gnu"),
    platform("darwin", "amd64", "x86_64-apple-darwin"),
    platform("darwin", "arm64", "aarch64-apple-darwin"),
    platform("windows", "amd64", "x86_64-pc-windows-msvc"),
    platform("windows", "arm64", "aarch64-pc-windows-msvc"),
];

impl Platform {
    /// The one that this task runner was built for.
    pub(crate) fn of_this_machine() -> Result<Self> {
        let host = env!("XTASK_HOST");
        match ALL.into_iter().find(|platform| platform.triple == host) {
            Some(platform) => Ok(platform),
            None => bail!(
                "there are no releases for {host}, only for {}; use `cargo xtask install`",
                ALL.map(|platform| platform.triple).join(", ")
            ),
        }
    }

    /// The archive's name.
    pub(crate) fn archive(self) -> String {
        format!("kubectl-ha-{}-{}.tar.gz", self.os, self.arch)
    }

    /// A program's file name.
    pub(crate) fn executable(self, name: &str) -> String {
        if self.os == "windows" { format!("{name}.exe") } else { name.to_owned() }
    }
}
