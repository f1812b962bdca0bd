//! `resource.Quantity` to whole numbers.
//!
//! Source: the grammar in `k8s.io/apimachinery/pkg/api/resource/quantity.go`. Values are rounded up, as
//! `Quantity.Value` and `MilliValue` do; what is beyond 64 bits is as much as fits.

/// The amount of `resource`: millicores for `cpu`, also as quotas name it, else whole units. None for what is no quantity.
pub(super) fn amount(resource: &str, quantity: &str) -> Option<i64> {
    scaled(quantity, if matches!(resource, "cpu" | "requests.cpu" | "limits.cpu") { 1000 } else { 1 })
}

/// `quantity × scale`, rounded up.
fn scaled(quantity: &str, scale: i128) -> Option<i64> {
    let quantity = quantity.trim();
    let split =
        quantity.find(|c: char| !(c.is_ascii_digit() || matches!(c, '.' | '+' | '-'))).unwrap_or(quantity.len());
    let (number, suffix) = quantity.split_at(split);
    let (mantissa, decimals) = decimal(number)?;
    let (numerator, denominator) = multiplier(suffix)?;
    let value = mantissa.checked_mul(scale)?.checked_mul(numerator).unwrap_or(i128::MAX);
    let divisor = denominator.checked_mul(10_i128.checked_pow(decimals)?)?;
    let rounded = value.div_euclid(divisor) + i128::from(value.rem_euclid(divisor) != 0);
    Some(i64::try_from(rounded).unwrap_or(if rounded < 0 { i64::MIN } else { i64::MAX }))
}

/// A decimal number as a whole number and how many of its digits are decimals.
fn decimal(number: &str) -> Option<(i128, u32)> {
    let (sign, digits) = match number.strip_prefix('-') {
        Some(digits) => (-1, digits),
        None => (1, number.strip_prefix('+').unwrap_or(number)),
    };
    let (whole, fraction) = digits.split_once('.').unwrap_or((digits, ""));
    if whole.is_empty() && fraction.is_empty() {
        return None;
    }
    // More than nine decimals are below what Kubernetes keeps (nano).
    let fraction = fraction.get(..9).unwrap_or(fraction);
    let mut mantissa = 0_i128;
    for digit in whole.chars().chain(fraction.chars()) {
        mantissa = mantissa.checked_mul(10)?.checked_add(i128::from(digit.to_digit(10)?))?;
    }
    Some((sign * mantissa, u32::try_from(fraction.len()).ok()?))
}

/// What a suffix multiplies with, as a fraction.
fn multiplier(suffix: &str) -> Option<(i128, i128)> {
    let fraction = match suffix {
        "" => (1, 1),
        "n" => (1, 1_000_000_000),
        "u" => (1, 1_000_000),
        "m" => (1, 1000),
        "k" => (1000, 1),
        "M" => (1_000_000, 1),
        "G" => (1_000_000_000, 1),
        "T" => (1_000_000_000_000, 1),
        "P" => (1_000_000_000_000_000, 1),
        "E" => (1_000_000_000_000_000_000, 1),
        "Ki" => (1 << 10, 1),
        "Mi" => (1 << 20, 1),
        "Gi" => (1 << 30, 1),
        "Ti" => (1 << 40, 1),
        "Pi" => (1 << 50, 1),
        "Ei" => (1 << 60, 1),
        _ => return exponent(suffix),
    };
    Some(fraction)
}

/// `e3`, `E-2`.
fn exponent(suffix: &str) -> Option<(i128, i128)> {
    let exponent: i32 = suffix.strip_prefix(['e', 'E'])?.parse().ok()?;
    let power = 10_i128.checked_pow(exponent.unsigned_abs()).unwrap_or(i128::MAX / 1_000_000_000_000);
    Some(if exponent < 0 { (1, power) } else { (power, 1) })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quantities_read_as_kubernetes_reads_them() {
        let cases = [
            ("cpu", "100m", Some(100)),
            ("cpu", "1", Some(1000)),
            ("cpu", "0.5", Some(500)),
            ("cpu", "1.0005", Some(1001)),
            ("cpu", "250u", Some(1)),
            ("memory", "2Gi", Some(2 << 30)),
            ("memory", "1e3", Some(1000)),
            ("memory", "1E3", Some(1000)),
            ("memory", "1E", Some(1_000_000_000_000_000_000)),
            ("memory", "128974848", Some(128_974_848)),
            ("memory", "1500m", Some(2)),
            ("memory", "1e400", Some(i64::MAX)),
            ("memory", "-5Mi", Some(-5 << 20)),
            ("nvidia.com/gpu", "2", Some(2)),
            ("memory", "NaN", None),
            ("memory", "", None),
            ("memory", "Mi", None),
            ("memory", "1Zi", None),
        ];
        for (resource, quantity, expected) in cases {
            assert_eq!(amount(resource, quantity), expected, "{resource} {quantity}");
        }
    }
}
