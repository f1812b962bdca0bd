//! Pod specifications, each once.

use alloc::vec::Vec;

use ha_core::snapshot::{
    Amount, Container, ContainerPort, GrpcCall, HttpGet, PodAffinityTerm, PodSpec, PodSpecId, PortReference, PreStop,
    PreferredNode, PreferredPods, Probe, ProbeHandler, SpreadConstraint, Toleration, Volume, VolumeSource,
};
use ha_core::text::Text;

use super::Builder;
use super::convert::{filled_in, taint_effect};
use crate::objects::{self as slim, PROGRAMS, Str, keep_last};

impl Builder {
    /// The number of a template's specification. Equal ones stand once.
    pub(super) fn intern_spec(&mut self, spec: &slim::PodSpec) -> PodSpecId {
        let spec = self.convert_spec(spec);
        PodSpecId::at(self.pod_specs.intern(spec))
    }

    /// A specification as the model has it.
    pub(super) fn convert_spec(&mut self, spec: &slim::PodSpec) -> PodSpec {
        let node_affinity = &spec.affinity.node_affinity;
        let (pods, anti) = (&spec.affinity.pod_affinity, &spec.affinity.pod_anti_affinity);
        let on_node = spec.host_network;
        PodSpec {
            containers: spec.containers.iter().map(|container| self.container(container, on_node)).collect(),
            init_containers: spec.init_containers.iter().map(|container| self.container(container, on_node)).collect(),
            node_selector: self.label_list(&spec.node_selector.0),
            node_affinity: node_affinity
                .required_during_scheduling_ignored_during_execution
                .as_ref()
                .map(|selector| self.node_selector(selector)),
            preferred_node_affinity: node_affinity
                .preferred_during_scheduling_ignored_during_execution
                .iter()
                .map(|term| PreferredNode { weight: term.weight, term: self.node_term(&term.preference) })
                .collect(),
            pod_affinity: self.required_pods(pods),
            preferred_pod_affinity: self.preferred_pods(pods),
            pod_anti_affinity: self.required_pods(anti),
            preferred_pod_anti_affinity: self.preferred_pods(anti),
            spread_constraints: spec.topology_spread_constraints.iter().map(|c| self.spread_constraint(c)).collect(),
            tolerations: spec.tolerations.iter().map(|toleration| self.toleration(toleration)).collect(),
            volumes: spec.volumes.iter().filter_map(|volume| self.pod_volume(volume)).collect(),
            node_name: self.text(&spec.node_name),
            priority_class: self.text(&spec.priority_class_name),
            never_preempts: spec.preemption_policy == "Never",
            scheduler_name: self.text(if spec.scheduler_name == "default-scheduler" {
                ""
            } else {
                &spec.scheduler_name
            }),
            host_network: spec.host_network,
            grace_seconds: spec.termination_grace_period_seconds.unwrap_or(30),
            restart_policy: self.text(if spec.restart_policy.is_empty() { "Always" } else { &spec.restart_policy }),
            overhead: self.amounts(&spec.overhead),
            requests: self.requests(&spec.resources),
            limits: self.amounts(&spec.resources.limits),
            scheduling_gates: spec.scheduling_gates.iter().map(|gate| self.texts.intern(&gate.name)).collect(),
            readiness_gates: spec.readiness_gates.iter().map(|gate| self.texts.intern(&gate.condition_type)).collect(),
            resource_claims: u32::try_from(spec.resource_claims.len()).unwrap_or(u32::MAX),
            service_account: self.text(&spec.service_account_name),
        }
    }

    fn container(&mut self, container: &slim::Container, on_node: bool) -> Container {
        let (mut flags, mut programs): (Vec<(Str, Str)>, Vec<Str>) = (Vec::new(), Vec::new());
        for line in [&container.command, &container.args] {
            flags.extend(line.flags.iter().cloned());
            programs.extend(line.programs.iter().cloned());
        }
        keep_last(&mut flags);
        let image = ha_core::arithmetic::replicas::image_name(&container.image);
        if PROGRAMS.contains(&image) {
            programs.push(image.into());
        }
        programs.sort();
        programs.dedup();
        Container {
            name: self.text(&container.name),
            image: self.text(&container.image),
            ports: container.ports.iter().map(|port| self.container_port(port, on_node)).collect(),
            requests: self.requests(&container.resources),
            limits: self.amounts(&container.resources.limits),
            readiness: container.readiness_probe.as_ref().map(|probe| self.probe(probe)),
            liveness: container.liveness_probe.as_ref().map(|probe| self.probe(probe)),
            startup: container.startup_probe.as_ref().map(|probe| self.probe(probe)),
            pre_stop: container.lifecycle.pre_stop.as_ref().map(pre_stop),
            is_sidecar: container.restart_policy == "Always",
            flags: self.label_list(&flags),
            programs: self.texts_of(&programs),
        }
    }

    /// On the host's network a port is the host's, too (`defaultHostNetworkPorts` in `pkg/apis/core/v1/defaults.go`).
    fn container_port(&mut self, port: &slim::ContainerPort, on_node: bool) -> ContainerPort {
        ContainerPort {
            name: self.text(&port.name),
            number: port.container_port,
            host_port: if on_node && port.host_port == 0 { port.container_port } else { port.host_port },
            host_address: self.text(&port.host_ip),
            protocol: self.text(if port.protocol.is_empty() { "TCP" } else { &port.protocol }),
        }
    }

    /// Requests as the API server fills them in: a limit without request is the request, too
    /// (`SetDefaults_Pod` in `pkg/apis/core/v1/defaults.go`).
    fn requests(&mut self, resources: &slim::ResourceRequirements) -> Vec<Amount> {
        let requests = filled_in(&[&resources.requests, &resources.limits]);
        self.amounts(&requests)
    }

    fn probe(&mut self, probe: &slim::Probe) -> Probe {
        let handler = if let Some(get) = &probe.http_get {
            ProbeHandler::HttpGet(HttpGet {
                path: self.text(if get.path.is_empty() { "/" } else { &get.path }),
                port: self.port_reference(&get.port),
                scheme: self.text(if get.scheme.is_empty() { "HTTP" } else { &get.scheme }),
                host: self.text(&get.host),
            })
        } else if let Some(socket) = &probe.tcp_socket {
            ProbeHandler::TcpSocket(self.port_reference(&socket.port))
        } else if let Some(call) = &probe.grpc {
            ProbeHandler::Grpc(GrpcCall { port: call.port, service: self.text(&call.service) })
        } else if let Some(exec) = &probe.exec {
            ProbeHandler::Exec(exec.command.digest)
        } else {
            ProbeHandler::Other
        };
        // The defaults are those of `SetDefaults_Probe`; 0 counts as unset there, too.
        let or_default = |value: Option<u32>, default| value.filter(|&value| value > 0).unwrap_or(default);
        Probe {
            handler,
            initial_delay_seconds: probe.initial_delay_seconds,
            period_seconds: or_default(probe.period_seconds, 10),
            timeout_seconds: or_default(probe.timeout_seconds, 1),
            failure_threshold: or_default(probe.failure_threshold, 3),
            success_threshold: or_default(probe.success_threshold, 1),
        }
    }

    fn required_pods(&mut self, affinity: &slim::PodAffinity) -> Vec<PodAffinityTerm> {
        let terms = &affinity.required_during_scheduling_ignored_during_execution;
        terms.iter().map(|term| self.pod_term(term)).collect()
    }

    fn preferred_pods(&mut self, affinity: &slim::PodAffinity) -> Vec<PreferredPods> {
        let terms = &affinity.preferred_during_scheduling_ignored_during_execution;
        terms
            .iter()
            .map(|term| PreferredPods { weight: term.weight, term: self.pod_term(&term.pod_affinity_term) })
            .collect()
    }

    fn pod_term(&mut self, term: &slim::PodAffinityTerm) -> PodAffinityTerm {
        PodAffinityTerm {
            selector: term.label_selector.as_ref().map(|selector| self.selector(selector)),
            namespaces: self.texts_of(&term.namespaces),
            namespace_selector: term.namespace_selector.as_ref().map(|selector| self.selector(selector)),
            topology_key: self.text(&term.topology_key),
            match_label_keys: self.texts_of(&term.match_label_keys),
            mismatch_label_keys: self.texts_of(&term.mismatch_label_keys),
        }
    }

    fn spread_constraint(&mut self, constraint: &slim::TopologySpreadConstraint) -> SpreadConstraint {
        SpreadConstraint {
            max_skew: constraint.max_skew.max(1),
            topology_key: self.text(&constraint.topology_key),
            hard: constraint.when_unsatisfiable != "ScheduleAnyway",
            selector: constraint.label_selector.as_ref().map(|selector| self.selector(selector)),
            min_domains: constraint.min_domains.unwrap_or(1).max(1),
            match_label_keys: self.texts_of(&constraint.match_label_keys),
            honors_node_affinity: constraint.node_affinity_policy != "Ignore",
            honors_node_taints: constraint.node_taints_policy == "Honor",
        }
    }

    fn toleration(&mut self, toleration: &slim::Toleration) -> Toleration {
        let other = matches!(toleration.operator.as_str(), "Lt" | "Gt");
        Toleration {
            key: self.text(&toleration.key),
            exists: toleration.operator == "Exists",
            other_operator: self.text(if other { &toleration.operator } else { "" }),
            value: self.text(&toleration.value),
            effect: (!toleration.effect.is_empty()).then(|| taint_effect(&toleration.effect)),
            seconds: toleration.toleration_seconds,
        }
    }

    /// A volume, when it matters where the pod runs or whether it survives.
    fn pod_volume(&mut self, volume: &slim::Volume) -> Option<Volume> {
        let (mut storage_class, mut read_only) = (Text::default(), false);
        let (source, reference) = if let Some(claim) = &volume.persistent_volume_claim {
            read_only = claim.read_only;
            (VolumeSource::Claim, claim.claim_name.clone())
        } else if let Some(ephemeral) = &volume.ephemeral {
            let class = ephemeral.volume_claim_template.spec.storage_class_name.as_deref().unwrap_or("");
            storage_class = self.texts.intern(class);
            (VolumeSource::Ephemeral, Str::default())
        } else if let Some(scratch) = &volume.empty_dir {
            (VolumeSource::EmptyDir, scratch.medium.clone())
        } else if let Some(path) = &volume.host_path {
            (VolumeSource::HostPath, path.path.clone())
        } else if let Some(csi) = &volume.csi {
            read_only = csi.read_only;
            (VolumeSource::Csi, csi.driver.clone())
        } else if let Some(export) = &volume.nfs {
            (VolumeSource::Network, export.server.clone())
        } else {
            let (identity, read) = disk(volume)?;
            read_only = read;
            (VolumeSource::Disk, identity)
        };
        let (name, reference) = (self.text(&volume.name), self.text(&reference));
        Some(Volume { name, source, reference, storage_class, read_only })
    }
}

/// The identity of a disk that the pod names itself, and whether it is only read. These are the kinds that the
/// scheduler's VolumeRestrictions plugin compares.
fn disk(volume: &slim::Volume) -> Option<(Str, bool)> {
    use compact_str::format_compact;
    if let Some(disk) = &volume.gce_persistent_disk {
        Some((format_compact!("gce:{}", disk.pd_name), disk.read_only))
    } else if let Some(disk) = &volume.aws_elastic_block_store {
        Some((format_compact!("ebs:{}", disk.volume_id), disk.read_only))
    } else if let Some(disk) = &volume.iscsi {
        Some((format_compact!("iscsi:{}", disk.iqn), disk.read_only))
    } else {
        let identity = |disk: &slim::RbdDisk| {
            // The API's default.
            let pool = if disk.pool.is_empty() { "rbd" } else { disk.pool.as_str() };
            format_compact!("rbd:{}/{pool}/{}", disk.monitors.join(","), disk.image)
        };
        volume.rbd.as_ref().map(|disk| (identity(disk), disk.read_only))
    }
}

fn pre_stop(handler: &slim::LifecycleHandler) -> PreStop {
    let sleep = handler.sleep.as_ref().map(|sleep| PreStop::Sleep(sleep.seconds));
    let exec = handler.exec.as_ref().and_then(|exec| exec.command.sleep).map(PreStop::ExecSleep);
    sleep.or(exec).unwrap_or(PreStop::Other)
}

/// The default port of a Service port: the same number.
pub(super) fn same_port(port: u32) -> PortReference {
    PortReference::Number(port)
}
