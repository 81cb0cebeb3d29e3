//! Items and their pictures in JSON.

use std::collections::HashMap;

use serde::Serialize;
use utoipa::ToSchema;
use weir_base::{Code, rfc3339};
use weir_review::Marks;
use weir_store::Id;
use weir_store::review::{ReviewItem, ReviewPicture};

use crate::acts::names_of;
use crate::refused::Refused;
use crate::state::State;

/// Pictures of an item that a list has.
const IN_LISTS: u32 = 4;
/// Bytes of a label.
const MAX_LABEL_BYTES: usize = 60;

/// A stretch of one stream's time with pictures inside.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = ReviewItem)]
pub(super) struct ItemSeen {
    id: String,
    /// `live`; `second`: somebody else decided it before; `appeal`: against the ban that came of it.
    kind: String,
    /// `waiting`, `claimed` or `decided`.
    state: &'static str,
    /// The stream's whole name.
    stream: String,
    app: String,
    /// How long it waits for somebody, by the server's clock.
    age_ms: i64,
    /// When its first picture was captured (RFC 3339),
    begun_at: String,
    /// and its last.
    until_at: String,
    /// Pictures that people look at.
    pictures: i64,
    /// Pictures that are near to what was approved.
    folded: i64,
    /// Viewers who reported it.
    reports: i64,
    /// How many watched it then.
    viewers: i64,
    /// Why it is risky: `undecodable`, `known`, `new`, `flagged`, `escalated`.
    marks: Vec<&'static str>,
    /// What somebody who handed it on says, or who appeals.
    note: Option<String>,
    /// Some of the pictures, the newest last; all of them where one item was asked for.
    shots: Vec<ShotSeen>,
    /// Null while there is none. Of a second look it is its own, and what was said before is not told.
    verdict: Option<VerdictSeen>,
}

/// What became of an item.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = ReviewVerdict)]
pub(super) struct VerdictSeen {
    /// `ok`, `warn`, `end` or `ban`.
    verdict: String,
    reason: Option<String>,
    /// Who said so; null where the account is gone.
    by: Option<String>,
    /// When (RFC 3339).
    at: String,
    /// The ban that came of it.
    ban: Option<String>,
    /// Of a second look, whether it agrees with the first.
    agrees: Option<bool>,
}

/// A picture inside an item.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = ReviewPicture)]
pub(super) struct ShotSeen {
    id: String,
    /// The JPEG; null where it cannot be decoded.
    url: Option<String>,
    /// When it was captured (RFC 3339).
    taken_at: String,
    width: i64,
    height: i64,
    /// Its PDQ hash; null where there is none.
    hash: Option<String>,
    /// The label of the known picture that it is near to.
    known_as: Option<String>,
    /// It is near to what was approved.
    folded: bool,
    /// Why it cannot be decoded.
    undecodable: Option<String>,
}

impl ItemSeen {
    /// Items of a list, each with some of its pictures.
    pub(super) async fn all(state: &State, items: Vec<ReviewItem>) -> Result<Vec<Self>, Refused> {
        let store = state.store()?;
        let ids: Vec<String> = items.iter().map(|item| item.id.clone()).collect();
        let mut shots: HashMap<String, Vec<ShotSeen>> = HashMap::new();
        for picture in store.review().some_pictures(&ids, IN_LISTS).await? {
            let of = shots.entry(picture.item_id.clone()).or_default();
            of.push(ShotSeen::from(picture));
        }
        let names = names(state, &items).await;
        let now_ms = store.now_ms();
        let seen = items.into_iter().map(|item| {
            let of = shots.remove(&item.id).unwrap_or_default();
            Self::new(item, of, &names, now_ms)
        });
        Ok(seen.collect())
    }

    /// One with all of its pictures.
    pub(super) async fn whole(state: &State, item: ReviewItem) -> Result<Self, Refused> {
        let store = state.store()?;
        let pictures = store.review().pictures(&item.id).await?;
        let shots = pictures.into_iter().map(ShotSeen::from).collect();
        let names = names(state, std::slice::from_ref(&item)).await;
        Ok(Self::new(item, shots, &names, store.now_ms()))
    }

    fn new(
        item: ReviewItem,
        shots: Vec<ShotSeen>,
        names: &HashMap<Id, String>,
        now_ms: i64,
    ) -> Self {
        let is_waiting = item.is_waiting == 1;
        let verdict = (!is_waiting).then(|| VerdictSeen::new(&item, names));
        Self {
            state: match (is_waiting, item.claim_until_ms > now_ms) {
                (false, _) => "decided",
                (true, true) => "claimed",
                (true, false) => "waiting",
            },
            age_ms: (now_ms - item.since_ms).max(0),
            begun_at: rfc3339(item.begun_ms),
            until_at: rfc3339(item.until_ms),
            marks: Marks::stored(item.marks).names().collect(),
            note: some(item.note),
            id: item.id,
            // Whoever is tested is not told.
            kind: match item.kind.as_str() {
                "gold" => "live".to_owned(),
                _ => item.kind,
            },
            stream: item.stream,
            app: item.app,
            pictures: item.pictures,
            folded: item.folded,
            reports: item.reports,
            viewers: item.viewers,
            shots,
            verdict,
        }
    }
}

impl VerdictSeen {
    fn new(item: &ReviewItem, names: &HashMap<Id, String>) -> Self {
        Self {
            verdict: item.verdict.clone(),
            reason: some(item.reason.clone()),
            by: named(names, &item.decided_by),
            at: rfc3339(item.decided_ms),
            ban: some(item.ban_id.clone()),
            agrees: (item.agrees >= 0).then_some(item.agrees == 1),
        }
    }
}

impl From<ReviewPicture> for ShotSeen {
    fn from(row: ReviewPicture) -> Self {
        let url = format!("/api/v1/review/items/{}/pictures/{}", row.item_id, row.id);
        Self {
            url: (!row.object.is_empty()).then_some(url),
            id: row.id,
            taken_at: rfc3339(row.taken_ms),
            width: row.width,
            height: row.height,
            hash: some(row.hash),
            known_as: some(row.known_as),
            folded: row.is_folded == 1,
            undecodable: some(row.fault),
        }
    }
}

/// What those who lead call a picture.
///
/// # Errors
/// 6004 where it is not one line, or too long.
pub(super) fn label_of(text: &str) -> Result<&str, Refused> {
    let label = text.trim();
    if label.is_empty() || label.len() > MAX_LABEL_BYTES || label.chars().any(char::is_control) {
        let words = format!("this is one line of at most {MAX_LABEL_BYTES} bytes");
        return Err(Refused::field(Code::Unprocessable, "label", words));
    }
    Ok(label)
}

/// What a reviewer is called; none for an account that is gone.
pub(super) fn named(names: &HashMap<Id, String>, reviewer: &str) -> Option<String> {
    match reviewer.parse::<Id>() {
        Ok(id) => names.get(&id).cloned(),
        Err(_) => some(reviewer.to_owned()),
    }
}

async fn names(state: &State, items: &[ReviewItem]) -> HashMap<Id, String> {
    let who = items.iter().filter_map(|item| item.decided_by.parse().ok());
    names_of(state, who).await
}

fn some(text: String) -> Option<String> {
    Some(text).filter(|text| !text.is_empty())
}
