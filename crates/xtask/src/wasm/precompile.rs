//! Compiles the component ahead of time, with exactly the engine settings of `ha-host`.

use anyhow::{Context, Result};

/// Native code for `triple` (default: this machine's platform), for the oldest processor of that
/// kind: naming the platform keeps wasmtime from using what only this machine's processor can do.
pub(super) fn precompile(component: &[u8], triple: Option<&str>) -> Result<Vec<u8>> {
    let triple = triple.unwrap_or(env!("XTASK_HOST"));
    let mut config = ha_host::engine_config();
    config
        .target(triple)
        .map_err(anyhow::Error::from)
        .with_context(|| format!("wasmtime has no compiler for {triple}"))?;
    let engine = wasmtime::Engine::new(&config).map_err(anyhow::Error::from)?;
    engine
        .precompile_component(component)
        .map_err(anyhow::Error::from)
        .context("the component does not compile to native code")
}
