//! What an earlier report already knew.

use alloc::collections::BTreeSet;
use alloc::string::String;
use alloc::vec::Vec;

use serde::Deserialize;

use super::{CheckResult, Report};
use crate::finding::Verdict;

/// The part of an earlier report that tells old findings from new ones. Reads reports of any version that has
/// verdicts and fingerprints.
#[derive(Clone, Debug, Deserialize)]
pub struct Baseline {
    /// Its answers.
    pub results: Vec<KnownResult>,
}

/// One answer of an earlier report.
#[derive(Clone, Debug, Deserialize)]
pub struct KnownResult {
    /// The answer.
    pub verdict: Verdict,
    /// Which problem it was.
    pub fingerprint: String,
}

impl Report {
    /// Takes out what `baseline` already had, and counts it as known.
    ///
    /// An unknown that has become a fail is new. Whether data was missing does not depend on the baseline.
    pub fn keep_new(&mut self, baseline: &Baseline) {
        let known: BTreeSet<(Verdict, &str)> =
            baseline.results.iter().map(|result| (result.verdict, result.fingerprint.as_str())).collect();
        let is_known = |result: &CheckResult| {
            matches!(result.verdict, Verdict::Fail | Verdict::Unknown)
                && known.contains(&(result.verdict, result.fingerprint.as_str()))
        };
        for result in self.results.iter().filter(|result| is_known(result)) {
            if result.is_finding() {
                self.summary.findings.remove(result.severity);
                self.summary.known += 1;
            }
        }
        self.results.retain(|result| !is_known(result));
    }
}
