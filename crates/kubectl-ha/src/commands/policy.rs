//! `kubectl ha policy inspect`: what a policy file holds, without running it.

use std::fmt::Write;
use std::io::Read;
use std::path::Path;

use ha_host::{Inspection, Policy};
use serde_json::json;

use super::rules;
use crate::cli::{Inspect, RulesFormat};
use crate::policies::BASELINE_COMPONENT;
use crate::render::json;
use crate::{UsageError, sanitize, terminal};

/// More than any policy that could be loaded.
const MOST_BYTES: u64 = 64 << 20;

/// Shows rules, needs, contract and imports.
pub(super) fn inspect(arguments: &Inspect) -> anyhow::Result<()> {
    let (name, wasm) = match &arguments.file {
        None => ("the built-in policy".to_owned(), BASELINE_COMPONENT.to_vec()),
        Some(path) => (path.display().to_string(), read(path)?),
    };
    let inspection = Policy::inspect(&wasm)
        .map_err(|error| UsageError(format!("{name} is no policy: {:#}", anyhow::Error::new(error))))?;
    let text = match arguments.output {
        RulesFormat::Json => as_json(&inspection),
        RulesFormat::Name => rules::list(&inspection.rules, RulesFormat::Name),
        RulesFormat::Table => as_text(&name, &inspection),
    };
    terminal::print(&text)?;
    Ok(())
}

fn read(path: &Path) -> Result<Vec<u8>, UsageError> {
    let cannot = |error: std::io::Error| UsageError(format!("cannot read {}: {error}", path.display()));
    let file = std::fs::File::open(path).map_err(cannot)?;
    let mut bytes = Vec::new();
    file.take(MOST_BYTES).read_to_end(&mut bytes).map_err(cannot)?;
    Ok(bytes)
}

fn as_json(inspection: &Inspection) -> String {
    json::to_string(&json!({
        "apiVersion": ha_core::report::API_VERSION,
        "kind": "PolicyInspection",
        "contract": inspection.contract,
        "imports": inspection.imports,
        "sha256": inspection.digest,
        "bytes": inspection.size,
        "rules": inspection.rules,
    }))
}

fn as_text(name: &str, inspection: &Inspection) -> String {
    let contract = inspection
        .contract
        .as_ref()
        .map_or("none that this program knows".to_owned(), |version| format!("ha:policy@{version}"));
    let imports = match inspection.imports.as_slice() {
        [] => "nothing: it sees the snapshot and nothing else".to_owned(),
        imports => format!("{} (it will not be loaded)", imports.join(", ")),
    };
    let mut out = String::new();
    for (word, value) in [
        ("policy", sanitize::line(name)),
        ("contract", sanitize::line(&contract)),
        ("imports", sanitize::line(&imports)),
        ("sha256", sanitize::line(&inspection.digest)),
    ] {
        // Writing into a String cannot fail.
        let _ = writeln!(out, "{word:<9} {value}");
    }
    let _ = writeln!(out, "{:<9} {} bytes, {} rules\n", "size", inspection.size, inspection.rules.len());
    for rule in &inspection.rules {
        let needs: Vec<&str> = rule.needs.iter().map(|kind| kind.kind()).collect();
        let _ = writeln!(out, "{} ({}, class {})", sanitize::line(&rule.name), rule.severity, rule.class);
        let _ = writeln!(out, "    {}", sanitize::line(rule.summary()));
        if !needs.is_empty() {
            let _ = writeln!(out, "    reads {}", needs.join(", "));
        }
    }
    out
}
