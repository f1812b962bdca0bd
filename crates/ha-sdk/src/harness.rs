//! Runs the examples in rules' documentation as tests (feature `harness`).
//!
//! An example is a fenced block of a doc comment: `yaml fails` or `yaml passes`. It is a whole input, read as
//! `kubectl ha check -f … --assume-complete` reads it, at [`TAKEN_AT`]. In a failing one, `# finding: <rule>` stands
//! on the very line to which the rule's finding points: that of its first evidence, else the object's first line.
//!
//! Rules that judge simulated failures need [`check_examples_with`], since the simulator is no part of the SDK.
//!
//! ```no_run
//! # static RULES: &[&ha_sdk::Rule] = &[];
//! #[test]
//! fn examples() -> Result<(), ha_sdk::harness::Mismatches> {
//!     ha_sdk::harness::check_documentation(RULES)?;
//!     ha_sdk::harness::check_examples(RULES)
//! }
//! ```

use alloc::collections::BTreeSet;
use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec::Vec;
use core::fmt;

use ha_core::finding::{CheckOutput, Finding, Verdict};
use ha_core::impact::Impact;
use ha_core::rule::{Input, Rule};
use ha_core::snapshot::{ObjectId, SourceKind};
use ha_core::{Settings, Snapshot};
use ha_read::manifests::{self, Manifests, Options, Source, Text};
use ha_snapshot::{Builder, Origin};

use crate::run::{run, unindent};

/// The instant at which examples are judged, in seconds: 2026-01-01T00:00:00Z.
pub const TAKEN_AT: i64 = 1_767_225_600;

/// What introduces the name of a rule on the line of its finding.
const MARK: &str = "# finding: ";

/// The headings of a rule's documentation, in order.
const HEADINGS: &[&str] = &["Why it matters", "Remediation", "Examples", "References"];

/// What is wrong, one problem after the other. Its `Debug` is what a failed test prints.
pub struct Mismatches(Vec<String>);

impl fmt::Display for Mismatches {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{} problems", self.0.len())?;
        self.0.iter().try_for_each(|problem| writeln!(f, "\n{problem}"))
    }
}

impl fmt::Debug for Mismatches {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl core::error::Error for Mismatches {}

fn none_or(problems: Vec<String>) -> Result<(), Mismatches> {
    if problems.is_empty() { Ok(()) } else { Err(Mismatches(problems)) }
}

/// What simulated failures do to the cluster of an example. It is asked only about examples with nodes.
pub type Simulate = fn(&Snapshot) -> Vec<Impact>;

/// Whether every example fails or passes as it says, at the lines it marks. No failure is simulated.
pub fn check_examples(rules: &[&Rule]) -> Result<(), Mismatches> {
    check_examples_with(rules, |_| Vec::new())
}

/// Whether every example fails or passes as it says, at the lines it marks, with these impacts.
pub fn check_examples_with(rules: &[&Rule], simulate: Simulate) -> Result<(), Mismatches> {
    let examples = rules.iter().flat_map(|rule| examples(rule));
    none_or(examples.filter_map(|example| example.check(simulate).err()).collect())
}

/// What a rule says about an input, with these impacts: for tests that look at more than the lines of an example.
pub fn judge(rule: &Rule, yaml: &str, simulate: Simulate) -> Result<(Snapshot, Vec<Finding>), String> {
    let example = Example { rule, number: 1, fails: true, yaml: yaml.into() };
    let (snapshot, _) = example.read()?;
    let output = example.judge(&snapshot, simulate);
    Ok((snapshot, output.findings))
}

/// Whether every rule is documented: a first sentence, the four headings, failing and passing examples, a link.
pub fn check_documentation(rules: &[&Rule]) -> Result<(), Mismatches> {
    none_or(rules.iter().flat_map(|rule| documentation_problems(rule)).collect())
}

fn documentation_problems(rule: &Rule) -> Vec<String> {
    let doc = unindent(rule.doc);
    let first = doc.lines().next().unwrap_or_default();
    let headings: Vec<&str> = doc.lines().filter_map(|line| line.strip_prefix("## ")).collect();
    let references = doc.split("## References").nth(1).unwrap_or_default();
    let has_example = |fails| examples(rule).iter().any(|example| example.fails == fails);
    let is_kebab_case = rule
        .name
        .split('-')
        .all(|word| !word.is_empty() && word.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit()));
    let unknown_fence = doc
        .lines()
        .find(|line| line.starts_with("```yaml") && !matches!(line.trim_end(), "```yaml fails" | "```yaml passes"));
    let mut problems = Vec::new();
    let mut demand = |holds: bool, problem: &str| {
        if !holds {
            problems.push(format!("{}: {problem}", rule.name));
        }
    };
    demand(is_kebab_case, "its name is not in kebab case");
    demand(first.ends_with('.'), "the first line of its documentation is no sentence with a full stop");
    demand(headings == HEADINGS, &format!("its headings are {headings:?}, not {HEADINGS:?}"));
    demand(has_example(true), "it has no failing example");
    demand(has_example(false), "it has no passing example");
    demand(references.contains("<https://"), "it refers to no source");
    demand(unknown_fence.is_none(), "an example is neither `yaml fails` nor `yaml passes`");
    problems
}

/// One example of a rule's documentation.
struct Example<'r> {
    rule: &'r Rule,
    /// Its place among the rule's examples, from 1.
    number: usize,
    fails: bool,
    yaml: String,
}

/// The examples in a rule's documentation.
fn examples<'r>(rule: &'r Rule) -> Vec<Example<'r>> {
    let mut examples: Vec<Example<'r>> = Vec::new();
    let mut open = false;
    for line in unindent(rule.doc).lines() {
        match line.trim_end() {
            fence @ ("```yaml fails" | "```yaml passes") => {
                let (number, fails) = (examples.len() + 1, fence.ends_with("fails"));
                examples.push(Example { rule, number, fails, yaml: String::new() });
                open = true;
            }
            fence if fence.starts_with("```") => open = false,
            _ => {
                if let Some(example) = examples.last_mut().filter(|_| open) {
                    example.yaml.push_str(line);
                    example.yaml.push('\n');
                }
            }
        }
    }
    examples
}

impl Example<'_> {
    fn check(&self, simulate: Simulate) -> Result<(), String> {
        let (snapshot, manifests) = self.read()?;
        let output = self.judge(&snapshot, simulate);
        let fails = || output.findings.iter().filter(|finding| finding.verdict == Verdict::Fail);
        let found: Vec<(usize, &Finding)> =
            fails().map(|finding| (line_of(&snapshot, &manifests, finding), finding)).collect();
        let found_lines: BTreeSet<usize> = found.iter().map(|(line, _)| *line).collect();
        if found_lines != self.marked_lines() {
            return Err(self.difference(&found));
        }
        if self.fails && found.is_empty() {
            return Err(format!("{}: no line is marked with `{MARK}{}`", self.title(), self.rule.name));
        }
        if !self.fails && !concerned(&output) {
            return Err(format!("{}: the rule neither passes nor is not applicable", self.title()));
        }
        Ok(())
    }

    fn judge(&self, snapshot: &Snapshot, simulate: Simulate) -> CheckOutput {
        let impacts = if snapshot.nodes.is_empty() { Vec::new() } else { simulate(snapshot) };
        run(&[self.rule], &Input { snapshot, settings: &Settings::default(), impacts: &impacts })
    }

    fn title(&self) -> String {
        let kind = if self.fails { "fails" } else { "passes" };
        format!("{}, example {} (yaml {kind})", self.rule.name, self.number)
    }

    fn read(&self) -> Result<(Snapshot, Manifests), String> {
        let text = Text { name: self.rule.name.into(), bytes: self.yaml.clone().into_bytes() };
        let mut builder = Builder::new(&[]);
        let manifests = manifests::read(&[Source::Text(text)], &Options::default(), &mut |object| {
            builder.add(object);
        })
        .map_err(|error| format!("{}: {error}", self.title()))?;
        if let Some(problem) = manifests.problems.first() {
            return Err(format!("{}: {problem}", self.title()));
        }
        let snapshot = builder.finish(&Origin {
            kind: SourceKind::Manifests,
            taken_at: TAKEN_AT,
            assume_complete: true,
            ..Origin::default()
        });
        match snapshot.gaps.first() {
            None => Ok((snapshot, manifests)),
            Some(gap) => Err(format!("{}: {}", self.title(), snapshot.text(gap.message))),
        }
    }

    /// The lines, from 1, that bear the rule's mark.
    fn marked_lines(&self) -> BTreeSet<usize> {
        let marks = |line: &str| {
            let name = line.split(MARK).nth(1).map(str::trim);
            name == Some(self.rule.name)
        };
        (1..).zip(self.yaml.lines()).filter(|(_, line)| marks(line)).map(|(number, _)| number).collect()
    }

    /// The example with `-` before lines that are marked without a finding, `+` before those found without a mark.
    fn difference(&self, found: &[(usize, &Finding)]) -> String {
        let marked = self.marked_lines();
        let messages = |line| {
            let here = found.iter().filter(move |(at, _)| *at == line);
            here.map(|(_, finding)| format!("       ^ {}", finding.message))
        };
        let mut lines = alloc::vec![format!("{}: findings (+) differ from marks (-)", self.title())];
        if messages(0).next().is_some() {
            lines.push("+     (nowhere: the finding names no object of the example)".into());
            lines.extend(messages(0));
        }
        for (number, line) in (1..).zip(self.yaml.lines()) {
            let sign = match (marked.contains(&number), messages(number).next().is_some()) {
                (true, false) => '-',
                (false, true) => '+',
                _ => ' ',
            };
            lines.push(format!("{sign} {number:>3} | {line}"));
            lines.extend(messages(number));
        }
        lines.join("\n")
    }
}

/// Whether the rule passed, or said why it does not concern the example.
fn concerned(output: &CheckOutput) -> bool {
    output.tallies.iter().any(|tally| tally.pass + tally.not_applicable > 0)
}

/// The line of the finding's first evidence, else the first line of its object; 0 when neither is in the example.
fn line_of(snapshot: &Snapshot, manifests: &Manifests, finding: &Finding) -> usize {
    let place = |id: ObjectId| {
        let location = snapshot.object(id).location?;
        Some((snapshot.text(location.file).to_string(), location.line as usize))
    };
    let evidence = finding.evidence.iter().find_map(|evidence| {
        let (file, line) = place(evidence.object.unwrap_or(finding.object))?;
        manifests.locate(&file, line, &evidence.path)
    });
    evidence.or_else(|| place(finding.object).map(|(_, line)| line)).unwrap_or(0)
}
