//! Nodes and namespaces.

use alloc::vec::Vec;

use super::{Condition, Metadata, Quantity, Str, Time, slim};

/// Amounts by resource name.
pub type ResourceList = super::ResourceMap;

slim! {
    /// `v1` Node.
    pub struct Node {
        /// Metadata.
        pub metadata: Metadata,
        /// Specification.
        pub spec: NodeSpec,
        /// Status.
        pub status: NodeStatus,
    }
}

slim! {
    /// `spec` of a Node.
    pub struct NodeSpec {
        /// Cordoned.
        pub unschedulable: bool,
        /// Taints.
        pub taints: Vec<Taint>,
        /// Provider and machine.
        #[serde(rename = "providerID")]
        pub provider_id: Str,
        /// Pod address ranges.
        #[serde(rename = "podCIDRs")]
        pub pod_cidrs: Vec<Str>,
        /// The first of them.
        #[serde(rename = "podCIDR")]
        pub pod_cidr: Str,
    }
}

slim! {
    /// A taint.
    pub struct Taint {
        /// Key.
        pub key: Str,
        /// Value.
        pub value: Str,
        /// Effect.
        pub effect: Str,
        /// Since when.
        pub time_added: Option<Time>,
    }
}

slim! {
    /// `status` of a Node.
    pub struct NodeStatus {
        /// Conditions.
        pub conditions: Vec<Condition>,
        /// What pods may use.
        pub allocatable: ResourceList,
        /// The whole node; used where `allocatable` is absent.
        pub capacity: ResourceList,
        /// Addresses.
        pub addresses: Vec<NodeAddress>,
        /// Versions.
        pub node_info: NodeInfo,
        /// Volumes attached.
        pub volumes_attached: Vec<AttachedVolume>,
        /// Images.
        pub images: Vec<NodeImage>,
    }
}

slim! {
    /// An image on a node.
    pub struct NodeImage {
        /// Its names, by tag and by digest.
        pub names: Vec<Str>,
        /// Its size.
        pub size_bytes: i64,
    }
}

slim! {
    /// An address of a node.
    pub struct NodeAddress {
        /// `InternalIP`, `ExternalIP`, `Hostname`, …
        pub r#type: Str,
        /// The address.
        pub address: Str,
    }
}

slim! {
    /// `nodeInfo`.
    pub struct NodeInfo {
        /// The kubelet's version.
        pub kubelet_version: Str,
    }
}

slim! {
    /// A volume that a node reports attached.
    pub struct AttachedVolume {
        /// Its unique name.
        pub name: Str,
    }
}

slim! {
    /// `v1` Namespace.
    pub struct Namespace {
        /// Metadata.
        pub metadata: Metadata,
    }
}

/// `map[ResourceName]Quantity`, sorted by name.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct ResourceMap(pub Vec<(Str, Quantity)>);

impl<'de> serde::Deserialize<'de> for ResourceMap {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let map = alloc::collections::BTreeMap::<Str, Quantity>::deserialize(deserializer)?;
        Ok(Self(map.into_iter().collect()))
    }
}

impl serde::Serialize for ResourceMap {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(self.0.iter().map(|(name, quantity)| (name, quantity)))
    }
}
