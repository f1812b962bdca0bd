//! What an object says it is, before the rest of it is read.

use ha_core::snapshot::ResourceKind;

/// `apiVersion` and `kind`; empty where they are absent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Head<'h> {
    pub(super) api_version: &'h str,
    pub(super) kind: &'h str,
}

impl<'h> Head<'h> {
    /// What stands in an object, else what the typed list around it says of its items.
    pub(super) fn new(api_version: Option<&'h str>, kind: Option<&'h str>, item: Option<Head<'h>>) -> Self {
        Self {
            api_version: api_version.or(item.map(|item| item.api_version)).unwrap_or_default(),
            kind: kind.or(item.map(|item| item.kind)).unwrap_or_default(),
        }
    }

    /// What a typed list such as `PodList` says of its items; `List` says nothing.
    pub(super) fn of_items(self) -> Option<Self> {
        let kind = self.kind.strip_suffix("List").filter(|kind| !kind.is_empty())?;
        Some(Self { kind, ..self })
    }

    /// The kind, if rules know it.
    pub(super) fn known(self) -> Option<ResourceKind> {
        let group = self.api_version.split_once('/').map_or("", |(group, _)| group);
        ResourceKind::from_group_kind(group, self.kind)
    }

    /// Whether this names one object, not a list of them.
    pub(super) fn is_object(self) -> bool {
        !self.kind.ends_with("List")
    }
}

/// What a YAML document in block style says it is, found without parsing it. None where that is not plain to see:
/// where a key stands twice, is missing, or has a value of more than one word.
pub(super) fn of_document(text: &str) -> Option<Head<'_>> {
    let (mut api_version, mut kind) = (None, None);
    for line in text.lines() {
        let (found, value) = match line.strip_prefix("kind:") {
            Some(value) => (&mut kind, value),
            None => match line.strip_prefix("apiVersion:") {
                Some(value) => (&mut api_version, value),
                None => continue,
            },
        };
        if found.replace(word(value)?).is_some() {
            return None;
        }
    }
    Some(Head { api_version: api_version?, kind: kind? })
}

/// A value that is one plain word.
fn word(value: &str) -> Option<&str> {
    let plain = value.strip_prefix(' ')?.trim();
    let is_word = !plain.is_empty() && plain.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"./-".contains(&byte));
    is_word.then_some(plain)
}
