//! ImageLocality prefers nodes that have the pod's images, the more the larger these are and the more nodes have them.
//!
//! Source: `pkg/scheduler/framework/plugins/imagelocality/image_locality.go`.
//! On how many nodes an image is is not counted anew each time: a node knows how many there were when it changed last
//! (`SnapshotConcrete` in `pkg/scheduler/framework/types.go`).
//! Differs from upstream 1.36: images mounted as volumes are not known.

use super::MAX;
use crate::cycle::Cycle;
use crate::model::ImageModel;
use crate::state::State;

/// Below so many bytes, and above so many per container, all images score alike.
const LEAST: i64 = 23 * 1024 * 1024;
const MOST_PER_CONTAINER: i64 = 1000 * 1024 * 1024;

/// One score per node; none when no node has any of the images.
pub fn scores(state: &State, cycle: &Cycle, nodes: &[usize]) -> Option<Vec<i64>> {
    let wanted = &cycle.shape.images;
    let images: Vec<(&ImageModel, [i64; 2])> = wanted
        .iter()
        .filter_map(|name| state.model.images.get(name))
        .map(|image| (image, scaled(state, image)))
        .collect();
    if images.is_empty() {
        return None;
    }
    let score = |&node: &usize| {
        let there = images.iter().filter(|(image, _)| image.on_node[node]);
        priority(there.map(|&(_, bytes)| bytes[usize::from(state.has_changed(node))]).sum(), wanted.len())
    };
    Some(nodes.iter().map(score).collect())
}

/// The bytes of an image, less where few nodes have it (`scaledImageScore`): for a node that has not changed since nodes
/// went, and for one that has.
#[allow(clippy::cast_precision_loss, clippy::cast_possible_truncation, reason = "upstream computes in 64-bit floats")]
fn scaled(state: &State, image: &ImageModel) -> [i64; 2] {
    let gone = state.absent().iter().filter(|&&node| image.on_node[node]).count();
    [image.nodes, image.nodes - gone].map(|nodes| {
        let spread = nodes as f64 / state.present_nodes() as f64;
        (image.bytes as f64 * spread) as i64
    })
}

/// `calculatePriority`.
fn priority(bytes: i64, containers: usize) -> i64 {
    let most = MOST_PER_CONTAINER.saturating_mul(i64::try_from(containers).unwrap_or(i64::MAX));
    MAX.saturating_mul(bytes.clamp(LEAST, most.max(LEAST)) - LEAST) / (most - LEAST).max(1)
}

#[cfg(test)]
mod tests {
    use super::{LEAST, MOST_PER_CONTAINER, priority};

    #[test]
    fn large_images_score_in_percent() {
        let cases = [
            (0, 1, 0),
            (LEAST, 1, 0),
            (MOST_PER_CONTAINER, 1, 100),
            (i64::MAX, 1, 100),
            (MOST_PER_CONTAINER, 2, 49),
            (i64::MAX, 0, 0),
        ];
        for (bytes, containers, expected) in cases {
            assert_eq!(priority(bytes, containers), expected, "{bytes} of {containers} containers");
        }
    }
}
