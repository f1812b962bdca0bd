//! From a file to a policy that can be asked: checked, compiled (or fetched from the cache).

use std::fs;
use std::path::Path;

use ha_core::finding::CheckOutput;
use ha_core::{Impact, Settings, Snapshot};
use wasmtime::Engine;
use wasmtime::component::types::ComponentItem;
use wasmtime::component::{Component, InstancePre, Linker};

use crate::cache::Cache;
use crate::compile::Compiler;
use crate::evaluate::State;
use crate::inspect::{CONTRACT, Inspection};
use crate::vet;

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
    /// Two of its rules have one name, by which users and settings could not tell them apart.
    #[error("it lists the rule {0:?} twice")]
    RepeatedRule(String),
    /// It exports another contract, or another version.
    #[error("it exports {}; this version of kubectl ha needs {CONTRACT}", .found.as_deref().map_or_else(|| "no policy interface".to_owned(), |version| format!("ha:policy/policy@{version}")))]
    OtherContract {
        /// The version that it exports.
        found: Option<String>,
    },
    /// It exports an interface of the right name and version, but not that interface.
    #[error(
        "its interface is called {CONTRACT}, but is not that of this version of kubectl ha, which expects what \
         wit/policy.wit of version {} says: {difference}",
        env!("CARGO_PKG_VERSION")
    )]
    OtherTypes {
        /// The first difference: what was expected, and what there is.
        difference: String,
    },
    /// It wants something from its host.
    #[error("it imports {}; a policy may import nothing", .0.join(", "))]
    Imports(Vec<String>),
    /// Compiling it takes more than it may.
    #[error("compiling it takes more than {0}; a policy that is meant well takes far less")]
    TooCostly(String),
    /// The compiler refuses it.
    #[error("it does not compile: {0}")]
    Compile(String),
    /// The process that was to compile it gave no answer that can be used.
    #[error("it was not compiled, because the compiling process failed: {0}")]
    Compiler(String),
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

    /// Takes a policy from the cache, or compiles it.
    pub(crate) fn load(tools: &Tools<'_>, wasm: &[u8]) -> Result<Self, LoadError> {
        let inspection = checked(Self::inspect(wasm)?)?;
        let component = tools.component(wasm, &inspection)?;
        Self::new(tools.engine, inspection, &component)
    }

    /// Loads a policy that was compiled ahead of time; when that code is for another machine or another version of
    /// the engine, the policy is taken from the cache or compiled after all.
    ///
    /// # Safety
    /// `native` is what an engine made from `wasm`, and nobody else could change it.
    #[allow(unsafe_code)]
    pub(crate) unsafe fn load_precompiled(tools: &Tools<'_>, wasm: &[u8], native: &[u8]) -> Result<Self, LoadError> {
        let inspection = checked(Inspection::of(wasm)?)?;
        // SAFETY: the caller's.
        let component = match unsafe { Component::deserialize(tools.engine, native) } {
            Ok(component) => component,
            Err(_) => tools.component(wasm, &inspection)?,
        };
        Self::new(tools.engine, inspection, &component)
    }

    fn new(engine: &Engine, inspection: Inspection, component: &Component) -> Result<Self, LoadError> {
        check_types(engine, component)?;
        // An empty linker: the sandbox has no door.
        let instance = Linker::new(engine).instantiate_pre(component);
        let instance = instance.map_err(|error| LoadError::Compile(format!("{error:#}")))?;
        Ok(Self { inspection, instance })
    }
}

/// What a policy is loaded with.
pub(crate) struct Tools<'a> {
    pub(crate) engine: &'a Engine,
    pub(crate) cache: Option<&'a Cache>,
    /// The process that compiles; none: this one does.
    pub(crate) compiler: Option<&'a Compiler>,
}

impl Tools<'_> {
    fn component(&self, wasm: &[u8], inspection: &Inspection) -> Result<Component, LoadError> {
        if let Some(component) = self.cache.and_then(|cache| cache.get(self.engine, &inspection.digest)) {
            return Ok(component);
        }
        let code = match self.compiler {
            Some(compiler) => compiler.compile(wasm)?,
            None => self.engine.precompile_component(wasm).map_err(|error| LoadError::Compile(format!("{error:#}")))?,
        };
        if let Some(cache) = self.cache {
            cache.put(self.engine, &inspection.digest, &code);
        }
        // SAFETY: an engine of this very program made the code just now.
        #[allow(unsafe_code)]
        let component = unsafe { Component::deserialize(self.engine, &code) };
        component.map_err(|error| LoadError::Compiler(format!("{error:#}")))
    }
}

/// Refuses an interface with the contract's name and other types, before anything of it runs.
fn check_types(engine: &Engine, component: &Component) -> Result<(), LoadError> {
    let ty = component.component_type();
    let interface = ty.get_export(engine, CONTRACT);
    let Some(ComponentItem::ComponentInstance(interface)) = interface.map(|export| export.ty) else {
        return Err(LoadError::OtherTypes { difference: "expected an interface".to_owned() });
    };
    let function = interface.get_export(engine, "check");
    let Some(ComponentItem::ComponentFunc(function)) = function.map(|export| export.ty) else {
        return Err(LoadError::OtherTypes { difference: "expected a function named 'check', found none".to_owned() });
    };
    let same = function.typecheck::<(&Snapshot, &Settings, &[Impact]), (CheckOutput,)>(&ty.instance_type());
    same.map_err(|error| LoadError::OtherTypes { difference: format!("{error:#}") })
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
