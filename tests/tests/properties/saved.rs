//! A snapshot that was saved says what the cluster said.

use ha_core::snapshot::{GapReason, ResourceKind, SourceKind};
use ha_read::{Gap, Reading, saved};
use ha_snapshot::{Builder, GapRecord, Origin};
use ha_tests::inputs::{self, Input};
use ha_tests::native;

/// What the input would be if a cluster had it.
fn as_cluster(mut input: Input) -> Input {
    for object in &mut input.objects {
        object.location = None;
    }
    input.origin.kind = SourceKind::Cluster;
    input.origin.assume_complete = false;
    input
}

fn report(input: &Input, gaps: &[Gap]) -> String {
    let mut builder = Builder::new(&[]);
    for object in &input.objects {
        builder.add(object.clone());
    }
    for gap in gaps {
        builder.add_gap(&GapRecord {
            kind: gap.kind,
            namespace: gap.namespace.clone(),
            reason: gap.reason,
            message: gap.message.clone(),
            object: None,
        });
    }
    serde_json::to_string_pretty(&native::report(&builder.finish(&input.origin))).unwrap()
}

#[test]
fn a_saved_snapshot_gives_the_same_report() {
    let folder = tempfile::tempdir().unwrap();
    let gap = |kind, namespace: &str, reason, message: &str| Gap {
        kind: Some(kind),
        namespace: namespace.into(),
        reason,
        message: message.into(),
        name: String::new(),
    };
    let gaps = [
        gap(ResourceKind::PodDisruptionBudget, "shop", GapReason::Forbidden, "cannot list budgets: forbidden"),
        gap(ResourceKind::BackupSchedule, "", GapReason::NotInstalled, "the server does not have this kind"),
    ];
    for (number, input) in inputs::all().into_iter().map(as_cluster).enumerate() {
        // Every other input has gaps: with them rules say unknown.
        let gaps = if number % 2 == 0 { &gaps[..] } else { &[] };
        let reading = Reading {
            context: input.origin.name.clone(),
            server_version: input.origin.server_version.clone(),
            gaps: gaps.to_vec(),
            ..Reading::default()
        };
        let whole = saved::Saved { taken_at: input.origin.taken_at, reading };
        let file = folder.path().join("cluster.ha");
        saved::write(&file, &whole, &input.objects).unwrap();

        let mut objects = Vec::new();
        let read = saved::read(&file, &mut |object| objects.push(object)).unwrap();
        let origin = Origin {
            kind: SourceKind::Cluster,
            name: read.reading.context,
            server_version: read.reading.server_version,
            taken_at: read.taken_at,
            namespaces: read.reading.namespaces,
            assume_complete: false,
        };
        assert_eq!(read.reading.gaps, gaps, "{}", input.name);
        let again = Input { name: input.name.clone(), objects, origin };
        assert_eq!(report(&input, gaps), report(&again, &read.reading.gaps), "{}", input.name);
    }
}
