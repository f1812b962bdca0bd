//! The server's version, on which it depends what a field means (rules.md 2.8).

use crate::snapshot::Snapshot;

/// A version of Kubernetes 1, ordered.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Version {
    /// The 36 of `v1.36.3`.
    pub minor: u32,
    /// The 3 of `v1.36.3`; 0 when left out.
    pub patch: u32,
}

impl Version {
    /// Reads `v1.36.3`, `1.36` or a provider's `v1.36.3-eks-1234`. None for anything else.
    pub fn parse(version: &str) -> Option<Self> {
        let version = version.strip_prefix('v').unwrap_or(version);
        let number = |part: &str| {
            let digits = part.split(|c: char| !c.is_ascii_digit()).next()?;
            digits.parse::<u32>().ok()
        };
        let mut parts = version.splitn(3, '.');
        if parts.next() != Some("1") {
            return None;
        }
        Some(Self { minor: parts.next().and_then(number)?, patch: parts.next().and_then(number).unwrap_or(0) })
    }

    /// The server's version; none when it is not known.
    pub fn of_server(snapshot: &Snapshot) -> Option<Self> {
        Self::parse(snapshot.text(snapshot.source.server_version))
    }

    /// Whether StatefulSets honour `maxUnavailable`: on in 1.35.0 to 1.35.3 and from 1.37.
    pub const fn has_stateful_set_max_unavailable(self) -> bool {
        (self.minor == 35 && self.patch <= 3) || self.minor >= 37
    }

    /// Whether resources of the pod as a whole count: from 1.34.
    pub const fn has_pod_level_resources(self) -> bool {
        self.minor >= 34
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_of_providers_are_read() {
        let cases = [
            ("v1.36.3", Some((36, 3))),
            ("1.34", Some((34, 0))),
            ("v1.33.5-gke.1080000", Some((33, 5))),
            ("v1.31+", Some((31, 0))),
            ("v2.0.0", None),
            ("", None),
            ("v1", None),
        ];
        for (text, expected) in cases {
            let version = Version::parse(text).map(|version| (version.minor, version.patch));
            assert_eq!(version, expected, "{text}");
        }
    }

    #[test]
    fn the_gate_of_stateful_sets_opened_closed_and_opened_again() {
        let cases = [("1.34.9", false), ("1.35.3", true), ("1.35.4", false), ("1.36.9", false), ("1.37.0", true)];
        for (text, expected) in cases {
            let on = Version::parse(text).map(Version::has_stateful_set_max_unavailable);
            assert_eq!(on, Some(expected), "{text}");
        }
    }
}
