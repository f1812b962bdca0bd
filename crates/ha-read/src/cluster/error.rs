//! Why a cluster could not be read at all.

use crate::kubeconfig::KubeconfigError;

/// Why there is no reading. Everything less is a [`Gap`](crate::Gap).
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ClusterError {
    /// No connection could be configured, or the credential plugin failed.
    #[error(transparent)]
    Kubeconfig(#[from] KubeconfigError),
    /// The client cannot be set up, for example with this certificate.
    #[error("cannot set up the connection to {server}: {reason}")]
    Setup {
        /// The server's address.
        server: String,
        /// What is wrong.
        reason: String,
    },
    /// The server could not be reached, or is no API server.
    #[error("cannot read the cluster at {server}: {reason}")]
    Unreachable {
        /// The server's address.
        server: String,
        /// What happened.
        reason: String,
    },
    /// The server does not accept who we are.
    #[error("cannot log in to {server}: {reason}; check the user of context {context:?}, or log in again")]
    Unauthorized {
        /// The server's address.
        server: String,
        /// The kubeconfig context.
        context: String,
        /// What the server said.
        reason: String,
    },
    /// The thread that talks to the server could not be started, or died.
    #[error("cannot read the cluster: {0}")]
    Internal(String),
}
