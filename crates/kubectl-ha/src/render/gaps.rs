//! What could not be read, in few lines: a user with few rights lacks every kind in every namespace.
//!
//! The reader's messages are `cannot list KIND[ in PLACE]: why`. Those that differ in the place only become one with
//! the number of namespaces, and then those that differ in the kind only become one with the kinds. JSON and `wide`
//! have each gap.

use ha_core::report::ReportGap;
use ha_core::snapshot::GapReason;

use super::text::count;

/// Kinds that are told apart up to this number.
const APART: usize = 3;

/// Kinds that a line names.
const NAMED: usize = 3;

/// Whether a gap is something that was looked for and could not be had: neither a kind that is not installed nor what
/// the user did not ask for.
pub(crate) fn is_lost(reason: GapReason) -> bool {
    matches!(reason, GapReason::Forbidden | GapReason::Unreadable | GapReason::TimedOut)
}

/// One line for each cause. Kinds that are not installed are no loss and have none.
pub(crate) fn lines<'g>(gaps: impl IntoIterator<Item = &'g ReportGap>) -> Vec<String> {
    texts(gaps.into_iter().map(|gap| (gap.reason, gap.namespace.as_str(), gap.message.as_str())))
}

/// The same for gaps in any form: reason, namespace, message.
pub(crate) fn texts<'g>(gaps: impl IntoIterator<Item = (GapReason, &'g str, &'g str)>) -> Vec<String> {
    let mut kinds: Vec<Unread> = Vec::new();
    for (reason, namespace, message) in gaps {
        if reason == GapReason::NotInstalled {
            continue;
        }
        let Some((lead, kind, why)) = parts(message, namespace) else {
            kinds.push(Unread { lead: "", kind: "", why: message, namespaces: Vec::new() });
            continue;
        };
        match kinds.iter_mut().find(|known| (known.lead, known.kind, known.why) == (lead, kind, why)) {
            Some(known) => known.namespaces.push(namespace),
            None => kinds.push(Unread { lead, kind, why, namespaces: vec![namespace] }),
        }
    }
    let mut lines: Vec<Line> = Vec::new();
    for Unread { lead, kind, why, namespaces } in kinds {
        let place = place(&namespaces);
        let same = |line: &&mut Line| !lead.is_empty() && (line.lead, line.why) == (lead, why) && line.place == place;
        match lines.iter_mut().find(same) {
            Some(line) => line.kinds.push(kind),
            None => lines.push(Line { lead, place, why, kinds: vec![kind] }),
        }
    }
    lines.iter().flat_map(Line::texts).collect()
}

/// One kind that could not be read for one reason; with an empty `lead` any other message, which is all in `why`.
struct Unread<'g> {
    lead: &'static str,
    kind: &'g str,
    why: &'g str,
    namespaces: Vec<&'g str>,
}

/// Kinds that could not be read in the same place for the same reason.
struct Line<'g> {
    lead: &'static str,
    place: String,
    why: &'g str,
    kinds: Vec<&'g str>,
}

impl Line<'_> {
    fn texts(&self) -> Vec<String> {
        let Self { lead, place, why, kinds } = self;
        if lead.is_empty() {
            return vec![(*why).to_owned()];
        }
        if kinds.len() <= APART {
            return kinds.iter().map(|kind| format!("{lead} {kind}{place}: {why}")).collect();
        }
        let named = kinds[..NAMED].join(", ");
        let (all, more) = (count(kinds.len(), "kind"), kinds.len() - NAMED);
        vec![format!("{lead} {all}{place}: {why} ({named} and {more} more)")]
    }
}

/// Verb, kind and cause of a message about a whole kind.
fn parts<'g>(message: &'g str, namespace: &str) -> Option<(&'static str, &'g str, &'g str)> {
    let leads = ["cannot list", "did not list"];
    let (lead, rest) =
        leads.into_iter().find_map(|lead| Some((lead, message.strip_prefix(lead)?.strip_prefix(' ')?)))?;
    let (what, why) = rest.split_once(": ")?;
    let (kind, said) = what.split_once(" in ").map_or((what, ""), |(kind, place)| (kind, place));
    let is_place = match namespace {
        "" => said.is_empty(),
        OTHERS => said == "other namespaces",
        namespace => said.strip_prefix("namespace ") == Some(namespace),
    };
    (is_place && !kind.contains(' ')).then_some((lead, kind, why))
}

/// Stands for all namespaces but those that were read.
const OTHERS: &str = ha_core::Snapshot::OTHER_NAMESPACES;

/// ` in namespace shop`, ` in 12 namespaces`. What is missing everywhere else is missing in kube-system, too.
fn place(namespaces: &[&str]) -> String {
    match namespaces {
        [] | [""] => String::new(),
        all if all.contains(&OTHERS) => " in other namespaces".to_owned(),
        [one] => format!(" in namespace {one}"),
        several => format!(" in {}", count(several.len(), "namespace")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn many_gaps_become_few_lines() {
        let mut gaps = vec![
            (
                GapReason::NotInstalled,
                String::new(),
                "cannot list schedules.velero.io: the server does not have it".into(),
            ),
            (GapReason::Unreadable, "shop".into(), "deploy.yaml:3: not valid UTF-8".to_owned()),
        ];
        for kind in ["pods", "services", "leases.coordination.k8s.io", "jobs.batch"] {
            for namespace in ["a", "b", "c"] {
                let message = format!("cannot list {kind} in namespace {namespace}: forbidden for user jane");
                gaps.push((GapReason::Forbidden, namespace.into(), message));
            }
        }
        for namespace in ["*", "kube-system"] {
            let place = if namespace == "*" { "other namespaces" } else { "namespace kube-system" };
            let message = format!("did not list pods in {place}: -n does not name them");
            gaps.push((GapReason::NotInInput, namespace.into(), message));
        }
        gaps.push((GapReason::Forbidden, String::new(), "cannot list nodes: forbidden for user jane".into()));
        gaps.push((
            GapReason::Forbidden,
            "kube-system".into(),
            "cannot get configmap coredns in namespace x: no".into(),
        ));
        let gaps = gaps.iter().map(|(reason, namespace, message)| (*reason, namespace.as_str(), message.as_str()));
        assert_eq!(
            texts(gaps),
            [
                "deploy.yaml:3: not valid UTF-8",
                "cannot list 4 kinds in 3 namespaces: forbidden for user jane \
                 (pods, services, leases.coordination.k8s.io and 1 more)",
                "did not list pods in other namespaces: -n does not name them",
                "cannot list nodes: forbidden for user jane",
                "cannot get configmap coredns in namespace x: no",
            ]
        );
    }

    #[test]
    fn a_message_that_only_looks_like_the_readers_is_left_alone() {
        let message = "cannot list pods in namespace a: b: c";
        assert_eq!(texts([(GapReason::Forbidden, "a", message)]), [message]);
        let other = "cannot list pods in namespace shop: forbidden";
        assert_eq!(texts([(GapReason::Forbidden, "elsewhere", other)]), [other]);
    }
}
