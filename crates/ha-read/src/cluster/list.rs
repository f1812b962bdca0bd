//! One page of a list, cut into its objects without decoding them.

use bytes::Bytes;
use serde::Deserialize;
use serde_json::value::RawValue;

/// One page: the JSON text of each object, and where the list goes on.
///
/// The texts share the memory of the page.
#[derive(Debug, Default)]
pub(super) struct Page {
    /// The objects, each as JSON text that is UTF-8.
    pub(super) items: Vec<Bytes>,
    /// The token for the next page, unless this is the last.
    pub(super) next: Option<String>,
}

#[derive(Deserialize)]
struct List<'a> {
    #[serde(default)]
    metadata: ListMeta,
    // An empty list may be written as null; something without items is no list.
    #[serde(borrow)]
    items: Option<Vec<&'a RawValue>>,
    kind: &'a str,
}

#[derive(Default, Deserialize)]
struct ListMeta {
    r#continue: Option<String>,
}

impl Page {
    /// Cuts a list. Fails on anything that is not one.
    pub(super) fn parse(body: &Bytes) -> Result<Self, serde_json::Error> {
        let list: List<'_> = serde_json::from_slice(body)?;
        if !list.kind.ends_with("List") {
            return Err(serde::de::Error::custom("not a list"));
        }
        let items = list.items.unwrap_or_default();
        Ok(Self {
            items: items.into_iter().map(|item| body.slice_ref(item.get().as_bytes())).collect(),
            next: list.metadata.r#continue.filter(|token| !token.is_empty()),
        })
    }

    /// One object by itself, as a page.
    pub(super) fn of_object(body: &Bytes) -> Result<Self, serde_json::Error> {
        let object: &RawValue = serde_json::from_slice(body)?;
        Ok(Self { items: vec![body.slice_ref(object.get().as_bytes())], next: None })
    }
}

/// Who an object is, as far as its text says so.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Identity {
    pub(super) namespace: String,
    pub(super) name: String,
}

#[derive(Default, Deserialize)]
struct Identified {
    #[serde(default)]
    metadata: Metadata,
}

#[derive(Default, Deserialize)]
struct Metadata {
    namespace: Option<String>,
    name: Option<String>,
}

impl Identity {
    /// Empty where the text is broken.
    pub(super) fn of(json: &[u8]) -> Self {
        let metadata = serde_json::from_slice::<Identified>(json).unwrap_or_default().metadata;
        Self { namespace: metadata.namespace.unwrap_or_default(), name: metadata.name.unwrap_or_default() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &'static str) -> Result<Page, serde_json::Error> {
        Page::parse(&Bytes::from_static(text.as_bytes()))
    }

    #[test]
    fn items_are_cut_out_verbatim() {
        let page = parse(r#"{"kind":"PodList","items":[ {"a" : 1},{"b":"ü"}],"metadata":{"continue":"t"}}"#);
        let page = page.unwrap();
        assert_eq!(page.items, [r#"{"a" : 1}"#.as_bytes(), r#"{"b":"ü"}"#.as_bytes()]);
        assert_eq!(page.next.as_deref(), Some("t"));
    }

    #[test]
    fn an_empty_list_may_be_null() {
        let page = parse(r#"{"kind":"PodList","metadata":{"continue":""},"items":null}"#).unwrap();
        assert!(page.items.is_empty());
        assert_eq!(page.next, None);
    }

    #[test]
    fn anything_else_is_no_list() {
        for text in
            ["[]", "null", r#"{"kind":"Status","items":[]}"#, r#"{"items":[]}"#, r#"{"kind":"PodList","items":{}}"#]
        {
            assert!(parse(text).is_err(), "{text}");
        }
    }

    #[test]
    fn deep_nesting_does_no_harm() {
        let deep = format!(r#"{{"kind":"PodList","items":[{}{}]}}"#, "[".repeat(100_000), "]".repeat(100_000));
        let page = Page::parse(&Bytes::from(deep)).unwrap();
        assert_eq!(page.items.len(), 1);
        assert_eq!(Identity::of(&page.items[0]), Identity::default());
    }
}
