//! A Redis of a test's own on a port of its own: it can be killed, come back with nothing in it, and
//! stand still. It is asked over its own wire form, not by the client that weir uses.

use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::time::Duration;

use tempfile::TempDir;

use crate::ports;
use crate::process::{Process, Signal};
use crate::tools::Tool;
use crate::wait::until;

/// Seconds it may take to start.
const PATIENCE_S: u64 = 20;
/// No answer for this long is a failure.
const ANSWER: Duration = Duration::from_secs(5);
/// Nobody else's Redis, and nobody without the word.
const PASSWORD: &str = "weir-testkit";

/// A running server, or one that was killed.
#[derive(Debug)]
pub struct Redis {
    process: Option<Process>,
    port: u16,
    dir: TempDir,
}

impl Redis {
    /// Starts one that keeps nothing on disk, and waits until it answers.
    pub fn start() -> Self {
        let mut redis = Self {
            process: None,
            port: ports::reserve(),
            dir: tempfile::tempdir().expect("a directory"),
        };
        redis.restart();
        redis
    }

    /// `host:port`.
    pub fn address(&self) -> String {
        format!("127.0.0.1:{}", self.port)
    }

    /// As `cluster.redis` wants it.
    pub fn url(&self) -> String {
        Self::url_at(&self.address())
    }

    /// The same at another address that leads to it.
    pub fn url_at(address: &str) -> String {
        format!("redis://:{PASSWORD}@{address}")
    }

    /// Ends it at once, and all it held.
    pub fn kill(&mut self) {
        if let Some(mut process) = self.process.take() {
            process.signal(Signal::KILL);
            process.wait(PATIENCE_S);
        }
    }

    /// Starts it again at the same address, empty.
    pub fn restart(&mut self) {
        self.kill();
        let mut command = Tool::RedisServer.command();
        command.args(["--port", &self.port.to_string(), "--bind", "127.0.0.1"]);
        command.args([
            "--save",
            "",
            "--appendonly",
            "no",
            "--requirepass",
            PASSWORD,
        ]);
        command.current_dir(self.dir.path());
        let log = self.dir.path().join("redis.log");
        self.process = Some(Process::spawn("redis-server", &mut command, &log));
        until("redis-server answers", PATIENCE_S, || {
            self.try_ask(&["PING"]).ok()
        });
    }

    /// Lets it stand still: it keeps its connections and answers nothing.
    pub fn pause(&self) {
        self.signal(Signal::STOP);
    }

    /// The end of [`Self::pause`].
    pub fn resume(&self) {
        self.signal(Signal::CONT);
    }

    /// The keys that match, in order.
    pub fn keys(&self, pattern: &str) -> Vec<String> {
        let mut keys = self.ask(&["KEYS", pattern]);
        keys.sort();
        keys
    }

    /// A command; an array is one string for each of its elements, anything else is one string.
    pub fn ask(&self, words: &[&str]) -> Vec<String> {
        self.try_ask(words)
            .unwrap_or_else(|error| panic!("redis {words:?}: {error}"))
    }

    /// How many commands clients have sent so far.
    pub fn commands(&self) -> u64 {
        let info = self.ask(&["INFO", "stats"]).concat();
        let number = info
            .lines()
            .find_map(|line| line.strip_prefix("total_commands_processed:"));
        number.and_then(|text| text.trim().parse().ok()).unwrap()
    }

    fn signal(&self, signal: Signal) {
        self.process.as_ref().expect("it runs").signal(signal);
    }

    fn try_ask(&self, words: &[&str]) -> io::Result<Vec<String>> {
        let mut socket = TcpStream::connect(self.address())?;
        socket.set_read_timeout(Some(ANSWER))?;
        for words in [&["AUTH", PASSWORD], words] {
            let mut request = format!("*{}\r\n", words.len());
            for word in words {
                request += &format!("${}\r\n{word}\r\n", word.len());
            }
            socket.write_all(request.as_bytes())?;
        }
        let mut reader = BufReader::new(socket);
        answer(&mut reader)?;
        answer(&mut reader)
    }
}

/// One answer of RESP2.
fn answer(reader: &mut BufReader<TcpStream>) -> io::Result<Vec<String>> {
    let mut line = String::new();
    if reader.read_line(&mut line)? == 0 {
        return Err(io::ErrorKind::UnexpectedEof.into());
    }
    let line = line.trim_end();
    let (kind, rest) = line.split_at(1);
    let count = || {
        rest.parse::<usize>()
            .map_err(|_| io::Error::other(line.to_owned()))
    };
    match kind {
        "+" | ":" => Ok(vec![rest.to_owned()]),
        "$" if rest == "-1" => Ok(Vec::new()),
        "$" => {
            let mut bytes = vec![0; count()? + 2];
            reader.read_exact(&mut bytes)?;
            bytes.truncate(bytes.len() - 2);
            Ok(vec![String::from_utf8_lossy(&bytes).into_owned()])
        }
        "*" => {
            let mut all = Vec::new();
            for _ in 0..count()? {
                all.extend(answer(reader)?);
            }
            Ok(all)
        }
        _ => Err(io::Error::other(line.to_owned())),
    }
}
