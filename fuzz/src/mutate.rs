//! Changes a cluster.

use fastrand::Rng;
use serde_json::{Map, Value, json};

use crate::objects;

/// What nobody should write, and what decides about much: names that others have, signs, units and sizes.
const TEXTS: [&str; 24] = [
    "",
    " ",
    "-1",
    "0",
    "1",
    "100%",
    "-50%",
    "101%",
    "9223372036854775807",
    "1e400",
    "-1Gi",
    "1m",
    "9Ei",
    "0x10",
    "NaN",
    "Exists",
    "NotIn",
    "DoNotSchedule",
    "ScheduleAnyway",
    "NoExecute",
    "Never",
    "kubernetes.io/hostname",
    "topology.kubernetes.io/zone",
    "\u{1b}[31m\u{202e}",
];
const NUMBERS: [i64; 12] =
    [0, 1, 2, -1, 3, 7, 300, i32::MAX as i64, i32::MIN as i64, i64::MAX, i64::MIN, 2_000_001_000];
/// How many objects a changed cluster has at most.
const MOST_OBJECTS: usize = 200;

/// Writes a changed form of the text in `data[..size]` over it, and says how long it is. A text that would not fit
/// into `most` bytes stays as it is.
pub fn mutate(data: &mut [u8], size: usize, most: usize, seed: u64) -> usize {
    let mut random = Rng::with_seed(seed);
    let mut cluster = objects(&data[..size]);
    for _ in 0..random.usize(1..6) {
        change(&mut cluster, &mut random);
    }
    let lines: Vec<String> = cluster.iter().map(Value::to_string).collect();
    let text = lines.join("\n");
    if text.len() > most.min(data.len()) {
        return size;
    }
    data[..text.len()].copy_from_slice(text.as_bytes());
    text.len()
}

fn change(cluster: &mut Vec<Value>, random: &mut Rng) {
    if cluster.is_empty() {
        cluster.push(json!({"apiVersion": "v1", "kind": "Node", "metadata": {"name": "a"}}));
        return;
    }
    let donor = random_part(random.choice(&*cluster).cloned().unwrap_or_default(), random);
    let position = random.usize(..cluster.len());
    match random.u8(..10) {
        0 => drop(cluster.swap_remove(position)),
        1 if cluster.len() < MOST_OBJECTS => cluster.push(cluster[position].clone()),
        2 => {
            let other = random.usize(..cluster.len());
            cluster.swap(position, other);
        }
        _ => change_part(&mut cluster[position], donor, random),
    }
}

/// A value somewhere inside of a value.
fn random_part(value: Value, random: &mut Rng) -> Value {
    if random.u8(..4) == 0 {
        return value;
    }
    let inner = match &value {
        Value::Object(map) => random.choice(map.values()).cloned(),
        Value::Array(list) => random.choice(list).cloned(),
        _ => None,
    };
    inner.map_or(value, |inner| random_part(inner, random))
}

/// Changes something inside of a value. `apiVersion` and `kind` of an object stay.
fn change_part(value: &mut Value, donor: Value, random: &mut Rng) {
    match value {
        Value::Object(map) => change_map(map, donor, random),
        Value::Array(list) if !list.is_empty() && random.u8(..5) > 0 => {
            let position = random.usize(..list.len());
            match random.u8(..6) {
                0 => drop(list.remove(position)),
                1 => list.push(list[position].clone()),
                _ => change_part(&mut list[position], donor, random),
            }
        }
        _ => *value = other(value, donor, random),
    }
}

fn change_map(map: &mut Map<String, Value>, donor: Value, random: &mut Rng) {
    let keys = map.keys().filter(|key| !matches!(key.as_str(), "apiVersion" | "kind"));
    let Some(key) = random.choice(keys.cloned().collect::<Vec<_>>()) else {
        map.insert("metadata".to_owned(), donor);
        return;
    };
    match random.u8(..12) {
        0 => drop(map.remove(&key)),
        // A list where one was: the field keeps its type.
        1 => drop(map.insert(key, donor)),
        _ => {
            if let Some(value) = map.get_mut(&key) {
                change_part(value, donor, random);
            }
        }
    }
}

/// Another value instead of one, mostly of its type.
fn other(value: &Value, donor: Value, random: &mut Rng) -> Value {
    if random.u8(..3) == 0 && std::mem::discriminant(value) == std::mem::discriminant(&donor) {
        return donor;
    }
    match value {
        Value::Number(number) if random.bool() => {
            json!(number.as_i64().unwrap_or_default().wrapping_add(random.i64(-2..=2)))
        }
        Value::Number(_) => json!(random.choice(NUMBERS)),
        Value::Bool(value) => json!(!value),
        Value::String(text) if random.u8(..4) == 0 => json!(format!("{text}{}", random.choice(TEXTS).unwrap_or(""))),
        Value::String(_) => json!(random.choice(TEXTS)),
        _ => donor,
    }
}
