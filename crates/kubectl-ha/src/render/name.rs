//! Names for kubectl: `kubectl ha check -o name | xargs -L1 kubectl get`.

use std::collections::HashSet;

use ha_core::report::ObjectReference;

use crate::sanitize::SafeReport;

/// One line for each object with findings, the worst first. The cluster itself has no name that kubectl knows.
pub fn render(report: &SafeReport) -> String {
    let mut seen = HashSet::new();
    let findings = report.results.iter().filter(|result| result.is_finding());
    let objects = findings.map(|result| &result.object).filter(|object| !object.is_cluster());
    objects.filter(|object| seen.insert(*object)).map(|object| format!("{}\n", kubectl_name(object))).collect()
}

/// `deployment.apps/cart -n shop`.
fn kubectl_name(object: &ObjectReference) -> String {
    let kind = object.kind.to_lowercase();
    let kind = match object.group() {
        "" => kind,
        group => format!("{kind}.{group}"),
    };
    match object.namespace.as_str() {
        "" => format!("{kind}/{}", object.name),
        namespace => format!("{kind}/{} -n {namespace}", object.name),
    }
}
