//! The declaration of a rule.

/// Declares a rule: its doc comment is its documentation everywhere.
///
/// The comment stays on the static, and the native build keeps it in [`Rule::doc`](crate::Rule), from where it
/// reaches the `ha:rules` section of the Wasm file, `kubectl ha explain` and `docs/rules`. Inside a Wasm module
/// it is left out: OPA hosts offer 320 KiB of memory, and a hundred rules' documentation does not fit.
///
/// ```
/// use ha_sdk::{Area, Class, Findings, Input, Severity, rule};
///
/// rule! {
///     /// A cluster without nodes.
///     pub static NO_NODES: Rule = Rule {
///         name: "no-nodes",
///         area: Area::Nodes,
///         severity: Severity::Low,
///         class: Class::C,
///         needs: &[],
///         since: "0.1.0",
///         check,
///     };
/// }
///
/// fn check(input: &Input, findings: &mut Findings) {
///     let cluster = ha_sdk::Snapshot::CLUSTER;
///     if input.snapshot.nodes.is_empty() {
///         findings.fail(cluster, "the cluster has no node");
///     } else {
///         findings.pass(cluster);
///     }
/// }
/// assert!(NO_NODES.doc.contains("without nodes"));
/// ```
#[macro_export]
macro_rules! rule {
    ($(#[doc = $doc:literal])+ pub static $name:ident: Rule = Rule { $($fields:tt)* };) => {
        $(#[doc = $doc])+
        pub static $name: $crate::Rule = $crate::Rule {
            doc: $crate::documentation!($($doc),+),
            $($fields)*
        };
    };
}

/// The lines of a doc comment as one string; empty inside a Wasm module.
#[doc(hidden)]
#[macro_export]
#[cfg(not(target_arch = "wasm32"))]
macro_rules! documentation {
    ($($line:literal),+) => { concat!($($line, "\n"),+) };
}

/// The lines of a doc comment as one string; empty inside a Wasm module.
#[doc(hidden)]
#[macro_export]
#[cfg(target_arch = "wasm32")]
macro_rules! documentation {
    ($($line:literal),+) => {
        ""
    };
}
