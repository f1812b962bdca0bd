//! Hostile and broken manifests (hostile.md 15 to 17): always a message with file and line, and the sound object
//! beside the broken one is still read.

use std::fmt::Write as _;

use ha_read::manifests::Weight;

use crate::{names, read_bytes, read_text};

const POD: &str = "apiVersion: v1\nkind: Pod\nmetadata: {name: sound}\n";

/// Reads the text as a second document after a sound pod, and gives the one problem there must be.
fn problem(text: &str) -> String {
    problem_of(text.as_bytes())
}

fn problem_of(bytes: &[u8]) -> String {
    let mut input = format!("{POD}---\n").into_bytes();
    input.extend_from_slice(bytes);
    input.extend_from_slice(format!("\n---\n{POD}").as_bytes());
    let (manifests, read) = read_bytes(&input);
    assert!(
        read.len() >= 2,
        "a sound object was lost: {:?}",
        manifests.problems
    );
    assert_eq!(manifests.problems.len(), 1, "{:?}", manifests.problems);
    assert!(manifests.problems[0].line >= 4, "{:?}", manifests.problems);
    manifests.problems[0].to_string()
}

#[test]
fn billion_laughs() {
    let mut text = "a: &a0 [lol, lol, lol, lol, lol, lol, lol, lol, lol]\n".to_owned();
    for level in 1..=9 {
        let row = vec![format!("*a{}", level - 1); 9].join(", ");
        writeln!(text, "b{level}: &a{level} [{row}]").unwrap();
    }
    assert!(problem(&text).contains("aliases expand"));
}

#[test]
fn large_text_behind_many_aliases() {
    let text = format!(
        "a: &a {}\nb: [{}]\n",
        "x".repeat(1 << 20),
        vec!["*a"; 1000].join(", ")
    );
    assert!(problem(&text).contains("aliases expand"));
}

#[test]
fn merge_key_bomb() {
    let mut text = "a0: &a0 {k: v}\n".to_owned();
    for level in 1..=20 {
        let below = level - 1;
        let row = vec![format!("*a{below}"); 9].join(", ");
        writeln!(
            text,
            "a{level}: &a{level} {{<<: [{row}], k{level}: {{<<: *a{below}}}}}"
        )
        .unwrap();
    }
    for level in 21..=40 {
        writeln!(
            text,
            "a{level}: &a{level} {{x: *a{0}, y: *a{0}}}",
            level - 1
        )
        .unwrap();
    }
    assert!(problem(&text).contains("aliases expand"));
}

#[test]
fn nested_anchors_do_not_multiply() {
    let depth = 100;
    let open = (0..depth).fold(String::new(), |open, level| format!("{open}&a{level} ["));
    let text = format!("a: {open}{}{}\n", "x".repeat(1 << 20), "]".repeat(depth));
    assert!(problem(&text).contains("aliases expand"));
}

#[test]
fn anchor_cycles() {
    assert!(problem("a: &x {b: *x}").contains("inside the node"));
    assert!(problem("a: &x [*x]").contains("inside the node"));
    assert!(problem("a: &x {<<: *x}").contains("inside the node"));
}

#[test]
fn deep_nesting() {
    let flow = format!("a: {}{}", "[".repeat(100_000), "]".repeat(100_000));
    assert!(
        problem(&flow).contains("test.yaml:5: "),
        "{}",
        problem(&flow)
    );
    let block = "- ".repeat(100_000);
    assert!(
        problem(&block).contains("test.yaml:5: "),
        "{}",
        problem(&block)
    );
    let braces = format!("a: {}", "{a: ".repeat(100_000));
    assert!(
        problem(&braces).contains("test.yaml:5: "),
        "{}",
        problem(&braces)
    );
    let json = format!("{}1{}", "{\"a\":".repeat(100_000), "}".repeat(100_000));
    problem(&json);
}

#[test]
fn nested_lists_end() {
    let (mut open, mut close) = (String::new(), String::new());
    for _ in 0..12 {
        open.push_str("{\"apiVersion\": \"v1\", \"kind\": \"List\", \"items\": [");
        close.push_str("]}");
    }
    let pod = "{\"apiVersion\": \"v1\", \"kind\": \"Pod\", \"metadata\": {\"name\": \"deep\"}}";
    assert!(problem(&format!("{open}{pod}{close}")).contains("nested too deeply"));
    assert!(problem(&format!("# YAML\n{open}{pod}{close}")).contains("nested too deeply"));
}

#[test]
fn duplicate_keys_are_reported_and_the_last_counts() {
    let (manifests, read) =
        read_text("apiVersion: v1\nkind: Pod\nmetadata: {name: a}\nspec:\n  x: 1\n  x: 2\n");
    assert_eq!(
        manifests.problems[0].to_string(),
        "test.yaml:6: the key `x` stands twice; its last value counts"
    );
    assert_eq!(manifests.problems[0].weight, Weight::Note);
    assert_eq!(read[0].value["spec"]["x"], 2);
}

#[test]
fn many_documents() {
    let text = format!("{POD}---\n").repeat(100_000);
    let (manifests, read) = read_text(&text);
    assert_eq!(read.len(), 100_000);
    assert_eq!(read[99_999].line, 4 * 99_999 + 1);
    assert!(manifests.problems.is_empty());
}

#[test]
fn many_problems_are_counted() {
    let (manifests, _) = read_text(&format!("{POD}---\n{}", "[\n---\n".repeat(5000)));
    assert_eq!(manifests.problems.len() + manifests.more_problems, 5000);
    assert!(
        manifests
            .reading()
            .notices
            .iter()
            .any(|notice| notice.contains("4000 more problems"))
    );
}

#[test]
fn not_utf8() {
    assert!(problem_of(b"kind: Pod\nname: \xff\xfe\n").contains("test.yaml:6: not valid UTF-8"));
}

#[test]
fn byte_order_marks() {
    let (_, read) =
        read_bytes(format!("\u{feff}{POD}---\n\u{feff}{POD}\u{feff}---\n{POD}").as_bytes());
    assert_eq!(names(&read), ["sound", "sound", "sound"]);
}

#[test]
fn tabs_and_carriage_returns() {
    assert!(problem("a:\n\tb: 1").contains("test.yaml:6: "));
    let (_, read) = read_text(&format!("{POD}---\n{POD}").replace('\n', "\r\n"));
    assert_eq!(
        read.iter()
            .map(|manifest| manifest.line)
            .collect::<Vec<_>>(),
        [1, 5]
    );
}

#[test]
fn unrendered_templates_are_named() {
    let found = problem("apiVersion: v1\nkind: Pod\nmetadata:\n  name: {{ .Release.Name }}\n");
    assert!(
        found.starts_with("test.yaml:8: ") && found.contains("helm template"),
        "{found}"
    );
    assert!(problem("{{- if .Values.on }}\nkind: Pod\n{{- end }}\n").contains("helm template"));
}

#[test]
fn odd_numbers_reach_the_object_as_they_are() {
    let (_, read) = read_text(
        "apiVersion: v1\nkind: X\nmetadata: {name: a}\nspec: {a: 2147483648, b: -1, c: 150%, d: 1.5%, e: 1e400, f: 1e3}\n",
    );
    let spec = &read[0].value["spec"];
    assert_eq!(
        spec.to_string(),
        r#"{"a":2147483648,"b":-1,"c":"150%","d":"1.5%","e":"1e400","f":1000}"#
    );
}
