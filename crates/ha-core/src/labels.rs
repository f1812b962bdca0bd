//! Labels and the selectors that match them (rules.md 1.7 and 2.4).
//!
//! A selector that is *absent* is `None` in the field that holds it; an *empty* selector is
//! `Some` without requirements and matches everything. What absence means differs by field and is
//! said there.

use alloc::vec::Vec;

use crate::text::{Text, Texts};
use crate::wire::{index, record, word};

index! {
    /// A set of labels in [`Snapshot::label_sets`](crate::Snapshot::label_sets). The default is the empty set.
    LabelsId
}

record! {
    /// One `key: value`.
    #[derive(Copy)]
    pub struct Label {
        /// The key, prefix included.
        pub key: Text,
        /// The value; may be empty.
        pub value: Text,
    }
}

record! {
    /// The labels of an object, sorted by key.
    pub struct LabelSet {
        /// At most one per key.
        pub labels: Vec<Label>,
    }
}

impl LabelSet {
    /// The value under `key`.
    pub fn get(&self, key: Text) -> Option<Text> {
        self.labels.iter().find(|label| label.key == key).map(|label| label.value)
    }

    /// The value under a key given as a string.
    pub fn get_named<'a>(&self, texts: &'a Texts, key: &str) -> Option<&'a str> {
        self.labels.iter().find(|label| texts.get(label.key) == key).map(|label| texts.get(label.value))
    }
}

word! {
    /// How a requirement compares. `Gt` and `Lt` exist for nodes only.
    pub enum Operator {
        /// The value is one of those listed.
        In = "in",
        /// The key is absent, or its value is none of those listed.
        NotIn = "not-in",
        /// The key is present.
        Exists = "exists",
        /// The key is absent.
        DoesNotExist = "does-not-exist",
        /// The value, an integer, is greater than the one listed.
        Gt = "gt",
        /// The value, an integer, is less than the one listed.
        Lt = "lt",
    }
}

record! {
    /// One condition on one key. An entry of `matchLabels` is an `In` with one value.
    pub struct Requirement {
        /// The label's key.
        pub key: Text,
        /// How the values are compared.
        pub operator: Operator,
        /// What is compared with; empty for `Exists` and `DoesNotExist`.
        pub values: Vec<Text>,
    }
}

impl Requirement {
    /// Whether a label set meets this condition.
    pub fn matches(&self, labels: &LabelSet, texts: &Texts) -> bool {
        let value = labels.get(self.key);
        match self.operator {
            Operator::In => value.is_some_and(|value| self.values.contains(&value)),
            Operator::NotIn => value.is_none_or(|value| !self.values.contains(&value)),
            Operator::Exists => value.is_some(),
            Operator::DoesNotExist => value.is_none(),
            Operator::Gt => self.compares(value, texts, |have, want| have > want),
            Operator::Lt => self.compares(value, texts, |have, want| have < want),
        }
    }

    fn compares(&self, value: Option<Text>, texts: &Texts, holds: fn(i64, i64) -> bool) -> bool {
        let number = |text: Text| texts.get(text).parse::<i64>().ok();
        let (Some(have), [want]) = (value.and_then(number), &self.values[..]) else {
            return false;
        };
        number(*want).is_some_and(|want| holds(have, want))
    }
}

record! {
    /// A `LabelSelector`: all requirements must hold. Without any it matches everything.
    pub struct LabelSelector {
        /// `matchLabels` first, then `matchExpressions`.
        pub requirements: Vec<Requirement>,
    }
}

impl LabelSelector {
    /// Whether a label set meets every requirement.
    pub fn matches(&self, labels: &LabelSet, texts: &Texts) -> bool {
        self.requirements.iter().all(|requirement| requirement.matches(labels, texts))
    }

    /// Whether it has no requirement and so matches everything.
    pub fn is_empty(&self) -> bool {
        self.requirements.is_empty()
    }
}

record! {
    /// One term of a node selector: all its conditions must hold. A term without any matches no node.
    pub struct NodeSelectorTerm {
        /// Conditions on labels.
        pub expressions: Vec<Requirement>,
        /// Conditions on fields; Kubernetes knows `metadata.name` only.
        pub fields: Vec<Requirement>,
    }
}

record! {
    /// A node selector: one of its terms must hold.
    pub struct NodeSelector {
        /// Alternatives; none matches no node.
        pub terms: Vec<NodeSelectorTerm>,
    }
}

impl NodeSelector {
    /// Whether a node with these labels and this name is selected.
    pub fn matches(&self, labels: &LabelSet, name: Text, texts: &Texts) -> bool {
        self.terms.iter().any(|term| term.matches(labels, name, texts))
    }
}

impl NodeSelectorTerm {
    /// Whether a node with these labels and this name meets all conditions of the term.
    pub fn matches(&self, labels: &LabelSet, name: Text, texts: &Texts) -> bool {
        if self.expressions.is_empty() && self.fields.is_empty() {
            return false;
        }
        self.expressions.iter().all(|requirement| requirement.matches(labels, texts))
            && self.fields.iter().all(|requirement| match requirement.operator {
                Operator::In => requirement.values.contains(&name),
                Operator::NotIn => !requirement.values.contains(&name),
                _ => false,
            })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::text::Interner;
    use alloc::vec;

    fn requirement(interner: &mut Interner, key: &str, operator: Operator, values: &[&str]) -> Requirement {
        Requirement {
            key: interner.intern(key),
            operator,
            values: values.iter().map(|value| interner.intern(value)).collect(),
        }
    }

    #[test]
    fn not_in_and_does_not_exist_match_an_absent_key() {
        let mut interner = Interner::default();
        let labels = LabelSet { labels: vec![Label { key: interner.intern("app"), value: interner.intern("web") }] };
        let cases = [
            ("app", Operator::In, &["web", "api"][..], true),
            ("app", Operator::In, &["api"], false),
            ("app", Operator::NotIn, &["web"], false),
            ("tier", Operator::NotIn, &["web"], true),
            ("tier", Operator::DoesNotExist, &[], true),
            ("app", Operator::DoesNotExist, &[], false),
            ("app", Operator::Exists, &[], true),
            ("tier", Operator::Exists, &[], false),
            ("tier", Operator::In, &["web"], false),
        ];
        for (key, operator, values, expected) in cases {
            let requirement = requirement(&mut interner, key, operator, values);
            let texts = interner_texts(&interner);
            assert_eq!(requirement.matches(&labels, &texts), expected, "{key} {operator} {values:?}");
        }
    }

    #[test]
    fn numbers_compare_as_numbers() {
        let mut interner = Interner::default();
        let labels = LabelSet { labels: vec![Label { key: interner.intern("cores"), value: interner.intern("16") }] };
        let greater = requirement(&mut interner, "cores", Operator::Gt, &["9"]);
        let less = requirement(&mut interner, "cores", Operator::Lt, &["9"]);
        let word = requirement(&mut interner, "cores", Operator::Gt, &["many"]);
        let texts = interner_texts(&interner);
        assert!(greater.matches(&labels, &texts));
        assert!(!less.matches(&labels, &texts));
        assert!(!word.matches(&labels, &texts));
    }

    #[test]
    fn an_empty_node_selector_term_selects_no_node() {
        let texts = Texts::default();
        assert!(!NodeSelectorTerm::default().matches(&LabelSet::default(), Text::default(), &texts));
        assert!(LabelSelector::default().matches(&LabelSet::default(), &texts));
    }

    fn interner_texts(interner: &Interner) -> Texts {
        let mut copy = Interner::default();
        for index in 1..100 {
            let string = interner.get(Text { index });
            if !string.is_empty() {
                copy.intern(string);
            }
        }
        copy.finish()
    }
}
