//! The JSON Schema of the words that reports use; the structs derive theirs.

use alloc::borrow::Cow;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};

use super::DiagnosticKind;
use crate::finding::Verdict;
use crate::impact::{Certainty, InstantVerdict};
use crate::rule::{Area, Severity};
use crate::settings::{Profile, Tier};
use crate::snapshot::{GapReason, SourceKind};

macro_rules! word_schema {
    ($($word:ident),* $(,)?) => { $(
        impl JsonSchema for $word {
            fn schema_name() -> Cow<'static, str> {
                stringify!($word).into()
            }

            fn json_schema(_: &mut SchemaGenerator) -> Schema {
                let names: alloc::vec::Vec<&str> = $word::ALL.iter().map(|word| word.as_str()).collect();
                json_schema!({"type": "string", "enum": names})
            }
        }
    )* };
}

word_schema!(Area, Certainty, DiagnosticKind, GapReason, InstantVerdict, Profile, Severity, SourceKind, Tier, Verdict);
