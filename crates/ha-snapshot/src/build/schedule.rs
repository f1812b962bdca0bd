//! The longest time between two runs of a cron expression.
//!
//! Five fields as `robfig/cron` reads them, which Velero and CronJobs use: lists, ranges, steps, names, `@daily`
//! and its like, `@every 1h`. The time zone does not matter for the distance.

/// The longest time between two runs, in seconds. None for what is no cron expression or never runs.
pub(super) fn longest_interval(expression: &str) -> Option<i64> {
    let expression = expression.trim();
    let expression = match expression.split_once(' ') {
        Some((zone, rest)) if zone.starts_with("CRON_TZ=") || zone.starts_with("TZ=") => rest.trim(),
        _ => expression,
    };
    if let Some(duration) = expression.strip_prefix("@every ") {
        return duration_seconds(duration);
    }
    let fields = match expression {
        "@yearly" | "@annually" => "0 0 1 1 *",
        "@monthly" => "0 0 1 * *",
        "@weekly" => "0 0 * * 0",
        "@daily" | "@midnight" => "0 0 * * *",
        "@hourly" => "0 * * * *",
        fields => fields,
    };
    Cron::parse(fields)?.longest_interval()
}

/// A Go duration such as `720h0m0s`, in whole seconds.
pub(super) fn duration_seconds(duration: &str) -> Option<i64> {
    let mut rest = duration.trim();
    let mut seconds = 0.0_f64;
    if rest.is_empty() {
        return None;
    }
    while !rest.is_empty() {
        let split = rest.find(|c: char| !(c.is_ascii_digit() || c == '.'))?;
        let value: f64 = rest[..split].parse().ok()?;
        let unit_end =
            rest[split..].find(|c: char| c.is_ascii_digit() || c == '.').map_or(rest.len(), |end| split + end);
        let unit = match &rest[split..unit_end] {
            "h" => 3600.0,
            "m" => 60.0,
            "s" => 1.0,
            "ms" => 0.001,
            _ => return None,
        };
        seconds += value * unit;
        rest = &rest[unit_end..];
    }
    #[allow(clippy::cast_possible_truncation)]
    Some(seconds as i64)
}

const MONTHS: &[&str] = &["jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"];
const WEEKDAYS: &[&str] = &["sun", "mon", "tue", "wed", "thu", "fri", "sat"];

/// Each field as a set of bits.
struct Cron {
    minutes: u64,
    hours: u64,
    days: u64,
    months: u64,
    weekdays: u64,
    any_day: bool,
    any_weekday: bool,
}

impl Cron {
    fn parse(fields: &str) -> Option<Self> {
        let mut fields = fields.split_whitespace();
        let (minute, hour, day, month, weekday) =
            (fields.next()?, fields.next()?, fields.next()?, fields.next()?, fields.next()?);
        if fields.next().is_some() {
            return None;
        }
        let weekdays = bits(weekday, 0, 7, WEEKDAYS, 0)?;
        Some(Self {
            minutes: bits(minute, 0, 59, &[], 0)?,
            hours: bits(hour, 0, 23, &[], 0)?,
            days: bits(day, 1, 31, &[], 0)?,
            months: bits(month, 1, 12, MONTHS, 1)?,
            // 7 is Sunday, too.
            weekdays: (weekdays | weekdays >> 7) & 0x7f,
            any_day: day.starts_with(['*', '?']),
            any_weekday: weekday.starts_with(['*', '?']),
        })
    }

    /// Walks through the days of five years, a leap year among them.
    fn longest_interval(&self) -> Option<i64> {
        let (first, last, longest_within) = self.within_a_day()?;
        let mut date = jiff::civil::date(2023, 1, 1);
        let (mut previous, mut longest): (Option<i64>, i64) = (None, longest_within);
        for day in 0..5 * 366_i64 {
            if self.runs_on(date) {
                if let Some(previous) = previous {
                    longest = longest.max((day - previous) * 86_400 - last + first);
                }
                previous = Some(day);
            }
            date = date.tomorrow().ok()?;
        }
        (longest > 0).then_some(longest)
    }

    fn runs_on(&self, date: jiff::civil::Date) -> bool {
        let has = |set: u64, value: i8| u32::try_from(value).is_ok_and(|value| set >> value & 1 == 1);
        let day = has(self.days, date.day());
        let weekday = has(self.weekdays, date.weekday().to_sunday_zero_offset());
        // With both fields restricted, cron runs when either matches.
        let matches = if self.any_day || self.any_weekday { day && weekday } else { day || weekday };
        has(self.months, date.month()) && matches
    }

    /// The first and last run of a day in seconds, and the longest time between two of them.
    fn within_a_day(&self) -> Option<(i64, i64, i64)> {
        let mut runs = (0..24_i64).filter(|hour| self.hours >> hour & 1 == 1).flat_map(|hour| {
            (0..60_i64).filter(|minute| self.minutes >> minute & 1 == 1).map(move |minute| hour * 3600 + minute * 60)
        });
        let first = runs.next()?;
        let (mut last, mut longest) = (first, 0);
        for run in runs {
            longest = longest.max(run - last);
            last = run;
        }
        Some((first, last, longest))
    }
}

/// One field: lists of values, ranges and steps.
fn bits(field: &str, min: u32, max: u32, names: &[&str], first_name: u32) -> Option<u64> {
    let value = |text: &str| {
        let position = names.iter().position(|name| text.eq_ignore_ascii_case(name));
        let value = match position {
            Some(position) => u32::try_from(position).ok()? + first_name,
            None => text.parse().ok()?,
        };
        (min..=max).contains(&value).then_some(value)
    };
    let mut set = 0_u64;
    for part in field.split(',') {
        let (range, step) = part.split_once('/').map_or((part, None), |(range, step)| (range, Some(step)));
        let step: u32 = step.map_or(Some(1), |step| step.parse().ok().filter(|&step| step > 0))?;
        let (from, to) = match range {
            "*" | "?" => (min, max),
            range => match range.split_once('-') {
                Some((from, to)) => (value(from)?, value(to)?),
                None => (value(range)?, if part.contains('/') { max } else { value(range)? }),
            },
        };
        let mut position = from;
        while position <= to {
            set |= 1 << position;
            position += step;
        }
    }
    (set != 0).then_some(set)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn intervals_are_the_longest_gap() {
        const DAY: i64 = 86_400;
        let cases = [
            ("0 1 * * *", Some(DAY)),
            ("@daily", Some(DAY)),
            ("@every 6h30m", Some(23_400)),
            ("*/15 * * * *", Some(900)),
            ("0 */6 * * *", Some(6 * 3600)),
            ("0 2 * * 1-5", Some(3 * DAY)),
            ("0 2 * * SUN", Some(7 * DAY)),
            ("0 2 * * 7", Some(7 * DAY)),
            ("CRON_TZ=Europe/Berlin 30 3 * * *", Some(DAY)),
            ("0 0 1 * *", Some(31 * DAY)),
            ("0 0 31 2 *", None),
            ("0 9,17 * * *", Some(16 * 3600)),
            ("0 0 1 * 1", Some(7 * DAY)),
            ("nonsense", None),
            ("0 25 * * *", None),
            ("*/0 * * * *", None),
            ("0 0 * * * *", None),
        ];
        for (expression, expected) in cases {
            assert_eq!(longest_interval(expression), expected, "{expression}");
        }
    }

    #[test]
    fn durations_read_as_go_writes_them() {
        let cases = [
            ("720h0m0s", Some(2_592_000)),
            ("1h30m", Some(5400)),
            ("90s", Some(90)),
            ("", None),
            ("5", None),
            ("1d", None),
        ];
        for (duration, expected) in cases {
            assert_eq!(duration_seconds(duration), expected, "{duration}");
        }
    }
}
