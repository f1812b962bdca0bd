//! What all displaced pods request together, and on how many of some nodes this can bring a shortage.
//!
//! Words are those of the argument in [`order`](crate::order). Pods of D come to a node only if labels and taints admit
//! them, so only the requests of those count that can come to one of the nodes. Where a pod with some requests does not
//! find room later that found room in S, others have taken the gap between what is left there and what it requests. The
//! most nodes fall short when the smallest gaps are taken first; a node that falls short of two resources counts twice,
//! which makes the figure no smaller than the truth.

use hashbrown::HashMap;

use crate::ids::{PodIndex, StaticId};
use crate::model::Requests;
use crate::state::State;

/// Of a resource, or pods: the first is the number of pods, then resources by their number, as in [`State::left`].
type Amounts = Vec<i64>;

/// So many kinds of pods, told apart by what they ask of labels and taints, are looked at one by one.
const KINDS: usize = 64;

/// What the pods of D request together.
pub(crate) struct Demand {
    /// All of them.
    pub(crate) all: Amounts,
    /// Those that ask for one node by its name.
    of_node: HashMap<usize, Amounts>,
    /// The others, by what they ask of labels and taints.
    of_statics: Vec<(StaticId, Amounts)>,
    /// Whether a single node may have room for all of them.
    pub(crate) fits_a_node: bool,
    /// Some pod requests less than nothing, so what is requested on a node need not grow.
    pub(crate) is_absurd: bool,
}

impl Demand {
    pub(crate) fn of(state: &State, pods: &[PodIndex]) -> Self {
        let model = state.model;
        let nothing = vec![0; 1 + model.resources.count()];
        let (mut all, mut is_absurd) = (nothing.clone(), false);
        let (mut of_node, mut of_statics) = (HashMap::new(), HashMap::new());
        for &pod in pods {
            let id = model.class(state.pod(pod).class).statics;
            let pinned = model.statics(id).spec.pinned;
            let part: &mut Amounts = if pinned.is_empty() {
                of_statics.entry(id).or_insert_with(|| nothing.clone())
            } else {
                // A node that does not exist takes no pod.
                let Some(node) = model.find_node(pinned) else { continue };
                of_node.entry(node).or_insert_with(|| nothing.clone())
            };
            let requests = &state.shape_of(pod).requests;
            add(part, requests);
            add(&mut all, requests);
            is_absurd |= requests.amounts.iter().any(|&(_, value)| value < 0);
        }
        let fits_a_node = model.nodes.iter().any(|node| node.pods >= all[0]);
        Self { all, of_node, of_statics: of_statics.into_iter().collect(), fits_a_node, is_absurd }
    }

    /// What those pods request together that labels and taints admit to one of the nodes, at most.
    fn on(&self, state: &State, nodes: &[u32]) -> Amounts {
        if self.of_statics.len() > KINDS {
            return self.all.clone();
        }
        let reaches = |id: StaticId| nodes.iter().any(|&node| state.static_mask(id, node as usize) == 0);
        let kinds = self.of_statics.iter().filter(|&&(id, _)| reaches(id)).map(|(_, amounts)| amounts);
        let pinned = nodes.iter().filter_map(|&node| self.of_node.get(&(node as usize)));
        let mut sum = vec![0_i64; self.all.len()];
        for amounts in kinds.chain(pinned) {
            for (sum, &amount) in sum.iter_mut().zip(amounts) {
                *sum = sum.saturating_add(amount);
            }
        }
        sum
    }
}

fn add(amounts: &mut Amounts, requests: &Requests) {
    amounts[0] += 1;
    for &(resource, value) in &requests.amounts {
        let sum = &mut amounts[resource.after_pods()];
        *sum = sum.saturating_add(value);
    }
}

/// Some nodes in the state S.
pub(crate) struct Pool {
    pub(crate) nodes: Vec<u32>,
    /// What those pods of D request together that may come to one of the nodes.
    demand: Amounts,
    /// What is left on the nodes, per resource that D requests.
    left: Vec<Option<Left>>,
}

/// What is left of one resource: the smallest first, and the sums of the first so many.
struct Left {
    values: Vec<i64>,
    sums: Vec<i128>,
}

impl Left {
    fn of(mut values: Vec<i64>) -> Self {
        values.sort_unstable();
        let mut sums = vec![0];
        let mut sum = 0;
        for &value in &values {
            sum += i128::from(value);
            sums.push(sum);
        }
        Self { values, sums }
    }

    /// How many nodes have less than `wanted` left, or may have after others took `others`.
    fn short(&self, wanted: i64, others: i64) -> usize {
        let short = self.values.partition_point(|&value| value < wanted);
        let gaps_up_to = |count: usize| {
            let nodes = i128::try_from(count - short).unwrap_or(i128::MAX);
            self.sums[count] - self.sums[short] - nodes * (i128::from(wanted) - 1)
        };
        let (mut covered, mut beyond) = (short, self.values.len() + 1);
        while beyond - covered > 1 {
            let middle = covered + (beyond - covered) / 2;
            if gaps_up_to(middle) <= i128::from(others) { covered = middle } else { beyond = middle }
        }
        covered
    }
}

impl Pool {
    pub(crate) fn new(state: &State, demand: &Demand, nodes: Vec<u32>) -> Self {
        let left = |(place, &amount): (usize, &i64)| {
            let values = || nodes.iter().map(|&node| state.left(node as usize)[place]).collect();
            (amount > 0).then(|| Left::of(values()))
        };
        let left = demand.all.iter().enumerate().map(left).collect();
        Self { demand: demand.on(state, &nodes), nodes, left }
    }

    /// On how many of the nodes, at most, a pod of D with these requests does not find room at some time.
    pub(crate) fn short(&self, requests: &Requests) -> usize {
        let wanted = requests.amounts.iter().map(|&(resource, amount)| (resource.after_pods(), amount));
        let short = wanted.chain([(0, 1)]).map(|(place, wanted)| {
            let others = self.demand[place].saturating_sub(wanted);
            self.left[place].as_ref().map_or(self.nodes.len(), |left| left.short(wanted, others))
        });
        short.sum()
    }

    /// Whether a pod of D with these requests finds room on one of the nodes at any time.
    pub(crate) fn is_ample(&self, requests: &Requests) -> bool {
        self.short(requests) < self.nodes.len()
    }
}

/// How many of the nodes have less of something left than `wanted`, or may have after others took `others`: pods at
/// `place` 0, then resources.
pub(crate) fn short(state: &State, nodes: &[usize], place: usize, wanted: i64, others: i64) -> usize {
    Left::of(nodes.iter().map(|&node| state.left(node)[place]).collect()).short(wanted, others)
}

#[cfg(test)]
mod tests {
    use super::Left;

    #[test]
    fn the_smallest_gaps_are_covered_first() {
        let cases = [
            (10, vec![5, 5, 5], 2),
            (10, vec![11], 0),
            (0, vec![1, 2], 0),
            (3, vec![2, 1, 9], 2),
            (i64::MAX, vec![i64::MAX, i64::MAX], 1),
        ];
        for (sum, gaps, expected) in cases {
            assert_eq!(Left::of(gaps.clone()).short(1, sum), expected, "{sum} over {gaps:?}");
        }
    }

    #[test]
    fn nodes_fall_short_where_least_is_left() {
        // What is left, what is wanted, what others take, and how many nodes fall short.
        let cases = [
            (vec![5, 5, 5], 5, 0, 0),
            (vec![5, 5, 5], 5, 1, 1),
            (vec![5, 5, 5], 6, 0, 3),
            (vec![9, 3, 5], 4, 7, 2),
            (vec![9, 3, 5], 4, 8, 3),
            (vec![9, 3, 5], 4, 1, 1),
            (vec![i64::MAX, i64::MIN], 1, i64::MAX, 2),
            (vec![], 1, 1, 0),
        ];
        for (left, wanted, others, expected) in cases {
            assert_eq!(Left::of(left.clone()).short(wanted, others), expected, "{left:?} {wanted} {others}");
        }
    }
}
