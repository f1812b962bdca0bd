//! One request, until there is an answer or no hope of one.

use std::sync::Mutex;
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use http::StatusCode;
use http::header::CONTENT_TYPE;
use http_body_util::BodyExt;
use kube::client::Body;
use tokio::time::{Instant, timeout, timeout_at};

use super::connection::{Connection, Session};
use super::error::ClusterError;
use super::fault::{Fault, shortened};
use super::request;
use super::retry::{Limits, Retry};

/// The most of an error answer that is read, in bytes.
const MOST_ERROR_BODY: usize = 64 << 10;

/// Sends requests through one connection, within [`Limits`].
pub(super) struct Fetcher {
    connection: Connection,
    limits: Limits,
    paused: Mutex<Duration>,
}

/// A try that failed, and whether it is worth another.
pub(super) struct Failure {
    pub(super) fault: Fault,
    pub(super) retry: Retry,
}

impl Failure {
    fn final_(fault: Fault) -> Self {
        Self { fault, retry: Retry::Never }
    }

    fn passing(fault: Fault) -> Self {
        Self { fault, retry: Retry::After(None) }
    }
}

impl Fetcher {
    pub(super) fn new(connection: Connection, limits: Limits) -> Self {
        Self { connection, limits, paused: Mutex::new(Duration::ZERO) }
    }

    pub(super) fn limits(&self) -> &Limits {
        &self.limits
    }

    pub(super) fn connection(&self) -> &Connection {
        &self.connection
    }

    /// `GET path` as JSON, understood by `parse`.
    ///
    /// `parse` runs where it may take its time. An answer that ends too early is asked for
    /// again, like a broken connection.
    pub(super) async fn get<T: Send + 'static>(
        &self,
        path: &str,
        accept: &'static str,
        parse: fn(&Bytes) -> Result<T, serde_json::Error>,
    ) -> Result<T, Fault> {
        let deadline = Instant::now() + self.limits.request_timeout;
        let mut tries = 0;
        loop {
            tries += 1;
            let failure = match timeout_at(deadline, self.try_once(path, accept, parse)).await {
                Ok(Ok(parsed)) => return Ok(parsed),
                Ok(Err(failure)) => failure,
                Err(_) => return Err(self.timed_out()),
            };
            let Some(wait) = failure.retry.pause(tries, &self.limits) else {
                return Err(failure.fault);
            };
            if !self.may_pause(wait) {
                return Err(failure.fault);
            }
            if Instant::now() + wait >= deadline {
                return Err(failure.fault);
            }
            tokio::time::sleep(wait).await;
        }
    }

    fn timed_out(&self) -> Fault {
        Fault::TimedOut(format!(
            "no complete answer within {} s (--request-timeout)",
            self.limits.request_timeout.as_secs_f32()
        ))
    }

    /// Takes a pause out of what all requests may wait together.
    fn may_pause(&self, pause: Duration) -> bool {
        let Ok(mut paused) = self.paused.lock() else {
            return false;
        };
        *paused += pause;
        *paused <= self.limits.total_pause
    }

    async fn try_once<T: Send + 'static>(
        &self,
        path: &str,
        accept: &'static str,
        parse: fn(&Bytes) -> Result<T, serde_json::Error>,
    ) -> Result<T, Failure> {
        let session = self.connection.session().await;
        let first = self.answer(&session, path, accept).await;
        let refused = matches!(&first, Err(failure) if matches!(failure.fault, Fault::Unauthorized(_)));
        let body = if refused {
            match self.connection.renewed(&session).await {
                Ok(Some(newer)) => self.answer(&newer, path, accept).await,
                Ok(None) => first,
                Err(error) => Err(Failure::final_(Fault::Unauthorized(renewal_failed(&error)))),
            }
        } else {
            first
        }?;
        let parsed = tokio::task::spawn_blocking(move || parse(&body)).await;
        match parsed {
            Ok(Ok(parsed)) => Ok(parsed),
            Ok(Err(error)) => Err(not_understood(&error)),
            Err(_) => Err(Failure::final_(Fault::Unreadable("the answer could not be parsed".to_owned()))),
        }
    }

    /// The body of a good answer. No credential that the server may have echoed is left in
    /// the text of a fault.
    async fn answer(&self, session: &Session, path: &str, accept: &'static str) -> Result<Bytes, Failure> {
        let answer = self.unredacted_answer(session, path, accept).await;
        answer.map_err(|Failure { fault, retry }| Failure { fault: fault.map_text(|text| session.redact(text)), retry })
    }

    async fn unredacted_answer(&self, session: &Session, path: &str, accept: &'static str) -> Result<Bytes, Failure> {
        let request = request::get(path, accept)
            .map_err(|_| Failure::final_(Fault::Refused("its name cannot stand in a URL".to_owned())))?;
        let response = timeout(self.limits.stall_timeout, session.send(request))
            .await
            .map_err(|_| Failure::passing(self.stalled()))?
            .map_err(|error| Failure::passing(Fault::of_client(&error)))?;
        let (head, body) = response.into_parts();
        if head.status != StatusCode::OK {
            // The status says enough, should its explanation be lost.
            let body = self.body(body, MOST_ERROR_BODY).await.unwrap_or_default();
            return Err(Failure {
                fault: Fault::of_status(head.status, &head.headers, &body),
                retry: Retry::of_status(head.status, &head.headers),
            });
        }
        let content_type =
            head.headers.get(CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or("no content type");
        if !content_type.starts_with(request::JSON) {
            return Err(Failure::final_(Fault::Unreadable(format!(
                "the answer is not JSON but {}: this is not the API server, or a login page \
                 stands before it",
                shortened(content_type)
            ))));
        }
        self.body(body, self.limits.page_bytes).await
    }

    /// A whole body, unless it is too large, too slow or breaks off.
    async fn body(&self, mut body: Body, most: usize) -> Result<Bytes, Failure> {
        let mut whole = BytesMut::new();
        loop {
            let frame =
                timeout(self.limits.stall_timeout, body.frame()).await.map_err(|_| Failure::passing(self.stalled()))?;
            let Some(frame) = frame else {
                return Ok(whole.freeze());
            };
            let frame = frame
                .map_err(|error| Failure::passing(Fault::Unreachable(format!("the answer broke off ({error})"))))?;
            let Ok(data) = frame.into_data() else {
                continue;
            };
            if whole.len() + data.len() > most {
                return Err(Failure::final_(Fault::Unreadable(format!(
                    "the answer is larger than {} MiB",
                    most >> 20
                ))));
            }
            whole.extend_from_slice(&data);
        }
    }

    fn stalled(&self) -> Fault {
        let seconds = self.limits.stall_timeout.as_secs_f32();
        Fault::TimedOut(format!("nothing arrived for {seconds} s"))
    }
}

/// Why there are no newer credentials. Its own text holds none.
fn renewal_failed(error: &ClusterError) -> String {
    format!("renewing them failed: {error}")
}

/// JSON that ends early may be whole next time; any other error stays. The position is
/// told, not the content.
fn not_understood(error: &serde_json::Error) -> Failure {
    let (line, column) = (error.line(), error.column());
    let fault = Fault::Unreadable(if error.is_eof() {
        "the answer ends too early".to_owned()
    } else {
        format!("the answer is not what was asked for (JSON line {line}, column {column})")
    });
    if error.is_eof() { Failure::passing(fault) } else { Failure::final_(fault) }
}
