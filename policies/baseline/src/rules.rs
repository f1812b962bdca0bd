//! The list of rules. A new rule is one file and one line here.

use ha_sdk::Rule;

/// Declares each rule's module and the list of all of them, in the catalogue's order.
macro_rules! rules {
    ($( $area:ident { $( $file:ident $name:ident ),* $(,)? } )*) => {
        $( mod $area { $( pub(super) mod $file; )* } )*

        /// Every rule of the policy. A finding names its rule by the position in this list.
        pub static RULES: &[&Rule] = &[ $( $( &$area::$file::$name ),* ),* ];
    };
}

rules! {
    replication {
        single_replica SINGLE_REPLICA,
    }
}
