//! JUnit XML: a suite for each area, a test for each answer.

use std::io;

use ha_core::Verdict;
use ha_core::report::{CheckResult, POLICY_FAILED, Report};
use ha_core::rule::Area;
use quick_xml::Writer;
use quick_xml::events::{BytesDecl, BytesText, Event};

use crate::sanitize::SafeReport;

/// Writes a test case for each answer. Findings fail; unknown, suppressed and not-applicable answers are skipped. A
/// policy that gave no answer is an error.
pub fn render(report: &SafeReport) -> String {
    let mut bytes = Vec::new();
    let written = write(report, &mut Writer::new_with_indent(&mut bytes, b' ', 2));
    debug_assert!(written.is_ok(), "memory takes every byte: {written:?}");
    bytes.push(b'\n');
    String::from_utf8_lossy(&bytes).into_owned()
}

fn write(report: &Report, xml: &mut Writer<&mut Vec<u8>>) -> io::Result<()> {
    xml.write_event(Event::Decl(BytesDecl::new("1.0", Some("UTF-8"), None)))?;
    let all: Vec<&CheckResult> = report.results.iter().collect();
    let suites = xml.create_element("testsuites").with_attribute(("name", "kubectl-ha"));
    suites.with_attributes(attributes(&all).iter().map(pair)).write_inner_content(|xml| {
        for &area in Area::ALL {
            let results: Vec<&CheckResult> = all.iter().copied().filter(|result| result.area == area).collect();
            if !results.is_empty() {
                suite(area, &results, &report.source.taken_at, xml)?;
            }
        }
        Ok(())
    })?;
    Ok(())
}

fn suite(area: Area, results: &[&CheckResult], taken_at: &str, xml: &mut Writer<&mut Vec<u8>>) -> io::Result<()> {
    let element = xml.create_element("testsuite").with_attribute(("name", area.as_str()));
    let element = element.with_attributes(attributes(results).iter().map(pair));
    element
        .with_attribute(("timestamp", taken_at.trim_end_matches('Z')))
        .write_inner_content(|xml| results.iter().try_for_each(|result| case(result, xml)))?;
    Ok(())
}

fn case(result: &CheckResult, xml: &mut Writer<&mut Vec<u8>>) -> io::Result<()> {
    let name = format!("{}: {}", result.rule, result.object);
    let mut case = xml.create_element("testcase");
    case = case.with_attributes([("classname", result.rule.as_str()), ("name", &name), ("time", "0")]);
    if let Some(location) = &result.location {
        let line = location.line.to_string();
        case = case.with_attributes([("file", location.file.as_str()), ("line", &line)]);
    }
    if result.is_finding() {
        case.write_inner_content(|xml| failure(result, xml))?;
    } else if is_error(result) {
        case.write_inner_content(|xml| {
            let element = xml.create_element("error").with_attribute(("message", result.message.as_str()));
            element.with_attribute(("type", POLICY_FAILED)).write_text_content(BytesText::new(&result.reason))?;
            Ok(())
        })?;
    } else if let Some(why) = skipped(result) {
        case.write_inner_content(|xml| {
            xml.create_element("skipped").with_attribute(("message", why.as_str())).write_empty()?;
            Ok(())
        })?;
    } else {
        case.write_empty()?;
    }
    Ok(())
}

fn failure(result: &CheckResult, xml: &mut Writer<&mut Vec<u8>>) -> io::Result<()> {
    let fix = format!("fix: {}", result.remediation);
    let mut lines = vec![result.message.as_str(), &result.reason];
    if !result.remediation.is_empty() {
        lines.push(&fix);
    }
    lines.retain(|line| !line.is_empty());
    let text = lines.join("\n");
    let element = xml.create_element("failure").with_attribute(("message", result.message.as_str()));
    element.with_attribute(("type", result.severity.as_str())).write_text_content(BytesText::new(&text))?;
    Ok(())
}

/// Whether a policy gave no answer at all.
fn is_error(result: &CheckResult) -> bool {
    result.rule == POLICY_FAILED && result.verdict == Verdict::Unknown
}

/// Why a test did not run; none when it passed.
fn skipped(result: &CheckResult) -> Option<String> {
    match (&result.suppressed, result.verdict) {
        (Some(suppressed), _) => Some(format!("suppressed: {}", suppressed.reason)),
        (None, Verdict::Pass) => None,
        (None, verdict) => Some(format!("{verdict}: {}", result.reason)),
    }
}

fn attributes(results: &[&CheckResult]) -> [(&'static str, String); 4] {
    let failures = results.iter().filter(|result| result.is_finding()).count();
    let errors = results.iter().filter(|result| is_error(result)).count();
    let is_skipped = |result: &&&CheckResult| !result.is_finding() && !is_error(result) && skipped(result).is_some();
    let skipped = results.iter().filter(is_skipped).count();
    [
        ("tests", results.len().to_string()),
        ("failures", failures.to_string()),
        ("errors", errors.to_string()),
        ("skipped", skipped.to_string()),
    ]
}

fn pair<'a>((name, value): &'a (&'static str, String)) -> (&'a str, &'a str) {
    (name, value)
}
