//! Blocks that are read from the store, through a cache on the disk.

use std::future::Future;
use std::io;
use std::ops::Range;

use bytes::Bytes;
use weir_base::Id;
use weir_record::Elsewhere;
use weir_record::block::BlockName;
use weir_store::StoreError;

use crate::archive::Archive;
use crate::cache::Slice;
use crate::cold::ColdReads;

/// What a node's own recordings have in the store alone.
pub struct StoreBlocks {
    archive: Archive,
    cold: ColdReads,
}

impl StoreBlocks {
    /// From `archive`, as `cold` reads.
    pub const fn new(archive: Archive, cold: ColdReads) -> Self {
        Self { archive, cold }
    }

    fn fetch(
        &self,
        slice: Slice,
    ) -> impl Fn(u32) -> std::pin::Pin<Box<dyn Future<Output = io::Result<Bytes>> + Send>> + use<>
    {
        let archive = self.archive.clone();
        move |_| {
            let archive = archive.clone();
            Box::pin(async move {
                let place = slice.start..slice.end;
                archive
                    .read(slice.id, slice.name, place)
                    .await
                    .map_err(said)
            })
        }
    }
}

impl Elsewhere for StoreBlocks {
    fn read(&self, id: Id, name: BlockName, place: Range<u32>) -> io::Result<Bytes> {
        let slice = Slice::new(id, name, &place);
        self.cold.get(slice, self.fetch(slice))
    }

    fn ahead(&self, id: Id, name: BlockName, place: Range<u32>) {
        let slice = Slice::new(id, name, &place);
        self.cold.ahead(slice, self.fetch(slice));
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
