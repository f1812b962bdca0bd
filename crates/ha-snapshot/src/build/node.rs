//! Nodes and namespaces.

use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;

use ha_core::snapshot::{Amount, Namespace, Node, ObjectId, Readiness, Snapshot, Taint};
use ha_core::text::Text;
use hashbrown::{HashMap, HashSet};

use super::Builder;
use super::convert::taint_effect;
use super::join::Lookup;
use crate::objects::{self as slim, Body, Object};

const ZONE: &str = "topology.kubernetes.io/zone";
const ZONE_BEFORE_1_17: &str = "failure-domain.beta.kubernetes.io/zone";
const REGION: &str = "topology.kubernetes.io/region";
const REGION_BEFORE_1_17: &str = "failure-domain.beta.kubernetes.io/region";
const HOSTNAME: &str = "kubernetes.io/hostname";

/// Labels by which distributions mark the nodes of the control plane.
const CONTROL_PLANE: &[&str] = &[
    "node-role.kubernetes.io/control-plane",
    "node-role.kubernetes.io/master",
    "node-role.kubernetes.io/controlplane",
    "node.k0sproject.io/role",
];

impl Builder {
    pub(super) fn node(&mut self, id: ObjectId, node: &slim::Node) -> Node {
        let labels = &node.metadata.labels;
        let label = |keys: &[&str]| keys.iter().find_map(|key| labels.get(key)).unwrap_or("");
        let user_zone = self.zone_keys.iter().find_map(|key| labels.get(key));
        let zone = match label(&[ZONE, ZONE_BEFORE_1_17]) {
            "" => user_zone.unwrap_or(""),
            zone => zone,
        };
        let ready = node.status.conditions.iter().find(|condition| condition.r#type == "Ready");
        let allocatable =
            if node.status.allocatable.0.is_empty() { &node.status.capacity } else { &node.status.allocatable };
        let ranges = if node.spec.pod_cidrs.is_empty() && !node.spec.pod_cidr.is_empty() {
            alloc::vec![node.spec.pod_cidr.clone()]
        } else {
            node.spec.pod_cidrs.clone()
        };
        let addresses: Vec<_> =
            node.status.addresses.iter().filter(|a| a.r#type == "InternalIP").map(|a| a.address.clone()).collect();
        let attached: Vec<_> = node.status.volumes_attached.iter().map(|volume| volume.name.clone()).collect();
        Node {
            object: id,
            labels: self.objects[id.position()].labels,
            zone: self.text(zone),
            zone_label: self.text(label(&[ZONE])),
            region: self.text(label(&[REGION, REGION_BEFORE_1_17])),
            hostname: self.text(label(&[HOSTNAME])),
            control_plane: CONTROL_PLANE
                .iter()
                .any(|key| labels.get(key).is_some_and(|value| value != "worker" && value != "false")),
            is_virtual: is_virtual(node),
            unschedulable: node.spec.unschedulable,
            taints: node.spec.taints.iter().map(|taint| self.taint(taint)).collect(),
            readiness: match ready.map(|condition| condition.status.as_str()) {
                Some("True") => Readiness::Ready,
                Some("False") => Readiness::NotReady,
                // A node written into a manifest has no status; it is taken as it would be when it works.
                None if node.status.conditions.is_empty() && node.metadata.uid.is_empty() => Readiness::Ready,
                _ => Readiness::Unknown,
            },
            readiness_since: ready.and_then(|condition| condition.last_transition_time).map(|time| time.0),
            conditions: self.conditions(&node.status.conditions),
            allocatable: self.amounts(allocatable),
            internal_addresses: self.texts_of(&addresses),
            pod_ranges: self.texts_of(&ranges),
            kubelet_version: self.text(&node.status.node_info.kubelet_version),
            volumes_attached: self.texts_of(&attached),
            images: Vec::new(),
            provider: self.text(node.spec.provider_id.split_once(':').map_or("", |(scheme, _)| scheme)),
        }
    }

    /// Images on nodes, as far as some pod names them. One name may stand for several sizes: the first counts.
    pub(super) fn place_images(&mut self, snapshot: &mut Snapshot, lookup: &Lookup, rest: &[(ObjectId, Object)]) {
        let specs = self.pod_specs.entries().iter();
        let containers = specs.flat_map(|spec| spec.init_containers.iter().chain(&spec.containers));
        let mut named: Vec<Text> = containers.map(|container| container.image).collect();
        named.sort_unstable();
        named.dedup();
        // What a pod calls `app` is `app:latest` on a node.
        let mut by_tag: HashMap<String, Vec<Text>> = HashMap::new();
        for image in named {
            by_tag.entry(tagged(self.texts.get(image))).or_default().push(image);
        }
        for (id, object) in rest {
            let Body::Node(node) = &object.body else {
                continue;
            };
            let Some(position) = lookup.nodes.get(&self.objects[id.position()].name) else {
                continue;
            };
            let images = &mut snapshot.nodes[position.position()].images;
            for image in &node.status.images {
                for &resource in image.names.iter().filter_map(|name| by_tag.get(name.as_str())).flatten() {
                    if !images.iter().any(|known| known.resource == resource) {
                        images.push(Amount { resource, value: image.size_bytes });
                    }
                }
            }
        }
    }

    fn taint(&mut self, taint: &slim::Taint) -> Taint {
        Taint {
            key: self.text(&taint.key),
            value: self.text(&taint.value),
            effect: taint_effect(&taint.effect),
            since: taint.time_added.map(|time| time.0),
        }
    }

    /// Zones of one name in different regions are different zones: they get their region's name in front.
    pub(super) fn tell_zones_apart(&mut self, nodes: &mut [Node]) {
        let mut region_of: HashMap<Text, Text> = HashMap::new();
        let mut ambiguous: HashSet<Text> = HashSet::new();
        for node in nodes.iter().filter(|node| !node.zone.is_empty()) {
            let region = *region_of.entry(node.zone).or_insert(node.region);
            if region != node.region {
                ambiguous.insert(node.zone);
            }
        }
        for node in nodes.iter_mut().filter(|node| ambiguous.contains(&node.zone)) {
            let name: String = format!("{}/{}", self.texts.get(node.region), self.texts.get(node.zone));
            node.zone = self.texts.intern(&name);
        }
    }

    /// The namespaces that were read, and those that only other objects name.
    pub(super) fn namespaces(&mut self, read: &[ObjectId]) -> Vec<Namespace> {
        let mut named: HashMap<Text, ObjectId> = HashMap::new();
        for &id in read {
            named.insert(self.objects[id.position()].name, id);
        }
        let mentioned: Vec<Text> =
            self.objects.iter().map(|object| object.namespace).filter(|text| !text.is_empty()).collect();
        for name in mentioned {
            if !named.contains_key(&name) {
                let string: String = self.texts.get(name).into();
                let id = self.name_object("v1", "Namespace", "", &string);
                named.insert(name, id);
            }
        }
        let mut namespaces: Vec<Namespace> = named
            .into_iter()
            .map(|(name, object)| Namespace { object, labels: self.objects[object.position()].labels, name })
            .collect();
        namespaces.sort_by(|a, b| self.texts.get(a.name).cmp(self.texts.get(b.name)));
        namespaces
    }
}

/// Whether a node stands for capacity outside of the cluster: virtual-kubelet, Fargate.
fn is_virtual(node: &slim::Node) -> bool {
    let labels = &node.metadata.labels;
    labels.get("type") == Some("virtual-kubelet")
        || labels.get("eks.amazonaws.com/compute-type") == Some("fargate")
        || node.spec.taints.iter().any(|taint| taint.key == "virtual-kubelet.io/provider")
}

/// An image's name with its tag (`normalizedImageName` in
/// `pkg/scheduler/framework/plugins/imagelocality/image_locality.go`).
fn tagged(image: &str) -> String {
    let has_tag = image.rfind(':').map_or(0, |at| at + 1) > image.rfind('/').map_or(0, |at| at + 1);
    if has_tag { String::from(image) } else { format!("{image}:latest") }
}
