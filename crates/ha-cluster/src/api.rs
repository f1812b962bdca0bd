//! The few requests this crate makes itself: health, create, read, watch.
//!
//! Blocking and plain: tests and benchmarks of the product use the product's own client.

use std::io::{BufRead, BufReader};
use std::path::Path;
use std::time::Duration;

use serde_json::Value;
use ureq::http::{Response, StatusCode};
use ureq::tls::{Certificate, PemItem, RootCerts, TlsConfig, parse_pem};
use ureq::{Agent, Body};

use crate::credentials::{Credentials, kubeconfig_path};
use crate::error::{Error, Result};

/// Whether a health address answers 200. Its certificate is not looked at: no secret is sent.
pub(crate) fn is_healthy(url: &str) -> bool {
    let tls = TlsConfig::builder().disable_verification(true).build();
    let timeout = Some(Duration::from_secs(5));
    let agent: Agent = Agent::config_builder().tls_config(tls).timeout_global(timeout).build().into();
    agent.get(url).call().is_ok_and(|response| response.status() == 200)
}

/// The API server as the administrator sees it. Cheap to clone; connections are shared.
#[derive(Debug, Clone)]
pub(crate) struct Api {
    agent: Agent,
    server: String,
    authorization: String,
}

impl Api {
    pub(crate) fn new(directory: &Path, server: &str) -> Result<Self> {
        let authority = Credentials::within(directory).authority;
        let pem = std::fs::read(&authority).map_err(Error::file("read", &authority))?;
        let roots: Vec<Certificate> = parse_pem(&pem)
            .filter_map(|item| match item {
                Ok(PemItem::Certificate(certificate)) => Some(certificate),
                _ => None,
            })
            .collect();
        let tls = TlsConfig::builder().root_certs(RootCerts::new_with_certs(&roots)).build();
        let agent = Agent::config_builder()
            .tls_config(tls)
            .http_status_as_error(false)
            .max_idle_connections_per_host(64)
            .max_idle_connections(64)
            .build()
            .into();
        let authorization = format!("Bearer {}", administrator_token(directory)?);
        Ok(Self { agent, server: server.to_owned(), authorization })
    }

    /// Reads an object or list; nothing when it does not exist.
    pub(crate) fn get(&self, path: &str) -> Result<Option<Value>> {
        let request = self.agent.get(format!("{}{path}", self.server));
        let response = request.header("Authorization", &self.authorization).call();
        let response = response.map_err(|error| failed("GET", path, &error))?;
        match response.status().as_u16() {
            404 => Ok(None),
            _ => answer("GET", path, response).map(Some),
        }
    }

    /// Reads an answer to its end and drops it; how many bytes it had.
    pub(crate) fn download(&self, path: &str) -> Result<u64> {
        let request = self.agent.get(format!("{}{path}", self.server));
        let response = request.header("Authorization", &self.authorization).call();
        let response = response.map_err(|error| failed("GET", path, &error))?;
        let status = response.status();
        if !status.is_success() {
            return Err(refused("GET", path, status, response.into_body().read_json().ok()));
        }
        // Large steps: the comparison is with the network, not with this loop.
        let mut body = BufReader::with_capacity(1 << 18, response.into_body().into_reader());
        let mut bytes = 0;
        loop {
            let read = body.fill_buf().map_err(|error| failed("GET", path, &error))?.len();
            if read == 0 {
                return Ok(bytes);
            }
            body.consume(read);
            bytes += read as u64;
        }
    }

    /// Creates an object below a collection such as `/api/v1/nodes`.
    pub(crate) fn create(&self, path: &str, object: &Value) -> Result<Value> {
        let request = self.agent.post(format!("{}{path}", self.server));
        let response = request.header("Authorization", &self.authorization).send_json(object);
        answer("POST", path, response.map_err(|error| failed("POST", path, &error))?)
    }

    /// Posts to a subresource: the status of the answer and its body, also where the server refuses.
    pub(crate) fn post(&self, path: &str, body: &Value) -> Result<(u16, Value)> {
        let request = self.agent.post(format!("{}{path}", self.server));
        let response = request.header("Authorization", &self.authorization).send_json(body);
        let mut response = response.map_err(|error| failed("POST", path, &error))?;
        let answer = response.body_mut().read_json().map_err(|error| failed("POST", path, &error))?;
        Ok((response.status().as_u16(), answer))
    }

    /// The events of a watch, with the objects' metadata only, until the server or the network
    /// ends it.
    pub(crate) fn watch(&self, path: &str) -> Result<impl Iterator<Item = Result<Value>> + use<>> {
        let request = self.agent.get(format!("{}{path}", self.server));
        let response = request
            .header("Authorization", &self.authorization)
            .header("Accept", "application/json;as=PartialObjectMetadata;g=meta.k8s.io;v=v1")
            .call()
            .map_err(|error| failed("WATCH", path, &error))?;
        if !response.status().is_success() {
            let status = response.status();
            return Err(refused("WATCH", path, status, response.into_body().read_json().ok()));
        }
        let path = path.to_owned();
        let lines = BufReader::new(response.into_body().into_reader()).lines();
        Ok(lines.map(move |line| {
            let line = line.map_err(|error| failed("WATCH", &path, &error))?;
            serde_json::from_str(&line).map_err(|error| failed("WATCH", &path, &error))
        }))
    }
}

fn administrator_token(directory: &Path) -> Result<String> {
    let path = kubeconfig_path(directory, "admin");
    let text = std::fs::read_to_string(&path).map_err(Error::file("read", &path))?;
    let config: Value =
        serde_json::from_str(&text).map_err(|error| Error::file("read", &path)(std::io::Error::other(error)))?;
    let token = config.pointer("/users/0/user/token").and_then(Value::as_str).map(str::to_owned);
    token.ok_or_else(|| Error::Usage(format!("{} holds no token", path.display())))
}

/// The body of a good answer, or the server's own message.
fn answer(method: &'static str, path: &str, mut response: Response<Body>) -> Result<Value> {
    let status = response.status();
    let body = response.body_mut().with_config().limit(u64::MAX).read_json::<Value>();
    if status.is_success() {
        return body.map_err(|error| failed(method, path, &error));
    }
    Err(refused(method, path, status, body.ok()))
}

fn refused(method: &'static str, path: &str, status: StatusCode, body: Option<Value>) -> Error {
    let message = body.and_then(|body| body["message"].as_str().map(str::to_owned));
    failed(method, path, &message.unwrap_or_else(|| format!("HTTP {status}")))
}

fn failed(method: &'static str, path: &str, reason: &dyn std::fmt::Display) -> Error {
    Error::Api { method, path: path.to_owned(), reason: reason.to_string() }
}
