//! Compiles a policy in a process of its own, which may use only so much memory and time.
//!
//! A policy from elsewhere can be made so that compiling it takes all memory or an hour: a compiler is not built
//! against that, and neither of the two can be taken away from a thread. So the program starts itself again
//! ([`Compiler`]), the other process bounds itself and compiles ([`answer`]), and what comes back is used only when
//! it is whole and made of what was sent.
//!
//! Memory is bounded where the system can do so (Linux and most other Unix systems; not on macOS and Windows), time
//! everywhere.

use std::ffi::OsString;
use std::io::{self, Read, Write};
use std::path::PathBuf;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::mpsc;
use std::thread;
use std::time::Duration;

use wasmtime::Engine;

use crate::engine;
use crate::inspect::digest;
use crate::load::LoadError;
use crate::vet::MAX_FILE;

/// Processor time for compiling one policy. The built-in one, among the largest, takes less than a second.
const PROCESSOR_TIME: Duration = Duration::from_secs(10);

/// Time on the clock, for a machine that is busy with other things.
const TIME: Duration = Duration::from_mins(1);

/// Memory for compiling one policy, in bytes.
const MEMORY: u64 = 1024 * 1024 * 1024;

/// The largest compiled policy, in bytes.
pub(crate) const MAX_CODE: u64 = 256 * 1024 * 1024;

/// What the answer of the other process begins with, so that no other program's output is taken for one.
const COMPILED: &str = "kubectl-ha compiled ";
const REFUSED: &str = "kubectl-ha refused ";

/// The longest explanation that is read, in bytes.
const MOST_WORDS: u64 = 4096;

/// How to start the process that compiles: a program that calls [`answer`].
#[derive(Clone, Debug)]
pub struct Compiler {
    program: PathBuf,
    arguments: Vec<OsString>,
    environment: Vec<(&'static str, &'static str)>,
}

impl Compiler {
    /// This program, started with these arguments, is to compile.
    pub fn new(program: PathBuf, arguments: Vec<OsString>) -> Self {
        Self { program, arguments, environment: Vec::new() }
    }

    /// Sets a variable of its environment, which is empty otherwise.
    #[must_use]
    pub fn env(mut self, name: &'static str, value: &'static str) -> Self {
        self.environment.push((name, value));
        self
    }

    /// The native code of a policy.
    pub(crate) fn compile(&self, wasm: &[u8]) -> Result<Vec<u8>, LoadError> {
        let failed = |error: io::Error| LoadError::Compiler(format!("{}: {error}", self.program.display()));
        let mut child = self.start().map_err(failed)?;
        let written = feed(&mut child, wasm.to_vec());
        let answer = collect(&mut child);
        let received = answer.recv_timeout(TIME);
        if received.is_err() {
            // It has ended by itself when this fails.
            let _ = child.kill();
        }
        let status = child.wait().map_err(failed)?;
        drop(written);
        let (answer, words) = received.map_err(|_| LoadError::TooCostly(format!("{} s", TIME.as_secs())))?;
        if !status.success() {
            return Err(died(status, &words));
        }
        verified(&answer.map_err(failed)?, wasm)
    }

    /// Nothing of this process is handed over but what is written to its standard input.
    fn start(&self) -> io::Result<Child> {
        let mut command = Command::new(&self.program);
        command.args(&self.arguments).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        if cfg!(unix) {
            command.env_clear();
        }
        command.envs(self.environment.iter().copied());
        command.spawn()
    }
}

/// Writes the policy while the answer is read. A compiler that does not want all of it shows in its answer.
fn feed(child: &mut Child, wasm: Vec<u8>) -> Option<thread::JoinHandle<()>> {
    let mut input = child.stdin.take()?;
    Some(thread::spawn(move || {
        let _ = input.write_all(&wasm);
    }))
}

/// What the process wrote to its standard output and to its standard error.
type Answer = (io::Result<Vec<u8>>, String);

/// Reads both to their ends, which is when the process ends.
fn collect(child: &mut Child) -> mpsc::Receiver<Answer> {
    let (send, receive) = mpsc::channel();
    let (output, errors) = (child.stdout.take(), child.stderr.take());
    let words = thread::spawn(move || {
        let mut text = Vec::new();
        if let Some(errors) = errors {
            let _ = errors.take(MOST_WORDS).read_to_end(&mut text);
        }
        String::from_utf8_lossy(&text).into_owned()
    });
    thread::spawn(move || {
        let mut answer = Vec::new();
        // One byte more shows that there is too much.
        let read = output.map_or(Ok(0), |output| output.take(MAX_CODE + 1).read_to_end(&mut answer));
        // Nobody waits any more when sending fails.
        let _ = send.send((read.map(|_| answer), words.join().unwrap_or_default()));
    });
    receive
}

/// Why a process ended without an answer: its limits, or a fault of the compiler.
fn died(status: ExitStatus, words: &str) -> LoadError {
    let last = words.lines().last().unwrap_or_default();
    #[cfg(unix)]
    {
        use std::os::unix::process::ExitStatusExt as _;

        let is = |signal: rustix::process::Signal| status.signal() == Some(signal.as_raw());
        if is(rustix::process::Signal::XCPU) || is(rustix::process::Signal::KILL) {
            return LoadError::TooCostly(format!("{} s of processor time", PROCESSOR_TIME.as_secs()));
        }
    }
    if words.contains("memory allocation of") {
        return LoadError::TooCostly(format!("{} MiB of memory", MEMORY / (1024 * 1024)));
    }
    LoadError::Compiler(format!("it ended with {status}: {last}"))
}

/// The code in an answer, when all of it arrived and it was made of this policy.
fn verified(answer: &[u8], wasm: &[u8]) -> Result<Vec<u8>, LoadError> {
    let end = answer.iter().position(|byte| *byte == b'\n').unwrap_or(answer.len());
    let head = String::from_utf8_lossy(&answer[..end]).into_owned();
    if let Some(reason) = head.strip_prefix(REFUSED) {
        return Err(LoadError::Compile(reason.to_owned()));
    }
    let code = answer.get(end + 1..).unwrap_or_default();
    if code.len() as u64 > MAX_CODE {
        return Err(LoadError::TooCostly(format!("{} MiB of code", MAX_CODE / (1024 * 1024))));
    }
    if head != format!("{COMPILED}{} {}", digest(wasm), digest(code)) {
        return Err(LoadError::Compiler("its answer is not whole".to_owned()));
    }
    Ok(code.to_vec())
}

/// Compiles the policy that comes on `input`, and writes the code to `output`: what the other process does.
///
/// Bounds this whole process first, so it should have nothing else to do.
pub fn answer(input: impl Read, mut output: impl Write) -> io::Result<()> {
    bound()?;
    let mut wasm = Vec::new();
    input.take(MAX_FILE).read_to_end(&mut wasm)?;
    match code(&wasm) {
        Ok(code) => {
            writeln!(output, "{COMPILED}{} {}", digest(&wasm), digest(&code))?;
            output.write_all(&code)?;
        }
        // One line, whatever it says.
        Err(error) => writeln!(output, "{REFUSED}{}", format!("{error:#}").replace(['\r', '\n'], " "))?,
    }
    output.flush()
}

fn code(wasm: &[u8]) -> wasmtime::Result<Vec<u8>> {
    Engine::new(&engine::engine_config())?.precompile_component(wasm)
}

/// Takes from this process what a compiler does not need.
#[cfg(unix)]
fn bound() -> io::Result<()> {
    use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

    let seconds = PROCESSOR_TIME.as_secs();
    for (resource, most) in [(Resource::Cpu, seconds), (Resource::As, MEMORY), (Resource::Core, 0)] {
        let maximum = getrlimit(resource).maximum;
        let current = Some(maximum.map_or(most, |maximum| maximum.min(most)));
        match setrlimit(resource, Rlimit { current, maximum }) {
            // Others than Linux know a limit for all memory, but some refuse to set it.
            Err(_) if !cfg!(target_os = "linux") && resource == Resource::As => {}
            other => other?,
        }
    }
    Ok(())
}

#[cfg(not(unix))]
fn bound() -> io::Result<()> {
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answered(wasm: &[u8]) -> Vec<u8> {
        let code = b"code";
        [format!("{COMPILED}{} {}\n", digest(wasm), digest(code)).into_bytes(), code.to_vec()].concat()
    }

    #[test]
    fn only_a_whole_answer_about_this_policy_is_used() {
        let whole = answered(b"policy");
        assert_eq!(verified(&whole, b"policy").unwrap(), b"code");
        let is_refused = |answer: &[u8]| matches!(verified(answer, b"policy"), Err(LoadError::Compiler(_)));
        for length in 0..whole.len() {
            assert!(is_refused(&whole[..length]), "{length}");
        }
        assert!(is_refused(&answered(b"another policy")));
        assert!(is_refused(&[whole.as_slice(), b"."].concat()));
        assert!(is_refused(b"running 0 tests\n"));
        let refused = verified(format!("{REFUSED}it is odd\n").as_bytes(), b"policy");
        assert!(matches!(refused, Err(LoadError::Compile(reason)) if reason == "it is odd"));
    }

    #[test]
    #[cfg(unix)]
    fn a_program_that_is_no_compiler_is_no_answer() {
        let compile = |program: &str, arguments: &[&str]| {
            Compiler::new(program.into(), arguments.iter().map(OsString::from).collect()).compile(&vec![0; 1 << 20])
        };
        for (program, arguments) in
            [("/nowhere", &[][..]), ("/bin/sh", &["-c", "exit 3"]), ("/bin/sh", &["-c", "echo hello"])]
        {
            assert!(matches!(compile(program, arguments), Err(LoadError::Compiler(_))), "{program} {arguments:?}");
        }
        let killed = compile("/bin/sh", &["-c", "kill -XCPU $$"]);
        assert!(matches!(killed, Err(LoadError::TooCostly(_))), "{killed:?}");
    }
}
