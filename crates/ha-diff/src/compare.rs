//! Holds a prediction against what really happened.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use crate::answer::{Counts, Filtered, Outcome, Played};
use crate::predict::{Certainty, Forecast, Missing, Prediction, Refusals};

/// One point in which a prediction is wrong.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "about", rename_all = "camelCase", rename_all_fields = "camelCase")]
pub enum Disagreement {
    /// The simulator has no answer.
    NoAnswer {
        /// Its reason.
        reason: String,
    },
    /// Another number of pods does not run.
    Counts {
        /// `namespace/name`.
        workload: String,
        /// What was predicted.
        forecast: Forecast,
        /// What really was.
        real: Missing,
        /// In how many runs.
        seen: u32,
    },
    /// Other plugins keep the pods Pending.
    Plugins {
        /// `namespace/name`.
        workload: String,
        /// What was predicted: one set for every way in which it may end.
        forecast: BTreeSet<BTreeSet<String>>,
        /// What really was, in any run.
        real: BTreeSet<BTreeSet<String>>,
    },
    /// Evictions of another number of pods are refused.
    Refused {
        /// `namespace/name`.
        workload: String,
        /// What was predicted, at least and at most.
        forecast: (i32, i32),
        /// What really was.
        real: i32,
    },
    /// A filter plugin on its own says something else about pairs of a pod and a node.
    Verdicts {
        /// `namespace/name` of the pod.
        pod: String,
        /// The plugin.
        plugin: String,
        /// Nodes that only the simulator refuses.
        only_simulated: BTreeSet<String>,
        /// Nodes that only the scheduler refuses.
        only_real: BTreeSet<String>,
    },
}

/// How much of a prediction was definite.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Claims {
    /// Workloads whose end was called certain.
    pub certain: usize,
    /// Those called possible although all runs ended alike.
    pub hesitant: usize,
    /// Those called possible that did end in several ways.
    pub possible: usize,
    /// Those called unknown.
    pub unknown: usize,
}

/// Everything in which a prediction is wrong, and how much it claimed.
#[must_use]
pub fn compare(prediction: &Result<Prediction, String>, played: &Played) -> (Vec<Disagreement>, Claims) {
    let prediction = match prediction {
        Ok(prediction) => prediction,
        Err(reason) => return (vec![Disagreement::NoAnswer { reason: reason.clone() }], Claims::default()),
    };
    let (mut found, mut claims) = (Vec::new(), Claims::default());
    let workloads: BTreeSet<&String> = played.outcomes.iter().flat_map(|outcome| outcome.after_retry.keys()).collect();
    for workload in workloads {
        let forecast = prediction.workloads.get(workload).cloned().unwrap_or_else(|| unchanged(workload, played));
        let ends = ends(workload, played);
        match forecast.certainty {
            Certainty::Unknown => {
                claims.unknown += 1;
                continue;
            }
            Certainty::Certain => claims.certain += 1,
            Certainty::Possible if ends.len() > 1 => claims.possible += 1,
            Certainty::Possible => claims.hesitant += 1,
        }
        let split = ends.iter().any(|(end, _)| end.all() == ends[0].0.all() && *end != ends[0].0);
        for (real, seen) in &ends {
            if !agrees(&forecast, *real, split) && !stuck(workload, *real, played, &forecast, split) {
                let (workload, forecast) = (workload.clone(), forecast.clone());
                found.push(Disagreement::Counts { workload, forecast, real: *real, seen: *seen });
            }
        }
        found.extend(plugins(workload, &forecast, played));
        found.extend(refused(workload, &forecast, played));
    }
    (found, claims)
}

/// An end of a drain in which budgets refuse more or fewer evictions than was predicted.
fn refused(workload: &str, forecast: &Forecast, played: &Played) -> Option<Disagreement> {
    let (least, most) = forecast.refused;
    let real = played.outcomes.iter().map(|outcome| outcome.refusals(workload));
    let real = real.into_iter().find(|real| !(least..=most).contains(real))?;
    Some(Disagreement::Refused { workload: workload.to_owned(), forecast: forecast.refused, real })
}

/// A workload that the prediction does not mention stays as it was.
fn unchanged(workload: &str, played: &Played) -> Forecast {
    let same = played.before.get(workload).map(missing).unwrap_or_default();
    let before = played.pending_before.iter().filter(|pod| pod.workload == workload);
    let plugins: BTreeSet<String> = before.flat_map(|pod| pod.plugins.clone().unwrap_or_default()).collect();
    let plugins = BTreeSet::from([plugins]);
    let (certainty, messages) = (Certainty::Certain, Vec::new());
    Forecast { certainty, expected: same, best: same, worst: same, plugins, refused: (0, 0), messages }
}

fn missing(counts: &Counts) -> Missing {
    Missing { pending: counts.pending, not_created: counts.not_created }
}

/// The different ends of a workload, and in how many runs.
fn ends(workload: &str, played: &Played) -> Vec<(Missing, u32)> {
    let mut ends: Vec<(Missing, u32)> = Vec::new();
    for outcome in &played.outcomes {
        if let Some(end) = outcome.after_retry.get(workload).map(missing) {
            match ends.iter_mut().find(|(known, _)| *known == end) {
                Some((_, seen)) => *seen += outcome.seen,
                None => ends.push((end, outcome.seen)),
            }
        }
    }
    ends
}

/// Whether an end is what was predicted. Where the real controller created more or fewer of the same missing pods from
/// run to run, only their sum counts.
fn agrees(forecast: &Forecast, real: Missing, split: bool) -> bool {
    match forecast.certainty {
        Certainty::Unknown => true,
        Certainty::Certain if split => forecast.expected.all() == real.all(),
        Certainty::Certain => forecast.expected == real,
        Certainty::Possible => (forecast.best.all()..=forecast.worst.all()).contains(&real.all()),
    }
}

/// Whether the prediction is how the scheduler left the workload before the waiting pods were tried once more: it
/// overlooks some events for 5 minutes.
fn stuck(workload: &str, real: Missing, played: &Played, forecast: &Forecast, split: bool) -> bool {
    let left = |outcome: &&Outcome| outcome.after_retry.get(workload).map(missing) == Some(real);
    played.outcomes.iter().filter(left).all(|outcome| {
        let at_rest = outcome.workloads.get(workload).map(missing).unwrap_or_default();
        at_rest != real && agrees(forecast, at_rest, split)
    })
}

/// Compares the plugins that keep pods Pending, where all runs ended alike and the forecast is definite: one run must
/// have named them as one way of the forecast does, since they too depend on orders and ties.
fn plugins(workload: &str, forecast: &Forecast, played: &Played) -> Option<Disagreement> {
    let [outcome] = played.outcomes.as_slice() else {
        return None;
    };
    let real = outcome.reasons.get(workload).cloned().unwrap_or_default();
    if forecast.certainty != Certainty::Certain || real.is_empty() || !real.is_disjoint(&forecast.plugins) {
        return None;
    }
    Some(Disagreement::Plugins { workload: workload.to_owned(), forecast: forecast.plugins.clone(), real })
}

/// Compares the verdicts of single plugins; also returns how many pairs were compared per plugin. Pods and plugins that
/// the simulator does not speak of are not compared.
#[must_use]
pub fn compare_refusals(simulated: &Refusals, real: &Filtered) -> (Vec<Disagreement>, BTreeMap<String, usize>) {
    let (mut found, mut compared) = (Vec::new(), BTreeMap::new());
    for asked in &real.pods {
        for (plugin, mine) in simulated.get(&asked.pod).into_iter().flatten() {
            let Some(nodes) = asked.plugins.get(plugin) else {
                continue;
            };
            *compared.entry(plugin.clone()).or_default() += real.nodes.len();
            let real: BTreeSet<String> = nodes.keys().cloned().collect();
            if *mine != real {
                found.push(Disagreement::Verdicts {
                    pod: asked.pod.clone(),
                    plugin: plugin.clone(),
                    only_simulated: mine.difference(&real).cloned().collect(),
                    only_real: real.difference(mine).cloned().collect(),
                });
            }
        }
    }
    (found, compared)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::answer::PendingPod;

    fn counts(pending: i32, not_created: i32) -> Counts {
        Counts { desired: 5, assigned: 5 - pending - not_created, pending, not_created }
    }

    fn outcome(seen: u32, at_rest: Counts, retried: Counts) -> Outcome {
        let pod = PendingPod {
            workload: "shop/web".to_owned(),
            pod: "web-x".to_owned(),
            message: String::new(),
            plugins: Some(BTreeSet::from(["NodePorts".to_owned()])),
            nodes: None,
            rest: None,
        };
        Outcome {
            seen,
            workloads: BTreeMap::from([("shop/web".to_owned(), at_rest)]),
            after_retry: BTreeMap::from([("shop/web".to_owned(), retried)]),
            pending_pods: if retried.pending > 0 { vec![pod] } else { Vec::new() },
            preempted: Vec::new(),
            refused: None,
            placements: BTreeMap::new(),
            reasons: if retried.pending > 0 {
                BTreeMap::from([("shop/web".to_owned(), ways("NodePorts"))])
            } else {
                BTreeMap::new()
            },
        }
    }

    fn ways(plugin: &str) -> BTreeSet<BTreeSet<String>> {
        BTreeSet::from([BTreeSet::from([plugin.to_owned()])])
    }

    fn played(outcomes: Vec<Outcome>) -> Played {
        Played {
            objects: Vec::new(),
            before: BTreeMap::from([("shop/web".to_owned(), counts(0, 0))]),
            pending_before: Vec::new(),
            deterministic: outcomes.len() == 1,
            outcomes,
        }
    }

    #[allow(clippy::unnecessary_wraps)] // what a simulator answers
    fn forecast(certainty: Certainty, pending: i32, worst: i32, plugin: &str) -> Result<Prediction, String> {
        let at = |pending| Missing { pending, not_created: 0 };
        let plugins = ways(plugin);
        let forecast = Forecast {
            certainty,
            expected: at(pending),
            best: at(pending),
            worst: at(worst),
            plugins,
            refused: (0, 0),
            messages: Vec::new(),
        };
        Ok(Prediction { workloads: BTreeMap::from([("shop/web".to_owned(), forecast)]) })
    }

    fn wrong(prediction: &Result<Prediction, String>, played: &Played) -> usize {
        compare(prediction, played).0.len()
    }

    #[test]
    fn certain_means_every_run() {
        let one = played(vec![outcome(3, counts(1, 0), counts(1, 0))]);
        assert_eq!(wrong(&forecast(Certainty::Certain, 1, 1, "NodePorts"), &one), 0);
        assert_eq!(wrong(&forecast(Certainty::Certain, 2, 2, "NodePorts"), &one), 1);
        let two = played(vec![outcome(2, counts(1, 0), counts(1, 0)), outcome(1, counts(2, 0), counts(2, 0))]);
        assert_eq!(wrong(&forecast(Certainty::Certain, 1, 1, "NodePorts"), &two), 1);
        assert_eq!(wrong(&forecast(Certainty::Possible, 1, 2, "NodePorts"), &two), 0);
        assert_eq!(wrong(&forecast(Certainty::Possible, 2, 3, "NodePorts"), &two), 1);
    }

    #[test]
    fn only_the_sum_counts_where_the_split_is_not_fixed() {
        let split = played(vec![outcome(2, counts(1, 1), counts(1, 1)), outcome(1, counts(2, 0), counts(2, 0))]);
        assert_eq!(wrong(&forecast(Certainty::Certain, 2, 2, "NodePorts"), &split), 0);
        let fixed = played(vec![outcome(3, counts(1, 1), counts(1, 1))]);
        assert_eq!(wrong(&forecast(Certainty::Certain, 2, 2, "NodePorts"), &fixed), 1);
    }

    #[test]
    fn pods_that_the_scheduler_overlooks_may_be_predicted_either_way() {
        let stuck = played(vec![outcome(3, counts(2, 0), counts(1, 0))]);
        assert_eq!(wrong(&forecast(Certainty::Certain, 1, 1, "NodePorts"), &stuck), 0);
        assert_eq!(wrong(&forecast(Certainty::Certain, 2, 2, "NodePorts"), &stuck), 0);
        assert_eq!(wrong(&forecast(Certainty::Certain, 3, 3, "NodePorts"), &stuck), 1);
    }

    #[test]
    fn other_plugins_and_workloads_that_are_not_mentioned_are_found() {
        let one = played(vec![outcome(3, counts(1, 0), counts(1, 0))]);
        assert_eq!(wrong(&forecast(Certainty::Certain, 1, 1, "TaintToleration"), &one), 1);
        assert_eq!(wrong(&Ok(Prediction::default()), &one), 2);
        assert_eq!(wrong(&Err("no idea".to_owned()), &one), 1);
    }
}
