//! The report as YAML, for people: it holds the same fields as JSON.

use crate::sanitize::SafeReport;

/// Writes the report as YAML.
pub fn render(report: &SafeReport) -> String {
    serde_yaml::to_string(&**report).unwrap_or_else(|error| format!("# cannot be written as YAML: {error}\n"))
}
