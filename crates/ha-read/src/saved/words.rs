//! Pseudonyms for words: every word that is not public gets another, and always the same one.
//!
//! Names in Kubernetes are made of words joined by `-` and `.`, and are joined to each other by that rule: the claim
//! `data-db-0` belongs to the pod `db-0` of the StatefulSet `db`. Renaming words instead of whole names keeps every
//! such tie without knowing it. What the words were stands nowhere: the numbers follow the order of appearance.

use std::collections::{HashMap, HashSet};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// Longest number that is kept as it is: ordinals and ports, not account numbers.
const KEPT_DIGITS: usize = 5;

/// Words that tell nothing about whose cluster it is. Rules look for some of them in names and labels.
const PUBLIC: &str = "
    a active agent alertmanager amd64 api apiserver app apps arbiter argo argocd arm64 auth auto autoscaler aws azure
    backend backup bar barman batch beta blue broker build cache calico canary cassandra cattle cd cert certificate
    certmanager cilium class client cloud cluster clusters clickhouse cloudflared cm coordinator cockroachdb collector
    component compute config consul containerd contour control controller controllers core coredns critical cron
    crunchy csi daemon dashboard data database db debug default demo dev development disk disruption dns docker dst
    ebs edge efs eks elastic elasticsearch election enabled endpoint endpoints engine envoy etcd event existing exporter
    external externaldns false fast feature file flannel fluent fluentbit fluentd flux fluxcd foundationdb frontend
    galera gatekeeper gateway gce gcp gke grafana green gp2 gp3 ha haproxy hashicorp headless health healthcheck
    healthz helm high host hostname http https image infra ingest ingress ingressgateway init instance internal io
    istio istiod jaeger job k0s k3s k8s kafka karpenter keda keycloak kibana kind knative kong konnectivity kube
    kubelet kubernetes kured kyverno large latest lb leader lib linkerd linux livez local localhost log logging logs
    logstash loki longhorn low main manage managed management manager mariadb master max medium member memcached mesh
    metadata metrics migration milvus min minio mnt mongo mongodb mongodump monitor monitoring mutating mysql name
    namespace nats neo4j net network new nfs nginx node nodes none normal old on only oom opa openebs opensearch operator
    operators ops openshift patroni percona persistent pg pgbouncer plane platform pod pods policy pool postgres
    postgresql premium primary priority probe prod production prometheus promtail proxy proxysql pvc queue rabbitmq
    rac rancher raft read readiness readonly ready readyz redis redpanda region registry release replica replicas
    replication repo report rest restic role rook root route router rs run runtime s3 safe scheduler scylla
    searchguard secret sentinel server service services set shard sidecar sidekiq singleton slow small snapshot solr spark spot
    src ssd stable staging standard standby stateful statefulset storage store stream svc sync sys system target tcp
    team telemetry tempo test thanos tier tikv tls tmp token traefik tidb traffic true txt ui udp upsert until updater usr
    v1 v2 v3 validating valkey var vault vector velero version vertical victoriametrics vm volume volumes wait web
    webhook webhooks weave windows worker workers workload write x zipkin zone zookeeper";

/// Words and addresses, with their pseudonyms.
#[derive(Debug)]
pub(super) struct Words {
    kept: HashSet<String>,
    renamed: HashMap<String, String>,
    addresses: HashMap<IpAddr, IpAddr>,
}

impl Words {
    pub(super) fn new() -> Self {
        Self {
            kept: PUBLIC.split_whitespace().map(str::to_owned).collect(),
            renamed: HashMap::new(),
            addresses: HashMap::new(),
        }
    }

    /// Keeps the words of a text from now on.
    pub(super) fn keep(&mut self, text: &str) {
        self.kept.extend(text.split(|letter: char| !letter.is_alphanumeric()).map(str::to_owned));
    }

    /// The text with every word and address renamed; what stands between them stays.
    pub(super) fn rename(&mut self, text: &str) -> String {
        let (address, rest) = text.split_once('/').map_or((text, None), |(address, rest)| (address, Some(rest)));
        if let Ok(address) = address.parse::<IpAddr>() {
            let renamed = self.address(address);
            return rest.map_or(renamed.to_string(), |rest| format!("{renamed}/{rest}"));
        }
        let mut renamed = String::with_capacity(text.len());
        for piece in text.split_inclusive(|letter: char| !letter.is_alphanumeric() && letter != '.') {
            let end = piece.trim_end_matches(|letter: char| !letter.is_alphanumeric() && letter != '.').len();
            let (words, separator) = piece.split_at(end);
            match words.parse::<Ipv4Addr>() {
                Ok(address) => renamed.push_str(&self.address(IpAddr::V4(address)).to_string()),
                Err(_) => self.rename_words(words, &mut renamed),
            }
            renamed.push_str(separator);
        }
        renamed
    }

    /// Renames words joined by dots.
    fn rename_words(&mut self, words: &str, renamed: &mut String) {
        for (number, word) in words.split('.').enumerate() {
            if number > 0 {
                renamed.push('.');
            }
            let is_number = word.len() <= KEPT_DIGITS && word.bytes().all(|byte| byte.is_ascii_digit());
            if is_number || self.kept.contains(word) || self.kept.contains(&word.to_ascii_lowercase()) {
                renamed.push_str(word);
            } else {
                renamed.push_str(self.word(word));
            }
        }
    }

    fn word(&mut self, word: &str) -> &str {
        let (kept, number) = (&self.kept, self.renamed.len() + 1);
        self.renamed.entry(word.to_owned()).or_insert_with(|| {
            // A word that is kept may look like a pseudonym.
            let mut pseudonym = format!("w{number}");
            while kept.contains(&pseudonym) {
                pseudonym.push('w');
            }
            pseudonym
        })
    }

    fn address(&mut self, address: IpAddr) -> IpAddr {
        if address.is_loopback() || address.is_unspecified() {
            return address;
        }
        let number = u32::try_from(self.addresses.len() + 1).unwrap_or(u32::MAX);
        *self.addresses.entry(address).or_insert_with(|| match address {
            // 10.0.0.0/8, counted up.
            IpAddr::V4(_) => IpAddr::V4(Ipv4Addr::from_bits(0x0A00_0000 | (number & 0x00FF_FFFF))),
            // fd00::/8, counted up.
            IpAddr::V6(_) => IpAddr::V6(Ipv6Addr::from_bits((0xFD00_u128 << 112) | u128::from(number))),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::Words;

    #[test]
    fn names_keep_their_ties() {
        let mut words = Words::new();
        let orders = words.rename("orders");
        assert_eq!(orders, "w1");
        assert_eq!(words.rename("data-orders-0"), "data-w1-0");
        assert_eq!(words.rename("orders.shop.svc.cluster.local"), "w1.w2.svc.cluster.local");
        assert_eq!(words.rename("web"), "web");
        assert_eq!(words.rename("50%"), "50%");
        assert_eq!(words.rename("123456789012"), "w3");
    }

    #[test]
    fn addresses_are_renamed_wherever_they_stand() {
        let mut words = Words::new();
        assert_eq!(words.rename("192.168.7.9"), "10.0.0.1");
        assert_eq!(
            words.rename("https://192.168.7.9:2379,https://192.168.7.10:2379"),
            "https://10.0.0.1:2379,https://10.0.0.2:2379"
        );
        assert_eq!(words.rename("192.168.7.0/24"), "10.0.0.3/24");
        assert_eq!(words.rename("2001:db8::7"), "fd00::4");
        assert_eq!(words.rename("127.0.0.1"), "127.0.0.1");
    }

    #[test]
    fn kept_words_and_pseudonyms_never_meet() {
        let mut words = Words::new();
        words.keep("kube-w1");
        assert_eq!(words.rename("w1-secret-acme"), "w1-secret-w1w");
        assert_eq!(words.rename("globex"), "w2");
    }
}
