//! How policies are compiled and run: the one place with wasmtime's settings.
//!
//! The settings decide what compiled code looks like, so whoever compiles ahead of time uses
//! exactly these (`cargo xtask wasm` does).

use std::sync::mpsc::{self, RecvTimeoutError, Sender};
use std::thread;
use std::time::Duration;

use wasmtime::{Config, Engine, Strategy};

/// How deep a policy may call, in bytes of native stack. A thread has 2 MiB; deeper recursion is
/// a trap of the policy, never an overflow of ours.
const MAX_STACK: usize = 512 * 1024;

/// How often running policies look at the clock.
pub(crate) const TICK: Duration = Duration::from_millis(5);

/// The engine for policies cannot be set up on this machine.
#[derive(Debug, thiserror::Error)]
#[error("the WebAssembly engine does not start: {0:#}")]
pub struct HostError(wasmtime::Error);

/// The settings of every engine that compiles or runs policies.
///
/// Deterministic (fuel, canonical NaN, no threads, no relaxed SIMD), bounded (fuel, epochs,
/// stack), and without the WebAssembly proposals that a policy has no use for: each is code that
/// could hold a bug. (Threads, garbage collection and exceptions are not even compiled in.)
pub fn engine_config() -> Config {
    let mut config = Config::new();
    config
        .strategy(Strategy::Cranelift)
        .wasm_component_model(true)
        .consume_fuel(true)
        .epoch_interruption(true)
        .max_wasm_stack(MAX_STACK)
        .cranelift_nan_canonicalization(true)
        .wasm_relaxed_simd(false)
        .wasm_memory64(false)
        .wasm_multi_memory(false)
        .wasm_tail_call(false)
        .wasm_custom_page_sizes(false)
        .memory_init_cow(true)
        // For the stacks of traps, which nobody is shown: an eighth of the compiled code.
        .generate_address_map(false)
        .wasm_backtrace_max_frames(None);
    config
}

pub(crate) fn engine() -> Result<Engine, HostError> {
    Engine::new(&engine_config()).map_err(HostError)
}

/// A thread that moves the engine's clock, for as long as this lives.
#[derive(Debug)]
pub(crate) struct Clock {
    _stop_on_drop: Sender<()>,
}

impl Clock {
    pub(crate) fn start(engine: &Engine) -> Self {
        let (stop_on_drop, stopped) = mpsc::channel();
        let engine = engine.weak();
        thread::spawn(move || {
            while stopped.recv_timeout(TICK) == Err(RecvTimeoutError::Timeout) {
                if let Some(engine) = engine.upgrade() {
                    engine.increment_epoch();
                }
            }
        });
        Self { _stop_on_drop: stop_on_drop }
    }
}
