//! Parses batches of lines on several threads, and hands what they hold over in the order of the file.

use std::collections::BTreeMap;
use std::num::NonZero;
use std::sync::mpsc::{Receiver, Sender, SyncSender, channel, sync_channel};
use std::sync::{Arc, Mutex};
use std::thread::{self, Scope};

use super::Limits;
use super::format::{ReadObject, Trailer};
use super::lines::{self, End, Origin};
use super::specs::ObjectReader;

/// How many batches may wait, unpacked or parsed.
const WAITING: usize = 4;
/// More threads would wait for the one that unpacks.
const MOST_PARSERS: usize = 4;

/// What one line holds.
#[derive(Debug)]
pub(super) enum Line {
    /// The first line, as it is.
    First(Vec<u8>),
    /// An object.
    Object(ReadObject),
    /// The last line.
    Last(Trailer),
    /// Neither.
    Bad(serde_json::Error),
}

/// The lines of one batch; empty lines are left out.
pub(super) type Lines = Result<Vec<Line>, End>;

/// The batches of a file in their order.
pub(super) struct Batches {
    parsed: Receiver<(usize, Lines)>,
    next: usize,
    /// What came too early.
    early: BTreeMap<usize, Lines>,
}

/// Batches that wait for being parsed, counted as they are taken.
struct Queue {
    taken: usize,
    batches: Receiver<Result<Vec<u8>, End>>,
}

impl Batches {
    /// Starts to read. All threads end when this value is dropped, or with the file.
    pub(super) fn start<'s>(scope: &'s Scope<'s, '_>, origin: Origin<'s>, limits: &'s Limits) -> Self {
        let (unpacked, batches) = sync_channel(WAITING);
        let (results, parsed) = sync_channel(WAITING);
        let (give_back, used) = channel();
        scope.spawn(move || lines::send(origin, limits, &unpacked, &used));
        let queue = Arc::new(Mutex::new(Queue { taken: 0, batches }));
        let parsers = thread::available_parallelism().map_or(1, NonZero::get).min(MOST_PARSERS);
        for _ in 0..parsers {
            let (queue, results, give_back) = (Arc::clone(&queue), results.clone(), give_back.clone());
            scope.spawn(move || parse(&queue, &results, &give_back));
        }
        Self { parsed, next: 0, early: BTreeMap::new() }
    }
}

impl Iterator for Batches {
    type Item = Lines;

    fn next(&mut self) -> Option<Lines> {
        loop {
            if let Some(lines) = self.early.remove(&self.next) {
                self.next += 1;
                return Some(lines);
            }
            let (number, lines) = self.parsed.recv().ok()?;
            self.early.insert(number, lines);
        }
    }
}

/// Parses batches until there are no more, or nobody wants them.
fn parse(queue: &Mutex<Queue>, results: &SyncSender<(usize, Lines)>, give_back: &Sender<Vec<u8>>) {
    let next = || {
        let mut queue = queue.lock().ok()?;
        let batch = queue.batches.recv().ok()?;
        queue.taken += 1;
        Some((queue.taken - 1, batch))
    };
    let mut reader = ObjectReader::default();
    while let Some((number, batch)) = next() {
        let lines = batch.map(|text| {
            let lines = lines_of(&mut reader, &text, number == 0);
            // With the last batches nobody takes it any more.
            let _ = give_back.send(text);
            lines
        });
        if results.send((number, lines)).is_err() {
            return;
        }
    }
}

fn lines_of(reader: &mut ObjectReader, text: &[u8], is_first: bool) -> Vec<Line> {
    let ends = memchr::memchr_iter(b'\n', text).chain([text.len()]);
    let lines = ends.scan(0, |start, end| Some(&text[std::mem::replace(start, end + 1)..end]));
    let lines = lines.filter(|line| !line.is_empty());
    let parse = |(position, line): (usize, &[u8])| match position {
        0 if is_first => Line::First(line.to_vec()),
        _ => Line::read(reader, line),
    };
    lines.enumerate().map(parse).collect()
}

impl Line {
    fn read(reader: &mut ObjectReader, line: &[u8]) -> Self {
        // Text that is not UTF-8 is left to the parser, which says where it is broken.
        let object = match std::str::from_utf8(line) {
            Ok(line) => reader.read(line),
            Err(_) => serde_json::from_slice(line),
        };
        match object {
            Ok(object) => Self::Object(object),
            Err(error) => serde_json::from_slice(line).map_or(Self::Bad(error), Self::Last),
        }
    }
}
