//! What a policy file says about itself, read without compiling or running it.

use std::collections::HashSet;

use ha_core::rule::RuleInfo;
use sha2::{Digest, Sha256};
use wasmparser::{Parser, Payload};

use crate::load::LoadError;
use crate::vet::invalid;

/// The interface that a policy exports, with the version that this host speaks.
pub const CONTRACT: &str = "ha:policy/policy@0.1.0";

/// The interface's name without its version.
const CONTRACT_NAME: &str = "ha:policy/policy@";

/// The custom section with the rules, as JSON.
const RULES_SECTION: &str = "ha:rules";

/// What a policy file says about itself.
#[derive(Clone, Debug)]
pub struct Inspection {
    /// The rules, in the order in which findings count them.
    pub rules: Vec<RuleInfo>,
    /// The version of the contract that it exports, such as `0.1.0`; none when it exports another.
    pub contract: Option<String>,
    /// What it imports. A policy that imports anything is refused when it is loaded.
    pub imports: Vec<String>,
    /// The file's SHA-256, in hexadecimal.
    pub digest: String,
    /// The file's size in bytes.
    pub size: usize,
}

impl Inspection {
    /// Reads the outermost level of a component.
    pub(crate) fn of(wasm: &[u8]) -> Result<Self, LoadError> {
        let mut inspection =
            Self { rules: Vec::new(), contract: None, imports: Vec::new(), digest: digest(wasm), size: wasm.len() };
        let mut depth = 0_u32;
        let mut rules = None;
        for payload in Parser::new(0).parse_all(wasm) {
            let payload = payload.map_err(|error| invalid(&error))?;
            match payload {
                Payload::ModuleSection { .. } | Payload::ComponentSection { .. } => depth += 1,
                Payload::End(_) => depth = depth.saturating_sub(1),
                _ if depth > 0 => {}
                Payload::CustomSection(section) if section.name() == RULES_SECTION => {
                    rules = Some(section.data());
                }
                Payload::ComponentImportSection(section) => {
                    inspection.imports.extend(section.into_iter().flatten().map(|import| import.name.name.to_owned()));
                }
                Payload::ComponentExportSection(section) => {
                    let mut names = section.into_iter().flatten().map(|export| export.name.name);
                    inspection.contract = names
                        .find_map(|name| name.strip_prefix(CONTRACT_NAME))
                        .map(str::to_owned)
                        .or(inspection.contract);
                }
                _ => {}
            }
        }
        let rules = rules.ok_or(LoadError::NoRules)?;
        inspection.rules = serde_json::from_slice(rules).map_err(LoadError::BadRules)?;
        match repeated(&inspection.rules) {
            Some(name) => Err(LoadError::RepeatedRule(name.to_owned())),
            None => Ok(inspection),
        }
    }
}

/// The first name that an earlier rule has, too.
fn repeated(rules: &[RuleInfo]) -> Option<&str> {
    let mut names = HashSet::new();
    rules.iter().map(|rule| rule.name.as_str()).find(|name| !names.insert(*name))
}

/// The SHA-256 of `bytes`, in hexadecimal.
pub(crate) fn digest(bytes: &[u8]) -> String {
    use std::fmt::Write as _;

    Sha256::digest(bytes).iter().fold(String::with_capacity(64), |mut hex, byte| {
        // Writing to a string cannot fail.
        let _ = write!(hex, "{byte:02x}");
        hex
    })
}
