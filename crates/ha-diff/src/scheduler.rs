//! The real scheduler: a process that plays cases.

use std::collections::HashMap;
use std::io::{BufRead as _, BufReader, Write as _};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread;

use ha_cluster::{Progress, binaries};
use serde::Deserialize;
use serde_json::{Value, json};

use crate::answer::{Filtered, Played};
use crate::case::{Case, Kind};
use crate::error::{Error, Result};

/// A running program around the scheduler of Kubernetes. It works on as many requests at a time as there are
/// processors, and ends with this value.
#[derive(Debug)]
pub struct Scheduler {
    process: Child,
    /// Written by a thread of its own: the program stops reading while nobody reads its answers.
    requests: Option<Sender<String>>,
    answers: BufReader<ChildStdout>,
    /// Answers that came before they were waited for.
    early: HashMap<u64, Answer>,
    asked: u64,
}

/// A question that the scheduler works on.
#[derive(Debug)]
pub struct Pending {
    number: u64,
    name: String,
}

#[derive(Debug, Deserialize)]
struct Answer {
    id: String,
    #[serde(default)]
    error: String,
    play: Option<Played>,
    filter: Option<Filtered>,
}

impl Scheduler {
    /// Builds the program unless that was done before, and starts it.
    pub fn start(progress: Progress) -> Result<Self> {
        let path = binaries::ensure(&binaries::SCHEDULER_IN_PROCESS, progress)?;
        let mut process = Command::new(path)
            .args(["-test.run", "^TestServe$", "-test.timeout", "0"])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .map_err(|source| Error::Process { action: "start", source })?;
        let (Some(input), Some(output)) = (process.stdin.take(), process.stdout.take()) else {
            let source = std::io::Error::other("its input or output is not there");
            return Err(Error::Process { action: "talk to", source });
        };
        let (requests, waiting) = channel();
        thread::spawn(move || write(input, &waiting));
        Ok(Self { process, requests: Some(requests), answers: BufReader::new(output), early: HashMap::new(), asked: 0 })
    }

    /// Asks to play a case so many times; [`Scheduler::played`] waits for the answer.
    pub fn ask(&mut self, case: &Case, runs: u32) -> Result<Pending> {
        let kind = match case.failure.kind {
            Kind::Removed => "node-removed",
            Kind::Unreachable => "node-unreachable",
            Kind::Drained => "drain",
        };
        self.send(
            &case.name,
            json!({
                "mode": "play", "objects": case.objects, "later": case.later, "settle": !case.at_rest, "runs": runs,
                "seed": case.seed % 1_000_000_000_000, "failure": {"kind": kind, "nodes": case.failure.nodes},
            }),
        )
    }

    /// Asks what every filter plugin says about pods on the nodes of a cluster; [`Scheduler::filtered`] waits.
    pub fn ask_filters(&mut self, name: &str, objects: &[Value], pods: &[Value]) -> Result<Pending> {
        self.send(name, json!({"mode": "filter", "objects": objects, "pods": pods, "seed": 1}))
    }

    /// The answer to [`Scheduler::ask`].
    pub fn played(&mut self, pending: Pending) -> Result<Played> {
        let name = pending.name.clone();
        self.answer(pending)?.play.ok_or(Error::Ended(name))
    }

    /// The answer to [`Scheduler::ask_filters`].
    pub fn filtered(&mut self, pending: Pending) -> Result<Filtered> {
        let name = pending.name.clone();
        self.answer(pending)?.filter.ok_or(Error::Ended(name))
    }

    /// Asks and waits.
    pub fn play(&mut self, case: &Case, runs: u32) -> Result<Played> {
        let pending = self.ask(case, runs)?;
        self.played(pending)
    }

    fn send(&mut self, name: &str, mut request: Value) -> Result<Pending> {
        self.asked += 1;
        request["id"] = json!(self.asked.to_string());
        let sent = self.requests.as_ref().map(|requests| requests.send(format!("{request}\n")));
        match sent {
            Some(Ok(())) => Ok(Pending { number: self.asked, name: name.to_owned() }),
            _ => Err(Error::Ended(name.to_owned())),
        }
    }

    fn answer(&mut self, Pending { number, name }: Pending) -> Result<Answer> {
        loop {
            if let Some(answer) = self.early.remove(&number) {
                if answer.error.is_empty() {
                    return Ok(answer);
                }
                return Err(Error::Refused { name, reason: answer.error });
            }
            let mut line = String::new();
            let read =
                self.answers.read_line(&mut line).map_err(|source| Error::Process { action: "read from", source })?;
            if read == 0 {
                return Err(Error::Ended(name));
            }
            // The test framework has a line of its own to say.
            if line.starts_with('{') {
                let answer: Answer = serde_json::from_str(&line).map_err(Error::json("an answer of the scheduler"))?;
                self.early.insert(answer.id.parse().unwrap_or(0), answer);
            }
        }
    }
}

/// Writes requests until there are no more, or the program reads no more.
fn write(mut input: ChildStdin, requests: &Receiver<String>) {
    while let Ok(line) = requests.recv() {
        if input.write_all(line.as_bytes()).is_err() {
            return;
        }
    }
}

impl Drop for Scheduler {
    /// The end of its input ends the program.
    fn drop(&mut self) {
        drop(self.requests.take());
        // What it still works on is of no use to anybody.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}
