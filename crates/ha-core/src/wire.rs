//! The three shapes of a type that crosses the policy boundary.
//!
//! `record!`, `word!` and `choice!` declare a plain Rust type and, with the feature `host`, derive
//! for it what wasmtime needs to write it into a policy's memory directly. So the host copies a
//! snapshot once and no second set of types exists. The names after `as` are those of
//! `wit/policy.wit`, which is written by hand: a difference between the two is found when the
//! built-in policy is first instantiated.
//!
//! No behaviour lives here.

/// A struct whose fields are a WIT `record`.
///
/// `repr(C)`: the guest's bindings take lists of records of plain numbers as they lie in memory, in the order of the
/// contract. Rust's own layout may put the fields in another order.
macro_rules! record {
    ($(#[$meta:meta])* pub struct $name:ident {
        $( $(#[$fmeta:meta])* pub $field:ident $(as $wit:literal)? : $ty:ty ),* $(,)?
    }) => {
        $(#[$meta])*
        #[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
        #[cfg_attr(feature = "host",
            derive(wasmtime::component::ComponentType, wasmtime::component::Lift, wasmtime::component::Lower),
            component(record))]
        #[repr(C)]
        pub struct $name {
            $( $(#[$fmeta])* $(#[cfg_attr(feature = "host", component(name = $wit))])? pub $field: $ty ),*
        }
    };
}

/// A fieldless enum with one name everywhere: a WIT `enum`, in JSON and on the terminal.
/// Its first case is the default.
macro_rules! word {
    ($(#[$meta:meta])* pub enum $name:ident {
        $( $(#[$cmeta:meta])* $case:ident = $wit:literal ),* $(,)?
    }) => {
        $(#[$meta])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        #[cfg_attr(feature = "host",
            derive(wasmtime::component::ComponentType, wasmtime::component::Lift, wasmtime::component::Lower),
            component(enum))]
        #[repr(u8)]
        pub enum $name {
            $( $(#[$cmeta])* #[cfg_attr(feature = "host", component(name = $wit))] $case ),*
        }

        impl $name {
            /// Every case, in declaration order.
            pub const ALL: &'static [Self] = &[$( Self::$case ),*];

            /// The name of this case, as JSON, WIT and the terminal show it.
            pub const fn as_str(self) -> &'static str {
                match self { $( Self::$case => $wit ),* }
            }

            /// The case of that name.
            pub fn from_name(name: &str) -> Option<Self> {
                Self::ALL.iter().copied().find(|case| case.as_str() == name)
            }

            /// The case with that discriminant; the generated guest bindings call it.
            /// An impossible discriminant, which the component model rules out, is the first case.
            #[doc(hidden)]
            pub fn _lift(discriminant: u8) -> Self {
                Self::ALL.get(usize::from(discriminant)).copied().unwrap_or_default()
            }
        }

        impl Default for $name {
            fn default() -> Self { Self::ALL[0] }
        }

        impl core::fmt::Display for $name {
            fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
                f.pad(self.as_str())
            }
        }

        impl serde::Serialize for $name {
            fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.serialize_str(self.as_str())
            }
        }

        impl<'de> serde::Deserialize<'de> for $name {
            fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                let name = <alloc::borrow::Cow<'de, str>>::deserialize(deserializer)?;
                Self::from_name(&name).ok_or_else(|| {
                    serde::de::Error::unknown_variant(&name, &[$( $wit ),*])
                })
            }
        }
    };
}

/// An enum with payloads: a WIT `variant`.
macro_rules! choice {
    ($(#[$meta:meta])* pub enum $name:ident {
        $( $(#[$cmeta:meta])* $case:ident $(($payload:ty))? = $wit:literal ),* $(,)?
    }) => {
        $(#[$meta])*
        #[derive(Clone, Debug, PartialEq, Eq, Hash)]
        #[cfg_attr(feature = "host",
            derive(wasmtime::component::ComponentType, wasmtime::component::Lift, wasmtime::component::Lower),
            component(variant))]
        pub enum $name {
            $( $(#[$cmeta])* #[cfg_attr(feature = "host", component(name = $wit))] $case $(($payload))? ),*
        }
    };
}

/// An index into one of the snapshot's tables, typed so that tables cannot be mixed up.
macro_rules! index {
    ($($(#[$meta:meta])* $name:ident),* $(,)?) => { $(
        $(#[$meta])*
        #[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
        #[cfg_attr(feature = "host",
            derive(wasmtime::component::ComponentType, wasmtime::component::Lift, wasmtime::component::Lower),
            component(record))]
        #[repr(C)]
        pub struct $name {
            /// The position in the table.
            pub index: u32,
        }

        impl $name {
            /// The index of the table's entry at `position`. Tables are far below 2³² entries:
            /// the reader's size limits see to that.
            #[allow(clippy::cast_possible_truncation)]
            pub const fn at(position: usize) -> Self {
                Self { index: position as u32 }
            }

            /// The position as a slice index.
            pub const fn position(self) -> usize {
                self.index as usize
            }
        }
    )* };
}

pub(crate) use {choice, index, record, word};
