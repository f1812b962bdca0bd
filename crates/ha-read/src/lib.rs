//! All input of `kubectl ha`: a live cluster, manifests, snapshot files, standard input.
//!
//! Each source hands over its objects one by one and returns a [`Reading`]: what it was,
//! and every [`Gap`] in it. Reading never fails as a whole because a part cannot be read;
//! an error means that there was nothing to read from. What the objects mean is not
//! decided here, and nothing here ever writes.
#![forbid(unsafe_code)]

pub mod cluster;
pub mod kubeconfig;
pub mod manifests;
mod reading;
pub mod saved;

pub use reading::{Gap, OTHER_NAMESPACES, Reading};
