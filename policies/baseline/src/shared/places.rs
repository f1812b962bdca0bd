//! Where pods run, in words.

use alloc::collections::BTreeSet;
use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;

use ha_sdk::snapshot::{Pod, Snapshot};

/// Most names that a message lists.
const SHOWN: usize = 3;

/// `a, b, c and 4 more`.
pub(crate) fn list(names: &[&str]) -> String {
    let shown = names.iter().take(SHOWN).copied().collect::<Vec<_>>().join(", ");
    match names.len().checked_sub(SHOWN) {
        None | Some(0) => shown,
        Some(more) => format!("{shown} and {more} more"),
    }
}

/// The names of the nodes on which these pods run, sorted.
pub(crate) fn node_names<'s>(snapshot: &'s Snapshot, pods: impl IntoIterator<Item = &'s Pod>) -> Vec<&'s str> {
    let names: BTreeSet<&str> = pods
        .into_iter()
        .filter(|pod| !pod.is_finished() && !pod.node_name.is_empty())
        .map(|pod| snapshot.text(pod.node_name))
        .collect();
    names.into_iter().collect()
}
