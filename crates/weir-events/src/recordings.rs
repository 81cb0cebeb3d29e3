//! What nodes tell of recordings, written down: a row for each, and the events of its steps.

use std::collections::HashMap;

use serde_json::json;
use weir_store::events::{Fact, NewEvent};
use weir_store::recordings::{
    RecordingNow, RecordingPart, RecordingState, RecordingSum, StoredRecording, Telling,
};
use weir_store::{Id, StoreError};

use crate::recorder::Recorder;
use crate::report::{
    MAX_HOLES, RecordedStream, RecordingAct, RecordingOrder, RecordingStep, Told, ToldHole,
    ToldRecording,
};

/// What became of what was told of recordings.
pub(crate) type TellingOf = HashMap<Id, Telling>;

impl Recorder {
    /// Writes down what is told of recordings, and says of each what became of it.
    pub(crate) async fn tell_recordings(
        &self,
        node: &str,
        told: &[Told],
    ) -> Result<TellingOf, StoreError> {
        let mut rows = Vec::new();
        for one in told {
            match one {
                Told::Recording(told) => rows.push(self.row(node, told).await),
                Told::RecordingGone(told) => self.store.recordings().left(node, told.id).await?,
                Told::Began(_) | Told::Ended(_) | Told::Newer => {}
            }
        }
        let outcomes = self.store.recordings().tell(&rows).await?;
        Ok(rows.iter().map(|row| row.id).zip(outcomes).collect())
    }

    async fn row(&self, node: &str, told: &ToldRecording) -> RecordingNow {
        let name = whole_name(told);
        let owner = self.owners.owner(&told.app, &name).await;
        let is_public = owner.as_ref().is_none_or(|owner| owner.is_public);
        let owner = owner.unwrap_or_default();
        let title = match owner.title.as_str() {
            "" => told.stream.clone(),
            title => title.to_owned(),
        };
        let keep_ms = match told.ended_ms {
            0 => 0,
            _ => self.owners.keep_ms(&told.app).await,
        };
        let holes = serde_json::to_string(&told.holes.iter().take(MAX_HOLES).collect::<Vec<_>>());
        RecordingNow {
            user_id: owner.user_id,
            id: told.id,
            channel_id: owner.channel_id,
            vhost: told.vhost.clone(),
            app: told.app.clone(),
            stream: told.stream.clone(),
            title,
            is_published: is_public,
            state: match (told.ended_ms, told.duration_ms) {
                (0, _) => RecordingState::Recording,
                (_, 0) => RecordingState::Failed,
                _ => RecordingState::Ready,
            },
            expires_ms: match keep_ms {
                0 => 0,
                keep_ms => told.ended_ms.saturating_add(keep_ms),
            },
            node: node.to_owned(),
            owned_ms: told.owned_ms,
            started_ms: told.started_ms,
            ended_ms: told.ended_ms,
            from_ms: told.from_ms,
            to_ms: told.to_ms,
            duration_ms: told.duration_ms,
            bytes: told.bytes,
            stored_bytes: told.stored_bytes,
            holes: holes.unwrap_or_else(|_| "[]".to_owned()),
            has_poster: told.has_poster,
            told_ms: told.at_ms,
        }
    }

    /// Ends a recording whose node is gone: what was told of it last is how it ended.
    pub(crate) async fn end_recording(&self, one: &StoredRecording) -> Result<(), StoreError> {
        let parts = self.store.recordings().parts(one.id).await?;
        let told_last = parts.into_iter().find(|part| part.node == one.node);
        // Where no node has begun, nothing of it is there.
        let holes = told_last.as_ref().map_or("[]", |part| &part.holes);
        let holes: Vec<ToldHole> = serde_json::from_str(holes).unwrap_or_default();
        let of = |field: fn(&RecordingPart) -> i64| told_last.as_ref().map_or(0, field);
        let told = ToldRecording {
            id: one.id,
            // Said when it is told.
            step: None,
            at_ms: 0,
            vhost: one.vhost.clone(),
            app: one.app.clone(),
            stream: one.stream.clone(),
            started_ms: told_last
                .as_ref()
                .map_or(one.started_ms, |part| part.started_ms),
            ended_ms: of(|part| part.to_ms).max(one.started_ms),
            duration_ms: of(|part| part.duration_ms),
            bytes: of(|part| part.bytes),
            stored_bytes: of(|part| part.stored_bytes),
            holes,
            from_ms: of(|part| part.from_ms),
            to_ms: of(|part| part.to_ms),
            owned_ms: of(|part| part.owned_ms),
            has_poster: false,
        };
        tracing::warn!(recording = %one.id, node = one.node, "its node is gone: it has ended");
        self.tell_again(&one.node, told).await?;
        self.log.poke();
        Ok(())
    }

    /// Writes down again what the blocks of a recording that is over say of it, as if `node` told it. What was taken away
    /// stays away.
    ///
    /// # Errors
    /// As the store.
    pub async fn tell_again(&self, node: &str, told: ToldRecording) -> Result<Telling, StoreError> {
        let told = ToldRecording {
            step: Some(match told.duration_ms {
                0 => RecordingStep::Failed,
                _ => RecordingStep::Ready,
            }),
            at_ms: self.store.now_ms(),
            ..told
        };
        let row = self.row(node, &told).await;
        let outcomes = self.store.recordings().tell(&[row]).await?;
        let outcome = outcomes.into_iter().next().unwrap_or(Telling::Gone);
        if let Telling::Written(sum) = &outcome {
            let facts: Vec<Fact> = recording_fact(node, &told, sum).into_iter().collect();
            self.store.events().record(&facts).await?;
        }
        Ok(outcome)
    }

    /// What a node shall do: what people want, and what follows from what became of what it `told`.
    pub(crate) async fn recording_orders(
        &self,
        node: &str,
        told: TellingOf,
    ) -> Result<Vec<RecordingOrder>, StoreError> {
        let ordered = self.store.recordings().ordered(node).await?;
        let orders = ordered.into_iter().map(|row| {
            let is_begun = row.told_ms > 0;
            RecordingOrder {
                id: row.id,
                act: match row.state {
                    RecordingState::Deleting => RecordingAct::Remove,
                    _ if is_begun => RecordingAct::Stop,
                    _ => RecordingAct::Start,
                },
                of: (!is_begun).then_some(RecordedStream {
                    vhost: row.vhost,
                    app: row.app,
                    stream: row.stream,
                }),
            }
        });
        let follows = told.into_iter().filter_map(|(id, telling)| {
            let act = match telling {
                Telling::Gone => RecordingAct::Remove,
                Telling::Written(sum) if sum.nodes > 1 => RecordingAct::Share,
                Telling::Written(_) => return None,
            };
            Some(RecordingOrder { id, act, of: None })
        });
        // What people want comes last, and counts.
        Ok(follows.chain(orders).collect())
    }
}

/// The event of a step; none where nothing is to be logged. `sum` is what all nodes together have: one that ended at a
/// node and goes on at another has not ended.
pub(crate) fn recording_fact(node: &str, told: &ToldRecording, sum: &RecordingSum) -> Option<Fact> {
    let step = match told.step? {
        RecordingStep::Started => RecordingStep::Started,
        _ => match sum.state {
            RecordingState::Ready => RecordingStep::Ready,
            RecordingState::Failed => RecordingStep::Failed,
            RecordingState::Recording | RecordingState::Deleting => return None,
        },
    };
    let mut data = json!({
        "recording": told.id.to_string(),
        "node": node,
        "url": format!("/r/{}/index.m3u8", told.id),
    });
    if step != RecordingStep::Started {
        let holes: Vec<ToldHole> = serde_json::from_str(&sum.holes).unwrap_or_default();
        data["duration_ms"] = sum.duration_ms.into();
        data["bytes"] = sum.bytes.into();
        data["holes"] = holes.len().into();
    }
    Some(Fact::Other(NewEvent {
        id: told.id.derived(step.kind()),
        kind: step.kind().to_owned(),
        app: told.app.clone(),
        stream: whole_name(told),
        session: None,
        cause: 0,
        data: data.to_string(),
        at_ms: told.at_ms,
    }))
}

/// The stream's whole name, as events have it.
fn whole_name(told: &ToldRecording) -> String {
    stream_name(&told.vhost, &told.app, &told.stream)
}

/// A stream's whole name, as events have it.
pub(crate) fn stream_name(vhost: &str, app: &str, stream: &str) -> String {
    match vhost {
        "" => format!("{app}/{stream}"),
        vhost => format!("{vhost}:{app}/{stream}"),
    }
}
