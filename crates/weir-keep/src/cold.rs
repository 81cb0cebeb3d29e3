//! Reads of what is not on this node's disk: each once however many ask, by few at a time, checked before anybody gets or
//! keeps it, and the next one ahead of who plays.

use std::future::Future;
use std::io;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use tokio::runtime::Handle;
use tokio::sync::Semaphore;
use weir_base::Tasks;
use weir_record::block::is_whole;

use crate::cache::{Slice, SliceCache};

/// Threads of this node that wait for pieces of recordings from elsewhere: an eighth of those that the runtime has for
/// waiting, so that disks, and who plays what is here, always find one.
pub const MAX_COLD_READERS: usize = 64;
/// Pieces that are read at once before anybody asks for them.
pub const MAX_READ_AHEAD: usize = 8;
/// How often a piece is asked for that comes as what was not written.
const TRIES: u32 = 3;
/// How long one try may take.
const TRY_TIMEOUT: Duration = Duration::from_secs(20);

/// See the module's words. Clones share it.
#[derive(Clone)]
pub struct ColdReads(Arc<Inner>);

struct Inner {
    cache: Arc<SliceCache>,
    runtime: Handle,
    tasks: Tasks,
    readers: Semaphore,
    ahead: Arc<Semaphore>,
}

impl ColdReads {
    /// Kept in `cache`; `runtime` does what is to be waited for, and `tasks` what nobody waits for.
    pub fn new(cache: Arc<SliceCache>, runtime: Handle, tasks: Tasks) -> Self {
        Self(Arc::new(Inner {
            cache,
            runtime,
            tasks,
            readers: Semaphore::new(MAX_COLD_READERS),
            ahead: Arc::new(Semaphore::new(MAX_READ_AHEAD)),
        }))
    }

    /// What was read before, or what `fetch` reads; it is told which try it is. Waits: for threads that may.
    ///
    /// # Errors
    /// `ResourceBusy` where [`MAX_COLD_READERS`] wait already, `InvalidData` where nobody has what was written, and what
    /// `fetch` says.
    pub fn get<F>(&self, slice: Slice, fetch: impl Fn(u32) -> F) -> io::Result<Bytes>
    where
        F: Future<Output = io::Result<Bytes>>,
    {
        if let Some(bytes) = self.0.cache.kept(&slice) {
            return Ok(bytes);
        }
        let busy = |_| io::Error::from(io::ErrorKind::ResourceBusy);
        let _place = self.0.readers.try_acquire().map_err(busy)?;
        self.read(slice, fetch)
    }

    fn read<F>(&self, slice: Slice, fetch: impl Fn(u32) -> F) -> io::Result<Bytes>
    where
        F: Future<Output = io::Result<Bytes>>,
    {
        let inner = &self.0;
        let fetch = || inner.runtime.block_on(checked(slice, fetch));
        inner.cache.get(slice, fetch)
    }

    /// Has the same read, unless it is here or enough is read ahead already. Waits for nothing.
    pub fn ahead<F>(&self, slice: Slice, fetch: impl Fn(u32) -> F + Send + 'static)
    where
        F: Future<Output = io::Result<Bytes>>,
    {
        if self.0.cache.has(&slice) {
            return;
        }
        let Ok(place) = self.0.ahead.clone().try_acquire_owned() else {
            return;
        };
        let own = self.clone();
        let read = async move {
            let _place = place;
            let read = tokio::task::spawn_blocking(move || own.read(slice, fetch)).await;
            if let Ok(Err(error)) = read {
                tracing::debug!(recording = %slice.id, "nothing was read ahead: {error}");
            }
        };
        let _in_runtime = self.0.runtime.enter();
        self.0.tasks.spawn("recordings read ahead", read);
    }
}

/// What comes as it was written. Another try may go another way.
async fn checked<F>(slice: Slice, fetch: impl Fn(u32) -> F) -> io::Result<Bytes>
where
    F: Future<Output = io::Result<Bytes>>,
{
    let mut last = io::ErrorKind::InvalidData.into();
    for attempt in 0..TRIES {
        let read = match tokio::time::timeout(TRY_TIMEOUT, fetch(attempt)).await {
            Ok(read) => read,
            Err(_) => Err(io::Error::new(io::ErrorKind::HostUnreachable, "no answer")),
        };
        match read {
            Ok(bytes) if bytes.len() as u64 == slice.len() && is_whole(&bytes) => return Ok(bytes),
            Ok(_) => {
                last = io::Error::new(io::ErrorKind::InvalidData, "it is not what was written");
            }
            Err(error) if error.kind() == io::ErrorKind::InvalidData => last = error,
            Err(error) => return Err(error),
        }
        tracing::warn!(recording = %slice.id, block = %slice.name, "a piece comes damaged: {last}");
    }
    Err(last)
}

impl std::fmt::Debug for ColdReads {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("ColdReads")
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicU32, Ordering};

    use weir_base::Id;
    use weir_record::Epoch;
    use weir_record::block::BlockName;
    use weir_record::piece::{PieceHead, PieceKind};

    use super::*;

    /// A piece with a hundred bytes, which all have this value.
    fn piece(fill: u8) -> Bytes {
        let head = PieceHead {
            kind: PieceKind::Part,
            is_independent: true,
            is_discontinuity: false,
            epoch: Epoch::new("e").unwrap(),
            msn: 0,
            part: 0,
            wall_us: 0,
            duration_us: 0,
            init_id: 0,
            pictures: 0,
            len: 100,
        };
        let bytes = [fill; 100];
        [&head.encode(&bytes)[..], &bytes].concat().into()
    }

    fn slice(number: u32) -> Slice {
        let name = BlockName {
            epoch: Epoch::new("e").unwrap(),
            number,
        };
        Slice::new(Id::first_of(1), name, &(0..piece(0).len() as u32))
    }

    fn reads() -> (tempfile::TempDir, ColdReads) {
        let folder = tempfile::tempdir().unwrap();
        let cache = Arc::new(SliceCache::open(folder.path(), 1 << 20).unwrap());
        (
            folder,
            ColdReads::new(cache, Handle::current(), Tasks::new()),
        )
    }

    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn what_comes_damaged_is_asked_for_again_and_is_neither_given_nor_kept() {
        let (_folder, reads) = reads();
        let work = move || {
            let tries = AtomicU32::new(0);
            let mut damaged = piece(1).to_vec();
            damaged[90] ^= 1;
            let fetch = |right_at: u32| {
                let (tries, damaged) = (&tries, Bytes::from(damaged.clone()));
                move |attempt: u32| {
                    tries.fetch_add(1, Ordering::Relaxed);
                    let bytes = if attempt == right_at {
                        piece(1)
                    } else {
                        damaged.clone()
                    };
                    async move { Ok(bytes) }
                }
            };
            let refused = reads.get(slice(1), fetch(TRIES)).unwrap_err();
            assert_eq!(refused.kind(), io::ErrorKind::InvalidData);
            assert_eq!(tries.swap(0, Ordering::Relaxed), TRIES);
            assert_eq!(reads.get(slice(1), fetch(TRIES - 1)).unwrap(), piece(1));
            assert_eq!(tries.swap(0, Ordering::Relaxed), TRIES);
            assert_eq!(
                reads.get(slice(1), fetch(0)).unwrap(),
                piece(1),
                "it is kept"
            );
            assert_eq!(tries.load(Ordering::Relaxed), 0);
        };
        tokio::task::spawn_blocking(work).await.unwrap();
    }

    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn as_many_wait_as_may_and_whoever_comes_then_is_told_so_at_once() {
        let (_folder, reads) = reads();
        let (open, gate) = tokio::sync::watch::channel(false);
        let readers: Vec<_> = (0..MAX_COLD_READERS as u32)
            .map(|number| {
                let (reads, gate) = (reads.clone(), gate.clone());
                let fetch = move |_| {
                    let mut gate = gate.clone();
                    async move {
                        let opened = gate.wait_for(|is_open| *is_open).await;
                        opened.map_err(io::Error::other)?;
                        Ok(piece(number as u8))
                    }
                };
                tokio::task::spawn_blocking(move || reads.get(slice(number), fetch))
            })
            .collect();
        while reads.0.readers.available_permits() > 0 {
            tokio::task::yield_now().await;
        }
        let never = |_| async { panic!("nobody is asked") };
        let late = reads.clone();
        let late = move || late.get(slice(1_000), never);
        let refused = tokio::task::spawn_blocking(late)
            .await
            .unwrap()
            .unwrap_err();
        assert_eq!(refused.kind(), io::ErrorKind::ResourceBusy);
        open.send(true).unwrap();
        for (number, reader) in readers.into_iter().enumerate() {
            assert_eq!(reader.await.unwrap().unwrap(), piece(number as u8));
        }
        // What is kept needs no place.
        let _all = reads
            .0
            .readers
            .try_acquire_many(MAX_COLD_READERS as u32)
            .unwrap();
        let kept = reads.clone();
        let kept = move || kept.get(slice(7), never);
        let kept = tokio::task::spawn_blocking(kept).await.unwrap();
        assert_eq!(kept.unwrap(), piece(7));
    }

    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn what_is_read_ahead_is_there_when_it_is_asked_for() {
        let (_folder, reads) = reads();
        reads.ahead(slice(3), |_| async { Ok(piece(3)) });
        while reads.0.cache.kept(&slice(3)).is_none() {
            tokio::task::yield_now().await;
        }
        reads.ahead(slice(3), |_| async { panic!("it is here") });
        let never = |_| async { panic!("nobody is asked") };
        assert_eq!(reads.get(slice(3), never).unwrap(), piece(3));
    }
}
