//! A real Kubernetes control plane without containers, for tests and benchmarks.
//!
//! etcd, kube-apiserver, kube-controller-manager, kube-scheduler and kwok (which plays the
//! kubelets) are built once from the pinned Go modules in `tests/cluster`, cached for the user,
//! and started on free loopback ports. [`generate`] makes clusters of any size from a seed,
//! [`load`] creates them through the API server.
//!
//! Left out on purpose: containers (kwok only reports them as running), networking, volumes that
//! hold data, and more than one API server.

mod api;
pub mod binaries;
mod cluster;
mod components;
mod credentials;
pub mod demo;
mod error;
pub mod generate;
pub mod load;
mod process;
mod state;

pub use cluster::{Cluster, Health};
pub use credentials::USERS;
pub use error::{Error, Result};

/// Receives one line of progress at a time, without a line end.
pub type Progress<'a> = &'a dyn Fn(&str);

/// The root of the repository this crate was compiled in.
pub(crate) fn repository() -> std::path::PathBuf {
    let crate_directory = std::path::Path::new(env!("CARGO_MANIFEST_DIR"));
    let root = crate_directory.ancestors().nth(2);
    root.unwrap_or(crate_directory).to_path_buf()
}
