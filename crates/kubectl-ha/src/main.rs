//! `kubectl-ha`, which kubectl runs as `kubectl ha`.

use std::process::ExitCode;

use mimalloc::MiMalloc;

/// Objects are made by the threads that parse them and given back by the one that builds the snapshot: with the
/// system's allocator they wait for each other.
#[global_allocator]
static ALLOCATOR: MiMalloc = MiMalloc;

fn main() -> ExitCode {
    ExitCode::from(kubectl_ha::run(std::env::args_os()) as u8)
}
