//! Compiles the component ahead of time, with exactly the engine settings of `ha-host`.

use anyhow::{Result, anyhow};
use wasmtime::Engine;

/// Native code for `triple` (default: this machine's platform), for the oldest processor of that
/// kind: naming the platform keeps wasmtime from using what only this machine's processor can do.
pub(super) fn precompile(component: &[u8], triple: Option<&str>) -> Result<Vec<u8>> {
    let triple = triple.unwrap_or(env!("XTASK_HOST"));
    compile(component, triple).map_err(|error| anyhow!("cannot compile the component for {triple}: {error:#}"))
}

fn compile(component: &[u8], triple: &str) -> wasmtime::Result<Vec<u8>> {
    let mut config = ha_host::engine_config();
    config.target(triple)?;
    Engine::new(&config)?.precompile_component(component)
}
