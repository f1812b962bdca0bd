//! What holds for every input, shown on many: the cases, other projects' manifests, the example cluster, generated
//! clusters and random objects.

// A helper of a test may fail, and speak, like the test itself.
#![allow(clippy::unwrap_used, clippy::print_stdout)]

mod anonymize;
mod order;
mod patches;
mod saved;
mod slim;
