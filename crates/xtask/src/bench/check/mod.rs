//! `cargo xtask bench check`: the bars of `kubectl ha check`.

mod demo;
mod large;
mod live;
mod manifests;

use std::path::PathBuf;

use anyhow::Result;
use clap::{Parser, ValueEnum};
use xshell::Shell;

use super::record::Part;
use super::{finish, folder, page};
use crate::plugin;
use crate::shell::{self, Steps};

/// Measures `kubectl ha check`.
#[derive(Debug, Parser)]
pub(crate) struct Args {
    /// Measures these parts only, and leaves the documents alone.
    #[arg(long, value_enum, value_delimiter = ',')]
    only: Vec<Chosen>,
    /// Runs everything a few times only, for a first look, and leaves the documents alone.
    #[arg(long)]
    quick: bool,
}

/// A part of the benchmark. The order is that in which they are measured.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Chosen {
    /// Public manifests, beside kube-score.
    Corpus,
    /// The built-in demo cluster.
    Demo,
    /// A snapshot of 150,000 pods.
    Large,
    /// The test cluster with 9,200 pods.
    Live,
}

/// What every part needs.
struct Bench {
    shell: Shell,
    /// The release build of the plugin.
    plugin: PathBuf,
    /// For what is generated.
    folder: PathBuf,
    quick: bool,
}

impl Bench {
    /// How often to run what takes milliseconds, or seconds.
    fn runs(&self, usual: usize) -> usize {
        if self.quick { 3 } else { usual }
    }
}

/// Builds the plugin and measures it.
pub(super) fn run(args: &Args) -> Result<()> {
    let shell = shell::shell()?;
    let plugin = plugin::build_plugin(&shell, &mut Steps::default())?;
    let folder = folder(&shell)?;
    let bench = Bench { shell, plugin, folder, quick: args.quick };
    let mut parts = Vec::new();
    for part in Chosen::value_variants() {
        if args.only.is_empty() || args.only.contains(part) {
            let part = part.measure(&bench)?;
            page::print(&part);
            parts.push(part);
        }
    }
    finish(&bench.shell, "check", parts, args.only.is_empty() && !args.quick)
}

impl Chosen {
    fn measure(self, bench: &Bench) -> Result<Part> {
        match self {
            Self::Corpus => manifests::measure(bench),
            Self::Demo => demo::measure(bench),
            Self::Large => large::measure(bench),
            Self::Live => live::measure(bench),
        }
    }
}
