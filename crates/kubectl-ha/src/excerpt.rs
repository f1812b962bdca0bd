//! The lines of a manifest that a finding points to.
//!
//! A finding names its object; the object's first line is known. The exact line comes from the path of its first
//! evidence. Only input that is text has excerpts.

use std::collections::HashMap;

use annotate_snippets::renderer::DecorStyle;
use annotate_snippets::{AnnotationKind, Group, Level, Renderer, Snippet};
use ha_core::report::{CheckResult, Report};
use ha_read::manifests::Manifests;

use crate::sanitize;

/// The texts that were read, and where each finding's object starts in them.
#[derive(Debug)]
pub struct Excerpts<'a> {
    manifests: &'a Manifests,
    /// The first line of the object, by the finding's fingerprint.
    objects: HashMap<String, usize>,
}

impl<'a> Excerpts<'a> {
    /// Moves the location of every result from its object's first line to the line of the field it is about.
    pub fn locate(report: &mut Report, manifests: &'a Manifests) -> Self {
        let mut objects = HashMap::new();
        for result in &mut report.results {
            let path = own_path(result).map(ToOwned::to_owned);
            let Some(location) = &mut result.location else {
                continue;
            };
            let first = location.line as usize;
            objects.insert(result.fingerprint.clone(), first);
            let found = path.and_then(|path| manifests.locate(&location.file, first, &path));
            if let Some(line) = found.and_then(|line| u32::try_from(line).ok()) {
                location.line = line;
            }
        }
        Self { manifests, objects }
    }

    /// The line that a finding is about, without the spaces around it.
    pub fn line(&self, result: &CheckResult) -> Option<String> {
        let line = self.source_line(result)?;
        Some(sanitize::line(line.trim()).into_owned())
    }

    /// The line that a finding is about as the file has it, with file and line number above.
    pub fn snippet(&self, result: &CheckResult, width: usize) -> Option<String> {
        let location = result.location.as_ref()?;
        let line = sanitize::line(self.source_line(result)?.trim_end());
        let start = line.len() - line.trim_start().len();
        let snippet = Snippet::source(&*line)
            .line_start(location.line as usize)
            .path(location.file.as_str())
            .annotation(AnnotationKind::Primary.span(start..line.len()));
        let report = [Group::with_level(Level::NOTE).element(snippet)];
        let renderer = Renderer::plain().decor_style(DecorStyle::Ascii).term_width(width);
        Some(renderer.render(&report))
    }

    fn source_line(&self, result: &CheckResult) -> Option<&str> {
        let location = result.location.as_ref()?;
        let first = *self.objects.get(&result.fingerprint)?;
        let (text, lines) = self.manifests.excerpt(&location.file, first)?;
        let number = location.line as usize;
        let inside = lines.contains(&number);
        inside.then(|| text.lines().nth(number - 1)).flatten()
    }
}

/// The path of the first value that was read from the finding's own object.
fn own_path(result: &CheckResult) -> Option<&str> {
    let own = result.evidence.iter().find(|evidence| evidence.object.is_none())?;
    Some(&own.path)
}
