//! What to show, where, and when to fail.

use std::ffi::OsStr;
use std::marker::PhantomData;
use std::path::PathBuf;
use std::str::FromStr;

use clap::builder::{PossibleValue, StringValueParser, TypedValueParser, ValueParserFactory};
use clap::{Arg, Args, Command, ValueEnum};
use ha_core::Severity;

use crate::render::Format;

/// What to show.
#[derive(Clone, Debug, Default, Args)]
#[command(next_help_heading = "Output")]
pub struct Output {
    /// FORMAT, or FORMAT=FILE; repeatable.
    #[arg(short, long, value_name = "FORMAT[=FILE]")]
    pub output: Vec<OutputTarget>,
    /// Which answers to list, comma-separated; by default fail,unknown.
    #[arg(long, value_enum, value_delimiter = ',')]
    pub show: Vec<Show>,
    /// The least severity that makes the exit code 1.
    #[arg(long, value_enum, default_value_t, value_name = "SEVERITY")]
    pub fail_on: FailOn,
    /// Does not fail when data was missing.
    #[arg(long)]
    pub allow_incomplete: bool,
    /// Reports only what this earlier JSON report did not have.
    #[arg(long, value_name = "FILE")]
    pub baseline: Option<PathBuf>,
    /// Shows the values that findings rest on.
    #[arg(long)]
    pub evidence: bool,
    /// No colours.
    #[arg(long)]
    pub no_color: bool,
}

/// Which answers are listed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Show {
    /// Problems, suppressed ones included.
    Fail,
    /// What could not be answered.
    Unknown,
    /// Passes and what does not apply, too.
    All,
}

/// From which severity on findings fail a run.
#[derive(Clone, Copy, Debug, Default, ValueEnum)]
pub enum FailOn {
    /// Only critical ones.
    Critical,
    /// High ones and worse.
    #[default]
    High,
    /// Medium ones and worse.
    Medium,
    /// All of them.
    Low,
    /// None.
    Never,
}

impl FailOn {
    /// The least severity that fails; none for never.
    pub fn severity(self) -> Option<Severity> {
        match self {
            Self::Critical => Some(Severity::Critical),
            Self::High => Some(Severity::High),
            Self::Medium => Some(Severity::Medium),
            Self::Low => Some(Severity::Low),
            Self::Never => None,
        }
    }
}

/// A format, and the file it goes to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OutputTarget<F = Format> {
    /// How to write it.
    pub format: F,
    /// Where; none for standard output.
    pub file: Option<PathBuf>,
}

impl<F: ValueEnum> FromStr for OutputTarget<F> {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (format, file) = match text.split_once('=') {
            Some((_, "")) => return Err(format!("no file name after {text:?}")),
            Some((format, file)) => (format, Some(PathBuf::from(file))),
            None => (text, None),
        };
        let format = F::from_str(format, false).map_err(|_| {
            let formats = F::value_variants().iter().filter_map(ValueEnum::to_possible_value);
            let names: Vec<String> = formats.map(|value| value.get_name().to_owned()).collect();
            format!("there is no format {format:?}; there are {}", names.join(", "))
        })?;
        Ok(Self { format, file })
    }
}

/// Parses targets for clap, and tells help and completion which formats there are.
#[derive(Clone, Debug)]
pub struct TargetParser<F>(PhantomData<F>);

impl<F: ValueEnum + Send + Sync + 'static> ValueParserFactory for OutputTarget<F> {
    type Parser = TargetParser<F>;

    fn value_parser() -> TargetParser<F> {
        TargetParser(PhantomData)
    }
}

impl<F: ValueEnum + Send + Sync + 'static> TypedValueParser for TargetParser<F> {
    type Value = OutputTarget<F>;

    fn parse_ref(&self, command: &Command, arg: Option<&Arg>, value: &OsStr) -> Result<OutputTarget<F>, clap::Error> {
        StringValueParser::new().try_map(|text| text.parse()).parse_ref(command, arg, value)
    }

    fn possible_values(&self) -> Option<Box<dyn Iterator<Item = PossibleValue> + '_>> {
        Some(Box::new(F::value_variants().iter().filter_map(ValueEnum::to_possible_value)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_target_is_a_format_and_perhaps_a_file() {
        let parse = |text: &str| text.parse::<OutputTarget>();
        assert_eq!(parse("json"), Ok(OutputTarget { format: Format::Json, file: None }));
        let file = Some(PathBuf::from("a=b.sarif"));
        assert_eq!(parse("sarif=a=b.sarif"), Ok(OutputTarget { format: Format::Sarif, file }));
        assert!(parse("sarif=").is_err());
        assert!(parse("xml").unwrap_err().contains("junit"));
    }
}
