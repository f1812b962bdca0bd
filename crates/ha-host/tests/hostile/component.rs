//! Makes policies from WebAssembly text: whatever a compiler of good policies would never emit.

use ha_core::snapshot::{Object, Snapshot};
use wit_component::{ComponentEncoder, StringEncoding, embed_component_metadata};
use wit_parser::Resolve;

/// One rule, of medium severity.
pub(crate) const RULES: &str =
    r#"[{"name":"hostile","area":"nodes","severity":"medium","class":"C","doc":"Hostile."}]"#;

/// The name of the contract's function in a core module.
pub(crate) const CHECK: &str = "ha:policy/policy@0.1.0#check";

/// A module with memory, a simple allocator, and `check`'s body. `before` comes first and may
/// declare anything else.
pub(crate) fn module(before: &str, check: &str) -> String {
    format!(
        r#"(module
            (memory (export "memory") 1)
            (global $next (mut i32) (i32.const 16384))
            {before}
            (func (export "cabi_realloc") (param $old i32) (param $size i32) (param $align i32) (param $new i32) (result i32)
                (local $start i32)
                (local.set $start (i32.and (i32.add (global.get $next) (i32.const 15)) (i32.const -16)))
                (global.set $next (i32.add (local.get $start) (local.get $new)))
                (block $enough
                    (br_if $enough (i32.le_u (global.get $next) (i32.mul (memory.size) (i32.const 65536))))
                    (drop (memory.grow (i32.add (i32.div_u (local.get $new) (i32.const 65536)) (i32.const 1)))))
                (local.get $start))
            (func (export "{CHECK}") (param $input i32) (result i32)
                {check}))"#
    )
}

/// The component around a core module, with a list of rules.
pub(crate) fn component(module: &str, rules: &str) -> Vec<u8> {
    let mut resolve = Resolve::default();
    let wit = concat!(env!("CARGO_MANIFEST_DIR"), "/../../wit/policy.wit");
    let (package, _) = resolve.push_path(wit).expect("wit/policy.wit can be read");
    let world = resolve.select_world(&[package], Some("policy-world")).expect("its world");
    let mut module = wat::parse_str(module).expect("the test's module is valid text");
    embed_component_metadata(&mut module, &resolve, world, StringEncoding::UTF8, false).expect("metadata");
    let mut component = ComponentEncoder::default()
        .module(&module)
        .and_then(ComponentEncoder::encode)
        .expect("the test's module can be wrapped");
    append_rules(&mut component, rules);
    component
}

/// Appends the section `ha:rules`.
pub(crate) fn append_rules(component: &mut Vec<u8>, rules: &str) {
    let mut section = vec![8];
    section.extend(b"ha:rules");
    section.extend(rules.as_bytes());
    component.push(0);
    let mut size = section.len();
    while size >= 0x80 {
        component.push((size & 0x7f) as u8 | 0x80);
        size >>= 7;
    }
    component.push(size as u8);
    component.extend(section);
}

/// A policy that answers with these bytes of memory: an answer at address 1024, and what it
/// points to wherever `data` puts it.
pub(crate) fn answering(data: &str) -> Vec<u8> {
    component(&module(data, "i32.const 1024"), RULES)
}

/// An answer with one tally (at 2048) and these findings.
pub(crate) fn answer(findings: u32, at: u32, tally: [u32; 5]) -> String {
    let head = [at, findings, 2048, 1].map(u32::to_le_bytes).concat();
    let tally = tally.map(u32::to_le_bytes).concat();
    format!("{} {}", data(1024, &head), data(2048, &tally))
}

/// One finding at `at`, with its message elsewhere in memory.
pub(crate) fn finding(at: u32, rule: u32, severity: u8, object: u32, message: (u32, u32)) -> String {
    let mut bytes = vec![0; 104];
    bytes[0..4].copy_from_slice(&rule.to_le_bytes());
    bytes[4] = 1; // fail
    bytes[5] = severity;
    bytes[8..12].copy_from_slice(&object.to_le_bytes());
    bytes[20..24].copy_from_slice(&message.0.to_le_bytes());
    bytes[24..28].copy_from_slice(&message.1.to_le_bytes());
    data(at, &bytes)
}

/// A data segment.
pub(crate) fn data(at: u32, bytes: &[u8]) -> String {
    let escaped: Vec<String> = bytes.iter().map(|byte| format!("\\{byte:02x}")).collect();
    format!(r#"(data (i32.const {at}) "{}")"#, escaped.concat())
}

/// A snapshot of the cluster itself and nothing else.
pub(crate) fn snapshot() -> Snapshot {
    let mut snapshot = Snapshot { objects: vec![Object::default()], ..Snapshot::default() };
    snapshot.texts.ends = vec![0];
    snapshot
}
