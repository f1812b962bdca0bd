//! What this program asks of itself, in another process. Not for people: these words are in no help.

use std::ffi::OsString;

use ha_core::report::ExitCode;

use crate::{complete, terminal};

/// The first argument with which `kubectl_complete-ha` asks what may follow the words after it.
pub const COMPLETE: &str = "__complete";

/// The first argument with which this program has itself compile a policy, from standard input to standard output.
pub(crate) const COMPILE: &str = "__compile";

/// Answers, when the arguments (the program's name first) are such a question.
pub(crate) fn answer(arguments: &[OsString]) -> Option<ExitCode> {
    let [_, question, words @ ..] = arguments else {
        return None;
    };
    match question.to_str()? {
        COMPLETE => {
            let printed = terminal::print(&complete::complete(words));
            Some(printed.map_or(ExitCode::Failed, |()| ExitCode::Success))
        }
        COMPILE => {
            let compiled = ha_host::compile(std::io::stdin(), std::io::stdout().lock());
            Some(compiled.map_or(ExitCode::Failed, |()| ExitCode::Success))
        }
        _ => None,
    }
}
