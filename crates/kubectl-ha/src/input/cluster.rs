//! A live cluster.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use ha_core::snapshot::{ResourceKind, SourceKind};
use ha_read::cluster::{self, Limits, Options, Progress};
use ha_read::kubeconfig::{Environment, Flags};

use super::{Sink, Source, now};
use crate::{cli, sanitize, terminal};

/// Reads the cluster that flags and kubeconfig choose.
pub(super) fn read(connection: &cli::Connection, sink: Sink) -> anyhow::Result<Source> {
    let options = options(connection);
    let start = Instant::now();
    let taken_at = now();
    let mut progress = ProgressLine::default();
    let read = cluster::read(&options, sink, &mut |event| progress.show(event));
    progress.clear();
    Ok(Source {
        kind: SourceKind::Cluster,
        taken_at,
        reading: read?,
        manifests: None,
        description: String::new(),
        read_in: Some(start.elapsed()),
        narrowed: !connection.namespace.is_empty() || connection.selector.is_some(),
    })
}

/// What the reader is to do.
fn options(connection: &cli::Connection) -> Options {
    let mut limits = Limits::default();
    match connection.request_timeout {
        // kubectl's 0 means no limit.
        Some(Duration::ZERO) => limits.request_timeout = Duration::MAX,
        Some(timeout) => limits.request_timeout = timeout,
        None => {}
    }
    Options {
        flags: flags(connection),
        environment: Environment::of_process(),
        namespaces: connection.namespace.clone(),
        label_selector: connection.selector.clone(),
        limits,
    }
}

fn flags(connection: &cli::Connection) -> Flags {
    let connection = connection.clone();
    Flags {
        kubeconfig: connection.kubeconfig,
        context: connection.context,
        cluster: connection.cluster,
        user: connection.user,
        server: connection.server,
        token: connection.token.map(cli::Token::into_secret),
        as_user: connection.as_user,
        as_groups: connection.as_groups,
        as_uid: connection.as_uid,
        insecure_skip_tls_verify: connection.insecure_skip_tls_verify,
        tls_server_name: connection.tls_server_name,
        certificate_authority: connection.certificate_authority,
        kuberc: connection.kuberc,
    }
}

/// One line on standard error that counts while somebody watches.
#[derive(Debug, Default)]
struct ProgressLine {
    objects: BTreeMap<ResourceKind, usize>,
    shown: Option<Instant>,
}

impl ProgressLine {
    /// How often the line changes; the eye sees no more.
    const PACE: Duration = Duration::from_millis(80);

    fn show(&mut self, event: Progress) {
        match event {
            Progress::Said(text) => {
                self.clear();
                terminal::note(&sanitize::lines(text));
            }
            Progress::Read { kind, objects, .. } => {
                self.objects.insert(kind, objects);
                let due = self.shown.is_none_or(|shown| shown.elapsed() >= Self::PACE);
                if due && terminal::is_watched() {
                    let total: usize = self.objects.values().sum();
                    terminal::note(&format!("\r\x1b[Kreading: {total} objects of {} kinds", self.objects.len()));
                    self.shown = Some(Instant::now());
                }
            }
        }
    }

    fn clear(&mut self) {
        if self.shown.take().is_some() {
            terminal::note("\r\x1b[K");
        }
    }
}
