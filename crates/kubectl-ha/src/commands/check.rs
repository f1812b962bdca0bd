//! `kubectl ha check`: reads, judges, reports.

use std::path::Path;
use std::sync::atomic::AtomicBool;

use ha_core::impact::Impact;
use ha_core::report::{Baseline, Diagnostic, DiagnosticKind, ExitCode, PolicyOutcome, Report, assemble};
use ha_core::rule::Input;
use ha_core::{Settings, Snapshot, Verdict};
use ha_sim::simulate::Options;
use ha_sim::{Model, matrix};

use super::sinks::Sinks;
use crate::cli::{Check, Show};
use crate::excerpt::Excerpts;
use crate::policies::Policies;
use crate::render::view::Page;
use crate::render::{Format, View, render};
use crate::sanitize::SafeReport;
use crate::{UsageError, config, input, terminal};

/// How often a failure is tried whose end depends on the scheduler's ties: fewer than `simulate` does, since there are
/// many of them.
const TRIES: u64 = 4;
/// How often at least, where a failure moves so many pods that each try takes most of a second. What is not certain is
/// called possible even so.
const LEAST: u64 = 1;
/// The seed of the first try, so that the same snapshot gets the same answer.
const SEED: u64 = 1;

/// Runs the whole of it.
pub(super) fn run(arguments: &Check) -> anyhow::Result<ExitCode> {
    let sinks = Sinks::open(&arguments.output.output, Format::Table)?;
    let config = config::load(arguments.policies.config.as_deref())?;
    let policies = Policies::load(&arguments.policies)?;
    policies.check_config(&config)?;
    let baseline = arguments.output.baseline.as_deref().map(read_baseline).transpose()?;
    let (snapshot, source) = input::load(&arguments.input, &arguments.connection, &config.config.topology_keys.zone)?;

    let show = shown(&arguments.output.show);
    let settings = config.settings(show.contains(&Show::All));
    let impacts = simulated(arguments, &snapshot, &settings);
    let judged = Input { snapshot: &snapshot, settings: &settings, impacts: &impacts };
    let outcomes = policies.iter().map(|policy| PolicyOutcome {
        policy: &policy.name,
        rules: &policy.rules,
        output: policies.judge(policy, &judged),
    });
    let options = config.report_options(source.narrowed);
    let mut report = assemble(&snapshot, outcomes.collect(), &options);
    report.diagnostics.splice(
        0..0,
        source.reading.notices.iter().cloned().map(|message| Diagnostic {
            kind: DiagnosticKind::Notice,
            message,
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
        page: terminal::page(arguments.output.no_color),
        input: source.description.clone(),
        read_in: source.read_in,
        evidence: arguments.output.evidence,
        excerpts: excerpts.as_ref(),
        rules: &rules,
        exit: (code, fail_on),
    };
    // A large report is copied only where a format shows it as it is.
    let raw = sinks.any(Format::escapes_by_itself).then(|| report.clone());
    let safe = SafeReport::new(report);
    let plain = View { page: Page::FILE, ..view.clone() };
    let raw = raw.as_ref().unwrap_or(&safe);
    sinks.write(|format, to_file| render(format, raw, &safe, if to_file { &plain } else { &view }))?;
    // The process ends here: to give a large cluster back piece by piece takes longer than to judge it.
    std::mem::forget((snapshot, impacts, safe));
    Ok(code)
}

/// What the standard failures do, where there are nodes that can fail.
fn simulated(arguments: &Check, snapshot: &Snapshot, settings: &Settings) -> Vec<Impact> {
    if arguments.no_simulate || snapshot.nodes.is_empty() {
        return Vec::new();
    }
    let options = Options { settings, tries: TRIES, least: LEAST, seed: SEED, show_all: false };
    matrix::check(&Model::new(snapshot), &options, &AtomicBool::new(false))
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
