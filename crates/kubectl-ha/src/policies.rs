//! Who judges: the built-in policy and those that the user names, each in the sandbox.

use std::path::Path;

use anyhow::Context;
use ha_core::finding::CheckOutput;
use ha_core::rule::{Input, RuleInfo};
use ha_host::{Cache, Compiler, Host};

use crate::config::Loaded;
use crate::{UsageError, cli, own};

/// The built-in policy's name.
pub const BASELINE: &str = "baseline";

/// The policies of a run.
#[derive(Debug)]
pub struct Policies {
    host: Option<Host>,
    list: Vec<Policy>,
}

/// A policy that has been loaded, or could not be.
#[derive(Debug)]
pub struct Policy {
    /// Its name: `baseline`, or the file's name without its ending.
    pub name: String,
    /// Its rules.
    pub rules: Vec<RuleInfo>,
    kind: Kind,
}

#[derive(Debug)]
enum Kind {
    /// In the sandbox.
    Sandboxed(Box<ha_host::Policy>),
    /// The built-in rules as part of this program, for debugging.
    Native,
    /// It could not be loaded, for that reason.
    Broken(String),
}

impl Policies {
    /// Loads what the command line names. A file that is no policy does not stop the others: it becomes an answer.
    ///
    /// # Errors
    /// A [`UsageError`] where there is no such file: a name that was mistyped.
    pub fn load(arguments: &cli::Policies) -> anyhow::Result<Self> {
        if arguments.native {
            return Ok(Self { host: None, list: vec![Policy::native()] });
        }
        let host = host()?;
        if let Some(missing) = arguments.files.iter().find(|file| !file.exists()) {
            return Err(UsageError(format!("there is no policy {}", missing.display())).into());
        }
        let mut list = Vec::new();
        if !arguments.no_baseline_policy {
            list.push(Policy::built_in(&host)?);
        }
        for file in &arguments.files {
            list.push(Policy::of_file(&host, file));
        }
        Ok(Self { host: Some(host), list })
    }

    /// The policies, in the order in which they judge.
    pub fn iter(&self) -> impl Iterator<Item = &Policy> {
        self.list.iter()
    }

    /// All rules of all policies.
    pub fn rules(&self) -> Vec<RuleInfo> {
        self.list.iter().flat_map(|policy| policy.rules.iter().cloned()).collect()
    }

    /// Asks a policy about what was read and simulated; an error says why it has no answer.
    pub fn judge(&self, policy: &Policy, input: &Input) -> Result<CheckOutput, String> {
        match (&policy.kind, &self.host) {
            (Kind::Sandboxed(sandboxed), Some(host)) => {
                host.evaluate(sandboxed, input).map_err(|failure| failure.to_string())
            }
            (Kind::Sandboxed(_), None) => Err("the sandbox is not set up".to_owned()),
            (Kind::Native, _) => Ok(ha_sdk::run(baseline::RULES, input)),
            (Kind::Broken(problem), _) => Err(problem.clone()),
        }
    }

    /// Refuses a configuration that speaks of rules that no policy has.
    pub fn check_config(&self, config: &Loaded) -> anyhow::Result<()> {
        // The rules of a policy that could not be loaded are not known: nothing can be said about names then.
        if self.list.iter().any(|policy| matches!(policy.kind, Kind::Broken(_))) {
            return Ok(());
        }
        config.check(&self.rules())
    }
}

impl Policy {
    fn native() -> Self {
        let rules = serde_json::from_str(&ha_sdk::metadata_json(baseline::RULES)).unwrap_or_default();
        Self { name: BASELINE.to_owned(), rules, kind: Kind::Native }
    }

    #[allow(unsafe_code)]
    fn built_in(host: &Host) -> anyhow::Result<Self> {
        // SAFETY: `cargo xtask wasm` made one from the other, and both are parts of this program.
        let policy = unsafe { host.load_precompiled(BASELINE_COMPONENT, BASELINE_NATIVE) };
        let policy = policy.context("the built-in policy does not load; this build of kubectl-ha is broken")?;
        Ok(Self::sandboxed(BASELINE.to_owned(), policy))
    }

    fn of_file(host: &Host, file: &Path) -> Self {
        let name = file.file_stem().unwrap_or(file.as_os_str()).to_string_lossy().into_owned();
        match host.load_file(file) {
            Ok(policy) => Self::sandboxed(name, policy),
            Err(error) => {
                let problem = format!("{}: {:#}", file.display(), anyhow::Error::new(error));
                Self { name, rules: Vec::new(), kind: Kind::Broken(problem) }
            }
        }
    }

    fn sandboxed(name: String, policy: ha_host::Policy) -> Self {
        let rules = policy.inspection().rules.clone();
        Self { name, rules, kind: Kind::Sandboxed(Box::new(policy)) }
    }
}

/// The sandbox. What it has to compile is compiled by this program in another process, and kept for the next time.
fn host() -> anyhow::Result<Host> {
    let host = Host::new(Cache::of_user()).context("the sandbox cannot be set up")?;
    // Few systems do not tell programs where they are; there, it is looked for on the PATH, as kubectl does.
    let this = std::env::current_exe().unwrap_or_else(|_| "kubectl-ha".into());
    // In KiB: the allocator reserves as many addresses at once otherwise as the compiler may have in all.
    let compiler = Compiler::new(this, vec![own::COMPILE.into()]).env("MIMALLOC_ARENA_RESERVE", "65536");
    Ok(host.compiling_apart(compiler))
}

/// The built-in policy as a component.
pub const BASELINE_COMPONENT: &[u8] = include_bytes!(env!("HA_BASELINE_COMPONENT"));
/// The same, compiled ahead of time.
const BASELINE_NATIVE: &[u8] = include_bytes!(env!("HA_BASELINE_NATIVE"));
