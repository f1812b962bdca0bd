//! Proves the simulator right: the same clusters and failures, once simulated and once played by the real scheduler.
//!
//! [`generate`] makes hard cases from a seed. [`Scheduler`] plays them with the scheduler of Kubernetes itself, in
//! process (`tests/scheduler`); [`ControlPlane`] plays a sample of them on the whole test cluster. [`run`](run()) holds a
//! [`Simulator`] against the one, [`confirm`](confirm()) against the other.
//!
//! Drains are compared, too, with the eviction API's arithmetic written out once more in `tests/scheduler/drain.go`. Left
//! out: what neither decides (time to recover, the control plane's own health).

mod answer;
mod case;
mod compare;
mod confirm;
mod control_plane;
mod error;
pub mod generate;
mod predict;
mod run;
mod scheduler;
mod shrink;
mod simulated;
mod summary;

pub use answer::{Counts, Filtered, FilteredPod, Outcome, PendingPod, Played, Verdict};
pub use case::{Case, Failure, Kind};
pub use compare::{Claims, Disagreement, compare, compare_refusals};
pub use confirm::{Confirmation, confirm};
pub use control_plane::ControlPlane;
pub use error::{Error, Result};
pub use predict::{Certainty, Forecast, Missing, Prediction, Refusals, Simulator};
pub use run::{Options, Report, run};
pub use scheduler::{Pending, Scheduler};
pub use shrink::shrink;
pub use simulated::{HaSim, snapshot};
pub use summary::{Hardness, PLUGINS};
