//! Renamed, an input has the same findings, up to names.

use std::collections::{BTreeMap, BTreeSet};

use ha_core::report::{CheckResult, ObjectReference, Report};
use ha_read::saved::Anonymizer;
use ha_snapshot::objects::Object;
use ha_tests::inputs::{self, Input};

/// Kind, namespace and name.
type Name = (String, String, String);

fn name_of(object: &Object) -> Name {
    let metadata = object.metadata();
    let name = if metadata.name.is_empty() { &metadata.generate_name } else { &metadata.name };
    (object.kind().kind().to_owned(), metadata.namespace.to_string(), name.to_string())
}

/// The new names of objects by their old ones.
struct Renamed {
    names: BTreeMap<Name, Name>,
}

impl Renamed {
    /// What an object is called after the renaming. Of one that was not read only the kind is known.
    fn title(&self, object: &ObjectReference) -> String {
        let name = (object.kind.clone(), object.namespace.clone(), object.name.clone());
        match self.names.get(&name) {
            Some((kind, namespace, name)) => format!("{kind}/{namespace}/{name}"),
            None => object.kind.clone(),
        }
    }
}

/// Rules that list only the first few objects by name. Under other names, others come first: of these objects the kinds
/// and namespaces are compared.
const FIRST_BY_NAME: &[&str] = &["backup-coverage-gap"];

/// One answer without its words; `title` says what its objects are called.
fn answer(result: &CheckResult, title: &dyn Fn(&ObjectReference) -> String) -> String {
    let titles = |objects: &[ObjectReference]| {
        let titles: BTreeSet<String> = objects.iter().map(title).collect();
        format!("{titles:?}")
    };
    let related = if FIRST_BY_NAME.contains(&result.rule.as_str()) {
        let places = result.related.iter().map(title);
        let mut places: Vec<String> =
            places.map(|title| title.rsplit_once('/').map_or(title.clone(), |(place, _)| place.to_owned())).collect();
        places.sort();
        format!("{places:?}")
    } else {
        titles(&result.related)
    };
    let risk = result.blast_radius.as_ref();
    let risk = risk.map(|risk| (titles(&risk.services), titles(&risk.workloads), risk.faults.len()));
    format!(
        "{} {} {} {} related {} risk {risk:?} suppressed {} missing {} evidence {} patch {}",
        result.rule,
        result.verdict,
        result.severity,
        title(&result.object),
        related,
        result.suppressed.is_some(),
        result.missing.len(),
        result.evidence.len(),
        result.patch.is_some(),
    )
}

fn answers(report: &Report, title: &dyn Fn(&ObjectReference) -> String) -> Vec<String> {
    let mut answers: Vec<String> = report.results.iter().map(|result| answer(result, title)).collect();
    answers.sort();
    answers
}

/// The numbers of a text that stand alone: `2 of 3`, `67%`.
fn numbers(text: &str) -> Vec<&str> {
    let words = text.split(|character: char| character.is_whitespace() || ",;:()".contains(character));
    words.filter(|word| word.starts_with(|first: char| first.is_ascii_digit()) && !word.contains(['-', '.'])).collect()
}

/// For every rule and kind, the numbers in its messages.
fn all_numbers(report: &Report) -> Vec<String> {
    let texts = report.results.iter().map(|result| {
        format!("{} {} {:?} {:?}", result.rule, result.object.kind, numbers(&result.message), numbers(&result.reason))
    });
    let mut texts: Vec<String> = texts.collect();
    texts.sort();
    texts
}

fn anonymized(input: &Input) -> (Input, Renamed) {
    let mut anonymizer = Anonymizer::new(&input.objects);
    let objects: Vec<Object> = input.objects.iter().map(|object| anonymizer.object(object).unwrap()).collect();
    let old = input.objects.iter().map(name_of);
    let names: BTreeMap<Name, Name> = old.zip(objects.iter().map(name_of)).collect();
    let new: BTreeSet<&Name> = names.values().collect();
    assert_eq!(new.len(), names.len(), "{}: two names became one", input.name);
    (Input { objects, ..input.clone() }, Renamed { names })
}

#[test]
fn anonymized_inputs_have_the_same_findings() {
    let mut wrong = Vec::new();
    for input in inputs::all() {
        let (other, renamed) = anonymized(&input);
        let (before, after) = (input.report(), other.report());
        let known: BTreeSet<&Name> = renamed.names.values().collect();
        let new_title = |object: &ObjectReference| {
            let name = (object.kind.clone(), object.namespace.clone(), object.name.clone());
            if known.contains(&name) {
                format!("{}/{}/{}", object.kind, object.namespace, object.name)
            } else {
                object.kind.clone()
            }
        };
        let expected = answers(&before, &|object| renamed.title(object));
        let found = answers(&after, &new_title);
        let differing: Vec<String> = differing(&expected, &found);
        if !differing.is_empty() {
            wrong.push(format!("{}:\n{}", input.name, differing.join("\n")));
        } else if all_numbers(&before) != all_numbers(&after) {
            let differing: Vec<String> = self::differing(&all_numbers(&before), &all_numbers(&after));
            wrong.push(format!("{}, numbers:\n{}", input.name, differing.join("\n")));
        }
    }
    assert!(wrong.is_empty(), "{} inputs:\n{}", wrong.len(), wrong.join("\n\n"));
}

/// Lines that only one of the two has.
fn differing(before: &[String], after: &[String]) -> Vec<String> {
    let only = |sign: char, these: &[String], those: &[String]| -> Vec<String> {
        these.iter().filter(|line| !those.contains(line)).map(|line| format!("{sign} {line}")).collect()
    };
    [only('-', before, after), only('+', after, before)].concat()
}
