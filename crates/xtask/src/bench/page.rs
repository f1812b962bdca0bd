//! Records as people read them: on the terminal, and as `docs/benchmarks.md`.

use std::fmt::Write as _;

use super::record::{Bar, Part, Record, Series, Unit};

/// The page, from the repository's root.
pub(crate) const PAGE: &str = "docs/benchmarks.md";

const HEAD: &str = "\
# Benchmarks

What `kubectl ha` takes in time and memory, and the bars it is held to.
Release builds are measured as whole processes, from start to end; peak memory is the kernel's own figure of the process.
The commands measure again, print what they find, fail when a bar is not met, and replace what stands here.
`cargo xtask docs` makes this page from the records in [docs/benchmarks](benchmarks).
";

/// The page with all records.
pub(super) fn page(records: &[Record]) -> String {
    let mut page = HEAD.to_owned();
    for record in records {
        // Writing to a string cannot fail.
        let _ = write!(page, "\n{}", section(record));
    }
    page
}

fn section(record: &Record) -> String {
    let Record { name, commit, machine, parts } = record;
    let mut text = format!("## {name}\n\n`cargo xtask bench {name}` at commit `{commit}`, on {machine}.\n\n");
    text.push_str("| Bar | Measured | At most | |\n|---|---:|---:|---|\n");
    text.extend(record.bars().map(bar_row));
    for part in parts {
        let _ = write!(text, "\n### {}\n\n{}\n", part.title, part.about);
        if !part.series.is_empty() {
            text.push_str(
                "\n| Run | Times | Fastest | Median | Slowest | Peak memory |\n|---|---:|---:|---:|---:|---:|\n",
            );
            text.extend(part.series.iter().map(series_row));
        }
    }
    text
}

fn bar_row(bar: &Bar) -> String {
    let met = if bar.met() { "met" } else { "**missed**" };
    let (measured, at_most) = (bar.unit.show(bar.measured), bar.unit.show(bar.at_most));
    format!("| {} | {measured} | {at_most} | {met} |\n", bar.about)
}

fn series_row(series: &Series) -> String {
    let [minimum, median, maximum, peak] = figures(series);
    format!("| `{}` | {} | {minimum} | {median} | {maximum} | {peak} |\n", series.name, series.runs)
}

/// Minimum, median, maximum and peak memory.
#[allow(clippy::cast_precision_loss, reason = "far below 2^52 bytes")]
fn figures(series: &Series) -> [String; 4] {
    let [minimum, median, maximum] =
        [series.seconds.minimum, series.seconds.median, series.seconds.maximum].map(|value| Unit::Seconds.show(value));
    let peak = series.peak.map_or_else(String::new, |bytes| Unit::Bytes.show(bytes as f64));
    [minimum, median, maximum, peak]
}

/// A part, for the terminal.
pub(super) fn print(part: &Part) {
    println!("\n{}", part.title);
    for series in &part.series {
        let [minimum, median, maximum, peak] = figures(series);
        println!("  {:<58} {minimum:>8} {median:>8} {maximum:>8} {peak:>8}  × {}", series.name, series.runs);
    }
    for bar in &part.bars {
        let met = if bar.met() { "met" } else { "MISSED" };
        let (measured, at_most) = (bar.unit.show(bar.measured), bar.unit.show(bar.at_most));
        println!("  {met:<6} {}: {measured}, at most {at_most}", bar.about);
    }
}
