//! The report as YAML, for people: it holds the same fields as JSON.

use serde::Serialize;

use crate::sanitize::SafeReport;

/// Writes the report as YAML.
pub fn render(report: &SafeReport) -> String {
    to_string(&**report)
}

/// Any value as YAML.
pub(super) fn to_string(value: &impl Serialize) -> String {
    serde_yaml::to_string(value).unwrap_or_else(|error| format!("# cannot be written as YAML: {error}\n"))
}
