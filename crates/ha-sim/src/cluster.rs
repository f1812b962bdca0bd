//! What a disruption does to the cluster itself: its API server and etcd, its DNS, the way in from outside, admission
//! webhooks that fail closed, and the controllers without which other pods do not come back.
//!
//! The simulation of workloads takes for granted that pods can be created. Where etcd loses its quorum, the last API
//! server goes, or a webhook refuses the pods of which it is made, they cannot: that is said here, in words, and the
//! workloads are told as if somebody had repaired it. A control plane that shows no pods and no nodes (a managed one)
//! is not in sight and nothing is said of it.
//! Sources: rules.md 2.6 (quorum), `pkg/webhook/predicates` of `k8s.io/apiserver` (which requests a webhook sees).

use ha_core::arithmetic::quorum::quorum;
use ha_core::arithmetic::size;
use ha_core::impact::{ClusterLoss, Disruption, DisruptionKind, PodCounts, WorkloadImpact};
use ha_core::labels::LabelSet;
use ha_core::roles::admission::{CREATE_POD, VITAL, configurations, listing_rule, selects_namespace};
use ha_core::roles::control_plane::{Component, component_pods, control_plane_nodes, etcd};
use ha_core::roles::{controllers, dns, traffic};
use ha_core::snapshot::{
    NodeId, ObjectId, PodId, Readiness, Service, ServiceId, Snapshot, Webhook, WebhookBackend, Workload, WorkloadId,
    WorkloadKind,
};
use hashbrown::HashSet;

/// Who does what for the cluster, found once per snapshot.
#[derive(Clone, Debug, Default)]
pub struct Roles {
    etcd: Vec<Member>,
    api_servers: Vec<Member>,
    services: Vec<Helper>,
    hooks: Vec<Hook>,
}

/// A member of the control plane, which goes with its node.
#[derive(Clone, Copy, Debug)]
struct Member {
    node: Option<NodeId>,
    healthy: bool,
}

/// Pods that serve the whole cluster.
#[derive(Clone, Debug)]
struct Helper {
    object: ObjectId,
    pods: Vec<PodId>,
    workloads: Vec<WorkloadId>,
    /// What does not happen while none of them is ready.
    while_down: &'static str,
}

/// Webhooks of one configuration that fail closed and that one Service answers.
#[derive(Clone, Debug)]
struct Hook {
    object: ObjectId,
    /// Their positions in the snapshot's table.
    webhooks: Vec<usize>,
    pods: Vec<PodId>,
    workloads: Vec<WorkloadId>,
}

impl Roles {
    /// Finds them.
    pub fn of(snapshot: &Snapshot) -> Self {
        let etcd = etcd(snapshot).map_or(Vec::new(), |etcd| etcd.members);
        let member = |member: &ha_core::roles::control_plane::EtcdMember| Member {
            node: member.node,
            healthy: member.healthy != Some(false),
        };
        Self {
            etcd: etcd.iter().map(member).collect(),
            api_servers: api_servers(snapshot),
            services: helpers(snapshot),
            hooks: hooks(snapshot),
        }
    }
}

/// A part of the cluster itself that stops once too few of its pods or members are left.
pub(crate) struct Vital {
    /// The object concerned.
    pub(crate) object: ObjectId,
    /// What it is.
    pub(crate) what: &'static str,
    /// Where each of those that are ready is; none where that is not known.
    pub(crate) nodes: Vec<Option<NodeId>>,
    /// How many must be left.
    pub(crate) needed: u32,
}

impl Roles {
    /// What stops when too much of it is lost.
    pub(crate) fn vitals(&self, snapshot: &Snapshot) -> Vec<Vital> {
        let members = |members: &[Member]| -> Vec<Option<NodeId>> {
            members.iter().filter(|member| member.healthy).map(|member| member.node).collect()
        };
        let pods = |pods: &[PodId]| -> Vec<Option<NodeId>> {
            pods.iter().map(|&id| snapshot.pod(id)).filter(|pod| pod.is_healthy()).map(|pod| pod.node).collect()
        };
        let vital = |object, what, nodes, needed| Vital { object, what, nodes, needed };
        let mut vitals = vec![
            vital(Snapshot::CLUSTER, "etcd", members(&self.etcd), quorum(size(self.etcd.len()))),
            vital(Snapshot::CLUSTER, "API server", members(&self.api_servers), 1),
        ];
        vitals.extend(self.hooks.iter().map(|hook| vital(hook.object, "admission webhook", pods(&hook.pods), 1)));
        vitals
            .extend(self.services.iter().map(|helper| vital(helper.object, helper.while_down, pods(&helper.pods), 1)));
        vitals
    }
}

/// The API servers that show themselves as pods; where none does, one on each node of the control plane (k3s).
fn api_servers(snapshot: &Snapshot) -> Vec<Member> {
    let pods = component_pods(snapshot, Component::ApiServer);
    if !pods.is_empty() {
        return pods.iter().map(|pod| Member { node: pod.node, healthy: pod.is_healthy() }).collect();
    }
    let names: HashSet<ObjectId> = control_plane_nodes(snapshot).iter().map(|node| node.object).collect();
    let nodes = snapshot.nodes_by_id().filter(|(_, node)| names.contains(&node.object));
    nodes.map(|(id, node)| Member { node: Some(id), healthy: node.readiness == Readiness::Ready }).collect()
}

fn helpers(snapshot: &Snapshot) -> Vec<Helper> {
    let dns = dns::service(snapshot).map(|service| Helper {
        object: service.object,
        pods: pods_behind(snapshot, service),
        workloads: service.workloads.clone(),
        while_down: "no name is resolved",
    });
    let of_workload = |(id, workload): (WorkloadId, &Workload)| {
        let while_down = while_down(snapshot, workload)?;
        let pods = workload.pods.of(&snapshot.workload_pods).to_vec();
        Some(Helper { object: workload.object, pods, workloads: vec![id], while_down })
    };
    dns.into_iter().chain(snapshot.workloads_by_id().filter_map(of_workload)).collect()
}

fn while_down(snapshot: &Snapshot, workload: &Workload) -> Option<&'static str> {
    if !workload.serves_continuously() {
        return None;
    }
    let traffic = traffic::controller(snapshot, workload).map(|controller| {
        if controller.carries_traffic {
            "nothing behind it is reached from outside"
        } else {
            "load balancers keep the state of before"
        }
    });
    traffic.or_else(|| controllers::controller(snapshot, workload).map(controllers::Controller::while_down))
}

fn pods_behind(snapshot: &Snapshot, service: &Service) -> Vec<PodId> {
    let Some(selector) = &service.selector else {
        return Vec::new();
    };
    let pods = service.workloads.iter().flat_map(|&id| snapshot.workload(id).pods.of(&snapshot.workload_pods));
    let selected = |&id: &PodId| selector.matches(snapshot.labels(snapshot.pod(id).labels), &snapshot.texts);
    pods.copied().filter(selected).collect()
}

fn hooks(snapshot: &Snapshot) -> Vec<Hook> {
    let mut hooks: Vec<(ServiceId, Hook)> = Vec::new();
    let mut position = 0;
    for (object, webhooks) in configurations(snapshot) {
        for webhook in webhooks {
            let WebhookBackend::Service(reference) = &webhook.backend else {
                position += 1;
                continue;
            };
            if let Some(id) = reference.service.filter(|_| webhook.fails_closed && !webhook.rules.is_empty()) {
                let service = snapshot.service(id);
                match hooks.iter_mut().find(|(known, hook)| *known == id && hook.object == object) {
                    Some((_, hook)) => hook.webhooks.push(position),
                    None => hooks.push((
                        id,
                        Hook {
                            object,
                            webhooks: vec![position],
                            pods: pods_behind(snapshot, service),
                            workloads: service.workloads.clone(),
                        },
                    )),
                }
            }
            position += 1;
        }
    }
    hooks.into_iter().map(|(_, hook)| hook).collect()
}

/// What a disruption left, as far as it matters here.
pub struct Aftermath<'a> {
    /// The snapshot.
    pub snapshot: &'a Snapshot,
    /// The disruption.
    pub disruption: &'a Disruption,
    /// Whether a pod is ready right after.
    pub is_ready: &'a dyn Fn(PodId) -> bool,
    /// What it does to workloads, sorted by them.
    pub workloads: &'a [WorkloadImpact],
}

/// What the cluster loses, the control plane first. Whatever the disruption does not touch is left out.
pub fn losses(roles: &Roles, aftermath: &Aftermath) -> Vec<ClusterLoss> {
    let mut losses: Vec<ClusterLoss> = Vec::new();
    losses.extend(aftermath.etcd(&roles.etcd));
    losses.extend(aftermath.api_servers(&roles.api_servers));
    losses.extend(roles.hooks.iter().filter_map(|hook| aftermath.hook(hook)));
    losses.extend(roles.services.iter().filter_map(|helper| aftermath.helper(helper)));
    losses
}

impl Aftermath<'_> {
    /// Members before and after: those of the control plane are static pods or processes of their node, which a drain
    /// leaves alone, and which go and come back one by one in an upgrade.
    fn members(&self, members: &[Member]) -> Option<(u32, u32)> {
        if !matches!(self.disruption.kind, DisruptionKind::Loss(_)) {
            return None;
        }
        let before = members.iter().filter(|member| member.healthy);
        let stays = |member: &&Member| member.node.is_none_or(|node| !self.disruption.nodes.contains(&node));
        let after = size(before.clone().filter(stays).count());
        let before = size(before.count());
        (after < before).then_some((before, after))
    }

    fn etcd(&self, members: &[Member]) -> Option<ClusterLoss> {
        let (_, after) = self.members(members)?;
        let (all, quorum) = (size(members.len()), quorum(size(members.len())));
        let what = match after.checked_sub(quorum) {
            None => "nothing can be written, so nothing is recreated until members come back".to_owned(),
            Some(0) => "the quorum holds, no further loss allowed".to_owned(),
            Some(1) => "the quorum holds, 1 more may be lost".to_owned(),
            Some(more) => format!("the quorum holds, {more} more may be lost"),
        };
        let message = format!("{after} of {all} etcd members left, quorum is {quorum}: {what}");
        Some(ClusterLoss { object: Snapshot::CLUSTER, down: after < quorum, message })
    }

    fn api_servers(&self, members: &[Member]) -> Option<ClusterLoss> {
        let (_, after) = self.members(members)?;
        let all = members.len();
        let what = match after {
            0 => ": nobody can read or change anything, and nothing is recreated",
            1 if all > 1 => ": no further loss allowed",
            _ => "",
        };
        let message = format!("{after} of {all} API servers left{what}");
        Some(ClusterLoss { object: Snapshot::CLUSTER, down: after == 0, message })
    }

    /// How many of the pods are ready before and right after, when that is not the same.
    fn ready(&self, pods: &[PodId]) -> Option<(u32, u32)> {
        let before = size(pods.iter().filter(|&&pod| self.snapshot.pod(pod).is_healthy()).count());
        let after = size(pods.iter().filter(|&&pod| (self.is_ready)(pod)).count());
        (after < before).then_some((before, after))
    }

    fn helper(&self, helper: &Helper) -> Option<ClusterLoss> {
        let (before, after) = self.ready(&helper.pods)?;
        let mut message = format!("{after} of {before} pods ready");
        if after == 0 {
            message.push_str(": ");
            message.push_str(helper.while_down);
        }
        message.push_str(&self.later(&helper.workloads));
        Some(ClusterLoss { object: helper.object, down: after == 0, message })
    }

    /// `; later 2 of 3 scheduled`.
    fn later(&self, workloads: &[WorkloadId]) -> String {
        let impacts = workloads.iter().filter_map(|&id| WorkloadImpact::of(self.workloads, id));
        let (mut scheduled, mut worst, mut all) = (0_u64, 0_u64, 0_u64);
        for impact in impacts {
            let PodCounts { scheduled: here, pending, not_created } = impact.recovered;
            scheduled += u64::from(here);
            worst += u64::from(impact.worst.scheduled.min(here));
            all += u64::from(here) + u64::from(pending) + u64::from(not_created);
        }
        match all {
            0 => "; nothing brings them back".to_owned(),
            _ if worst < scheduled => format!("; later {worst} to {scheduled} of {all} scheduled, depending on order"),
            _ => format!("; later {scheduled} of {all} scheduled"),
        }
    }

    /// A webhook that fails closed and that nobody answers any more.
    fn hook(&self, hook: &Hook) -> Option<ClusterLoss> {
        let (before, after) = self.ready(&hook.pods)?;
        if after > 0 {
            return None;
        }
        let webhooks: Vec<&Webhook> = hook.webhooks.iter().map(|&position| &self.snapshot.webhooks[position]).collect();
        let refused = self.refused(&webhooks);
        let circle = webhooks.iter().map(|webhook| self.guards(webhook, &hook.workloads)).max().unwrap_or(Guards::No);
        let end = match circle {
            Guards::Itself => {
                "; its own pods among them: it does not come back until the configuration is deleted".into()
            }
            Guards::Perhaps => "; perhaps its own pods among them, then it does not come back by itself".into(),
            Guards::No => self.later(&hook.workloads),
        };
        let message = format!("0 of {before} pods ready and it fails closed: {refused} refused{end}");
        Some(ClusterLoss { object: hook.object, down: true, message })
    }

    /// What is refused: new pods, with the number of workloads that wait for some; what nodes need; else the first of
    /// what its rules name.
    fn refused(&self, webhooks: &[&Webhook]) -> String {
        let lists = |request| webhooks.iter().any(|webhook| listing_rule(self.snapshot, webhook, request).is_some());
        let mut what: Vec<String> = Vec::new();
        if lists(CREATE_POD) {
            let stopped = self.workloads.iter().filter(|impact| {
                impact.ready < impact.before
                    && webhooks.iter().any(|webhook| self.guards(webhook, &[impact.workload]) != Guards::No)
            });
            what.push(match stopped.count() {
                0 => "new pods are".to_owned(),
                1 => "new pods are (1 workload here needs some)".to_owned(),
                number => format!("new pods are (those of {number} workloads here)"),
            });
        }
        let vital: Vec<&str> =
            VITAL.iter().filter(|&&request| lists(request)).map(|request| request.resource).collect();
        if !vital.is_empty() {
            what.push(format!("changes of {} are", vital.join(", ")));
        }
        if what.is_empty() {
            let rules = webhooks.iter().flat_map(|webhook| &webhook.rules);
            let mut resources: Vec<&str> =
                rules.flat_map(|rule| &rule.resources).map(|&resource| self.snapshot.text(resource)).collect();
            resources.sort_unstable();
            resources.dedup();
            resources.truncate(5);
            what.push(format!("requests for {} are", resources.join(", ")));
        }
        what.join(", ")
    }

    /// Whether a webhook is asked about new pods of one of these workloads.
    fn guards(&self, webhook: &Webhook, workloads: &[WorkloadId]) -> Guards {
        if listing_rule(self.snapshot, webhook, CREATE_POD).is_none() {
            return Guards::No;
        }
        let each = workloads.iter().map(|&id| self.guards_one(webhook, self.snapshot.workload(id)));
        each.max().unwrap_or(Guards::No)
    }

    fn guards_one(&self, webhook: &Webhook, workload: &Workload) -> Guards {
        let snapshot = self.snapshot;
        let labels: &LabelSet = snapshot.labels(workload.template_labels);
        let created = !matches!(workload.kind, WorkloadKind::StaticPod | WorkloadKind::BarePod);
        if !created || !webhook.object_selector.matches(labels, &snapshot.texts) {
            return Guards::No;
        }
        match selects_namespace(snapshot, &webhook.namespace_selector, snapshot.text(workload.namespace)) {
            Some(false) => Guards::No,
            Some(true) if webhook.match_conditions == 0 => Guards::Itself,
            _ => Guards::Perhaps,
        }
    }
}

/// Whether a webhook is asked about certain pods.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Guards {
    No,
    /// Conditions or labels that were not read decide.
    Perhaps,
    Itself,
}
