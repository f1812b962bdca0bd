//! What is refused before it is compiled: files so large or so strange that compiling them would
//! itself take too much time or memory.
//!
//! Compilers of WebAssembly are robust, but not fast on everything: time and memory grow with the
//! longest function more than with the file. An ordinary policy is far below these bounds.

use wasmparser::{Parser, Payload, Validator, WasmFeatures};

use crate::load::LoadError;

/// The largest file that is read at all, in bytes.
pub(crate) const MAX_FILE: u64 = 16 * 1024 * 1024;

/// Bounds over all modules of a component together: name, and how many.
const MAX_CODE_BYTES: u64 = 8 * 1024 * 1024;
const MAX_FUNCTION_BYTES: u64 = 512 * 1024;
const MAX_FUNCTIONS: u64 = 20_000;
const MAX_GLOBALS: u64 = 1_000;
const MAX_TABLES: u64 = 16;
const MAX_MEMORIES: u64 = 4;
const MAX_TYPES: u64 = 20_000;
const MAX_SEGMENTS: u64 = 20_000;
const MAX_MODULES: u64 = 8;

/// Counts what a component holds, modules inside it included.
#[derive(Default)]
struct Contents {
    code_bytes: u64,
    longest_function: u64,
    functions: u64,
    globals: u64,
    tables: u64,
    memories: u64,
    types: u64,
    segments: u64,
    modules: u64,
}

/// Refuses what is not a component, what is not valid, and what is out of bounds.
pub(crate) fn vet(wasm: &[u8]) -> Result<(), LoadError> {
    if wasm.len() as u64 > MAX_FILE {
        return Err(LoadError::TooLarge { what: "bytes", found: wasm.len() as u64, allowed: MAX_FILE });
    }
    if Parser::is_core_wasm(wasm) {
        return Err(LoadError::CoreModule);
    }
    if !Parser::is_component(wasm) {
        return Err(LoadError::NotWasm);
    }
    let mut contents = Contents::default();
    for payload in Parser::new(0).parse_all(wasm) {
        contents.add(&payload.map_err(|error| invalid(&error))?);
    }
    contents.check()?;
    Validator::new_with_features(features()).validate_all(wasm).map_err(|error| invalid(&error))?;
    Ok(())
}

pub(crate) fn invalid(error: &wasmparser::BinaryReaderError) -> LoadError {
    LoadError::Invalid { message: error.message().into(), offset: error.offset() }
}

/// WebAssembly as it was standardised in version 2, and components.
fn features() -> WasmFeatures {
    WasmFeatures::WASM2 | WasmFeatures::COMPONENT_MODEL | WasmFeatures::EXTENDED_CONST
}

impl Contents {
    fn add(&mut self, payload: &Payload<'_>) {
        match payload {
            Payload::CodeSectionEntry(body) => {
                let length = body.range().len() as u64;
                self.functions += 1;
                self.code_bytes += length;
                self.longest_function = self.longest_function.max(length);
            }
            Payload::FunctionSection(section) => self.functions += u64::from(section.count()),
            Payload::GlobalSection(section) => self.globals += u64::from(section.count()),
            Payload::TableSection(section) => self.tables += u64::from(section.count()),
            Payload::MemorySection(section) => self.memories += u64::from(section.count()),
            Payload::TypeSection(section) => self.types += u64::from(section.count()),
            Payload::ComponentTypeSection(section) => self.types += u64::from(section.count()),
            Payload::DataSection(section) => self.segments += u64::from(section.count()),
            Payload::ElementSection(section) => self.segments += u64::from(section.count()),
            Payload::ModuleSection { .. } | Payload::ComponentSection { .. } => self.modules += 1,
            _ => {}
        }
    }

    fn check(&self) -> Result<(), LoadError> {
        let bounds = [
            ("modules", self.modules, MAX_MODULES),
            ("types", self.types, MAX_TYPES),
            // Each function was counted where it is declared and where its body stands.
            ("functions", self.functions / 2, MAX_FUNCTIONS),
            ("bytes in one function", self.longest_function, MAX_FUNCTION_BYTES),
            ("bytes of code", self.code_bytes, MAX_CODE_BYTES),
            ("globals", self.globals, MAX_GLOBALS),
            ("tables", self.tables, MAX_TABLES),
            ("memories", self.memories, MAX_MEMORIES),
            ("data and element segments", self.segments, MAX_SEGMENTS),
        ];
        match bounds.into_iter().find(|(_, found, allowed)| found > allowed) {
            Some((what, found, allowed)) => Err(LoadError::TooLarge { what, found, allowed }),
            None => Ok(()),
        }
    }
}
