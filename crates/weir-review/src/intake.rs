//! Where pictures and reports become things to look at.

use std::time::Duration;

use bytes::Bytes;
use weir_base::{Clock, Shutdown, ids};
use weir_store::review::{Approved, Growth, NewPicture, NewReport, Opinion};
use weir_store::snapshots::Snapshot;
use weir_store::{Store, StoreError};

use crate::bank::Bank;
use crate::order::{Marks, Risk, head_start_ms};
use crate::pdq::Pdq;
use crate::picture::{Looks, looks_of};
use crate::verdict::{LEAST_QUALITY, Verdict, needs_second_look};

/// Bits in which a picture may differ from the last approved one of its stream and be folded into it.
const FOLD_NEAR: u32 = 20;
/// Milliseconds for which pictures are folded into one that was approved: then somebody looks again.
const FOLD_FOR_MS: i64 = 10 * 60_000;
/// A stream that was approved less often is of a new publisher.
const NEW_LOOKS: i64 = 3;
/// Between two times of forgetting.
const PRUNE_EVERY: Duration = Duration::from_secs(600);
/// In whose name a machine's yes stands in rows.
const MACHINE: &str = "hook";
/// Milliseconds for which stretches are kept that were right, or that nobody looked at: what is live now is more than
/// anybody asks for later. The audit log says for ever who passed them.
const PLAIN_KEPT_MS: i64 = 3 * DAY_MS;
const DAY_MS: i64 = 24 * 3_600_000;

/// Takes pictures and reports.
#[derive(Debug)]
pub struct Intake {
    store: Store,
    bank: Bank,
    keep_days: i64,
    /// Milliseconds that people wait for a machine's word; 0 where none is asked.
    hold_ms: i64,
}

/// What a machine says of a picture.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum MachineSays {
    /// Nothing is wrong with it.
    Ok,
    /// Somebody should look soon; why.
    Flag(String),
    /// Somebody should look.
    Look,
}

/// What became of a picture.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum NewOne {
    /// People look at it, in this item.
    Waits {
        /// Id of the stretch that it went into.
        item: String,
        /// A machine may be asked first: there is a picture, and nothing is odd about it.
        is_plain: bool,
    },
    /// It is near to what was approved, in this item.
    Folded(String),
}

/// A viewer's word on a stream.
#[derive(Debug, Clone, Copy)]
pub struct Reported<'a> {
    /// The stream's whole name.
    pub stream: &'a str,
    /// Of which app.
    pub app: &'a str,
    /// Empty where the stream is no channel's.
    pub channel_id: &'a str,
    /// The channel's owner, or empty.
    pub user_id: &'a str,
    /// An account, or a digest of a network.
    pub reporter: &'a str,
    /// As a word.
    pub reason: &'a str,
    /// Who watches it now.
    pub viewers: u32,
}

impl Intake {
    /// Into this store; what was decided is kept for so many days, and people wait for a machine's word for so many
    /// milliseconds.
    pub fn new(store: Store, clock: Clock, keep_days: i64, hold_ms: i64) -> Self {
        Self {
            bank: Bank::new(store.clone(), clock),
            store,
            keep_days,
            hold_ms,
        }
    }

    /// Forgets what is too old, until the process stops.
    pub async fn run(&self, shutdown: Shutdown) {
        loop {
            if let Err(error) = self.prune().await {
                tracing::warn!("old verdicts stay for now: {error}");
            }
            tokio::select! {
                () = tokio::time::sleep(PRUNE_EVERY) => {}
                () = shutdown.stopping() => return,
            }
        }
    }

    async fn prune(&self) -> Result<(), StoreError> {
        let now_ms = self.store.now_ms();
        let before_ms = now_ms - self.keep_days.saturating_mul(DAY_MS);
        let plain_ms = before_ms.max(now_ms - PLAIN_KEPT_MS);
        while self.store.review().prune(before_ms, plain_ms).await? {}
        Ok(())
    }

    /// Takes a picture that was kept, or why there is none.
    ///
    /// # Errors
    /// [`StoreError::Away`].
    pub async fn take(&self, row: &Snapshot, jpeg: Option<Bytes>) -> Result<NewOne, StoreError> {
        let looks = match jpeg {
            Some(jpeg) => tokio::task::spawn_blocking(move || looks_of(&jpeg)).await,
            None => Ok(None),
        };
        // What makes the reader fall over is looked at by people.
        let looks = looks.unwrap_or_default();
        let known_as = match looks {
            Some(looks) if looks.quality >= LEAST_QUALITY => self.bank.label(looks.hash).await,
            _ => None,
        };
        let review = self.store.review();
        let approved = review.approved(&row.stream).await?;
        let marks = Marks::default()
            .with_if(Marks::UNDECODABLE, !row.fault.is_empty())
            .with_if(Marks::KNOWN, known_as.is_some())
            .with_if(Marks::NEW, approved.looks < NEW_LOOKS);
        let is_plain = row.fault.is_empty() && known_as.is_none();
        let id = row.id.to_string();
        let hash = looks.map_or_else(String::new, |looks| looks.hash.to_string());
        let new = NewPicture {
            growth: Growth {
                stream: &row.stream,
                app: &row.app,
                channel_id: &row.channel_id,
                user_id: &row.user_id,
                session: &row.session,
                at_ms: row.taken_ms,
                head_ms: head_start_ms(Risk {
                    marks,
                    ..Risk::default()
                }),
                hold_ms: if is_plain { self.hold_ms } else { 0 },
                marks: marks.bits(),
            },
            id: &id,
            object: &row.object,
            sha256: &row.sha256,
            bytes: row.bytes,
            width: row.width,
            height: row.height,
            hash: &hash,
            quality: looks.map_or(0, |looks| looks.quality.into()),
            fault: &row.fault,
            known_as: known_as.as_deref().unwrap_or_default(),
        };
        let is_alike = known_as.is_none() && folds(looks, &approved, self.store.now_ms());
        if is_alike && review.fold(&new, &approved.item_id).await? {
            return Ok(NewOne::Folded(approved.item_id));
        }
        let item = review.take(&new).await?;
        Ok(NewOne::Waits { item, is_plain })
    }

    /// Goes by what a machine says of a picture. One in fifty that it passes people see all the same.
    ///
    /// # Errors
    /// [`StoreError::Away`].
    pub async fn opined(
        &self,
        item: &str,
        picture: &str,
        says: MachineSays,
    ) -> Result<(), StoreError> {
        let review = self.store.review();
        let (marks, note) = match says {
            MachineSays::Ok if !by_chance() => {
                let opinion = Opinion {
                    item_id: item,
                    picture_id: picture,
                    by: MACHINE,
                };
                review.machine_passes(&opinion).await?;
                return Ok(());
            }
            MachineSays::Ok | MachineSays::Look => (Marks::default(), String::new()),
            MachineSays::Flag(why) => (Marks::FLAGGED, why),
        };
        let risk = Risk {
            marks,
            ..Risk::default()
        };
        let head_ms = head_start_ms(risk);
        review.people_look(item, marks.bits(), head_ms, &note).await
    }

    /// Hears a viewer. False where they said so a moment ago.
    ///
    /// # Errors
    /// [`StoreError::Away`].
    pub async fn hear(store: &Store, said: &Reported<'_>) -> Result<bool, StoreError> {
        let review = store.review();
        let approved = review.approved(said.stream).await?;
        let before = review.reports_of(said.stream).await?;
        let risk = Risk {
            marks: Marks::default().with_if(Marks::NEW, approved.looks < NEW_LOOKS),
            reports: u32::try_from(before).unwrap_or(u32::MAX).saturating_add(1),
            viewers: said.viewers,
        };
        let new = NewReport {
            growth: Growth {
                stream: said.stream,
                app: said.app,
                channel_id: said.channel_id,
                user_id: said.user_id,
                session: "",
                at_ms: store.now_ms(),
                head_ms: head_start_ms(risk),
                hold_ms: 0,
                marks: risk.marks.bits(),
            },
            reporter: said.reporter,
            reason: said.reason,
            viewers: said.viewers.into(),
        };
        review.report(&new).await
    }
}

/// Nobody can foretell it; where there is no randomness people look.
fn by_chance() -> bool {
    let chance = ids::random_bytes::<1>().map_or(0, |[byte]| byte);
    needs_second_look(Verdict::Ok, None, chance)
}

/// Whether a picture is near to what was approved a moment ago.
fn folds(looks: Option<Looks>, approved: &Approved, now_ms: i64) -> bool {
    let Some(looks) = looks.filter(|looks| looks.quality >= LEAST_QUALITY) else {
        return false;
    };
    let is_fresh = now_ms - approved.approved_ms < FOLD_FOR_MS;
    let hash = approved.hash.parse::<Pdq>();
    is_fresh && hash.is_ok_and(|hash| hash.distance(looks.hash) <= FOLD_NEAR)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_is_near_to_something_fresh_and_telling_is_folded() {
        let hash = Pdq::default();
        let approved = Approved {
            item_id: "1".to_owned(),
            hash: hash.to_string(),
            approved_ms: 1_000,
            looks: 1,
        };
        let looks = |quality| Some(Looks { hash, quality });
        assert!(folds(looks(50), &approved, 2_000));
        assert!(!folds(looks(49), &approved, 2_000));
        assert!(!folds(None, &approved, 2_000));
        assert!(!folds(looks(50), &approved, 1_000 + FOLD_FOR_MS));
        assert!(!folds(looks(50), &Approved::default(), 0));
        let far = "f".repeat(64).parse().unwrap();
        let far = Looks {
            hash: far,
            quality: 90,
        };
        assert!(!folds(Some(far), &approved, 2_000));
    }
}
