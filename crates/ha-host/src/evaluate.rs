//! Asks a policy about a snapshot: a fresh instance each time, everything bounded, the answer
//! checked before anybody sees it.

use std::path::Path;

use ha_core::finding::CheckOutput;
use ha_core::rule::Input;
use ha_core::{Impact, Settings, Snapshot};
use wasmtime::component::TypedFunc;
use wasmtime::{Engine, Store, Trap};

use crate::cache::Cache;
use crate::compile::Compiler;
use crate::engine::{self, Clock, HostError};
use crate::inspect::CONTRACT;
use crate::limits::{Limits, Meter};
use crate::load::{self, LoadError, Policy, Tools};
use crate::output;
use crate::shares;

/// The contract's one function, in Rust.
type Check<'a> = TypedFunc<(&'a Snapshot, &'a Settings, &'a [Impact]), (CheckOutput,)>;

/// Why a policy gave no answer that can be used. All its verdicts are unknown then.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PolicyFailure {
    /// It crashed: a bug in one of its rules.
    #[error("it crashed: {0}")]
    Trapped(String),
    /// It took too many steps.
    #[error("it used up its {limit} units of fuel; it may be looping")]
    OutOfFuel {
        /// What it was given.
        limit: u64,
    },
    /// It wanted too much memory.
    #[error("it wanted more than {} MiB of memory", .limit / (1024 * 1024))]
    OutOfMemory {
        /// What it was given, in bytes.
        limit: u64,
    },
    /// It took too long.
    #[error("it took longer than {seconds} s")]
    TimedOut {
        /// What it was given.
        seconds: u64,
    },
    /// Its function is not the contract's.
    #[error("its function 'check' is not that of {CONTRACT}: {0}")]
    OtherContract(String),
    /// What it returned cannot be read, or contradicts itself.
    #[error("its answer is not valid: {what}")]
    Garbage {
        /// What is wrong with it.
        what: String,
    },
    /// It has more to say than a person could want.
    #[error("it reported {found} findings; at most {allowed} are allowed for this input")]
    TooManyFindings {
        /// How many there are.
        found: usize,
        /// How many there may be.
        allowed: usize,
    },
    /// It spoke about an object that does not exist.
    #[error("it reported object number {object}, which the input does not have")]
    UnknownObject {
        /// The position that it gave.
        object: u32,
    },
    /// It spoke for a rule that it does not have.
    #[error("it reported rule number {rule}, which it does not list")]
    UnknownRule {
        /// The position that it gave.
        rule: u32,
    },
}

/// What belongs to one evaluation.
#[derive(Debug)]
pub(crate) struct State {
    meter: Meter,
}

/// Loads and runs policies.
#[derive(Debug)]
pub struct Host {
    engine: Engine,
    cache: Option<Cache>,
    compiler: Option<Compiler>,
    _clock: Clock,
}

impl Host {
    /// A host that keeps compiled policies in `cache`, if there is one.
    pub fn new(cache: Option<Cache>) -> Result<Self, HostError> {
        let engine = engine::engine()?;
        let clock = Clock::start(&engine);
        Ok(Self { engine, cache, compiler: None, _clock: clock })
    }

    /// The same host, with a process of its own for each policy that has to be compiled. Without, this process
    /// compiles, and nothing bounds what that takes: right for policies of one's own only.
    #[must_use]
    pub fn compiling_apart(self, compiler: Compiler) -> Self {
        Self { compiler: Some(compiler), ..self }
    }

    fn tools(&self) -> Tools<'_> {
        Tools { engine: &self.engine, cache: self.cache.as_ref(), compiler: self.compiler.as_ref() }
    }

    /// Loads the policy in a file.
    pub fn load_file(&self, path: &Path) -> Result<Policy, LoadError> {
        self.load(&load::read(path)?)
    }

    /// Loads a policy.
    pub fn load(&self, wasm: &[u8]) -> Result<Policy, LoadError> {
        Policy::load(&self.tools(), wasm)
    }

    /// Loads a policy together with its native code, which is used when it is for this machine
    /// and this engine, and ignored otherwise.
    ///
    /// # Safety
    /// `native` is run as it is. It must be what `cargo xtask wasm` made from `wasm`, and have
    /// been out of others' reach since (as when both are parts of this program).
    #[allow(unsafe_code)]
    pub unsafe fn load_precompiled(&self, wasm: &[u8], native: &[u8]) -> Result<Policy, LoadError> {
        // SAFETY: the caller's.
        unsafe { Policy::load_precompiled(&self.tools(), wasm, native) }
    }

    /// Asks a policy about a snapshot, within the limits for its size: about a large one in two sandboxes side by side,
    /// each for half of its rules and each within these limits.
    pub fn evaluate(&self, policy: &Policy, input: &Input) -> Result<CheckOutput, PolicyFailure> {
        self.evaluate_in_shares(shares::worthwhile(input.snapshot), policy, input)
    }

    /// Asks a policy about a snapshot in so many sandboxes side by side, each for a share of its rules.
    pub fn evaluate_in_shares(
        &self,
        shares: usize,
        policy: &Policy,
        input: &Input,
    ) -> Result<CheckOutput, PolicyFailure> {
        if shares < 2 {
            return self.evaluate_within(Limits::of(input.snapshot, input.impacts), policy, input);
        }
        shares::evaluate(self, shares, policy, input)
    }

    /// Asks a policy about a snapshot, within other limits.
    pub fn evaluate_within(
        &self,
        limits: Limits,
        policy: &Policy,
        input: &Input,
    ) -> Result<CheckOutput, PolicyFailure> {
        let mut store = self.store(&limits);
        let answer = call(&mut store, policy, input);
        let output = answer.map_err(|error| error.classify(&limits, &store.data().meter))?;
        output::check(&output, policy.inspection(), input.snapshot, &limits)?;
        Ok(output)
    }

    fn store(&self, limits: &Limits) -> Store<State> {
        let mut store = Store::new(&self.engine, State { meter: Meter::new(limits) });
        store.limiter(|state| state.meter.limiter());
        store.set_hostcall_fuel(limits.output_bytes);
        store.set_epoch_deadline(limits.ticks());
        // Fails only without `consume_fuel`, which the engine's settings have.
        let _ = store.set_fuel(limits.fuel);
        store
    }
}

/// Where a call went wrong.
enum CallError {
    /// The function has another type.
    Contract(wasmtime::Error),
    /// While running, or while its answer was read.
    Run(wasmtime::Error),
}

fn call(store: &mut Store<State>, policy: &Policy, input: &Input) -> Result<CheckOutput, CallError> {
    let instance = policy.instance.instantiate(&mut *store).map_err(CallError::Run)?;
    let interface = instance.get_export_index(&mut *store, None, CONTRACT);
    let function = interface
        .and_then(|interface| instance.get_export_index(&mut *store, Some(&interface), "check"))
        .ok_or_else(|| CallError::Contract(wasmtime::Error::msg("there is none")))?;
    let check: Check<'_> = instance.get_typed_func(&mut *store, function).map_err(CallError::Contract)?;
    let (output,) = check.call(&mut *store, (input.snapshot, input.settings, input.impacts)).map_err(CallError::Run)?;
    Ok(output)
}

impl CallError {
    fn classify(self, limits: &Limits, meter: &Meter) -> PolicyFailure {
        let error = match self {
            Self::Contract(error) => return PolicyFailure::OtherContract(format!("{error:#}")),
            Self::Run(error) => error,
        };
        if meter.out_of_memory {
            return PolicyFailure::OutOfMemory { limit: limits.memory };
        }
        match error.downcast_ref::<Trap>() {
            Some(Trap::OutOfFuel) => PolicyFailure::OutOfFuel { limit: limits.fuel },
            Some(Trap::Interrupt) => PolicyFailure::TimedOut { seconds: limits.time.as_secs() },
            Some(trap) => PolicyFailure::Trapped(trap.to_string()),
            // What is not a trap of the policy is its answer that cannot be read.
            None => PolicyFailure::Garbage { what: format!("{}", error.root_cause()) },
        }
    }
}
