//! Metadata that all objects have.

use alloc::vec::Vec;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::values::{filtered_map, serialize_map};
use super::{Str, StringMap, Time, slim};

slim! {
    /// `metadata`.
    pub struct ObjectMeta {
        /// The name.
        pub name: Str,
        /// The name's prefix, where the server makes the rest.
        pub generate_name: Str,
        /// The namespace.
        pub namespace: Str,
        /// The unique identity.
        pub uid: Str,
        /// Labels.
        pub labels: StringMap,
        /// Annotations that a rule reads.
        pub annotations: Annotations,
        /// When it was stored.
        pub creation_timestamp: Option<Time>,
        /// When its deletion was asked for.
        pub deletion_timestamp: Option<Time>,
        /// How often its specification changed.
        pub generation: i64,
        /// Who owns it.
        pub owner_references: Vec<OwnerReference>,
    }
}

/// The name by which all bodies know their metadata.
pub type Metadata = ObjectMeta;

impl ObjectMeta {
    /// The owner that controls the object.
    pub fn controller(&self) -> Option<&OwnerReference> {
        self.owner_references.iter().find(|owner| owner.controller)
    }
}

slim! {
    /// An owner.
    pub struct OwnerReference {
        /// Group and version.
        pub api_version: Str,
        /// Kind.
        pub kind: Str,
        /// Name.
        pub name: Str,
        /// Unique identity.
        pub uid: Str,
        /// Whether it controls the object.
        pub controller: bool,
    }
}

/// Annotations, reduced while they are read to those that a rule reads: others may hold anything,
/// such as whole objects with secrets in `last-applied-configuration`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Annotations(pub Vec<(Str, Str)>);

impl Annotations {
    /// The value under `key`.
    pub fn get(&self, key: &str) -> Option<&str> {
        self.0.iter().find(|(have, _)| have == key).map(|(_, value)| value.as_str())
    }
}

/// The annotation that marks a static pod's mirror.
pub const MIRROR_ANNOTATION: &str = "kubernetes.io/config.mirror";
/// The annotation that numbers a Deployment's ReplicaSets.
pub const REVISION_ANNOTATION: &str = "deployment.kubernetes.io/revision";
/// The annotation with the node that was chosen for a claim.
pub const SELECTED_NODE_ANNOTATION: &str = "volume.kubernetes.io/selected-node";
/// Annotations that mark a default StorageClass.
pub const DEFAULT_STORAGE_CLASS_ANNOTATIONS: [&str; 2] =
    ["storageclass.kubernetes.io/is-default-class", "storageclass.beta.kubernetes.io/is-default-class"];
/// The annotation that marks the default IngressClass.
pub const DEFAULT_INGRESS_CLASS_ANNOTATION: &str = "ingressclass.kubernetes.io/is-default-class";
/// The annotation that named an Ingress' class before the field existed.
pub const INGRESS_CLASS_ANNOTATION: &str = "kubernetes.io/ingress.class";

const KEPT: &[&str] = &[
    "backup.velero.io/backup-volumes",
    "backup.velero.io/backup-volumes-excludes",
    "cert-manager.io/inject-apiserver-ca",
    "cert-manager.io/inject-ca-from",
    "cluster-autoscaler.kubernetes.io/safe-to-evict",
    "helm.sh/hook",
    "karpenter.sh/do-not-disrupt",
    DEFAULT_INGRESS_CLASS_ANNOTATION,
    DEFAULT_STORAGE_CLASS_ANNOTATIONS[0],
    DEFAULT_STORAGE_CLASS_ANNOTATIONS[1],
    INGRESS_CLASS_ANNOTATION,
    MIRROR_ANNOTATION,
    REVISION_ANNOTATION,
    SELECTED_NODE_ANNOTATION,
];

fn is_kept(key: &str) -> bool {
    key.starts_with("kubectl-ha/") || KEPT.contains(&key)
}

impl<'de> Deserialize<'de> for Annotations {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        filtered_map(deserializer, is_kept).map(Self)
    }
}

impl Serialize for Annotations {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serialize_map(&self.0, serializer)
    }
}
