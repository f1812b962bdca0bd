//! What makes two findings of two runs the same problem.

use alloc::string::String;
use core::fmt::Write;

use sha2::{Digest, Sha256};

use super::ObjectReference;
use crate::finding::Finding;

/// Lists whose elements a rule may judge one by one. Their names keep two findings of one object apart.
///
/// Containers are not among them: a pod is judged as a whole, and of several containers that lack something one may be
/// mended first. That must not make a new finding of what is left.
const NAMED_ELEMENTS: &[&str] = &["volumeClaimTemplates", "volumes", "webhooks"];

/// How many bytes of the hash are kept: enough that no two findings of a fleet share them.
const BYTES: usize = 16;

/// The fingerprint of the `occurrence`-th finding (from 0) of a rule about one element of an object.
///
/// It depends on policy, rule, API group, kind, namespace, name and the element's name; never on the API version,
/// wording, numbers, line or severity, so that a finding stays the same while it is being worked on.
pub(super) fn fingerprint(
    policy: &str,
    rule: &str,
    object: &ObjectReference,
    element: &str,
    occurrence: usize,
) -> String {
    // A cluster's name is that of somebody's kubeconfig context: another person's differs.
    let name = if object.is_cluster() { "" } else { &object.name };
    let mut hash = Sha256::new();
    for part in [policy, rule, object.group(), &object.kind, &object.namespace, name, element] {
        // The length keeps "a" + "bc" and "ab" + "c" apart.
        hash.update((part.len() as u64).to_le_bytes());
        hash.update(part.as_bytes());
    }
    hash.update((occurrence as u64).to_le_bytes());
    let mut text = String::with_capacity(2 * BYTES);
    for byte in &hash.finalize()[..BYTES] {
        // Writing into a String cannot fail.
        let _ = write!(text, "{byte:02x}");
    }
    text
}

/// The name of the webhook or volume that a finding is about, from its first evidence that names one;
/// empty when it is about the whole object. A position such as `webhooks[0]` is no name: it changes.
pub(super) fn element(finding: &Finding) -> &str {
    let mut own = finding.evidence.iter().filter(|evidence| evidence.object.is_none());
    own.find_map(|evidence| element_of_path(&evidence.path)).unwrap_or("")
}

fn element_of_path(path: &str) -> Option<&str> {
    let (list, rest) = path.split_once('[')?;
    let (name, rest) = rest.split_once(']')?;
    let list = list.rsplit('.').next().unwrap_or(list);
    let is_position = name.bytes().all(|byte| byte.is_ascii_digit());
    if NAMED_ELEMENTS.contains(&list) && !is_position {
        return Some(name);
    }
    element_of_path(rest)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn elements_are_named_and_never_numbered() {
        for (path, element) in [
            ("spec.replicas", None),
            ("spec.template.spec.containers[app].readinessProbe", None),
            ("spec.template.spec.volumes[data].emptyDir", Some("data")),
            ("webhooks[0].failurePolicy", None),
            ("webhooks[validate.example.com].failurePolicy", Some("validate.example.com")),
            ("metadata.labels[app]", None),
            ("status.conditions[x].volumes[b]", Some("b")),
        ] {
            assert_eq!(element_of_path(path), element, "{path}");
        }
    }

    #[test]
    fn it_tells_problems_apart_and_ignores_the_api_version() {
        let object = |api_version: &str, namespace: &str, name: &str| ObjectReference {
            namespace: namespace.into(),
            kind: "Deployment".into(),
            name: name.into(),
            api_version: api_version.into(),
        };
        let of = |object: &ObjectReference, element: &str, occurrence| {
            fingerprint("baseline", "single-replica", object, element, occurrence)
        };
        let cart = of(&object("apps/v1", "shop", "cart"), "", 0);
        assert_eq!(cart, of(&object("apps/v1beta2", "shop", "cart"), "", 0));
        assert_ne!(cart, of(&object("apps/v1", "sho", "pcart"), "", 0));
        assert_ne!(cart, of(&object("extensions/v1", "shop", "cart"), "", 0));
        assert_ne!(cart, of(&object("apps/v1", "shop", "cart"), "app", 0));
        assert_ne!(cart, of(&object("apps/v1", "shop", "cart"), "", 1));
        assert_eq!(cart.len(), 32);
    }
}
