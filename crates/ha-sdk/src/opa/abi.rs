//! OPA's WebAssembly ABI 1.3: the functions that engines call, by their names.
//!
//! `cargo xtask wasm` adds what Rust cannot express: the two exported constants with the version.
//! A value is a [`Value`] on the engine's heap, with addresses instead of indices into a table of
//! ours: Go's engine copies memory into another instance and goes on there.
//! What an engine passes is trusted to be what it got from here, as in OPA's own modules.

#![allow(unsafe_code)]

use super::heap::{self, Text};
use super::{answer, path};

/// What the functions that change a value return.
const OK: i32 = 0;
const INVALID_PATH: i32 = 3;

/// The `format` with which Go's engine asks for Rego's syntax instead of JSON.
const FORMAT_REGO: i32 = 1;

/// A value: its text as JSON, and as Rego where that differs (a set).
#[derive(Clone, Copy)]
#[repr(C)]
struct Value {
    json: Text,
    rego: Text,
}

/// One evaluation, for engines that set its inputs one by one.
#[derive(Clone, Copy)]
#[repr(C)]
struct Context {
    input: *const Value,
    data: *const Value,
    entrypoint: i32,
    result: *const Value,
}

/// Ends the evaluation. Every engine reports it as an error, whereas it would read an empty
/// answer as "nothing found".
pub(super) fn trap() -> ! {
    core::arch::wasm32::unreachable()
}

/// The built-in functions that the policy wants from its engine: none.
#[unsafe(no_mangle)]
extern "C" fn builtins() -> *const Value {
    static NAMES: Static = Static::of("{}\0");
    &raw const NAMES.0
}

/// The questions that the policy answers, by name.
#[unsafe(no_mangle)]
extern "C" fn entrypoints() -> *const Value {
    static NAMES: Static = Static::of(concat!(r#"{"ha/violation":0,"ha/report":1}"#, "\0"));
    &raw const NAMES.0
}

/// A value in static memory.
struct Static(Value);

// SAFETY: it points to static text and is never written to.
unsafe impl Sync for Static {}

impl Static {
    const fn of(text: &'static str) -> Self {
        let text = Text::of(text);
        Self(Value { json: text, rego: text })
    }
}

#[unsafe(no_mangle)]
extern "C" fn opa_malloc(size: usize) -> *mut u8 {
    heap::allocate(size)
}

#[unsafe(no_mangle)]
extern "C" fn opa_free(_address: *mut u8) {}

#[unsafe(no_mangle)]
extern "C" fn opa_value_free(_value: *mut u8) {}

#[unsafe(no_mangle)]
extern "C" fn opa_heap_ptr_get() -> usize {
    heap::pointer()
}

#[unsafe(no_mangle)]
extern "C" fn opa_heap_ptr_set(pointer: usize) {
    heap::set_pointer(pointer);
}

#[unsafe(no_mangle)]
extern "C" fn opa_heap_blocks_stash() {}

#[unsafe(no_mangle)]
extern "C" fn opa_heap_blocks_restore() {}

#[unsafe(no_mangle)]
extern "C" fn opa_heap_stash_clear() {}

/// Reads a value from JSON; null when it is not JSON.
#[unsafe(no_mangle)]
unsafe extern "C" fn opa_json_parse(address: *const u8, length: usize) -> *mut Value {
    // SAFETY: the engine wrote `length` bytes there.
    let bytes = unsafe { bytes(address, length) };
    let text = heap::with_scratch(|| path::checked(bytes).map(Into::into));
    text.map_or(core::ptr::null_mut(), |text| heap::place(Value { json: text, rego: text }))
}

/// As [`opa_json_parse`]: what engines pass as a value is JSON, unless it holds sets, which no
/// Kubernetes object does.
#[unsafe(no_mangle)]
unsafe extern "C" fn opa_value_parse(address: *const u8, length: usize) -> *mut Value {
    // SAFETY: as there.
    unsafe { opa_json_parse(address, length) }
}

#[unsafe(no_mangle)]
unsafe extern "C" fn opa_json_dump(value: *const Value) -> *const u8 {
    // SAFETY: the engine passes values that it got from here.
    unsafe { (*value).json.address() }
}

#[unsafe(no_mangle)]
unsafe extern "C" fn opa_value_dump(value: *const Value) -> *const u8 {
    // SAFETY: as in `opa_json_dump`.
    unsafe { (*value).rego.address() }
}

/// Puts `added` into `base` at `path`, in place: engines remember the address of `base`.
#[unsafe(no_mangle)]
unsafe extern "C" fn opa_value_add_path(base: *mut Value, path: *const Value, added: *const Value) -> i32 {
    // SAFETY: as in `opa_json_dump`.
    unsafe { change(base, path, Some((*added).json.read())) }
}

/// Removes from `base` what is at `path`, in place.
#[unsafe(no_mangle)]
unsafe extern "C" fn opa_value_remove_path(base: *mut Value, path: *const Value) -> i32 {
    // SAFETY: as in `opa_json_dump`.
    unsafe { change(base, path, None) }
}

/// # Safety
/// `base` and `path` are values that were got from here.
unsafe fn change(base: *mut Value, path: *const Value, added: Option<&str>) -> i32 {
    // SAFETY: the caller's.
    let (old, path) = unsafe { ((*base).json.read(), (*path).json.read()) };
    match heap::with_scratch(|| path::changed(old, path, added)) {
        Some(text) => {
            // SAFETY: the caller's.
            unsafe { *base = Value { json: text, rego: text } };
            OK
        }
        None => INVALID_PATH,
    }
}

#[unsafe(no_mangle)]
extern "C" fn opa_eval_ctx_new() -> *mut Context {
    let nothing = core::ptr::null();
    heap::place(Context { input: nothing, data: nothing, entrypoint: 0, result: nothing })
}

#[unsafe(no_mangle)]
unsafe extern "C" fn opa_eval_ctx_set_input(context: *mut Context, value: *const Value) {
    // SAFETY: the engine passes a context that it got from `opa_eval_ctx_new`.
    unsafe { (*context).input = value }
}

#[unsafe(no_mangle)]
unsafe extern "C" fn opa_eval_ctx_set_data(context: *mut Context, value: *const Value) {
    // SAFETY: as in `opa_eval_ctx_set_input`.
    unsafe { (*context).data = value }
}

#[unsafe(no_mangle)]
unsafe extern "C" fn opa_eval_ctx_set_entrypoint(context: *mut Context, entrypoint: i32) {
    // SAFETY: as in `opa_eval_ctx_set_input`.
    unsafe { (*context).entrypoint = entrypoint }
}

#[unsafe(no_mangle)]
unsafe extern "C" fn opa_eval_ctx_get_result(context: *const Context) -> *const Value {
    // SAFETY: as in `opa_eval_ctx_set_input`.
    unsafe { (*context).result }
}

/// Evaluates what a context describes; its result is asked for later, in either syntax.
#[unsafe(no_mangle)]
unsafe extern "C" fn eval(context: *mut Context) -> i32 {
    // SAFETY: as in `opa_eval_ctx_set_input`; its values came from here, too.
    unsafe {
        let Context { input, data, entrypoint, .. } = *context;
        let input = input.as_ref().map_or("", |value| value.json.read());
        let json = evaluate(entrypoint, input.as_bytes(), data, answer::Format::Json);
        let rego = evaluate(entrypoint, input.as_bytes(), data, answer::Format::Rego);
        (*context).result = heap::place(Value { json, rego });
    }
    OK
}

/// Evaluates in one call. The engine has written the input as JSON itself, at the end of what it
/// keeps, and says where free memory begins.
#[unsafe(no_mangle)]
unsafe extern "C" fn opa_eval(
    _reserved: i32,
    entrypoint: i32,
    data: *const Value,
    input: *const u8,
    input_length: usize,
    heap_pointer: usize,
    format: i32,
) -> *const u8 {
    heap::set_pointer(heap_pointer);
    let format = if format == FORMAT_REGO { answer::Format::Rego } else { answer::Format::Json };
    // SAFETY: the engine wrote the input there.
    let input = unsafe { bytes(input, input_length) };
    // SAFETY: the engine passes data that it got from here, or none, and keeps it below the heap pointer.
    unsafe { evaluate(entrypoint, input, data, format) }.address()
}

/// Traps on input that cannot be read: an engine must not take it for an object without faults.
///
/// # Safety
/// `data` is null or a value that was got from here.
unsafe fn evaluate(entrypoint: i32, input: &[u8], data: *const Value, format: answer::Format) -> Text {
    // SAFETY: the caller's.
    let data = unsafe { data.as_ref().map_or("", |value| value.json.read()) };
    let answer = heap::with_scratch(|| {
        answer::answer(crate::export_macro::policy_rules(), entrypoint, path::trimmed(input)?, data, format)
    });
    answer.unwrap_or_else(|| trap())
}

/// # Safety
/// `length` bytes at `address` are readable, unless `length` is 0.
unsafe fn bytes<'a>(address: *const u8, length: usize) -> &'a [u8] {
    if length == 0 {
        return &[];
    }
    // SAFETY: the caller's.
    unsafe { core::slice::from_raw_parts(address, length) }
}
