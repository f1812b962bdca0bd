//! Typed objects of the Kubernetes client, made up: a deserializer whose input is a list of choices.
//!
//! The client's types name their fields to their deserializer, so one deserializer makes objects of every kind, with
//! every field that the API has. Which choices are made is up to the caller: all of them, or random ones.

use serde::de::value::{Error, StrDeserializer};
use serde::de::{DeserializeSeed, Deserializer, IntoDeserializer, MapAccess, SeqAccess, Visitor};
use serde::forward_to_deserialize_any;

/// Where decisions come from.
#[derive(Debug)]
pub(super) enum Choices<'b> {
    /// Every field is there, every list has an entry.
    All,
    /// Each byte decides once; when they are used up, nothing more is there.
    Bytes(std::slice::Iter<'b, u8>),
}

impl Choices<'_> {
    fn byte(&mut self) -> Option<u8> {
        match self {
            Self::All => Some(1),
            Self::Bytes(bytes) => bytes.next().copied(),
        }
    }

    fn is_there(&mut self) -> bool {
        self.byte().is_some_and(|byte| byte % 8 < 5)
    }

    /// One of the texts; the first when nothing is left to decide with.
    fn one_of<'t>(&mut self, texts: &[&'t str]) -> &'t str {
        let byte = self.byte().unwrap_or_default();
        texts[usize::from(byte) % texts.len()]
    }
}

/// Makes one value up. `field` is the field it stands under, which says what would make sense there.
pub(super) struct Made<'c, 'b> {
    pub(super) choices: &'c mut Choices<'b>,
    pub(super) field: &'static str,
}

impl<'c, 'b> Made<'c, 'b> {
    /// A whole object.
    pub(super) fn object(choices: &'c mut Choices<'b>) -> Self {
        Self { choices, field: "" }
    }

    fn text(&mut self) -> &'static str {
        self.choices.one_of(texts(self.field))
    }

    fn number(&mut self) -> i64 {
        let negative = NEGATIVE.contains(&self.field);
        match self.choices.byte() {
            None | Some(0) => 0,
            Some(255) => i64::from(i32::MAX),
            Some(byte) if negative && byte > 200 => -i64::from(byte),
            Some(byte) => i64::from(byte % 7),
        }
    }
}

/// Numbers that the API lets be negative.
const NEGATIVE: &[&str] = &["priority", "terminationGracePeriodSeconds", "tolerationSeconds", "value"];

/// What may stand under a field. The first entry is what a shrunk failure shows.
fn texts(field: &str) -> &'static [&'static str] {
    match field {
        "caBundle" => &["", "QUFB"],
        "command" | "args" => &["sleep", "5", "--leader-elect", "--password=x", "etcd"],
        "effect" => &["NoSchedule", "NoExecute", "PreferNoSchedule", ""],
        "operator" => &["In", "NotIn", "Exists", "DoesNotExist", "Equal", "Gt", "Lt", ""],
        "status" => &["True", "False", "Unknown"],
        "phase" => &["Running", "Pending", "Bound", "Succeeded", "Failed"],
        "type" => &["Ready", "RollingUpdate", "Recreate", "OnDelete", "LoadBalancer", "ExternalName", "Container"],
        "whenUnsatisfiable" => &["DoNotSchedule", "ScheduleAnyway"],
        "nodeAffinityPolicy" | "nodeTaintsPolicy" => &["Honor", "Ignore"],
        "topologyKey" => &["kubernetes.io/hostname", "topology.kubernetes.io/zone", "rack"],
        "restartPolicy" => &["Always", "OnFailure", "Never", ""],
        "protocol" => &["TCP", "UDP", ""],
        "scope" => &["*", "Cluster", "Namespaced"],
        "failurePolicy" => &["Fail", "Ignore", ""],
        "accessModes" => &["ReadWriteOnce", "ReadWriteMany", "ReadOnlyMany", "ReadWriteOncePod"],
        "clusterIP" => &["None", "10.0.0.1", ""],
        "schedule" => &["0 3 * * *", "@daily", "never"],
        "kind" => &["Deployment", "StatefulSet", "ReplicaSet", "Node", "Pod", "Job", "Widget"],
        "apiVersion" => &["apps/v1", "v1", "batch/v1", "example.org/v1"],
        _ => &["web", "a", "db-0", "node-a", "zone-b", "10.0.0.1", "x/y.z", ""],
    }
}

/// The keys of a map under a field.
fn keys(field: &str) -> &'static [&'static str] {
    match field {
        "annotations" => &[
            "kubectl-ha/ignore.single-replica",
            "kubectl.kubernetes.io/last-applied-configuration",
            "deployment.kubernetes.io/revision",
        ],
        "parameters" => {
            &["type", "replication-type", "skuName", "storageaccounttype", "numberOfReplicas", "fsType", "secret"]
        }
        "allocatable" | "capacity" | "hard" | "limits" | "overhead" | "requests" | "used" | "max" | "min"
        | "default" | "defaultRequest" => &["cpu", "memory", "storage", "pods", "example.org/gpu"],
        _ => &["app", "tier", "pod-template-hash", "topology.kubernetes.io/zone", "kubernetes.io/hostname"],
    }
}

impl<'de> Deserializer<'de> for Made<'_, '_> {
    type Error = Error;

    /// What may be a number or a string: a port, a threshold, or anything.
    fn deserialize_any<V: Visitor<'de>>(mut self, visitor: V) -> Result<V::Value, Error> {
        match self.choices.byte() {
            Some(byte) if byte % 3 > 0 => visitor.visit_str(match self.field {
                "maxSurge" | "maxUnavailable" | "minAvailable" => "25%",
                _ => "http",
            }),
            _ => visitor.visit_i64(self.number()),
        }
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        // A schema may hold itself, and none is kept.
        let there = self.field != "openAPIV3Schema" && self.choices.is_there();
        if there { visitor.visit_some(self) } else { visitor.visit_none() }
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(self, name: &'static str, visitor: V) -> Result<V::Value, Error> {
        match name {
            "Quantity" => visitor.visit_newtype_struct(Quantity(self.choices)),
            "Time" => {
                visitor.visit_newtype_struct(text(self.choices, &["2026-01-02T03:04:05Z", "2025-12-31T23:59:59Z"]))
            }
            "MicroTime" => visitor.visit_newtype_struct(text(self.choices, &["2026-01-02T03:04:05.678901Z"])),
            _ => visitor.visit_newtype_struct(self),
        }
    }

    fn deserialize_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        fields: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Error> {
        // An object says itself of what kind it is; other structures name the kind of something else.
        let is_object = fields.contains(&"metadata");
        let says_kind = |field: &&str| is_object && matches!(*field, "apiVersion" | "kind");
        let fields: Vec<&'static str> = fields.iter().copied().filter(|field| !says_kind(field)).collect();
        visitor.visit_map(Entries { choices: self.choices, field: self.field, keys: fields, of_struct: true })
    }

    fn deserialize_map<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        let keys = keys(self.field).iter().copied().filter(|_| self.choices.is_there()).collect();
        visitor.visit_map(Entries { choices: self.choices, field: self.field, keys, of_struct: false })
    }

    fn deserialize_seq<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        let left = self.choices.byte().map_or(0, |byte| byte % 3);
        visitor.visit_seq(Elements { choices: self.choices, field: self.field, left })
    }

    fn deserialize_string<V: Visitor<'de>>(mut self, visitor: V) -> Result<V::Value, Error> {
        visitor.visit_str(self.text())
    }

    fn deserialize_str<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        self.deserialize_string(visitor)
    }

    fn deserialize_bool<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        visitor.visit_bool(self.choices.byte().is_some_and(|byte| byte % 2 == 1))
    }

    fn deserialize_i32<V: Visitor<'de>>(mut self, visitor: V) -> Result<V::Value, Error> {
        visitor.visit_i64(self.number())
    }

    fn deserialize_i64<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        self.deserialize_i32(visitor)
    }

    fn deserialize_f64<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        self.deserialize_i32(visitor)
    }

    forward_to_deserialize_any! {
        i8 i16 i128 u8 u16 u32 u64 u128 f32 char bytes byte_buf unit unit_struct tuple tuple_struct enum identifier
        ignored_any
    }
}

/// A quantity as people write it.
struct Quantity<'c, 'b>(&'c mut Choices<'b>);

impl<'de> Deserializer<'de> for Quantity<'_, '_> {
    type Error = Error;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        match self.0.one_of(&["100m", "1", "2Gi", "1e3", "0.5", "number"]) {
            "number" => visitor.visit_i64(2),
            written => visitor.visit_str(written),
        }
    }

    forward_to_deserialize_any! {
        bool i8 i16 i32 i64 i128 u8 u16 u32 u64 u128 f32 f64 char str string bytes byte_buf option unit unit_struct
        newtype_struct seq tuple tuple_struct map struct enum identifier ignored_any
    }
}

/// One of these texts, ready to be read.
fn text(choices: &mut Choices, texts: &'static [&'static str]) -> StrDeserializer<'static, Error> {
    choices.one_of(texts).into_deserializer()
}

/// The fields of a structure, or the entries of a map.
struct Entries<'c, 'b> {
    choices: &'c mut Choices<'b>,
    field: &'static str,
    /// Those that are still to come, in reverse.
    keys: Vec<&'static str>,
    of_struct: bool,
}

impl<'de> MapAccess<'de> for Entries<'_, '_> {
    type Error = Error;

    fn next_key_seed<K: DeserializeSeed<'de>>(&mut self, seed: K) -> Result<Option<K::Value>, Error> {
        let Some(key) = self.keys.last() else { return Ok(None) };
        if self.of_struct {
            self.field = key;
        }
        let key: StrDeserializer<'_, Error> = (*key).into_deserializer();
        seed.deserialize(key).map(Some)
    }

    fn next_value_seed<S: DeserializeSeed<'de>>(&mut self, seed: S) -> Result<S::Value, Error> {
        self.keys.pop();
        seed.deserialize(Made { choices: &mut *self.choices, field: self.field })
    }
}

/// The entries of a list.
struct Elements<'c, 'b> {
    choices: &'c mut Choices<'b>,
    field: &'static str,
    left: u8,
}

impl<'de> SeqAccess<'de> for Elements<'_, '_> {
    type Error = Error;

    fn next_element_seed<S: DeserializeSeed<'de>>(&mut self, seed: S) -> Result<Option<S::Value>, Error> {
        let Some(left) = self.left.checked_sub(1) else { return Ok(None) };
        self.left = left;
        seed.deserialize(Made { choices: &mut *self.choices, field: self.field }).map(Some)
    }
}
