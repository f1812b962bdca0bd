//! What an OPA engine asks and gets: an object under review in, violations or a report out.
//!
//! The input is `{"review": …}` as Gatekeeper gives it, or `{"request": …}` as an API server
//! does; both hold an AdmissionRequest. Only problems of that very object count: what was wrong
//! elsewhere must not block it. What cannot be read is no answer at all, never an empty one.

use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;

use ha_core::rule::Input;
use ha_core::snapshot::{ResourceKind, SourceKind};
use ha_core::{Finding, Rule, Settings, Severity, Snapshot, Verdict};
use ha_snapshot::objects::Object;
use ha_snapshot::{Builder, Origin};
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

/// In which syntax the engine wants the answer.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Format {
    /// JSON.
    Json,
    /// Rego, whose result set is a set.
    Rego,
}

/// `ha/violation`: the violations, or the response that the API server expects.
const VIOLATION: i32 = 0;
/// `ha/report`: all findings.
const REPORT: i32 = 1;

#[derive(Deserialize)]
struct Question<'a> {
    #[serde(borrow)]
    review: Option<Request<'a>>,
    #[serde(borrow)]
    request: Option<Request<'a>>,
    #[serde(default)]
    parameters: Parameters,
}

/// The part of an AdmissionRequest that matters.
#[derive(Deserialize)]
struct Request<'a> {
    #[serde(default)]
    uid: String,
    #[serde(default)]
    operation: String,
    /// Null when the object is being deleted.
    #[serde(borrow)]
    object: Option<&'a RawValue>,
}

/// What an object is.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Head {
    api_version: String,
    kind: String,
}

/// What the user of the engine may set.
#[derive(Deserialize)]
#[serde(default, rename_all = "camelCase", deny_unknown_fields)]
struct Parameters {
    /// The least severity that is a violation.
    fail_on: Severity,
}

impl Default for Parameters {
    /// One object alone rarely shows more: that Services or users hang on it is seen in a cluster.
    fn default() -> Self {
        Self { fail_on: Severity::Medium }
    }
}

/// A violation, in Gatekeeper's form.
#[derive(Serialize)]
struct Violation {
    msg: String,
    details: Details,
}

/// One finding, in the words of the JSON report.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Details {
    rule: &'static str,
    verdict: Verdict,
    severity: Severity,
    message: String,
    reason: String,
    remediation: String,
}

#[derive(Serialize)]
struct Answer<T> {
    result: T,
}

#[derive(Serialize)]
struct Reviewed {
    response: Response,
}

/// What the API server expects.
#[derive(Serialize)]
struct Response {
    uid: String,
    allowed: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    status: Option<Status>,
}

#[derive(Serialize)]
struct Status {
    code: u16,
    message: String,
}

#[derive(Serialize)]
struct Report {
    findings: Vec<Details>,
}

/// The answer of `rules` to `input`, or `None` when the input is not a question.
pub(super) fn answer(rules: &[&'static Rule], entrypoint: i32, input: &str, format: Format) -> Option<String> {
    let question: Question<'_> = serde_json::from_str(input).ok()?;
    let (request, wants_response) = match (question.review, question.request) {
        (Some(review), None) => (review, false),
        (None, Some(request)) => (request, true),
        _ => return None,
    };
    let mut findings = findings(rules, &request)?;
    match entrypoint {
        VIOLATION => {
            let fail_on = question.parameters.fail_on;
            findings.retain(|one| one.verdict == Verdict::Fail && one.severity >= fail_on);
            let violations: Vec<_> = findings.into_iter().map(Violation::from).collect();
            if wants_response {
                print(Reviewed { response: Response::new(request.uid, &violations) }, format)
            } else {
                print(violations, format)
            }
        }
        REPORT => print(Report { findings }, format),
        _ => None,
    }
}

/// What the rules say about the object; nothing when it is being deleted.
fn findings(rules: &[&'static Rule], request: &Request<'_>) -> Option<Vec<Details>> {
    let Some(object) = request.object else {
        return (request.operation == "DELETE").then(Vec::new);
    };
    let (snapshot, settings) = (snapshot_of(object.get())?, Settings::default());
    let input = Input { snapshot: &snapshot, settings: &settings, impacts: &[] };
    let about_it = |finding: &Finding| {
        let object = snapshot.objects.get(finding.object.position());
        finding.object != Snapshot::CLUSTER && object.is_some_and(|object| object.read)
    };
    let findings = crate::run(rules, &input).findings.into_iter().filter(about_it);
    findings.map(|finding| Details::new(rules, finding)).collect()
}

/// The snapshot of a cluster of which only this object is known. A kind that no rule reads gives
/// an empty one.
fn snapshot_of(object: &str) -> Option<Snapshot> {
    let Head { api_version, kind } = serde_json::from_str(object).ok()?;
    let group = api_version.rsplit_once('/').map_or("", |(group, _)| group);
    let mut builder = Builder::new(&[]);
    if let Some(kind) = ResourceKind::from_group_kind(group, &kind) {
        builder.add(Object::from_json(&api_version, kind, object).ok()?);
    }
    Some(builder.finish(&Origin { kind: SourceKind::Admission, ..Origin::default() }))
}

impl Details {
    fn new(rules: &[&'static Rule], finding: Finding) -> Option<Self> {
        let rule = rules.get(usize::try_from(finding.rule).ok()?)?;
        let Finding { verdict, severity, message, reason, remediation, .. } = finding;
        Some(Self { rule: rule.name, verdict, severity, message, reason, remediation })
    }
}

impl From<Details> for Violation {
    fn from(details: Details) -> Self {
        let Details { rule, message, remediation, .. } = &details;
        let msg = if remediation.is_empty() {
            format!("{message} ({rule})")
        } else {
            format!("{message} ({rule}). {remediation}")
        };
        Self { msg, details }
    }
}

impl Response {
    fn new(uid: String, violations: &[Violation]) -> Self {
        let messages: Vec<&str> = violations.iter().map(|violation| violation.msg.as_str()).collect();
        let status = (!messages.is_empty()).then(|| Status { code: 403, message: messages.join("\n") });
        Self { uid, allowed: status.is_none(), status }
    }
}

/// The result set: one binding named `result`.
fn print(result: impl Serialize, format: Format) -> Option<String> {
    let binding = serde_json::to_string(&Answer { result }).ok()?;
    Some(match format {
        Format::Json => format!("[{binding}]"),
        // JSON is Rego syntax, too, except that the result set is a set.
        Format::Rego => format!("{{{binding}}}"),
    })
}

#[cfg(test)]
mod tests {
    use alloc::string::ToString as _;

    use ha_core::{Area, Class, Findings};
    use serde_json::{Value, json};

    use super::*;

    /// Every workload fails with medium severity, and the cluster with high.
    static RULE: Rule = Rule {
        name: "every-workload",
        doc: "",
        area: Area::Replication,
        severity: Severity::High,
        class: Class::A,
        needs: &[],
        since: "0.1.0",
        check,
    };

    fn check(input: &Input<'_>, findings: &mut Findings) {
        findings.fail(Snapshot::CLUSTER, "elsewhere");
        for workload in &input.snapshot.workloads {
            findings.fail(workload.object, "it \"is\"").severity(Severity::Medium).fix("do not");
        }
    }

    fn ask(entrypoint: i32, input: &Value) -> Option<Value> {
        let text = answer(&[&RULE], entrypoint, &input.to_string(), Format::Json)?;
        let mut set: Value = serde_json::from_str(&text).ok()?;
        Some(set[0]["result"].take())
    }

    fn deployment() -> Value {
        json!({
            "apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "shop", "namespace": "web"},
            "spec": {"selector": {"matchLabels": {"a": "b"}}, "template": {
                "metadata": {"labels": {"a": "b"}}, "spec": {"containers": [{"name": "c"}]}}},
        })
    }

    #[test]
    fn a_review_is_answered_with_the_objects_own_violations() {
        let result = ask(VIOLATION, &json!({"review": {"object": deployment()}})).unwrap();
        assert_eq!(result.as_array().map(Vec::len), Some(1));
        assert_eq!(result[0]["msg"], "it \"is\" (every-workload). do not");
        assert_eq!(result[0]["details"]["severity"], "medium");
    }

    #[test]
    fn a_request_is_answered_with_a_response() {
        let ask = |object| {
            let operation = if object == Value::Null { "DELETE" } else { "CREATE" };
            let request = json!({"uid": "7", "operation": operation, "object": object});
            ask(VIOLATION, &json!({"request": request})).unwrap()
        };
        let denied = ask(deployment());
        assert_eq!((&denied["response"]["uid"], &denied["response"]["allowed"]), (&json!("7"), &json!(false)));
        let deleted = ask(Value::Null);
        assert_eq!(deleted, json!({"response": {"uid": "7", "allowed": true}}));
        let of_no_interest = ask(json!({"apiVersion": "example.org/v1", "kind": "Thing"}));
        assert_eq!(of_no_interest["response"]["allowed"], true);
    }

    #[test]
    fn what_is_a_violation_can_be_set() {
        let with = |fail_on: &str| {
            let input = json!({"review": {"object": deployment()}, "parameters": {"failOn": fail_on}});
            ask(VIOLATION, &input).map(|result| result.as_array().map_or(0, Vec::len))
        };
        assert_eq!((with("low"), with("medium"), with("high")), (Some(1), Some(1), Some(0)));
        assert_eq!(with("loud"), None);
    }

    #[test]
    fn go_engines_get_a_set() {
        let input = json!({"review": {"object": deployment()}}).to_string();
        let text = answer(&[&RULE], REPORT, &input, Format::Rego).unwrap();
        assert!(text.starts_with("{{\"result\":{\"findings\":[") && text.ends_with("]}}}"), "{text}");
    }

    #[test]
    fn what_cannot_be_read_has_no_answer() {
        let object = deployment();
        let broken = [
            json!({}),
            json!([]),
            json!({"review": {}}),
            json!({"review": {"operation": "CREATE", "object": null}}),
            json!({"review": {"object": object}, "request": {"object": object}}),
            json!({"review": {"object": {"kind": "Deployment"}}}),
            json!({"review": {"object": {"apiVersion": "apps/v1", "kind": "Deployment", "spec": 1}}}),
            json!({"review": {"object": object}, "parameters": {"unknown": 1}}),
        ];
        for input in broken {
            assert_eq!(ask(VIOLATION, &input), None, "{input}");
        }
        assert_eq!(ask(2, &json!({"review": {"object": object}})), None);
        assert!(answer(&[&RULE], VIOLATION, "", Format::Json).is_none());
    }
}
