//! Which failures are tried again, and after how long.

use std::time::Duration;

use http::{HeaderMap, StatusCode, header};

/// Bounds on what a server may cost us. The default serves large and slow clusters.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// For one request with all its retries: kubectl's `--request-timeout`.
    pub request_timeout: Duration,
    /// Without one byte arriving.
    pub stall_timeout: Duration,
    /// How often one request is tried, the first time included.
    pub tries: u32,
    /// The first pause before a request is tried again; it doubles from try to try.
    pub first_pause: Duration,
    /// The longest pause, whatever `Retry-After` says.
    pub longest_pause: Duration,
    /// All pauses of one reading together; after that nothing is tried again.
    pub total_pause: Duration,
    /// How often the list of one kind is begun again when it expires.
    pub restarts: u32,
    /// How many objects are asked for in one page.
    pub page_objects: u32,
    /// The largest page, in bytes, decompressed.
    pub page_bytes: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            request_timeout: Duration::from_mins(1),
            stall_timeout: Duration::from_secs(20),
            tries: 5,
            first_pause: Duration::from_millis(200),
            longest_pause: Duration::from_secs(10),
            total_pause: Duration::from_mins(2),
            restarts: 3,
            page_objects: 500,
            page_bytes: 256 << 20,
        }
    }
}

/// Whether a failed try is worth another one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Retry {
    /// No: the answer would be the same.
    Never,
    /// Yes, after the pause the server asks for, if it asks for one.
    After(Option<Duration>),
}

impl Retry {
    /// Whether an answer of this status is worth another try.
    pub(super) fn of_status(status: StatusCode, headers: &HeaderMap) -> Self {
        match status.as_u16() {
            429 | 500 | 502 | 503 | 504 => Self::After(retry_after(headers)),
            _ => Self::Never,
        }
    }

    /// How long to wait before the next try; none when there should be no more.
    pub(super) fn pause(self, tries: u32, limits: &Limits) -> Option<Duration> {
        let Self::After(asked) = self else {
            return None;
        };
        if tries >= limits.tries {
            return None;
        }
        let doubled = limits.first_pause.saturating_mul(1 << tries.saturating_sub(1).min(16));
        Some(asked.unwrap_or(doubled).min(limits.longest_pause))
    }
}

/// `Retry-After` in seconds; the API server never sends a date.
fn retry_after(headers: &HeaderMap) -> Option<Duration> {
    let seconds = headers.get(header::RETRY_AFTER)?.to_str().ok()?;
    seconds.trim().parse().ok().map(Duration::from_secs)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pause(retry_after: Option<&str>, tries: u32) -> Option<Duration> {
        let mut headers = HeaderMap::new();
        if let Some(value) = retry_after {
            headers.insert(header::RETRY_AFTER, value.parse().unwrap());
        }
        Retry::of_status(StatusCode::TOO_MANY_REQUESTS, &headers).pause(tries, &Limits::default())
    }

    #[test]
    fn retry_after_is_honoured_within_bounds() {
        assert_eq!(pause(Some("1"), 1), Some(Duration::from_secs(1)));
        assert_eq!(pause(Some("1000000000"), 1), Some(Duration::from_secs(10)));
        assert_eq!(pause(Some("99999999999999999999999"), 1), Some(Duration::from_millis(200)));
        assert_eq!(pause(Some("-1"), 1), Some(Duration::from_millis(200)));
    }

    #[test]
    fn pauses_double_until_the_tries_are_used_up() {
        let pauses: Vec<_> = (1..=5).map(|tries| pause(None, tries)).collect();
        let milliseconds = |n| Some(Duration::from_millis(n));
        let expected = [200, 400, 800, 1600].map(milliseconds);
        assert_eq!(pauses[..4], expected);
        assert_eq!(pauses[4], None);
    }

    #[test]
    fn a_refusal_is_final() {
        for status in [400, 401, 403, 404, 405, 406, 410, 422] {
            let status = StatusCode::from_u16(status).unwrap();
            assert_eq!(Retry::of_status(status, &HeaderMap::new()), Retry::Never, "{status}");
        }
    }
}
