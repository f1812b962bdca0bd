//! The linker for old distributions: zig, which brings the symbols of every glibc, driven by cargo-zigbuild.

use crate::python::Programs;

/// Another version of the linker may make other bytes of the same sources.
pub(super) const ZIGBUILD: Programs =
    Programs { name: "zigbuild", packages: &["cargo-zigbuild==0.24.0", "ziglang==0.17.1"], program: "cargo-zigbuild" };
