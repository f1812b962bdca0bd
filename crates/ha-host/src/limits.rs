//! How much a policy may use: so much for any snapshot, and so much more per record in it.

use std::time::Duration;

use ha_core::{Impact, Snapshot};
use wasmtime::ResourceLimiter;

use crate::engine::TICK;

const MIB: u64 = 1024 * 1024;

/// Fuel (about one per instruction): a second or so of work, and ten thousand rule steps per
/// record.
const BASE_FUEL: u64 = 2_000_000_000;
const FUEL_PER_RECORD: u64 = 200_000;

/// Memory: room for a small program, and a few times what a record and its strings take.
const BASE_MEMORY: u64 = 64 * MIB;
const MEMORY_PER_RECORD: u64 = 2048;

/// Time. Fuel ends an evaluation at the same instruction on every machine; the clock is there
/// for what fuel does not count, so it is generous.
const BASE_TIME: Duration = Duration::from_secs(10);
const TIME_PER_RECORD: Duration = Duration::from_micros(200);

/// What a policy may say: findings, and bytes in all strings and lists together.
const BASE_FINDINGS: usize = 10_000;
const FINDINGS_PER_OBJECT: usize = 4;
const BASE_OUTPUT: usize = 64 * 1024 * 1024;
const OUTPUT_PER_OBJECT: usize = 1024;

/// A component is a few core instances: the program, and what the tools put around it.
const INSTANCES: usize = 16;
const MEMORIES: usize = 4;
const TABLES: usize = 16;
const TABLE_ENTRIES: usize = 100_000;

/// What one evaluation may use.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// WebAssembly instructions, about.
    pub fuel: u64,
    /// Bytes of linear memory.
    pub memory: u64,
    /// Wall-clock time.
    pub time: Duration,
    /// Findings.
    pub findings: usize,
    /// Bytes in all strings and lists of the answer.
    pub output_bytes: usize,
}

impl Limits {
    /// The limits for this input.
    pub fn of(snapshot: &Snapshot, impacts: &[Impact]) -> Self {
        let records = records(snapshot) + impacts.iter().map(impact_records).sum::<u64>();
        let strings = u64::try_from(snapshot.texts.bytes.len()).unwrap_or(u64::MAX);
        Self {
            fuel: BASE_FUEL + FUEL_PER_RECORD.saturating_mul(records),
            memory: BASE_MEMORY + MEMORY_PER_RECORD.saturating_mul(records) + strings.saturating_mul(4),
            time: BASE_TIME + TIME_PER_RECORD.saturating_mul(u32::try_from(records).unwrap_or(u32::MAX)),
            findings: BASE_FINDINGS + FINDINGS_PER_OBJECT * snapshot.objects.len(),
            output_bytes: BASE_OUTPUT + OUTPUT_PER_OBJECT * snapshot.objects.len(),
        }
    }

    /// The time in ticks of the engine's clock, rounded up.
    pub(crate) fn ticks(&self) -> u64 {
        u64::try_from(self.time.as_micros().div_ceil(TICK.as_micros())).unwrap_or(u64::MAX)
    }
}

/// The rows of the tables that grow with a cluster.
pub(crate) fn records(snapshot: &Snapshot) -> u64 {
    let tables = [
        snapshot.texts.ends.len(),
        snapshot.label_sets.len(),
        snapshot.objects.len(),
        snapshot.nodes.len(),
        snapshot.workloads.len(),
        snapshot.pods.len(),
        snapshot.pod_specs.len(),
        snapshot.services.len(),
        snapshot.claims.len(),
        snapshot.volumes.len(),
        snapshot.leases.len(),
    ];
    tables.iter().map(|rows| *rows as u64).sum()
}

fn impact_records(impact: &Impact) -> u64 {
    (1 + impact.workloads.len() + impact.refused_evictions.len() + impact.preempted.len()) as u64
}

/// Enforces the memory limit of one evaluation, and remembers that it was reached.
#[derive(Debug)]
pub(crate) struct Meter {
    allowed: u64,
    pub(crate) out_of_memory: bool,
}

/// The policy asked for more memory than it may have.
#[derive(Debug, thiserror::Error)]
#[error("out of memory")]
struct OutOfMemory;

impl Meter {
    pub(crate) fn new(limits: &Limits) -> Self {
        Self { allowed: limits.memory, out_of_memory: false }
    }

    /// For `Store::limiter`.
    pub(crate) fn limiter(&mut self) -> &mut dyn ResourceLimiter {
        self
    }
}

impl ResourceLimiter for Meter {
    fn memory_growing(&mut self, current: usize, desired: usize, _: Option<usize>) -> wasmtime::Result<bool> {
        let added = desired.saturating_sub(current) as u64;
        let Some(left) = self.allowed.checked_sub(added) else {
            self.out_of_memory = true;
            return Err(OutOfMemory.into());
        };
        self.allowed = left;
        Ok(true)
    }

    fn table_growing(&mut self, _: usize, desired: usize, _: Option<usize>) -> wasmtime::Result<bool> {
        if desired <= TABLE_ENTRIES {
            return Ok(true);
        }
        self.out_of_memory = true;
        Err(OutOfMemory.into())
    }

    fn instances(&self) -> usize {
        INSTANCES
    }

    fn memories(&self) -> usize {
        MEMORIES
    }

    fn tables(&self) -> usize {
        TABLES
    }
}
