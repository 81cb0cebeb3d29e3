//! Blocks that are read from the store, through a cache on the disk.

use std::io;
use std::ops::Range;
use std::sync::Arc;

use bytes::Bytes;
use tokio::runtime::Handle;
use weir_base::Id;
use weir_record::Elsewhere;
use weir_record::block::BlockName;
use weir_store::StoreError;

use crate::archive::Archive;
use crate::cache::{Slice, SliceCache};

/// What a node's own recordings have in the store alone.
pub struct StoreBlocks {
    archive: Archive,
    cache: Arc<SliceCache>,
    runtime: Handle,
}

impl StoreBlocks {
    /// From `archive`, kept in `cache`; `runtime` does what is to be waited for.
    pub const fn new(archive: Archive, cache: Arc<SliceCache>, runtime: Handle) -> Self {
        Self {
            archive,
            cache,
            runtime,
        }
    }
}

impl Elsewhere for StoreBlocks {
    fn read(&self, id: Id, name: BlockName, place: Range<u32>) -> io::Result<Bytes> {
        let slice = Slice {
            id,
            name,
            start: place.start,
            end: place.end,
        };
        self.cache.get(slice, || {
            let read = self.archive.read(id, name, place);
            self.runtime.block_on(read).map_err(said)
        })
    }
}

/// What the store says, as a disk would.
fn said(error: StoreError) -> io::Error {
    let kind = match &error {
        StoreError::Missing(_) => io::ErrorKind::NotFound,
        StoreError::Damaged(_) => io::ErrorKind::InvalidData,
        _ => io::ErrorKind::HostUnreachable,
    };
    io::Error::new(kind, error)
}
