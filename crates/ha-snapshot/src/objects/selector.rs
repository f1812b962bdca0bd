//! Selectors and conditions, as written.

use alloc::vec::Vec;

use super::{Str, StringMap, Time, slim};

slim! {
    /// `LabelSelector`.
    pub struct LabelSelector {
        /// Exact values.
        pub match_labels: StringMap,
        /// Conditions.
        pub match_expressions: Vec<Expression>,
    }
}

slim! {
    /// A condition of a label or node selector.
    pub struct Expression {
        /// The label's key.
        pub key: Str,
        /// `In`, `NotIn`, `Exists`, `DoesNotExist`, `Gt`, `Lt`.
        pub operator: Str,
        /// Values.
        pub values: Vec<Str>,
    }
}

slim! {
    /// `NodeSelector`.
    pub struct NodeSelector {
        /// Alternatives.
        pub node_selector_terms: Vec<NodeSelectorTerm>,
    }
}

slim! {
    /// One alternative of a node selector.
    pub struct NodeSelectorTerm {
        /// Conditions on labels.
        pub match_expressions: Vec<Expression>,
        /// Conditions on fields.
        pub match_fields: Vec<Expression>,
    }
}

slim! {
    /// A status condition.
    pub struct Condition {
        /// Its name.
        pub r#type: Str,
        /// `True`, `False` or `Unknown`.
        pub status: Str,
        /// Why.
        pub reason: Str,
        /// Since when.
        pub last_transition_time: Option<Time>,
    }
}
