//! The policy as an OPA module: the same rules, asked about one object on its way into a cluster.
//!
//! [`answer`] says what is asked and answered, in JSON; [`abi`] is how engines call it; [`heap`]
//! is where both sides' values stand. Rego itself, built-in functions and OPA's bundles are not
//! known here.

mod answer;
mod path;

#[cfg(target_arch = "wasm32")]
mod abi;
#[cfg(target_arch = "wasm32")]
mod heap;
