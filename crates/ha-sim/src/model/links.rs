//! Which classes a selector means, and which terms of existing pods mean a class: found through labels, without
//! comparing everything with everything.

use std::sync::OnceLock;

use ha_core::labels::Label;
use ha_core::text::Text;
use hashbrown::HashMap;

use super::terms::{Matcher, Namespaces, Term};
use super::{Model, PodClass};
use crate::ids::{ClassId, MatcherId};

/// Terms that pods of some classes hold.
#[derive(Debug, Default)]
struct Held {
    /// The classes that hold each term, with its weight there.
    holders: HashMap<Term, Vec<(ClassId, i64)>>,
    /// Terms by a label that every pod they mean has.
    by_label: HashMap<(Text, Text), Vec<Term>>,
    /// Terms that tell no such label.
    others: Vec<Term>,
}

/// The index.
#[derive(Debug, Default)]
pub(crate) struct Links {
    by_label: HashMap<(Text, Text), Vec<ClassId>>,
    by_namespace: HashMap<Text, Vec<ClassId>>,
    repelling: Held,
    attracting: Held,
    repelling_of_class: Vec<OnceLock<Vec<Term>>>,
    attracting_of_class: Vec<OnceLock<Vec<Term>>>,
}

impl Links {
    pub(super) fn new(model: &Model) -> Self {
        let mut links = Self {
            repelling_of_class: model.classes.iter().map(|_| OnceLock::new()).collect(),
            attracting_of_class: model.classes.iter().map(|_| OnceLock::new()).collect(),
            ..Self::default()
        };
        for (position, class) in model.classes.iter().enumerate() {
            let id = ClassId::at(position);
            links.by_namespace.entry(class.key.namespace).or_default().push(id);
            for label in &model.labels(class.key.labels).labels {
                links.by_label.entry((label.key, label.value)).or_default().push(id);
            }
            for &term in &class.anti_affinity {
                links.repelling.hold(model, term, id, 1);
            }
            // A required affinity term of an existing pod attracts with `hardPodAffinityWeight`, 1 by default.
            for &term in &class.affinity {
                links.attracting.hold(model, term, id, 1);
            }
            for &(weight, term) in &class.preferred {
                links.attracting.hold(model, term, id, weight);
            }
        }
        links
    }

    /// The classes whose pods a matcher means.
    pub(crate) fn meant(&self, model: &Model, matcher: MatcherId) -> Vec<ClassId> {
        let matcher = &model.matchers[matcher.position()];
        let means = |id: &ClassId| is_meant(model, matcher, model.class(*id));
        if matcher.selector.is_none() {
            return Vec::new();
        }
        if let Some(label) = matcher.sure_label() {
            let candidates = self.by_label.get(&label).map_or(&[][..], Vec::as_slice);
            return candidates.iter().copied().filter(means).collect();
        }
        match &matcher.namespaces {
            Namespaces::All => (0..model.classes.len()).map(ClassId::at).filter(means).collect(),
            Namespaces::These(names) => {
                let candidates = names.iter().filter_map(|name| self.by_namespace.get(name)).flatten();
                candidates.copied().filter(means).collect()
            }
        }
    }

    /// The classes that hold a required anti-affinity term, with how often they do.
    pub(crate) fn repelling_holders(&self, term: Term) -> &[(ClassId, i64)] {
        self.repelling.holders.get(&term).map_or(&[], Vec::as_slice)
    }

    /// The classes that hold a term which counts in scores, with its weight.
    pub(crate) fn attracting_holders(&self, term: Term) -> &[(ClassId, i64)] {
        self.attracting.holders.get(&term).map_or(&[], Vec::as_slice)
    }

    /// Required anti-affinity terms of any pod that mean pods of the class.
    pub(crate) fn repelling(&self, model: &Model, id: ClassId) -> &[Term] {
        self.repelling_of_class[id.position()].get_or_init(|| self.repelling.meaning(model, model.class(id)))
    }

    /// Terms of any pod that count in scores and mean pods of the class.
    pub(crate) fn attracting(&self, model: &Model, id: ClassId) -> &[Term] {
        self.attracting_of_class[id.position()].get_or_init(|| self.attracting.meaning(model, model.class(id)))
    }
}

impl Held {
    fn hold(&mut self, model: &Model, term: Term, class: ClassId, weight: i64) {
        let holders = self.holders.entry(term).or_default();
        if holders.is_empty() {
            match model.matchers[term.matcher.position()].sure_label() {
                Some(label) => self.by_label.entry(label).or_default().push(term),
                None => self.others.push(term),
            }
        }
        match holders.last_mut() {
            Some((last, sum)) if *last == class => *sum += weight,
            _ => holders.push((class, weight)),
        }
    }

    fn meaning(&self, model: &Model, class: &PodClass) -> Vec<Term> {
        let labels = &model.labels(class.key.labels).labels;
        let by_label = labels.iter().filter_map(|&Label { key, value }| self.by_label.get(&(key, value))).flatten();
        let mut terms: Vec<Term> = by_label
            .chain(&self.others)
            .filter(|term| is_meant(model, &model.matchers[term.matcher.position()], class))
            .copied()
            .collect();
        terms.sort_unstable();
        terms.dedup();
        terms
    }
}

/// Whether a matcher means pods of a class.
pub(crate) fn is_meant(model: &Model, matcher: &Matcher, class: &PodClass) -> bool {
    matcher.matches(class.key.namespace, model.labels(class.key.labels), &model.snapshot.texts)
}
