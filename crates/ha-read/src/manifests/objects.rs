//! The Kubernetes objects of a text: its documents, and the items of every `List` among them.

use std::borrow::Cow;
use std::sync::Arc;

use ha_core::snapshot::ResourceKind;
use ha_snapshot::objects::{FileLocation, Object};
use serde::Deserialize;
use serde_json::Value;
use serde_json::value::RawValue;

use super::documents::{Document, documents};
use super::head::Head;
use super::tree::{self, Fault, Mark, Tree};
use super::{File, Manifests, Place, Problem, Subject, Text, Weight, head, locate};

/// Deepest nesting of `List`s.
const LISTS: usize = 8;

/// Reads every object of `text` into `sink`, and keeps the text with the places of its objects.
pub(super) fn read(text: Text, manifests: &mut Manifests, sink: &mut dyn FnMut(Object)) {
    let mut places = Vec::new();
    let mut reader = Reader { text: &text, places: &mut places, manifests, sink };
    for document in documents(&text.bytes) {
        reader.document(document);
    }
    manifests.files.push(File { text, places });
}

struct Reader<'r> {
    text: &'r Text,
    places: &'r mut Vec<Place>,
    manifests: &'r mut Manifests,
    sink: &'r mut dyn FnMut(Object),
}

/// The parts of a JSON object that say what it is.
#[derive(Deserialize)]
struct JsonHead<'j> {
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
                return self.problem(document.line + count_lines(before), Weight::Lost, "not valid UTF-8");
            }
        };
        if text.trim_start().starts_with('{') && self.json(text, &document) {
            return;
        }
        if head::of_document(text).is_some_and(|head| head.is_object() && head.known().is_none()) {
            // No rule reads this kind: its content, such as a Secret's, is not even parsed.
            self.manifests.objects += 1;
            return;
        }
        for tree in tree::trees(text) {
            match tree {
                Ok(tree) => self.tree(&tree, &document),
                Err(fault) => self.fault(text, document.line, &fault),
            }
        }
    }

    /// Reads a document of one or more JSON objects. False when it is no JSON after all but may be YAML.
    fn json(&mut self, text: &str, document: &Document<'_>) -> bool {
        let mut cursor = Cursor { text, base: document.start, offset: 0, line: document.line };
        let values = serde_json::Deserializer::from_str(text).into_iter::<&RawValue>();
        for (index, value) in values.enumerate() {
            match value {
                Ok(value) => self.json_object(value, None, &mut cursor, 0),
                Err(_) if index == 0 => return false,
                Err(error) => {
                    self.problem(document.line + error.line() - 1, Weight::Lost, &error.to_string());
                    return true;
                }
            }
        }
        true
    }

    /// Reads one JSON object, or the items of one that is a list.
    fn json_object(&mut self, json: &RawValue, item: Option<Head<'_>>, cursor: &mut Cursor<'_>, depth: usize) {
        let place = cursor.place(json.get());
        let parsed: JsonHead<'_> = match serde_json::from_str(json.get()) {
            Ok(parsed) => parsed,
            Err(error) => {
                let line = place.line + error.line().saturating_sub(1);
                return self.problem(line, Weight::NotKubernetes, &format!("not a Kubernetes object: {error}"));
            }
        };
        let head = Head::new(parsed.api_version.as_deref(), parsed.kind.as_deref(), item);
        let Some(items) = parsed.items.filter(|_| head.kind.ends_with("List")) else {
            return self.object(head, place, Content::Json(json.get()));
        };
        if depth == LISTS {
            return self.problem(place.line, Weight::Lost, "lists are nested too deeply");
        }
        match serde_json::from_str::<Option<Vec<&RawValue>>>(items.get()) {
            Ok(items) => {
                for item in items.unwrap_or_default() {
                    self.json_object(item, head.of_items(), cursor, depth + 1);
                }
            }
            Err(_) => self.problem(place.line, Weight::Lost, &format!("the items of the {} are no list", head.kind)),
        }
    }

    fn tree(&mut self, tree: &Tree, document: &Document<'_>) {
        for fault in &tree.duplicates {
            self.problem(document.line + fault.line - 1, Weight::Note, &fault.message);
        }
        if !tree.value.is_null() {
            self.value(&tree.value, None, &tree.mark, document, 0);
        }
    }

    /// Reads the object that a value is, or the items of one that is a list.
    fn value(&mut self, value: &Value, item: Option<Head<'_>>, mark: &Mark, document: &Document<'_>, depth: usize) {
        let text_of = |key: &str| value.get(key).and_then(Value::as_str);
        let head = Head::new(text_of("apiVersion"), text_of("kind"), item);
        let place = Place {
            line: document.line + mark.line - 1,
            column: mark.column,
            start: document.start + mark.start,
            end: document.start + mark.end,
        };
        match value.get("items").filter(|_| head.kind.ends_with("List")) {
            None => self.object(head, place, Content::Tree(value)),
            Some(_) if depth == LISTS => {
                self.problem(place.line, Weight::Lost, "lists are nested too deeply");
            }
            Some(Value::Array(items)) => {
                for (index, item) in items.iter().enumerate() {
                    // An item that came from an alias has no place of its own.
                    let mark = mark.items.get(index).unwrap_or(mark);
                    self.value(item, head.of_items(), mark, document, depth + 1);
                }
            }
            Some(Value::Null) => {}
            Some(_) => {
                let message = format!("the items of the {} are no list", head.kind);
                self.problem(place.line, Weight::Lost, &message);
            }
        }
    }

    /// Counts an object, and hands it to the sink when rules know its kind.
    fn object(&mut self, head: Head<'_>, place: Place, content: Content<'_>) {
        let missing = match () {
            () if matches!(content, Content::Tree(value) if !value.is_object()) => "it is not a mapping",
            () if head.kind.is_empty() => "it has no `kind`",
            () if head.api_version.is_empty() => "it has no `apiVersion`",
            () => "",
        };
        if !missing.is_empty() {
            return self.problem(place.line, Weight::NotKubernetes, &format!("not a Kubernetes object: {missing}"));
        }
        self.manifests.objects += 1;
        self.places.push(place);
        let Some(kind) = head.known() else { return };
        let object = match content {
            Content::Tree(value) => self.decode(head.api_version, kind, value, place),
            // The slow way says what is wrong and where, and forgives a key that stands twice, as kubectl does.
            Content::Json(json) => match Object::from_json(head.api_version, kind, json) {
                Ok(object) => Some(object),
                Err(_) => match serde_json::from_str(json) {
                    Ok(value) => self.decode(head.api_version, kind, &value, place),
                    Err(error) => {
                        let line = place.line + error.line().saturating_sub(1);
                        self.problem(line, Weight::Lost, &error.to_string());
                        None
                    }
                },
            },
        };
        if let Some(mut object) = object {
            let line = u32::try_from(place.line).unwrap_or(u32::MAX);
            object.location = Some(FileLocation { file: self.text.name.to_string(), line });
            *self.manifests.counts.entry(kind).or_default() += 1;
            (self.sink)(object);
        }
    }

    /// The slim form of an object; or a problem at the field that has another type than the Kubernetes API gives it.
    fn decode(&mut self, api_version: &str, kind: ResourceKind, value: &Value, place: Place) -> Option<Object> {
        if let Ok(object) = Object::deserialize(api_version, kind, value) {
            return Some(object);
        }
        let mut track = serde_path_to_error::Track::new();
        let tracked = serde_path_to_error::Deserializer::new(value, &mut track);
        let error = Object::deserialize(api_version, kind, tracked).err()?;
        let path = track.path().to_string();
        let text = self.text.bytes.get(place.start..place.end).and_then(|bytes| std::str::from_utf8(bytes).ok());
        let line = text.and_then(|text| locate::locate(text, place.column, &path)).unwrap_or(1);
        let metadata = |key: &str| value["metadata"][key].as_str().unwrap_or_default().to_owned();
        let subject = Subject { kind, namespace: metadata("namespace"), name: metadata("name") };
        self.manifests.problem(Problem {
            file: Arc::clone(&self.text.name),
            line: place.line + line - 1,
            message: format!("{} {}: {path}: {error}", kind.kind(), subject.name),
            weight: Weight::Lost,
            subject: Some(subject),
        });
        None
    }

    fn fault(&mut self, document: &str, first_line: usize, fault: &Fault) {
        let is_template = document.contains("{{");
        let hint =
            if is_template { "; render Helm templates first: helm template … | kubectl ha check -f -" } else { "" };
        self.problem(first_line + fault.line.max(1) - 1, Weight::Lost, &format!("{}{hint}", fault.message));
    }

    fn problem(&mut self, line: usize, weight: Weight, message: &str) {
        let (file, message) = (Arc::clone(&self.text.name), message.to_owned());
        self.manifests.problem(Problem { file, line, message, weight, subject: None });
    }
}

/// An object as it was found.
#[derive(Clone, Copy)]
enum Content<'c> {
    Tree(&'c Value),
    Json(&'c str),
}

/// Counts lines while walking forward through a document.
struct Cursor<'t> {
    text: &'t str,
    /// Where the document begins in the whole text.
    base: usize,
    offset: usize,
    line: usize,
}

impl Cursor<'_> {
    /// Moves to `piece`, a part of the document, and gives its place.
    fn place(&mut self, piece: &str) -> Place {
        let offset = (piece.as_ptr() as usize).wrapping_sub(self.text.as_ptr() as usize);
        if let Some(between) = self.text.as_bytes().get(self.offset..offset) {
            self.line += count_lines(between);
            self.offset = offset;
        }
        let start = self.base + self.offset;
        Place { line: self.line, column: 0, start, end: start + piece.len() }
    }
}

fn count_lines(bytes: &[u8]) -> usize {
    bytes.split(|byte| *byte == b'\n').count() - 1
}
