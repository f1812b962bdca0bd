//! Every format, held against a file that people have looked at; the machine formats against their schemas; and all
//! of them against names and messages that try to act on whatever shows them.

#![allow(clippy::unwrap_used)]

use std::path::Path;
use std::time::Duration;

use clap::ValueEnum;
use ha_core::report::{ExitCode, Report, SeverityCounts};
use ha_core::rule::Severity;
use kubectl_ha::render::view::Page;
use kubectl_ha::render::{Format, View, render};
use kubectl_ha::sanitize::{SafeReport, is_unsafe};
use serde_json::Value;

const FIXTURE: &str = include_str!("data/report.json");

fn report() -> Report {
    serde_json::from_str(FIXTURE).unwrap()
}

fn view(width: usize, colour: bool) -> View<'static> {
    View {
        page: Page { width, colour },
        input: String::new(),
        read_in: Some(Duration::from_millis(1100)),
        evidence: false,
        excerpts: None,
        rules: &[],
        exit: (ExitCode::Failed, Some(Severity::High)),
    }
}

fn write(format: Format, report: &Report, view: &View) -> String {
    render(format, report, &SafeReport::new(report.clone()), view)
}

fn name(format: Format) -> String {
    format.to_possible_value().unwrap().get_name().to_owned()
}

#[test]
fn formats_look_as_reviewed() {
    let report = report();
    for &format in Format::value_variants() {
        insta::assert_snapshot!(name(format), write(format, &report, &view(80, false)));
    }
    insta::assert_snapshot!("table-120", write(Format::Table, &report, &view(120, false)));
    insta::assert_snapshot!("table-colour", write(Format::Table, &report, &view(80, true)));
}

#[test]
fn a_clean_report_says_so_and_what_was_not_looked_at() {
    let mut report = report();
    report.results.retain(|result| !result.is_finding());
    report.summary.findings = SeverityCounts::default();
    report.summary.failed_policies.clear();
    let view = View { exit: (ExitCode::Incomplete, Some(Severity::High)), ..view(80, false) };
    insta::assert_snapshot!("table-clean", write(Format::Table, &report, &view));
}

#[test]
fn no_line_of_the_table_is_wider_than_the_terminal() {
    for width in [60, 80, 120, 200] {
        for line in write(Format::Table, &report(), &view(width, false)).lines() {
            assert!(line.chars().count() <= width, "{width}: {line}");
        }
    }
}

#[test]
fn json_is_the_report_and_sarif_and_json_agree_with_their_schemas() {
    let report = report();
    let json: Value = serde_json::from_str(&write(Format::Json, &report, &view(80, false))).unwrap();
    assert_eq!(serde_json::from_value::<Report>(json.clone()).unwrap(), report);
    validate(&json, "../../schemas/report.schema.json");
    let sarif = write(Format::Sarif, &report, &view(80, false));
    validate(&serde_json::from_str(&sarif).unwrap(), "tests/data/sarif-2.1.0.schema.json");
}

fn validate(document: &Value, schema: &str) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(schema);
    let mut schema: Value = serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap();
    // SARIF's own schema has a pattern with a stray bracket, for properties that we do not write.
    for owner in ["run", "toolComponent"] {
        let place = format!("/definitions/{owner}/properties/language");
        if let Some(language) = schema.pointer_mut(&place) {
            language.as_object_mut().unwrap().remove("pattern");
        }
    }
    let validator = jsonschema::validator_for(&schema).unwrap();
    let errors: Vec<String> = validator.iter_errors(document).map(|error| error.to_string()).collect();
    assert_eq!(errors, Vec::<String>::new());
}

/// The fixture with every text replaced, so that no field is forgotten.
fn hostile(payload: &str) -> Report {
    let mut value: Value = serde_json::from_str(FIXTURE).unwrap();
    let words = ["kind", "area", "verdict", "severity", "reason"];
    replace(&mut value, payload, &words);
    serde_json::from_value(value).unwrap()
}

fn replace(value: &mut Value, payload: &str, words: &[&str]) {
    match value {
        Value::Object(fields) => {
            for (key, value) in fields {
                let is_word = words.contains(&key.as_str()) && value.as_str().is_some_and(is_report_word);
                if !is_word {
                    replace(value, payload, words);
                }
            }
        }
        Value::Array(items) => items.iter_mut().for_each(|item| replace(item, payload, words)),
        Value::String(text) => *text = format!("{payload}{text}"),
        Value::Null | Value::Bool(_) | Value::Number(_) => {}
    }
}

/// Whether a text is one of the report's own words, which nobody else can choose.
fn is_report_word(text: &str) -> bool {
    use ha_core::report::DiagnosticKind;
    use ha_core::rule::Area;
    use ha_core::snapshot::{GapReason, SourceKind};
    Area::from_name(text).is_some()
        || Severity::from_name(text).is_some()
        || GapReason::from_name(text).is_some()
        || SourceKind::from_name(text).is_some()
        || DiagnosticKind::from_name(text).is_some()
        || ha_core::Verdict::from_name(text).is_some()
}

#[test]
fn no_format_lets_a_name_act_on_who_reads_it() {
    // hostile.md 14: cursor, clipboard, C1, carriage return, bell, bidirectional, zero width.
    for payload in ["\u{1b}[2J", "\u{1b}]52;c;eA==\u{7}", "\u{9b}1m", "a\r", "\u{202e}", "\u{200b}", "\u{0}"] {
        let report = hostile(payload);
        for &format in Format::value_variants() {
            let text = write(format, &report, &view(80, false));
            let raw = text.chars().find(|&character| character != '\n' && is_unsafe(character));
            assert_eq!(raw, None, "{} with {payload:?}", name(format));
        }
    }
}

#[test]
fn no_format_lets_a_name_speak_its_language() {
    let report = hostile("\n::error::x%0A<b>&]]>|`,:\"'\\");
    for line in write(Format::Github, &report, &view(80, false)).lines() {
        assert!(
            line.starts_with("::error file=")
                || line.starts_with("::error title=")
                || line.starts_with("::notice title="),
            "{line}"
        );
    }
    for format in [Format::Json, Format::Sarif, Format::Gitlab] {
        let parsed: Result<Value, _> = serde_json::from_str(&write(format, &report, &view(80, false)));
        assert!(parsed.is_ok(), "{}", name(format));
    }
    let yaml: Value = serde_yaml::from_str(&write(Format::Yaml, &report, &view(80, false))).unwrap();
    assert_eq!(yaml["results"].as_array().unwrap().len(), report.results.len());
    let text = write(Format::Junit, &report, &view(80, false));
    let mut xml = quick_xml::Reader::from_str(&text);
    let mut cases = 0;
    loop {
        match xml.read_event().unwrap() {
            quick_xml::events::Event::Eof => break,
            quick_xml::events::Event::Start(tag) if tag.name().as_ref() == "testcase" => cases += 1,
            _ => {}
        }
    }
    assert_eq!(cases, report.results.len());
    let markdown = write(Format::Markdown, &report, &view(80, false));
    assert!(!markdown.contains("<b>"), "{markdown}");
}
