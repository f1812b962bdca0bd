//! Pods of one workload are written with the same specification, word for word: it is parsed once, and shared.

use std::sync::{Arc, LazyLock};

use ha_snapshot::objects::{Body, Metadata, Object, Pod, PodSpec, PodStatus, Str};
use memchr::memmem::Finder;
use serde::Deserialize;
use serde::de::IgnoredAny;

use super::format::ReadObject;

/// How the specification of a bound pod begins in a line. No other field of a pod can hold this, as quotes in texts are
/// escaped.
const BEGINNING: &str = r#","spec":{"nodeName":""#;

/// Finds [`BEGINNING`].
static FIND_BEGINNING: LazyLock<Finder> = LazyLock::new(|| Finder::new(BEGINNING));

/// How the line of a pod begins.
const POD: &str = r#"{"apiVersion":"v1","kind":"Pod","#;

/// The line of a pod whose specification was taken out, but for its node.
#[derive(Deserialize)]
struct BesideSpec {
    #[serde(default)]
    metadata: Metadata,
    spec: Binding,
    #[serde(default)]
    status: PodStatus,
}

/// What is left of the specification. Another field would show that the wrong place was taken out.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Binding {
    node_name: Str,
}

/// Reads objects, and remembers the last pod's specification.
#[derive(Debug, Default)]
pub(super) struct ObjectReader {
    /// The specification's text from behind the node's name to its end.
    text: String,
    spec: Arc<PodSpec>,
    /// A line without the specification.
    short: String,
}

impl ObjectReader {
    /// The object of a line.
    ///
    /// # Errors
    /// Where the line is no object, or a field has another type than the Kubernetes API gives it.
    pub(super) fn read(&mut self, line: &str) -> Result<ReadObject, serde_json::Error> {
        if let Some(object) = self.read_like_last(line) {
            return Ok(object);
        }
        let object: ReadObject = serde_json::from_str(line)?;
        if let ReadObject(Some(Object { body: Body::Pod(pod), .. })) = &object
            && let Some(text) = spec_text(line)
        {
            text.clone_into(&mut self.text);
            self.spec = Arc::clone(&pod.spec);
        }
        Ok(object)
    }

    /// The object of a line that is a pod with the last specification.
    fn read_like_last(&mut self, line: &str) -> Option<ReadObject> {
        if self.text.is_empty() || !line.starts_with(POD) {
            return None;
        }
        let (head, rest) = line.split_at(node_name_end(line)?);
        let rest = rest.strip_prefix(&self.text)?;
        self.short.clear();
        self.short.extend([head, "}", rest]);
        let BesideSpec { metadata, spec, status } = serde_json::from_str(&self.short).ok()?;
        if spec.node_name.is_empty() {
            return None;
        }
        let pod = Pod { metadata, node_name: spec.node_name, spec: Arc::clone(&self.spec), status };
        Some(ReadObject(Some(Object::of_pod("v1", pod))))
    }
}

/// Where the node's name, with its quotes, ends in the line of a bound pod.
fn node_name_end(line: &str) -> Option<usize> {
    let start = FIND_BEGINNING.find(line.as_bytes())? + BEGINNING.len();
    Some(start + line[start..].find('"')? + 1)
}

/// The text of a bound pod's specification, from behind the node's name to its end.
fn spec_text(line: &str) -> Option<&str> {
    let end = node_name_end(line)?;
    let start = line.find(BEGINNING)? + BEGINNING.find('{')?;
    let mut values = serde_json::Deserializer::from_str(&line[start..]).into_iter::<IgnoredAny>();
    values.next()?.ok()?;
    line.get(end..start + values.byte_offset())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(name: &str, spec: &str) -> String {
        format!(
            r#"{{"apiVersion":"v1","kind":"Pod","metadata":{{"name":"{name}"}},"spec":{spec},"status":{{"phase":"Running"}}}}"#
        )
    }

    /// What is read of these lines one after the other, and with a reader of its own for each.
    fn read(lines: &[String]) -> (Vec<Object>, Vec<Object>) {
        let object = |reader: &mut ObjectReader, line: &String| reader.read(line).unwrap().0.unwrap();
        let mut reader = ObjectReader::default();
        let together = lines.iter().map(|line| object(&mut reader, line)).collect();
        (together, lines.iter().map(|line| object(&mut ObjectReader::default(), line)).collect())
    }

    fn spec(object: &Object) -> &Arc<PodSpec> {
        let Body::Pod(pod) = &object.body else { panic!("{object:?}") };
        &pod.spec
    }

    #[test]
    fn pods_share_what_is_the_same() {
        let rest =
            r#""containers":[{"name":"app","image":"a}\",\"spec\":{\"nodeName\":\""}],"restartPolicy":"Always"}"#;
        let lines = ["a", "b"].map(|node| line(node, &format!(r#"{{"nodeName":"{node}",{rest}"#)));
        let (together, apart) = read(&lines);
        assert_eq!(together, apart);
        assert!(Arc::ptr_eq(spec(&together[0]), spec(&together[1])));
        assert_eq!(spec(&together[0]).containers.len(), 1);
    }

    #[test]
    fn whatever_differs_is_read_by_itself() {
        let specs = [
            r#"{"nodeName":"a","hostNetwork":true}"#,
            r#"{"nodeName":"a","hostNetwork":true,"priority":1}"#,
            r#"{"nodeName":"a"}"#,
            r#"{"hostNetwork":true}"#,
            r#"{"nodeName":"","hostNetwork":true}"#,
            r#"{"nodeName":"\"}","hostNetwork":true}"#,
            r#"{"nodeName":"a","hostNetwork":true }"#,
            r#"{"nodeName":null,"hostNetwork":true}"#,
            "null",
        ];
        for first in specs {
            for second in specs {
                let (together, apart) = read(&[line("x", first), line("y", second)]);
                assert_eq!(together, apart, "{first} {second}");
            }
        }
    }

    #[test]
    fn a_pod_that_is_being_resized_keeps_what_it_has() {
        let spec = r#"{"nodeName":"a","containers":[{"name":"app","resources":{"requests":{"cpu":"2"}}}]}"#;
        let status = r#"{"containerStatuses":[{"name":"app","resources":{"requests":{"cpu":"1"}}}]}"#;
        let resized = line("y", spec).replace(r#"{"phase":"Running"}"#, status);
        let (together, apart) = read(&[line("x", spec), resized]);
        assert_eq!(together, apart);
        let Body::Pod(pod) = &together[1].body else { panic!("{together:?}") };
        assert!(pod.status.container_statuses[0].resources.is_some(), "{pod:?}");
    }

    #[test]
    fn a_specification_elsewhere_is_not_the_pods() {
        let bound = line("x", r#"{"nodeName":"a","hostNetwork":true}"#);
        let status = r#""status":{"phase":"Running","spec":{"nodeName":"a","hostNetwork":true}}"#;
        let odd = format!(r#"{{"apiVersion":"v1","kind":"Pod","metadata":{{}},{status}}}"#);
        let (together, apart) = read(&[bound, odd]);
        assert_eq!(together, apart);
    }
}
