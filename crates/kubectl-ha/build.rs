//! Finds the built-in policy, which `cargo xtask wasm` builds, so that it can be embedded.

use std::path::Path;
use std::process::exit;

fn main() {
    // Asked for when it runs: a target folder that two checkouts share may hold the other's build script.
    let manifest = std::env::var_os("CARGO_MANIFEST_DIR").unwrap_or_default();
    let folder = Path::new(&manifest).join("../../target/policies");
    for (variable, file) in
        [("HA_BASELINE_COMPONENT", "baseline.component.wasm"), ("HA_BASELINE_NATIVE", "baseline.cwasm")]
    {
        let path = folder.join(file);
        println!("cargo::rerun-if-changed={}", path.display());
        if !path.is_file() {
            println!("cargo::error=the built-in policy is missing: build it first with `cargo xtask wasm`");
            exit(0);
        }
        println!("cargo::rustc-env={variable}={}", path.display());
    }
}
