//! `kubectl-ha`, which kubectl runs as `kubectl ha`.

use std::process::ExitCode;

fn main() -> ExitCode {
    ExitCode::from(kubectl_ha::run(std::env::args_os()) as u8)
}
