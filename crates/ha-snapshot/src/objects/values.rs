//! Values that Kubernetes writes in more than one way.

use alloc::borrow::Cow;
use alloc::string::{String, ToString};
use alloc::vec::Vec;
use core::fmt;

use serde::de::{self, MapAccess, SeqAccess, Visitor};
use serde::ser::SerializeMap;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::Str;

/// An instant: RFC 3339 in text, seconds since 1970 here. Fractions are dropped.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Time(pub i64);

impl<'de> Deserialize<'de> for Time {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = <Cow<'de, str>>::deserialize(deserializer)?;
        let instant: jiff::Timestamp =
            text.parse().map_err(|_| de::Error::invalid_value(de::Unexpected::Str(&text), &"a time in RFC 3339"))?;
        Ok(Self(instant.as_second()))
    }
}

impl Serialize for Time {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let instant = jiff::Timestamp::from_second(self.0).map_err(serde::ser::Error::custom)?;
        serializer.serialize_str(&instant.to_string())
    }
}

/// A number or a string: `IntOrString` of the Kubernetes API.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum IntOrString {
    /// A number.
    Int(i32),
    /// A string: a percentage or a port name.
    String(Str),
}

impl Default for IntOrString {
    fn default() -> Self {
        Self::Int(0)
    }
}

impl<'de> Deserialize<'de> for IntOrString {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Either;
        impl Visitor<'_> for Either {
            type Value = IntOrString;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a 32-bit number or a string")
            }
            fn visit_i64<E: de::Error>(self, value: i64) -> Result<IntOrString, E> {
                i32::try_from(value)
                    .map(IntOrString::Int)
                    .map_err(|_| E::invalid_value(de::Unexpected::Signed(value), &self))
            }
            fn visit_u64<E: de::Error>(self, value: u64) -> Result<IntOrString, E> {
                i32::try_from(value)
                    .map(IntOrString::Int)
                    .map_err(|_| E::invalid_value(de::Unexpected::Unsigned(value), &self))
            }
            fn visit_str<E: de::Error>(self, value: &str) -> Result<IntOrString, E> {
                Ok(IntOrString::String(value.into()))
            }
        }
        deserializer.deserialize_any(Either)
    }
}

impl Serialize for IntOrString {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Int(number) => serializer.serialize_i32(*number),
            Self::String(text) => serializer.serialize_str(text),
        }
    }
}

/// A `resource.Quantity` as written: `100m`, `2Gi`, `1e3`, or a bare number.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, Serialize)]
#[serde(transparent)]
pub struct Quantity(pub Str);

impl<'de> Deserialize<'de> for Quantity {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Any;
        impl Visitor<'_> for Any {
            type Value = Quantity;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a quantity such as 100m or 2Gi")
            }
            fn visit_i64<E: de::Error>(self, value: i64) -> Result<Quantity, E> {
                Ok(Quantity(compact_str::format_compact!("{value}")))
            }
            fn visit_u64<E: de::Error>(self, value: u64) -> Result<Quantity, E> {
                Ok(Quantity(compact_str::format_compact!("{value}")))
            }
            fn visit_f64<E: de::Error>(self, value: f64) -> Result<Quantity, E> {
                Ok(Quantity(compact_str::format_compact!("{value}")))
            }
            fn visit_str<E: de::Error>(self, value: &str) -> Result<Quantity, E> {
                Ok(Quantity(value.into()))
            }
        }
        deserializer.deserialize_any(Any)
    }
}

/// A map of strings in its order of keys. Later entries of one key win, as in JSON.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct StringMap(pub Vec<(Str, Str)>);

impl StringMap {
    /// The value under `key`.
    pub fn get(&self, key: &str) -> Option<&str> {
        self.0.iter().find(|(have, _)| have == key).map(|(_, value)| value.as_str())
    }
}

impl<'de> Deserialize<'de> for StringMap {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        filtered_map(deserializer, |_| true).map(Self)
    }
}

impl Serialize for StringMap {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serialize_map(&self.0, serializer)
    }
}

pub(super) fn serialize_map<S: Serializer>(entries: &[(Str, Str)], serializer: S) -> Result<S::Ok, S::Error> {
    let mut map = serializer.serialize_map(Some(entries.len()))?;
    for (key, value) in entries {
        map.serialize_entry(key, value)?;
    }
    map.end()
}

/// Reads those entries of a map of strings whose key is wanted, sorted by key. Values that are not wanted are
/// skipped without being kept. A `null` value is the empty string, as kubectl sends it.
pub(super) fn filtered_map<'de, D: Deserializer<'de>>(
    deserializer: D,
    wanted: fn(&str) -> bool,
) -> Result<Vec<(Str, Str)>, D::Error> {
    struct Entries(fn(&str) -> bool);
    impl<'de> Visitor<'de> for Entries {
        type Value = Vec<(Str, Str)>;
        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("a map of strings")
        }
        fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
            let mut entries: Vec<(Str, Str)> = Vec::new();
            while let Some(key) = map.next_key::<Str>()? {
                if (self.0)(&key) {
                    let value = map.next_value::<Option<Str>>()?.unwrap_or_default();
                    entries.push((key, value));
                } else {
                    map.next_value::<de::IgnoredAny>()?;
                }
            }
            keep_last(&mut entries);
            Ok(entries)
        }
    }
    deserializer.deserialize_map(Entries(wanted))
}

/// Sorts entries by key; of several with one key the last is kept.
pub(crate) fn keep_last(entries: &mut Vec<(Str, Str)>) {
    // So the API server writes them.
    if entries.is_sorted_by(|a, b| a.0 < b.0) {
        return;
    }
    entries.sort_by(|a, b| a.0.cmp(&b.0));
    entries.reverse();
    entries.dedup_by(|a, b| a.0 == b.0);
    entries.reverse();
}

/// A command line, reduced while it is read: command lines may hold secrets.
///
/// Kept are flags of an allow-list with their values, and which well-known programs are named.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct CommandLine {
    /// Known flags without their dashes, and their values, sorted by flag. Of one that is given more than once the
    /// last counts, as programs read it.
    pub flags: Vec<(Str, Str)>,
    /// Known programs.
    pub programs: Vec<Str>,
}

/// Flags that a rule reads. None of them carries a secret.
const FLAGS: &[&str] = &[
    "agent",
    "backup-store",
    "bind-address",
    "cluster-name",
    "data-dir",
    "enable-feature",
    "enable-leader-election",
    "etcd-servers",
    "initial-cluster",
    "initial-cluster-state",
    "leader-elect",
    "leader-elect-resource-name",
    "leader-election",
    "listen-client-urls",
    "name",
    "policy",
    "registry",
    "storage.agent.path",
    "storage.tsdb.path",
    "txt-owner-id",
];

/// Programs that a rule looks for: in command lines, and as the last part of an image's name.
pub const PROGRAMS: &[&str] = &[
    "aws",
    "az",
    "azcopy",
    "barman",
    "borg",
    "curl",
    "etcd",
    "etcd-backup",
    "etcd-backup-restore",
    "etcd-manager",
    "etcdctl",
    "etcdutl",
    "gcloud",
    "gsutil",
    "k0s",
    "k3s",
    "kopia",
    "mc",
    "minio-mc",
    "mongodump",
    "mysqldump",
    "pg_basebackup",
    "pgbackrest",
    "rclone",
    "restic",
    "rke2",
    "rsync",
    "s3cmd",
    "scp",
    "sftp",
    "talosctl",
    "velero",
];

impl CommandLine {
    /// Reduces words of a command line.
    fn read<'w>(words: impl Iterator<Item = Cow<'w, str>>) -> Self {
        let mut line = Self::default();
        let mut flag_without_value: Option<Str> = None;
        for word in words {
            if let Some(flag) = flag_without_value.take() {
                if word.starts_with('-') {
                    line.flags.push((flag, Str::default()));
                } else {
                    line.flags.push((flag, word.as_ref().into()));
                    continue;
                }
            }
            line.note_programs(&word);
            let Some(flag) = word.strip_prefix('-') else {
                continue;
            };
            let flag = flag.trim_start_matches('-');
            let (name, value) = flag.split_once('=').map_or((flag, None), |(name, value)| (name, Some(value)));
            if !FLAGS.contains(&name) {
                continue;
            }
            match value {
                Some(value) => line.flags.push((name.into(), value.into())),
                None => flag_without_value = Some(name.into()),
            }
        }
        if let Some(flag) = flag_without_value {
            line.flags.push((flag, Str::default()));
        }
        keep_last(&mut line.flags);
        line
    }

    fn note_programs(&mut self, word: &str) {
        for token in word.split(|c: char| !(c.is_ascii_alphanumeric() || c == '-' || c == '_' || c == '.')) {
            if PROGRAMS.contains(&token) && !self.programs.iter().any(|known| known == token) {
                self.programs.push(token.into());
            }
        }
    }
}

impl<'de> Deserialize<'de> for CommandLine {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Words;
        impl<'de> Visitor<'de> for Words {
            type Value = CommandLine;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a list of strings")
            }
            fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<CommandLine, A::Error> {
                let mut words: Vec<String> = Vec::new();
                while let Some(word) = seq.next_element::<Option<String>>()? {
                    words.push(word.unwrap_or_default());
                }
                Ok(CommandLine::read(words.iter().map(|word| Cow::Borrowed(word.as_str()))))
            }
            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<CommandLine, A::Error> {
                let mut line = CommandLine::default();
                while let Some(key) = map.next_key::<Str>()? {
                    match key.as_str() {
                        "flags" => line.flags = map.next_value::<StringMap>()?.0,
                        "programs" => line.programs = map.next_value()?,
                        _ => drop(map.next_value::<de::IgnoredAny>()?),
                    }
                }
                Ok(line)
            }
        }
        deserializer.deserialize_any(Words)
    }
}

impl Serialize for CommandLine {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        if !self.flags.is_empty() {
            map.serialize_entry("flags", &StringMap(self.flags.clone()))?;
        }
        if !self.programs.is_empty() {
            map.serialize_entry("programs", &self.programs)?;
        }
        map.end()
    }
}

/// A command of a probe or hook: its digest, and its time when it is a plain `sleep`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize)]
pub struct ExecCommand {
    /// FNV-1a over its words; equal commands have equal digests.
    pub digest: u64,
    /// Seconds, for `sleep N` and `sh -c "sleep N"`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sleep: Option<u32>,
}

impl ExecCommand {
    fn read(words: &[String]) -> Self {
        let mut digest = 0xcbf2_9ce4_8422_2325_u64;
        for word in words {
            for byte in word.bytes().chain([0]) {
                digest = (digest ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3);
            }
        }
        Self { digest, sleep: sleep_of(words) }
    }
}

fn sleep_of(words: &[String]) -> Option<u32> {
    let line = match words {
        [shell, flag, script] if shell.ends_with("sh") && flag == "-c" => script.clone(),
        words => words.join(" "),
    };
    let mut parts = line.split_whitespace();
    let is_sleep = parts.next().is_some_and(|program| program == "sleep" || program.ends_with("/sleep"));
    let seconds = parts.next()?.trim_end_matches('s').parse().ok()?;
    (is_sleep && parts.next().is_none()).then_some(seconds)
}

impl<'de> Deserialize<'de> for ExecCommand {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Words;
        impl<'de> Visitor<'de> for Words {
            type Value = ExecCommand;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a list of strings")
            }
            fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<ExecCommand, A::Error> {
                let mut words: Vec<String> = Vec::new();
                while let Some(word) = seq.next_element::<Option<String>>()? {
                    words.push(word.unwrap_or_default());
                }
                Ok(ExecCommand::read(&words))
            }
            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<ExecCommand, A::Error> {
                let mut command = ExecCommand::default();
                while let Some(key) = map.next_key::<Str>()? {
                    match key.as_str() {
                        "digest" => command.digest = map.next_value()?,
                        "sleep" => command.sleep = map.next_value()?,
                        _ => drop(map.next_value::<de::IgnoredAny>()?),
                    }
                }
                Ok(command)
            }
        }
        deserializer.deserialize_any(Words)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::vec;

    #[test]
    fn a_command_line_keeps_known_flags_only() {
        let json = r#"["/bin/sh","-c","etcdctl snapshot save /b --password hunter2","--leader-elect","--token=s3cr3t","--etcd-servers","https://10.0.0.1:2379"]"#;
        let line: CommandLine = serde_json::from_str(json).unwrap();
        assert_eq!(line.programs, vec![Str::from("etcdctl")]);
        assert_eq!(
            line.flags,
            vec![("etcd-servers".into(), "https://10.0.0.1:2379".into()), ("leader-elect".into(), "".into())]
        );
        let written = serde_json::to_string(&line).unwrap();
        assert!(!written.contains("hunter2") && !written.contains("s3cr3t"), "{written}");
        let again: CommandLine = serde_json::from_str(&written).unwrap();
        assert_eq!(again, line);
    }

    #[test]
    fn the_last_of_a_repeated_flag_counts() {
        let line: CommandLine =
            serde_json::from_str(r#"["--leader-elect=false","--name=a","--leader-elect"]"#).unwrap();
        assert_eq!(line.flags, vec![("leader-elect".into(), "".into()), ("name".into(), "a".into())]);
        let again: CommandLine = serde_json::from_str(&serde_json::to_string(&line).unwrap()).unwrap();
        assert_eq!(again, line);
    }

    #[test]
    fn a_plain_sleep_is_recognised() {
        let cases = [
            (r#"["sleep","10"]"#, Some(10)),
            (r#"["/bin/sh","-c","sleep 15s"]"#, Some(15)),
            (r#"["sh","-c","sleep 5 && nginx -s quit"]"#, None),
            (r#"["nginx","-s","quit"]"#, None),
        ];
        for (json, expected) in cases {
            assert_eq!(serde_json::from_str::<ExecCommand>(json).unwrap().sleep, expected, "{json}");
        }
    }

    #[test]
    fn times_drop_fractions_and_round_trip() {
        let time: Time = serde_json::from_str(r#""2026-11-22T12:00:00.123456Z""#).unwrap();
        assert_eq!(serde_json::to_string(&time).unwrap(), r#""2026-11-22T12:00:00Z""#);
        assert!(serde_json::from_str::<Time>(r#""yesterday""#).is_err());
    }
}
