//! The JSON Schemas in `schemas/` are those of the types.

#![allow(clippy::unwrap_used)]

use std::ffi::OsString;
use std::path::Path;

use ha_core::report::ExitCode;

#[test]
fn schemas_are_up_to_date() {
    let fresh = tempfile::tempdir().unwrap();
    let arguments = ["kubectl-ha", "schemas"].map(OsString::from).into_iter();
    let code = kubectl_ha::run(arguments.chain([fresh.path().into()]));
    assert_eq!(code, ExitCode::Success);
    let kept = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../schemas");
    for name in ["report.schema.json", "config.schema.json"] {
        let read = |directory: &Path| std::fs::read_to_string(directory.join(name)).unwrap();
        let message = "run `cargo run -p kubectl-ha -- schemas schemas`";
        assert_eq!(read(&kept), read(fresh.path()), "{name} is stale: {message}");
    }
}
