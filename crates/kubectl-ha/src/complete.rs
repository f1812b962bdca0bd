//! Completion inside kubectl: `kubectl ha <TAB>` runs `kubectl_complete-ha`.
//!
//! The protocol is Cobra's: one candidate a line, a tab and a description after it, and last a colon with a number
//! that tells the shell what else to do. Names of contexts come from the kubeconfig, names of namespaces from the
//! cluster; when either is slow or missing there are none, and nothing is said about it.

use std::ffi::OsString;
use std::fmt::Write;
use std::time::Duration;

use clap::{Arg, Command, CommandFactory, ValueHint};
use ha_read::cluster::{self, Limits, Options};
use ha_read::kubeconfig::{Environment, Flags, context_names};

use crate::cli::Cli;
use crate::policies::Policies;
use crate::{cli, sanitize};

/// How long the cluster may take to name its namespaces.
const PATIENCE: Duration = Duration::from_millis(1500);

/// What the shell does with the candidates, in Cobra's numbers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
enum Directive {
    /// Completes file names.
    Default = 0,
    /// Completes nothing else.
    NoFileCompletion = 4,
}

/// The answer for the words typed so far; the last one is being typed, and may be empty.
pub fn complete(words: &[OsString]) -> String {
    let words: Vec<String> = words.iter().map(|word| word.to_string_lossy().into_owned()).collect();
    let (typed, before) = match words.split_last() {
        Some((last, before)) => (last.as_str(), before),
        None => ("", &[][..]),
    };
    let (candidates, directive) = candidates(before, typed);
    let mut out = String::new();
    for (name, help) in candidates.iter().filter(|(name, _)| name.starts_with(typed)) {
        // Writing into a String cannot fail.
        let _ = writeln!(out, "{}\t{}", sanitize::line(name), sanitize::line(help));
    }
    let _ = writeln!(out, ":{}", directive as u8);
    out
}

type Candidates = (Vec<(String, String)>, Directive);

fn candidates(before: &[String], typed: &str) -> Candidates {
    let root = Cli::command();
    let (command, rest) = descend(&root, before);
    if let Some((flag, _)) = typed.split_once('=').filter(|_| typed.starts_with("--")) {
        let Some(argument) = find_argument(command, flag) else {
            return (Vec::new(), Directive::NoFileCompletion);
        };
        let (values, directive) = values(argument, before);
        return (values.into_iter().map(|(name, help)| (format!("{flag}={name}"), help)).collect(), directive);
    }
    let pending = rest.last().and_then(|word| find_argument(command, word)).filter(|argument| takes_value(argument));
    if let Some(argument) = pending {
        return values(argument, before);
    }
    if typed.starts_with('-') {
        return (flags(command), Directive::NoFileCompletion);
    }
    let subcommands = command.get_subcommands().filter(|command| !command.is_hide_set());
    let names: Vec<_> =
        subcommands.map(|command| (command.get_name().to_owned(), first_line(command.get_about()))).collect();
    match command.get_positionals().next() {
        Some(argument) if names.is_empty() => values(argument, before),
        _ => (names, Directive::NoFileCompletion),
    }
}

/// The command that the words lead to, and the words after it.
fn descend<'a, 'w>(root: &'a Command, words: &'w [String]) -> (&'a Command, &'w [String]) {
    let mut command = root;
    let mut rest = words;
    for (position, word) in words.iter().enumerate() {
        if let Some(next) = command.find_subcommand(word) {
            command = next;
            rest = &words[position + 1..];
        }
    }
    (command, rest)
}

fn find_argument<'a>(command: &'a Command, word: &str) -> Option<&'a Arg> {
    command.get_arguments().find(|argument| match word.strip_prefix("--") {
        Some(long) => argument.get_long() == Some(long),
        None => argument.get_short().is_some_and(|short| word == format!("-{short}")),
    })
}

fn takes_value(argument: &Arg) -> bool {
    argument.get_num_args().is_none_or(|number| number.takes_values()) && argument.get_action().takes_values()
}

fn flags(command: &Command) -> Vec<(String, String)> {
    let shown = command.get_arguments().filter(|argument| !argument.is_hide_set());
    shown
        .filter_map(|argument| Some((format!("--{}", argument.get_long()?), first_line(argument.get_help()))))
        .collect()
}

/// The values that an argument may have.
fn values(argument: &Arg, before: &[String]) -> Candidates {
    let plain = |names: Vec<String>| names.into_iter().map(|name| (name, String::new())).collect();
    match argument.get_id().as_str() {
        "context" => (plain(contexts(before)), Directive::NoFileCompletion),
        "namespace" => (plain(namespaces(before)), Directive::NoFileCompletion),
        "rule" => (rules(), Directive::NoFileCompletion),
        _ if !argument.get_possible_values().is_empty() => {
            let values = argument.get_possible_values();
            let named = values.iter().filter(|value| !value.is_hide_set());
            let values = named.map(|value| (value.get_name().to_owned(), first_line(value.get_help())));
            (values.collect(), Directive::NoFileCompletion)
        }
        _ if is_path(argument) => (Vec::new(), Directive::Default),
        _ => (Vec::new(), Directive::NoFileCompletion),
    }
}

fn is_path(argument: &Arg) -> bool {
    let paths = [ValueHint::AnyPath, ValueHint::FilePath, ValueHint::DirPath];
    paths.contains(&argument.get_value_hint())
}

fn rules() -> Vec<(String, String)> {
    let policies = Policies::load(&cli::Policies::default()).map(|policies| policies.rules());
    policies.unwrap_or_default().into_iter().map(|rule| (rule.name.clone(), rule.summary().to_owned())).collect()
}

/// What follows the last `flag` among the words typed.
fn value_of<'a>(before: &'a [String], flag: &str) -> Option<&'a str> {
    let position = before
        .iter()
        .rposition(|word| word == flag || word.strip_prefix(flag).is_some_and(|rest| rest.starts_with('=')))?;
    match before[position].split_once('=') {
        Some((_, value)) => Some(value),
        None => before.get(position + 1).map(String::as_str),
    }
}

fn contexts(before: &[String]) -> Vec<String> {
    let kubeconfig = value_of(before, "--kubeconfig").map(std::path::Path::new);
    context_names(kubeconfig, &Environment::of_process()).unwrap_or_default()
}

/// The cluster's, when it answers at once: nobody waits for a word that is quicker to type.
fn namespaces(before: &[String]) -> Vec<String> {
    let value = |flag| value_of(before, flag).map(str::to_owned);
    let flags = Flags {
        kubeconfig: value("--kubeconfig").map(Into::into),
        context: value("--context"),
        cluster: value("--cluster"),
        user: value("--user"),
        server: value("--server"),
        token: value("--token").map(Into::into),
        as_user: value("--as"),
        insecure_skip_tls_verify: before.iter().any(|word| word == "--insecure-skip-tls-verify"),
        tls_server_name: value("--tls-server-name"),
        certificate_authority: value("--certificate-authority").map(Into::into),
        kuberc: value("--kuberc").map(Into::into),
        ..Flags::default()
    };
    let limits = Limits { request_timeout: PATIENCE, ..Limits::default() };
    let options = Options { flags, environment: Environment::of_process(), limits, ..Options::default() };
    cluster::namespace_names(&options).unwrap_or_default()
}

fn first_line(help: Option<&clap::builder::StyledStr>) -> String {
    help.map(|help| help.to_string().lines().next().unwrap_or_default().to_owned()).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answer(words: &[&str]) -> String {
        complete(&words.iter().map(OsString::from).collect::<Vec<_>>())
    }

    #[test]
    fn verbs_flags_and_values_are_completed() {
        let verbs = answer(&["ch"]);
        assert!(verbs.starts_with("check\t"), "{verbs}");
        assert!(verbs.ends_with(":4\n"), "{verbs}");
        assert!(answer(&["check", "--all-n"]).starts_with("--all-namespaces\t"));
        assert!(answer(&["check", "--fail-on", "me"]).starts_with("medium\t"));
        assert!(answer(&["check", "--fail-on=me"]).starts_with("--fail-on=medium\t"));
        assert!(answer(&["check", "-o", "sa"]).starts_with("sarif\t"));
        assert!(answer(&["policy", ""]).starts_with("inspect\t"));
        assert_eq!(answer(&["check", "-f", ""]), ":0\n");
        assert!(!answer(&[""]).contains("schemas"));
    }

    #[test]
    fn a_flag_before_tells_where_names_come_from() {
        let words = ["check", "--context", "a", "--kubeconfig=/k", "--context=b", "-n"].map(String::from);
        assert_eq!(value_of(&words, "--context"), Some("b"));
        assert_eq!(value_of(&words, "--kubeconfig"), Some("/k"));
        assert_eq!(value_of(&words, "--cluster"), None);
    }
}
