//! The exit code: one number for scripts, decided here and nowhere else.

use super::Report;
use crate::rule::Severity;

/// What a run ends with. Where several apply, 2 wins over 4, 4 over 1, 1 over 3 (docs/exit-codes.md).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum ExitCode {
    /// Nothing at or above the limit was found, and everything needed was read.
    Success = 0,
    /// Findings at or above the limit.
    Findings = 1,
    /// The command line or the configuration is wrong.
    Usage = 2,
    /// A read that was refused or broken changed a verdict.
    Incomplete = 3,
    /// A policy or the tool itself failed.
    Failed = 4,
}

impl Report {
    /// The exit code of a run that gave this report.
    ///
    /// `fail_on` is the least severity that fails, none for no severity at all. `tool_failed` says that something
    /// besides policies went wrong, such as writing an output file.
    pub fn exit_code(&self, fail_on: Option<Severity>, allow_incomplete: bool, tool_failed: bool) -> ExitCode {
        let findings = &self.summary.findings;
        let counts = |limit: Severity| {
            let at_least = Severity::ALL.iter().filter(move |&&severity| severity >= limit);
            at_least.map(|&severity| findings.get(severity)).sum::<usize>()
        };
        if tool_failed || !self.summary.failed_policies.is_empty() {
            ExitCode::Failed
        } else if fail_on.is_some_and(|limit| counts(limit) > 0) {
            ExitCode::Findings
        } else if self.summary.incomplete && !allow_incomplete {
            ExitCode::Incomplete
        } else {
            ExitCode::Success
        }
    }
}
