//! Which recordings a list of the past is made of, and what becomes of it.

use std::sync::Arc;

use weir_base::{Code, Refusal, rfc3339};
use weir_record::playlist::Stretch;
use weir_record::shifted::{Growth, Shifted};
use weir_record::{Recording, View};

use crate::request::time_shift::{MAX_SPAN_US, TimeShift};

/// Microseconds after which what may have grown is what it always was: nobody asks for the same list again so late
/// who saw it grow.
const SETTLED_US: i64 = 60_000_000;
/// Seconds before somebody looks again for what is not recorded yet.
const RETRY_S: i64 = 2;

/// What a list is made of.
pub(super) struct Plan {
    /// In the order of time.
    pub(super) recordings: Vec<Arc<Recording>>,
    pub(super) list: Shifted,
}

/// What is asked for, and when.
#[derive(Debug, Clone, Copy)]
pub(super) struct PastWanted {
    pub(super) shift: TimeShift,
    /// Wall clock, Unix microseconds.
    pub(super) now_us: i64,
    /// Microseconds that viewers may go back, where the publisher says so.
    pub(super) limit_us: Option<i64>,
}

impl PastWanted {
    /// Of these recordings of one stream, the newest first. May wait for a disk.
    ///
    /// # Errors
    /// 3008 and 3009, and 3003 where the broadcast is over.
    pub(super) fn plan(&self, recordings: &[Arc<Recording>]) -> Result<Plan, Refusal> {
        let spans: Vec<Span> = recordings.iter().map(Span::of).collect();
        match self.shift {
            TimeShift::Sliding {
                behind_us,
                window_us,
            } => self.sliding(&spans, behind_us, window_us),
            TimeShift::Range { .. } => self.range(&spans),
        }
    }

    fn oldest_us(&self) -> i64 {
        self.limit_us
            .map_or(i64::MIN, |limit_us| self.now_us - limit_us)
    }

    fn sliding(&self, spans: &[Span], behind_us: i64, window_us: i64) -> Result<Plan, Refusal> {
        let newest = spans.first().ok_or_else(no_recording)?;
        let is_too_far = |limit_us: &i64| *limit_us <= behind_us;
        if let Some(limit_us) = self.limit_us.filter(is_too_far) {
            return Err(limited(limit_us));
        }
        let to_us = match behind_us {
            0 => i64::MAX,
            _ => self.now_us - behind_us,
        };
        let ended_us = newest.ended_us;
        if let Some(ended_us) = ended_us
            && self.now_us - behind_us > ended_us + SETTLED_US
        {
            let id = newest.recording.id;
            let words =
                format!("the broadcast has ended: it can be watched again at /r/{id}/index.m3u8");
            return Err(Refusal::new(Code::Ended, words));
        }
        let end_us = to_us.min(ended_us.unwrap_or(self.now_us));
        if end_us <= newest.started_us {
            return Err(not_yet(newest.started_us + behind_us));
        }
        Ok(Plan {
            recordings: vec![newest.recording.clone()],
            list: Shifted {
                stretch: Stretch {
                    from_us: (end_us - window_us).max(self.oldest_us()),
                    to_us,
                },
                growth: Growth::Sliding,
                is_over: ended_us.is_some_and(|ended_us| to_us >= ended_us),
                span_us: window_us,
            },
        })
    }

    fn range(&self, spans: &[Span]) -> Result<Plan, Refusal> {
        let TimeShift::Range {
            from_us,
            to_us: asked_us,
            is_closed,
        } = self.shift
        else {
            return Err(no_recording());
        };
        let most_us = from_us.saturating_add(MAX_SPAN_US);
        let to_us = asked_us.unwrap_or(most_us);
        if from_us < self.oldest_us() && asked_us.is_none_or(|to_us| to_us > self.oldest_us()) {
            return Err(limited(self.limit_us.unwrap_or(0)));
        }
        if from_us >= self.now_us {
            return Err(not_yet(from_us));
        }
        let has_it = |span: &&Span| span.started_us < to_us && span.end_us(self.now_us) > from_us;
        let mut its: Vec<&Span> = spans.iter().filter(has_it).collect();
        its.reverse();
        let Some(first) = its.first().copied() else {
            return Err(nothing_of(spans, from_us));
        };
        let is_past = to_us <= self.now_us;
        if !is_past || asked_us.is_none() {
            // What grows is of one broadcast: another may promise another target duration.
            its.truncate(1);
        }
        let ends_us = its.last().and_then(|span| span.ended_us);
        let over_us = match ends_us {
            Some(ended_us) => Some(ended_us.min(to_us)),
            None => is_past.then_some(to_us),
        };
        let is_settled = over_us.is_some_and(|over_us| over_us + SETTLED_US <= self.now_us);
        Ok(Plan {
            list: Shifted {
                stretch: Stretch { from_us, to_us },
                growth: match is_closed || is_settled {
                    true => Growth::Fixed,
                    false => Growth::Growing,
                },
                is_over: is_closed || over_us.is_some(),
                // As long as it may change it has to be told from the address alone.
                span_us: match asked_us {
                    Some(to_us) => to_us - from_us,
                    None if is_settled => {
                        ends_us.unwrap_or(to_us).min(to_us) - from_us.max(first.started_us)
                    }
                    None => 0,
                },
            },
            recordings: its.iter().map(|span| span.recording.clone()).collect(),
        })
    }

    /// Why there is nothing in a list.
    pub(super) fn nothing(&self, views: &[View]) -> Refusal {
        let grows = views.iter().any(|view| view.facts.ended_ms.is_none());
        let end_us = views.iter().map(View::end_us).max().unwrap_or(0);
        let from_us = match self.shift {
            TimeShift::Sliding { .. } => i64::MAX,
            TimeShift::Range { from_us, .. } => from_us,
        };
        match grows && from_us >= end_us {
            true => not_yet_from(end_us),
            false => Refusal::new(Code::NotKept, "nothing was recorded then"),
        }
    }
}

/// When a recording is of.
struct Span {
    recording: Arc<Recording>,
    started_us: i64,
    ended_us: Option<i64>,
}

impl Span {
    fn of(recording: &Arc<Recording>) -> Self {
        let facts = recording.facts();
        Self {
            recording: recording.clone(),
            started_us: facts.started_ms * 1000,
            ended_us: facts.ended_ms.map(|ms| ms * 1000),
        }
    }

    fn end_us(&self, now_us: i64) -> i64 {
        self.ended_us.unwrap_or(now_us)
    }
}

fn no_recording() -> Refusal {
    Refusal::new(Code::NotFound, "this stream is not recorded")
}

fn not_yet(when_us: i64) -> Refusal {
    let words = format!(
        "it will be there at {} at the earliest",
        rfc3339(when_us / 1000)
    );
    Refusal::new(Code::NotRecordedYet, words)
}

fn not_yet_from(end_us: i64) -> Refusal {
    let words = match end_us {
        0 => format!("the first segment is not complete yet: ask again in {RETRY_S} s"),
        _ => format!("it is recorded up to {}", rfc3339(end_us / 1000)),
    };
    Refusal::new(Code::NotRecordedYet, words)
}

fn limited(limit_us: i64) -> Refusal {
    let words = match limit_us {
        0 => "viewers may not go back in this broadcast".to_owned(),
        _ => format!(
            "viewers may go back {} s in this broadcast",
            limit_us / 1_000_000
        ),
    };
    Refusal::new(Code::NotKept, words)
}

/// No recording has anything of that time.
fn nothing_of(spans: &[Span], from_us: i64) -> Refusal {
    let oldest = spans.last().filter(|oldest| from_us < oldest.started_us);
    let words = match oldest {
        Some(oldest) => format!(
            "the oldest there is began at {}",
            rfc3339(oldest.started_us / 1000)
        ),
        None => "nothing was recorded then".to_owned(),
    };
    Refusal::new(Code::NotKept, words)
}
