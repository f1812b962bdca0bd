//! Policies that answer, but wrongly: too much, about nothing that exists, in no language (8).

use ha_host::PolicyFailure;

use crate::ask;
use crate::component::{RULES, answer, answering, component, data, finding, module};

const MEDIUM: u8 = 1;
const HIGH: u8 = 2;
const ONE_FAIL: [u32; 5] = [0, 0, 1, 0, 0];

fn garbage(data: &str) -> String {
    match ask(&answering(data)) {
        Err(PolicyFailure::Garbage { what }) => what,
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_right_finding_is_accepted() {
    let message = data(4096, b"\x1b[31mhello");
    let finding = finding(3072, 0, MEDIUM, 0, (4096, 10));
    let output = ask(&answering(&format!("{} {finding} {message}", answer(1, 3072, ONE_FAIL)))).unwrap();
    assert_eq!(output.findings[0].message, "\x1b[31mhello");
}

#[test]
fn what_does_not_exist_cannot_be_reported() {
    let one = |finding: String| ask(&answering(&format!("{} {finding}", answer(1, 3072, ONE_FAIL)))).unwrap_err();
    let unknown_rule = one(finding(3072, 1, MEDIUM, 0, (0, 0)));
    assert_eq!(unknown_rule, PolicyFailure::UnknownRule { rule: 1 });
    let unknown_object = one(finding(3072, 0, MEDIUM, 1, (0, 0)));
    assert_eq!(unknown_object, PolicyFailure::UnknownObject { object: 1 });
    let unknown_tally = ask(&answering(&answer(0, 0, [7, 0, 0, 0, 0]))).unwrap_err();
    assert_eq!(unknown_tally, PolicyFailure::UnknownRule { rule: 7 });
}

#[test]
fn an_answer_must_not_contradict_itself() {
    let worse = finding(3072, 0, HIGH, 0, (0, 0));
    assert!(garbage(&format!("{} {worse}", answer(1, 3072, ONE_FAIL))).contains("worse than the rule"));
    let uncounted = finding(3072, 0, MEDIUM, 0, (0, 0));
    assert!(garbage(&format!("{} {uncounted}", answer(1, 3072, [0; 5]))).contains("do not match"));
    assert!(garbage(&answer(0, 0, ONE_FAIL)).contains("do not match"));
    // A rule without a tally would look like one that found nothing.
    assert!(garbage(&data(1024, &[0; 16])).contains("one tally per rule"));
}

#[test]
fn lying_addresses_are_noticed() {
    for (findings, at) in [(1, u32::MAX - 8), (u32::MAX, 3072), (1 << 20, 60_000), (1, 3073)] {
        let failure = ask(&answering(&answer(findings, at, ONE_FAIL))).unwrap_err();
        assert!(
            matches!(failure, PolicyFailure::Garbage { .. } | PolicyFailure::Trapped(_)),
            "{findings} at {at}: {failure:?}"
        );
    }
    let outside = finding(3072, 0, MEDIUM, 0, (65_530, 100));
    garbage(&format!("{} {outside}", answer(1, 3072, ONE_FAIL)));
    // The address of the answer itself.
    for address in ["-4", "65528", "1025"] {
        let check = format!("i32.const {address}");
        assert!(ask(&component(&module("", &check), RULES)).is_err(), "{address}");
    }
}

#[test]
fn what_is_not_text_is_noticed() {
    let message = data(4096, b"\xff\xfe");
    let finding = finding(3072, 0, MEDIUM, 0, (4096, 2));
    let what = garbage(&format!("{} {finding} {message}", answer(1, 3072, ONE_FAIL)));
    assert!(what.contains("utf-8"), "{what}");
}

#[test]
fn an_impossible_enum_case_is_noticed() {
    let finding = finding(3072, 0, 200, 0, (0, 0));
    garbage(&format!("{} {finding}", answer(1, 3072, ONE_FAIL)));
}

/// Findings that all lie at the same few bytes, made by the policy at run time.
fn flood(findings: u32, message: (u32, u32)) -> Vec<u8> {
    let check = format!(
        "(local $at i32)
        (drop (memory.grow (i32.const 700)))
        (local.set $at (i32.const 131072))
        (loop $next
            (memory.copy (local.get $at) (i32.const 3072) (i32.const 104))
            (local.set $at (i32.add (local.get $at) (i32.const 104)))
            (br_if $next (i32.lt_u (local.get $at) (i32.const {}))))
        i32.const 1024",
        131_072 + 104 * findings
    );
    let first = finding(3072, 0, MEDIUM, 0, message);
    let head = answer(findings, 131_072, [0, 0, findings, 0, 0]);
    component(&module(&format!("{head} {first}"), &check), RULES)
}

#[test]
fn a_flood_of_findings_is_refused() {
    let failure = ask(&flood(100_000, (0, 0))).unwrap_err();
    assert!(matches!(failure, PolicyFailure::TooManyFindings { found: 100_000, .. }), "{failure:?}");
}

#[test]
fn a_little_memory_cannot_become_a_lot_of_ours() {
    // 9,000 findings whose messages are the same 32 KiB: 280 MiB, if they were copied.
    match ask(&flood(9_000, (2_000_000, 32_768))) {
        Err(PolicyFailure::Garbage { what }) => assert!(what.contains("too much data"), "{what}"),
        other => panic!("{other:?}"),
    }
}
