//! Values as written, to values as the model has them.

use alloc::string::ToString;
use alloc::vec::Vec;

use ha_core::finding::Evidence;
use ha_core::labels::{Label, LabelSelector, NodeSelector, NodeSelectorTerm, Operator, Requirement};
use ha_core::snapshot::{AccessMode, Amount, Condition, ObjectId, PortReference, ResourceKind, TaintEffect, Threshold};
use ha_core::text::Text;

use super::{Builder, quantity};
use crate::objects::{self as slim, IntOrString, ResourceMap, Str};

impl Builder {
    pub(super) fn text(&mut self, string: &str) -> Text {
        self.texts.intern(string)
    }

    pub(super) fn texts_of(&mut self, strings: &[Str]) -> Vec<Text> {
        strings.iter().map(|string| self.texts.intern(string)).collect()
    }

    pub(super) fn label_list(&mut self, entries: &[(Str, Str)]) -> Vec<Label> {
        entries
            .iter()
            .map(|(key, value)| Label { key: self.texts.intern(key), value: self.texts.intern(value) })
            .collect()
    }

    pub(super) fn selector(&mut self, selector: &slim::LabelSelector) -> LabelSelector {
        let mut requirements = self.exact(&selector.match_labels.0).requirements;
        requirements.extend(selector.match_expressions.iter().map(|expression| self.requirement(expression)));
        LabelSelector { requirements }
    }

    /// A selector of exact labels, such as a Service has.
    pub(super) fn exact(&mut self, labels: &[(Str, Str)]) -> LabelSelector {
        let requirements = labels
            .iter()
            .map(|(key, value)| Requirement {
                key: self.texts.intern(key),
                operator: Operator::In,
                values: alloc::vec![self.texts.intern(value)],
            })
            .collect();
        LabelSelector { requirements }
    }

    fn requirement(&mut self, expression: &slim::Expression) -> Requirement {
        let operator = match expression.operator.as_str() {
            "NotIn" => Operator::NotIn,
            "Exists" => Operator::Exists,
            "DoesNotExist" => Operator::DoesNotExist,
            "Gt" => Operator::Gt,
            "Lt" => Operator::Lt,
            // The API server refuses any other word; as `In` without a known value it matches nothing.
            _ => Operator::In,
        };
        let values = if matches!(operator, Operator::Exists | Operator::DoesNotExist) {
            Vec::new()
        } else {
            self.texts_of(&expression.values)
        };
        Requirement { key: self.texts.intern(&expression.key), operator, values }
    }

    pub(super) fn node_selector(&mut self, selector: &slim::NodeSelector) -> NodeSelector {
        NodeSelector { terms: selector.node_selector_terms.iter().map(|term| self.node_term(term)).collect() }
    }

    pub(super) fn node_term(&mut self, term: &slim::NodeSelectorTerm) -> NodeSelectorTerm {
        NodeSelectorTerm {
            expressions: term.match_expressions.iter().map(|expression| self.requirement(expression)).collect(),
            fields: term.match_fields.iter().map(|expression| self.requirement(expression)).collect(),
        }
    }

    pub(super) fn amounts(&mut self, resources: &ResourceMap) -> Vec<Amount> {
        resources
            .0
            .iter()
            .filter_map(|(resource, quantity)| {
                let value = quantity::amount(resource, &quantity.0)?;
                Some(Amount { resource: self.texts.intern(resource), value })
            })
            .collect()
    }

    pub(super) fn conditions(&mut self, conditions: &[slim::Condition]) -> Vec<Condition> {
        conditions
            .iter()
            .map(|condition| Condition {
                name: self.texts.intern(&condition.r#type),
                status: self.texts.intern(&condition.status),
                reason: self.texts.intern(&condition.reason),
                since: condition.last_transition_time.map(|time| time.0),
            })
            .collect()
    }

    pub(super) fn port_reference(&mut self, port: &IntOrString) -> PortReference {
        match port {
            IntOrString::Int(number) => PortReference::Number(u32::try_from(*number).unwrap_or(0)),
            IntOrString::String(name) => match name.parse() {
                Ok(number) => PortReference::Number(number),
                Err(_) => PortReference::Name(self.texts.intern(name)),
            },
        }
    }

    /// A count of pods, or a percentage. What is neither leaves a gap and counts as absent.
    pub(super) fn threshold(
        &mut self,
        id: ObjectId,
        kind: ResourceKind,
        path: &str,
        value: Option<&IntOrString>,
    ) -> Option<Threshold> {
        match value? {
            IntOrString::Int(count) if *count >= 0 => return Some(Threshold::Count(*count)),
            IntOrString::String(text) => {
                if let Some(percent) = text.strip_suffix('%').and_then(|digits| digits.parse().ok())
                    && percent >= 0
                {
                    return Some(Threshold::Percent(percent));
                }
                let evidence = Evidence { object: None, path: path.into(), value: text.to_string() };
                self.nonsense(id, kind, &evidence);
            }
            IntOrString::Int(count) => {
                let evidence = Evidence { object: None, path: path.into(), value: count.to_string() };
                self.nonsense(id, kind, &evidence);
            }
        }
        None
    }

    /// A count of replicas. A negative one leaves a gap and counts as absent.
    pub(super) fn replicas(&mut self, id: ObjectId, kind: ResourceKind, value: Option<i32>) -> Option<u32> {
        let count = value?;
        u32::try_from(count)
            .inspect_err(|_| {
                let evidence = Evidence { object: None, path: "spec.replicas".into(), value: count.to_string() };
                self.nonsense(id, kind, &evidence);
            })
            .ok()
    }
}

/// What the first map has, and what only later ones have, sorted by name: the order in which the API server writes
/// amounts that it filled in.
pub(super) fn filled_in(maps: &[&ResourceMap]) -> ResourceMap {
    let mut filled = ResourceMap::default();
    for (resource, quantity) in maps.iter().flat_map(|map| &map.0) {
        if filled.0.iter().all(|(known, _)| known != resource) {
            filled.0.push((resource.clone(), quantity.clone()));
        }
    }
    filled.0.sort_by(|a, b| a.0.cmp(&b.0));
    filled
}

/// The effect of a taint; anything unknown keeps pods away, as the strictest reading.
pub(super) fn taint_effect(effect: &str) -> TaintEffect {
    match effect {
        "PreferNoSchedule" => TaintEffect::PreferNoSchedule,
        "NoExecute" => TaintEffect::NoExecute,
        _ => TaintEffect::NoSchedule,
    }
}

pub(super) fn access_modes(modes: &[Str]) -> Vec<AccessMode> {
    modes
        .iter()
        .filter_map(|mode| match mode.as_str() {
            "ReadWriteOnce" => Some(AccessMode::ReadWriteOnce),
            "ReadOnlyMany" => Some(AccessMode::ReadOnlyMany),
            "ReadWriteMany" => Some(AccessMode::ReadWriteMany),
            "ReadWriteOncePod" => Some(AccessMode::ReadWriteOncePod),
            _ => None,
        })
        .collect()
}
