//! Any cluster becomes a snapshot, and every rule of the built-in policy answers about it.
#![no_main]

use ha_core::Settings;
use ha_core::rule::Input;
use libfuzzer_sys::{fuzz_mutator, fuzz_target};

fuzz_target!(|text: &[u8]| {
    let snapshot = ha_fuzz::snapshot(&ha_fuzz::objects(text));
    let settings = Settings { list_all: true, ..Settings::default() };
    let output = ha_sdk::run(baseline::RULES, &Input { snapshot: &snapshot, settings: &settings, impacts: &[] });
    assert_eq!(output.tallies.len(), baseline::RULES.len());
    for finding in &output.findings {
        assert!(finding.object.position() < snapshot.objects.len(), "{finding:?}");
    }
});

fuzz_mutator!(|data: &mut [u8], size: usize, most: usize, seed: u32| {
    ha_fuzz::mutate(data, size, most, u64::from(seed))
});
