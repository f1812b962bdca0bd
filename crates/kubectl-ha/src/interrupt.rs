//! Ctrl-C while many scenarios are simulated: what is complete is still told; once more ends the process.

use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use signal_hook::consts::SIGINT;
use signal_hook::flag;

/// What a shell says of a program that Ctrl-C ended.
const ENDED: i32 = 130;

/// A flag that Ctrl-C sets from now on. Where the system does not let it, Ctrl-C ends the process as always.
pub fn flag() -> Arc<AtomicBool> {
    let interrupted = Arc::new(AtomicBool::new(false));
    // In this order: the first looks at what the second sets the next time.
    let ends = flag::register_conditional_shutdown(SIGINT, ENDED, Arc::clone(&interrupted));
    if ends.is_ok() {
        let _ = flag::register(SIGINT, Arc::clone(&interrupted));
    }
    interrupted
}
