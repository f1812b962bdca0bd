//! Builds a kustomization by running `kubectl kustomize`, so that it means here what it means to kubectl.

use std::io::Read;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::thread;

use super::{Options, Problem, Text, input};

/// How much of kubectl's error output is kept.
const ERRORS: u64 = 16 << 10;

/// The manifests of the kustomization in `directory`, as one text named `DIRECTORY (kustomize)`.
pub(super) fn build(directory: &Path, options: &Options) -> Result<Text, Problem> {
    let name = format!("{} (kustomize)", directory.display());
    let failed = |message: &str| Problem::unreadable(&name, 0, message);
    let mut child = Command::new("kubectl")
        .arg("kustomize")
        .arg(directory)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .map_err(|error| failed(&format!("cannot run kubectl kustomize: {error}")))?;
    let errors = child.stderr.take().map(|errors| thread::spawn(move || bounded(errors)));
    let text = match child.stdout.take() {
        Some(output) => input::text(&name, output, options),
        None => Err(failed("kubectl kustomize gave no output")),
    };
    if text.is_err() {
        stop(&mut child);
    }
    let status = child.wait().map_err(|error| failed(&error.to_string()))?;
    let errors = errors.and_then(|thread| thread.join().ok()).unwrap_or_default();
    match text {
        Ok(text) if status.success() => Ok(text),
        Ok(_) => Err(failed(&format!("kubectl kustomize failed: {}", errors.trim()))),
        Err(problem) => Err(problem),
    }
}

/// The start of what a process writes; the rest is read and dropped, so that it is never blocked.
fn bounded(mut output: impl Read) -> String {
    let mut kept = Vec::new();
    // What could be read before an error is all there is to say.
    let _ = output.by_ref().take(ERRORS).read_to_end(&mut kept);
    let _ = std::io::copy(&mut output, &mut std::io::sink());
    String::from_utf8_lossy(&kept).into_owned()
}

fn stop(child: &mut Child) {
    // It may have ended by itself.
    let _ = child.kill();
}
