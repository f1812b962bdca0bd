//! What counts as an object, and where it stands.

use ha_core::snapshot::ResourceKind;
use ha_read::manifests::{self, Options, Source, Weight};

use crate::{DEPLOYMENT, lines, names, read_source, read_text};

#[test]
fn documents_keep_their_lines() {
    let text = format!("# a comment\n{DEPLOYMENT}---\n\n# only a comment\n---\n{DEPLOYMENT}--- # more\n{DEPLOYMENT}");
    let (manifests, read) = read_text(&text);
    assert_eq!(lines(&read), [2, 22, 39]);
    assert!(manifests.problems.is_empty(), "{:?}", manifests.problems);
    assert_eq!(manifests.objects, 3);
}

#[test]
fn a_broken_document_does_not_hide_the_others() {
    let text = format!("{DEPLOYMENT}---\nkind: [\n---\n{DEPLOYMENT}");
    let (manifests, read) = read_text(&text);
    assert_eq!(read.len(), 2);
    assert_eq!(manifests.problems.len(), 1);
    assert!((18..=19).contains(&manifests.problems[0].line), "{}", manifests.problems[0]);
    assert_eq!(manifests.problems[0].weight, Weight::Lost);
    assert_eq!(manifests.reading().gaps.len(), 1);
}

#[test]
fn what_is_no_object_is_said() {
    let text = format!("replicas: 3\n---\nkind: Deployment\n---\n- a\n---\n{DEPLOYMENT}");
    let (manifests, read) = read_text(&text);
    assert_eq!(read.len(), 1);
    let problems: Vec<String> = manifests.problems.iter().map(ToString::to_string).collect();
    assert_eq!(
        problems,
        [
            "test.yaml:1: not a Kubernetes object: it has no `kind`",
            "test.yaml:3: not a Kubernetes object: it has no `apiVersion`",
            "test.yaml:5: not a Kubernetes object: it is not a mapping",
        ]
    );
    assert!(manifests.reading().gaps.is_empty());
}

#[test]
fn an_input_without_objects_is_an_error() {
    let source = Source::Text(manifests::Text { name: "values.yaml".into(), bytes: b"a: 1\n".to_vec() });
    let error = read_source(source, &Options::default()).unwrap_err();
    assert_eq!(
        error.to_string(),
        "no Kubernetes object in the input\n  values.yaml:1: not a Kubernetes object: it has no `kind`"
    );
}

#[test]
fn lists_give_their_items() {
    let text = "apiVersion: v1
items:
- apiVersion: v1
  kind: Pod
  metadata:
    name: a
- apiVersion: v1
  kind: List
  items:
    - {apiVersion: v1, kind: Pod,
       metadata: {name: b}}
kind: List
";
    let (manifests, read) = read_text(text);
    assert_eq!(names(&read), ["a", "b"]);
    assert_eq!(lines(&read), [3, 10]);
    assert_eq!(manifests.locate("test.yaml", 3, "metadata.name"), Some(6));
    assert_eq!(manifests.locate("test.yaml", 10, "metadata.name"), Some(11));
}

#[test]
fn typed_lists_name_the_kind_of_their_items() {
    for text in [
        "{\"kind\": \"PodList\", \"apiVersion\": \"v1\", \"items\": [\n{\"metadata\": {\"name\": \"a\"}}]}",
        "kind: PodList\napiVersion: v1\nitems: [\n{metadata: {name: a}}]",
    ] {
        let (_, read) = read_text(text);
        assert_eq!((read[0].kind(), read[0].api_version.as_str()), (ResourceKind::Pod, "v1"));
        assert_eq!(lines(&read), [if text.starts_with('{') { 2 } else { 4 }]);
    }
}

#[test]
fn json_as_kubectl_writes_it() {
    let text = r#"{
    "apiVersion": "v1",
    "items": [
        {
            "apiVersion": "v1",
            "kind": "Pod",
            "metadata": {
                "name": "a"
            }
        },
        {
            "apiVersion": "v1",
            "kind": "Pod",
            "metadata": {
                "name": "b"
            }
        }
    ],
    "kind": "List"
}
{"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "c"}}
"#;
    let (manifests, read) = read_text(text);
    assert_eq!(names(&read), ["a", "b", "c"]);
    assert_eq!(lines(&read), [4, 11, 21]);
    assert_eq!(manifests.locate("test.yaml", 11, "metadata.name"), Some(15));
    assert_eq!(manifests.excerpt("test.yaml", 4).unwrap().1, 4..=10);
}

#[test]
fn a_flow_mapping_is_not_taken_for_broken_json() {
    let (_, read) = read_text("{apiVersion: v1, kind: Pod, metadata: {name: a}}");
    assert_eq!(names(&read), ["a"]);
}

#[test]
fn fields_are_located() {
    let text = format!("---\n{DEPLOYMENT}");
    let (manifests, _) = read_text(&text);
    let line = |path| manifests.locate("test.yaml", 2, path);
    assert_eq!(line("spec.replicas"), Some(9));
    assert_eq!(line("spec.template.spec.containers[0].image"), Some(14));
    assert_eq!(line("spec.template.spec.containers[1].readinessProbe.httpGet.port"), Some(17));
    assert_eq!(line("metadata.annotations.example.com/a.b"), Some(7));
    assert_eq!(line("spec.template.spec.containers[log].readinessProbe"), Some(16));
    assert_eq!(line("spec.template.spec.containers[none].image"), Some(12));
    // What is not there: the deepest part that is.
    assert_eq!(line("spec.strategy.rollingUpdate"), Some(8));
    assert_eq!(line("spec.template.spec.containers[0].readinessProbe"), Some(13));
    assert_eq!(line("nothing"), Some(2));
    assert_eq!(manifests.locate("test.yaml", 3, "spec"), None);
    assert_eq!(manifests.locate("other.yaml", 2, "spec"), None);
}
