//! The only place that writes to the terminal.
//!
//! A reader that goes away early (`kubectl ha check | head`) is no error.

use std::io::{self, IsTerminal, Write};

use crate::render::view::{DEFAULT_WIDTH, Page};
use crate::sanitize;

/// Writes to standard output. Foreign text in it must be safe already.
pub fn print(text: &str) -> io::Result<()> {
    let mut stdout = io::stdout().lock();
    let written = stdout.write_all(text.as_bytes()).and_then(|()| stdout.flush());
    match written {
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(()),
        other => other,
    }
}

/// Writes to standard error. Nobody is left to tell when that fails.
pub fn note(text: &str) {
    let _ = io::stderr().lock().write_all(text.as_bytes());
}

/// Tells what went wrong; makes the text safe first.
pub fn error(text: &str) {
    note(&format!("error: {}\n", sanitize::lines(text)));
}

/// Tells something the user should know; makes the text safe first.
pub fn warning(text: &str) {
    note(&format!("warning: {}\n", sanitize::lines(text)));
}

/// Standard output, as something to write on.
pub fn page(no_colour: bool) -> Page {
    Page { width: width(), colour: colour(no_colour) }
}

/// Whether standard output takes colours: a terminal does, and with `CLICOLOR_FORCE` everything; with `NO_COLOR`
/// nothing does (<https://bixense.com/clicolors>).
pub fn colour(forbidden: bool) -> bool {
    let choice = anstream::AutoStream::choice(&io::stdout());
    !forbidden && choice != anstream::ColorChoice::Never
}

/// The columns of standard output: the terminal's, else `COLUMNS`, else 80.
pub fn width() -> usize {
    let terminal = terminal_size::terminal_size_of(io::stdout()).map(|(width, _)| usize::from(width.0));
    let wanted = || std::env::var("COLUMNS").ok()?.parse().ok();
    terminal.or_else(wanted).unwrap_or(DEFAULT_WIDTH).clamp(40, 400)
}

/// Whether somebody watches standard error.
pub fn is_watched() -> bool {
    io::stderr().is_terminal()
}
