//! What the tests of the whole share.

pub mod inputs;
pub mod native;
