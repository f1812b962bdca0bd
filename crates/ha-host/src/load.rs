//! From a file to a policy that can be asked: checked, compiled (or fetched from the cache).

use std::fs;
use std::path::Path;
use std::sync::mpsc;
use std::thread;
use std::time::Duration;

use wasmtime::Engine;
use wasmtime::component::{Component, InstancePre, Linker};

use crate::cache::Cache;
use crate::evaluate::State;
use crate::inspect::{CONTRACT, Inspection};
use crate::vet;

/// How long compiling a policy may take. The built-in one, among the largest, takes a few seconds
/// on one slow core.
const COMPILE_TIME: Duration = Duration::from_secs(30);

/// Why a file is not a policy that this host can run.
#[derive(Debug, thiserror::Error)]
pub enum LoadError {
    /// The file cannot be read.
    #[error("cannot read it: {0}")]
    Read(#[from] std::io::Error),
    /// It is not WebAssembly.
    #[error("it is not a WebAssembly component")]
    NotWasm,
    /// It is a core module, such as the OPA form of a policy.
    #[error(
        "it is a core WebAssembly module; kubectl ha runs components (of a policy's files, the one named *.component.wasm)"
    )]
    CoreModule,
    /// It is broken.
    #[error("it is not valid WebAssembly: {message} (at byte {offset})")]
    Invalid {
        /// What is wrong.
        message: String,
        /// Where.
        offset: usize,
    },
    /// It is out of the bounds for compiling.
    #[error("it holds {found} {what}; at most {allowed} are allowed")]
    TooLarge {
        /// What there is too much of.
        what: &'static str,
        /// How much there is.
        found: u64,
        /// How much there may be.
        allowed: u64,
    },
    /// It does not say what its rules are.
    #[error("it has no section 'ha:rules', which lists a policy's rules")]
    NoRules,
    /// What it says about its rules cannot be read.
    #[error("its section 'ha:rules' cannot be read: {0}")]
    BadRules(serde_json::Error),
    /// It exports another contract, or another version.
    #[error("it exports {}; this version of kubectl ha needs {CONTRACT}", .found.as_deref().map_or_else(|| "no policy interface".to_owned(), |version| format!("ha:policy/policy@{version}")))]
    OtherContract {
        /// The version that it exports.
        found: Option<String>,
    },
    /// It wants something from its host.
    #[error("it imports {}; a policy may import nothing", .0.join(", "))]
    Imports(Vec<String>),
    /// Compiling it took too long.
    #[error("it was not compiled within {} s", COMPILE_TIME.as_secs())]
    CompileTimedOut,
    /// The compiler refuses it.
    #[error("it does not compile: {0:#}")]
    Compile(wasmtime::Error),
}

/// A policy, ready to be asked.
#[derive(Clone)]
pub struct Policy {
    pub(crate) inspection: Inspection,
    pub(crate) instance: InstancePre<State>,
}

impl std::fmt::Debug for Policy {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Policy").field("inspection", &self.inspection).finish_non_exhaustive()
    }
}

impl Policy {
    /// Reads what a policy says about itself, without compiling or running it.
    pub fn inspect(wasm: &[u8]) -> Result<Inspection, LoadError> {
        vet::vet(wasm)?;
        Inspection::of(wasm)
    }

    /// What the policy says about itself.
    pub fn inspection(&self) -> &Inspection {
        &self.inspection
    }

    /// Compiles a policy, or takes it from the cache.
    pub(crate) fn load(engine: &Engine, cache: Option<&Cache>, wasm: &[u8]) -> Result<Self, LoadError> {
        let inspection = checked(Self::inspect(wasm)?)?;
        let cached = cache.and_then(|cache| cache.get(engine, &inspection.digest));
        if let Some(component) = cached {
            return Self::new(engine, inspection, &component);
        }
        let component = compile_in_time(engine, wasm)?;
        if let Some(cache) = cache {
            cache.put(engine, &inspection.digest, &component);
        }
        Self::new(engine, inspection, &component)
    }

    /// Loads a policy that was compiled ahead of time; compiles it after all when the code is for
    /// another machine or another version of the engine.
    ///
    /// # Safety
    /// `native` is what an engine made from `wasm`, and nobody else could change it.
    #[allow(unsafe_code)]
    pub(crate) unsafe fn load_precompiled(engine: &Engine, wasm: &[u8], native: &[u8]) -> Result<Self, LoadError> {
        let inspection = checked(Inspection::of(wasm)?)?;
        // SAFETY: the caller's.
        let component = match unsafe { Component::deserialize(engine, native) } {
            Ok(component) => component,
            Err(_) => Component::new(engine, wasm).map_err(LoadError::Compile)?,
        };
        Self::new(engine, inspection, &component)
    }

    fn new(engine: &Engine, inspection: Inspection, component: &Component) -> Result<Self, LoadError> {
        // An empty linker: the sandbox has no door.
        let instance = Linker::new(engine).instantiate_pre(component).map_err(LoadError::Compile)?;
        Ok(Self { inspection, instance })
    }
}

/// Reads a policy file, but no more of it than a policy may have.
pub(crate) fn read(path: &Path) -> Result<Vec<u8>, LoadError> {
    use std::io::Read as _;

    let mut bytes = Vec::new();
    // One byte more shows that the file is too large, also when it is a device without end.
    fs::File::open(path)?.take(vet::MAX_FILE + 1).read_to_end(&mut bytes)?;
    Ok(bytes)
}

/// Refuses what this host cannot run.
fn checked(inspection: Inspection) -> Result<Inspection, LoadError> {
    if !inspection.imports.is_empty() {
        return Err(LoadError::Imports(inspection.imports));
    }
    let found = inspection.contract.clone();
    if found.as_deref() != CONTRACT.rsplit('@').next() {
        return Err(LoadError::OtherContract { found });
    }
    Ok(inspection)
}

/// Compiles on another thread and waits only so long. A compiler that is late finishes for
/// nothing; what it may be given at all is bounded in `vet`.
fn compile_in_time(engine: &Engine, wasm: &[u8]) -> Result<Component, LoadError> {
    let (done, result) = mpsc::channel();
    let (engine, wasm) = (engine.clone(), wasm.to_vec());
    thread::spawn(move || {
        // Nobody waits any more when sending fails.
        let _ = done.send(Component::new(&engine, wasm));
    });
    match result.recv_timeout(COMPILE_TIME) {
        Ok(component) => component.map_err(LoadError::Compile),
        Err(_) => Err(LoadError::CompileTimedOut),
    }
}
