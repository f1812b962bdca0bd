//! The hand-over of a policy's rules to the functions that engines call.

/// Makes a Wasm module of a list of rules: a `ha:policy` component and an OPA policy at once.
///
/// Call it once, in the policy's `lib.rs`: `ha_sdk::export_policy!(RULES);`. The engines'
/// functions are compiled into `ha-sdk`; they find the rules under this name when the module is
/// linked. In a native build it does nothing.
#[macro_export]
macro_rules! export_policy {
    ($rules:expr) => {
        #[cfg(target_arch = "wasm32")]
        #[allow(unsafe_code)]
        #[unsafe(no_mangle)]
        static HA_POLICY_RULES: &[&$crate::Rule] = $rules;
    };
}

/// The rules of the policy that this module is built for.
#[cfg(target_arch = "wasm32")]
#[allow(unsafe_code)]
pub(crate) fn policy_rules() -> &'static [&'static crate::Rule] {
    unsafe extern "Rust" {
        // SAFETY: `export_policy!` declares it with this type; without it, nothing links.
        safe static HA_POLICY_RULES: &'static [&'static crate::Rule];
    }
    HA_POLICY_RULES
}
