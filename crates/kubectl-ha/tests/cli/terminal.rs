//! What a terminal gets: colours, widths, pipes that close early, and nothing that acts on it.

use std::io::{BufRead, BufReader, Read};
use std::process::Stdio;

use clap::ValueEnum;
use kubectl_ha::render::Format;
use kubectl_ha::sanitize::is_unsafe;
use unicode_width::UnicodeWidthStr;

use crate::{Bench, FRAGILE, Ran, fragile_workload};

/// Without a terminal there are no colours, unless they are asked for; a refusal wins.
#[test]
fn colours_are_for_terminals_unless_asked_for() {
    let bench = Bench::new();
    bench.write("a.yaml", FRAGILE);
    let coloured = |variables: &[(&str, &str)], more: &[&str]| {
        let arguments = ["check", "-f", "a.yaml"].iter().chain(more);
        let ran = Ran::of(bench.command(arguments).envs(variables.iter().copied()));
        assert_eq!(ran.code, Some(1), "{ran:?}");
        ran.out.contains('\u{1b}')
    };
    assert!(!coloured(&[], &[]));
    assert!(!coloured(&[("TERM", "xterm-256color")], &[]));
    assert!(coloured(&[("CLICOLOR_FORCE", "1")], &[]));
    assert!(!coloured(&[("NO_COLOR", "1")], &[]));
    assert!(!coloured(&[("CLICOLOR_FORCE", "1")], &["--no-color"]));
    // Both at once contradict each other: https://bixense.com/clicolors lets NO_COLOR win.
    assert!(!coloured(&[("CLICOLOR_FORCE", "1"), ("NO_COLOR", "1")], &[]));
}

#[test]
fn help_and_errors_are_as_plain_as_reports() {
    let bench = Bench::new();
    let help = bench.run(["check", "--help"]);
    assert_eq!((help.code, help.out.contains('\u{1b}'), help.err.as_str()), (Some(0), false, ""));
    assert!(help.out.lines().all(|line| line.width() <= 100), "{}", help.out);
    let version = bench.run(["--version"]);
    assert_eq!(version.out, format!("kubectl-ha {}\n", env!("CARGO_PKG_VERSION")));
}

#[test]
fn no_line_is_wider_than_asked_for() {
    let bench = Bench::new();
    for columns in [60, 80, 120] {
        for format in ["table", "wide"] {
            let mut command = bench.command(["check", "--demo", "-o", format]);
            let ran = Ran::of(command.env("COLUMNS", columns.to_string()));
            let wide: Vec<&str> = ran.out.lines().filter(|line| line.width() > columns && line.contains(' ')).collect();
            // A name longer than the line cannot be broken.
            let breakable: Vec<&&str> =
                wide.iter().filter(|line| line.split_whitespace().all(|word| word.width() + 20 < columns)).collect();
            assert!(breakable.is_empty(), "{columns} {format}: {breakable:#?}");
        }
    }
}

/// `kubectl ha check --demo | head -1`.
#[test]
fn a_reader_that_goes_away_is_no_error() {
    let bench = Bench::new();
    for format in ["table", "wide", "json"] {
        let mut command = bench.command(["check", "--demo", "-o", format, "--show", "all"]);
        let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        let mut first = String::new();
        BufReader::with_capacity(16, child.stdout.take().unwrap()).read_line(&mut first).unwrap();
        assert!(!first.is_empty());
        let mut errors = String::new();
        child.stderr.take().unwrap().read_to_string(&mut errors).unwrap();
        assert_eq!((child.wait().unwrap().code(), errors.as_str()), (Some(1), ""), "{format}");
    }
}

/// hostile.md 14: names that move cursors, set clipboards, end lines, or turn the reading order round.
#[test]
fn no_name_acts_on_who_reads_it() {
    let bench = Bench::new();
    let payload = "\u{1b}[2J\u{1b}]52;c;ZXZpbA==\u{7}\u{9b}31m\r\n::error::x\u{202e}\u{200b}%0A<b>|";
    let mut object: serde_json::Value = serde_yaml::from_str(fragile_workload()).unwrap();
    poison(&mut object, payload);
    let hostile = object.to_string();
    bench.write("hostile.json", &hostile);
    for &format in Format::value_variants() {
        let value = format.to_possible_value().unwrap();
        let ran = bench.run(["check", "-f", "hostile.json", "--evidence", "-o", value.get_name()]);
        assert!(ran.out.contains("mailer"), "{ran:?}");
        let raw = ran.out.chars().find(|&character| character != '\n' && is_unsafe(character));
        assert_eq!((raw, ran.err.as_str()), (None, ""), "{}", value.get_name());
        if value.get_name() == "github" {
            assert!(
                ran.out.lines().all(|line| line.starts_with("::error file=hostile.json,line=1,title=")
                    || line.starts_with("::warning file=hostile.json,line=1,title=")
                    || line.starts_with("::notice file=hostile.json,line=1,title=")),
                "{}",
                ran.out
            );
        }
    }
    // What cannot be read is quoted in errors, and what is typed, too.
    let broken = hostile.replace("\"replicas\":1", "\"replicas\":\"\u{1b}[2J\"");
    let runs = [
        bench.run_on(&broken, &[]),
        bench.run(["check", "-f", "\u{1b}[2Jnothing"]),
        bench.run(["explain", "\u{1b}[2J"]),
        bench.run(["\u{1b}[2J\u{202e}"]),
        bench.run(["check", "--context", "\u{1b}[2J"]),
    ];
    for ran in runs {
        let raw = ran.out.chars().chain(ran.err.chars()).find(|&character| character != '\n' && is_unsafe(character));
        assert_eq!(raw, None, "{ran:?}");
        assert_ne!(ran.code, Some(0), "{ran:?}");
    }
}

/// Puts the payload before every text of an object but its kind.
fn poison(value: &mut serde_json::Value, payload: &str) {
    match value {
        serde_json::Value::Object(fields) => {
            let is_name = |key: &String| key != "apiVersion" && key != "kind";
            fields.iter_mut().filter(|(key, _)| is_name(key)).for_each(|(_, value)| poison(value, payload));
        }
        serde_json::Value::Array(items) => items.iter_mut().for_each(|item| poison(item, payload)),
        serde_json::Value::String(text) if !text.ends_with("Gi") => *text = format!("{payload}{text}"),
        _ => {}
    }
}

/// hostile.md 20: a token is in no output, whatever goes wrong with it.
#[test]
fn a_token_is_never_shown() {
    let bench = Bench::new();
    let secret = "s3cr3t-t0ken-value";
    let kubeconfig = format!(
        "current-context: c\ncontexts: [{{name: c, context: {{cluster: k, user: u}}}}]\n\
         clusters: [{{name: k, cluster: {{server: 'https://127.0.0.1:1'}}}}]\n\
         users: [{{name: u, user: {{token: {secret}, password: {secret}, username: jane}}}}]\n"
    );
    bench.write("config", &kubeconfig);
    bench.write("broken", format!("{kubeconfig}users: [{{name: u, user: {{token: [{secret}]}}}}]\n"));
    let runs: Vec<Ran> = vec![
        bench.run(["check", "--kubeconfig", "config"]),
        bench.run(["check", "--kubeconfig", "broken"]),
        bench.run(["check", "--kubeconfig", "config", "--context", "d"]),
        bench.run(["check", "--server", "https://127.0.0.1:1", "--token", secret]),
        bench.run(["check", "--server", "https://127.0.0.1:1", "--token", secret, "--nonsense"]),
        bench.run(["check", "--server", "https://127.0.0.1:1", &format!("--token={secret}"), "--request-timeout", "x"]),
        bench.run(["snapshot", "--kubeconfig", "config", "out.ha"]),
    ];
    for ran in runs {
        assert!(!ran.out.contains(secret) && !ran.err.contains(secret), "{ran:?}");
        assert!(matches!(ran.code, Some(2 | 4)), "{ran:?}");
        assert!(!ran.err.is_empty());
    }
}
