//! Packs the compiled core module: as an OPA policy and as a component.
//!
//! Nothing is compiled here. What an engine would refuse later is refused now, by name.

use anyhow::{Context, Result, bail, ensure};
use wasm_encoder::reencode::{self, Reencode};
use wasm_encoder::{
    ConstExpr, CustomSection, ExportKind, ExportSection, GlobalSection, GlobalType, Module, Section, ValType,
};
use wasmparser::{ExternalKind, Parser, Payload, TypeRef};

/// The custom section with the rules' names, metadata and documentation, as JSON.
const RULES_SECTION: &str = "ha:rules";

/// OPA's ABI version, which its engines read from two exported constants.
const ABI_VERSIONS: [(&str, i32); 2] = [("opa_wasm_abi_version", 1), ("opa_wasm_abi_minor_version", 3)];

/// What OPA engines offer at start. A module that needs more does not load.
const OPA_MEMORY_PAGES: u64 = 5;

/// The rules of the built-in policy, for the `ha:rules` section.
pub(super) fn metadata() -> String {
    ha_sdk::metadata_json(baseline::RULES)
}

/// The module as an OPA policy: version constants added, the component's type information removed.
pub(super) fn opa_module(module: &[u8], metadata: &str) -> Result<Vec<u8>> {
    check_imports(module)?;
    let mut packed = rewrite(module, Audience::Opa)?;
    append_section(&mut packed, metadata);
    wasmparser::validate(&packed).context("the packed OPA module is not valid")?;
    ensure_rules_section(&packed)?;
    Ok(packed)
}

/// The module as a component that imports nothing.
pub(super) fn component(module: &[u8], metadata: &str) -> Result<Vec<u8>> {
    let module = rewrite(module, Audience::Component)?;
    let mut packed = wit_component::ComponentEncoder::default()
        .validate(true)
        .module(&module)
        .and_then(wit_component::ComponentEncoder::encode)
        .context("the module cannot be wrapped as a component")?;
    append_section(&mut packed, metadata);
    wasmparser::Validator::new().validate_all(&packed).context("the component is not valid")?;
    ensure_no_imports(&packed)?;
    ensure_rules_section(&packed)?;
    Ok(packed)
}

/// Who a rewritten module is for.
#[derive(PartialEq, Eq)]
enum Audience {
    Opa,
    Component,
}

/// Copies the module without debug information and adds OPA's version constants.
struct Rewriter {
    audience: Audience,
    globals: u32,
}

fn rewrite(module: &[u8], audience: Audience) -> Result<Vec<u8>> {
    let mut rewriter = Rewriter { audience, globals: 0 };
    let mut out = Module::new();
    rewriter
        .parse_core_module(&mut out, Parser::new(0), module)
        .map_err(|error| anyhow::anyhow!("the compiled module cannot be rewritten: {error}"))?;
    Ok(out.finish())
}

impl Reencode for Rewriter {
    type Error = std::convert::Infallible;

    fn parse_custom_section(
        &mut self,
        module: &mut Module,
        section: wasmparser::CustomSectionReader<'_>,
    ) -> Result<(), reencode::Error> {
        // The encoder of components reads (and removes) this one; all others are debug information.
        if self.audience == Audience::Component && section.name().starts_with("component-type") {
            reencode::utils::parse_custom_section(self, module, section)?;
        }
        Ok(())
    }

    fn parse_global_section(
        &mut self,
        globals: &mut GlobalSection,
        section: wasmparser::GlobalSectionReader<'_>,
    ) -> Result<(), reencode::Error> {
        self.globals = section.count();
        reencode::utils::parse_global_section(self, globals, section)?;
        for (_, version) in ABI_VERSIONS {
            let ty = GlobalType { val_type: ValType::I32, mutable: false, shared: false };
            globals.global(ty, &ConstExpr::i32_const(version));
        }
        Ok(())
    }

    fn parse_export_section(
        &mut self,
        exports: &mut ExportSection,
        section: wasmparser::ExportSectionReader<'_>,
    ) -> Result<(), reencode::Error> {
        for export in section {
            let export = export?;
            // The linker also exports `__heap_base` and the like, which mean nothing outside.
            if matches!(export.kind, ExternalKind::Func | ExternalKind::Memory) {
                exports.export(export.name, reencode::utils::export_kind(self, export.kind), export.index);
            }
        }
        for ((name, _), index) in ABI_VERSIONS.into_iter().zip(self.globals..) {
            exports.export(name, ExportKind::Global, index);
        }
        Ok(())
    }
}

/// OPA engines offer one memory of five pages and refuse a module that wants anything else.
fn check_imports(module: &[u8]) -> Result<()> {
    for payload in Parser::new(0).parse_all(module) {
        let Payload::ImportSection(imports) = payload? else {
            continue;
        };
        for import in imports.into_imports() {
            let import = import?;
            match import.ty {
                TypeRef::Memory(memory) if (import.module, import.name) == ("env", "memory") => {
                    ensure!(
                        memory.initial <= OPA_MEMORY_PAGES && memory.maximum.is_none(),
                        "the module needs {} pages of memory; OPA engines offer {OPA_MEMORY_PAGES}: \
                         reduce the policy's static data",
                        memory.initial,
                    );
                }
                _ => bail!("the module imports {}.{}; a policy imports nothing", import.module, import.name),
            }
        }
    }
    Ok(())
}

fn ensure_no_imports(component: &[u8]) -> Result<()> {
    let decoded = wit_component::decode(component).context("the component's interface cannot be read")?;
    let resolve = decoded.resolve();
    for (_, world) in &resolve.worlds {
        if let Some(name) = world.imports.keys().next() {
            bail!("the component imports {}; a policy imports nothing", resolve.name_world_key(name));
        }
    }
    Ok(())
}

/// Both files hold the same program: what is true of one in its engine is true of the other.
pub(super) fn ensure_same_program(opa: &[u8], component: &[u8]) -> Result<()> {
    let (opa, component) = (code_sections(opa)?, code_sections(component)?);
    ensure!(
        opa.iter().all(|code| component.contains(code)),
        "the component does not hold the same program as the OPA module"
    );
    Ok(())
}

/// The code of a module, or of all modules in a component.
fn code_sections(wasm: &[u8]) -> Result<Vec<&[u8]>> {
    let mut sections = Vec::new();
    for payload in Parser::new(0).parse_all(wasm) {
        if let Payload::CodeSectionStart { unchecked_range, .. } = payload? {
            let (start, end) = (unchecked_range.start, unchecked_range.end);
            let section = wasm.get(usize::try_from(start)?..usize::try_from(end)?);
            sections.push(section.context("a code section reaches beyond the file")?);
        }
    }
    Ok(sections)
}

/// Appends the `ha:rules` section: a section may stand last in a module and in a component alike.
fn append_section(wasm: &mut Vec<u8>, metadata: &str) {
    let section = CustomSection { name: RULES_SECTION.into(), data: metadata.as_bytes().into() };
    wasm.push(section.id());
    wasm_encoder::Encode::encode(&section, wasm);
}

fn ensure_rules_section(wasm: &[u8]) -> Result<()> {
    for payload in Parser::new(0).parse_all(wasm) {
        if let Payload::CustomSection(section) = payload?
            && section.name() == RULES_SECTION
        {
            return Ok(());
        }
    }
    bail!("the packed file has no section {RULES_SECTION}")
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A module with a memory of so many pages, and whatever else is imported.
    fn module(pages: &str, import: &str) -> Vec<u8> {
        let text = format!(
            r#"(module
                {import}
                (import "env" "memory" (memory {pages}))
                (global $stack (mut i32) (i32.const 65536))
                (func (export "eval") (param i32) (result i32) (global.get $stack))
                (export "memory" (memory 0))
                (export "__heap_base" (global $stack)))"#
        );
        wat::parse_str(text).unwrap()
    }

    #[test]
    fn the_opa_module_says_its_version_and_its_rules() {
        let packed = opa_module(&module("5", ""), "[]").unwrap();
        let mut exports = Vec::new();
        for payload in Parser::new(0).parse_all(&packed) {
            match payload.unwrap() {
                Payload::ExportSection(section) => {
                    exports.extend(section.into_iter().map(|export| export.unwrap().name));
                }
                Payload::CustomSection(section) => {
                    assert_eq!((section.name(), section.data()), ("ha:rules", b"[]".as_slice()));
                }
                _ => {}
            }
        }
        let versions = ["opa_wasm_abi_version", "opa_wasm_abi_minor_version"];
        assert_eq!(exports, [["eval", "memory"], versions].concat());
    }

    #[test]
    fn what_opa_engines_would_refuse_is_refused_by_name() {
        let refusal = |module: &[u8]| opa_module(module, "[]").unwrap_err().to_string();
        assert!(refusal(&module("6", "")).contains("needs 6 pages"));
        assert!(refusal(&module("5 5", "")).contains("pages"));
        let clock = r#"(import "wasi" "clock" (func))"#;
        assert!(refusal(&module("5", clock)).contains("imports wasi.clock"));
    }
}
