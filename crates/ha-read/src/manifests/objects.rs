//! The Kubernetes objects of a text: its documents, and the items of every `List` among them.

use std::borrow::Cow;
use std::sync::Arc;

use ha_core::snapshot::ResourceKind;
use serde::Deserialize;
use serde_json::Value;
use serde_json::value::RawValue;

use super::documents::{Document, documents};
use super::tree::{self, Fault, Mark, Tree};
use super::{File, Manifest, Manifests, Place, Problem, Text, Weight};

/// Deepest nesting of `List`s.
const LISTS: usize = 8;

/// Reads every object of `text` into `sink`, and keeps the text with the places of its objects.
pub(super) fn read(text: Text, manifests: &mut Manifests, sink: &mut dyn FnMut(Manifest)) {
    let mut places = Vec::new();
    let mut reader = Reader {
        name: &text.name,
        places: &mut places,
        manifests,
        sink,
    };
    for document in documents(&text.bytes) {
        reader.document(document);
    }
    manifests.files.push(File { text, places });
}

struct Reader<'r> {
    name: &'r Arc<str>,
    places: &'r mut Vec<Place>,
    manifests: &'r mut Manifests,
    sink: &'r mut dyn FnMut(Manifest),
}

/// The `kind` and `apiVersion` that a typed list such as `PodList` gives to its items.
#[derive(Clone, Copy)]
struct ListOf<'l> {
    kind: &'l str,
    api_version: &'l str,
}

impl<'l> ListOf<'l> {
    /// What a list of that kind gives to its items; `List` itself gives nothing.
    fn new(kind: &'l str, api_version: &'l str) -> Option<Self> {
        kind.strip_suffix("List")
            .filter(|kind| !kind.is_empty())
            .map(|kind| Self { kind, api_version })
    }
}

/// The parts of a JSON object that say what it is.
#[derive(Deserialize)]
struct Head<'j> {
    #[serde(borrow, default)]
    kind: Option<Cow<'j, str>>,
    #[serde(borrow, default, rename = "apiVersion")]
    api_version: Option<Cow<'j, str>>,
    #[serde(borrow, default)]
    items: Option<&'j RawValue>,
}

impl Reader<'_> {
    fn document(&mut self, document: Document<'_>) {
        let text = match std::str::from_utf8(document.bytes) {
            Ok(text) => text,
            Err(error) => {
                let before = &document.bytes[..error.valid_up_to()];
                let line = document.line + count_lines(before);
                return self.problem(line, Weight::Lost, "not valid UTF-8");
            }
        };
        if text.trim_start().starts_with('{') && self.json(text, &document) {
            return;
        }
        for tree in tree::trees(text) {
            match tree {
                Ok(tree) => self.tree(tree, &document),
                Err(fault) => self.fault(text, document.line, &fault),
            }
        }
    }

    /// Reads a document of one or more JSON objects. False when it is no JSON after all but may be YAML.
    fn json(&mut self, text: &str, document: &Document<'_>) -> bool {
        let mut cursor = Cursor {
            text,
            offset: 0,
            line: document.line,
        };
        let values = serde_json::Deserializer::from_str(text).into_iter::<&RawValue>();
        let mut first = true;
        for value in values {
            match value {
                Ok(value) => self.json_object(value, None, &mut cursor, document.start, 0),
                Err(_) if first => return false,
                Err(error) => {
                    self.problem(
                        document.line + error.line() - 1,
                        Weight::Lost,
                        &error.to_string(),
                    );
                    return true;
                }
            }
            first = false;
        }
        true
    }

    /// Reads one JSON object, or the items of one that is a list. `base` is where the document begins in the text.
    fn json_object(
        &mut self,
        json: &RawValue,
        of: Option<ListOf<'_>>,
        cursor: &mut Cursor<'_>,
        base: usize,
        depth: usize,
    ) {
        let line = cursor.line_of(json.get());
        let head: Head<'_> = match serde_json::from_str(json.get()) {
            Ok(head) => head,
            Err(error) => {
                let line = line + error.line().saturating_sub(1);
                return self.problem(
                    line,
                    Weight::NotKubernetes,
                    &format!("not a Kubernetes object: {error}"),
                );
            }
        };
        let kind = head
            .kind
            .as_deref()
            .or(of.map(|of| of.kind))
            .unwrap_or_default();
        let api_version = head
            .api_version
            .as_deref()
            .or(of.map(|of| of.api_version))
            .unwrap_or_default();
        let items = head.items.filter(|_| kind.ends_with("List"));
        if let Some(items) = items {
            if depth == LISTS {
                return self.problem(line, Weight::Lost, "lists are nested too deeply");
            }
            match serde_json::from_str::<Option<Vec<&RawValue>>>(items.get()) {
                Ok(items) => {
                    for item in items.unwrap_or_default() {
                        self.json_object(
                            item,
                            ListOf::new(kind, api_version),
                            cursor,
                            base,
                            depth + 1,
                        );
                    }
                }
                Err(error) => self.problem(
                    line,
                    Weight::Lost,
                    &format!("the items of the {kind} are no list: {error}"),
                ),
            }
            return;
        }
        let start = base + cursor.offset;
        let place = Place {
            line,
            column: 0,
            start,
            end: start + json.get().len(),
        };
        match serde_json::from_str(json.get()) {
            Ok(value) => self.object(kind, api_version, value, place),
            Err(error) => self.problem(
                line + error.line().saturating_sub(1),
                Weight::Lost,
                &error.to_string(),
            ),
        }
    }

    fn tree(&mut self, tree: Tree, document: &Document<'_>) {
        for fault in &tree.duplicates {
            self.problem(document.line + fault.line - 1, Weight::Note, &fault.message);
        }
        if !tree.value.is_null() {
            self.value(tree.value, None, &tree.mark, document, 0);
        }
    }

    /// Reads the object that a value is, or the items of one that is a list.
    fn value(
        &mut self,
        mut value: Value,
        of: Option<ListOf<'_>>,
        mark: &Mark,
        document: &Document<'_>,
        depth: usize,
    ) {
        let line = document.line + mark.line - 1;
        let text_of = |key: &str| value.get(key).and_then(Value::as_str);
        let kind = text_of("kind")
            .or(of.map(|of| of.kind))
            .unwrap_or_default()
            .to_owned();
        let api_version = text_of("apiVersion")
            .or(of.map(|of| of.api_version))
            .unwrap_or_default()
            .to_owned();
        let items = value.get_mut("items").filter(|_| kind.ends_with("List"));
        let Some(items) = items.map(Value::take) else {
            let place = Place {
                line,
                column: mark.column,
                start: document.start + mark.start,
                end: document.start + mark.end,
            };
            return self.object(&kind, &api_version, value, place);
        };
        match items {
            _ if depth == LISTS => self.problem(line, Weight::Lost, "lists are nested too deeply"),
            Value::Array(items) => {
                for (index, item) in items.into_iter().enumerate() {
                    // An item that came from an alias has no place of its own.
                    let mark = mark.items.get(index).unwrap_or(mark);
                    self.value(
                        item,
                        ListOf::new(&kind, &api_version),
                        mark,
                        document,
                        depth + 1,
                    );
                }
            }
            Value::Null => {}
            _ => self.problem(
                line,
                Weight::Lost,
                &format!("the items of the {kind} are no list"),
            ),
        }
    }

    fn object(&mut self, kind: &str, api_version: &str, value: Value, place: Place) {
        let missing = match () {
            () if !value.is_object() => "it is not a mapping",
            () if kind.is_empty() => "it has no `kind`",
            () if api_version.is_empty() => "it has no `apiVersion`",
            () => "",
        };
        if !missing.is_empty() {
            return self.problem(
                place.line,
                Weight::NotKubernetes,
                &format!("not a Kubernetes object: {missing}"),
            );
        }
        self.manifests.objects += 1;
        let group = api_version.split_once('/').map_or("", |(group, _)| group);
        if let Some(known) = ResourceKind::from_group_kind(group, kind) {
            *self.manifests.counts.entry(known).or_default() += 1;
        }
        self.places.push(place);
        (self.sink)(Manifest {
            api_version: api_version.to_owned(),
            kind: kind.to_owned(),
            value,
            file: Arc::clone(self.name),
            line: place.line,
        });
    }

    fn fault(&mut self, document: &str, first_line: usize, fault: &Fault) {
        let hint = if document.contains("{{") {
            "; a Helm template must be rendered first: helm template … | …"
        } else {
            ""
        };
        self.problem(
            first_line + fault.line.max(1) - 1,
            Weight::Lost,
            &format!("{}{hint}", fault.message),
        );
    }

    fn problem(&mut self, line: usize, weight: Weight, message: &str) {
        let message = message.to_owned();
        self.manifests.problem(Problem {
            file: Arc::clone(self.name),
            line,
            message,
            weight,
        });
    }
}

/// Counts lines while walking forward through a document.
struct Cursor<'t> {
    text: &'t str,
    offset: usize,
    line: usize,
}

impl Cursor<'_> {
    /// Moves to `piece`, a part of the text, and gives its line.
    fn line_of(&mut self, piece: &str) -> usize {
        let offset = (piece.as_ptr() as usize).wrapping_sub(self.text.as_ptr() as usize);
        if let Some(between) = self.text.as_bytes().get(self.offset..offset) {
            self.line += count_lines(between);
            self.offset = offset;
        }
        self.line
    }
}

fn count_lines(bytes: &[u8]) -> usize {
    bytes.split(|byte| *byte == b'\n').count() - 1
}
