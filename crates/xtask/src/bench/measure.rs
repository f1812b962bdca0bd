//! Runs things again and again, and takes the time.

use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Instant;

use anyhow::{Context, Result, ensure};
use wait4::Wait4 as _;

use super::record::{Series, Spread};
use crate::shell;

/// Something to measure.
pub(super) struct Subject<'a> {
    name: String,
    run: Box<dyn FnMut() -> Result<Run> + 'a>,
}

/// What one run took.
struct Run {
    seconds: f64,
    peak: Option<u64>,
}

impl<'a> Subject<'a> {
    /// A process, working in the repository's root; its output goes nowhere. Exit code 1 means findings.
    ///
    /// The kernel counts what this process holds when it starts another one into the other's peak: this one must stay
    /// small.
    pub(super) fn process(name: &str, program: &Path, arguments: &[String]) -> Self {
        let mut command = Command::new(program);
        command.args(arguments).current_dir(shell::root()).stdin(Stdio::null()).stdout(Stdio::null());
        Self { name: name.to_owned(), run: Box::new(move || run_process(&mut command)) }
    }

    /// Something that this process does itself.
    pub(super) fn action(name: &str, mut action: impl FnMut() -> Result<()> + 'a) -> Self {
        let run = move || {
            let started = Instant::now();
            action()?;
            Ok(Run { seconds: started.elapsed().as_secs_f64(), peak: None })
        };
        Self { name: name.to_owned(), run: Box::new(run) }
    }
}

fn run_process(command: &mut Command) -> Result<Run> {
    let program = PathBuf::from(command.get_program());
    let log = shell::target().join("bench/stderr.txt");
    command.stderr(File::create(&log).with_context(|| format!("cannot write {}", log.display()))?);
    let started = Instant::now();
    let child = command.spawn().with_context(|| format!("cannot run {}", program.display()))?;
    let used = child.wait4().with_context(|| format!("cannot wait for {}", program.display()))?;
    let seconds = started.elapsed().as_secs_f64();
    ensure!(
        matches!(used.status.code(), Some(0 | 1)),
        "{} failed ({}): {}",
        program.display(),
        used.status,
        std::fs::read_to_string(&log).unwrap_or_default()
    );
    Ok(Run { seconds, peak: Some(used.rusage.maxrss) })
}

/// Runs each subject once to warm up, then all of them in turn, so that whatever else the machine does meets all.
pub(super) fn in_turn(subjects: Vec<Subject<'_>>, runs: usize) -> Result<Vec<Series>> {
    let mut subjects = subjects;
    let mut measured: Vec<Vec<Run>> = subjects.iter().map(|_| Vec::with_capacity(runs)).collect();
    for subject in &mut subjects {
        (subject.run)()?;
    }
    for _ in 0..runs {
        for (subject, measured) in subjects.iter_mut().zip(&mut measured) {
            measured.push((subject.run)()?);
        }
    }
    let series = |(subject, measured): (Subject<'_>, Vec<Run>)| {
        Ok(Series {
            name: subject.name,
            runs,
            seconds: Spread::of(measured.iter().map(|run| run.seconds).collect())?,
            peak: measured.iter().filter_map(|run| run.peak).max(),
        })
    };
    subjects.into_iter().zip(measured).map(series).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn subjects_take_turns_after_one_run_to_warm_up() {
        let order = std::cell::RefCell::new(String::new());
        let subject = |name: &'static str| {
            Subject::action(name, || {
                order.borrow_mut().push_str(name);
                Ok(())
            })
        };
        let series = in_turn(vec![subject("a"), subject("b")], 2).unwrap();
        assert_eq!(order.into_inner(), "ababab");
        assert_eq!(
            series.iter().map(|series| (series.name.as_str(), series.runs)).collect::<Vec<_>>(),
            [("a", 2), ("b", 2)]
        );
    }

    #[cfg(unix)]
    #[test]
    fn a_process_that_fails_is_told_with_its_words() {
        std::fs::create_dir_all(shell::target().join("bench")).unwrap();
        let arguments = ["-c".to_owned(), "echo no such file >&2; exit 2".to_owned()];
        let error = in_turn(vec![Subject::process("sh", Path::new("sh"), &arguments)], 1).unwrap_err().to_string();
        assert!(error.contains("no such file"), "{error}");
    }
}
