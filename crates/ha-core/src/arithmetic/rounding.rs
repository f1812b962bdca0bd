//! `IntOrString` values that count pods, rounded as each controller does (rules.md 2.1).
//!
//! Source: `GetScaledValueFromIntOrPercent` in `k8s.io/apimachinery/pkg/util/intstr`.

use crate::snapshot::Threshold;

/// `count`, or the percentage of `total` rounded up. Negative values are 0.
pub fn scaled_up(threshold: &Threshold, total: u32) -> u32 {
    match *threshold {
        Threshold::Count(count) => clamp(i64::from(count)),
        Threshold::Percent(percent) => clamp((i64::from(percent) * i64::from(total) + 99).div_euclid(100)),
    }
}

/// `count`, or the percentage of `total` rounded down. Negative values are 0.
pub fn scaled_down(threshold: &Threshold, total: u32) -> u32 {
    match *threshold {
        Threshold::Count(count) => clamp(i64::from(count)),
        Threshold::Percent(percent) => clamp((i64::from(percent) * i64::from(total)).div_euclid(100)),
    }
}

fn clamp(value: i64) -> u32 {
    u32::try_from(value.max(0)).unwrap_or(u32::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percentages_round_as_the_catalogue_says() {
        use Threshold::{Count, Percent};
        // (threshold, of, up, down)
        let cases = [
            (Percent(50), 7, 4, 3),
            (Percent(67), 3, 3, 2),
            (Percent(50), 1, 1, 0),
            (Percent(50), 5, 3, 2),
            (Percent(1), 3, 1, 0),
            (Percent(0), 3, 0, 0),
            (Percent(25), 3, 1, 0),
            (Percent(100), 3, 3, 3),
            (Percent(150), 2, 3, 3),
            (Percent(-10), 5, 0, 0),
            (Percent(i32::MAX), u32::MAX, u32::MAX, u32::MAX),
            (Count(2), 100, 2, 2),
            (Count(-1), 100, 0, 0),
        ];
        for (threshold, of, up, down) in cases {
            assert_eq!(scaled_up(&threshold, of), up, "{threshold:?} of {of}, up");
            assert_eq!(scaled_down(&threshold, of), down, "{threshold:?} of {of}, down");
        }
    }
}
