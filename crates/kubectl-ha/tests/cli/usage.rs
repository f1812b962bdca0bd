//! Mistakes of the command line, the configuration and the input that is named: exit code 2, nothing on standard
//! output, and a message that says what is wrong, where, and what was probably meant.

use crate::{Bench, FRAGILE};

fn bench() -> Bench {
    let bench = Bench::new();
    bench.write("fragile.yaml", FRAGILE);
    bench.write("key.yaml", "minimumReplicas: 3\nminReplicas: 3\n");
    bench.write("rule.yaml", "rules:\n  single-replcia: off\n");
    bench
}

#[test]
fn mistakes_are_told_with_what_was_probably_meant() {
    let cases: &[(&[&str], &str)] = &[
        (&["chekc"], "check"),
        (&["check", "-f", "fragile.yaml", "--fail-onn", "high"], "--fail-on"),
        (&["check", "-f", "fragile.yaml", "-o", "xml"], "there is no format \"xml\"; there are table, wide, json"),
        (&["explain", "single-replca"], "there is no rule \"single-replca\"; did you mean single-replica?"),
        (&["explain", "zzzzzzzz"], "`kubectl ha rules` lists them"),
        (&["check", "-f", "fragile.yaml", "--config", "key.yaml"], "did you mean \"minimumReplicas\"?"),
        (&["check", "-f", "fragile.yaml", "--config", "key.yaml"], "key.yaml:2"),
        (&["check", "-f", "fragile.yaml", "--config", "rule.yaml"], "did you mean single-replica?"),
        (&["check", "-f", "fragile.yaml", "--config", "nowhere.yaml"], "cannot read the configuration nowhere.yaml"),
        (&["check", "-f", "fragile.yaml", "-f", "frgaile.yaml"], "there is no file or directory frgaile.yaml"),
        (&["check", "-k", "nowhere"], "there is no file or directory nowhere"),
        (&["check", "-f", "key.yaml"], "no Kubernetes object in the input"),
        (&["check", "--snapshot", "fragile.yaml"], "fragile.yaml is not a snapshot"),
        (&["check", "--snapshot", "nowhere.ha"], "nowhere.ha"),
        (&["check", "-f", "fragile.yaml", "--demo"], "--demo"),
        (&["check", "-R"], "--filename"),
        (&["check", "-n", "shop", "-A"], "--all-namespaces"),
        (&["check", "--request-timeout", "soon"], "\"soon\" is no duration; write it as 30s or 2m"),
        (&["check", "-f", "fragile.yaml", "--no-baseline-policy"], "--policy"),
    ];
    let bench = bench();
    for (arguments, told) in cases {
        let ran = bench.run(*arguments);
        assert_eq!((ran.code, ran.out.as_str()), (Some(2), ""), "{arguments:?}: {ran:?}");
        assert!(ran.err.contains(told), "{arguments:?} says\n{}", ran.err);
    }
}

#[test]
fn without_a_cluster_and_without_files_there_is_nothing_to_check() {
    let ran = bench().run(["check", "--server", "https://127.0.0.1:1"]);
    assert_eq!((ran.code, ran.out.as_str()), (Some(4), ""), "{ran:?}");
    assert!(ran.err.contains("127.0.0.1:1"), "{ran:?}");
}

#[test]
fn without_a_verb_ten_lines_say_what_one_can_do() {
    let ran = bench().run([""; 0]);
    assert_eq!((ran.code, ran.err.as_str()), (Some(0), ""));
    assert!(ran.out.lines().count() <= 10, "{}", ran.out);
    for verb in ["check", "snapshot", "explain", "rules", "rbac", "policy inspect", "completion"] {
        assert!(ran.out.contains(verb), "{verb} is not in\n{}", ran.out);
    }
}
