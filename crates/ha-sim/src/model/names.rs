//! Strings of the simulation: those of the snapshot, and a few that only the simulation knows, such as the name of a
//! StatefulSet's pod that does not exist yet.

use ha_core::text::{Text, Texts};
use hashbrown::HashMap;

/// The snapshot's strings and those added to them. Added ones get numbers beyond the snapshot's table, so two strings
/// are equal exactly when their numbers are.
#[derive(Debug)]
pub struct Names<'a> {
    base: &'a Texts,
    numbers: HashMap<&'a str, Text>,
    added: Vec<String>,
    added_numbers: HashMap<String, Text>,
}

impl<'a> Names<'a> {
    pub(crate) fn new(base: &'a Texts) -> Self {
        let numbers = (0..base.len()).map(|position| (base.get(Text::at(position)), Text::at(position))).collect();
        Self { base, numbers, added: Vec::new(), added_numbers: HashMap::new() }
    }

    /// The string of that number.
    pub fn get(&self, text: Text) -> &str {
        match text.position().checked_sub(self.base.len()) {
            None => self.base.get(text),
            Some(position) => self.added.get(position).map_or("", String::as_str),
        }
    }

    /// The number of a string that exists.
    pub(crate) fn find(&self, string: &str) -> Option<Text> {
        self.numbers.get(string).or_else(|| self.added_numbers.get(string)).copied()
    }

    /// The number of a string, which is added when it is new.
    pub(crate) fn intern(&mut self, string: &str) -> Text {
        if let Some(text) = self.find(string) {
            return text;
        }
        let text = Text::at(self.base.len() + self.added.len());
        self.added.push(string.to_owned());
        self.added_numbers.insert(string.to_owned(), text);
        text
    }
}
