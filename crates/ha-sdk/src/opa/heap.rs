//! The heap that an OPA engine manages: one address that only the engine moves back.
//!
//! Everything below [`pointer`] belongs to the engine (values that it had parsed, its input); all
//! above is free. So allocating is adding, and freeing is doing nothing. Rust's own heap exists
//! only during [`with_scratch`], above the pointer.

#![allow(unsafe_code)]

use alloc::string::String;
use core::mem::ManuallyDrop;
use core::sync::atomic::{AtomicUsize, Ordering};

use crate::allocator;

/// Every address handed out is a multiple of this.
const ALIGN: usize = 16;

/// Where free memory begins; 0 before the first use. Atomic only because statics must be `Sync`.
static POINTER: AtomicUsize = AtomicUsize::new(0);

/// A text on the engine's heap or in static memory, with a NUL behind it.
#[derive(Clone, Copy)]
#[repr(C)]
pub(super) struct Text {
    start: *const u8,
    length: usize,
}

impl Text {
    /// A static text that ends with a NUL.
    pub(super) const fn of(text: &'static str) -> Self {
        Self { start: text.as_ptr(), length: text.len() - 1 }
    }

    /// Its address, for the engine.
    pub(super) fn address(self) -> *const u8 {
        self.start
    }

    /// Its characters.
    ///
    /// # Safety
    /// The engine has not moved the pointer below the text since it was placed.
    pub(super) unsafe fn read<'a>(self) -> &'a str {
        // SAFETY: `with_scratch` placed UTF-8 there, and by the caller's promise it still is.
        unsafe { str::from_utf8_unchecked(core::slice::from_raw_parts(self.start, self.length)) }
    }
}

/// Where free memory begins.
pub(super) fn pointer() -> usize {
    match POINTER.load(Ordering::Relaxed) {
        0 => allocator::static_end().next_multiple_of(ALIGN),
        pointer => pointer,
    }
}

/// Moves the beginning of free memory to where the engine says.
pub(super) fn set_pointer(pointer: usize) {
    POINTER.store(pointer.next_multiple_of(ALIGN), Ordering::Relaxed);
}

/// Takes `size` bytes. Traps when the engine has no more memory.
pub(super) fn allocate(size: usize) -> *mut u8 {
    let start = pointer();
    let Some(end) = start.checked_add(size).filter(|end| allocator::grow_to(*end).is_ok()) else { super::abi::trap() };
    set_pointer(end);
    start as *mut u8
}

/// Places `value` on the engine's heap.
pub(super) fn place<T: Copy>(value: T) -> *mut T {
    let place = allocate(size_of::<T>()).cast::<T>();
    // SAFETY: `allocate` returned that many free bytes, aligned for all that is placed here.
    unsafe { place.write(value) };
    place
}

/// Runs `compute` with a Rust heap above the pointer and keeps of that heap only the text
/// returned, moved down to the pointer.
pub(super) fn with_scratch(compute: impl FnOnce() -> Option<String>) -> Option<Text> {
    // SAFETY: this function does not nest, and nothing of an earlier Rust heap outlived it.
    unsafe { allocator::restart(pointer()) };
    let text = ManuallyDrop::new(compute()?);
    let (from, length) = (text.as_ptr(), text.len());
    let start = allocate(length + 1);
    // SAFETY: the text lies above `start` and is not touched in between; `copy` allows overlap.
    unsafe {
        core::ptr::copy(from, start, length);
        start.add(length).write(0);
    }
    Some(Text { start, length })
}
