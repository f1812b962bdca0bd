//! Finds the built-in policy, which `cargo xtask wasm` builds, so that it can be embedded.

use std::path::Path;
use std::process::exit;

fn main() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../target/policies");
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
