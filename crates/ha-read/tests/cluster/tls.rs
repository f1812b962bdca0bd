//! (19) Certificates: the right one, another one, an expired one, one for another name.

use std::io::{BufRead, BufReader, Write};
use std::net::TcpListener;
use std::path::PathBuf;
use std::sync::Arc;
use std::thread;

use ha_read::cluster::Options;
use ha_read::kubeconfig::{Environment, Flags};
use rcgen::{CertificateParams, KeyPair, date_time_ymd};
use rustls::pki_types::PrivateKeyDer;
use rustls::{ServerConfig, ServerConnection, StreamOwned};
use tempfile::TempDir;

use crate::api::{quick, try_read};

const NAME: &str = "kubernetes.example";

/// A server that forbids everything, over TLS, with a certificate of its own.
struct TlsServer {
    port: u16,
    directory: TempDir,
}

impl TlsServer {
    fn start(change: impl FnOnce(&mut CertificateParams)) -> Self {
        let mut params = CertificateParams::new(vec![NAME.to_owned()]).unwrap();
        change(&mut params);
        let key = KeyPair::generate().unwrap();
        let certificate = params.self_signed(&key).unwrap();
        let directory = tempfile::tempdir().unwrap();
        std::fs::write(directory.path().join("ca.crt"), certificate.pem()).unwrap();
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let config = ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_no_client_auth()
            .with_single_cert(vec![certificate.der().clone()], PrivateKeyDer::try_from(key.serialize_der()).unwrap())
            .unwrap();
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let config = Arc::new(config);
        thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let connection = ServerConnection::new(Arc::clone(&config)).unwrap();
                thread::spawn(move || forbid(BufReader::new(StreamOwned::new(connection, stream))));
            }
        });
        Self { port, directory }
    }

    fn ca(&self) -> PathBuf {
        self.directory.path().join("ca.crt")
    }

    fn options(&self) -> Options {
        Options {
            flags: Flags {
                server: Some(format!("https://127.0.0.1:{}", self.port)),
                certificate_authority: Some(self.ca()),
                tls_server_name: Some(NAME.to_owned()),
                ..Flags::default()
            },
            environment: Environment::default(),
            limits: quick(),
            ..Options::default()
        }
    }
}

/// Answers every request with 403 until the client hangs up or objects to us.
fn forbid(mut stream: BufReader<StreamOwned<ServerConnection, std::net::TcpStream>>) {
    let mut line = String::new();
    while matches!(stream.read_line(&mut line), Ok(1..)) {
        if line == "\r\n" {
            let answer = b"HTTP/1.1 403 Forbidden\r\ncontent-length: 0\r\n\r\n";
            if stream.get_mut().write_all(answer).is_err() {
                return;
            }
        }
        line.clear();
    }
}

/// Why the server could not be read; an empty text when it could.
fn outcome(options: &Options) -> String {
    try_read(options).err().map(|error| error.to_string()).unwrap_or_default()
}

#[test]
fn a_certificate_under_its_name_is_accepted() {
    let server = TlsServer::start(|_| ());
    assert_eq!(outcome(&server.options()), "");
}

#[test]
fn a_certificate_for_another_name_is_refused() {
    let server = TlsServer::start(|_| ());
    let mut options = server.options();
    options.flags.tls_server_name = None;
    let error = outcome(&options);
    assert!(error.contains("certificate"), "{error}");
    assert!(error.contains(&format!("https://127.0.0.1:{}", server.port)), "{error}");
}

#[test]
fn a_certificate_of_another_authority_is_refused_unless_one_insists() {
    let (server, other) = (TlsServer::start(|_| ()), TlsServer::start(|_| ()));
    let mut options = server.options();
    options.flags.certificate_authority = Some(other.ca());
    let error = outcome(&options);
    assert!(error.contains("certificate"), "{error}");
    options.flags.insecure_skip_tls_verify = true;
    let (_, reading) = try_read(&options).unwrap();
    assert!(reading.notices[0].contains("is not verified"), "{:?}", reading.notices);
}

#[test]
fn an_expired_certificate_is_refused_as_expired() {
    let server = TlsServer::start(|params| params.not_after = date_time_ymd(2001, 1, 1));
    let error = outcome(&server.options());
    assert!(error.contains("expired"), "{error}");
}
