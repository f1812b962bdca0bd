//! Spans of time in words.

use alloc::format;
use alloc::string::String;

/// `45 s`, `20 min`, `3 h`, `12 d`: the largest unit of which there are two or more.
pub(crate) fn span(seconds: i64) -> String {
    const UNITS: [(i64, &str); 3] = [(86_400, "d"), (3_600, "h"), (60, "min")];
    let unit = UNITS.iter().find(|(size, _)| seconds >= 2 * size);
    unit.map_or_else(|| format!("{seconds} s"), |(size, name)| format!("{} {name}", seconds / size))
}

#[cfg(test)]
mod tests {
    use super::span;

    #[test]
    fn the_largest_unit_of_which_there_are_two() {
        let cases = [
            (0, "0 s"),
            (119, "119 s"),
            (120, "2 min"),
            (7_199, "119 min"),
            (7_200, "2 h"),
            (86_400, "24 h"),
            (172_800, "2 d"),
            (-5, "-5 s"),
        ];
        for (seconds, expected) in cases {
            assert_eq!(span(seconds), expected);
        }
    }
}
