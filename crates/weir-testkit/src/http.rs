//! A small HTTP/1.1 client with its hands on the wire: it can send a PROXY header first, sees every
//! header, and reads endless bodies chunk by chunk.

use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::time::Duration;

/// No answer for this long is a failure.
const READ_TIMEOUT: Duration = Duration::from_secs(20);

/// A request under construction.
#[derive(Debug, Clone)]
pub struct Request {
    method: String,
    address: String,
    path: String,
    headers: Vec<(String, String)>,
    preface: Vec<u8>,
    body: Vec<u8>,
}

impl Request {
    /// GET of `http://host:port/path`.
    pub fn get(url: &str) -> Self {
        let rest = url
            .strip_prefix("http://")
            .unwrap_or_else(|| panic!("{url} is not http://"));
        let (address, path) = rest.split_once('/').unwrap_or((rest, ""));
        Self {
            method: "GET".into(),
            address: address.into(),
            path: format!("/{path}"),
            headers: Vec::new(),
            preface: Vec::new(),
            body: Vec::new(),
        }
    }

    /// Another method.
    #[must_use]
    pub fn method(mut self, method: &str) -> Self {
        self.method = method.into();
        self
    }

    /// One more header.
    #[must_use]
    pub fn header(mut self, name: &str, value: &str) -> Self {
        self.headers.push((name.into(), value.into()));
        self
    }

    /// Bytes sent before the request, such as a PROXY header.
    #[must_use]
    pub fn preface(mut self, bytes: &[u8]) -> Self {
        self.preface = bytes.to_vec();
        self
    }

    /// JSON in its body.
    #[must_use]
    pub fn json(mut self, body: &serde_json::Value) -> Self {
        self.body = body.to_string().into_bytes();
        let length = self.body.len().to_string();
        self.header("Content-Type", "application/json")
            .header("Content-Length", &length)
    }

    /// A file as its body.
    #[must_use]
    pub fn file(mut self, kind: &str, bytes: &[u8]) -> Self {
        self.body = bytes.to_vec();
        let length = self.body.len().to_string();
        self.header("Content-Type", kind)
            .header("Content-Length", &length)
    }

    /// Sends it and reads the whole answer.
    pub fn send(self) -> Response {
        self.try_send()
            .unwrap_or_else(|error| panic!("no HTTP answer: {error}"))
    }

    /// Sends it and reads the whole answer.
    ///
    /// # Errors
    /// When the connection breaks first.
    pub fn try_send(self) -> io::Result<Response> {
        let is_head = self.method == "HEAD";
        let mut answer = self.open()?;
        let mut body = Vec::new();
        if !is_head {
            while let Some(chunk) = answer.next_chunk()? {
                body.extend_from_slice(&chunk);
            }
        }
        Ok(Response {
            status: answer.status,
            headers: answer.headers,
            body,
        })
    }

    /// Sends it and reads the head; the body is for the caller.
    ///
    /// # Errors
    /// When there is no connection or no answer.
    pub fn open(self) -> io::Result<Answer> {
        let mut socket = TcpStream::connect(&self.address)?;
        socket.set_read_timeout(Some(READ_TIMEOUT))?;
        let mut request = self.preface.clone();
        write!(
            request,
            "{} {} HTTP/1.1\r\nHost: {}\r\n",
            self.method, self.path, self.address
        )?;
        for (name, value) in &self.headers {
            write!(request, "{name}: {value}\r\n")?;
        }
        if !self
            .headers
            .iter()
            .any(|(name, _)| name.eq_ignore_ascii_case("connection"))
        {
            write!(request, "Connection: close\r\n")?;
        }
        request.extend_from_slice(b"\r\n");
        request.extend_from_slice(&self.body);
        socket.write_all(&request)?;
        Answer::read(BufReader::new(socket))
    }
}

/// Shorthand for a GET.
pub fn get(url: &str) -> Response {
    Request::get(url).send()
}

/// A whole answer.
#[derive(Debug, Clone)]
pub struct Response {
    /// Three digits, as the server sent them.
    pub status: u16,
    /// Headers as they came.
    pub headers: Vec<(String, String)>,
    /// Body, without transfer coding.
    pub body: Vec<u8>,
}

impl Response {
    /// A header's value.
    pub fn header(&self, name: &str) -> Option<&str> {
        header(&self.headers, name)
    }

    /// The body as text.
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    /// The body as JSON.
    pub fn json(&self) -> serde_json::Value {
        serde_json::from_slice(&self.body)
            .unwrap_or_else(|error| panic!("not JSON ({error}): {}", self.text()))
    }

    /// Status and weir's error code.
    pub fn refusal(&self) -> (u16, u64) {
        (self.status, self.json()["code"].as_u64().unwrap_or(0))
    }
}

/// An answer whose body is still coming.
#[derive(Debug)]
pub struct Answer {
    /// Three digits, as the server sent them.
    pub status: u16,
    /// Headers as they came.
    pub headers: Vec<(String, String)>,
    reader: BufReader<TcpStream>,
    left: Left,
}

#[derive(Debug, Clone, Copy)]
enum Left {
    Chunks,
    Bytes(u64),
    UntilClose,
    Nothing,
}

impl Answer {
    fn read(mut reader: BufReader<TcpStream>) -> io::Result<Self> {
        let line = line(&mut reader)?;
        let status = line
            .split(' ')
            .nth(1)
            .and_then(|status| status.parse().ok());
        let status = status.ok_or_else(|| io::Error::other(format!("not HTTP: {line:?}")))?;
        let mut headers = Vec::new();
        loop {
            let line = self::line(&mut reader)?;
            let Some((name, value)) = line.split_once(':') else {
                break;
            };
            headers.push((name.to_owned(), value.trim().to_owned()));
        }
        let length = header(&headers, "content-length").and_then(|value| value.parse().ok());
        let left = if matches!(status, 101 | 204 | 304) {
            Left::Nothing
        } else if header(&headers, "transfer-encoding").is_some() {
            Left::Chunks
        } else {
            length.map_or(Left::UntilClose, Left::Bytes)
        };
        Ok(Self {
            status,
            headers,
            reader,
            left,
        })
    }

    /// A header's value.
    pub fn header(&self, name: &str) -> Option<&str> {
        header(&self.headers, name)
    }

    /// More of the body; `None` at its proper end.
    ///
    /// # Errors
    /// When it breaks off before its end, or nothing comes for a long time.
    pub fn next_chunk(&mut self) -> io::Result<Option<Vec<u8>>> {
        match self.left {
            Left::Nothing | Left::Bytes(0) => Ok(None),
            Left::Bytes(left) => {
                let bytes = self.some(left)?.ok_or(io::ErrorKind::UnexpectedEof)?;
                self.left = Left::Bytes(left - bytes.len() as u64);
                Ok(Some(bytes))
            }
            Left::UntilClose => self.some(u64::MAX),
            Left::Chunks => {
                let size = line(&mut self.reader)?;
                let size = usize::from_str_radix(&size, 16)
                    .map_err(|_| io::Error::other(format!("no chunk: {size:?}")))?;
                let mut bytes = vec![0; size];
                self.reader.read_exact(&mut bytes)?;
                line(&mut self.reader)?;
                if size == 0 {
                    self.left = Left::Nothing;
                }
                Ok((size > 0).then_some(bytes))
            }
        }
    }

    /// The connection, for what was upgraded.
    pub fn into_inner(self) -> BufReader<TcpStream> {
        self.reader
    }

    fn some(&mut self, at_most: u64) -> io::Result<Option<Vec<u8>>> {
        let there = self.reader.fill_buf()?;
        let size = there
            .len()
            .min(usize::try_from(at_most).unwrap_or(usize::MAX));
        let bytes = there[..size].to_vec();
        self.reader.consume(size);
        Ok((size > 0).then_some(bytes))
    }
}

fn header<'a>(headers: &'a [(String, String)], name: &str) -> Option<&'a str> {
    headers
        .iter()
        .find(|(own, _)| own.eq_ignore_ascii_case(name))
        .map(|(_, value)| value.as_str())
}

fn line(reader: &mut impl BufRead) -> io::Result<String> {
    let mut line = String::new();
    if reader.read_line(&mut line)? == 0 {
        return Err(io::ErrorKind::UnexpectedEof.into());
    }
    Ok(line.trim_end().to_owned())
}
