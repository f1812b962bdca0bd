//! Policies that do not answer: they loop, crash, or eat stack and memory (1 to 3, 6, 7, 13).

use std::time::{Duration, Instant};

use ha_host::{Limits, PolicyFailure};

use crate::component::{RULES, answer, answering, component, module, snapshot};
use crate::{ask, ask_within};

const LOOP: &str = "(loop $again (br $again)) unreachable";

fn limits() -> Limits {
    Limits::of(&snapshot(), &[])
}

#[test]
fn a_harmless_policy_answers() {
    let output = ask(&answering(&answer(0, 0, [0, 3, 0, 0, 0]))).unwrap();
    assert_eq!((output.findings.len(), output.tallies[0].pass), (0, 3));
}

#[test]
fn an_endless_loop_runs_out_of_fuel() {
    let failure = ask(&component(&module("", LOOP), RULES)).unwrap_err();
    assert_eq!(failure, PolicyFailure::OutOfFuel { limit: limits().fuel });
}

#[test]
fn an_endless_loop_is_stopped_by_the_clock_when_fuel_does_not() {
    let time = Duration::from_millis(200);
    let start = Instant::now();
    let generous = Limits { fuel: u64::MAX, time, ..limits() };
    let failure = ask_within(generous, &component(&module("", LOOP), RULES)).unwrap_err();
    assert_eq!(failure, PolicyFailure::TimedOut { seconds: 0 });
    // The rest is compiling, on a machine that is busy with other tests.
    assert!(start.elapsed() < Duration::from_secs(20), "{:?}", start.elapsed());
}

#[test]
fn an_endless_loop_while_starting_runs_out_of_fuel() {
    let start = format!("(func $start {LOOP}) (start $start)");
    let failure = ask(&component(&module(&start, "i32.const 0"), RULES)).unwrap_err();
    assert_eq!(failure, PolicyFailure::OutOfFuel { limit: limits().fuel });
}

#[test]
fn memory_is_bounded() {
    let limit = limits().memory;
    let out_of_memory = PolicyFailure::OutOfMemory { limit };
    let greedy = "(drop (memory.grow (i32.const 65535))) i32.const 0";
    assert_eq!(ask(&component(&module("", greedy), RULES)).unwrap_err(), out_of_memory);

    let slowly = "(loop $again (drop (memory.grow (i32.const 1))) (br $again)) unreachable";
    assert_eq!(ask(&component(&module("", slowly), RULES)).unwrap_err(), out_of_memory);

    let from_the_start = module("", "i32.const 0").replace(r#""memory") 1)"#, r#""memory") 65535)"#);
    assert_eq!(ask(&component(&from_the_start, RULES)).unwrap_err(), out_of_memory);
}

#[test]
fn tables_are_bounded() {
    let table = "(table $t 1 funcref)";
    let greedy = "(drop (table.grow $t (ref.null func) (i32.const 100000000))) i32.const 0";
    let failure = ask(&component(&module(table, greedy), RULES)).unwrap_err();
    assert!(matches!(failure, PolicyFailure::OutOfMemory { .. }), "{failure:?}");
}

#[test]
fn crashes_are_the_policys_own() {
    let cases = [
        ("unreachable", "unreachable"),
        ("(i32.div_u (i32.const 1) (i32.const 0))", "divide by zero"),
        ("(i32.load (i32.const -4))", "out of bounds memory access"),
        ("(i32.trunc_f32_s (f32.const nan))", "invalid conversion"),
        ("(call $recurse) i32.const 0", "call stack exhausted"),
    ];
    for (check, expected) in cases {
        let recurse = "(func $recurse (call $recurse) (call $recurse))";
        match ask(&component(&module(recurse, check), RULES)) {
            Err(PolicyFailure::Trapped(message)) => {
                assert!(message.contains(expected), "{check}: {message}");
            }
            other => panic!("{check}: {other:?}"),
        }
    }
}

#[test]
fn the_same_input_gives_the_same_answer_on_every_machine() {
    // What 0/0 looks like in memory differs between processors, unless it is made canonical.
    let quotient = "(f32.div (f32.const 0) (f32.const 0))";
    let check = format!("(f32.store (i32.const 2052) {quotient}) i32.const 1024");
    let wasm = component(&module(&answer(0, 0, [0; 5]), &check), RULES);
    assert_eq!(ask(&wasm).unwrap().tallies[0].pass, f32::NAN.to_bits() & 0x7fff_ffff);

    // Fuel ends at the same instruction: one unit less than needed is not enough, ever.
    let answers_within = |fuel| ask_within(Limits { fuel, ..limits() }, &wasm).is_ok();
    let needed = (1..5_000).find(|fuel| answers_within(*fuel)).expect("a few hundred units do");
    for _ in 0..3 {
        assert!(answers_within(needed) && !answers_within(needed - 1));
    }
}
