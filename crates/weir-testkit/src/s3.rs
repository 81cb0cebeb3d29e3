//! A server of a test's own that speaks S3, with one bucket. It keeps everything in memory.

use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::time::Duration;

use tempfile::TempDir;

use crate::ports;
use crate::process::{Process, Signal};
use crate::tools::Tool;
use crate::wait::until;

/// Seconds it may take to start: it is a large Python program.
const PATIENCE_S: u64 = 60;
/// No answer for this long is a failure.
const ANSWER: Duration = Duration::from_secs(10);
const BUCKET: &str = "weir-test";

/// A running server.
#[derive(Debug)]
pub struct S3 {
    process: Process,
    port: u16,
    dir: TempDir,
}

impl S3 {
    /// Starts one, and makes its bucket.
    ///
    /// # Panics
    /// When it does not start.
    pub fn start() -> Self {
        let port = ports::reserve();
        let dir = tempfile::tempdir().expect("a directory");
        let mut command = Tool::MotoServer.command();
        command.args(["-H", "127.0.0.1", "-p", &port.to_string()]);
        command.current_dir(dir.path());
        let process = Process::spawn("moto_server", &mut command, &dir.path().join("moto.log"));
        let server = Self { process, port, dir };
        until("the S3 server makes a bucket", PATIENCE_S, || {
            let answer = server.ask("PUT", &format!("/{BUCKET}")).ok()?;
            answer.starts_with("HTTP/1.1 200").then_some(())
        });
        server
    }

    /// As `store.recordings.url` wants it, with this prefix in the bucket.
    pub fn url(&self, prefix: &str) -> String {
        self.url_through(&self.address(), prefix)
    }

    /// The same, reached through something at `address` (`host:port`).
    pub fn url_through(&self, address: &str, prefix: &str) -> String {
        format!("s3://{BUCKET}/{prefix}?endpoint=http://{address}&region=eu-west-1")
    }

    /// `host:port` where it listens.
    pub fn address(&self) -> String {
        format!("127.0.0.1:{}", self.port)
    }

    /// A file of credentials, as `store.recordings.credentials` wants it; the server takes any.
    ///
    /// # Panics
    /// When it cannot be written.
    pub fn credentials(&self) -> String {
        let path = self.dir.path().join("credentials.toml");
        let text = "access_key_id = \"test\"\nsecret_access_key = \"test\"\n";
        std::fs::write(&path, text).expect("the file can be written");
        path.to_str().expect("its name is text").to_owned()
    }

    /// The keys in the bucket, as its XML lists them.
    ///
    /// # Panics
    /// When it does not answer.
    pub fn listing(&self) -> String {
        self.ask("GET", &format!("/{BUCKET}?list-type=2"))
            .expect("it answers")
    }

    /// Lets it stand still: it keeps its connections and answers nothing.
    pub fn pause(&self) {
        self.process.signal(Signal::STOP);
    }

    /// The end of [`Self::pause`].
    pub fn resume(&self) {
        self.process.signal(Signal::CONT);
    }

    fn ask(&self, method: &str, target: &str) -> std::io::Result<String> {
        let mut socket = TcpStream::connect(("127.0.0.1", self.port))?;
        socket.set_read_timeout(Some(ANSWER))?;
        let head =
            format!("{method} {target} HTTP/1.1\r\nhost: 127.0.0.1\r\nconnection: close\r\n");
        socket.write_all(format!("{head}content-length: 0\r\n\r\n").as_bytes())?;
        let mut answer = String::new();
        socket.read_to_string(&mut answer)?;
        Ok(answer)
    }
}
