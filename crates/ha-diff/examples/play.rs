//! Prints the case of each given seed and what the real scheduler makes of it, one line of JSON each.

#![allow(clippy::print_stdout, clippy::print_stderr)]

use ha_diff::{Result, Scheduler, generate};
use serde_json::json;

fn main() -> Result<()> {
    let mut scheduler = Scheduler::start(&|line| eprintln!("{line}"))?;
    for seed in std::env::args().skip(1).filter_map(|seed| seed.parse().ok()) {
        let case = generate::case(seed);
        match scheduler.play(&case, 3) {
            Ok(played) => println!("{}", json!({"case": case, "played": played})),
            Err(error) => println!("{}", json!({"case": case, "error": error.to_string()})),
        }
    }
    Ok(())
}
