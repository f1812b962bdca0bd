//! Which findings a user has silenced (rules.md 1.6), and which of these wishes do nothing.

use alloc::borrow::ToOwned;
use alloc::collections::BTreeMap;
use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec::Vec;

use super::{Diagnostic, DiagnosticKind, Suppressed};
use crate::arithmetic::replicas::wildcard;
use crate::snapshot::{ObjectId, Snapshot, Suppression};
use crate::text::Text;

/// A suppression of the configuration file. Empty fields match everything; `*` stands for any characters.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ConfiguredSuppression {
    /// The one rule it silences.
    pub rule: String,
    /// Why; without a reason it does not take effect.
    pub reason: String,
    /// The last day on which it holds, `YYYY-MM-DD`; empty for ever.
    pub until: String,
    /// The object's namespace.
    pub namespace: String,
    /// The object's kind.
    pub kind: String,
    /// The object's name.
    pub name: String,
    /// Labels the object must bear, all of them.
    pub labels: Vec<(String, String)>,
    /// The file the object was read from.
    pub file: String,
    /// Where it is written, for reports: file and line.
    pub place: String,
}

/// Whose findings a suppression is about.
#[derive(Clone, Copy, Debug)]
enum Scope<'a> {
    Object,
    Namespace,
    Configured(&'a ConfiguredSuppression),
}

/// Whether a suppression may silence anything.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Effect {
    Silences,
    NoReason,
    NoDate,
    Expired,
}

#[derive(Debug)]
struct Entry<'a> {
    rule: &'a str,
    reason: &'a str,
    until: &'a str,
    scope: Scope<'a>,
    place: String,
    effect: Effect,
    /// Whether it met a fail that it silences, or an unknown that may be one.
    used: bool,
}

/// What suppressions say about one fail.
#[derive(Debug, Default)]
pub(super) struct Answer {
    pub(super) suppressed: Option<Suppressed>,
    pub(super) notes: Vec<String>,
}

/// All suppressions of a snapshot and of the configuration, while findings pass by.
#[derive(Debug)]
pub(super) struct Suppressions<'a> {
    snapshot: &'a Snapshot,
    entries: Vec<Entry<'a>>,
    by_object: BTreeMap<ObjectId, Vec<usize>>,
    by_namespace: BTreeMap<Text, Vec<usize>>,
    configured: Vec<usize>,
}

impl<'a> Suppressions<'a> {
    pub(super) fn new(snapshot: &'a Snapshot, configured: &'a [ConfiguredSuppression]) -> Self {
        let mut all = Self {
            snapshot,
            entries: Vec::new(),
            by_object: BTreeMap::new(),
            by_namespace: BTreeMap::new(),
            configured: Vec::new(),
        };
        let today = date_of(snapshot.source.taken_at);
        for suppression in &snapshot.suppressions {
            all.add_annotation(suppression, &today);
        }
        for suppression in configured {
            all.configured.push(all.entries.len());
            all.entries.push(Entry {
                rule: &suppression.rule,
                reason: suppression.reason.trim(),
                until: &suppression.until,
                scope: Scope::Configured(suppression),
                place: suppression.place.clone(),
                effect: effect(&suppression.reason, &suppression.until, &today),
                used: false,
            });
        }
        all
    }

    fn add_annotation(&mut self, suppression: &'a Suppression, today: &str) {
        let snapshot = self.snapshot;
        let Some(object) = snapshot.objects.get(suppression.object.position()) else {
            return;
        };
        let is_namespace = snapshot.text(object.kind) == "Namespace";
        let number = self.entries.len();
        let scope = if is_namespace {
            self.by_namespace.entry(object.name).or_default().push(number);
            Scope::Namespace
        } else {
            self.by_object.entry(suppression.object).or_default().push(number);
            Scope::Object
        };
        let bearer = if suppression.on_pod_template { "pod template of " } else { "" };
        let (reason, until) = (snapshot.text(suppression.reason), snapshot.text(suppression.until));
        self.entries.push(Entry {
            rule: snapshot.text(suppression.rule),
            reason: reason.trim(),
            until,
            scope,
            place: format!("annotation on {bearer}{}", snapshot.title(suppression.object)),
            effect: effect(reason, until, today),
            used: false,
        });
    }

    /// What they say about a fail of `rule` about `object`.
    pub(super) fn judge(&mut self, rule: &str, object: ObjectId) -> Answer {
        let mut answer = Answer::default();
        for number in self.concerning(rule, object) {
            let entry = &mut self.entries[number];
            match entry.effect {
                Effect::Silences => {
                    entry.used = true;
                    answer.suppressed.get_or_insert_with(|| Suppressed {
                        reason: entry.reason.to_owned(),
                        until: Some(entry.until.to_owned()).filter(|until| !until.is_empty()),
                        place: entry.place.clone(),
                    });
                }
                Effect::Expired => answer
                    .notes
                    .push(format!("its suppression ended with {} ({}): {}", entry.until, entry.place, entry.reason)),
                Effect::NoReason | Effect::NoDate => {}
            }
        }
        answer
    }

    /// An unknown of `rule` about `object` passed by: it may be a fail, so its suppression is not unused.
    pub(super) fn excuse(&mut self, rule: &str, object: ObjectId) {
        for number in self.concerning(rule, object) {
            self.entries[number].used = true;
        }
    }

    /// The suppressions of `rule` that are about `object`: its own first, then its namespace's, then configured ones.
    fn concerning(&self, rule: &str, object: ObjectId) -> Vec<usize> {
        let namespace = self.snapshot.object(object).namespace;
        let of_object = self.by_object.get(&object).into_iter().flatten();
        let of_namespace = self.by_namespace.get(&self.namespace_of(object, namespace));
        of_object
            .chain(of_namespace.into_iter().flatten())
            .chain(&self.configured)
            .copied()
            .filter(|&number| self.entries[number].rule == rule && self.concerns(number, object))
            .collect()
    }

    /// The namespace whose annotations count for an object; a Namespace is in itself.
    fn namespace_of(&self, object: ObjectId, namespace: Text) -> Text {
        let entry = self.snapshot.object(object);
        if self.snapshot.text(entry.kind) == "Namespace" { entry.name } else { namespace }
    }

    fn concerns(&self, number: usize, id: ObjectId) -> bool {
        let Scope::Configured(wanted) = self.entries[number].scope else {
            return true;
        };
        let object = self.snapshot.object(id);
        let text = |text| self.snapshot.text(text);
        let labels = self.snapshot.labels(object.labels);
        let file = object.location.map_or("", |location| text(location.file));
        wildcard(&wanted.namespace, text(object.namespace))
            && wildcard(&wanted.kind, text(object.kind))
            && wildcard(&wanted.name, text(object.name))
            && wildcard(&wanted.file, file)
            && wanted.labels.iter().all(|(key, value)| {
                labels.get_named(&self.snapshot.texts, key).is_some_and(|actual| wildcard(value, actual))
            })
    }

    /// Those that do nothing, and why. `ran` are the rules that gave an answer, `known` all rules there are;
    /// a suppression of a rule that did not run says nothing. In a run that was narrowed to a part of the input,
    /// what is configured for other parts is not unused.
    pub(super) fn diagnostics(self, ran: &[&str], known: &[&str], narrowed: bool) -> Vec<Diagnostic> {
        let unused = |entry: &Entry| {
            let about_other_parts = narrowed && !matches!(entry.scope, Scope::Object);
            !entry.used && ran.contains(&entry.rule) && !about_other_parts
        };
        let entries = self.entries.iter();
        entries
            .filter_map(|entry| {
                let (kind, message) = if known.contains(&entry.rule) {
                    entry.problem(unused(entry))?
                } else {
                    let rule = entry.rule;
                    (DiagnosticKind::RuleUnknown, format!("a suppression names rule {rule:?}, which no policy has"))
                };
                Some(Diagnostic { kind, message, place: entry.place.clone() })
            })
            .collect()
    }
}

impl Entry<'_> {
    /// Why it does nothing, if so.
    fn problem(&self, unused: bool) -> Option<(DiagnosticKind, String)> {
        let Self { rule, until, .. } = self;
        match self.effect {
            Effect::NoReason => Some((
                DiagnosticKind::SuppressionWithoutReason,
                format!("the suppression of {rule} gives no reason and does not take effect: add one"),
            )),
            Effect::NoDate => Some((
                DiagnosticKind::SuppressionWithoutDate,
                format!("the suppression of {rule} does not take effect: {until:?} is no date (YYYY-MM-DD)"),
            )),
            Effect::Expired => Some((
                DiagnosticKind::SuppressionExpired,
                format!("the suppression of {rule} ended with {until}: remove it or renew it"),
            )),
            Effect::Silences if unused => Some((
                DiagnosticKind::SuppressionUnused,
                format!("the suppression of {rule} silences nothing: remove it"),
            )),
            Effect::Silences => None,
        }
    }
}

fn effect(reason: &str, until: &str, today: &str) -> Effect {
    if reason.trim().is_empty() {
        Effect::NoReason
    } else if until.is_empty() {
        Effect::Silences
    } else if until.parse::<jiff::civil::Date>().is_err() || until.len() != today.len() {
        Effect::NoDate
    } else if until < today {
        // Dates of one length in this notation sort as text.
        Effect::Expired
    } else {
        Effect::Silences
    }
}

/// The day of an instant in UTC, as `YYYY-MM-DD`.
fn date_of(seconds: i64) -> String {
    let instant = jiff::Timestamp::from_second(seconds).unwrap_or_default();
    jiff::tz::Offset::UTC.to_datetime(instant).date().to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_suppression_holds_through_its_last_day_and_needs_a_reason_and_a_date() {
        let today = date_of(1_785_542_400);
        assert_eq!(today, "2026-08-01");
        for (reason, until, expected) in [
            ("licence seat", "", Effect::Silences),
            ("licence seat", "2026-08-01", Effect::Silences),
            ("licence seat", "2026-07-31", Effect::Expired),
            ("licence seat", "2026-13-01", Effect::NoDate),
            ("licence seat", "tomorrow", Effect::NoDate),
            ("licence seat", "20260901", Effect::NoDate),
            ("  ", "2027-01-01", Effect::NoReason),
        ] {
            assert_eq!(effect(reason, until, &today), expected, "{reason:?} {until:?}");
        }
    }
}
