//! Hostile and broken manifests (hostile.md 15 to 17): always a message with file and line, and the sound object
//! beside the broken one is still read.

use std::fmt::Write as _;

use ha_core::snapshot::ResourceKind;
use ha_read::manifests::Weight;
use ha_snapshot::objects::{Body, IntOrString};

use crate::{lines, names, read_bytes, read_text};

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
    assert!(read.len() >= 2, "a sound object was lost: {:?}", manifests.problems);
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
    let text = format!("a: &a {}\nb: [{}]\n", "x".repeat(1 << 20), vec!["*a"; 1000].join(", "));
    assert!(problem(&text).contains("aliases expand"));
}

#[test]
fn merge_key_bomb() {
    let mut text = "a0: &a0 {k: v}\n".to_owned();
    for level in 1..=20 {
        let below = level - 1;
        let row = vec![format!("*a{below}"); 9].join(", ");
        writeln!(text, "a{level}: &a{level} {{<<: [{row}], k{level}: {{<<: *a{below}}}}}").unwrap();
    }
    for level in 21..=40 {
        writeln!(text, "a{level}: &a{level} {{x: *a{0}, y: *a{0}}}", level - 1).unwrap();
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
    assert!(problem(&flow).contains("test.yaml:5: "), "{}", problem(&flow));
    let block = "- ".repeat(100_000);
    assert!(problem(&block).contains("test.yaml:5: "), "{}", problem(&block));
    let braces = format!("a: {}", "{a: ".repeat(100_000));
    assert!(problem(&braces).contains("test.yaml:5: "), "{}", problem(&braces));
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
        read_text("apiVersion: v1\nkind: Pod\nmetadata: {name: a}\nspec:\n  nodeName: one\n  nodeName: two\n");
    assert_eq!(
        manifests.problems[0].to_string(),
        "test.yaml:6: the key `nodeName` stands twice; its last value counts"
    );
    assert_eq!(manifests.problems[0].weight, Weight::Note);
    let Body::Pod(pod) = &read[0].body else { panic!("{read:?}") };
    assert_eq!(pod.node_name, "two");

    let json = r#"{"apiVersion": "v1", "kind": "Pod", "spec": {"nodeName": "one", "nodeName": "two"}}"#;
    let (_, read) = read_text(json);
    assert!(matches!(&read[0].body, Body::Pod(pod) if pod.node_name == "two"), "{read:?}");
}

#[test]
fn many_documents() {
    let text = format!("{POD}---\n").repeat(100_000);
    let (manifests, read) = read_text(&text);
    assert_eq!(read.len(), 100_000);
    assert_eq!(lines(&read).last(), Some(&(4 * 99_999 + 1)));
    assert!(manifests.problems.is_empty());
}

#[test]
fn many_problems_are_counted() {
    let (manifests, _) = read_text(&format!("{POD}---\n{}", "[\n---\n".repeat(5000)));
    assert_eq!(manifests.problems.len() + manifests.more_problems, 5000);
    assert!(manifests.reading().notices.iter().any(|notice| notice.contains("4000 more problems")));
}

#[test]
fn not_utf8() {
    assert!(problem_of(b"kind: Pod\nname: \xff\xfe\n").contains("test.yaml:6: not valid UTF-8"));
}

#[test]
fn byte_order_marks() {
    let (_, read) = read_bytes(format!("\u{feff}{POD}---\n\u{feff}{POD}\u{feff}---\n{POD}").as_bytes());
    assert_eq!(names(&read), ["sound", "sound", "sound"]);
}

#[test]
fn tabs_and_carriage_returns() {
    assert!(problem("a:\n\tb: 1").contains("test.yaml:6: "));
    let (_, read) = read_text(&format!("{POD}---\n{POD}").replace('\n', "\r\n"));
    assert_eq!(lines(&read), [1, 5]);
}

#[test]
fn unrendered_templates_are_named() {
    let found = problem("apiVersion: v1\nkind: Pod\nmetadata:\n  name: {{ .Release.Name }}\n");
    assert!(found.starts_with("test.yaml:8: ") && found.contains("helm template"), "{found}");
    assert!(problem("{{- if .Values.on }}\nkind: Pod\n{{- end }}\n").contains("helm template"));
}

#[test]
fn odd_numbers_reach_the_object_as_kubectl_sends_them() {
    let text = "apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: a}\nspec:\n  replicas: 2147483647\n  \
                strategy: {rollingUpdate: {maxUnavailable: 1.5%, maxSurge: 1e1}}\n";
    let (_, read) = read_text(text);
    let Body::Deployment(deployment) = &read[0].body else { panic!("{read:?}") };
    assert_eq!(deployment.spec.replicas, Some(i32::MAX));
    let rolling = &deployment.spec.strategy.rolling_update;
    assert_eq!(rolling.max_unavailable, Some(IntOrString::String("1.5%".into())));
    assert_eq!(rolling.max_surge, Some(IntOrString::Int(10)));
}

#[test]
fn a_field_of_the_wrong_type_is_named_with_its_line() {
    for (replicas, rest) in [("2147483648", "2147483648"), ("three", "three"), ("[1]", "sequence")] {
        let yaml =
            format!("apiVersion: apps/v1\nkind: Deployment\nmetadata:\n  name: web\nspec:\n  replicas: {replicas}\n");
        let found = problem(&yaml);
        assert!(found.starts_with("test.yaml:10: Deployment web: spec.replicas: "), "{found}");
        assert!(found.contains(rest), "{found}");
    }
    let json = r#"{"apiVersion": "apps/v1", "kind": "Deployment",
        "metadata": {"name": "web", "namespace": "shop"},
        "spec": {"template": {"spec": {"containers": [
            {"name": 1}]}}}}"#;
    let (manifests, _) = read_text(&format!("{POD}---\n{json}"));
    let found = manifests.problems[0].to_string();
    assert!(found.starts_with("test.yaml:8: Deployment web: spec.template.spec.containers[0].name: "), "{found}");
    let gap = &manifests.reading().gaps[0];
    assert_eq!((gap.kind, gap.namespace.as_str(), gap.name.as_str()), (Some(ResourceKind::Deployment), "shop", "web"));
}

#[test]
fn secrets_are_not_even_parsed() {
    let secret = "apiVersion: v1\nkind: Secret\nmetadata: {name: s}\nstringData:\n  key: [hunter2\n";
    let (manifests, read) = read_text(&format!("{POD}---\n{secret}"));
    assert_eq!((manifests.objects, read.len()), (2, 1));
    assert!(manifests.problems.is_empty(), "{:?}", manifests.problems);
    let secret = secret.replace("[hunter2", "hunter2");
    let json = r#"{"apiVersion": "v1", "kind": "Secret", "stringData": {"key": "hunter2"}}"#;
    for text in [format!("{POD}---\n{secret}kind: Secret\n"), format!("{POD}---\n{json}")] {
        let (manifests, read) = read_text(&text);
        assert_eq!((manifests.objects, read.len()), (2, 1));
        assert!(!format!("{:?}{read:?}", manifests.problems).contains("hunter2"));
    }
}
