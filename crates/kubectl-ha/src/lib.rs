//! The command `kubectl ha`: what was typed becomes a reading, a judgement and a report.
//!
//! `cli` is what was typed, `commands` is what it means, `render` is how it looks. Everything that is shown leaves
//! through `terminal`, and everything foreign in it went through `sanitize`. Nothing here knows a rule or the shape
//! of Kubernetes objects.

// Text is put together piece by piece all over this crate; `write!` to a String only adds a result to ignore.
#![allow(clippy::format_push_string, clippy::format_collect)]

pub mod cli;
pub mod commands;
pub mod complete;
pub mod config;
pub mod excerpt;
pub mod input;
pub mod interrupt;
pub mod own;
pub mod policies;
pub mod render;
pub mod sanitize;
pub mod terminal;

use std::ffi::OsString;

use clap::Parser;
use clap::error::ErrorKind;
use ha_core::report::ExitCode;

/// The command line or the configuration asks for something that is not possible.
#[derive(Debug)]
pub struct UsageError(pub String);

impl std::fmt::Display for UsageError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for UsageError {}

/// Runs the command with these arguments, the program's name first.
pub fn run(arguments: impl IntoIterator<Item = OsString>) -> ExitCode {
    let arguments: Vec<OsString> = arguments.into_iter().collect();
    if let Some(code) = own::answer(&arguments) {
        return code;
    }
    let cli = match cli::Cli::try_parse_from(arguments) {
        Ok(cli) => cli,
        Err(error) => return usage(&error),
    };
    match commands::run(cli) {
        Ok(code) => code,
        Err(error) => {
            // The chain of causes in one line, since a cause often is only `permission denied`.
            terminal::error(&format!("{error:#}"));
            if error.is::<UsageError>() { ExitCode::Usage } else { ExitCode::Failed }
        }
    }
}

/// Shows clap's answer; `--help` and `--version` are no errors.
fn usage(error: &clap::Error) -> ExitCode {
    let colour = terminal::colour(false);
    let text = if colour { error.render().ansi().to_string() } else { error.render().to_string() };
    match error.kind() {
        ErrorKind::DisplayHelp | ErrorKind::DisplayVersion => {
            terminal::print(&text).map_or(ExitCode::Failed, |()| ExitCode::Success)
        }
        _ => {
            terminal::note(&sanitize::lines(&error.render().to_string()));
            ExitCode::Usage
        }
    }
}
