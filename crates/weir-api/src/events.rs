//! `GET /api/v1/events`: the log of what happened, the same for all who read it; waiting for what comes, by
//! long poll or as server-sent events.

use std::time::Duration;

use axum::body::Body;
use axum::extract::State as Extract;
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use futures_util::stream;
use http::{HeaderMap, HeaderValue, header};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use tokio::time::{Instant, sleep, sleep_until};
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;
use weir_base::{Code, Shutdown};
use weir_events::{EventPage, EventWant, Log, WaitPlace};

use crate::asked::QueryParts;
use crate::refused::{Problem, Refused};
use crate::state::State;

/// Events of one answer, where nobody says.
const DEFAULT_EVENTS: usize = 100;
/// Events of one answer at most.
const MAX_EVENTS: usize = 1_000;
/// Seconds that a request may wait: proxies cut longer ones.
const MAX_WAIT_S: u64 = 60;
/// Types that one reader names.
const MAX_TYPES: usize = 64;
/// Bytes of each part of a query.
const MAX_PART_BYTES: usize = 4_096;
/// Silence on a stream of events after which a comment says that it lives.
const ALIVE_EVERY: Duration = Duration::from_secs(15);
/// Where those begin who want only what comes.
const LATEST: &str = "latest";

/// Which events.
#[derive(Debug, Default, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(default)]
struct EventsAsked {
    /// `next` of the answer before: events behind it. None or empty: from the oldest that is kept. `latest`: only
    /// what comes.
    #[param(max_length = 20, required = false, nullable = false)]
    after: Option<String>,
    /// Types with commas between them, such as `stream.started,stream.ended`; none for all.
    #[param(required = false, nullable = false)]
    types: Option<String>,
    /// Of this app alone.
    #[param(required = false, nullable = false)]
    app: Option<String>,
    /// Of this stream alone, by its whole name.
    #[param(required = false, nullable = false)]
    stream: Option<String>,
    /// Events in the answer.
    #[param(minimum = 1, maximum = 1000, required = false, nullable = false)]
    limit: Option<usize>,
    /// Seconds to wait where there is nothing yet.
    #[param(minimum = 0, maximum = 60, required = false, nullable = false)]
    wait: Option<u64>,
}

/// Something that happened.
#[derive(Debug, Serialize, ToSchema)]
struct EventSeen {
    /// The same for all readers, and in hooks.
    id: String,
    /// Such as `stream.started` or `stream.ended`.
    r#type: String,
    /// The stream's app.
    app: String,
    /// The stream's whole name.
    stream: String,
    /// The broadcast it belongs to.
    session: Option<String>,
    /// When (RFC 3339).
    at: String,
    /// Why, as a code of the registry.
    cause: Option<u16>,
    /// The code's name.
    cause_name: Option<String>,
    /// What belongs to this type.
    data: Value,
}

/// Some events, in order.
#[derive(Debug, Serialize, ToSchema)]
#[schema(example = json!({ "events": [{
    "id": "019f0000-0000-7000-8000-000000000001", "type": "stream.ended", "app": "live", "stream": "live/demo",
    "session": "019f0000-0000-7000-8000-000000000000", "at": "2026-01-31T12:00:00.000Z", "cause": 4001,
    "cause_name": "client_stopped", "data": { "viewers_max": 3 },
}], "next": "1742" }))]
struct EventsSeen {
    /// In the order in which everybody reads them.
    events: Vec<EventSeen>,
    /// Where to go on: `after` of the next request.
    next: String,
    /// So many events behind `after` are forgotten already: they are kept for 30 days.
    #[schema(nullable = false, required = false)]
    forgotten: Option<i64>,
}

pub(crate) fn routes() -> OpenApiRouter<State> {
    OpenApiRouter::new().routes(routes!(read))
}

/// What happened
///
/// All read the same events in the same order, each once. With `wait` the answer comes with the first new event;
/// with `Accept: text/event-stream` events come as they happen, from `Last-Event-ID` on.
#[utoipa::path(get, path = "/api/v1/events", tag = "events", operation_id = "events_read",
    params(EventsAsked, ("Last-Event-ID" = Option<String>, Header, description = "As `after`, for event streams")),
    responses(
        (status = 200, description = "Events, perhaps none", content(
            (EventsSeen = "application/json"), (String = "text/event-stream"),
        )),
        (status = 503, description = "The store is away, or too many wait", body = Problem,
            content_type = "application/problem+json"),
    ),
)]
async fn read(
    Extract(state): Extract<State>,
    headers: HeaderMap,
    QueryParts(asked): QueryParts<EventsAsked>,
) -> Result<Response, Refused> {
    let log = &state.happenings()?.log;
    let is_stream = accepts_stream(&headers);
    let reader = reader(log, &headers, &asked)?;
    if is_stream {
        return Ok(event_stream(reader, place(log)?, state.shutdown.clone()));
    }
    let wait_s = asked.wait.unwrap_or(0);
    if wait_s > MAX_WAIT_S {
        let words = format!("a request waits for at most {MAX_WAIT_S} seconds");
        return Err(Refused::field(Code::BadRequest, "wait", words));
    }
    let place = (wait_s > 0).then(|| place(log)).transpose()?;
    let until = Instant::now() + Duration::from_secs(wait_s);
    let page = long_poll(reader, until, &state.shutdown).await?;
    drop(place);
    let json = HeaderValue::from_static("application/json");
    let no_store = HeaderValue::from_static("no-store");
    let headers = [
        (header::CONTENT_TYPE, json),
        (header::CACHE_CONTROL, no_store),
    ];
    Ok((headers, page.to_json()).into_response())
}

/// Somebody who reads, and where.
struct Reader {
    log: Log,
    after: i64,
    want: EventWant,
    limit: usize,
}

impl Reader {
    async fn next(&mut self) -> Result<EventPage, Refused> {
        let page = self.log.read(self.after, &self.want, self.limit).await;
        let page = page?;
        self.after = page.next;
        Ok(page)
    }
}

fn reader(log: &Log, headers: &HeaderMap, asked: &EventsAsked) -> Result<Reader, Refused> {
    let limit = asked.limit.unwrap_or(DEFAULT_EVENTS);
    if !(1..=MAX_EVENTS).contains(&limit) {
        let words = format!("an answer has from 1 to {MAX_EVENTS} events");
        return Err(Refused::field(Code::BadRequest, "limit", words));
    }
    let parts = [&asked.types, &asked.app, &asked.stream];
    let is_long = |part: &&Option<String>| {
        part.as_ref()
            .is_some_and(|text| text.len() > MAX_PART_BYTES)
    };
    if parts.iter().any(is_long) {
        let words = format!("a part of it is longer than {MAX_PART_BYTES} bytes");
        return Err(Refused::field(Code::BadRequest, "query", words));
    }
    let types = asked.types.as_deref().unwrap_or_default().split(',');
    let types: Vec<String> = types
        .map(str::trim)
        .filter(|kind| !kind.is_empty())
        .map(str::to_owned)
        .collect();
    if types.len() > MAX_TYPES {
        let words = format!("a reader names at most {MAX_TYPES} types");
        return Err(Refused::field(Code::BadRequest, "types", words));
    }
    let last = headers
        .get("last-event-id")
        .and_then(|value| value.to_str().ok());
    let after = match last.or(asked.after.as_deref()) {
        None | Some("") => 0,
        Some(LATEST) => *log.head().borrow(),
        Some(text) => number(text)?,
    };
    Ok(Reader {
        log: log.clone(),
        after,
        want: EventWant {
            types,
            app: asked.app.clone().unwrap_or_default(),
            stream: asked.stream.clone().unwrap_or_default(),
        },
        limit,
    })
}

fn number(text: &str) -> Result<i64, Refused> {
    let digits = text.bytes().all(|byte| byte.is_ascii_digit());
    let number = text.parse().ok().filter(|_| digits);
    number.ok_or_else(|| {
        let words = "this is not what an answer before called `next`";
        Refused::field(Code::BadRequest, "after", words)
    })
}

fn accepts_stream(headers: &HeaderMap) -> bool {
    let values = headers.get_all(header::ACCEPT).iter();
    let mut values = values.filter_map(|value| value.to_str().ok());
    values.any(|value| value.contains("text/event-stream"))
}

fn place(log: &Log) -> Result<WaitPlace, Refused> {
    log.place().ok_or_else(|| {
        let refused = Refused::new(Code::Unavailable, "too many wait for events here");
        refused.retry_after_ms(1000)
    })
}

async fn long_poll(
    mut reader: Reader,
    until: Instant,
    shutdown: &Shutdown,
) -> Result<EventPage, Refused> {
    loop {
        let page = reader.next().await?;
        if !page.entries.is_empty() || Instant::now() >= until {
            return Ok(page);
        }
        tokio::select! {
            () = reader.log.wait(page.next) => {}
            () = sleep_until(until) => return Ok(page),
            () = shutdown.draining() => return Ok(page),
        }
    }
}

/// Events as they happen. Ends with the node, and where the store is away: readers come back with the last id.
fn event_stream(reader: Reader, place: WaitPlace, shutdown: Shutdown) -> Response {
    let pieces = stream::unfold(
        (reader, place, shutdown),
        |(mut reader, place, shutdown)| async {
            loop {
                let page = reader.next().await.ok()?;
                if !page.entries.is_empty() {
                    let piece = sse(&page);
                    return Some((
                        Ok::<_, std::convert::Infallible>(piece),
                        (reader, place, shutdown),
                    ));
                }
                tokio::select! {
                    () = reader.log.wait(page.next) => {}
                    () = sleep(ALIVE_EVERY) => {
                        let alive = Bytes::from_static(b": alive\n\n");
                        return Some((Ok(alive), (reader, place, shutdown)));
                    }
                    () = shutdown.draining() => return None,
                }
            }
        },
    );
    let fixed = HeaderValue::from_static;
    let headers = [
        (header::CONTENT_TYPE, fixed("text/event-stream")),
        (header::CACHE_CONTROL, fixed("no-store")),
    ];
    (headers, Body::from_stream(pieces)).into_response()
}

fn sse(page: &EventPage) -> Bytes {
    let mut text = String::new();
    for entry in &page.entries {
        let (seq, kind) = (entry.event.seq, &entry.event.kind);
        text.push_str(&format!(
            "id: {seq}\nevent: {kind}\ndata: {}\n\n",
            entry.json
        ));
    }
    text.into()
}
