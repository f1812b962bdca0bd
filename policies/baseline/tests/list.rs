//! The list of rules against the catalogue and the files.

// A helper of a test may fail like the test itself.
#![allow(clippy::unwrap_used)]

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use baseline::RULES;

/// Every rule of the catalogue, present or planned, in its order: area and name.
const CATALOGUE: &str = include_str!("catalogue.txt");

#[test]
fn rules_stand_in_the_order_of_the_catalogue_each_once() {
    let present: Vec<String> = RULES.iter().map(|rule| format!("{} {}", rule.area, rule.name)).collect();
    let wanted: Vec<&str> = CATALOGUE.lines().filter(|line| present.iter().any(|rule| rule == line)).collect();
    assert_eq!(present, wanted);
}

#[test]
fn each_rule_is_one_file_named_after_it_in_the_folder_of_its_area() {
    let listed: BTreeSet<String> =
        RULES.iter().map(|rule| format!("{}/{}.rs", rule.area, rule.name).replace('-', "_")).collect();
    assert_eq!(files(&Path::new(env!("CARGO_MANIFEST_DIR")).join("src/rules")), listed);
}

/// `area/file.rs` for every file below the folder of rules.
fn files(rules: &Path) -> BTreeSet<String> {
    let entries = |folder: &Path| -> Vec<std::path::PathBuf> {
        fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect()
    };
    let areas = entries(rules).into_iter().filter(|path| path.is_dir());
    areas
        .flat_map(|area| entries(&area))
        .map(|file| file.strip_prefix(rules).unwrap().to_string_lossy().replace('\\', "/"))
        .collect()
}
