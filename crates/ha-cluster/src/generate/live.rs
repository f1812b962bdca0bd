//! The same cluster as an API server would return it: what controllers, the scheduler, admission
//! and the kubelets add to the manifests.

use std::collections::HashMap;

use fastrand::Rng;
use serde_json::{Value, json};

use super::placement::{Placer, Resources};
use super::plan::{Plan, Pool};
use super::pods::{Owner, PodMaker, RunningPod};
use super::{manifests, status, system};
use crate::error::Result;

/// When everything was created; a snapshot holds no later time.
pub(super) const CREATED: &str = "2026-01-15T10:00:00Z";

/// Hands out all objects: those without a namespace first, then workload by workload.
pub(super) fn visit(plan: &Plan, visit: &mut dyn FnMut(Value) -> Result<()>) -> Result<()> {
    let mut live = Live {
        plan,
        stamps: Stamps { rng: Rng::with_seed(plan.seed), version: 1000 },
        placer: Placer::new(&plan.nodes),
        node_uids: HashMap::new(),
        visit,
    };
    live.cluster_objects()?;
    live.system_objects()?;
    for workload in &plan.workloads {
        let mut objects = manifests::workload_objects(plan, workload).into_iter();
        let Some(controller) = objects.next() else {
            continue;
        };
        let needs = Resources::requested(&controller["spec"]["template"]["spec"]);
        let hosts = live.placer.place(workload, needs);
        if controller["kind"] == "StatefulSet" {
            for (ordinal, host) in hosts.iter().enumerate() {
                let zone = host.map_or(super::plan::ZONES[0], |host| plan.nodes[host].zone_name());
                let volume = manifests::volume(plan, workload, ordinal, zone);
                live.bound_volume(&controller, volume)?;
            }
        }
        let pods = live.controller(controller, &hosts)?;
        for object in objects {
            live.dependent(object, &pods)?;
        }
    }
    Ok(())
}

/// Gives objects their identity.
pub(super) struct Stamps {
    rng: Rng,
    version: u32,
}

impl Stamps {
    /// Writes what the API server gives every object; its UID.
    pub(super) fn stamp(&mut self, object: &mut Value) -> String {
        self.version += 1;
        let bits = format!("{:032x}", self.rng.u128(..));
        let uid = [&bits[..8], &bits[8..12], &bits[12..16], &bits[16..20], &bits[20..]].join("-");
        let metadata = &mut object["metadata"];
        metadata["uid"] = json!(uid);
        metadata["resourceVersion"] = json!(self.version.to_string());
        metadata["creationTimestamp"] = json!(CREATED);
        uid
    }

    /// A number that no other object has.
    pub(super) fn serial(&self) -> u32 {
        self.version
    }

    /// A random part of a name, in the alphabet that Kubernetes uses for it.
    pub(super) fn suffix(&mut self, length: usize) -> String {
        const ALPHABET: &[u8] = b"bcdfghjklmnpqrstvwxz2456789";
        let mut letter = || char::from(ALPHABET[self.rng.usize(..ALPHABET.len())]);
        std::iter::repeat_with(&mut letter).take(length).collect()
    }
}

struct Live<'a> {
    plan: &'a Plan,
    stamps: Stamps,
    placer: Placer,
    /// UIDs of the control-plane nodes, which own the mirror pods.
    node_uids: HashMap<String, String>,
    visit: &'a mut dyn FnMut(Value) -> Result<()>,
}

impl Live<'_> {
    fn emit(&mut self, mut object: Value) -> Result<()> {
        self.stamps.stamp(&mut object);
        (self.visit)(object)
    }

    fn cluster_objects(&mut self) -> Result<()> {
        for name in ["default", "kube-system", "kube-public", "kube-node-lease"] {
            let metadata = json!({ "name": name });
            self.emit(status::namespace(json!({ "apiVersion": "v1", "kind": "Namespace", "metadata": metadata })))?;
        }
        for object in system::cluster_objects(self.plan) {
            let is_namespace = object["kind"] == "Namespace";
            self.emit(if is_namespace { status::namespace(object) } else { object })?;
        }
        for (index, node) in self.plan.nodes.iter().enumerate() {
            let mut object = status::node(system::node(node), index);
            let uid = self.stamps.stamp(&mut object);
            if node.pool == Pool::ControlPlane {
                self.node_uids.insert(node.name.clone(), uid);
            }
            (self.visit)(object)?;
        }
        Ok(())
    }

    fn system_objects(&mut self) -> Result<()> {
        for component in ["kube-scheduler", "kube-controller-manager"] {
            self.emit(status::lease(component, &self.plan.nodes[0].name))?;
        }
        self.emit(status::kubernetes_service())?;
        let mut pods = Vec::new();
        for object in system::namespaced_objects(self.plan) {
            let needs = Resources::requested(&object["spec"]["template"]["spec"]);
            match object["kind"].as_str() {
                Some("Pod") => self.mirror_pod(&object)?,
                Some("Deployment") => {
                    let hosts = [Some(0), Some(1)]; // DNS tolerates the control plane
                    pods = self.controller(object, &hosts)?;
                }
                Some("DaemonSet") => {
                    let hosts: Vec<_> = (0..self.plan.nodes.len()).map(Some).collect();
                    hosts.iter().flatten().for_each(|node| self.placer.take(*node, needs));
                    self.controller(object, &hosts)?;
                }
                _ => self.dependent(object, &pods)?,
            }
        }
        Ok(())
    }

    /// A controller with its status, and everything down to its pods.
    fn controller(&mut self, object: Value, hosts: &[Option<usize>]) -> Result<Vec<RunningPod>> {
        let mut object = status::controller(object, hosts);
        let uid = self.stamps.stamp(&mut object);
        let mut owner = Owner::new(&object, uid);
        let mut template = object["spec"]["template"].clone();
        let namespace = object["metadata"]["namespace"].as_str().unwrap_or_default().to_owned();
        let kind = owner.kind.clone();
        if kind == "Deployment" {
            let hash = self.stamps.suffix(10);
            template["metadata"]["labels"]["pod-template-hash"] = json!(hash);
            let mut replica_set = status::replica_set(&object, &owner, &template, &hash);
            let uid = self.stamps.stamp(&mut replica_set);
            owner = Owner::new(&replica_set, uid);
            (self.visit)(object)?;
            (self.visit)(replica_set)?;
        } else {
            (self.visit)(object)?;
        }
        if kind == "CronJob" {
            return Ok(Vec::new());
        }
        let maker = PodMaker::new(&namespace, &template, owner, &mut self.stamps);
        let mut running = Vec::with_capacity(hosts.len());
        for (ordinal, host) in hosts.iter().enumerate() {
            let node = host.map(|host| &self.plan.nodes[host]);
            let (pod, described) = maker.pod(ordinal, node, &mut self.stamps);
            (self.visit)(pod)?;
            running.extend(described);
        }
        Ok(running)
    }

    fn mirror_pod(&mut self, object: &Value) -> Result<()> {
        let name = object["spec"]["nodeName"].as_str().unwrap_or_default().to_owned();
        let Some(index) = self.plan.nodes.iter().position(|node| node.name == name) else {
            return Ok(());
        };
        self.placer.take(index, Resources::requested(&object["spec"]));
        let uid = self.node_uids.get(&name).cloned().unwrap_or_default();
        let owner = Owner { api_version: "v1".to_owned(), kind: "Node".to_owned(), name, uid };
        let maker = PodMaker::new("kube-system", object, owner, &mut self.stamps);
        let (mut pod, _) = maker.pod(0, Some(&self.plan.nodes[index]), &mut self.stamps);
        pod["metadata"]["name"] = object["metadata"]["name"].clone();
        (self.visit)(pod)
    }

    /// A claim of a StatefulSet's pod, and its volume.
    fn bound_volume(&mut self, set: &Value, mut volume: Value) -> Result<()> {
        let mut claim = status::claim(set, &volume);
        let uid = self.stamps.stamp(&mut claim);
        volume["spec"]["claimRef"]["uid"] = json!(uid);
        volume["status"] = json!({ "phase": "Bound" });
        (self.visit)(claim)?;
        self.emit(volume)
    }

    /// What belongs to a workload: Services get endpoints, budgets and autoscalers a status.
    fn dependent(&mut self, object: Value, pods: &[RunningPod]) -> Result<()> {
        match object["kind"].as_str() {
            Some("Service") => {
                let mut service = status::service(object, &mut self.stamps);
                let uid = self.stamps.stamp(&mut service);
                let owner = Owner::new(&service, uid);
                let slices = status::endpoint_slices(&service, &owner, pods, &mut self.stamps);
                (self.visit)(service)?;
                slices.into_iter().try_for_each(|slice| self.emit(slice))
            }
            Some("PodDisruptionBudget") => self.emit(status::disruption_budget(object, pods.len())),
            Some("HorizontalPodAutoscaler") => self.emit(status::autoscaler(object, pods.len())),
            _ => self.emit(object),
        }
    }
}
