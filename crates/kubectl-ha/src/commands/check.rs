//! `kubectl ha check`: reads, judges, reports.

use std::fs::File;
use std::io::Write;
use std::path::{Path, PathBuf};

use anyhow::Context;
use ha_core::Verdict;
use ha_core::report::{Baseline, Diagnostic, DiagnosticKind, ExitCode, PolicyOutcome, Report, assemble};

use crate::cli::{Check, OutputTarget, Show};
use crate::excerpt::Excerpts;
use crate::policies::Policies;
use crate::render::{Format, View, render};
use crate::sanitize::SafeReport;
use crate::{UsageError, config, input, terminal};

/// Runs the whole of it.
pub(super) fn run(arguments: &Check) -> anyhow::Result<ExitCode> {
    let sinks = Sinks::open(&arguments.output.output)?;
    let config = config::load(arguments.policies.config.as_deref())?;
    let policies = Policies::load(&arguments.policies)?;
    policies.check_config(&config)?;
    let baseline = arguments.output.baseline.as_deref().map(read_baseline).transpose()?;
    let (snapshot, source) = input::load(&arguments.input, &arguments.connection, &config.config.topology_keys.zone)?;

    let show = shown(&arguments.output.show);
    let settings = config.settings(show.contains(&Show::All));
    let outcomes = policies.iter().map(|policy| PolicyOutcome {
        policy: &policy.name,
        rules: &policy.rules,
        output: policies.judge(policy, &snapshot, &settings),
    });
    let options = config.report_options(source.narrowed);
    let mut report = assemble(&snapshot, outcomes.collect(), &options);
    report.diagnostics.splice(
        0..0,
        source.reading.notices.iter().map(|notice| Diagnostic {
            kind: DiagnosticKind::Notice,
            message: notice.clone(),
            place: String::new(),
        }),
    );
    let excerpts = source.manifests.as_ref().map(|manifests| Excerpts::locate(&mut report, manifests));
    if let Some(baseline) = &baseline {
        report.keep_new(baseline);
    }
    let fail_on = arguments.output.fail_on.severity();
    let code = report.exit_code(fail_on, arguments.output.allow_incomplete, false);
    list_only(&mut report, &show);

    let rules = policies.rules();
    let view = View {
        width: terminal::width(),
        colour: terminal::colour(arguments.output.no_color),
        input: source.description.clone(),
        read_in: source.read_in,
        evidence: arguments.output.evidence,
        excerpts: excerpts.as_ref(),
        rules: &rules,
        exit: (code, fail_on),
    };
    sinks.write(&report, &view)?;
    Ok(code)
}

fn read_baseline(path: &Path) -> anyhow::Result<Baseline> {
    let wrong = |problem: String| UsageError(format!("cannot use the baseline {}: {problem}", path.display()));
    let text = std::fs::read(path).map_err(|error| wrong(error.to_string()))?;
    let parsed = serde_json::from_slice(&text);
    Ok(parsed.map_err(|error| wrong(format!("it is no JSON report of kubectl ha ({error})")))?)
}

/// The answers to list: problems and unknowns when nothing was asked for.
fn shown(wanted: &[Show]) -> Vec<Show> {
    if wanted.is_empty() { vec![Show::Fail, Show::Unknown] } else { wanted.to_vec() }
}

fn list_only(report: &mut Report, show: &[Show]) {
    if show.contains(&Show::All) {
        return;
    }
    report.list_only(|result| match result.verdict {
        Verdict::Fail => show.contains(&Show::Fail),
        Verdict::Unknown => show.contains(&Show::Unknown),
        Verdict::Pass | Verdict::NotApplicable => false,
    });
}

/// Where the report goes; files are open before anything is read, so that a wrong path costs no time.
struct Sinks(Vec<(Format, Option<(PathBuf, File)>)>);

impl Sinks {
    fn open(targets: &[OutputTarget]) -> anyhow::Result<Self> {
        let table = OutputTarget { format: Format::Table, file: None };
        let targets = if targets.is_empty() { std::slice::from_ref(&table) } else { targets };
        if targets.iter().filter(|target| target.file.is_none()).count() > 1 {
            let message = "two formats cannot share standard output: give one a file, as in -o table -o json=ha.json";
            return Err(UsageError(message.into()).into());
        }
        let open = |target: &OutputTarget| {
            let file = target.file.as_ref().map(|path| {
                let file = File::create(path).with_context(|| format!("cannot write {}", path.display()))?;
                anyhow::Ok((path.clone(), file))
            });
            anyhow::Ok((target.format, file.transpose()?))
        };
        Ok(Self(targets.iter().map(open).collect::<Result<_, _>>()?))
    }

    fn write(self, report: &Report, view: &View) -> anyhow::Result<()> {
        let safe = SafeReport::new(report.clone());
        // A file is no terminal: it has no colours and a width of its own.
        let plain = View { colour: false, width: crate::render::view::DEFAULT_WIDTH, ..view.clone() };
        for (format, file) in self.0 {
            match file {
                None => terminal::print(&render(format, report, &safe, view)).context("cannot write the report")?,
                Some((path, mut file)) => file
                    .write_all(render(format, report, &safe, &plain).as_bytes())
                    .with_context(|| format!("cannot write {}", path.display()))?,
            }
        }
        Ok(())
    }
}
