//! What a verdict does: a broadcast ends, a ban begins, an appeal is answered, somebody else looks again; and where all
//! of it is written down.

use serde_json::json;
use weir_base::{Code, Refusal, ids};
use weir_review::{Verdict, agree, needs_second_look};
use weir_store::bans::{Ban, NewBan, SubjectKind};
use weir_store::events::{Fact, NewEvent};
use weir_store::review::ReviewItem;
use weir_store::{Id, StoreError};

use super::decisions::DecisionSeen;
use crate::acts::{Acted, Actor};
use crate::refused::Refused;
use crate::state::State;

/// Pictures whose digests stand in the audit log, the newest ones.
const MAX_DIGESTS: usize = 20;

/// A verdict as it was given.
#[derive(Debug, Clone, Copy)]
pub(super) struct Given<'a> {
    pub(super) verdict: Verdict,
    /// Empty where nothing is wrong.
    pub(super) reason: &'a str,
    /// How long a ban lasts; none for one that somebody has to lift.
    pub(super) ban_ms: Option<i64>,
}

/// Does what a verdict asks for.
pub(super) async fn follow(
    state: &State,
    actor: &Actor,
    item: &ReviewItem,
    given: Given<'_>,
) -> Result<DecisionSeen, Refused> {
    let ban = match item.kind.as_str() {
        "appeal" => {
            answer(state, actor, item, given).await?;
            None
        }
        "second" => second(state, actor, item, given).await?,
        _ => act(state, actor, item, given).await?,
    };
    let has_second = item.kind == "live"
        && needs_second_look(given.verdict, given.ban_ms, chance())
        && again(state, item, ban.as_ref()).await?;
    let ban = ban.map(|ban| ban.id.to_string());
    // What passes is written down for all of a page at once.
    if given.verdict == Verdict::Ok {
        return Ok(DecisionSeen::new(item.id.clone(), has_second, ban));
    }
    written(
        state,
        actor,
        item,
        given.verdict,
        given.reason,
        ban.as_deref(),
    )
    .await?;
    Ok(DecisionSeen::new(item.id.clone(), has_second, ban))
}

/// Ends what should end.
async fn act(
    state: &State,
    actor: &Actor,
    item: &ReviewItem,
    given: Given<'_>,
) -> Result<Option<Ban>, Refused> {
    match given.verdict {
        Verdict::Ok | Verdict::Warn | Verdict::Escalate => Ok(None),
        Verdict::End => {
            end(state, &item.stream, Code::Operator, given.reason).await?;
            Ok(None)
        }
        Verdict::Ban => {
            let ban = banned(state, actor, item, given).await?;
            end(state, &item.stream, Code::StreamBanned, given.reason).await?;
            let review = state.store()?.review();
            review.led_to_ban(&item.id, ban.id).await?;
            // An appeal may come when they would be gone.
            review.keep_proofs(&item.id).await?;
            Ok(Some(ban))
        }
    }
}

/// Whoever publishes may not: the channel's owner, or the stream where it is no channel's.
async fn banned(
    state: &State,
    actor: &Actor,
    item: &ReviewItem,
    given: Given<'_>,
) -> Result<Ban, Refused> {
    let store = state.store()?;
    let (kind, subject) = match item.user_id.as_str() {
        "" => (SubjectKind::Stream, item.stream.as_str()),
        owner => (SubjectKind::Account, owner),
    };
    let by_user = actor.user();
    let new = NewBan {
        channel: None,
        kind,
        subject,
        stops: "publish",
        reason: given.reason,
        by_user: &by_user,
        expires_ms: given.ban_ms.map_or(0, |ms| store.now_ms() + ms),
    };
    let ban = store.bans().create(&new).await?;
    heard(state).await;
    Ok(ban)
}

/// Admission hears of it at once, and not with its next look.
pub(super) async fn heard(state: &State) {
    if let Some(source) = &state.admission {
        source.poke().await;
    }
}

/// Ends what is live of a stream: here at once, elsewhere with the owner's next report, within a second.
async fn end(state: &State, stream: &str, code: Code, reason: &str) -> Result<(), Refused> {
    let live = state.hub.streams().into_iter();
    let live = live.filter(|one| one.is_live() && one.name.to_string() == stream);
    for publisher in live.filter_map(|one| one.publisher()) {
        // A copy ends with what it is a copy of.
        if publisher.is_replaceable {
            continue;
        }
        if let Some(client) = state.hub.clients().find(publisher.id) {
            client.kick_with(Refusal::new(code, reason.to_owned()));
        }
    }
    let broadcasts = state.store()?.broadcasts();
    broadcasts.order_end(stream, code.number().into()).await?;
    Ok(())
}

/// A second look: does it come to the same end? If nothing is wrong after all, a ban is lifted; if something is that
/// the first did not see, it is done.
async fn second(
    state: &State,
    actor: &Actor,
    item: &ReviewItem,
    given: Given<'_>,
) -> Result<Option<Ban>, Refused> {
    let store = state.store()?;
    let first = match store.review().by_id(&item.parent_id).await {
        Ok(first) => first,
        Err(StoreError::Missing(_)) => return act(state, actor, item, given).await,
        Err(error) => return Err(error.into()),
    };
    let agrees = agree(&first.verdict, given.verdict.name());
    store.review().compared(&item.id, agrees).await?;
    if agrees {
        return Ok(None);
    }
    match (given.verdict, first.ban_id.parse::<Id>()) {
        (Verdict::Ok, Ok(ban)) => {
            store.bans().lift(ban, &actor.user()).await?;
            heard(state).await;
            Ok(None)
        }
        _ => act(state, actor, item, given).await,
    }
}

/// Answers an appeal. One that was answered elsewhere meanwhile stays as it is.
async fn answer(
    state: &State,
    actor: &Actor,
    item: &ReviewItem,
    given: Given<'_>,
) -> Result<(), Refused> {
    let bans = state.store()?.bans();
    let (Ok(ban), Ok(appeal)) = (item.ban_id.parse(), item.appeal_id.parse()) else {
        return Ok(());
    };
    let is_granted = given.verdict == Verdict::Ok;
    let decided = async {
        let ban = bans.by_id(ban).await?;
        bans.decide(&ban, appeal, is_granted, given.reason, &actor.user())
            .await
    };
    match decided.await {
        Ok(_) => heard(state).await,
        Err(StoreError::Missing(_)) => {}
        Err(error) => return Err(error.into()),
    }
    Ok(())
}

async fn again(state: &State, item: &ReviewItem, ban: Option<&Ban>) -> Result<bool, Refused> {
    let mut of = item.clone();
    of.ban_id = ban.map(|ban| ban.id.to_string()).unwrap_or_default();
    state.store()?.review().second_look(&of).await?;
    Ok(true)
}

/// Somebody appeals against a ban: where it came of an item, that is looked at by somebody else.
pub(crate) async fn appealed(
    state: &State,
    ban: Id,
    appeal: Id,
    words: &str,
) -> Result<(), Refused> {
    let review = state.store()?.review();
    review.appeal(ban, appeal, words).await?;
    Ok(())
}

/// Nobody can foretell it; where there is no randomness everything is looked at again.
fn chance() -> u8 {
    ids::random_bytes::<1>().map_or(0, |[byte]| byte)
}

/// In the audit log, with what was looked at; and for whoever follows events.
pub(super) async fn written(
    state: &State,
    actor: &Actor,
    item: &ReviewItem,
    verdict: Verdict,
    reason: &str,
    ban: Option<&str>,
) -> Result<(), Refused> {
    let pictures = state.store()?.review().pictures(&item.id).await?;
    let digests = pictures.iter().rev().take(MAX_DIGESTS);
    let digests: Vec<_> = digests.map(|one| &one.sha256).collect();
    let after = json!({
        "stream": item.stream, "kind": item.kind, "verdict": verdict.name(), "reason": reason, "ban": ban,
        "pictures": item.pictures, "sha256": digests,
    });
    let act = Acted::plain("review.decide", &item.id).now(after);
    actor.did(state, act).await?;
    let data = json!({
        "item": item.id, "kind": item.kind, "verdict": verdict.name(), "reason": reason, "ban": ban,
        "pictures": item.pictures, "folded": item.folded, "reports": item.reports,
    });
    told(state, item, "review.decided", data.to_string()).await
}

/// What passed, in the audit log: one act, with the newest picture of each. It is no event: what is right is nobody's
/// news.
pub(super) async fn passed(state: &State, actor: &Actor, ids: &[String]) -> Result<(), Refused> {
    if ids.is_empty() {
        return Ok(());
    }
    let newest = state.store()?.review().some_pictures(ids, 1).await?;
    let items: Vec<_> = ids
        .iter()
        .map(|id| {
            let shot = newest.iter().find(|shot| shot.item_id == *id);
            json!({ "item": id, "sha256": shot.map(|shot| &shot.sha256) })
        })
        .collect();
    let act = Acted::plain("review.pass", "").now(json!({ "items": items }));
    actor.did(state, act).await
}

/// The same of a verdict that was taken back.
pub(super) async fn undone(
    state: &State,
    actor: &Actor,
    before: &ReviewItem,
) -> Result<(), Refused> {
    let was = json!({ "stream": before.stream, "verdict": before.verdict, "ban": before.ban_id });
    let act = Acted::plain("review.undo", &before.id).was(was);
    actor.did(state, act).await?;
    let data = json!({ "item": before.id, "kind": before.kind, "verdict": before.verdict });
    told(state, before, "review.undone", data.to_string()).await
}

/// An event about an item.
pub(super) async fn told(
    state: &State,
    item: &ReviewItem,
    kind: &str,
    data: String,
) -> Result<(), Refused> {
    let Some(happenings) = &state.happenings else {
        return Ok(());
    };
    let store = &happenings.store;
    let event = NewEvent {
        id: store.next_id()?,
        kind: kind.to_owned(),
        app: item.app.clone(),
        stream: item.stream.clone(),
        session: item.session.parse().ok(),
        cause: 0,
        data,
        at_ms: store.now_ms(),
    };
    store.events().record(&[Fact::Other(event)]).await?;
    happenings.log.poke();
    Ok(())
}
