//! A rollout: whether it ends, and how low the workload falls.

use ha_core::Severity;
use ha_core::impact::{Certainty, InstantVerdict};
use ha_core::report::rollout::Rollout;

use super::super::markdown::escape;
use super::super::text::{pad, wrap};
use super::super::view::{Page, View};
use super::table::INDENT;

/// The same lines for a terminal.
pub(super) fn table(rollout: &Rollout, page: &Page) -> String {
    let severity = match (rollout.finishes, rollout.verdict) {
        (_, InstantVerdict::Down) => Severity::Critical,
        (true, InstantVerdict::Holds) => Severity::Low,
        _ => Severity::High,
    };
    let word = page.paint(View::severity_style(severity), &pad("ROLLOUT", INDENT.len()));
    let mut out = format!("{word}{}\n", page.paint(View::bold(), &rollout.object.to_string()));
    for line in lines(rollout) {
        out.push_str(&wrap(&line, page.width, INDENT, INDENT));
        out.push('\n');
    }
    out.push('\n');
    out
}

/// The same lines for Markdown.
pub(super) fn markdown(rollout: &Rollout) -> String {
    let mut out = format!("**Rollout of {}**\n\n", escape(&rollout.object.to_string()));
    for line in lines(rollout) {
        out.push_str(&format!("- {}\n", escape(&line)));
    }
    out.push('\n');
    out
}

fn lines(rollout: &Rollout) -> Vec<String> {
    let during = rollout.during.as_ref().map_or(String::new(), |name| format!(" while {name} is lost"));
    let Rollout { desired, runs, finished_runs, .. } = rollout;
    let like = if rollout.finishes { *finished_runs } else { runs - finished_runs };
    let tried = match rollout.certainty {
        Certainty::Unknown => ", which cannot be told: pods chase each other".to_owned(),
        _ => format!(", as in {like} of {runs} orders tried"),
    };
    let end = if rollout.finishes { "ends" } else { "does not end" };
    let mut lines = vec![
        format!("its rollout{during} {end}{tried}"),
        format!(
            "{} of {desired} ready when it begins, {} at the lowest, {} needed",
            rollout.ready_at_start, rollout.lowest, rollout.needed
        ),
    ];
    if !rollout.finishes {
        lines.push(format!(
            "it stays at {} of {desired} pods of the new revision, {} without a node, {} old ones left",
            rollout.updated, rollout.pending, rollout.old
        ));
    }
    lines.extend(rollout.reasons.iter().cloned());
    lines
}
