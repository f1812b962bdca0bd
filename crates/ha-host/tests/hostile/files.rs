//! Files that are refused before they are compiled (4, 5, 9, 11).

use std::fmt::Write as _;

use ha_host::{Host, LoadError, Policy};

use crate::component::{RULES, answer, answering, append_rules, component, module};

fn refusal(wasm: &[u8]) -> LoadError {
    Host::new(None).expect("the engine starts").load(wasm).expect_err("it is refused")
}

#[test]
fn what_is_no_policy_is_refused_by_name() {
    assert!(matches!(refusal(b""), LoadError::NotWasm));
    assert!(matches!(refusal(b"\x7fELF then something"), LoadError::NotWasm));
    assert!(matches!(refusal(&wat::parse_str("(module)").unwrap()), LoadError::CoreModule));
    let mut other = wat::parse_str("(component)").unwrap();
    assert!(matches!(refusal(&other), LoadError::NoRules));
    append_rules(&mut other, RULES);
    assert!(matches!(refusal(&other), LoadError::OtherContract { found: None }));
}

#[test]
fn imports_are_refused_by_name() {
    let mut wasm = wat::parse_str(r#"(component (import "wasi:clocks/wall-clock@0.2.0" (instance)))"#).unwrap();
    append_rules(&mut wasm, RULES);
    let message = refusal(&wasm).to_string();
    assert!(message.contains("wasi:clocks/wall-clock@0.2.0"), "{message}");
}

#[test]
fn rules_must_be_readable() {
    let wasm = component(&module("", "i32.const 0"), r#"[{"name":"x","area":"moon"}]"#);
    assert!(matches!(refusal(&wasm), LoadError::BadRules(_)));
}

#[test]
fn each_rule_has_a_name_of_its_own() {
    let rule = RULES.trim_start_matches('[').trim_end_matches(']');
    let wasm = component(&module("", "i32.const 0"), &format!("[{rule},{rule}]"));
    let message = refusal(&wasm).to_string();
    assert!(message.starts_with("it lists the rule \"") && message.ends_with("\" twice"), "{message}");
}

#[test]
fn size_is_bounded_before_compiling() {
    let too_large = |wasm: &[u8]| match refusal(wasm) {
        LoadError::TooLarge { what, .. } => what,
        other => panic!("{other}"),
    };
    assert_eq!(too_large(&vec![0; 17 * 1024 * 1024]), "bytes");
    assert_eq!(too_large(&component(&module(&"(func)".repeat(30_000), "i32.const 0"), RULES)), "functions");
    let globals = "(global i32 (i32.const 0))".repeat(2_000);
    assert_eq!(too_large(&component(&module(&globals, "i32.const 0"), RULES)), "globals");
    // A compile bomb: one function so long that its registers take for ever to allocate.
    let long = "(drop (i32.add (local.get $input) (i32.const 1)))".repeat(100_000);
    let what = too_large(&component(&module("", &format!("{long} i32.const 0")), RULES));
    assert_eq!(what, "bytes in one function");
}

#[test]
#[cfg(unix)]
fn a_device_without_end_is_not_read_to_its_end() {
    let host = Host::new(None).expect("the engine starts");
    assert!(matches!(host.load_file(std::path::Path::new("/dev/zero")), Err(LoadError::TooLarge { .. })));
}

#[test]
fn a_file_that_is_not_there_is_said_so() {
    let host = Host::new(None).expect("the engine starts");
    assert!(matches!(host.load_file(std::path::Path::new("/nowhere")), Err(LoadError::Read(_))));
}

#[test]
fn a_truncated_or_changed_file_is_an_error_or_another_policy() {
    let good = answering(&answer(0, 0, [0; 5]));
    let positions = || (0..good.len()).step_by(17);
    for length in positions() {
        assert!(Policy::inspect(&good[..length]).is_err(), "{length} of {} bytes", good.len());
    }
    let is_noticed = |position: &usize| {
        let mut changed = good.clone();
        changed[*position] ^= 0x55;
        Policy::inspect(&changed).is_err()
    };
    let noticed = positions().filter(is_noticed).count();
    let all = positions().count();
    assert!(noticed > all / 4, "only {noticed} of {all} changes were noticed");
}

#[test]
fn inspecting_shows_what_the_file_says() {
    let wasm = answering(&answer(0, 0, [0; 5]));
    let inspection = Policy::inspect(&wasm).unwrap();
    let mut shown = String::new();
    for rule in &inspection.rules {
        write!(shown, "{} {} {}", rule.name, rule.severity, rule.summary()).unwrap();
    }
    assert_eq!(shown, "hostile medium Hostile.");
    assert_eq!(inspection.contract.as_deref(), Some("0.1.0"));
    assert!(inspection.imports.is_empty());
    assert_eq!((inspection.digest.len(), inspection.size), (64, wasm.len()));
}
