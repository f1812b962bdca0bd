//! Majorities (rules.md 2.6). Learners do not vote and are not counted by callers.

/// How many of `members` must agree.
pub const fn quorum(members: u32) -> u32 {
    members / 2 + 1
}

/// How many of `members` may be lost; negative margins do not exist, 0 of 0.
pub const fn margin(members: u32) -> u32 {
    members.saturating_sub(quorum(members))
}

/// Whether a set of `members` still has its quorum after `lost` of them are gone.
pub const fn survives(members: u32, lost: u32) -> bool {
    members.saturating_sub(lost) >= quorum(members)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_even_set_loses_with_half() {
        // (members, lost, survives)
        let cases = [
            (1, 0, true),
            (1, 1, false),
            (2, 1, false),
            (3, 1, true),
            (3, 2, false),
            (4, 1, true),
            (4, 2, false),
            (5, 2, true),
            (5, 3, false),
            (7, 3, true),
            (0, 0, false),
        ];
        for (members, lost, expected) in cases {
            assert_eq!(survives(members, lost), expected, "{members} minus {lost}");
        }
        assert_eq!((margin(0), margin(1), margin(2), margin(3), margin(4), margin(5)), (0, 0, 0, 1, 1, 2));
    }
}
