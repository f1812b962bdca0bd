//! The processes of one cluster: one process group, ended together.
//!
//! A cluster that belongs to a test must end with it, however the test ends. A *guard* leads its
//! process group: a shell that waits for the end of its standard input, a pipe whose other end
//! only the test's process holds, and then kills the group. (A parent-death signal would come
//! when the *thread* that started the cluster ends, and exists on Linux only.)

use std::fs::File;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, Command, Stdio};

use nix::sys::signal::{self, Signal, killpg};
use nix::unistd::Pid;

use crate::binaries::last_lines;
use crate::error::{Error, Result};

/// How long the processes live.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Lifetime {
    /// Until the value that owns them is dropped, or its process ends.
    WithParent,
    /// Until they are stopped by name.
    Detached,
}

/// What to start.
#[derive(Debug)]
pub(crate) struct Launch {
    pub(crate) name: &'static str,
    pub(crate) program: PathBuf,
    pub(crate) arguments: Vec<String>,
    /// Where the component says whether it is ready.
    pub(crate) health: String,
}

/// The running processes of one cluster.
#[derive(Debug)]
pub(crate) struct Group {
    /// The process group; zero before the first process.
    id: u32,
    children: Vec<Running>,
    /// Held open, never written: the system closes it when this process ends.
    guard_input: Option<ChildStdin>,
}

#[derive(Debug)]
struct Running {
    name: &'static str,
    child: Child,
    log: PathBuf,
}

impl Group {
    pub(crate) fn new(lifetime: Lifetime) -> Result<Self> {
        let mut group = Self { id: 0, children: Vec::new(), guard_input: None };
        if lifetime == Lifetime::WithParent {
            let mut guard = Command::new("sh");
            guard.args(["-c", "cat; kill -KILL 0"]);
            guard.stdin(Stdio::piped()).stdout(Stdio::null());
            group.spawn("guard", guard, PathBuf::new())?;
            group.guard_input = group.children[0].child.stdin.take();
        }
        Ok(group)
    }

    /// The number of the process group.
    pub(crate) fn id(&self) -> u32 {
        self.id
    }

    /// Starts a component with its output in a log file; its process number.
    pub(crate) fn start(&mut self, launch: &Launch, logs: &Path) -> Result<u32> {
        let log = logs.join(format!("{}.log", launch.name));
        let output = File::create(&log).map_err(Error::file("create", &log))?;
        let errors = output.try_clone().map_err(Error::file("open", &log))?;
        let mut command = Command::new(&launch.program);
        command.args(&launch.arguments).current_dir(logs).stdin(Stdio::null());
        command.stdout(output).stderr(errors);
        // A third of the API server's work would be collecting garbage; memory is cheaper here.
        command.env("GOGC", "200");
        self.spawn(launch.name, command, log)
    }

    fn spawn(&mut self, name: &'static str, mut command: Command, log: PathBuf) -> Result<u32> {
        let group = i32::try_from(self.id).unwrap_or_default();
        let child = command.process_group(group).spawn().map_err(|source| Error::Process {
            action: "start",
            program: command.get_program().to_string_lossy().into_owned(),
            source,
        })?;
        let pid = child.id();
        if self.id == 0 {
            self.id = pid;
        }
        self.children.push(Running { name, child, log });
        Ok(pid)
    }

    /// Fails when a component has ended.
    pub(crate) fn check(&mut self) -> Result<()> {
        for running in &mut self.children {
            if let Ok(Some(status)) = running.child.try_wait() {
                let log = std::fs::read(&running.log).unwrap_or_default();
                return Err(Error::Ended {
                    component: running.name.to_owned(),
                    status: status.to_string(),
                    log: running.log.clone(),
                    tail: last_lines(&log),
                });
            }
        }
        Ok(())
    }

    /// Gives up ownership: the processes go on when this value is dropped.
    pub(crate) fn detach(mut self) {
        self.children.clear();
    }
}

impl Drop for Group {
    fn drop(&mut self) {
        if self.children.is_empty() {
            return;
        }
        drop(self.guard_input.take());
        // An error means that the group is gone already, which is what is wanted.
        let _ = kill(self.id);
        for running in &mut self.children {
            let _ = running.child.wait();
        }
    }
}

/// Ends a process group at once: nothing of a test cluster is worth a graceful end.
pub(crate) fn kill(group: u32) -> std::io::Result<()> {
    let group = i32::try_from(group).map_err(std::io::Error::other)?;
    killpg(Pid::from_raw(group), Signal::SIGKILL).map_err(std::io::Error::from)
}

/// Holds a process where it is, or lets it go on.
pub(crate) fn signal(process: u32, paused: bool) -> std::io::Result<()> {
    let process = i32::try_from(process).map_err(std::io::Error::other)?;
    let signal = if paused { Signal::SIGSTOP } else { Signal::SIGCONT };
    signal::kill(Pid::from_raw(process), signal).map_err(std::io::Error::from)
}

#[cfg(test)]
mod tests {
    use std::os::unix::process::ExitStatusExt as _;

    use super::*;

    #[test]
    fn processes_end_when_their_owner_vanishes() {
        let logs = std::env::temp_dir();
        let mut group = Group::new(Lifetime::WithParent).unwrap();
        let launch = Launch {
            name: "ha-cluster-sleeper",
            program: PathBuf::from("sleep"),
            arguments: vec!["600".to_owned()],
            health: String::new(),
        };
        group.start(&launch, &logs).unwrap();
        group.check().unwrap();
        drop(group.guard_input.take()); // as the system does when a process is killed
        let status = group.children[1].child.wait().unwrap();
        assert_eq!(status.signal(), Some(Signal::SIGKILL as i32));
    }

    #[test]
    fn a_component_that_ends_is_named_with_the_end_of_its_log() {
        let logs = std::env::temp_dir();
        let mut group = Group::new(Lifetime::WithParent).unwrap();
        let launch = Launch {
            name: "ha-cluster-quitter",
            program: PathBuf::from("sh"),
            arguments: vec!["-c".to_owned(), "echo no such key >&2; exit 3".to_owned()],
            health: String::new(),
        };
        group.start(&launch, &logs).unwrap();
        group.children[1].child.wait().unwrap();
        let message = group.check().unwrap_err().to_string();
        assert!(message.contains("ha-cluster-quitter ended (exit status: 3)"), "{message}");
        assert!(message.ends_with("no such key"), "{message}");
    }
}
