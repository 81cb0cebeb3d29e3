//! What nodes tell of recordings, written down: a row for each, and the events of its steps.

use std::collections::HashSet;

use serde_json::json;
use weir_store::events::{Fact, NewEvent};
use weir_store::recordings::{RecordingNow, RecordingState, StoredRecording, Telling};
use weir_store::{Id, StoreError};

use crate::recorder::Recorder;
use crate::report::{
    MAX_HOLES, RecordedStream, RecordingAct, RecordingOrder, RecordingStep, Told, ToldHole,
    ToldRecording,
};

impl Recorder {
    /// Writes down what is told of recordings. Gives those that were taken away meanwhile.
    pub(crate) async fn tell_recordings(
        &self,
        node: &str,
        told: &[Told],
    ) -> Result<Vec<Id>, StoreError> {
        let mut rows = Vec::new();
        for one in told {
            match one {
                Told::Recording(told) => rows.push(self.row(node, told).await),
                Told::RecordingGone(told) => self.store.recordings().left(node, told.id).await?,
                Told::Began(_) | Told::Ended(_) | Told::Newer => {}
            }
        }
        let outcomes = self.store.recordings().tell(&rows).await?;
        let gone = rows.into_iter().zip(outcomes);
        let gone = gone.filter(|(_, outcome)| *outcome == Telling::Gone);
        Ok(gone.map(|(row, _)| row.id).collect())
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
            started_ms: told.started_ms,
            ended_ms: told.ended_ms,
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
        let holes: Vec<ToldHole> = serde_json::from_str(&one.holes).unwrap_or_default();
        let told = ToldRecording {
            id: one.id,
            step: Some(match one.duration_ms {
                0 => RecordingStep::Failed,
                _ => RecordingStep::Ready,
            }),
            at_ms: self.store.now_ms(),
            vhost: one.vhost.clone(),
            app: one.app.clone(),
            stream: one.stream.clone(),
            started_ms: one.started_ms,
            ended_ms: one.started_ms.saturating_add(one.duration_ms),
            duration_ms: one.duration_ms,
            bytes: one.bytes,
            stored_bytes: one.stored_bytes,
            holes,
            has_poster: false,
        };
        tracing::warn!(recording = %one.id, node = one.node, "its node is gone: it has ended");
        let row = self.row(&one.node, &told).await;
        self.store.recordings().tell(&[row]).await?;
        let facts: Vec<Fact> = recording_fact(&one.node, &told).into_iter().collect();
        self.store.events().record(&facts).await?;
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
        if outcomes.contains(&Telling::Gone) {
            return Ok(Telling::Gone);
        }
        let facts: Vec<Fact> = recording_fact(node, &told).into_iter().collect();
        self.store.events().record(&facts).await?;
        Ok(Telling::Written)
    }

    /// What a node shall do: what people want, and what is to go since the recording is `gone`.
    pub(crate) async fn recording_orders(
        &self,
        node: &str,
        gone: HashSet<Id>,
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
        let gone = gone.into_iter().map(|id| RecordingOrder {
            id,
            act: RecordingAct::Remove,
            of: None,
        });
        Ok(orders.chain(gone).collect())
    }
}

/// The event of a step; none where nothing is to be logged.
pub(crate) fn recording_fact(node: &str, told: &ToldRecording) -> Option<Fact> {
    let step = told.step?;
    let mut data = json!({
        "recording": told.id.to_string(),
        "node": node,
        "url": format!("/r/{}/index.m3u8", told.id),
    });
    if step != RecordingStep::Started {
        data["duration_ms"] = told.duration_ms.into();
        data["bytes"] = told.bytes.into();
        data["holes"] = told.holes.len().into();
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
