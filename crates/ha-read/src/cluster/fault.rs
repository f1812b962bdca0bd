//! Why one request failed, in the reader's words.

use std::error::Error as _;

use ha_core::snapshot::GapReason;
use http::{HeaderMap, StatusCode, header};
use serde::Deserialize;

/// The most that is kept of a server's message, in bytes.
const MOST_MESSAGE: usize = 1024;

/// Why a request gave nothing. The texts may be the server's own.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Fault {
    /// 403; the user's name, when the server says it.
    Forbidden(Option<String>),
    /// 404.
    NotFound,
    /// 410 on a continue token, perhaps with a token to go on with.
    Expired(Option<String>),
    /// 401, also with renewed credentials.
    Unauthorized(String),
    /// No answer in time.
    TimedOut(String),
    /// No connection, or one that broke.
    Unreachable(String),
    /// An answer that is no answer.
    Unreadable(String),
    /// Any other refusal.
    Refused(String),
}

/// The parts of a `Status` that are read.
#[derive(Default, Deserialize)]
#[serde(default)]
struct Status {
    message: String,
    metadata: StatusMeta,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct StatusMeta {
    r#continue: String,
}

impl Fault {
    /// The word for a gap.
    pub(super) const fn reason(&self) -> GapReason {
        match self {
            Self::Forbidden(_) | Self::Unauthorized(_) => GapReason::Forbidden,
            Self::NotFound => GapReason::NotInstalled,
            Self::TimedOut(_) => GapReason::TimedOut,
            Self::Expired(_) | Self::Unreachable(_) | Self::Unreadable(_) | Self::Refused(_) => GapReason::Unreadable,
        }
    }

    /// The same fault with its texts changed.
    pub(super) fn map_text(self, change: impl Fn(String) -> String) -> Self {
        match self {
            Self::Forbidden(user) => Self::Forbidden(user.map(change)),
            Self::Unauthorized(text) => Self::Unauthorized(change(text)),
            Self::TimedOut(text) => Self::TimedOut(change(text)),
            Self::Unreachable(text) => Self::Unreachable(change(text)),
            Self::Unreadable(text) => Self::Unreadable(change(text)),
            Self::Refused(text) => Self::Refused(change(text)),
            Self::NotFound | Self::Expired(_) => self,
        }
    }

    /// What an error status means. `body` is its first part.
    pub(super) fn of_status(status: StatusCode, headers: &HeaderMap, body: &[u8]) -> Self {
        if status.is_redirection() {
            return Self::Unreadable(format!(
                "the server redirects{}, which is not followed, so that no credential leaves it: \
                 check --server",
                redirect_host(headers)
            ));
        }
        let parsed: Status = serde_json::from_slice(body).unwrap_or_default();
        let message = match parsed.message {
            message if message.is_empty() => format!("the server answered {status}"),
            message => format!("the server answered {}: {}", status.as_u16(), shortened(&message)),
        };
        match status {
            StatusCode::UNAUTHORIZED => Self::Unauthorized(message),
            StatusCode::FORBIDDEN => Self::Forbidden(user_in(&message)),
            StatusCode::NOT_FOUND => Self::NotFound,
            StatusCode::GONE => {
                let token = parsed.metadata.r#continue;
                Self::Expired((!token.is_empty()).then_some(token))
            }
            _ => Self::Refused(message),
        }
    }

    /// What a failure of the connection means.
    pub(super) fn of_client(error: &kube::Error) -> Self {
        let mut words = vec![match error {
            kube::Error::Service(error) => error.to_string(),
            other => other.to_string(),
        }];
        let mut source = match error {
            kube::Error::Service(error) => error.source(),
            other => other.source(),
        };
        while let Some(error) = source {
            let text = error.to_string();
            if words.last().is_none_or(|last| !last.contains(&text)) {
                words.push(text);
            }
            source = error.source();
        }
        Self::Unreachable(words.join(": "))
    }
}

impl std::fmt::Display for Fault {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Forbidden(Some(user)) => write!(f, "forbidden for user {user}"),
            Self::Forbidden(None) => f.write_str("forbidden"),
            Self::NotFound => f.write_str("the server does not have it"),
            Self::Expired(_) => {
                f.write_str("the list expired again and again while it was read; try when the cluster is quieter")
            }
            Self::Unauthorized(text) => write!(f, "the credentials are not accepted ({text})"),
            Self::TimedOut(text) | Self::Unreachable(text) | Self::Unreadable(text) | Self::Refused(text) => {
                f.write_str(text)
            }
        }
    }
}

/// ` to HOST`, without path and query, which may hold anything.
fn redirect_host(headers: &HeaderMap) -> String {
    headers
        .get(header::LOCATION)
        .and_then(|location| location.to_str().ok())
        .and_then(|location| location.parse::<http::Uri>().ok())
        .and_then(|location| location.host().map(|host| format!(" to {host}")))
        .unwrap_or_default()
}

/// The user in `pods is forbidden: User "jane" cannot list resource …`.
fn user_in(message: &str) -> Option<String> {
    let (_, rest) = message.split_once("User \"")?;
    let (user, _) = rest.split_once('"')?;
    Some(user.to_owned())
}

/// The start of a server's message.
pub(super) fn shortened(message: &str) -> &str {
    let end = (0..=MOST_MESSAGE.min(message.len())).rev().find(|&end| message.is_char_boundary(end)).unwrap_or(0);
    &message[..end]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_forbidden_user_is_named() {
        let body = br#"{"kind":"Status","message":"pods is forbidden: User \"jane\" cannot list"}"#;
        let fault = Fault::of_status(StatusCode::FORBIDDEN, &HeaderMap::new(), body);
        assert_eq!(fault.to_string(), "forbidden for user jane");
    }

    #[test]
    fn a_redirect_names_the_host_only() {
        let mut headers = HeaderMap::new();
        headers.insert(header::LOCATION, "https://login.example/a?state=hunter2".parse().unwrap());
        let text = Fault::of_status(StatusCode::FOUND, &headers, b"").to_string();
        assert!(text.contains("to login.example,"), "{text}");
        assert!(!text.contains("hunter2"), "{text}");
    }

    #[test]
    fn a_long_message_is_cut_between_characters() {
        let long = "ü".repeat(2000);
        assert_eq!(shortened(&long).len(), MOST_MESSAGE);
        assert_eq!(shortened("short"), "short");
    }
}
