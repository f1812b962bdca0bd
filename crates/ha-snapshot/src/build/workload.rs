//! Controllers of pods, reduced as they come.

use ha_core::snapshot::{
    BatchSettings, ClaimTemplate, ObjectId, ResourceKind, RollingUpdate, StatefulSettings, Threshold, UpdateStrategy,
    Workload, WorkloadKind,
};

use super::convert::access_modes;
use super::owner::OwnerKey;
use super::{Builder, quantity};
use crate::objects::{self as slim, Metadata, REVISION_ANNOTATION};

/// A workload whose owner, pods and edges are not looked up yet.
#[derive(Debug)]
pub(super) struct WorkloadDraft {
    /// The record so far.
    pub(super) workload: Workload,
    /// Who controls it.
    pub(super) owner: Option<OwnerKey>,
}

impl Builder {
    pub(super) fn add_deployment(&mut self, id: ObjectId, deployment: slim::Deployment) {
        let spec = deployment.spec;
        let strategy = self.deployment_strategy(id, &spec.strategy);
        let workload = Workload {
            replicas: self.replicas(id, ResourceKind::Deployment, spec.replicas),
            current_replicas: deployment.status.replicas,
            selector: spec.selector.as_ref().map(|selector| self.selector(selector)),
            strategy,
            min_ready_seconds: spec.min_ready_seconds,
            progress_deadline_seconds: spec.progress_deadline_seconds,
            revision_history_limit: spec.revision_history_limit,
            paused: spec.paused,
            ..self.workload(id, WorkloadKind::Deployment, &spec.template)
        };
        self.push_workload(&deployment.metadata, workload);
    }

    pub(super) fn add_stateful_set(&mut self, id: ObjectId, set: slim::StatefulSet) {
        let spec = set.spec;
        let strategy = self.stateful_strategy(id, &spec.update_strategy);
        let claim_templates =
            spec.volume_claim_templates.iter().map(|template| self.claim_template(template)).collect();
        let stateful = StatefulSettings {
            parallel: spec.pod_management_policy == "Parallel",
            service_name: self.text(&spec.service_name),
            partition: spec.update_strategy.rolling_update.partition,
            first_ordinal: spec.ordinals.start,
            claim_templates,
            deletes_claims_on_scale_down: spec.persistent_volume_claim_retention_policy.when_scaled == "Delete",
        };
        let workload = Workload {
            replicas: self.replicas(id, ResourceKind::StatefulSet, spec.replicas),
            current_replicas: set.status.replicas,
            current_revision: self.text(&set.status.update_revision),
            selector: spec.selector.as_ref().map(|selector| self.selector(selector)),
            strategy,
            min_ready_seconds: spec.min_ready_seconds,
            revision_history_limit: spec.revision_history_limit,
            stateful: Some(stateful),
            ..self.workload(id, WorkloadKind::StatefulSet, &spec.template)
        };
        self.push_workload(&set.metadata, workload);
    }

    pub(super) fn add_daemon_set(&mut self, id: ObjectId, set: slim::DaemonSet) {
        let spec = set.spec;
        let strategy = self.daemon_strategy(id, &spec.update_strategy);
        let workload = Workload {
            current_replicas: set.status.desired_number_scheduled,
            selector: spec.selector.as_ref().map(|selector| self.selector(selector)),
            strategy,
            min_ready_seconds: spec.min_ready_seconds,
            ..self.workload(id, WorkloadKind::DaemonSet, &spec.template)
        };
        self.push_workload(&set.metadata, workload);
    }

    /// A ReplicaSet under a Deployment only leads to it; one of its own is a workload.
    pub(super) fn add_replica_set(&mut self, id: ObjectId, set: slim::ReplicaSet) {
        if let Some(owner) = set.metadata.controller().filter(|owner| owner.kind == "Deployment") {
            let key = self.owners.key(owner);
            self.owners.add_between(&set.metadata, key);
            let revision =
                set.metadata.annotations.get(REVISION_ANNOTATION).and_then(|text| text.parse().ok()).unwrap_or(0);
            let hash = set.metadata.labels.get("pod-template-hash").unwrap_or("");
            let hash = self.texts.intern(hash);
            self.replica_set_revisions.push((key, revision, hash));
            return;
        }
        let spec = set.spec;
        let workload = Workload {
            replicas: self.replicas(id, ResourceKind::ReplicaSet, spec.replicas),
            current_replicas: set.status.replicas,
            selector: spec.selector.as_ref().map(|selector| self.selector(selector)),
            min_ready_seconds: spec.min_ready_seconds,
            ..self.workload(id, WorkloadKind::ReplicaSet, &spec.template)
        };
        self.push_workload(&set.metadata, workload);
    }

    pub(super) fn add_replication_controller(&mut self, id: ObjectId, controller: slim::ReplicationController) {
        let spec = controller.spec;
        // Unset, it is the template's labels (`SetDefaults_ReplicationController`).
        let labels = Some(&spec.template.metadata.labels).filter(|labels| !labels.0.is_empty()).cloned();
        let selector = spec.selector.filter(|selector| !selector.0.is_empty()).or(labels);
        let workload = Workload {
            replicas: self.replicas(id, ResourceKind::ReplicationController, spec.replicas),
            current_replicas: controller.status.replicas,
            selector: selector.map(|labels| self.exact(&labels.0)),
            min_ready_seconds: spec.min_ready_seconds,
            ..self.workload(id, WorkloadKind::ReplicationController, &spec.template)
        };
        self.push_workload(&controller.metadata, workload);
    }

    /// A Job under a CronJob only leads to it.
    pub(super) fn add_job(&mut self, id: ObjectId, job: &slim::Job) {
        if let Some(owner) = job.metadata.controller().filter(|owner| owner.kind == "CronJob") {
            let key = self.owners.key(owner);
            self.owners.add_between(&job.metadata, key);
            return;
        }
        let condition = |name: &str| job.status.conditions.iter().any(|c| c.r#type == name && c.status == "True");
        let batch = BatchSettings {
            suspended: job.spec.suspend,
            last_started: job.status.start_time.map(|time| time.0),
            last_succeeded: job.status.completion_time.map(|time| time.0),
            parallelism: job.spec.parallelism.unwrap_or(1),
            finished: condition("Complete") || condition("Failed"),
            failed: condition("Failed"),
            ..BatchSettings::default()
        };
        let selector = job.spec.selector.as_ref().map(|selector| self.selector(selector));
        let workload =
            Workload { selector, batch: Some(batch), ..self.workload(id, WorkloadKind::Job, &job.spec.template) };
        self.push_workload(&job.metadata, workload);
    }

    pub(super) fn add_cron_job(&mut self, id: ObjectId, job: &slim::CronJob) {
        let batch = BatchSettings {
            schedule: self.text(&job.spec.schedule),
            time_zone: self.text(&job.spec.time_zone),
            suspended: job.spec.suspend,
            last_started: job.status.last_schedule_time.map(|time| time.0),
            last_succeeded: job.status.last_successful_time.map(|time| time.0),
            parallelism: job.spec.job_template.spec.parallelism.unwrap_or(1),
            ..BatchSettings::default()
        };
        let template = &job.spec.job_template.spec.template;
        let workload = Workload { batch: Some(batch), ..self.workload(id, WorkloadKind::CronJob, template) };
        self.push_workload(&job.metadata, workload);
    }

    /// What all workloads with a template have in common.
    fn workload(&mut self, id: ObjectId, kind: WorkloadKind, template: &slim::PodTemplate) -> Workload {
        self.add_suppressions(id, &template.metadata.annotations, true);
        Workload {
            object: id,
            kind,
            namespace: self.objects[id.position()].namespace,
            resolved: true,
            template_labels: self.labels(&template.metadata.labels.0),
            template_annotations: self.labels(&template.metadata.annotations.0),
            spec: self.intern_spec(&template.spec),
            ..Workload::default()
        }
    }

    fn push_workload(&mut self, metadata: &Metadata, workload: Workload) {
        let owner = metadata.controller().map(|owner| self.owners.key(owner));
        self.owners.add_workload(metadata, self.workloads.len());
        self.workloads.push(WorkloadDraft { workload, owner });
    }

    fn deployment_strategy(&mut self, id: ObjectId, strategy: &slim::DeploymentStrategy) -> UpdateStrategy {
        if strategy.r#type == "Recreate" {
            return UpdateStrategy::Recreate;
        }
        let quarter = Threshold::Percent(25);
        self.rolling_update(id, ResourceKind::Deployment, "spec.strategy", strategy, (quarter, quarter))
    }

    fn stateful_strategy(&mut self, id: ObjectId, strategy: &slim::DeploymentStrategy) -> UpdateStrategy {
        if strategy.r#type == "OnDelete" {
            return UpdateStrategy::OnDelete;
        }
        let defaults = (Threshold::Count(1), Threshold::Count(0));
        self.rolling_update(id, ResourceKind::StatefulSet, "spec.updateStrategy", strategy, defaults)
    }

    fn daemon_strategy(&mut self, id: ObjectId, strategy: &slim::DeploymentStrategy) -> UpdateStrategy {
        if strategy.r#type == "OnDelete" {
            return UpdateStrategy::OnDelete;
        }
        let defaults = (Threshold::Count(1), Threshold::Count(0));
        self.rolling_update(id, ResourceKind::DaemonSet, "spec.updateStrategy", strategy, defaults)
    }

    fn rolling_update(
        &mut self,
        id: ObjectId,
        kind: ResourceKind,
        path: &str,
        strategy: &slim::DeploymentStrategy,
        defaults: (Threshold, Threshold),
    ) -> UpdateStrategy {
        let bounds = &strategy.rolling_update;
        let unavailable = alloc::format!("{path}.rollingUpdate.maxUnavailable");
        let surge = alloc::format!("{path}.rollingUpdate.maxSurge");
        UpdateStrategy::RollingUpdate(RollingUpdate {
            max_unavailable: self
                .threshold(id, kind, &unavailable, bounds.max_unavailable.as_ref())
                .unwrap_or(defaults.0),
            max_surge: self.threshold(id, kind, &surge, bounds.max_surge.as_ref()).unwrap_or(defaults.1),
        })
    }

    fn claim_template(&mut self, template: &slim::ClaimTemplate) -> ClaimTemplate {
        ClaimTemplate {
            name: self.text(&template.metadata.name),
            storage_class: template.spec.storage_class_name.as_ref().map(|class| self.texts.intern(class)),
            access_modes: access_modes(&template.spec.access_modes),
            bytes: storage_bytes(&template.spec.resources.requests),
            selector: template.spec.selector.as_ref().map(|selector| self.selector(selector)),
            block: template.spec.volume_mode == "Block",
        }
    }
}

/// The bytes under `storage`; 0 when not given.
pub(super) fn storage_bytes(resources: &slim::ResourceMap) -> i64 {
    let storage = resources.0.iter().find(|(resource, _)| resource == "storage");
    storage.and_then(|(resource, quantity)| quantity::amount(resource, &quantity.0)).unwrap_or(0)
}
