//! What is logged on the thread of a test, for tests that look into it.
//!
//! One subscriber serves the whole process. A subscriber of a thread alone would miss what another thread came by
//! first: while there is just one, tracing asks the thread that comes by whether anybody listens, and keeps the answer.

use std::cell::RefCell;
use std::io::{self, Write};
use std::sync::Once;

use tracing_subscriber::filter::LevelFilter;

thread_local! {
    static KEPT: RefCell<Option<Vec<u8>>> = const { RefCell::new(None) };
}
static LISTENING: Once = Once::new();

/// The log of this thread, kept from its making on.
#[derive(Debug)]
pub struct KeptLog(());

impl KeptLog {
    /// Keeps what is logged on this thread from now on, at all levels.
    ///
    /// # Panics
    /// Where this process has another subscriber.
    #[expect(clippy::new_without_default, reason = "it does something")]
    pub fn new() -> Self {
        LISTENING.call_once(|| {
            let subscriber = tracing_subscriber::fmt()
                .with_max_level(LevelFilter::TRACE)
                .with_ansi(false)
                .with_writer(|| OfThread)
                .finish();
            tracing::subscriber::set_global_default(subscriber)
                .expect("nobody else listens in a process of tests");
        });
        KEPT.set(Some(Vec::new()));
        Self(())
    }

    /// What was logged until now.
    pub fn text(&self) -> String {
        let kept = KEPT.with_borrow(|kept| kept.clone().unwrap_or_default());
        String::from_utf8_lossy(&kept).into_owned()
    }
}

impl Drop for KeptLog {
    fn drop(&mut self) {
        KEPT.set(None);
    }
}

struct OfThread;

impl Write for OfThread {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        KEPT.with_borrow_mut(|kept| {
            if let Some(kept) = kept {
                kept.extend_from_slice(bytes);
            }
        });
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn say() {
        tracing::debug!("here it is");
    }

    #[test]
    fn what_another_thread_came_by_first_is_kept_too() {
        let log = KeptLog::new();
        std::thread::scope(|scope| {
            scope.spawn(say);
        });
        assert_eq!(log.text(), "");
        say();
        assert!(log.text().contains("here it is"), "{}", log.text());
    }
}
