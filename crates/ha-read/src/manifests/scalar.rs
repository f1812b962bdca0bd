//! What a plain YAML scalar means to kubectl: a boolean, a number, nothing, or text.
//!
//! kubectl reads YAML through `sigs.k8s.io/yaml`, which stands on go-yaml v2: YAML 1.1 booleans (`yes`, `no`,
//! `on`, `off`, `y`, `n`), octal both as `0777` and `0o777`, binary, hexadecimal, `_` between digits. Base 60 and
//! timestamps stay text. The table in `resolve.go` of go-yaml is the source; the tests hold results of the real
//! library. Two curiosities of Go's number parser are left out: `0b+1` and `.1_0` are text here.

use std::borrow::Cow;

use granit_parser::{ScalarStyle, Tag};
use serde_json::{Number, Value};

/// A resolved plain scalar.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Scalar {
    Null,
    Bool(bool),
    Int(i64),
    Uint(u64),
    Float(f64),
    Text,
}

/// The JSON value of a scalar as it stands in a document, or what is wrong with it.
pub(super) fn value(text: Cow<'_, str>, style: ScalarStyle, tag: Option<&Tag>) -> Result<Value, String> {
    let scalar = scalar(&text, style, tag)?;
    Ok(match scalar {
        Scalar::Null => Value::Null,
        Scalar::Bool(value) => Value::Bool(value),
        Scalar::Int(value) => Value::Number(value.into()),
        Scalar::Uint(value) => Value::Number(value.into()),
        Scalar::Float(value) => {
            Value::Number(json_number(value).ok_or_else(|| format!("`{text}` is not a finite number"))?)
        }
        Scalar::Text => Value::String(text.into_owned()),
    })
}

/// The text of a scalar used as a key, as kubectl converts keys that are not text, or what is wrong with it.
pub(super) fn key(text: Cow<'_, str>, style: ScalarStyle, tag: Option<&Tag>) -> Result<String, String> {
    Ok(match scalar(&text, style, tag)? {
        Scalar::Null => return Err("a key is empty or null".to_owned()),
        Scalar::Bool(value) => value.to_string(),
        Scalar::Int(value) => value.to_string(),
        Scalar::Uint(_) => return Err(format!("the number `{text}` is too large for a key")),
        Scalar::Float(value) => float_key(value),
        Scalar::Text => text.into_owned(),
    })
}

/// The meaning of a scalar under its style and tag. Unknown tags make text, as in go-yaml.
fn scalar(text: &str, style: ScalarStyle, tag: Option<&Tag>) -> Result<Scalar, String> {
    let Some(tag) = tag else {
        return Ok(if style == ScalarStyle::Plain { resolve(text) } else { Scalar::Text });
    };
    let Some(kind) = tag.core_suffix() else {
        return Ok(Scalar::Text);
    };
    let resolved = resolve(text);
    match (kind, resolved) {
        ("null", Scalar::Null)
        | ("bool", Scalar::Bool(_))
        | ("int", Scalar::Int(_) | Scalar::Uint(_))
        | ("float", Scalar::Float(_)) => Ok(resolved),
        #[allow(clippy::cast_precision_loss)] // A tagged float is meant to be one.
        ("float", Scalar::Int(value)) => Ok(Scalar::Float(value as f64)),
        ("null" | "bool" | "int" | "float", _) => Err(format!("`{text}` does not fit its tag !!{kind}")),
        _ => Ok(Scalar::Text),
    }
}

/// The meaning of an untagged plain scalar. The first byte decides what it can be, which keeps text cheap.
fn resolve(text: &str) -> Scalar {
    match text.as_bytes().first() {
        None => Scalar::Null,
        Some(b'y' | b'Y' | b'n' | b'N' | b't' | b'T' | b'f' | b'F' | b'o' | b'O' | b'~') => word(text),
        Some(b'.') => special_float(text).or_else(|| float(text)).unwrap_or(Scalar::Text),
        Some(b'0'..=b'9' | b'+' | b'-') => special_float(text).or_else(|| number(text)).unwrap_or(Scalar::Text),
        Some(_) => Scalar::Text,
    }
}

fn word(text: &str) -> Scalar {
    match text {
        "y" | "Y" | "yes" | "Yes" | "YES" | "true" | "True" | "TRUE" | "on" | "On" | "ON" => Scalar::Bool(true),
        "n" | "N" | "no" | "No" | "NO" | "false" | "False" | "FALSE" | "off" | "Off" | "OFF" => Scalar::Bool(false),
        "~" | "null" | "Null" | "NULL" => Scalar::Null,
        _ => Scalar::Text,
    }
}

fn special_float(text: &str) -> Option<Scalar> {
    match text {
        ".nan" | ".NaN" | ".NAN" => Some(Scalar::Float(f64::NAN)),
        ".inf" | ".Inf" | ".INF" | "+.inf" | "+.Inf" | "+.INF" => Some(Scalar::Float(f64::INFINITY)),
        "-.inf" | "-.Inf" | "-.INF" => Some(Scalar::Float(f64::NEG_INFINITY)),
        _ => None,
    }
}

/// An integer, else a float, with every `_` ignored, as go-yaml does it.
fn number(text: &str) -> Option<Scalar> {
    let plain = if text.contains('_') { Cow::Owned(text.replace('_', "")) } else { Cow::Borrowed(text) };
    integer(&plain).or_else(|| float(&plain))
}

/// Go's `ParseInt(text, 0, 64)`, then `ParseUint`: the prefix names the base, a leading zero means octal.
fn integer(text: &str) -> Option<Scalar> {
    let (sign, digits) = match text.as_bytes().first()? {
        b'-' => ("-", &text[1..]),
        b'+' => ("+", &text[1..]),
        _ => ("", text),
    };
    let (base, digits) = match digits.as_bytes() {
        [b'0', b'x' | b'X', _, ..] => (16, &digits[2..]),
        [b'0', b'o' | b'O', _, ..] => (8, &digits[2..]),
        [b'0', b'b' | b'B', _, ..] => (2, &digits[2..]),
        [b'0', _, ..] => (8, &digits[1..]),
        _ => (10, digits),
    };
    if !digits.chars().all(|digit| digit.is_digit(base)) {
        return None;
    }
    let magnitude = u64::from_str_radix(digits, base).ok()?;
    match sign {
        "-" => 0_i64.checked_sub_unsigned(magnitude).map(Scalar::Int),
        "+" => i64::try_from(magnitude).ok().map(Scalar::Int),
        _ => Some(i64::try_from(magnitude).map_or(Scalar::Uint(magnitude), Scalar::Int)),
    }
}

/// A decimal float; one too large for 64 bits is text.
fn float(text: &str) -> Option<Scalar> {
    let decimal = text.bytes().all(|byte| byte.is_ascii_digit() || matches!(byte, b'+' | b'-' | b'.' | b'e' | b'E'));
    if !decimal {
        return None;
    }
    text.parse().ok().filter(|value: &f64| value.is_finite()).map(Scalar::Float)
}

/// A float as Go writes it into JSON: without a fraction when it has none, so that `1e3` is an integer to readers.
fn json_number(value: f64) -> Option<Number> {
    // Beyond 2^63 Go writes digits that no integer field accepts; a float says the same.
    const INTEGERS_END: f64 = 9_223_372_036_854_775_808.0;
    if value.fract() == 0.0 && value.abs() < INTEGERS_END {
        #[allow(clippy::cast_possible_truncation)] // Checked in the line above.
        return Some(Number::from(value as i64));
    }
    Number::from_f64(value)
}

/// A float key as Go's `FormatFloat(value, 'g', -1, 32)` writes it: the shortest digits of the 32-bit float, with an
/// exponent of at least two digits below 1e-4 and from 1e6 on.
fn float_key(value: f64) -> String {
    if value.is_nan() {
        return ".nan".to_owned();
    }
    #[allow(clippy::cast_possible_truncation)] // Go formats keys as 32-bit floats.
    let short = value as f32;
    if short.is_infinite() {
        return if short > 0.0 { ".inf" } else { "-.inf" }.to_owned();
    }
    let scientific = format!("{short:e}");
    let Some((mantissa, exponent)) = scientific.split_once('e') else {
        return scientific;
    };
    let exponent: i32 = exponent.parse().unwrap_or(0);
    if (-4..6).contains(&exponent) {
        return short.to_string();
    }
    let sign = if exponent < 0 { '-' } else { '+' };
    format!("{mantissa}e{sign}{:02}", exponent.abs())
}
