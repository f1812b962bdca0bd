//! Which requests a webhook intercepts.
//!
//! Source: `pkg/webhook/predicates` of `k8s.io/apiserver` (rules, namespaceSelector, objectSelector). Match
//! conditions are CEL and are not evaluated here.

use alloc::vec::Vec;

use crate::labels::{LabelSelector, LabelSet};
use crate::snapshot::{Absence, ObjectId, ResourceKind, Snapshot, Webhook, WebhookRule};
use crate::text::Text;

/// The label that the API server gives to every namespace: its name.
const NAME_LABEL: &str = "kubernetes.io/metadata.name";

/// A kind of request that a webhook may intercept.
#[derive(Clone, Copy, Debug)]
pub struct Request {
    /// `CREATE`, `UPDATE`, …
    pub operation: &'static str,
    /// The API group.
    pub group: &'static str,
    /// The resource, with its subresource behind a slash where there is one.
    pub resource: &'static str,
    /// Whether the resource lives in a namespace.
    pub namespaced: bool,
}

/// Creating a pod.
pub const CREATE_POD: Request = Request { operation: "CREATE", group: "", resource: "pods", namespaced: true };

/// What the cluster itself must be able to write to start pods and to know its nodes.
pub const VITAL: &[Request] = &[
    Request { operation: "CREATE", group: "", resource: "pods/binding", namespaced: true },
    Request { operation: "UPDATE", group: "", resource: "nodes/status", namespaced: false },
    Request { operation: "CREATE", group: "", resource: "nodes", namespaced: false },
    Request { operation: "UPDATE", group: "", resource: "nodes", namespaced: false },
    Request { operation: "UPDATE", group: "coordination.k8s.io", resource: "leases", namespaced: true },
];

/// The first of the webhook's rules that lists the request.
pub fn listing_rule(snapshot: &Snapshot, webhook: &Webhook, request: Request) -> Option<usize> {
    webhook.rules.iter().position(|rule| lists(snapshot, rule, request))
}

fn lists(snapshot: &Snapshot, rule: &WebhookRule, request: Request) -> bool {
    let any = |values: &[Text], wanted: &dyn Fn(&str) -> bool| values.iter().any(|&value| wanted(snapshot.text(value)));
    any(&rule.operations, &|operation| operation == "*" || operation == request.operation)
        && any(&rule.api_groups, &|group| group == "*" || group == request.group)
        && any(&rule.resources, &|resource| names_resource(resource, request.resource))
        && match snapshot.text(rule.scope) {
            "Cluster" => !request.namespaced,
            "Namespaced" => request.namespaced,
            _ => true,
        }
}

/// `*` stands for all resources, `*/*` for their subresources, too, and `pods/*` or `*/status` for some of them.
fn names_resource(pattern: &str, resource: &str) -> bool {
    let split = |text| -> (_, _) { str::split_once(text, '/').map_or((text, ""), |(name, sub)| (name, sub)) };
    let ((name, subresource), (wanted, wanted_subresource)) = (split(pattern), split(resource));
    (name == "*" || name == wanted) && (subresource == wanted_subresource || subresource == "*")
}

/// Whether the webhook looks at that namespace; none when the namespace's labels decide and were not read.
pub fn selects_namespace(snapshot: &Snapshot, selector: &LabelSelector, name: &str) -> Option<bool> {
    let namespace = snapshot.namespaces.iter().find(|namespace| snapshot.text(namespace.name) == name);
    let labels =
        namespace.filter(|namespace| snapshot.object(namespace.object).read).map(|n| snapshot.labels(n.labels));
    let none = LabelSet::default();
    let proven = snapshot.absence(ResourceKind::Namespace, Text::default()) == Absence::Proven;
    // A file that names a namespace without holding it, declared whole: then it has no labels of its own.
    let labels = labels.or((proven && namespace.is_some()).then_some(&none));
    let mut known = true;
    for requirement in &selector.requirements {
        let met = if snapshot.text(requirement.key) == NAME_LABEL {
            Some(names_namespace(snapshot, requirement, name))
        } else {
            labels.map(|labels| requirement.matches(labels, &snapshot.texts))
        };
        match met {
            Some(false) => return Some(false),
            Some(true) => {}
            None => known = false,
        }
    }
    known.then_some(true)
}

fn names_namespace(snapshot: &Snapshot, requirement: &crate::labels::Requirement, name: &str) -> bool {
    use crate::labels::Operator::{DoesNotExist, Exists, Gt, In, Lt, NotIn};
    let listed = requirement.values.iter().any(|&value| snapshot.text(value) == name);
    match requirement.operator {
        In => listed,
        NotIn => !listed,
        Exists => true,
        DoesNotExist | Gt | Lt => false,
    }
}

/// The webhooks of each configuration, which stand one behind the other.
pub fn configurations(snapshot: &Snapshot) -> impl Iterator<Item = (ObjectId, Vec<&Webhook>)> {
    snapshot
        .webhooks
        .chunk_by(|a, b| a.object == b.object)
        .map(|webhooks| (webhooks[0].object, webhooks.iter().collect()))
}

#[cfg(test)]
mod tests {
    use super::names_resource;

    #[test]
    fn stars_stand_for_resources_and_subresources() {
        let cases = [
            ("*", "pods", true),
            ("*", "pods/binding", false),
            ("*/*", "pods", true),
            ("*/*", "pods/binding", true),
            ("pods", "pods", true),
            ("pods", "pods/binding", false),
            ("pods/*", "pods/binding", true),
            ("*/status", "nodes/status", true),
            ("*/status", "nodes", false),
            ("deployments", "pods", false),
        ];
        for (pattern, resource, expected) in cases {
            assert_eq!(names_resource(pattern, resource), expected, "{pattern} {resource}");
        }
    }
}
