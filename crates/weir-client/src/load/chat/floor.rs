//! What the kernel alone takes to send a message to each of many connections: a bare loop of `send`.

use std::io::{self, ErrorKind, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread::JoinHandle;
use std::time::Duration;

use mio::{Events, Interest, Poll, Token};

/// Messages to each connection; the first is not measured.
const ROUNDS: u64 = 20;
/// Bytes read at once.
const READ_BYTES: usize = 16 * 1024;

/// Processor seconds of a million sends of `bytes` each, to one connection after the other, all of whose readers
/// wait in a thread of their own as a server's do elsewhere.
pub(super) fn floor(connections: usize, bytes: usize) -> anyhow::Result<f64> {
    let listener = TcpListener::bind("127.0.0.1:0")?;
    let address = listener.local_addr()?;
    let (mut senders, mut readers) = (Vec::new(), Vec::new());
    for _ in 0..connections.max(1) {
        let sender = TcpStream::connect(address)?;
        sender.set_nodelay(true)?;
        readers.push(listener.accept()?.0);
        senders.push(sender);
    }
    let heard = Arc::new(Heard::default());
    let thread = listen(readers, heard.clone())?;
    let message = vec![b'x'; bytes.max(1)];
    let (mut spent_ns, mut sent) = (0, 0);
    for round in 0..ROUNDS {
        let before_ns = thread_cpu_ns()?;
        for sender in &mut senders {
            sender.write_all(&message)?;
        }
        if round > 0 {
            spent_ns += thread_cpu_ns()? - before_ns;
            sent += senders.len();
        }
        // As far apart as ticks are: nobody's queue is ever full.
        let wanted = (round + 1) * (senders.len() * message.len()) as u64;
        while heard.bytes.load(Ordering::Relaxed) < wanted && !thread.is_finished() {
            std::thread::sleep(Duration::from_millis(1));
        }
    }
    heard.is_over.store(true, Ordering::Relaxed);
    drop(senders);
    thread
        .join()
        .map_err(|_| anyhow::anyhow!("the floor's readers broke"))??;
    Ok(spent_ns as f64 / 1e9 / sent as f64 * 1e6)
}

/// What the readers have heard.
#[derive(Default)]
struct Heard {
    bytes: AtomicU64,
    is_over: AtomicBool,
}

fn listen(
    sockets: Vec<TcpStream>,
    heard: Arc<Heard>,
) -> anyhow::Result<JoinHandle<io::Result<()>>> {
    let poll = Poll::new()?;
    let mut readers = Vec::new();
    for (number, socket) in sockets.into_iter().enumerate() {
        socket.set_nonblocking(true)?;
        let mut socket = mio::net::TcpStream::from_std(socket);
        poll.registry()
            .register(&mut socket, Token(number), Interest::READABLE)?;
        readers.push(socket);
    }
    let thread = std::thread::Builder::new().name("floor".into());
    Ok(thread.spawn(move || read(poll, readers, &heard))?)
}

fn read(mut poll: Poll, mut readers: Vec<mio::net::TcpStream>, heard: &Heard) -> io::Result<()> {
    let mut events = Events::with_capacity(1024);
    let mut buffer = vec![0; READ_BYTES];
    while !heard.is_over.load(Ordering::Relaxed) {
        poll.poll(&mut events, Some(Duration::from_millis(20)))?;
        for event in &events {
            let Some(reader) = readers.get_mut(event.token().0) else {
                continue;
            };
            loop {
                match reader.read(&mut buffer) {
                    Ok(0) => break,
                    Ok(read) => heard.bytes.fetch_add(read as u64, Ordering::Relaxed),
                    Err(error) if error.kind() == ErrorKind::WouldBlock => break,
                    Err(error) => return Err(error),
                };
            }
        }
    }
    Ok(())
}

/// Nanoseconds that this thread was on the processor.
fn thread_cpu_ns() -> io::Result<u64> {
    let line = std::fs::read_to_string("/proc/thread-self/schedstat")?;
    let first = line
        .split_whitespace()
        .next()
        .and_then(|ns| ns.parse().ok());
    first.ok_or_else(|| ErrorKind::InvalidData.into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_floor_is_some_microseconds_a_send() {
        let cost = floor(50, 100).unwrap();
        assert!(cost > 0.0, "{cost}");
    }
}
