//! The line of a field in the text of one object, found by parsing that text once more, with positions.

use granit_parser::{Event, Parser, Span};

use super::tree;

/// The line, from 1, of the field at `path` in the text of an object; of the deepest part of the path that is there
/// when the field is not. `column` is where the object's first character stands in its line, which the text lacks.
///
/// None when the text cannot be parsed as far as the field.
pub(super) fn locate(text: &str, column: usize, path: &str) -> Option<usize> {
    let padded = format!("{}{text}", " ".repeat(column));
    let mut parser = Parser::new_from_str_with_options(&padded, tree::options());
    // A text broken after the field is no hindrance.
    let events: Vec<_> = std::iter::from_fn(|| parser.next_event()?.ok())
        .skip_while(|(event, _)| matches!(event, Event::StreamStart | Event::DocumentStart(..)))
        .collect();
    let (event, span) = events.first()?;
    if matches!(event, Event::StreamEnd | Event::DocumentEnd) {
        return None;
    }
    let mut search = Search { events: &events, next: 0, best: (usize::MAX, span.start.line()) };
    let _ = search.node(Some(path));
    Some(search.best.1)
}

struct Search<'e, 't> {
    events: &'e [(Event<'t>, Span)],
    next: usize,
    /// How much of the path was left at the deepest node that was found, and its line.
    best: (usize, usize),
}

impl<'e, 't> Search<'e, 't> {
    fn event(&mut self) -> Option<&'e (Event<'t>, Span)> {
        let event = self.events.get(self.next)?;
        self.next += 1;
        Some(event)
    }

    fn found(&mut self, rest: &str, span: &Span) {
        if rest.len() < self.best.0 {
            self.best = (rest.len(), span.start.line());
        }
    }

    /// Walks over the next node; `rest` is the path below it when the node is on the path.
    fn node(&mut self, rest: Option<&str>) -> Option<()> {
        match self.event()?.0 {
            Event::MappingStart(..) => self.mapping(rest),
            Event::SequenceStart(..) => self.sequence(rest),
            _ => Some(()),
        }
    }

    fn mapping(&mut self, rest: Option<&str>) -> Option<()> {
        loop {
            let (key, span) = self.events.get(self.next)?;
            if matches!(key, Event::MappingEnd) {
                self.next += 1;
                return Some(());
            }
            let below = match (key, rest) {
                (Event::Scalar(key, ..), Some(rest)) => after_key(rest, key),
                _ => None,
            };
            if let Some(below) = below {
                self.found(below, span);
            }
            self.node(None)?;
            self.node(below)?;
        }
    }

    fn sequence(&mut self, rest: Option<&str>) -> Option<()> {
        let wanted = rest.and_then(element);
        let mut number = 0;
        loop {
            let (event, span) = self.events.get(self.next)?;
            if matches!(event, Event::SequenceEnd) {
                self.next += 1;
                return Some(());
            }
            let below = wanted.and_then(|(wanted, below)| {
                let is_wanted = wanted.parse() == Ok(number) || self.name() == Some(wanted);
                is_wanted.then_some(below)
            });
            if let Some(below) = below {
                self.found(below, span);
            }
            self.node(below)?;
            number += 1;
        }
    }

    /// What stands under `name` in the next node, when that is a mapping.
    fn name(&self) -> Option<&'e str> {
        let mut ahead = Search { ..*self };
        if !matches!(ahead.event()?.0, Event::MappingStart(..)) {
            return None;
        }
        loop {
            match &ahead.events.get(ahead.next)?.0 {
                Event::MappingEnd => return None,
                Event::Scalar(key, ..) if key == "name" => {
                    return match &ahead.events.get(ahead.next + 1)?.0 {
                        Event::Scalar(name, ..) => Some(name),
                        _ => None,
                    };
                }
                _ => {}
            }
            ahead.node(None)?;
            ahead.node(None)?;
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

/// The leading `[element]` of the path, an index or a name, and the rest.
fn element(path: &str) -> Option<(&str, &str)> {
    path.strip_prefix('[')?.split_once(']')
}
