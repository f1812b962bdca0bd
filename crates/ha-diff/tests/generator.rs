//! Cases come from their seed alone. How hard they are is tested where they are played.

use ha_diff::generate;

#[test]
fn the_same_seed_gives_the_same_case_and_another_seed_another() {
    assert_eq!(generate::case(7), generate::case(7));
    assert_ne!(generate::case(7), generate::case(8));
}
