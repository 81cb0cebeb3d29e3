//! Makes again what is known of a recording from its blocks, on a node's disk and in the store: its facts, the marks of
//! blocks that are in the store alone, and its manifest. Run beside a server that may be writing.

use std::collections::BTreeMap;
use std::io;

use weir_base::Id;
use weir_record::block::BlockName;
use weir_record::shelf::{Shelf, Shelved};
use weir_record::{Block, Facts, View, in_order};
use weir_store::StoreError;

use crate::archive::Archive;

/// What was found, and what was made again.
#[derive(Debug, Clone)]
pub struct Rebuilt {
    /// All that there is.
    pub view: View,
    /// The node whose disk was looked at has something of it.
    pub is_here: bool,
    /// Its facts were written again.
    pub facts: bool,
    /// Marks that were written again.
    pub marks: usize,
    /// A manifest was written.
    pub manifest: bool,
}

/// Why nothing was made again.
#[derive(Debug, thiserror::Error)]
pub enum NotRebuilt {
    /// There is nothing of it.
    #[error("nothing of it is here or in the store")]
    Nothing,
    /// Nothing says whose it is.
    #[error("neither its facts, nor a manifest, nor a block says which stream it is of")]
    Nameless,
    /// A node writes to it, or will go on with it.
    #[error("it is being recorded: its node tells of it")]
    GoesOn,
    /// The disk's.
    #[error("the disk: {0}")]
    Disk(#[from] io::Error),
    /// The store's.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Makes one again from what is on the shelf and in the archive.
///
/// # Errors
/// See [`NotRebuilt`]. What is written by then stays: the same again goes on.
pub async fn rebuild(
    id: Id,
    shelf: &Shelf,
    archive: Option<&Archive>,
) -> Result<Rebuilt, NotRebuilt> {
    let here = find(shelf, id)?;
    if here
        .as_ref()
        .is_some_and(|here| here.is_open || goes_on(here))
    {
        return Err(NotRebuilt::GoesOn);
    }
    let told = match archive {
        Some(archive) => archive.told(id).await?,
        None => None,
    };
    let stored = match archive {
        Some(archive) => {
            let known = here.as_ref().filter(|here| !here.is_factless);
            let known = known.map(|here| &here.view.facts);
            let known = known.or(told.as_ref().map(|told| &told.facts));
            archive.view_of_blocks(id, known).await?
        }
        None => None,
    };
    let Some(facts) = facts(here.as_ref(), told.as_ref(), stored.as_ref()) else {
        return Err(match archive {
            Some(archive) if !archive.is_bare(id).await? => NotRebuilt::Nameless,
            _ if shelf.ids()?.contains(&id) => NotRebuilt::Nameless,
            _ => NotRebuilt::Nothing,
        });
    };
    let view = together(facts, here.as_ref(), stored.as_ref());
    let mut rebuilt = Rebuilt {
        is_here: here.is_some(),
        view,
        facts: false,
        marks: 0,
        manifest: false,
    };
    if let Some(here) = &here {
        if here.is_factless {
            shelf.keep_facts(&rebuilt.view.facts)?;
            rebuilt.facts = true;
        }
        if let Some(archive) = archive {
            rebuilt.marks = marks(shelf, archive, here, &rebuilt.view).await?;
        }
    }
    if let (Some(archive), Some(_)) = (archive, &stored)
        && !is_told(told.as_ref(), &rebuilt.view)
    {
        archive.put_manifest(&rebuilt.view).await?;
        rebuilt.manifest = true;
    }
    Ok(rebuilt)
}

/// A server may give a block its lasting name between the list and the look.
fn find(shelf: &Shelf, id: Id) -> io::Result<Option<Shelved>> {
    match shelf.find(id) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => shelf.find(id),
        found => found,
    }
}

/// Nobody has ended it: its node does, or goes on with it.
fn goes_on(here: &Shelved) -> bool {
    !here.is_factless && here.view.facts.ended_ms.is_none()
}

/// Whose it is and when it was, by whoever knows it best.
fn facts(here: Option<&Shelved>, told: Option<&View>, stored: Option<&View>) -> Option<Facts> {
    let own = here.filter(|here| !here.is_factless).map(|here| &here.view);
    let known = own.or(told).or(stored).or(here.map(|here| &here.view))?;
    let mut facts = known.facts.clone();
    let views = [here.map(|here| &here.view), told, stored];
    let end_ms = views.into_iter().flatten().map(|view| view.end_us() / 1000);
    let end_ms = end_ms.max().unwrap_or(0).max(facts.started_ms);
    let said = views
        .into_iter()
        .flatten()
        .find_map(|view| view.facts.ended_ms);
    facts.ended_ms = facts.ended_ms.or(said).or(Some(end_ms));
    Some(facts)
}

fn together(facts: Facts, here: Option<&Shelved>, stored: Option<&View>) -> View {
    let mut blocks: BTreeMap<BlockName, Block> = BTreeMap::new();
    for block in stored.iter().flat_map(|view| &view.blocks) {
        blocks.insert(block.name, block.clone());
    }
    for block in here.iter().flat_map(|here| &here.view.blocks) {
        match blocks.get_mut(&block.name) {
            Some(known) => known.is_here = block.is_here,
            // A mark of what is not in the store is a mark of nothing.
            None if block.is_here => {
                let block = Block {
                    is_stored: false,
                    ..block.clone()
                };
                blocks.insert(block.name, block);
            }
            None => {}
        }
    }
    let mut blocks: Vec<Block> = blocks.into_values().collect();
    in_order(&mut blocks);
    View { facts, blocks }
}

/// Writes the marks of blocks that are in the store alone and that the node does not know of.
async fn marks(
    shelf: &Shelf,
    archive: &Archive,
    here: &Shelved,
    view: &View,
) -> Result<usize, NotRebuilt> {
    let known: Vec<BlockName> = here.view.blocks.iter().map(|block| block.name).collect();
    let mut written = 0;
    for block in view.blocks.iter().filter(|block| block.is_stored) {
        if known.contains(&block.name) {
            continue;
        }
        let sha256 = archive.digest(view.facts.id, block).await?;
        shelf.keep_mark(&view.facts, block.name, (&block.table, sha256))?;
        written += 1;
    }
    Ok(written)
}

/// Whether the newest manifest says the same of what is in the store.
fn is_told(told: Option<&View>, view: &View) -> bool {
    let Some(told) = told else { return false };
    let facts = |facts: &Facts| Facts {
        stored_ms: None,
        ..facts.clone()
    };
    let told_blocks = told.blocks.iter().map(|block| (block.name, &block.table));
    let stored = view.blocks.iter().filter(|block| block.is_stored);
    let stored = stored.map(|block| (block.name, &block.table));
    facts(&told.facts) == facts(&view.facts) && told_blocks.eq(stored)
}
