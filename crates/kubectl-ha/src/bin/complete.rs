//! `kubectl_complete-ha`, which kubectl asks what may follow `kubectl ha …`: it asks `kubectl-ha`.
//!
//! A program of its own because kubectl looks for one, and small because releases hold it beside the plugin. Nobody
//! watches it, so it asks nothing and says nothing but the answer.

use std::path::PathBuf;
use std::process::{Command, ExitCode, Stdio};

fn main() -> ExitCode {
    let plugin = beside_this().filter(|path| path.is_file()).unwrap_or_else(|| "kubectl-ha".into());
    let mut question = Command::new(plugin);
    question.arg(kubectl_ha::own::COMPLETE).args(std::env::args_os().skip(1));
    match question.stdin(Stdio::null()).stderr(Stdio::null()).status() {
        Ok(status) if status.success() => ExitCode::SUCCESS,
        _ => ExitCode::FAILURE,
    }
}

/// The plugin that was installed with this program, which others may have linked to from elsewhere.
fn beside_this() -> Option<PathBuf> {
    let this = std::env::current_exe().ok()?.canonicalize().ok()?;
    Some(this.with_file_name(format!("kubectl-ha{}", std::env::consts::EXE_SUFFIX)))
}
