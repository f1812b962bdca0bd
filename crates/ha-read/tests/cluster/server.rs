//! An HTTP server on loopback that answers as a script says, badly where the script says so.

use std::io::{BufRead, BufReader, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

/// A request as the server saw it.
#[derive(Clone, Debug)]
pub(crate) struct Request {
    pub(crate) method: String,
    /// Path and query.
    pub(crate) target: String,
    pub(crate) headers: Vec<(String, String)>,
}

impl Request {
    pub(crate) fn path(&self) -> &str {
        self.target.split('?').next().unwrap_or_default()
    }

    /// A query parameter as it stands in the URL.
    pub(crate) fn query(&self, name: &str) -> Option<&str> {
        let (_, query) = self.target.split_once('?')?;
        query.split('&').filter_map(|pair| pair.split_once('=')).find_map(|(key, value)| (key == name).then_some(value))
    }

    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        let found = self.headers.iter().find(|(key, _)| key.eq_ignore_ascii_case(name));
        found.map(|(_, value)| value.as_str())
    }
}

/// How to answer.
#[derive(Clone, Debug)]
pub(crate) enum Reply {
    /// Properly.
    Whole { status: u16, headers: Vec<(String, String)>, body: Vec<u8> },
    /// Promise the body, send its first part and hang up.
    BrokenOff(Vec<u8>),
    /// Send the body byte by byte, with this pause between them.
    Dripping(Vec<u8>, Duration),
    /// Send nothing until the client gives up.
    Silent,
}

impl Reply {
    pub(crate) fn json(body: impl Into<Vec<u8>>) -> Self {
        Self::status(200, body)
    }

    pub(crate) fn status(status: u16, body: impl Into<Vec<u8>>) -> Self {
        Self::Whole {
            status,
            headers: vec![("content-type".to_owned(), "application/json".to_owned())],
            body: body.into(),
        }
    }

    /// With one header more, or another value of it.
    pub(crate) fn with(mut self, name: &str, value: &str) -> Self {
        if let Self::Whole { headers, .. } = &mut self {
            headers.retain(|(key, _)| key != name);
            headers.push((name.to_owned(), value.to_owned()));
        }
        self
    }
}

/// A running server; it lives as long as the test process.
pub(crate) struct Server {
    port: u16,
    requests: Arc<Mutex<Vec<Request>>>,
}

impl Server {
    pub(crate) fn start(answer: impl Fn(&Request) -> Reply + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let requests = Arc::new(Mutex::new(Vec::new()));
        let seen = Arc::clone(&requests);
        let answer = Arc::new(answer);
        thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let (answer, seen) = (Arc::clone(&answer), Arc::clone(&seen));
                thread::spawn(move || serve(&stream, &*answer, &seen));
            }
        });
        Self { port, requests }
    }

    pub(crate) fn url(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }

    /// The same server under an address that does not look like loopback.
    pub(crate) fn remote_url(&self) -> String {
        format!("http://0.0.0.0:{}", self.port)
    }

    pub(crate) fn requests(&self) -> Vec<Request> {
        self.requests.lock().unwrap().clone()
    }

    /// How many requests came for this path.
    pub(crate) fn count(&self, path: &str) -> usize {
        self.requests().iter().filter(|request| request.path() == path).count()
    }
}

fn serve(stream: &TcpStream, answer: &dyn Fn(&Request) -> Reply, seen: &Mutex<Vec<Request>>) {
    let mut reader = BufReader::new(stream);
    while let Some(request) = read_request(&mut reader) {
        seen.lock().unwrap().push(request.clone());
        if write_reply(stream, answer(&request)).is_none() {
            return;
        }
    }
}

fn read_request(reader: &mut impl BufRead) -> Option<Request> {
    let mut lines = Vec::new();
    loop {
        let mut line = String::new();
        if reader.read_line(&mut line).ok()? == 0 {
            return None;
        }
        let line = line.trim_end();
        if line.is_empty() {
            break;
        }
        lines.push(line.to_owned());
    }
    let mut words = lines.first()?.split(' ');
    Some(Request {
        method: words.next()?.to_owned(),
        target: words.next()?.to_owned(),
        headers: lines[1..]
            .iter()
            .filter_map(|line| line.split_once(": "))
            .map(|(name, value)| (name.to_owned(), value.to_owned()))
            .collect(),
    })
}

/// None when the connection is at its end.
fn write_reply(mut stream: &TcpStream, reply: Reply) -> Option<()> {
    let head = |length: usize| {
        format!("HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: {length}\r\n\r\n")
    };
    match reply {
        Reply::Whole { status, headers, body } => {
            let mut text = format!("HTTP/1.1 {status} Some Reason\r\ncontent-length: {}\r\n", body.len());
            for (name, value) in headers {
                text.extend([name.as_str(), ": ", value.as_str(), "\r\n"]);
            }
            text.push_str("\r\n");
            // In one piece: two small ones would wait for each other's acknowledgement.
            stream.write_all(&[text.as_bytes(), &body].concat()).ok()
        }
        Reply::BrokenOff(body) => {
            stream.write_all(head(body.len() * 2).as_bytes()).ok()?;
            stream.write_all(&body).ok()?;
            None
        }
        Reply::Dripping(body, pause) => {
            stream.write_all(head(body.len()).as_bytes()).ok()?;
            for byte in body {
                stream.write_all(&[byte]).ok()?;
                thread::sleep(pause);
            }
            Some(())
        }
        Reply::Silent => {
            // Ends when the client hangs up.
            let mut end = [0];
            let _ = std::io::Read::read(&mut stream, &mut end);
            None
        }
    }
}
