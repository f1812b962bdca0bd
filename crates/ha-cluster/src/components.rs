//! The command lines of the control plane.

use std::net::TcpListener;
use std::path::Path;

use crate::binaries::Binaries;
use crate::credentials::Credentials;
use crate::error::{Error, Result};
use crate::process::Launch;

/// One port on 127.0.0.1 per listener of the cluster.
#[derive(Debug)]
pub(crate) struct Ports {
    pub(crate) etcd: u16,
    pub(crate) etcd_peer: u16,
    pub(crate) kube_apiserver: u16,
    pub(crate) kube_controller_manager: u16,
    pub(crate) kube_scheduler: u16,
    pub(crate) kwok: u16,
}

impl Ports {
    /// Takes ports that are free now. All are held until the last is found, so that they differ.
    pub(crate) fn free() -> Result<Self> {
        let bind = || TcpListener::bind(("127.0.0.1", 0));
        let held: [TcpListener; 6] = [bind(), bind(), bind(), bind(), bind(), bind()]
            .into_iter()
            .collect::<std::io::Result<Vec<_>>>()
            .map_err(Error::Port)?
            .try_into()
            .map_err(|_| Error::Usage("six ports were asked for".to_owned()))?;
        let port = |index: usize| held[index].local_addr().map(|address| address.port());
        let ports = || -> std::io::Result<Self> {
            Ok(Self {
                etcd: port(0)?,
                etcd_peer: port(1)?,
                kube_apiserver: port(2)?,
                kube_controller_manager: port(3)?,
                kube_scheduler: port(4)?,
                kwok: port(5)?,
            })
        };
        ports().map_err(Error::Port)
    }
}

/// What the command lines are made of.
pub(crate) struct Components<'a> {
    pub(crate) binaries: &'a Binaries,
    pub(crate) credentials: &'a Credentials,
    pub(crate) ports: &'a Ports,
    /// The cluster's folder.
    pub(crate) directory: &'a Path,
    /// The administrator's kubeconfig.
    pub(crate) kubeconfig: &'a Path,
}

impl Components<'_> {
    pub(crate) fn etcd(&self) -> Launch {
        let client = format!("http://127.0.0.1:{}", self.ports.etcd);
        let peer = format!("http://127.0.0.1:{}", self.ports.etcd_peer);
        let arguments = vec![
            format!("--data-dir={}", self.directory.join("etcd").display()),
            format!("--listen-client-urls={client}"),
            format!("--advertise-client-urls={client}"),
            format!("--listen-peer-urls={peer}"),
            format!("--initial-advertise-peer-urls={peer}"),
            format!("--initial-cluster=default={peer}"),
            "--quota-backend-bytes=8589934592".to_owned(),
            "--unsafe-no-fsync".to_owned(),
            "--log-level=warn".to_owned(),
        ];
        let program = self.binaries.etcd.clone();
        Launch { name: "etcd", program, arguments, health: format!("{client}/readyz") }
    }

    /// The advertised address is one of RFC 5737's, which is nobody's, and is not published
    /// (no endpoint reconciler): tests decide how many API servers `default/kubernetes` shows.
    pub(crate) fn kube_apiserver(&self) -> Launch {
        let port = self.ports.kube_apiserver;
        let file = |path: &Path| path.display().to_string();
        let arguments = vec![
            format!("--etcd-servers=http://127.0.0.1:{}", self.ports.etcd),
            "--bind-address=127.0.0.1".to_owned(),
            format!("--secure-port={port}"),
            "--advertise-address=192.0.2.1".to_owned(),
            "--endpoint-reconciler-type=none".to_owned(),
            format!("--tls-cert-file={}", file(&self.credentials.certificate)),
            format!("--tls-private-key-file={}", file(&self.credentials.key)),
            format!("--token-auth-file={}", file(&self.credentials.tokens)),
            "--authorization-mode=RBAC".to_owned(),
            "--service-account-issuer=https://kubernetes.default.svc".to_owned(),
            format!("--service-account-key-file={}", file(&self.credentials.service_account_public_key)),
            format!("--service-account-signing-key-file={}", file(&self.credentials.service_account_key)),
            "--service-cluster-ip-range=10.96.0.0/12".to_owned(),
            "--allow-privileged=true".to_owned(),
            "--max-requests-inflight=1000".to_owned(),
            "--max-mutating-requests-inflight=500".to_owned(),
        ];
        secure("kube-apiserver", &self.binaries.kube_apiserver, arguments, port)
    }

    /// Timers differ from the defaults where only their cost would show here; what the
    /// controllers decide is the same.
    pub(crate) fn kube_controller_manager(&self) -> Launch {
        let port = self.ports.kube_controller_manager;
        let mut arguments = self.client_arguments(port);
        arguments.extend([
            format!("--service-account-private-key-file={}", self.credentials.service_account_key.display()),
            format!("--root-ca-file={}", self.credentials.authority.display()),
            "--use-service-account-credentials=false".to_owned(),
            "--endpoint-updates-batch-period=1s".to_owned(),
            "--endpointslice-updates-batch-period=1s".to_owned(),
            // There is no metrics API: asking for it every 15 s only makes events.
            "--horizontal-pod-autoscaler-sync-period=10m".to_owned(),
            // No kubelet ever dies here; on a busy machine kwok is only late.
            "--node-monitor-grace-period=5m".to_owned(),
        ]);
        let program = &self.binaries.kube_controller_manager;
        secure("kube-controller-manager", program, arguments, port)
    }

    pub(crate) fn kube_scheduler(&self) -> Launch {
        let port = self.ports.kube_scheduler;
        let arguments = self.client_arguments(port);
        secure("kube-scheduler", &self.binaries.kube_scheduler, arguments, port)
    }

    pub(crate) fn kwok(&self) -> Launch {
        let address = format!("127.0.0.1:{}", self.ports.kwok);
        let arguments = vec![
            format!("--kubeconfig={}", self.kubeconfig.display()),
            format!("--config={}", self.binaries.kwok_stages.display()),
            format!("--server-address={address}"),
            "--manage-all-nodes=true".to_owned(),
            // A node with this annotation can be made to look lost.
            "--disregard-status-with-annotation-selector=kwok.x-k8s.io/status=custom".to_owned(),
            "--node-lease-duration-seconds=240".to_owned(),
            "-v=WARN".to_owned(),
        ];
        let program = self.binaries.kwok.clone();
        Launch { name: "kwok", program, arguments, health: format!("http://{address}/readyz") }
    }

    /// What controller manager and scheduler have in common.
    fn client_arguments(&self, port: u16) -> Vec<String> {
        let kubeconfig = self.kubeconfig.display();
        vec![
            format!("--kubeconfig={kubeconfig}"),
            format!("--authentication-kubeconfig={kubeconfig}"),
            format!("--authorization-kubeconfig={kubeconfig}"),
            "--bind-address=127.0.0.1".to_owned(),
            format!("--secure-port={port}"),
            "--kube-api-qps=1000".to_owned(),
            "--kube-api-burst=2000".to_owned(),
        ]
    }
}

/// A component that answers on an encrypted port; its health needs no credentials.
fn secure(name: &'static str, program: &Path, arguments: Vec<String>, port: u16) -> Launch {
    let health = match name {
        "kube-controller-manager" => "healthz", // it has no /readyz
        _ => "readyz",
    };
    let health = format!("https://127.0.0.1:{port}/{health}");
    Launch { name, program: program.to_path_buf(), arguments, health }
}
