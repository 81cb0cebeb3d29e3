//! An HTTP server that hears what webhooks say, and answers as a test wants.

use std::collections::BTreeMap;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard};
use std::time::Duration;

/// Longer than anything heard here takes to come.
const NEVER: Duration = Duration::from_secs(30);

/// A request.
#[derive(Debug, Clone)]
pub struct Heard {
    /// Path and query.
    pub target: String,
    /// Names in small letters.
    pub headers: BTreeMap<String, String>,
    /// As it came, to check its signature.
    pub body: Vec<u8>,
}

impl Heard {
    /// The body as JSON.
    ///
    /// # Panics
    /// Where it is none.
    pub fn json(&self) -> serde_json::Value {
        serde_json::from_slice(&self.body)
            .unwrap_or_else(|error| panic!("{error}: {:?}", String::from_utf8_lossy(&self.body)))
    }
}

/// What is answered.
#[derive(Debug, Clone)]
pub enum Reply {
    /// A status and a body.
    Status(u16, &'static str),
    /// A redirect to there.
    Redirect(String),
    /// Nothing, as long as the receiver lives.
    Nothing,
}

/// See the module's words. Ends with the handle.
pub struct Receiver {
    port: u16,
    shared: Arc<Shared>,
}

type Answerer = Box<dyn Fn(&Heard) -> Reply + Send + Sync>;

struct Shared {
    answer: Answerer,
    heard: Mutex<Vec<Heard>>,
    more: Condvar,
    is_over: AtomicBool,
}

impl Receiver {
    /// Listens on a port of its own.
    ///
    /// # Panics
    /// Where there is no port.
    pub fn start(answer: impl Fn(&Heard) -> Reply + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let shared = Arc::new(Shared {
            answer: Box::new(answer),
            heard: Mutex::default(),
            more: Condvar::new(),
            is_over: AtomicBool::new(false),
        });
        let for_all = shared.clone();
        std::thread::Builder::new()
            .name("receiver".into())
            .spawn(move || accept(&listener, &for_all))
            .unwrap();
        Self { port, shared }
    }

    /// Its URL with a path.
    pub fn url(&self, path: &str) -> String {
        format!("http://127.0.0.1:{}{path}", self.port)
    }

    /// The first `count` requests, when they are there.
    ///
    /// # Panics
    /// Where they do not come.
    pub fn wait(&self, count: usize) -> Vec<Heard> {
        let heard = self.heard();
        let (heard, outcome) = self
            .shared
            .more
            .wait_timeout_while(heard, NEVER, |heard| heard.len() < count)
            .unwrap();
        assert!(
            !outcome.timed_out(),
            "{} of {count} requests came: {heard:#?}",
            heard.len()
        );
        heard.clone()
    }

    /// Requests until now.
    pub fn heard(&self) -> MutexGuard<'_, Vec<Heard>> {
        self.shared.heard.lock().unwrap()
    }
}

impl Drop for Receiver {
    fn drop(&mut self) {
        self.shared.is_over.store(true, Ordering::Release);
        self.shared.more.notify_all();
        // Wakes who accepts.
        let _ = TcpStream::connect(("127.0.0.1", self.port));
    }
}

fn accept(listener: &TcpListener, shared: &Arc<Shared>) {
    for socket in listener.incoming() {
        if shared.is_over.load(Ordering::Acquire) {
            return;
        }
        let Ok(socket) = socket else { continue };
        let shared = shared.clone();
        let serve = move || drop(serve(&socket, &shared));
        let _ = std::thread::Builder::new().spawn(serve);
    }
}

/// Serves one connection until it ends.
fn serve(socket: &TcpStream, shared: &Shared) -> std::io::Result<()> {
    let mut reader = BufReader::new(socket.try_clone()?);
    let mut writer = socket.try_clone()?;
    while let Some(heard) = read(&mut reader)? {
        let said = (shared.answer)(&heard);
        shared.heard.lock().unwrap().push(heard);
        shared.more.notify_all();
        let (status, location, body) = match said {
            Reply::Status(status, body) => (status, String::new(), body),
            Reply::Redirect(to) => (302, format!("location: {to}\r\n"), ""),
            Reply::Nothing => {
                let heard = shared.heard.lock().unwrap();
                let is_open = |_: &mut Vec<Heard>| !shared.is_over.load(Ordering::Acquire);
                drop(shared.more.wait_while(heard, is_open));
                return Ok(());
            }
        };
        let length = body.len();
        write!(
            writer,
            "HTTP/1.1 {status} Reply\r\ncontent-length: {length}\r\n{location}\r\n{body}"
        )?;
    }
    Ok(())
}

fn read(reader: &mut BufReader<TcpStream>) -> std::io::Result<Option<Heard>> {
    let mut line = String::new();
    if reader.read_line(&mut line)? == 0 {
        return Ok(None);
    }
    let target = line.split(' ').nth(1).unwrap_or_default().to_owned();
    let mut headers = BTreeMap::new();
    loop {
        let mut line = String::new();
        reader.read_line(&mut line)?;
        let Some((name, value)) = line.trim_end().split_once(':') else {
            break;
        };
        headers.insert(name.to_ascii_lowercase(), value.trim().to_owned());
    }
    let length = headers
        .get("content-length")
        .and_then(|text| text.parse().ok());
    let mut body = vec![0; length.unwrap_or(0)];
    reader.read_exact(&mut body)?;
    Ok(Some(Heard {
        target,
        headers,
        body,
    }))
}
