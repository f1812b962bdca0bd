//! Completion: shells' own scripts, Cobra's protocol, and the real kubectl that asks for it.

use std::path::{Path, PathBuf};
use std::process::Command;

use crate::{Bench, Ran, kubectl, path_with};

/// A folder on the PATH that holds the plugin under its own name, as a package manager leaves it.
fn installed(bench: &Bench) -> PathBuf {
    let folder = bench.path("bin");
    std::fs::create_dir_all(&folder).unwrap();
    std::os::unix::fs::symlink(env!("CARGO_BIN_EXE_kubectl-ha"), folder.join("kubectl-ha")).unwrap();
    folder
}

fn run(bench: &Bench, program: &Path, arguments: &[&str]) -> Ran {
    let mut command = Command::new(program);
    bench.prepare(&mut command);
    let path = path_with(&[bench.path("bin/kubectl-ha"), kubectl()]);
    Ran::of(command.env("PATH", path).args(arguments))
}

#[test]
fn the_completer_is_installed_beside_the_plugin_and_kubectl_asks_it() {
    let bench = Bench::new();
    let plugin = installed(&bench).join("kubectl-ha");
    let ran = run(&bench, &plugin, &["completion", "--install"]);
    assert_eq!(ran.code, Some(0), "{ran:?}");
    let completer = bench.path("bin/kubectl_complete-ha");
    assert!(ran.out.starts_with(&format!("wrote {}", completer.display())), "{ran:?}");
    let again = run(&bench, &plugin, &["completion", "--install"]);
    assert_eq!(again.out, format!("{} is there already\n", completer.display()));

    // Cobra's own protocol, through the real kubectl.
    let asked = run(&bench, &kubectl(), &["__complete", "ha", "ch"]);
    assert_eq!(asked.code, Some(0), "{asked:?}");
    assert!(asked.out.starts_with("check\t"), "{asked:?}");
    assert!(asked.out.trim_end().ends_with(":4"), "{asked:?}");
    let rules = run(&bench, &kubectl(), &["__complete", "ha", "explain", "single-"]);
    assert!(rules.out.starts_with("single-replica\t"), "{rules:?}");
}

#[test]
fn something_else_in_the_completers_place_is_left_alone() {
    let bench = Bench::new();
    let plugin = installed(&bench).join("kubectl-ha");
    bench.write("bin/kubectl_complete-ha", "#!/bin/sh\n");
    let ran = run(&bench, &plugin, &["completion", "--install"]);
    assert_eq!(ran.code, Some(4), "{ran:?}");
    assert!(ran.err.contains("exists and is something else; remove it first"), "{ran:?}");
    assert_eq!(bench.read("bin/kubectl_complete-ha"), "#!/bin/sh\n");
}

#[test]
fn names_of_contexts_and_namespaces_are_completed() {
    let bench = Bench::new();
    let context = |name: &str| format!("- {{name: {name}, context: {{cluster: a, user: b}}}}\n");
    bench.write("config", format!("contexts:\n{}{}{}", context("prod-eu"), context("prod-us"), context("dev")));
    let completer = Path::new(env!("CARGO_BIN_EXE_kubectl_complete-ha"));
    let ask = |words: &[&str]| {
        let mut command = Command::new(completer);
        bench.prepare(&mut command);
        Ran::of(command.env("KUBECONFIG", bench.path("config")).args(words)).out
    };
    assert_eq!(ask(&["check", "--context", "prod"]), "prod-eu\t\nprod-us\t\n:4\n");
    // No cluster answers: silence, at once. Names that one gives are tested where it is asked (`ha-read`).
    assert_eq!(ask(&["check", "--context", "dev", "-n", ""]), ":4\n");
    assert!(ask(&["check", "--fail-on", ""]).starts_with("critical\t"));
    assert_eq!(ask(&["check", "-f", ""]), ":0\n");
}

#[test]
fn every_shell_has_a_script() {
    let bench = Bench::new();
    for shell in ["bash", "zsh", "fish", "powershell", "elvish"] {
        let ran = bench.run(["completion", shell]);
        assert_eq!(ran.code, Some(0), "{ran:?}");
        assert!(ran.out.contains("kubectl-ha") && ran.out.contains("fail-on"), "{shell}");
    }
    let none = bench.run(["completion"]);
    assert_eq!(none.code, Some(2), "{none:?}");
}
