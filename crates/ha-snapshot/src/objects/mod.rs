//! Kubernetes objects, reduced to the fields that the analysis needs.
//!
//! These slim types are what manifests, API lists and saved snapshots decode into, on the host and inside a
//! policy alike. They are several times smaller and faster than whole types, and what they leave out cannot leak:
//! environment values, commands, Secrets, ConfigMap content and unknown annotations have no field to go to.
//! Unknown fields are ignored, `null` means absent, as the API server reads them.

use alloc::boxed::Box;
use alloc::string::String;

use ha_core::snapshot::ResourceKind;
use serde::de::DeserializeSeed;
use serde::{Deserialize, Deserializer, Serialize};

mod extension;
mod metadata;
mod node;
mod operations;
mod pod;
mod reduce;
mod selector;
mod service;
mod storage;
mod values;
mod workload;

pub use extension::*;
pub use metadata::*;
pub use node::*;
pub use operations::*;
pub use pod::*;
pub use selector::*;
pub use service::*;
pub use storage::*;
pub use values::*;
pub use workload::*;

/// A string of an object; short ones need no allocation.
pub type Str = compact_str::CompactString;

/// Declares a slim struct: camelCase, every field optional, `null` as absent, defaults not written.
macro_rules! slim {
    ($(#[$meta:meta])* $visibility:vis struct $name:ident {
        $( $(#[$fmeta:meta])* pub $field:ident : $ty:ty ),* $(,)?
    }) => {
        $(#[$meta])*
        #[derive(Clone, Debug, Default, PartialEq, Eq, Hash, serde::Serialize, serde::Deserialize)]
        #[serde(rename_all = "camelCase", default)]
        $visibility struct $name {
            $( $(#[$fmeta])*
               #[serde(deserialize_with = "crate::objects::nullable", skip_serializing_if = "crate::objects::is_default")]
               pub $field: $ty ),*
        }
    };
}
pub(crate) use slim;

/// Reads `null` as the default.
pub(crate) fn nullable<'de, D, T>(deserializer: D) -> Result<T, D::Error>
where
    D: Deserializer<'de>,
    T: Default + Deserialize<'de>,
{
    Option::<T>::deserialize(deserializer).map(Option::unwrap_or_default)
}

/// Whether a field need not be written.
pub(crate) fn is_default<T: Default + PartialEq>(value: &T) -> bool {
    *value == T::default()
}

/// Where an object was read from a file.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct FileLocation {
    /// The path as given by the user; `-` for standard input.
    pub file: String,
    /// The first line of the object, from 1.
    pub line: u32,
}

/// Declares the sum of all kinds.
macro_rules! kinds {
    ($( $kind:ident => $ty:ident ),* $(,)?) => {
        /// The slim form of one object, by kind. Boxed, as kinds differ much in size and objects are handed on a lot.
        #[derive(Clone, Debug, PartialEq, Eq, Serialize)]
        #[serde(untagged)]
        #[allow(missing_docs)]
        pub enum Body { $( $kind(Box<$ty>) ),* }

        impl Body {
            /// What kind it is.
            pub fn kind(&self) -> ResourceKind {
                match self { $( Self::$kind(_) => ResourceKind::$kind ),* }
            }

            /// Its metadata.
            pub fn metadata(&self) -> &Metadata {
                match self { $( Self::$kind(object) => &object.metadata ),* }
            }

            /// Its metadata, to be changed.
            pub fn metadata_mut(&mut self) -> &mut Metadata {
                match self { $( Self::$kind(object) => &mut object.metadata ),* }
            }

            fn deserialize<'de, D: Deserializer<'de>>(kind: ResourceKind, deserializer: D) -> Result<Self, D::Error> {
                match kind { $(
                    ResourceKind::$kind => $ty::deserialize(deserializer).map(|object| Self::$kind(Box::new(object)))
                ),* }
            }
        }
    };
}

kinds! {
    Node => Node,
    Namespace => Namespace,
    Pod => Pod,
    ReplicaSet => ReplicaSet,
    ReplicationController => ReplicationController,
    Deployment => Deployment,
    StatefulSet => StatefulSet,
    DaemonSet => DaemonSet,
    Job => Job,
    CronJob => CronJob,
    PodDisruptionBudget => PodDisruptionBudget,
    HorizontalPodAutoscaler => HorizontalPodAutoscaler,
    ScaledObject => ScaledObject,
    Service => Service,
    EndpointSlice => EndpointSlice,
    Ingress => Ingress,
    IngressClass => IngressClass,
    GatewayClass => GatewayClass,
    Gateway => Gateway,
    HttpRoute => HttpRoute,
    PersistentVolume => PersistentVolume,
    PersistentVolumeClaim => PersistentVolumeClaim,
    StorageClass => StorageClass,
    CsiNode => CsiNode,
    CsiDriver => CsiDriver,
    VolumeAttachment => VolumeAttachment,
    PriorityClass => PriorityClass,
    Lease => Lease,
    ValidatingWebhookConfiguration => WebhookConfiguration,
    MutatingWebhookConfiguration => WebhookConfiguration,
    ApiService => ApiService,
    CustomResourceDefinition => CustomResourceDefinition,
    LimitRange => LimitRange,
    ResourceQuota => ResourceQuota,
    BackupSchedule => BackupSchedule,
    Backup => Backup,
    BackupStorageLocation => BackupStorageLocation,
    ConfigMap => ConfigMapFacts,
}

/// One object that was read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Object {
    /// Group and version as written, such as `apps/v1`.
    pub api_version: Str,
    /// The slim object.
    pub body: Body,
    /// Where it stands in a file, if it came from one.
    pub location: Option<FileLocation>,
}

impl Object {
    /// Reads an object of a known kind from any format.
    ///
    /// # Errors
    /// The deserializer's own, where a field has another type than the Kubernetes API gives it.
    pub fn deserialize<'de, D: Deserializer<'de>>(
        api_version: &str,
        kind: ResourceKind,
        deserializer: D,
    ) -> Result<Self, D::Error> {
        Body::deserialize(kind, deserializer).map(|body| Self::reduced(api_version, body))
    }

    /// The object of a pod whose parts were read one by one.
    pub fn of_pod(api_version: &str, pod: Pod) -> Self {
        Self::reduced(api_version, Body::Pod(Box::new(pod)))
    }

    fn reduced(api_version: &str, mut body: Body) -> Self {
        reduce::reduce(&mut body);
        Self { api_version: api_version.into(), body, location: None }
    }

    /// Reads an object of a known kind from JSON, such as one item of an API list.
    ///
    /// # Errors
    /// Where a field has another type than the Kubernetes API gives it, with its line and column.
    pub fn from_json(api_version: &str, kind: ResourceKind, json: &str) -> Result<Self, serde_json::Error> {
        Self::deserialize(api_version, kind, &mut serde_json::Deserializer::from_str(json))
    }

    /// What kind it is.
    pub fn kind(&self) -> ResourceKind {
        self.body.kind()
    }

    /// Its metadata.
    pub fn metadata(&self) -> &Metadata {
        self.body.metadata()
    }
}

/// Reads an object of a known kind where a format hands out seeds, such as the elements of a list.
#[derive(Clone, Copy, Debug)]
pub struct ObjectSeed<'a> {
    /// Group and version.
    pub api_version: &'a str,
    /// The kind.
    pub kind: ResourceKind,
}

impl<'de> DeserializeSeed<'de> for ObjectSeed<'_> {
    type Value = Object;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Object, D::Error> {
        Object::deserialize(self.api_version, self.kind, deserializer)
    }
}
