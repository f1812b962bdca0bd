//! Affinity terms and spread constraints, resolved: which pods they mean in which namespaces, in which topology.
//!
//! Sources: `newAffinityTerm` and `Matches` in `k8s.io/kube-scheduler/framework/types.go`,
//! `mergeAffinityTermNamespacesIfNotEmpty` in `plugins/interpodaffinity/plugin.go`, `filterTopologySpreadConstraints`
//! in `plugins/podtopologyspread/common.go`.

use ha_core::labels::{LabelSelector, LabelSet, Operator, Requirement};
use ha_core::snapshot::{PodAffinityTerm, SpreadConstraint};
use ha_core::text::{Text, Texts};

use crate::ids::{KeyId, MatcherId, StaticId};

/// The namespaces in which a term selects.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Namespaces {
    /// All of them.
    All,
    /// Those, sorted.
    These(Vec<Text>),
}

/// A selector with the namespaces in which it selects.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Matcher {
    /// Where.
    pub namespaces: Namespaces,
    /// What; none selects no pod.
    pub selector: Option<LabelSelector>,
}

impl Matcher {
    /// Whether a pod in `namespace` with these labels is meant.
    pub fn matches(&self, namespace: Text, labels: &LabelSet, texts: &Texts) -> bool {
        let here = match &self.namespaces {
            Namespaces::All => true,
            Namespaces::These(names) => names.binary_search(&namespace).is_ok(),
        };
        here && self.selector.as_ref().is_some_and(|selector| selector.matches(labels, texts))
    }

    /// A label that every pod it means has, when its selector tells one.
    pub fn sure_label(&self) -> Option<(Text, Text)> {
        let requirements = &self.selector.as_ref()?.requirements;
        let exact = requirements.iter().find(|r| r.operator == Operator::In && r.values.len() == 1)?;
        Some((exact.key, exact.values[0]))
    }

    /// A term of a pod in `namespace` with these labels. `select` tells the namespaces that a namespace
    /// selector selects.
    pub(super) fn of_term(
        term: &PodAffinityTerm,
        namespace: Text,
        labels: &LabelSet,
        select: impl FnOnce(&LabelSelector) -> Vec<Text>,
    ) -> Self {
        let mut names = term.namespaces.clone();
        let mut all = false;
        match &term.namespace_selector {
            None if names.is_empty() => names.push(namespace),
            None => {}
            Some(selector) if selector.is_empty() => all = true,
            Some(selector) => names.extend(select(selector)),
        }
        names.sort_unstable();
        names.dedup();
        let selector = term.selector.as_ref().map(|selector| {
            let wanted = merged(selector, &term.match_label_keys, labels, Operator::In);
            merged(&wanted, &term.mismatch_label_keys, labels, Operator::NotIn)
        });
        let namespaces = if all { Namespaces::All } else { Namespaces::These(names) };
        Self { namespaces, selector }
    }

    /// The pods that a spread constraint of a pod in `namespace` with these labels counts.
    pub(super) fn of_constraint(constraint: &SpreadConstraint, namespace: Text, labels: &LabelSet) -> Self {
        let selector = constraint
            .selector
            .as_ref()
            .map(|selector| merged(selector, &constraint.match_label_keys, labels, Operator::In));
        Self { namespaces: Namespaces::These(vec![namespace]), selector }
    }
}

/// The selector with one requirement more for each key that the labels have. The API server does the same when it
/// stores a pod, so a stored pod's requirement is not added twice.
fn merged(selector: &LabelSelector, keys: &[Text], labels: &LabelSet, operator: Operator) -> LabelSelector {
    let mut requirements = selector.requirements.clone();
    for &key in keys {
        let Some(value) = labels.get(key) else {
            continue;
        };
        let requirement = Requirement { key, operator, values: vec![value] };
        if !requirements.contains(&requirement) {
            requirements.push(requirement);
        }
    }
    LabelSelector { requirements }
}

/// One term of pod affinity or anti-affinity.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Term {
    /// Which pods.
    pub matcher: MatcherId,
    /// In which topology.
    pub key: KeyId,
}

/// Which nodes a spread constraint looks at (`matchNodeInclusionPolicies`, `nodeLabelsMatchSpreadConstraints`).
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Inclusion {
    /// Only nodes with all these labels, sorted.
    pub keys: Vec<KeyId>,
    /// Only nodes that the pod's node selector and affinity select.
    pub affinity: Option<StaticId>,
    /// Only nodes whose taints the pod tolerates.
    pub taints: Option<StaticId>,
}

/// One topology spread constraint.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Spread {
    /// Which pods are counted.
    pub matcher: MatcherId,
    /// In which topology.
    pub key: KeyId,
    /// `maxSkew`.
    pub max_skew: i64,
    /// `minDomains`.
    pub min_domains: usize,
    /// Whether the constraint's selector matches the pod itself.
    pub matches_itself: bool,
    /// Whether the selector is empty, so that the scheduler counts no existing pod (`countPodsMatchSelector`).
    pub counts_nothing: bool,
    /// Which nodes are looked at.
    pub inclusion: Inclusion,
}
