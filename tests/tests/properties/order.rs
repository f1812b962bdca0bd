//! In which order objects come never shows: files are named in any order, and an API server promises none.

use ha_tests::inputs::{self, Input};

/// The report as its bytes.
fn bytes(input: &Input) -> String {
    serde_json::to_string_pretty(&input.report()).unwrap()
}

fn shuffled(input: &Input, seed: u64) -> Input {
    let mut input = input.clone();
    fastrand::Rng::with_seed(seed).shuffle(&mut input.objects);
    input
}

/// The first line that differs, with its neighbours: a whole report would hide it.
fn first_difference(one: &str, other: &str) -> String {
    let differs = one.lines().zip(other.lines()).position(|(one, other)| one != other).unwrap_or_default();
    let part = |text: &str| text.lines().skip(differs.saturating_sub(12)).take(18).collect::<Vec<_>>().join("\n");
    format!("{}\n---- and in another order\n{}", part(one), part(other))
}

#[test]
fn objects_in_another_order_give_the_same_bytes() {
    let mut wrong = Vec::new();
    for input in inputs::all() {
        let expected = bytes(&input);
        let mut reversed = input.clone();
        reversed.objects.reverse();
        for other in [reversed, shuffled(&input, 1), shuffled(&input, 2)] {
            let found = bytes(&other);
            if found != expected {
                wrong.push(format!("{}:\n{}", input.name, first_difference(&expected, &found)));
                break;
            }
        }
    }
    assert!(wrong.is_empty(), "{} inputs:\n{}", wrong.len(), wrong.join("\n\n"));
}

/// The same object twice, as two files of one input may have it, with a fault in one of them.
#[test]
fn an_object_that_is_there_twice_is_judged_the_same_in_any_order() {
    let file = inputs::root().join("tests/cases/sound-web-service/input.yaml");
    let mut input = inputs::of_file(&file, true);
    let mut again: Vec<_> = input.objects.clone();
    for object in &mut again {
        if let Some(location) = &mut object.location {
            location.file = "other.yaml".into();
        }
        if let ha_snapshot::objects::Body::Deployment(deployment) = &mut object.body {
            deployment.spec.replicas = Some(1);
        }
    }
    input.objects.extend(again);
    let expected = bytes(&input);
    for seed in 0..5 {
        let found = bytes(&shuffled(&input, seed));
        assert!(found == expected, "{}", first_difference(&expected, &found));
    }
}
