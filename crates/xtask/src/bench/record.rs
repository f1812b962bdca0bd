//! What a benchmark found out, as it stands in `docs/benchmarks/<name>.json`.

use std::fmt;
use std::path::Path;

use anyhow::{Context, Result};
use serde::{Deserialize, Serialize};
use sysinfo::{CpuRefreshKind, MemoryRefreshKind, RefreshKind, System};

/// The folder of the records, from the repository's root.
pub(super) const FOLDER: &str = "docs/benchmarks";

/// One run of one benchmark.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Record {
    /// `check`, as in `cargo xtask bench check`.
    pub(super) name: String,
    /// What was measured; with `-dirty` when the sources were changed since.
    pub(super) commit: String,
    pub(super) machine: Machine,
    pub(super) parts: Vec<Part>,
}

/// Where it was measured.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Machine {
    cpu: String,
    cores: usize,
    /// In bytes.
    memory: u64,
    kernel: String,
}

/// One question: what was run for it, and the bars for the answer.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Part {
    pub(super) title: String,
    /// What is measured, and why that says something.
    pub(super) about: String,
    pub(super) series: Vec<Series>,
    pub(super) bars: Vec<Bar>,
}

/// The same thing, run several times.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Series {
    /// The command, or what was done.
    pub(super) name: String,
    pub(super) runs: usize,
    /// From start to end, in seconds.
    pub(super) seconds: Spread,
    /// The largest peak of resident memory, in bytes; none where it is not a process.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) peak: Option<u64>,
}

/// How measurements differ.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub(super) struct Spread {
    pub(super) minimum: f64,
    pub(super) median: f64,
    pub(super) maximum: f64,
}

/// A promise, and whether it is kept.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Bar {
    pub(super) about: String,
    pub(super) unit: Unit,
    pub(super) measured: f64,
    pub(super) at_most: f64,
}

/// What a figure counts.
#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(super) enum Unit {
    Seconds,
    Bytes,
    /// So many times something else.
    Times,
}

impl Record {
    pub(super) fn read(path: &Path) -> Result<Self> {
        let text = std::fs::read_to_string(path).with_context(|| format!("cannot read {}", path.display()))?;
        serde_json::from_str(&text).with_context(|| format!("{} is no record of a benchmark", path.display()))
    }

    pub(super) fn bars(&self) -> impl Iterator<Item = &Bar> {
        self.parts.iter().flat_map(|part| &part.bars)
    }
}

impl Machine {
    /// The machine that runs this.
    pub(super) fn this() -> Result<Self> {
        let wanted = RefreshKind::nothing()
            .with_cpu(CpuRefreshKind::nothing())
            .with_memory(MemoryRefreshKind::nothing().with_ram());
        let system = System::new_with_specifics(wanted).context("cannot tell what machine this is")?;
        let cpu = system.cpus().first().map(|cpu| cpu.brand().trim().to_owned()).unwrap_or_default();
        Ok(Self {
            cpu,
            cores: std::thread::available_parallelism()?.get(),
            memory: system.total_memory(),
            kernel: System::kernel_long_version().context("cannot tell what kernel this is")?,
        })
    }
}

impl fmt::Display for Machine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { cpu, cores, memory, kernel } = self;
        let gigabytes = memory / 1_000_000_000;
        write!(f, "{cpu}, {cores} cores, {gigabytes} GB of memory, {kernel}")
    }
}

impl Spread {
    /// The spread of one or more measurements.
    pub(super) fn of(mut values: Vec<f64>) -> Result<Self> {
        values.sort_by(f64::total_cmp);
        let (Some(&minimum), Some(&maximum)) = (values.first(), values.last()) else {
            anyhow::bail!("nothing was measured");
        };
        let middle = values.len() / 2;
        let median =
            if values.len() % 2 == 1 { values[middle] } else { f64::midpoint(values[middle - 1], values[middle]) };
        Ok(Self { minimum, median, maximum })
    }
}

impl Bar {
    /// So many seconds at most, for the median.
    pub(super) fn seconds(about: &str, series: &Series, at_most: f64) -> Self {
        Self { about: about.to_owned(), unit: Unit::Seconds, measured: series.seconds.median, at_most }
    }

    /// So many times as long as something else at most, median by median.
    pub(super) fn times(about: &str, series: &Series, other: &Series, at_most: f64) -> Self {
        let measured = series.seconds.median / other.seconds.median;
        Self { about: about.to_owned(), unit: Unit::Times, measured, at_most }
    }

    /// So many bytes at most.
    #[allow(clippy::cast_precision_loss, reason = "far below 2^52 bytes")]
    pub(super) fn bytes(about: &str, measured: u64, at_most: u64) -> Self {
        Self { about: about.to_owned(), unit: Unit::Bytes, measured: measured as f64, at_most: at_most as f64 }
    }

    pub(super) fn met(&self) -> bool {
        self.measured <= self.at_most
    }
}

impl Unit {
    /// A figure with its unit.
    pub(super) fn show(self, value: f64) -> String {
        match self {
            Self::Seconds if value < 1.0 => format!("{:.0} ms", value * 1e3),
            Self::Seconds => format!("{value:.2} s"),
            Self::Bytes if value < 1e4 => format!("{value:.0} bytes"),
            Self::Bytes => format!("{:.0} MB", value / 1e6),
            Self::Times => format!("{value:.2} ×"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_median_lies_in_the_middle() {
        let spread = |values: &[f64]| Spread::of(values.to_vec()).unwrap();
        assert_eq!(spread(&[3.0, 1.0, 9.0]), Spread { minimum: 1.0, median: 3.0, maximum: 9.0 });
        assert_eq!(spread(&[4.0, 1.0, 2.0, 9.0]), Spread { minimum: 1.0, median: 3.0, maximum: 9.0 });
        assert!(Spread::of(Vec::new()).is_err());
    }

    #[test]
    fn a_bar_holds_up_to_its_limit() {
        assert!(Bar::bytes("memory", 100, 100).met());
        assert!(!Bar::bytes("memory", 101, 100).met());
    }

    #[test]
    fn figures_have_units() {
        assert_eq!(Unit::Seconds.show(0.0314), "31 ms");
        assert_eq!(Unit::Seconds.show(2.346), "2.35 s");
        assert_eq!(Unit::Bytes.show(1999.0), "1999 bytes");
        assert_eq!(Unit::Bytes.show(99_600_000.0), "100 MB");
        assert_eq!(Unit::Times.show(0.5), "0.50 ×");
    }
}
