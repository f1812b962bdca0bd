//! Where output goes: standard output, or files.

use std::fs::File;
use std::io::Write;
use std::path::PathBuf;

use anyhow::Context;

use crate::cli::OutputTarget;
use crate::{UsageError, terminal};

/// Where output goes; files are open before anything is read, so that a wrong path costs no time.
pub(super) struct Sinks<F>(Vec<(F, Option<(PathBuf, File)>)>);

impl<F: Copy> Sinks<F> {
    /// Opens the files. Without a target, `default` goes to standard output.
    pub(super) fn open(targets: &[OutputTarget<F>], default: F) -> anyhow::Result<Self> {
        if targets.is_empty() {
            return Ok(Self(vec![(default, None)]));
        }
        if targets.iter().filter(|target| target.file.is_none()).count() > 1 {
            let message = "two formats cannot share standard output: give one a file, as in -o table -o json=ha.json";
            return Err(UsageError(message.into()).into());
        }
        let open = |target: &OutputTarget<F>| {
            let file = target.file.as_ref().map(|path| {
                let file = File::create(path).with_context(|| format!("cannot write {}", path.display()))?;
                anyhow::Ok((path.clone(), file))
            });
            anyhow::Ok((target.format, file.transpose()?))
        };
        Ok(Self(targets.iter().map(open).collect::<Result<_, _>>()?))
    }

    /// Whether one of the formats is such.
    pub(super) fn any(&self, is_such: impl Fn(F) -> bool) -> bool {
        self.0.iter().any(|(format, _)| is_such(*format))
    }

    /// Writes each format; `render` is told whether it goes to a file.
    pub(super) fn write(self, render: impl Fn(F, bool) -> String) -> anyhow::Result<()> {
        for (format, file) in self.0 {
            let text = render(format, file.is_some());
            match file {
                None => terminal::print(&text).context("cannot write the report")?,
                Some((path, mut file)) => {
                    file.write_all(text.as_bytes()).with_context(|| format!("cannot write {}", path.display()))?;
                }
            }
        }
        Ok(())
    }
}
