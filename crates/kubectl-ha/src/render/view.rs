//! How a report is to be shown: what does not belong to the report itself.

use std::time::Duration;

use anstyle::{AnsiColor, Style};
use ha_core::report::ExitCode;
use ha_core::rule::{RuleInfo, Severity};

use crate::excerpt::Excerpts;

/// The width where there is no terminal.
pub const DEFAULT_WIDTH: usize = 80;

/// What a text is written on.
#[derive(Clone, Copy, Debug)]
pub struct Page {
    /// Columns.
    pub width: usize,
    /// Whether to use colours.
    pub colour: bool,
}

impl Page {
    /// A file: no terminal, no colours, a width of its own.
    pub const FILE: Self = Self { width: DEFAULT_WIDTH, colour: false };

    /// Text in a style, or as it is without colours.
    pub fn paint(&self, style: Style, text: &str) -> String {
        if self.colour && !text.is_empty() { format!("{style}{text}{style:#}") } else { text.to_owned() }
    }
}

/// How a report is to be shown.
#[derive(Clone, Debug)]
pub struct View<'a> {
    /// What it is written on.
    pub page: Page,
    /// What was read, for input without a cluster's name, such as `2 files`.
    pub input: String,
    /// How long reading took; none to leave it out.
    pub read_in: Option<Duration>,
    /// Whether the table shows what findings rest on.
    pub evidence: bool,
    /// The lines of manifests that findings point to.
    pub excerpts: Option<&'a Excerpts<'a>>,
    /// All rules that ran, for formats that describe them.
    pub rules: &'a [RuleInfo],
    /// What the run ends with, and the least severity that fails it.
    pub exit: (ExitCode, Option<Severity>),
}

impl View<'_> {
    /// Text in a style, or as it is without colours.
    pub fn paint(&self, style: Style, text: &str) -> String {
        self.page.paint(style, text)
    }

    /// A severity in its colour: red critical, yellow high, default otherwise.
    pub fn severity_style(severity: Severity) -> Style {
        match severity {
            Severity::Critical => AnsiColor::Red.on_default().bold(),
            Severity::High => AnsiColor::Yellow.on_default(),
            Severity::Medium | Severity::Low => Style::new(),
        }
    }

    /// The style of what may be passed over.
    pub fn dim() -> Style {
        Style::new().dimmed()
    }

    /// The style of what names things.
    pub fn bold() -> Style {
        Style::new().bold()
    }
}
