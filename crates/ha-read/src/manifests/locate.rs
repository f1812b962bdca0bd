//! The line of a field in the text of one object, found by parsing that text once more, with positions.

use granit_parser::{Event, Parser, Span, StrInput};

use super::tree;

/// The line, from 1, of the field at `path` in the text of an object; of the deepest part of the path that is there
/// when the field is not. `column` is where the object's first character stands in its line, which the text lacks.
///
/// None when the text cannot be parsed as far as the field.
pub(super) fn locate(text: &str, column: usize, path: &str) -> Option<usize> {
    let padded = format!("{}{text}", " ".repeat(column));
    let mut search = Search {
        parser: Parser::new_from_str_with_options(&padded, tree::options()),
        best: None,
    };
    loop {
        match search.event()? {
            (Event::StreamStart | Event::DocumentStart(..), _) => {}
            (Event::StreamEnd | Event::DocumentEnd, _) => return None,
            (event, span) => {
                search.best = Some((usize::MAX, span.start.line()));
                // A text broken after the field is no hindrance.
                let _ = search.node(&event, Some(path));
                return search.best.map(|(_, line)| line);
            }
        }
    }
}

struct Search<'t> {
    parser: Parser<'t, StrInput<'t>>,
    /// How much of the path was left at the deepest node that was found, and its line.
    best: Option<(usize, usize)>,
}

impl<'t> Search<'t> {
    fn event(&mut self) -> Option<(Event<'t>, Span)> {
        self.parser.next_event()?.ok()
    }

    fn found(&mut self, rest: &str, span: &Span) {
        if self.best.is_none_or(|(left, _)| rest.len() < left) {
            self.best = Some((rest.len(), span.start.line()));
        }
    }

    /// Walks over a node; `rest` is the path below it when the node is on the path.
    fn node(&mut self, event: &Event<'t>, rest: Option<&str>) -> Option<()> {
        match event {
            Event::MappingStart(..) => self.mapping(rest),
            Event::SequenceStart(..) => self.sequence(rest),
            _ => Some(()),
        }
    }

    fn mapping(&mut self, rest: Option<&str>) -> Option<()> {
        loop {
            let (key, span) = self.event()?;
            if matches!(key, Event::MappingEnd) {
                return Some(());
            }
            let below = match (&key, rest) {
                (Event::Scalar(key, ..), Some(rest)) => after_key(rest, key),
                _ => None,
            };
            if let Some(below) = below {
                self.found(below, &span);
            }
            self.node(&key, None)?;
            let (value, _) = self.event()?;
            self.node(&value, below)?;
        }
    }

    fn sequence(&mut self, rest: Option<&str>) -> Option<()> {
        let wanted = rest.and_then(index);
        let mut number = 0;
        loop {
            let (element, span) = self.event()?;
            if matches!(element, Event::SequenceEnd) {
                return Some(());
            }
            let below = wanted.and_then(|(wanted, below)| (wanted == number).then_some(below));
            if let Some(below) = below {
                self.found(below, &span);
            }
            self.node(&element, below)?;
            number += 1;
        }
    }
}

/// The rest of the path after `key`, when the path goes on with it. Dots in keys need no quotes: both `a` and `a.b`
/// are tried where a mapping has both.
fn after_key<'p>(path: &'p str, key: &str) -> Option<&'p str> {
    let path = path.strip_prefix('.').unwrap_or(path);
    let rest = path.strip_prefix(key).filter(|_| !key.is_empty())?;
    (rest.is_empty() || rest.starts_with(['.', '['])).then_some(rest)
}

/// The leading `[index]` of the path, and the rest.
fn index(path: &str) -> Option<(usize, &str)> {
    let (index, rest) = path.strip_prefix('[')?.split_once(']')?;
    Some((index.parse().ok()?, rest))
}
