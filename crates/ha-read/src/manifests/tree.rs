//! One YAML text to trees of JSON values, as kubectl makes them, with the places of the items of a `List`.
//!
//! Anchors, aliases and merge keys are resolved here. What aliases may copy is bounded, so that a "billion laughs"
//! document is refused instead of expanded. Nesting is bounded by the parser's limits. A key that stands twice
//! counts with its last value, as for kubectl, and is reported.

use std::collections::{HashMap, HashSet};

use granit_parser::{Event, Options, Parser, ScalarStyle, ScanError, Span, StrInput};
use serde_json::{Map, Value};

use super::scalar;

/// Deepest nesting of block and of flow collections each; Kubernetes' own schemas stay below 64.
const NESTING: usize = 128;
/// What aliases of one document may copy, in the estimated bytes of the tree. kubectl stops at 400,000 nodes.
const COPIED: usize = 32 << 20;
/// What one document may become, in the estimated bytes of the tree.
const LARGEST: usize = 2 << 30;
/// Most keys standing twice that are told of one document.
const DUPLICATES: usize = 100;
/// What a node costs beside its text.
const NODE: usize = 64;

/// What is wrong in a text, and on which line of it, from 1.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Fault {
    pub(super) line: usize,
    pub(super) message: String,
}

/// Where a node stands in its text: bytes `start..end`, the first of them at `line` (from 1) and `column` (from 0).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Mark {
    pub(super) line: usize,
    pub(super) column: usize,
    pub(super) start: usize,
    pub(super) end: usize,
    /// The elements of the sequence under this mapping's key `items`, by index.
    pub(super) items: Vec<Mark>,
}

/// One document.
#[derive(Debug)]
pub(super) struct Tree {
    pub(super) value: Value,
    pub(super) mark: Mark,
    /// Keys that stand twice in one mapping.
    pub(super) duplicates: Vec<Fault>,
}

/// The parser's options: bounded nesting, no comments.
pub(super) fn options() -> Options {
    let mut options = granit_parser::options! { flow_nesting_limit: NESTING, block_nesting_limit: NESTING };
    options.set_emit_comments(false);
    options
}

/// The documents of a text; the first fault ends the list.
pub(super) fn trees(text: &str) -> Vec<Result<Tree, Fault>> {
    let mut builder = Builder::new(text);
    let mut trees = Vec::new();
    loop {
        match builder.document() {
            Ok(Some(tree)) => trees.push(Ok(tree)),
            Ok(None) => return trees,
            Err(fault) => {
                trees.push(Err(fault));
                return trees;
            }
        }
    }
}

/// Builds trees from the parser's events.
struct Builder<'t> {
    parser: Parser<'t, StrInput<'t>>,
    /// Finished anchored nodes with their estimated size.
    anchors: HashMap<usize, (Value, usize)>,
    size: usize,
    copied: usize,
    duplicates: Vec<Fault>,
}

impl<'t> Builder<'t> {
    fn new(text: &'t str) -> Self {
        Self {
            parser: Parser::new_from_str_with_options(text, options()),
            anchors: HashMap::new(),
            size: 0,
            copied: 0,
            duplicates: Vec::new(),
        }
    }

    /// The next document, or none at the end of the text.
    fn document(&mut self) -> Result<Option<Tree>, Fault> {
        loop {
            match self.event()? {
                (Event::StreamEnd, _) => return Ok(None),
                (Event::StreamStart | Event::DocumentStart(..) | Event::DocumentEnd, _) => {}
                (event, span) => {
                    self.anchors.clear();
                    (self.size, self.copied) = (0, 0);
                    let mut mark = mark_at(&span);
                    let value = self.node(event, &span, Some(&mut mark))?;
                    return Ok(Some(Tree { value, mark, duplicates: std::mem::take(&mut self.duplicates) }));
                }
            }
        }
    }

    fn event(&mut self) -> Result<(Event<'t>, Span), Fault> {
        match self.parser.next_event() {
            Some(Ok(event)) => Ok(event),
            Some(Err(error)) => Err(syntax(&error)),
            None => Ok((Event::StreamEnd, Span::default())),
        }
    }

    /// The value of the node that `event` starts. `mark` is given for nodes that may be a `List`: it receives the
    /// end of the node and the marks of its items.
    fn node(&mut self, event: Event<'t>, span: &Span, mark: Option<&mut Mark>) -> Result<Value, Fault> {
        let before = self.size;
        let (value, anchor) = match event {
            Event::Scalar(text, style, anchor, tag) => {
                self.grow(text.len(), span)?;
                close(mark, span);
                (scalar::value(text, style, tag.as_deref()).map_err(|message| fault(span, message))?, anchor)
            }
            Event::SequenceStart(_, anchor, _) => (self.sequence(span, mark)?, anchor),
            Event::MappingStart(_, anchor, _) => (self.mapping(span, mark)?, anchor),
            Event::Alias(anchor) => return self.alias(anchor, span),
            other => return Err(fault(span, format!("unexpected {other:?}"))),
        };
        if anchor != 0 {
            let size = self.size - before;
            self.copy(size, span)?;
            self.anchors.insert(anchor, (value.clone(), size));
        }
        Ok(value)
    }

    fn sequence(&mut self, span: &Span, mark: Option<&mut Mark>) -> Result<Value, Fault> {
        self.grow(0, span)?;
        let mut elements = Vec::new();
        loop {
            let (event, span) = self.event()?;
            if matches!(event, Event::SequenceEnd) {
                close(mark, &span);
                return Ok(Value::Array(elements));
            }
            elements.push(self.node(event, &span, None)?);
        }
    }

    /// The sequence under the key `items` of what may be a `List`, with a mark for each element.
    fn items(&mut self, span: &Span) -> Result<(Value, Vec<Mark>), Fault> {
        self.grow(0, span)?;
        let (mut elements, mut marks) = (Vec::new(), Vec::new());
        loop {
            let (event, span) = self.event()?;
            if matches!(event, Event::SequenceEnd) {
                return Ok((Value::Array(elements), marks));
            }
            let mut mark = mark_at(&span);
            elements.push(self.node(event, &span, Some(&mut mark))?);
            marks.push(mark);
        }
    }

    fn mapping(&mut self, span: &Span, mut mark: Option<&mut Mark>) -> Result<Value, Fault> {
        self.grow(0, span)?;
        let mut map = Map::new();
        let mut merged = HashSet::new();
        loop {
            let (event, span) = self.event()?;
            if matches!(event, Event::MappingEnd) {
                close(mark, &span);
                return Ok(Value::Object(map));
            }
            if is_merge(&event) {
                self.merge(&mut map, &mut merged)?;
                continue;
            }
            let key = self.key(event, &span)?;
            let is_told = self.duplicates.len() < DUPLICATES;
            if is_told && map.contains_key(&key) && !merged.contains(&key) {
                self.duplicates.push(fault(&span, format!("the key `{key}` stands twice; its last value counts")));
            }
            let value = self.entry(&key, mark.as_deref_mut())?;
            map.insert(key, value);
        }
    }

    /// The value after a mapping's key. `mark` is the mapping's own, when it may be a `List`.
    fn entry(&mut self, key: &str, mark: Option<&mut Mark>) -> Result<Value, Fault> {
        let (event, span) = self.event()?;
        match (event, mark) {
            (Event::SequenceStart(_, 0, _), Some(mark)) if key == "items" => {
                let (value, marks) = self.items(&span)?;
                mark.items = marks;
                Ok(value)
            }
            (event, _) => self.node(event, &span, None),
        }
    }

    fn key(&mut self, event: Event<'t>, span: &Span) -> Result<String, Fault> {
        let text = match event {
            Event::Scalar(text, style, anchor, tag) => {
                self.grow(text.len(), span)?;
                let text = scalar::key(text, style, tag.as_deref()).map_err(|message| fault(span, message))?;
                if anchor != 0 {
                    self.anchors.insert(anchor, (Value::String(text.clone()), NODE + text.len()));
                }
                text
            }
            Event::Alias(anchor) => match self.alias(anchor, span)? {
                Value::String(text) => text,
                Value::Number(number) => number.to_string(),
                Value::Bool(value) => value.to_string(),
                _ => return Err(fault(span, "a key must be text")),
            },
            _ => {
                return Err(fault(span, "a key must be text, not a mapping or a sequence"));
            }
        };
        Ok(text)
    }

    /// Reads the value of a merge key `<<` into `map`. As in go-yaml it replaces keys that stand before it.
    fn merge(&mut self, map: &mut Map<String, Value>, merged: &mut HashSet<String>) -> Result<(), Fault> {
        let (event, span) = self.event()?;
        let sources = match self.node(event, &span, None)? {
            Value::Array(sources) => sources,
            source => vec![source],
        };
        for source in sources.into_iter().rev() {
            let Value::Object(source) = source else {
                return Err(fault(&span, "a merge key `<<` needs a mapping or a sequence of mappings"));
            };
            merged.extend(source.keys().cloned());
            map.extend(source);
        }
        Ok(())
    }

    /// A copy of an anchored node.
    fn alias(&mut self, anchor: usize, span: &Span) -> Result<Value, Fault> {
        let Some((_, size)) = self.anchors.get(&anchor) else {
            return Err(fault(span, "the alias stands inside the node that it names"));
        };
        let size = *size;
        self.copy(size, span)?;
        self.grow(size, span)?;
        Ok(self.anchors.get(&anchor).map(|(value, _)| value.clone()).unwrap_or_default())
    }

    fn copy(&mut self, size: usize, span: &Span) -> Result<(), Fault> {
        self.copied = self.copied.saturating_add(size);
        if self.copied > COPIED {
            return Err(fault(span, "the document's aliases expand to far more than the document holds"));
        }
        Ok(())
    }

    fn grow(&mut self, text: usize, span: &Span) -> Result<(), Fault> {
        self.size = self.size.saturating_add(NODE + text);
        if self.size > LARGEST {
            return Err(fault(span, "the document is too large to be read as a whole"));
        }
        Ok(())
    }
}

fn is_merge(event: &Event<'_>) -> bool {
    match event {
        Event::Scalar(text, style, _, tag) if text == "<<" => match tag {
            None => *style == ScalarStyle::Plain,
            Some(tag) => tag.parts() == ("tag:yaml.org,2002:", "merge"),
        },
        _ => false,
    }
}

fn mark_at(span: &Span) -> Mark {
    Mark {
        line: span.start.line(),
        column: span.start.col(),
        start: span.start.byte_offset().unwrap_or(0),
        end: 0,
        items: Vec::new(),
    }
}

fn close(mark: Option<&mut Mark>, span: &Span) {
    if let Some(mark) = mark {
        mark.end = span.end.byte_offset().unwrap_or(mark.start);
    }
}

fn fault(span: &Span, message: impl Into<String>) -> Fault {
    Fault { line: span.start.line(), message: message.into() }
}

/// A parser's error as a fault.
pub(super) fn syntax(error: &ScanError) -> Fault {
    Fault { line: error.marker().line(), message: error.info() }
}

#[cfg(test)]
mod tests {
    use serde_json::Value;

    /// The left side of a line of the table.
    fn unescape(text: &str) -> String {
        let quoted = format!("\"{}\"", text.replace('"', "\\\""));
        serde_json::from_str(&quoted).unwrap()
    }

    #[test]
    fn yaml_means_what_it_means_to_kubectl() {
        let table = include_str!("../../tests/kubectl_yaml.txt");
        let mut wrong = Vec::new();
        for line in table.lines().filter(|line| !line.starts_with('#')) {
            let (yaml, expected) = line.rsplit_once(" => ").unwrap();
            let found = super::trees(&unescape(yaml)).into_iter().next().unwrap();
            let right = match (&found, expected) {
                (Err(_), "error") => true,
                (Ok(tree), json) => serde_json::from_str::<Value>(json).is_ok_and(|expected| expected == tree.value),
                _ => false,
            };
            if !right {
                wrong.push(format!("{line}: {found:?}"));
            }
        }
        assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    }
}
