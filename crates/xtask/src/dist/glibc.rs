//! Which glibc a Linux program needs: read from the program, not from what the linker was told.

use std::collections::BTreeSet;

use anyhow::{Context, Result, bail, ensure};
use object::Endianness;
use object::elf::FileHeader64;
use object::read::elf::FileHeader as _;

/// The oldest glibc that releases run on: that of RHEL 8, the oldest distribution with years of support ahead.
pub(super) const BASELINE: Version = Version(2, 28);

/// How glibc names the versions of its symbols.
const PREFIX: &str = "GLIBC_";

/// A version of glibc.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Version(u32, u32);

impl std::fmt::Display for Version {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}.{}", self.0, self.1)
    }
}

/// The newest glibc version among the symbols that a program imports; an error when it is above the baseline.
pub(super) fn check(program: &[u8]) -> Result<Version> {
    let newest = *needed(program)?.last().context("it imports nothing of glibc; is it linked statically?")?;
    ensure!(newest <= BASELINE, "it needs glibc {newest}, but releases must run on {BASELINE}");
    Ok(newest)
}

/// All glibc versions among the symbols that an ELF program imports.
fn needed(program: &[u8]) -> Result<BTreeSet<Version>> {
    let header = FileHeader64::<Endianness>::parse(program).context("it is not a 64-bit ELF file")?;
    let endian = header.endian()?;
    let sections = header.sections(endian, program)?;
    let mut versions = BTreeSet::new();
    let Some((mut libraries, link)) = sections.gnu_verneed(endian, program)? else {
        return Ok(versions);
    };
    let names = sections.strings(endian, program, link)?;
    while let Some((_, mut symbols)) = libraries.next()? {
        while let Some(symbol) = symbols.next()? {
            let name = String::from_utf8_lossy(symbol.name(endian, names)?);
            if let Some(version) = name.strip_prefix(PREFIX) {
                versions.insert(parse(version).with_context(|| format!("it needs {name}, which is unknown here"))?);
            }
        }
    }
    Ok(versions)
}

/// `2.28`, or `2.2.5`, whose third number only ever distinguished the first releases.
fn parse(version: &str) -> Result<Version> {
    let mut numbers = version.split('.').map(str::parse);
    match (numbers.next(), numbers.next()) {
        (Some(Ok(major)), Some(Ok(minor))) => Ok(Version(major, minor)),
        _ => bail!("{version} is no version of glibc"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_are_compared_as_numbers() {
        let [old, baseline, new] = ["2.2.5", "2.28", "2.101"].map(|text| parse(text).unwrap());
        assert!(old < baseline && baseline == BASELINE && baseline < new);
        assert!(["", "2", "PRIVATE", "2.x"].iter().all(|text| parse(text).is_err()));
    }

    #[test]
    #[cfg(target_os = "linux")]
    fn what_a_program_needs_is_read_from_the_program() {
        let this = std::fs::read(std::env::current_exe().unwrap()).unwrap();
        let versions = needed(&this).unwrap();
        assert!(versions.iter().all(|version| (Version(2, 2)..Version(3, 0)).contains(version)), "{versions:?}");
        // The version in which `memcpy` last changed, of which every program of this processor makes use.
        #[cfg(target_arch = "x86_64")]
        assert!(versions.contains(&Version(2, 14)), "{versions:?}");
        assert!(needed(b"#!/bin/sh").is_err());
    }
}
