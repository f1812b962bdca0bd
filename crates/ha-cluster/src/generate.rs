//! Clusters of any size from a seed: the same size and seed give the same objects, in the same
//! order, on every machine.
//!
//! [`manifests`] gives what a user would create (for the test cluster, whose control plane adds
//! the rest), [`live`] what an API server would return of the same cluster (for snapshots that
//! are too large to run). Objects are handed out one at a time; what is held are the plans of
//! nodes and workloads, never the pods.
//!
//! Every cluster has three zones, three control-plane nodes with static pods, cluster DNS, two
//! DaemonSets, and workloads of which 20 % spread strictly, 5 % require different nodes, 10 %
//! keep data on zonal volumes, and some are fragile. All pods fit, with a zone to spare.
//!
//! Left out: Jobs (their pods end), Ingress and Gateways, custom kinds, managed fields.

mod live;
mod manifests;
mod placement;
mod plan;
mod pods;
mod status;
mod system;
mod template;

use serde_json::Value;

use crate::error::{Error, Result};
use plan::Plan;

/// How large a cluster is to be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Size {
    /// All pods, those of the control plane and of DaemonSets included.
    pub pods: usize,
    /// All nodes, the three of the control plane included.
    pub nodes: usize,
    /// Controllers of pods outside kube-system.
    pub workloads: usize,
    /// Different pod templates, names aside.
    pub templates: usize,
}

impl Size {
    /// The snapshot of the benchmarks.
    pub const BENCHMARK: Self = Self { pods: 150_000, nodes: 5_000, workloads: 30_000, templates: 3_200 };

    /// A size of usual proportions: 18 pods a node, 6 a workload, 5 workloads a template.
    pub fn of(pods: usize, nodes: Option<usize>) -> Self {
        let nodes = nodes.unwrap_or_else(|| (pods / 18).max(6));
        let workloads = (pods / 6).max(1);
        Self { pods, nodes, workloads, templates: (workloads / 5).max(20) }
    }

    /// Says why a cluster of this size is not possible.
    fn check(&self) -> Result<()> {
        let least = system::pods(self.nodes) + self.workloads;
        let most = self.nodes * 80;
        let problem = match self {
            Self { nodes, .. } if *nodes < 6 => {
                "there must be 6 nodes: 3 of the control plane, and one worker a zone".to_owned()
            }
            Self { pods, .. } if *pods < least => {
                format!("{} nodes and {} workloads need at least {least} pods", self.nodes, self.workloads)
            }
            Self { pods, .. } if *pods > most => {
                format!("{} nodes hold at most {most} pods", self.nodes)
            }
            Self { templates: 0, .. } | Self { workloads: 0, .. } => {
                "there must be a workload and a template".to_owned()
            }
            _ => return Ok(()),
        };
        Err(Error::Usage(format!("cannot generate {} pods: {problem}", self.pods)))
    }
}

/// Hands out the objects to create, in an order in which they can be created.
///
/// Stops at the first error of `visit`.
pub fn manifests(size: Size, seed: u64, visit: &mut dyn FnMut(Value) -> Result<()>) -> Result<()> {
    size.check()?;
    manifests::visit(&Plan::new(size, seed), visit)
}

/// Hands out all objects as a live cluster would return them: with status, UIDs, owners, the
/// objects that controllers make, and pods on nodes.
///
/// Stops at the first error of `visit`.
pub fn live(size: Size, seed: u64, visit: &mut dyn FnMut(Value) -> Result<()>) -> Result<()> {
    size.check()?;
    live::visit(&Plan::new(size, seed), visit)
}
