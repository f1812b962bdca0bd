//! Values as JSON text: checking them, and changing one at a path.
//!
//! Engines change their data this way when a bundle or an API brings a patch. It is rare, so the
//! text is parsed and written anew.

use alloc::string::String;
use alloc::vec::Vec;

use serde::de::IgnoredAny;
use serde_json::{Map, Value};

/// The text without surrounding blanks. Some engines count a C string's NUL as part of it.
pub(super) fn trimmed(bytes: &[u8]) -> Option<&str> {
    let blank = |c: char| c == '\0' || c.is_ascii_whitespace();
    str::from_utf8(bytes).ok().map(|text| text.trim_matches(blank))
}

/// The text, when it is one JSON value.
pub(super) fn checked(bytes: &[u8]) -> Option<&str> {
    trimmed(bytes).filter(|text| serde_json::from_str::<IgnoredAny>(text).is_ok())
}

/// `base` with `added` at `path` (a JSON array of keys), or without what is there when nothing is
/// added. Objects on the way are made as needed. `None` when the path is not one.
pub(super) fn changed(base: &str, path: &str, added: Option<&str>) -> Option<String> {
    let mut root: Value = serde_json::from_str(base).ok()?;
    let path: Vec<String> = serde_json::from_str(path).ok()?;
    let (last, parents) = path.split_last()?;
    let mut parent = root.as_object_mut()?;
    for key in parents {
        if added.is_none() && !parent.contains_key(key) {
            return serde_json::to_string(&root).ok();
        }
        let child = parent.entry(key.as_str()).or_insert_with(|| Value::Object(Map::new()));
        parent = child.as_object_mut()?;
    }
    match added {
        Some(added) => drop(parent.insert(last.clone(), serde_json::from_str(added).ok()?)),
        None => drop(parent.remove(last)),
    }
    serde_json::to_string(&root).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_is_one_json_value() {
        assert_eq!(checked(b" {\"a\": 1}\n\0"), Some("{\"a\": 1}"));
        for bad in [&b""[..], b"{", b"{} {}", b"{1}", b"set()", b"\"\xff\""] {
            assert_eq!(checked(bad), None, "{}", bad.escape_ascii());
        }
    }

    #[test]
    fn values_are_put_and_removed_at_a_path() {
        let base = r#"{"a":{"b":1},"c":[2]}"#;
        let cases = [
            (r#"["a","b"]"#, Some("[3]"), Some(r#"{"a":{"b":[3]},"c":[2]}"#)),
            (r#"["d","e"]"#, Some("4"), Some(r#"{"a":{"b":1},"c":[2],"d":{"e":4}}"#)),
            (r#"["a","b"]"#, None, Some(r#"{"a":{},"c":[2]}"#)),
            (r#"["d","e"]"#, None, Some(base)),
            (r#"["c","e"]"#, Some("5"), None),
            ("[]", Some("5"), None),
        ];
        for (path, added, expected) in cases {
            assert_eq!(changed(base, path, added).as_deref(), expected, "{path}");
        }
    }
}
