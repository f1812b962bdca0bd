//! What an OPA engine asks and gets: an object under review in, violations or a report out.
//!
//! The input is `{"review": …}` as Gatekeeper gives it, or `{"request": …}` as an API server
//! does; both hold an AdmissionRequest. Only problems of that very object count: what was wrong
//! elsewhere must not block it. What cannot be read is no answer at all, never an empty one.
//!
//! What else is in the cluster is known as far as the engine's data says it, in Gatekeeper's form (`inventory`).
//! It proves what is there (a budget, an autoscaler), never what is not: an engine hands over only the kinds that it
//! was told to. A rule that would have to know answers unknown, which is no violation.

use alloc::collections::BTreeMap;
use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;

use ha_core::rule::Input;
use ha_core::snapshot::{ObjectId, ResourceKind, SourceKind};
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

/// The engine's data, as far as it is of interest.
#[derive(Default, Deserialize)]
#[serde(default)]
struct Data<'a> {
    #[serde(borrow)]
    inventory: Inventory<'a>,
}

/// The objects of the cluster that Gatekeeper was told to keep: for the cluster as a whole, and by namespace.
#[derive(Default, Deserialize)]
#[serde(default)]
struct Inventory<'a> {
    #[serde(borrow)]
    cluster: Kinds<'a>,
    #[serde(borrow)]
    namespace: BTreeMap<String, Kinds<'a>>,
}

/// Objects by group and version, kind, and name.
type Kinds<'a> = BTreeMap<String, BTreeMap<String, BTreeMap<String, &'a RawValue>>>;

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

/// The answer of `rules` to `input`, or `None` when the input is not a question. `data` is the engine's JSON document,
/// empty when it has none.
pub(super) fn answer(
    rules: &[&'static Rule],
    entrypoint: i32,
    input: &str,
    data: &str,
    format: Format,
) -> Option<String> {
    let question: Question<'_> = serde_json::from_str(input).ok()?;
    let (request, wants_response) = match (question.review, question.request) {
        (Some(review), None) => (review, false),
        (None, Some(request)) => (request, true),
        _ => return None,
    };
    let mut findings = findings(rules, &request, data)?;
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

/// What the rules say about the object; nothing when it is being deleted, or of a kind that no rule reads.
fn findings(rules: &[&'static Rule], request: &Request<'_>, data: &str) -> Option<Vec<Details>> {
    let Some(object) = request.object else {
        return (request.operation == "DELETE").then(Vec::new);
    };
    let Head { api_version, kind } = serde_json::from_str(object.get()).ok()?;
    let Some(kind) = kind_of(&api_version, &kind) else {
        return Some(Vec::new());
    };
    let object = Object::from_json(&api_version, kind, object.get()).ok()?;
    let data: Data<'_> = if data.is_empty() { Data::default() } else { serde_json::from_str(data).ok()? };
    let reviewed = Subject::of(&object);
    let snapshot = snapshot_of(object, &reviewed, &data.inventory);
    let subject = reviewed.find(&snapshot)?;
    let settings = Settings::default();
    let input = Input { snapshot: &snapshot, settings: &settings, impacts: &[] };
    let findings = crate::run(rules, &input).findings.into_iter();
    findings.filter(|finding| finding.object == subject).map(|finding| Details::new(rules, finding)).collect()
}

/// The kind by which the rules know an object of this group and version.
fn kind_of(api_version: &str, kind: &str) -> Option<ResourceKind> {
    let group = api_version.rsplit_once('/').map_or("", |(group, _)| group);
    ResourceKind::from_group_kind(group, kind)
}

/// Which object is under review.
struct Subject {
    kind: ResourceKind,
    namespace: String,
    name: String,
}

impl Subject {
    fn of(object: &Object) -> Self {
        let metadata = object.metadata();
        // An object that the API server is to name has the beginning of its name only.
        let name = if metadata.name.is_empty() { &metadata.generate_name } else { &metadata.name };
        Self { kind: object.kind(), namespace: metadata.namespace.as_str().into(), name: name.as_str().into() }
    }

    fn is(&self, kind: ResourceKind, namespace: &str, name: &str) -> bool {
        self.kind == kind && self.namespace == namespace && self.name == name
    }

    fn find(&self, snapshot: &Snapshot) -> Option<ObjectId> {
        let text = |text| snapshot.text(text);
        let is_it = |object: &ha_core::snapshot::Object| {
            object.read
                && text(object.kind) == self.kind.kind()
                && self.is(self.kind, text(object.namespace), text(object.name))
        };
        snapshot.objects.iter().position(is_it).map(ObjectId::at)
    }
}

/// The snapshot of a cluster of which this object is known, and what the inventory holds beside it.
fn snapshot_of(object: Object, reviewed: &Subject, inventory: &Inventory<'_>) -> Snapshot {
    let mut builder = Builder::new(&[]);
    builder.add(object);
    let namespaces = inventory.namespace.iter().map(|(namespace, kinds)| (namespace.as_str(), kinds));
    for (namespace, kinds) in namespaces.chain([("", &inventory.cluster)]) {
        for (api_version, kinds) in kinds {
            for (kind, objects) in kinds {
                let Some(kind) = kind_of(api_version, kind) else { continue };
                // The object's former state is not its neighbour.
                for (_, object) in objects.iter().filter(|(name, _)| !reviewed.is(kind, namespace, name)) {
                    // One that cannot be read is as good as not handed over, which proves nothing.
                    if let Ok(object) = Object::from_json(api_version, kind, object.get()) {
                        builder.add(object);
                    }
                }
            }
        }
    }
    builder.finish(&Origin { kind: SourceKind::Admission, ..Origin::default() })
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
        let others = input.snapshot.workloads.len() - 1;
        for workload in &input.snapshot.workloads {
            let message = if others == 0 { "it \"is\"".into() } else { format!("it is one of {}", others + 1) };
            findings.fail(workload.object, message).severity(Severity::Medium).fix("do not");
        }
    }

    fn ask(entrypoint: i32, input: &Value) -> Option<Value> {
        ask_with(entrypoint, input, "")
    }

    fn ask_with(entrypoint: i32, input: &Value, data: &str) -> Option<Value> {
        let text = answer(&[&RULE], entrypoint, &input.to_string(), data, Format::Json)?;
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
        let text = answer(&[&RULE], REPORT, &input, "", Format::Rego).unwrap();
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
        assert!(answer(&[&RULE], VIOLATION, "", "", Format::Json).is_none());
    }

    #[test]
    fn the_inventory_is_seen_but_not_judged() {
        let input = json!({"review": {"object": deployment()}});
        let with = |inventory: Value| {
            let result = ask_with(VIOLATION, &input, &json!({"inventory": inventory, "other": [1]}).to_string());
            result.map(|result| (result.as_array().map_or(0, Vec::len), result[0]["msg"].as_str().map(String::from)))
        };
        let of = |objects: Value| json!({"namespace": {"web": {"apps/v1": {"Deployment": objects}}}});
        let alone = Some((1, Some("it \"is\" (every-workload). do not".into())));
        let (mut other, mut broken) = (deployment(), deployment());
        other["metadata"]["name"] = "other".into();
        broken["spec"] = 1.into();
        assert_eq!(with(json!({})), alone);
        // Its own former state is not another object, and one that cannot be read is none at all.
        assert_eq!(with(of(json!({"shop": deployment(), "broken": broken}))), alone);
        let two = Some((1, Some("it is one of 2 (every-workload). do not".into())));
        assert_eq!(with(of(json!({"shop": deployment(), "other": other}))), two);
        // Kinds that no rule reads do no harm, whatever they hold.
        assert_eq!(with(json!({"cluster": {"v1": {"Secret": {"s": 1}}}})), alone);
        // An inventory of another form is not understood, and then nothing is.
        assert_eq!(with(json!({"namespace": [1]})), None);
        assert_eq!(ask_with(VIOLATION, &input, "{"), None);
    }
}
