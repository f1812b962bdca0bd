//! `Snapshot × Disruption → Impact`: what kube-scheduler 1.36 and the controllers do after a failure.
//!
//! A [`Model`] is a snapshot compiled once; a [`State`] is the cluster while something is tried out, and returns to where
//! it was. [`simulate`](simulate::simulate) tries one disruption, [`matrix`] the standard ones, and [`mod@pairs`] tells of
//! every two nodes without trying them. The files of `filters` and `scores` are named after the scheduler's plugins, and
//! each opens with where it differs from upstream, and why.
//!
//! Pure: no I/O, no clock, no randomness but from a seed. Ties that the real scheduler breaks at random are broken by
//! dice; what holds for all of them is called certain only with the argument in [`order`].

mod ample;
pub mod autoscale;
pub mod cluster;
pub mod controllers;
pub mod cycle;
pub mod during;
pub mod eviction;
pub mod failure;
pub mod filters;
pub mod headroom;
pub mod ids;
pub mod matrix;
pub mod messages;
pub mod model;
pub mod order;
pub mod outcome;
pub mod pairs;
pub mod placement;
pub mod places;
pub mod preemption;
mod put_off;
pub mod queue;
pub mod random;
pub mod recovery;
pub mod remedies;
pub mod rollout;
mod room;
pub mod run;
pub mod schedule;
pub mod scores;
pub mod settle;
mod shortage;
pub mod simulate;
mod solid;
pub mod state;
pub mod survival;
pub mod tally;
mod threats;
pub mod upgrade;

pub use model::Model;
pub use state::State;
