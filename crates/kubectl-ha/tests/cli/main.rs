//! The program as a whole: what is typed, what comes out on which stream, and with which exit code.
//!
//! Every run has a folder of its own, a clean environment and a fixed instant.

#![allow(clippy::unwrap_used, reason = "a helper of tests may fail like a test")]

mod completion;
mod files;
mod manifests;
mod policies;
mod simulate;
mod terminal;
mod usage;
mod verdicts;

use std::ffi::OsStr;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use serde_json::Value;
use tempfile::TempDir;

/// One Deployment that every rule is content with, given the rest of its case.
fn sound() -> String {
    case("sound-web-service")
}

/// A Deployment of one replica: `single-replica`, high.
const FRAGILE: &str = "\
apiVersion: apps/v1
kind: Deployment
metadata: {name: mailer, namespace: shop}
spec:
  replicas: 1
  selector: {matchLabels: {app: mailer}}
  template:
    metadata: {labels: {app: mailer}}
    spec:
      containers:
      - name: mailer
        image: mailer
        resources: {requests: {cpu: 1, memory: 1Gi}}
        readinessProbe: {tcpSocket: {port: 80}}
---
apiVersion: v1
kind: Service
metadata: {name: mailer, namespace: shop}
spec: {selector: {app: mailer}, ports: [{port: 80}]}
";

/// The workload of `FRAGILE` without its Service.
fn fragile_workload() -> &'static str {
    FRAGILE.split("---\n").next().unwrap()
}

fn case(name: &str) -> String {
    let file = repository().join("tests/cases").join(name).join("input.yaml");
    std::fs::read_to_string(file).unwrap()
}

fn repository() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).ancestors().nth(2).unwrap().to_path_buf()
}

/// A folder in which the program runs, with nothing of the user's around it.
struct Bench {
    folder: TempDir,
}

/// What a run left behind.
#[derive(Debug)]
struct Ran {
    code: Option<i32>,
    out: String,
    err: String,
}

impl Bench {
    fn new() -> Self {
        Self { folder: tempfile::tempdir().unwrap() }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// Writes a file into the folder.
    fn write(&self, name: &str, content: impl AsRef<[u8]>) {
        let path = self.path(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, content).unwrap();
    }

    fn read(&self, name: &str) -> String {
        std::fs::read_to_string(self.path(name)).unwrap()
    }

    /// The program, in the folder, with a clean environment and a fixed instant.
    fn command(&self, arguments: impl IntoIterator<Item = impl AsRef<OsStr>>) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_kubectl-ha"));
        self.prepare(&mut command);
        command.args(arguments);
        command
    }

    fn prepare(&self, command: &mut Command) {
        command
            .env_clear()
            .env("PATH", std::env::var_os("PATH").unwrap_or_default())
            .env("HOME", self.folder.path())
            .env("SOURCE_DATE_EPOCH", "1767225600")
            .env("KUBECONFIG", self.path("no-kubeconfig"))
            .current_dir(self.folder.path())
            .stdin(Stdio::null());
    }

    /// Runs the program.
    fn run(&self, arguments: impl IntoIterator<Item = impl AsRef<OsStr>>) -> Ran {
        Ran::of(&mut self.command(arguments))
    }

    /// Runs the program on a manifest on standard input.
    fn run_on(&self, manifest: &str, arguments: &[&str]) -> Ran {
        let arguments = ["check", "-f", "-"].iter().chain(arguments);
        Ran::with_input(&mut self.command(arguments), manifest)
    }
}

impl Ran {
    fn of(command: &mut Command) -> Self {
        let output = command.output().unwrap();
        Self {
            code: output.status.code(),
            out: String::from_utf8(output.stdout).unwrap(),
            err: String::from_utf8(output.stderr).unwrap(),
        }
    }

    fn with_input(command: &mut Command, input: &str) -> Self {
        let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        let mut stdin = child.stdin.take().unwrap();
        let input = input.to_owned();
        let writer = std::thread::spawn(move || drop(stdin.write_all(input.as_bytes())));
        let output = child.wait_with_output().unwrap();
        writer.join().unwrap();
        Self {
            code: output.status.code(),
            out: String::from_utf8(output.stdout).unwrap(),
            err: String::from_utf8(output.stderr).unwrap(),
        }
    }

    fn json(&self) -> Value {
        serde_json::from_str(&self.out).unwrap_or_else(|error| panic!("{error}: {self:?}"))
    }

    /// `rule object` of every finding.
    fn findings(&self) -> Vec<String> {
        let report = self.json();
        let fails = report["results"].as_array().unwrap().iter().filter(|result| result["verdict"] == "fail");
        fails.map(|result| format!("{} {}", text(&result["rule"]), text(&result["object"]["name"]))).collect()
    }
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_default()
}

/// The pinned kubectl.
fn kubectl() -> PathBuf {
    ha_cluster::binaries::ensure(&ha_cluster::binaries::KUBECTL, &|_| ()).unwrap()
}

/// A PATH on which these programs are found before all others.
fn path_with(programs: &[PathBuf]) -> String {
    let mut path = String::new();
    for program in programs {
        path.push_str(&program.parent().unwrap().to_string_lossy());
        path.push(':');
    }
    path + &std::env::var("PATH").unwrap_or_default()
}
