//! A viewer of HTTP-FLV on a thread of its own, that keeps no media but what has to be said of it:
//! when frames came, where their times jumped, and how it ended.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;

use crate::flv::{Kind, Tag, Tags};
use crate::http::Request;
use crate::wait::{Stopwatch, until};

/// A step between two pictures that is longer is a gap, in milliseconds: two pictures at 25 a second
/// are 40 apart, and one that is lost is none.
pub const GAP_MS: u32 = 100;
/// Seconds it may take until what has to come has come.
const PATIENCE_S: u64 = 20;

/// A viewer that watches.
#[derive(Debug)]
pub struct Watcher {
    shared: Arc<SharedSeen>,
    thread: Option<JoinHandle<()>>,
    url: String,
}

/// What a viewer has seen so far.
#[derive(Debug, Clone, Default)]
pub struct Seen {
    /// The answer's status; 0 before there is one.
    pub status: u16,
    /// Video tags that are no codec headers.
    pub pictures: u64,
    /// Packets of sound.
    pub sounds: u64,
    /// The first picture's time.
    pub first_ms: Option<u32>,
    /// The last picture's time.
    pub last_ms: Option<u32>,
    /// Milliseconds from the request to the first frame.
    pub first_after_ms: f64,
    /// The longest time between two pieces of body, milliseconds.
    pub longest_wait_ms: f64,
    /// Pairs of neighbouring pictures' times where the second is not later.
    pub back: Vec<(u32, u32)>,
    /// Pairs of neighbouring pictures' times further apart than [`GAP_MS`].
    pub gaps: Vec<(u32, u32)>,
    /// Times codec headers of pictures came.
    pub headers: u64,
    /// How it ended; `None` while it goes on.
    pub end: Option<String>,
    sound_ms: Option<u32>,
}

#[derive(Debug, Default)]
struct SharedSeen {
    seen: Mutex<Seen>,
    stop: AtomicBool,
}

impl SharedSeen {
    fn seen(&self) -> MutexGuard<'_, Seen> {
        self.seen.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Watcher {
    /// Asks for `http://…/app/stream.flv`.
    pub fn open(url: &str) -> Self {
        let shared = Arc::new(SharedSeen::default());
        let (watched, request) = (shared.clone(), Request::get(url));
        let body = move || {
            let end = watch(request, &watched);
            let end = end.map_or_else(|error| error.to_string(), |()| "a proper end".to_owned());
            watched.seen().end = Some(end);
        };
        let thread = std::thread::Builder::new().name("watcher".into());
        Self {
            shared,
            thread: Some(thread.spawn(body).unwrap()),
            url: url.to_owned(),
        }
    }

    /// What it has seen.
    pub fn seen(&self) -> Seen {
        self.shared.seen().clone()
    }

    /// Waits for `count` more pictures.
    pub fn wait_pictures(&self, count: u64) {
        self.wait_until(self.seen().pictures + count);
    }

    fn wait_until(&self, count: u64) {
        let what = format!("{count} pictures of {}", self.url);
        until(&what, PATIENCE_S, || {
            let seen = self.seen();
            assert!(seen.end.is_none(), "{} ended: {seen:?}", self.url);
            (seen.pictures >= count).then_some(())
        });
    }

    /// Waits until each of them has seen `count` pictures more than now.
    pub fn wait_all(all: &[Self], count: u64) {
        let from: Vec<u64> = all.iter().map(|one| one.seen().pictures).collect();
        for (one, from) in all.iter().zip(from) {
            one.wait_until(from + count);
        }
    }

    /// Waits for its end; says how it came.
    pub fn wait_end(&self) -> String {
        until(&format!("the end of {}", self.url), PATIENCE_S, || {
            self.seen().end
        })
    }

    /// It still watches, times never went back, and there were at most `gaps` jumps.
    pub fn assert_well(&self, gaps: usize) {
        let seen = self.seen();
        assert!(
            seen.end.is_none() && seen.back.is_empty() && seen.gaps.len() <= gaps,
            "{}: {seen:?}",
            self.url
        );
    }
}

impl Drop for Watcher {
    /// Hangs up at the next piece of body; waits for it only where one has to come soon.
    fn drop(&mut self) {
        self.shared.stop.store(true, Ordering::Relaxed);
        if let Some(thread) = self.thread.take() {
            let _ = until_over(&thread).then(|| thread.join());
        }
    }
}

fn until_over(thread: &JoinHandle<()>) -> bool {
    let watch = Stopwatch::start();
    while !thread.is_finished() && watch.elapsed_s() < 0.5 {
        std::thread::sleep(std::time::Duration::from_millis(2));
    }
    thread.is_finished()
}

fn watch(request: Request, shared: &SharedSeen) -> std::io::Result<()> {
    let watch = Stopwatch::start();
    let mut answer = request.open()?;
    shared.seen().status = answer.status;
    if answer.status != 200 {
        let body = answer.next_chunk()?.unwrap_or_default();
        let words = String::from_utf8_lossy(&body).into_owned();
        return Err(std::io::Error::other(words));
    }
    let mut tags = Tags::default();
    let mut last_s = watch.elapsed_s();
    while !shared.stop.load(Ordering::Relaxed) {
        let Some(bytes) = answer.next_chunk()? else {
            return Ok(());
        };
        let now_s = watch.elapsed_s();
        let new = tags.push(&bytes);
        let mut seen = shared.seen();
        seen.longest_wait_ms = seen.longest_wait_ms.max((now_s - last_s) * 1000.0);
        last_s = now_s;
        if seen.pictures + seen.sounds == 0 {
            seen.first_after_ms = now_s * 1000.0;
        }
        new.iter().for_each(|tag| seen.take(tag));
    }
    Err(std::io::Error::other("hung up"))
}

impl Seen {
    fn take(&mut self, tag: &Tag) {
        match tag.kind {
            Kind::Video if tag.is_header() => self.headers += 1,
            Kind::Video => {
                self.pictures += 1;
                self.first_ms.get_or_insert(tag.ts_ms);
                if let Some(last_ms) = self.last_ms.replace(tag.ts_ms) {
                    if tag.ts_ms <= last_ms {
                        self.back.push((last_ms, tag.ts_ms));
                    } else if tag.ts_ms - last_ms > GAP_MS {
                        self.gaps.push((last_ms, tag.ts_ms));
                    }
                }
            }
            Kind::Audio if !tag.is_header() => {
                self.sounds += 1;
                if let Some(last_ms) = self.sound_ms.replace(tag.ts_ms)
                    && tag.ts_ms < last_ms
                {
                    self.back.push((last_ms, tag.ts_ms));
                }
            }
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tag(kind: Kind, ts_ms: u32) -> Tag {
        let body = vec![0x27, 1, 0, 0, 0];
        Tag { kind, ts_ms, body }
    }

    #[test]
    fn a_missing_picture_is_a_gap_and_a_repeated_one_goes_back() {
        let mut seen = Seen::default();
        for ts_ms in [0, 40, 80, 200, 240, 240, 280] {
            seen.take(&tag(Kind::Video, ts_ms));
        }
        assert_eq!((seen.gaps, seen.back), (vec![(80, 200)], vec![(240, 240)]));
        assert_eq!((seen.first_ms, seen.last_ms), (Some(0), Some(280)));
        assert_eq!((seen.pictures, seen.headers), (7, 0));
    }

    #[test]
    fn sound_may_stand_still_but_not_go_back() {
        let mut seen = Seen::default();
        for ts_ms in [0, 21, 21, 20] {
            seen.take(&tag(Kind::Audio, ts_ms));
        }
        assert_eq!(seen.back, [(21, 20)]);
    }
}
