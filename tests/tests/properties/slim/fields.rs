//! Which fields a slim type keeps: found by a deserializer that is asked for each of them and writes its path down.

use std::cell::RefCell;
use std::collections::BTreeMap;

use ha_core::snapshot::ResourceKind;
use ha_snapshot::objects::Object;
use serde::de::value::{Error, StrDeserializer};
use serde::de::{DeserializeSeed, Deserializer, IntoDeserializer, MapAccess, SeqAccess, Visitor};
use serde::forward_to_deserialize_any;

/// What is kept of a field.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Kept {
    /// Whether an empty structure is told from none.
    pub(super) presence: bool,
    /// A map, of which any entry may be kept.
    pub(super) map: bool,
}

/// The paths of a kind's kept fields, such as `spec.containers[].name`.
pub(super) fn kept(kind: ResourceKind) -> BTreeMap<String, Kept> {
    let fields = RefCell::default();
    let asked = Asked { path: String::new(), options: 0, fields: &fields };
    Object::deserialize("v1", kind, asked).unwrap_or_else(|error| panic!("{kind}: {error}"));
    fields.into_inner()
}

/// Answers whatever it is asked for.
struct Asked<'f> {
    path: String,
    /// How many optional values lie around this one. Every field of a slim type is one (`null` means absent).
    options: u8,
    fields: &'f RefCell<BTreeMap<String, Kept>>,
}

impl Asked<'_> {
    fn note(&self, kept: Kept) {
        let mut fields = self.fields.borrow_mut();
        let entry = fields.entry(self.path.clone()).or_default();
        entry.presence |= kept.presence;
        entry.map |= kept.map;
    }

    fn leaf(&self) {
        self.note(Kept { presence: self.options > 1, map: false });
    }

    fn last(&self) -> &str {
        self.path.rsplit('.').next().unwrap_or_default()
    }
}

impl<'de> Deserializer<'de> for Asked<'_> {
    type Error = Error;

    /// A value of more than one form: a number or a string, or a command line.
    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        self.leaf();
        match self.last() {
            "command" | "args" => visitor.visit_seq(Once(None)),
            _ => visitor.visit_str("1"),
        }
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        visitor.visit_some(Self { options: self.options + 1, ..self })
    }

    fn deserialize_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        fields: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Error> {
        if self.options > 1 {
            self.note(Kept { presence: true, map: false });
        }
        let left = fields.iter();
        visitor.visit_map(Members { path: &self.path, left, field: "", fields: self.fields })
    }

    fn deserialize_map<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        self.note(Kept { presence: self.options > 1, map: true });
        visitor.visit_map(Members { path: &self.path, left: [].iter(), field: "", fields: self.fields })
    }

    fn deserialize_seq<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        visitor.visit_seq(Once(Some(Self { path: format!("{}[]", self.path), options: 0, ..self })))
    }

    fn deserialize_str<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        self.leaf();
        visitor.visit_str("2026-01-02T03:04:05Z")
    }

    fn deserialize_string<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        self.deserialize_str(visitor)
    }

    fn deserialize_bool<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        self.leaf();
        visitor.visit_bool(true)
    }

    fn deserialize_u32<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        self.leaf();
        visitor.visit_u32(1)
    }

    fn deserialize_i32<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        self.deserialize_u32(visitor)
    }

    fn deserialize_i64<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        self.deserialize_u32(visitor)
    }

    forward_to_deserialize_any! {
        i8 i16 i128 u8 u16 u64 u128 f32 f64 char bytes byte_buf unit unit_struct newtype_struct tuple tuple_struct enum
        identifier ignored_any
    }
}

struct Members<'f, 'p> {
    path: &'p str,
    left: std::slice::Iter<'static, &'static str>,
    field: &'static str,
    fields: &'f RefCell<BTreeMap<String, Kept>>,
}

impl<'de> MapAccess<'de> for Members<'_, '_> {
    type Error = Error;

    fn next_key_seed<K: DeserializeSeed<'de>>(&mut self, seed: K) -> Result<Option<K::Value>, Error> {
        let Some(field) = self.left.next() else { return Ok(None) };
        self.field = field;
        let field: StrDeserializer<'_, Error> = (*field).into_deserializer();
        seed.deserialize(field).map(Some)
    }

    fn next_value_seed<S: DeserializeSeed<'de>>(&mut self, seed: S) -> Result<S::Value, Error> {
        let separator = if self.path.is_empty() { "" } else { "." };
        let path = format!("{}{separator}{}", self.path, self.field);
        seed.deserialize(Asked { path, options: 0, fields: self.fields })
    }
}

/// A list of at most one element.
struct Once<'f>(Option<Asked<'f>>);

impl<'de> SeqAccess<'de> for Once<'_> {
    type Error = Error;

    fn next_element_seed<S: DeserializeSeed<'de>>(&mut self, seed: S) -> Result<Option<S::Value>, Error> {
        self.0.take().map(|element| seed.deserialize(element)).transpose()
    }
}
