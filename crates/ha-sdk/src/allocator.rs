//! The policy's heap: `talc`, over the part of memory that the host leaves to the policy.
//!
//! A component's heap begins where the static data ends and lives as long as the instance, which
//! the host throws away after one evaluation. An OPA engine keeps one instance for many
//! evaluations and decides itself where free memory begins, each time anew; everything above
//! belongs to the policy until the call returns. So [`restart`] forgets the whole heap and begins
//! another one there. Nothing on the heap may outlive an evaluation: no static owns any.

#![allow(unsafe_code)]

use core::alloc::{GlobalAlloc, Layout};
use core::arch::wasm32::{memory_grow, memory_size};
use core::cell::UnsafeCell;
use core::ptr::NonNull;

use talc::base::Talc;
use talc::base::binning::Binning;
use talc::cell::TalcCell;
use talc::source::Source;
use talc::wasm::WasmBinning;

/// The size of a page of WebAssembly memory, in bytes.
pub(crate) const PAGE: usize = 64 * 1024;

/// Room for what `talc` adds around an allocation.
const OVERHEAD: usize = 64;

#[global_allocator]
static HEAP: Heap = Heap(UnsafeCell::new(TalcCell::new(Memory { start: None, end: None })));

struct Heap(UnsafeCell<TalcCell<Memory, WasmBinning>>);

// SAFETY: a policy has one thread; the engine has the threads proposal switched off.
unsafe impl Sync for Heap {}

/// Forgets the heap and begins another at `start`, which is where the host says that free memory
/// begins.
///
/// # Safety
/// Nothing that was allocated before may be used afterwards.
pub(crate) unsafe fn restart(start: usize) {
    // SAFETY: no call into the allocator is under way, since there is one thread and this is
    // not called from within it; the old state owns nothing that needs dropping.
    unsafe {
        *HEAP.0.get() = TalcCell::new(Memory { start: Some(start), end: None });
    }
}

/// The first address behind the module's static data and stack, which the linker knows.
pub(crate) fn static_end() -> usize {
    unsafe extern "C" {
        static __heap_base: u8;
    }
    (&raw const __heap_base).addr()
}

/// The first address behind memory.
pub(crate) fn memory_end() -> usize {
    // All 4 GiB in use would overflow to 0; the last bytes then stay unused.
    memory_size::<0>().checked_mul(PAGE).unwrap_or(usize::MAX - OVERHEAD)
}

/// Makes memory reach at least up to `end`, if the host allows it.
pub(crate) fn grow_to(end: usize) -> Result<(), ()> {
    let missing = end.saturating_sub(memory_end()).div_ceil(PAGE);
    if missing == 0 || memory_grow::<0>(missing) != usize::MAX { Ok(()) } else { Err(()) }
}

/// Where `talc` gets memory from: first what is there already, then what the host adds.
#[derive(Debug)]
struct Memory {
    /// Where the heap begins; none: behind the static data.
    start: Option<usize>,
    /// The heap's end, once it has begun.
    end: Option<NonNull<u8>>,
}

// SAFETY: `acquire` does not allocate, and hands over memory that nothing else uses: the host's
// contract is that everything above `start` is the policy's.
unsafe impl Source for Memory {
    fn acquire<B: Binning>(talc: &mut Talc<Self, B>, layout: Layout) -> Result<(), ()> {
        let wanted = layout.size().saturating_add(layout.align()).saturating_add(OVERHEAD);
        let heap_end = if let Some(end) = talc.source.end {
            grow_to(memory_end().saturating_add(wanted))?;
            // SAFETY: `end` is what the last `claim` or `extend` returned.
            unsafe { talc.extend(end, memory_end() as *mut u8) }
        } else {
            let start = talc.source.start.unwrap_or_else(static_end);
            let room = talc::min_first_heap_layout::<B>().size() + OVERHEAD;
            grow_to(start.saturating_add(room))?;
            // SAFETY: memory from `start` to its end exists and is the policy's.
            unsafe { talc.claim(start as *mut u8, memory_end() - start) }.ok_or(())?
        };
        talc.source.end = Some(heap_end);
        Ok(())
    }
}

// SAFETY: all calls are passed on to `TalcCell`, which is an allocator; one thread (see `Sync`).
unsafe impl GlobalAlloc for Heap {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        unsafe { (*self.0.get()).alloc(layout) }
    }

    unsafe fn dealloc(&self, ptr: *mut u8, layout: Layout) {
        unsafe { (*self.0.get()).dealloc(ptr, layout) }
    }

    unsafe fn realloc(&self, ptr: *mut u8, layout: Layout, new_size: usize) -> *mut u8 {
        unsafe { (*self.0.get()).realloc(ptr, layout, new_size) }
    }
}
