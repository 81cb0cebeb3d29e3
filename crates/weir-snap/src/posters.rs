//! The newest picture of each stream, for its card and for the wall: of those that this node kept at once, of those that
//! other nodes kept as soon as the rows are read.

use std::collections::HashMap;

use parking_lot::Mutex;
use weir_base::StreamName;
use weir_base::limits::STREAMS;
use weir_store::Id;
use weir_store::snapshots::Snapshot;

/// Milliseconds after which a picture is no poster any more: of what lives there is one each hour at least.
const STALE_MS: i64 = 2 * 3_600_000;
/// Where everybody's pictures are, among the assets.
const PUBLIC: &str = "i/";

/// By app and stream.
#[derive(Debug, Default)]
pub(crate) struct Posters(Mutex<HashMap<(String, String), Poster>>);

#[derive(Debug)]
struct Poster {
    /// What everybody knows it by; none where it is not everybody's.
    name: Option<String>,
    id: Id,
    taken_ms: i64,
}

impl Posters {
    /// Sees a picture that is kept. One that is older than what hangs there changes nothing.
    pub(crate) fn see(&self, row: &Snapshot) {
        let name = row.stream.strip_prefix(row.app.as_str());
        // With a virtual host before it the name is another's.
        let Some(name) = name.and_then(|rest| rest.strip_prefix('/')) else {
            return;
        };
        if !row.fault.is_empty() {
            return;
        }
        let key = (row.app.clone(), name.to_owned());
        let mut posters = self.0.lock();
        let is_older = |one: &Poster| one.taken_ms > row.taken_ms;
        if posters.get(&key).is_some_and(is_older) {
            return;
        }
        if row.reason == "end" {
            posters.remove(&key);
        } else if posters.contains_key(&key) || posters.len() < STREAMS {
            let newest = Poster {
                name: name_of(&row.object),
                id: row.id,
                taken_ms: row.taken_ms,
            };
            posters.insert(key, newest);
        }
    }

    /// What is over has no card.
    pub(crate) fn has_ended(&self, name: &StreamName) {
        let key = (name.app().to_owned(), name.stream().to_owned());
        self.0.lock().remove(&key);
    }

    /// Takes down what nobody has renewed for long.
    pub(crate) fn forget(&self, now_ms: i64) {
        let is_fresh = |one: &Poster| now_ms - one.taken_ms < STALE_MS;
        self.0.lock().retain(|_, one| is_fresh(one));
    }

    /// What everybody knows the newest one by.
    pub(crate) fn find(&self, app: &str, stream: &str) -> Option<String> {
        let posters = self.0.lock();
        let poster = posters.get(&(app.to_owned(), stream.to_owned()))?;
        poster.name.clone()
    }

    /// The newest one, everybody's or not, and when it was taken.
    pub(crate) fn newest(&self, app: &str, stream: &str) -> Option<(Id, i64)> {
        let posters = self.0.lock();
        let poster = posters.get(&(app.to_owned(), stream.to_owned()))?;
        Some((poster.id, poster.taken_ms))
    }
}

/// What a public picture is called; none for those that are not.
fn name_of(object: &str) -> Option<String> {
    let (_, name) = object.strip_prefix(PUBLIC)?.split_once('/')?;
    let (id, _) = name.rsplit_once('-')?;
    Some(id.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(reason: &str, object: &str, taken_ms: i64) -> Snapshot {
        Snapshot {
            user_id: String::new(),
            id: Id::first_of(taken_ms),
            channel_id: String::new(),
            app: "live".into(),
            stream: "live/a".into(),
            session: String::new(),
            reason: reason.into(),
            fault: String::new(),
            object: object.into(),
            sha256: String::new(),
            bytes: 1,
            width: 640,
            height: 360,
            taken_ms,
        }
    }

    #[test]
    fn the_newest_public_picture_hangs_whatever_comes_late() {
        let posters = Posters::default();
        let hung = || posters.find("live", "a");
        posters.see(&row("interval", "i/ab/ab2-640.jpg", 2));
        posters.see(&row("interval", "i/ab/ab1-640.jpg", 1));
        assert_eq!(hung().as_deref(), Some("ab2"));
        let broken = Snapshot {
            fault: "broken".into(),
            ..row("interval", "", 3)
        };
        posters.see(&broken);
        assert_eq!(hung().as_deref(), Some("ab2"));
        posters.see(&row("interval", "s/01/x.jpg", 4));
        assert_eq!(hung(), None, "it is not for everybody any more");
        assert_eq!(posters.newest("live", "a").map(|(_, ms)| ms), Some(4));
        posters.see(&row("interval", "i/ab/ab5-640.jpg", 5));
        posters.see(&row("end", "i/ab/ab6-640.jpg", 6));
        assert_eq!(hung(), None, "it is over");
        posters.see(&row("first", "i/ab/ab7-640.jpg", 7));
        posters.forget(STALE_MS);
        assert_eq!(hung().as_deref(), Some("ab7"));
        posters.forget(7 + STALE_MS);
        assert_eq!(hung(), None);
    }
}
