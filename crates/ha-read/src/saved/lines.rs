//! Unpacks a file into batches of whole lines, on a thread of its own, while others read the lines.

use std::fs::File;
use std::io::{self, BufRead, BufReader, Read};
use std::path::Path;
use std::sync::mpsc::{Receiver, SyncSender};

use flate2::bufread::MultiGzDecoder;

use super::Limits;

/// About how much text a batch holds.
const BATCH: usize = 1 << 20;

/// Why there are no more lines.
#[derive(Debug)]
pub(super) enum End {
    /// The file could not be read or unpacked.
    Failed(io::Error),
    /// A limit was reached, in words.
    TooLarge(String),
}

/// Where the text of a snapshot comes from.
#[derive(Clone, Copy, Debug)]
pub(super) enum Origin<'o> {
    /// A file.
    File(&'o Path),
    /// Bytes that are part of the program.
    Bytes(&'o [u8]),
}

/// Sends the lines of a snapshot, in batches of whole lines; the last line may lack its end. Stops when nobody listens.
///
/// Batches that come back as `used` are filled anew: memory that is new each time costs more than to unpack into it.
pub(super) fn send(
    origin: Origin,
    limits: &Limits,
    batches: &SyncSender<Result<Vec<u8>, End>>,
    used: &Receiver<Vec<u8>>,
) {
    let mut send = |batch| batches.send(Ok(batch)).is_ok();
    if let Err(end) = unpack(origin, limits, &mut send, &mut || used.try_recv().unwrap_or_default()) {
        // The listener may have stopped already.
        let _ = batches.send(Err(end));
    }
}

fn unpack(
    origin: Origin,
    limits: &Limits,
    send: &mut dyn FnMut(Vec<u8>) -> bool,
    spare: &mut dyn FnMut() -> Vec<u8>,
) -> Result<(), End> {
    let mut text = open(origin).map_err(End::Failed)?;
    let mut total: u64 = 0;
    let mut batch = Vec::with_capacity(2 * BATCH);
    loop {
        let read = text.by_ref().take(BATCH as u64).read_to_end(&mut batch).map_err(End::Failed)?;
        if read == 0 {
            send(batch);
            return Ok(());
        }
        total += read as u64;
        if total > limits.max_bytes {
            return Err(End::TooLarge(format!("{} bytes", limits.max_bytes)));
        }
        match batch.iter().rposition(|byte| *byte == b'\n') {
            Some(last) => {
                let mut next = spare();
                next.clear();
                next.reserve(2 * BATCH);
                next.extend_from_slice(&batch[last + 1..]);
                batch.truncate(last + 1);
                if !send(std::mem::replace(&mut batch, next)) {
                    return Ok(());
                }
            }
            None if batch.len() > limits.max_line => {
                return Err(End::TooLarge(format!("{} bytes in one line", limits.max_line)));
            }
            None => {}
        }
    }
}

/// The text: unpacked when it is gzip, else as it is.
fn open(origin: Origin<'_>) -> io::Result<Box<dyn Read + '_>> {
    match origin {
        Origin::File(path) => text_of(BufReader::with_capacity(1 << 16, File::open(path)?)),
        Origin::Bytes(bytes) => text_of(bytes),
    }
}

fn text_of<'t>(mut input: impl BufRead + 't) -> io::Result<Box<dyn Read + 't>> {
    let is_gzip = input.fill_buf()?.starts_with(&[0x1F, 0x8B]);
    Ok(if is_gzip { Box::new(MultiGzDecoder::new(input)) } else { Box::new(input) })
}
