//! `kubectl_complete-ha`, which kubectl asks what may follow `kubectl ha …`.

use std::ffi::OsString;
use std::process::ExitCode;

fn main() -> ExitCode {
    let words: Vec<OsString> = std::env::args_os().skip(1).collect();
    match kubectl_ha::terminal::print(&kubectl_ha::complete::complete(&words)) {
        Ok(()) => ExitCode::SUCCESS,
        Err(_) => ExitCode::FAILURE,
    }
}
