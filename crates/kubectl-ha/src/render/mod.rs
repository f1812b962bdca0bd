//! The output formats: each is a function from a report to text.
//!
//! Words, colours and formats live only here. Text formats take a [`SafeReport`](crate::sanitize::SafeReport);
//! formats that programs read take the report as it is and escape in their own way.

pub(crate) mod gaps;
pub mod github;
pub mod gitlab;
pub mod json;
pub mod junit;
pub mod markdown;
pub mod name;
pub mod sarif;
pub mod simulation;
pub mod table;
mod text;
pub mod view;
pub mod wide;
pub mod yaml;

use clap::ValueEnum;
use ha_core::report::Report;

use crate::sanitize::SafeReport;
pub(crate) use text::count;
pub use view::View;

/// A way to write a report.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Format {
    /// The worst findings, a scorecard, and what was not looked at.
    Table,
    /// Every finding with its evidence, every unknown, every suppression.
    Wide,
    /// The report; its schema is schemas/report.schema.json.
    Json,
    /// The report as YAML.
    Yaml,
    /// One line per object with findings, for kubectl.
    Name,
    /// SARIF 2.1.0, for code scanning.
    Sarif,
    /// JUnit XML, for test reports.
    Junit,
    /// GitHub workflow commands, which become annotations.
    Github,
    /// A GitLab code quality report.
    Gitlab,
    /// Markdown, for comments and job summaries.
    Markdown,
}

impl Format {
    /// Whether programs read it: it takes the report as it is.
    pub fn escapes_by_itself(self) -> bool {
        matches!(self, Self::Json | Self::Sarif | Self::Gitlab)
    }
}

/// Writes a report in one format. Ends with a line break, unless it is empty.
pub fn render(format: Format, report: &Report, safe: &SafeReport, view: &View) -> String {
    match format {
        Format::Table => table::render(safe, view),
        Format::Wide => wide::render(safe, view),
        Format::Json => json::render(report),
        Format::Yaml => yaml::render(safe),
        Format::Name => name::render(safe),
        Format::Sarif => sarif::render(report, view),
        Format::Junit => junit::render(safe),
        Format::Github => github::render(safe),
        Format::Gitlab => gitlab::render(report),
        Format::Markdown => markdown::render(safe, view),
    }
}
