//! The objects of a recording: its blocks as they were sealed, and manifests beside them, each under a name that never
//! has other bytes.

use std::collections::{BTreeMap, HashSet};
use std::sync::Arc;

use bytes::Bytes;
use futures_util::StreamExt as _;
use weir_base::Id;
use weir_record::block::{BlockName, MAX_BLOCK_BYTES, Table};
use weir_record::manifest::{self, MAX_MANIFEST_BYTES};
use weir_record::{Block, Facts, MAX_POSTER_BYTES, View, in_order, merged};
use weir_store::StoreError;
use weir_store::objects::{Key, Objects, Stored};

/// Bytes from the end of a block in which its table is looked for first.
const TAIL_BYTES: u64 = 8 << 10;
/// Manifests of a recording that are looked at for one that is whole.
const MANIFESTS_TRIED: usize = 3;
/// Nodes whose manifests of one recording are looked at: its stream moved between them.
const MAX_WRITERS: usize = 64;
/// Other names that are tried for a manifest where somebody has put another one.
const NAMES_TRIED: u64 = 16;

/// The recordings of a store, and the node that writes there. Clones share it.
#[derive(Debug, Clone)]
pub struct Archive(Objects, Arc<str>);

/// What there is of a recording.
#[derive(Debug, Default)]
struct Listed {
    blocks: BTreeMap<BlockName, u64>,
    /// Of each node, the newest first.
    manifests: BTreeMap<String, Vec<(u64, Key, u64)>>,
}

impl Archive {
    /// In the class of recordings; `node` is who writes.
    pub fn new(objects: Objects, node: &str) -> Self {
        Self(objects, node.into())
    }

    /// Puts a sealed block there, once: where it is there already it has to be the same. Gives its SHA-256.
    ///
    /// # Errors
    /// [`StoreError::Damaged`] where there is another; [`StoreError::is_passing`] where the same again may pass.
    pub async fn put_block(
        &self,
        id: Id,
        name: BlockName,
        bytes: Bytes,
    ) -> Result<[u8; 32], StoreError> {
        let key = block_key(id, name)?;
        self.put_once(&key, bytes).await
    }

    /// Puts what this node knows of a recording there, as far as its blocks are. The newest manifest of a node is the
    /// one with the greatest number.
    ///
    /// # Errors
    /// As [`Self::put_block`].
    pub async fn put_manifest(&self, view: &View) -> Result<(), StoreError> {
        let mut known = view.clone();
        known.blocks.retain(|block| block.is_stored);
        let bytes =
            manifest::encode(&known).map_err(|error| StoreError::Fault(error.to_string()))?;
        let bytes = Bytes::from(bytes);
        let first = known.blocks.len() as u64 * 2 + u64::from(known.facts.ended_ms.is_some());
        // Where another life of the node has said something else with as many blocks, this one is newer.
        for version in (0..NAMES_TRIED).map(|more| first + 2 * more) {
            let key = key(format!(
                "{}/m/n-{}/{version:010}.view",
                view.facts.id, self.1
            ))?;
            match self.put_once(&key, bytes.clone()).await {
                Err(StoreError::Damaged(_)) => {}
                put => {
                    put?;
                    return self.forget_before(view.facts.id, version).await;
                }
            }
        }
        Err(StoreError::Damaged(format!(
            "manifests of {}",
            view.facts.id
        )))
    }

    /// All that is there of a recording; `None` where there is nothing. Blocks that no manifest has are looked at
    /// themselves.
    ///
    /// # Errors
    /// [`StoreError::Away`]; [`StoreError::Damaged`] where no manifest can be read.
    pub async fn view(&self, id: Id) -> Result<Option<View>, StoreError> {
        Ok(merged(self.parts(id).await?))
    }

    /// The same, as each node that recorded some of it has told it.
    ///
    /// # Errors
    /// As [`Self::view`].
    pub async fn parts(&self, id: Id) -> Result<Vec<View>, StoreError> {
        let listed = self.listed(id).await?;
        let mut parts = self.manifests(&listed).await?;
        if parts.is_empty() && !listed.blocks.is_empty() {
            // Blocks say themselves whose they are.
            let view = self.view_of(id, &listed.blocks, None).await?;
            let view = view.ok_or_else(|| StoreError::Damaged(format!("the manifests of {id}")))?;
            return Ok(vec![view]);
        }
        for part in &mut parts {
            part.blocks
                .retain(|block| listed.blocks.contains_key(&block.name));
        }
        let known = parts.iter().flat_map(|part| &part.blocks);
        let known: HashSet<BlockName> = known.map(|block| block.name).collect();
        for (name, len) in listed
            .blocks
            .iter()
            .filter(|(name, _)| !known.contains(name))
        {
            let table = self.table(id, *name, *len).await?;
            let is_its = |part: &View| part.blocks.iter().any(|own| own.name.epoch == name.epoch);
            let whose = parts.iter().position(is_its).unwrap_or(0);
            if let Some(part) = parts.get_mut(whose) {
                part.blocks.push(stored(*name, table));
            }
        }
        parts.iter_mut().for_each(|part| in_order(&mut part.blocks));
        Ok(parts)
    }

    /// The recordings of which something is there, the oldest first.
    ///
    /// # Errors
    /// [`StoreError::Away`].
    pub async fn ids(&self) -> Result<Vec<Id>, StoreError> {
        let names = self.0.folders().await?;
        Ok(names.iter().filter_map(|name| name.parse().ok()).collect())
    }

    /// Whether there is nothing of it.
    ///
    /// # Errors
    /// [`StoreError::Away`].
    pub async fn is_bare(&self, id: Id) -> Result<bool, StoreError> {
        let listed = self.listed(id).await?;
        Ok(listed.blocks.is_empty() && listed.manifests.is_empty())
    }

    /// What the newest manifests say that are whole; `None` where none is.
    ///
    /// # Errors
    /// [`StoreError::Away`].
    pub async fn told(&self, id: Id) -> Result<Option<View>, StoreError> {
        let listed = self.listed(id).await?;
        Ok(merged(self.manifests(&listed).await?))
    }

    /// What there is by the blocks alone, whatever the manifests say; `None` where there are none, or where nothing says
    /// whose they are: `facts`, or else they themselves.
    ///
    /// # Errors
    /// [`StoreError::Away`].
    pub async fn view_of_blocks(
        &self,
        id: Id,
        facts: Option<&Facts>,
    ) -> Result<Option<View>, StoreError> {
        self.view_of(id, &self.listed(id).await?.blocks, facts)
            .await
    }

    async fn view_of(
        &self,
        id: Id,
        listed: &BTreeMap<BlockName, u64>,
        facts: Option<&Facts>,
    ) -> Result<Option<View>, StoreError> {
        let mut facts = facts.cloned();
        let mut blocks = Vec::with_capacity(listed.len());
        for (&name, &len) in listed {
            if facts.is_none() {
                facts = self.facts_of(id, name, len).await?;
            }
            blocks.push(stored(name, self.table(id, name, len).await?));
        }
        in_order(&mut blocks);
        Ok(facts
            .filter(|_| !blocks.is_empty())
            .map(|facts| View { facts, blocks }))
    }

    async fn facts_of(
        &self,
        id: Id,
        name: BlockName,
        len: u64,
    ) -> Result<Option<Facts>, StoreError> {
        let key = block_key(id, name)?;
        let begin = self.0.range(&key, 0..len.min(Facts::BYTES)).await?;
        Ok(Facts::of_block(&begin).filter(|facts| facts.id == id))
    }

    /// The SHA-256 of a block as it is there, which has to be what its table says.
    ///
    /// # Errors
    /// [`StoreError::Damaged`] where it is not whole; [`StoreError::Missing`], [`StoreError::Away`].
    pub async fn digest(&self, id: Id, block: &Block) -> Result<[u8; 32], StoreError> {
        use sha2::{Digest as _, Sha256};
        let name = block.name;
        let key = block_key(id, name)?;
        let bytes = self.0.whole(&key, MAX_BLOCK_BYTES as u64).await?;
        match Table::scan(&bytes).len {
            whole if whole >= block.table.len => Ok(Sha256::digest(&bytes).into()),
            whole => Err(StoreError::Damaged(format!(
                "block {name} of {id}: {whole} bytes of {} are whole",
                block.table.len
            ))),
        }
    }

    /// Keeps the picture that stands for a recording.
    ///
    /// # Errors
    /// [`StoreError::is_passing`] where the same again may pass.
    pub async fn put_poster(&self, id: Id, jpeg: Bytes) -> Result<(), StoreError> {
        self.0.put(&poster_key(id)?, jpeg).await?;
        Ok(())
    }

    /// It, where there is one.
    ///
    /// # Errors
    /// [`StoreError::Away`].
    pub async fn poster(&self, id: Id) -> Result<Option<Bytes>, StoreError> {
        let key = poster_key(id)?;
        match self.0.whole(&key, MAX_POSTER_BYTES).await {
            Err(StoreError::Missing(_)) => Ok(None),
            jpeg => jpeg.map(Some),
        }
    }

    /// The bytes at a place of a block.
    ///
    /// # Errors
    /// [`StoreError::Missing`], [`StoreError::Away`].
    pub async fn read(
        &self,
        id: Id,
        name: BlockName,
        place: std::ops::Range<u32>,
    ) -> Result<Bytes, StoreError> {
        let key = block_key(id, name)?;
        let range = u64::from(place.start)..u64::from(place.end);
        self.0.range(&key, range).await
    }

    async fn put_once(&self, key: &Key, bytes: Bytes) -> Result<[u8; 32], StoreError> {
        use sha2::{Digest as _, Sha256};
        let digest: [u8; 32] = Sha256::digest(&bytes).into();
        let length = bytes.len() as u64;
        match self.0.create(key, bytes.clone()).await {
            Ok(()) => {}
            // An earlier try, whose answer was lost, or somebody else.
            Err(StoreError::Taken(_)) => {
                let stored = Stored::of(&bytes);
                return self.0.get(key, &stored).await.map(|_| digest);
            }
            Err(error) => return Err(error),
        }
        match self.0.length(key).await? {
            found if found == length => Ok(digest),
            found => Err(StoreError::Away(format!(
                "{key} has {found} bytes of {length} that were sent"
            ))),
        }
    }

    async fn listed(&self, id: Id) -> Result<Listed, StoreError> {
        let mut listed = Listed::default();
        let mut found = self.0.list(Some(&key(id.to_string())?));
        while let Some(object) = found.next().await {
            let (key, len) = object?;
            let text = key.to_string();
            let rest = text.split_once('/').map_or("", |(_, rest)| rest);
            if let Some(stem) = within(rest, "b/", ".blk") {
                listed
                    .blocks
                    .extend(BlockName::parse(stem).map(|name| (name, len)));
            } else if let Some((node, version)) = within(rest, "m/n-", ".view")
                .and_then(|stem| stem.split_once('/'))
                .and_then(|(node, version)| Some((node.to_owned(), version.parse().ok()?)))
            {
                let own = listed.manifests.entry(node).or_default();
                own.push((version, key, len));
            }
        }
        for own in listed.manifests.values_mut() {
            own.sort_by_key(|(version, ..)| std::cmp::Reverse(*version));
        }
        Ok(listed)
    }

    /// The newest of each node's manifests that is whole.
    async fn manifests(&self, listed: &Listed) -> Result<Vec<View>, StoreError> {
        let mut parts = Vec::new();
        for manifests in listed.manifests.values().take(MAX_WRITERS) {
            parts.extend(self.manifest(manifests).await?);
        }
        Ok(parts)
    }

    /// The newest of a node's manifests that is whole.
    async fn manifest(&self, own: &[(u64, Key, u64)]) -> Result<Option<View>, StoreError> {
        for (_, key, _) in own.iter().take(MANIFESTS_TRIED) {
            let bytes = match self.0.whole(key, MAX_MANIFEST_BYTES as u64).await {
                // It was made needless meanwhile, or is no manifest.
                Err(StoreError::Missing(_) | StoreError::Bound(_)) => continue,
                bytes => bytes?,
            };
            match manifest::decode(&bytes) {
                Some(view) => return Ok(Some(view)),
                None => tracing::warn!("the manifest {key} is damaged: an older one is taken"),
            }
        }
        Ok(None)
    }

    async fn table(&self, id: Id, name: BlockName, len: u64) -> Result<Table, StoreError> {
        let key = block_key(id, name)?;
        let tail = self
            .0
            .range(&key, len.saturating_sub(TAIL_BYTES)..len)
            .await?;
        let needed = Table::bytes_at_end(&tail) as u64;
        let found = match needed {
            0 => None,
            _ if needed <= tail.len() as u64 => Table::at_end(&tail),
            _ => Table::at_end(&self.0.range(&key, len.saturating_sub(needed)..len).await?),
        };
        if let Some(table) = found {
            return Ok(table);
        }
        self.scan(&key, len).await
    }

    /// The table of one that has none at its end, as where a crash has left it. What comes twice is what is stored.
    async fn scan(&self, key: &Key, len: u64) -> Result<Table, StoreError> {
        let all = 0..len.min(MAX_BLOCK_BYTES as u64);
        let whole = self.0.range(key, all.clone()).await?;
        if let Some(table) = Table::at_end(&whole) {
            return Ok(table);
        }
        let mut table = Table::scan(&whole);
        table.close();
        if u64::from(table.len) < len && self.0.range(key, all).await? != whole {
            return Err(StoreError::Away(format!("{key} comes as two things")));
        }
        Ok(table)
    }

    /// Manifests that a newer one has made needless go, but for the one before it, which somebody may be reading.
    async fn forget_before(&self, id: Id, version: u64) -> Result<(), StoreError> {
        let listed = self.listed(id).await?;
        let own = listed.manifests.get(&*self.1).into_iter().flatten();
        let old = own.filter(|(own, ..)| *own < version);
        for (_, key, _) in old.skip(1) {
            self.0.delete(key).await?;
        }
        Ok(())
    }
}

fn stored(name: BlockName, table: Table) -> Block {
    Block {
        name,
        table: Arc::new(table),
        is_sealed: true,
        is_stored: true,
        is_here: false,
    }
}

fn within<'a>(text: &'a str, begin: &str, end: &str) -> Option<&'a str> {
    text.strip_prefix(begin)?.strip_suffix(end)
}

fn key(name: String) -> Result<Key, StoreError> {
    Key::new(&name).map_err(|error| StoreError::Fault(error.to_string()))
}

fn block_key(id: Id, name: BlockName) -> Result<Key, StoreError> {
    key(format!("{id}/b/{name}.blk"))
}

fn poster_key(id: Id) -> Result<Key, StoreError> {
    key(format!("{id}/poster.jpg"))
}
