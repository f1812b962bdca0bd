//! The built-in policy, run natively over manifests: what `kubectl ha check -f` does without the sandbox.

use std::path::Path;

use baseline::RULES;
use ha_core::report::{PolicyOutcome, Report, ReportOptions, assemble};
use ha_core::rule::{Input, RuleInfo};
use ha_core::snapshot::SourceKind;
use ha_core::{Settings, Snapshot};
use ha_read::manifests::{self, Manifests, Options, Source};
use ha_snapshot::{Builder, GapRecord, ObjectName, Origin};

/// The instant at which tests judge files, in seconds: 2026-01-01T00:00:00Z.
pub const TAKEN_AT: i64 = 1_767_225_600;

/// What a file holds, as a snapshot, and what was read. Gaps of the reader are gaps of the snapshot.
///
/// # Errors
/// When the file cannot be read or holds no Kubernetes object.
pub fn read(file: &Path, assume_complete: bool) -> Result<(Snapshot, Manifests), manifests::NoObjects> {
    let mut builder = Builder::new(&[]);
    let sources = [Source::Path(file.to_path_buf())];
    let manifests = manifests::read(&sources, &Options::default(), &mut |object| {
        builder.add(object);
    })?;
    for gap in manifests.reading().gaps {
        let object = gap.kind.filter(|_| !gap.name.is_empty()).map(|kind| ObjectName {
            kind: kind.kind().into(),
            namespace: gap.namespace.clone(),
            name: gap.name.clone(),
            ..ObjectName::default()
        });
        builder.add_gap(&GapRecord {
            kind: gap.kind,
            namespace: gap.namespace,
            reason: gap.reason,
            message: gap.message,
            object,
        });
    }
    let origin = Origin { kind: SourceKind::Manifests, taken_at: TAKEN_AT, assume_complete, ..Origin::default() };
    Ok((builder.finish(&origin), manifests))
}

/// The report of the built-in policy on a snapshot, with every answer listed.
pub fn report(snapshot: &Snapshot) -> Report {
    let settings = Settings { list_all: true, ..Settings::default() };
    let input = Input { snapshot, settings: &settings, impacts: &[] };
    let rules: Vec<RuleInfo> = RULES.iter().map(|rule| RuleInfo::from(*rule)).collect();
    let outcome = PolicyOutcome { policy: "baseline", rules: &rules, output: Ok(ha_sdk::run(RULES, &input)) };
    assemble(snapshot, vec![outcome], &ReportOptions::default())
}
