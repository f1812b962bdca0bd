//! Where reports go: several formats at once, files, and generated documentation.

use crate::{Bench, FRAGILE};

#[test]
fn several_formats_are_written_at_once() {
    let bench = Bench::new();
    let formats =
        ["-o", "table", "-o", "json=a.json", "-o", "sarif=a.sarif", "-o", "junit=a.xml", "-o", "name=b=c.txt"];
    let ran = bench.run_on(FRAGILE, &formats);
    assert_eq!(ran.code, Some(1), "{ran:?}");
    assert!(ran.out.contains("single-replica"), "{ran:?}");
    assert_eq!(ran.err, "");
    let json: serde_json::Value = serde_json::from_str(&bench.read("a.json")).unwrap();
    assert_eq!(json["kind"], "Report");
    let sarif: serde_json::Value = serde_json::from_str(&bench.read("a.sarif")).unwrap();
    assert_eq!(sarif["version"], "2.1.0");
    assert!(bench.read("a.xml").starts_with("<?xml"));
    assert_eq!(bench.read("b=c.txt"), "deployment.apps/mailer -n shop\n");
    // Alone, each is the same as beside the others.
    let alone = bench.run_on(FRAGILE, &["-o", "json"]);
    assert_eq!(alone.out, bench.read("a.json"));
}

#[test]
fn files_have_no_colours_and_a_width_of_their_own() {
    let bench = Bench::new();
    bench.write("a.yaml", FRAGILE);
    let mut command = bench.command(["check", "-f", "a.yaml", "-o", "table", "-o", "wide=w.txt"]);
    let ran = crate::Ran::of(command.env("CLICOLOR_FORCE", "1").env("COLUMNS", "200"));
    assert!(ran.out.contains('\u{1b}'), "{ran:?}");
    let file = bench.read("w.txt");
    assert!(!file.contains('\u{1b}'), "{file}");
    assert!(file.lines().all(|line| line.chars().count() <= 80), "{file}");
}

#[test]
fn a_file_that_cannot_be_written_is_named_before_anything_is_read() {
    let bench = Bench::new();
    let ran = bench.run_on(FRAGILE, &["-o", "json=nowhere/a.json"]);
    assert_eq!(ran.code, Some(4));
    assert!(ran.err.starts_with("error: cannot write nowhere/a.json: "), "{ran:?}");
    assert_eq!(ran.out, "");
}

#[test]
fn two_formats_cannot_share_standard_output() {
    let ran = Bench::new().run_on(FRAGILE, &["-o", "table", "-o", "json"]);
    assert_eq!(ran.code, Some(2));
    assert!(ran.err.contains("give one a file, as in -o table -o json=ha.json"), "{ran:?}");
}

#[test]
fn every_verb_has_a_man_page() {
    let bench = Bench::new();
    let ran = bench.run(["man", "pages"]);
    assert_eq!(ran.code, Some(0), "{ran:?}");
    for page in
        ["kubectl-ha", "kubectl-ha-check", "kubectl-ha-snapshot", "kubectl-ha-explain", "kubectl-ha-policy-inspect"]
    {
        let text = bench.read(&format!("pages/{page}.1"));
        assert!(text.contains(".TH kubectl-ha"), "{page}: {text}");
    }
    let check = bench.read("pages/kubectl-ha-check.1");
    assert!(check.contains("fail\\-on") && check.contains("Exit codes"), "{check}");
    assert!(!bench.path("pages/kubectl-ha-man.1").exists(), "hidden commands have no page");
}

#[test]
fn a_saved_cluster_is_the_same_file_in_whatever_order_it_was_read() {
    const LINES: [&str; 5] = [
        r#"{"kind":"Snapshot","version":1,"takenAt":"2026-01-15T10:30:00Z"}"#,
        r#"{"apiVersion":"v1","kind":"Namespace","metadata":{"name":"b"}}"#,
        r#"{"apiVersion":"v1","kind":"Pod","metadata":{"name":"z","namespace":"a"}}"#,
        r#"{"apiVersion":"v1","kind":"Pod","metadata":{"name":"a","namespace":"b"}}"#,
        r#"{"kind":"SnapshotEnd","objects":3}"#,
    ];
    let bench = Bench::new();
    let saved = |order: [usize; 5]| {
        let lines: String = order.iter().flat_map(|&line| [LINES[line], "\n"]).collect();
        bench.write("read.ha", &lines);
        let ran = bench.run(["snapshot", "--snapshot", "read.ha", "saved.ha"]);
        assert_eq!((ran.code, ran.err.as_str()), (Some(0), "3 objects in saved.ha\n"), "{ran:?}");
        std::fs::read(bench.path("saved.ha")).unwrap()
    };
    let first = saved([0, 1, 2, 3, 4]);
    assert_eq!(first, saved([0, 3, 2, 1, 4]));
    assert_eq!(first, saved([0, 2, 1, 3, 4]));
}
