//! Annotations that silence a rule (rules.md 1.6).

use ha_core::snapshot::{ObjectId, Suppression};

use super::Builder;
use crate::objects::Annotations;

const PREFIX: &str = "kubectl-ha/ignore.";

impl Builder {
    /// Takes note of the suppressions among an object's annotations, or those of its pod template.
    pub(super) fn add_suppressions(&mut self, object: ObjectId, annotations: &Annotations, on_pod_template: bool) {
        for (key, value) in &annotations.0 {
            let Some(rule) = key.strip_prefix(PREFIX) else {
                continue;
            };
            let (until, reason) = split(value);
            let suppression = Suppression {
                rule: self.texts.intern(rule),
                reason: self.texts.intern(reason),
                until: self.texts.intern(until),
                object,
                on_pod_template,
            };
            self.suppressions.push(suppression);
        }
    }
}

/// `until YYYY-MM-DD: <reason>` or `<reason>`.
fn split(value: &str) -> (&str, &str) {
    let value = value.trim();
    let dated = value.strip_prefix("until ").and_then(|rest| {
        let (date, reason) = rest.split_once(':').unwrap_or((rest, ""));
        date.trim().parse::<jiff::civil::Date>().is_ok().then(|| (date.trim(), reason.trim()))
    });
    dated.unwrap_or(("", value))
}

#[cfg(test)]
mod tests {
    use super::split;

    #[test]
    fn a_date_is_taken_off_the_reason() {
        let cases = [
            ("batch job host", ("", "batch job host")),
            ("until 2027-06-30: moves in summer", ("2027-06-30", "moves in summer")),
            ("until 2027-06-30", ("2027-06-30", "")),
            ("until further notice: never", ("", "until further notice: never")),
            ("until 2027-13-01: no such month", ("", "until 2027-13-01: no such month")),
        ];
        for (value, expected) in cases {
            assert_eq!(split(value), expected);
        }
    }
}
