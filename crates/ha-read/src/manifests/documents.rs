//! Where the documents of a text begin and end.
//!
//! As in kubectl, a line that starts with `---` ends a document. Splitting before parsing keeps one broken document
//! from hiding the others. It is safe: YAML allows no such line inside a quoted scalar or a flow collection.

/// One document of a text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Document<'t> {
    /// Its bytes, from the line after its `---` where nothing else stands on that line.
    pub(super) bytes: &'t [u8],
    /// Where it begins in the text, in bytes.
    pub(super) start: usize,
    /// The number of its first line, from 1.
    pub(super) line: usize,
}

const MARK: &[u8] = b"\xEF\xBB\xBF";

/// The documents of a text, without those that hold nothing but blank lines, comments and directives.
pub(super) fn documents(text: &[u8]) -> impl Iterator<Item = Document<'_>> {
    let mut next = Some((0, 1));
    std::iter::from_fn(move || {
        let (start, line) = next?;
        let (end, lines) = document_end(&text[start..]);
        next = (start + end < text.len()).then_some((start + end, line + lines));
        Some(trim(Document { bytes: &text[start..start + end], start, line }))
    })
    .filter(|document| !is_empty(document.bytes))
}

/// The length of the first document of `text`, and how many line ends it holds.
fn document_end(text: &[u8]) -> (usize, usize) {
    let (mut end, mut lines) = (0, 0);
    for (number, line) in text.split_inclusive(|byte| *byte == b'\n').enumerate() {
        if number > 0 && is_separator(line) {
            return (end, lines);
        }
        end += line.len();
        lines += usize::from(line.ends_with(b"\n"));
    }
    (end, lines)
}

/// Whether a line starts a document: `---`, then nothing or white space.
fn is_separator(line: &[u8]) -> bool {
    let line = line.strip_prefix(MARK).unwrap_or(line);
    line.strip_prefix(b"---").is_some_and(|rest| rest.first().is_none_or(u8::is_ascii_whitespace))
}

/// The document without a separator line that says nothing else, and without byte order marks.
fn trim(document: Document<'_>) -> Document<'_> {
    let document = trim_mark(document);
    let end = document.bytes.iter().position(|byte| *byte == b'\n').map_or(document.bytes.len(), |end| end + 1);
    let (first, bytes) = document.bytes.split_at(end);
    let bare = is_separator(first) && matches!(first[3..].trim_ascii().first(), None | Some(b'#'));
    if bare { trim_mark(Document { bytes, start: document.start + end, line: document.line + 1 }) } else { document }
}

fn trim_mark(document: Document<'_>) -> Document<'_> {
    match document.bytes.strip_prefix(MARK) {
        Some(bytes) => Document { bytes, start: document.start + MARK.len(), ..document },
        None => document,
    }
}

/// Whether a document says nothing. Directives are not needed to read manifests, and stand before the `---`.
fn is_empty(document: &[u8]) -> bool {
    document.split(|byte| *byte == b'\n').all(|line| {
        let line = if is_separator(line) { &line[3..] } else { line };
        matches!(line.trim_ascii().first(), None | Some(b'#' | b'%')) || line.trim_ascii() == b"..."
    })
}
