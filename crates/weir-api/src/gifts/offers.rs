//! `/api/v1/gifts`: what can be given, and what it costs.

use axum::Json;
use axum::extract::State as Extract;
use http::StatusCode;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;
use weir_base::Code;
use weir_gift::limits;
use weir_store::StoreError;
use weir_store::gifts::Offer;

use crate::acts::{Acted, Actor};
use crate::asked::{JsonBody, PathParts};
use crate::channels::line;
use crate::refused::{NotThere, Problem, Refused};
use crate::state::State;
use crate::stored::StoreAway;

/// Characters of a gift's name.
const MAX_NAME_CHARS: usize = 40;
/// Characters of its title.
const MAX_TITLE_CHARS: usize = 40;
/// Characters of a badge: a picture or two, or a short word.
const MAX_BADGE_CHARS: usize = 8;
/// Where in a list something may stand.
const PLACES: std::ops::RangeInclusive<i64> = 0..=1_000_000;

/// What a gift is.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({ "title": "Rocket", "title_zh": "火箭", "price": 500, "animation": "rocket", "badge": "🚀" }))]
struct OfferWish {
    /// In English.
    #[schema(max_length = 40)]
    title: String,
    /// In Chinese; left out: as in English.
    #[serde(default)]
    #[schema(max_length = 40)]
    title_zh: String,
    /// Coins.
    #[schema(minimum = 1, maximum = 10_000_000)]
    price: i64,
    /// Which animation pages show: a word of theirs; left out: none.
    #[serde(default)]
    #[schema(max_length = 40)]
    animation: String,
    /// A picture or a short word, on its button and beside who gives it.
    #[serde(default)]
    #[schema(max_length = 8)]
    badge: String,
    /// In lists, lowest first.
    #[serde(default)]
    #[schema(minimum = 0, maximum = 1_000_000)]
    place: i64,
    /// On sale. One that is not is still shown where it was given.
    #[serde(default = "yes")]
    #[schema(default = true)]
    open: bool,
}

/// Something that can be given, or could.
#[derive(Debug, Serialize, ToSchema)]
struct OfferShown {
    /// In orders and messages.
    name: String,
    /// In English.
    title: String,
    /// In Chinese.
    title_zh: String,
    /// Coins.
    price: i64,
    /// Which animation pages show; empty for none.
    animation: String,
    /// A picture or a short word; empty for none.
    badge: String,
    place: i64,
    /// On sale.
    open: bool,
}

/// The catalogue.
#[derive(Debug, Serialize, ToSchema)]
struct OfferList {
    /// In their order; those that are not on sale any more among them.
    items: Vec<OfferShown>,
}

const fn yes() -> bool {
    true
}

pub(crate) fn routes() -> OpenApiRouter<State> {
    OpenApiRouter::new().routes(routes!(set, remove))
}

/// What anybody may ask.
pub(crate) fn public_routes() -> OpenApiRouter<State> {
    OpenApiRouter::new().routes(routes!(list))
}

/// What can be given
#[utoipa::path(get, path = "/api/v1/gifts", tag = "chat", operation_id = "gift_list",
    responses(StoreAway, (status = 200, description = "The catalogue", body = OfferList)),
)]
async fn list(Extract(state): Extract<State>) -> Result<Json<OfferList>, Refused> {
    let found = state.store()?.gifts().offers().await?;
    Ok(Json(OfferList {
        items: found.into_iter().map(OfferShown::from).collect(),
    }))
}

/// Make a gift, or say something else of it
#[utoipa::path(put, path = "/api/v1/gifts/{name}", tag = "chat", operation_id = "gift_set",
    params(("name" = String, Path, description = "In orders: letters, digits and `-`")),
    request_body = OfferWish,
    responses(
        StoreAway,
        (status = 200, description = "It is this now", body = OfferShown),
        (status = 409, description = "There are as many as may be",
            body = Problem, content_type = "application/problem+json"),
    ),
)]
async fn set(
    Extract(state): Extract<State>,
    actor: Actor,
    PathParts(name): PathParts<String>,
    JsonBody(wish): JsonBody<OfferWish>,
) -> Result<Json<OfferShown>, Refused> {
    let offer = wish.checked(&name)?;
    let gifts = state.store()?.gifts();
    let was = match gifts.offer(&name).await {
        Ok(was) => told(&was),
        Err(StoreError::Missing(_)) => Value::Null,
        Err(error) => return Err(error.into()),
    };
    gifts.set_offer(&offer).await?;
    let acted = Acted::plain("gift.set", &name).was(was).now(told(&offer));
    actor.did(&state, acted).await?;
    Ok(Json(offer.into()))
}

/// Take a gift away
///
/// What was given of it stays given.
#[utoipa::path(delete, path = "/api/v1/gifts/{name}", tag = "chat", operation_id = "gift_remove",
    params(("name" = String, Path, description = "The gift")),
    responses(StoreAway, (status = 204, description = "It is gone"), NotThere),
)]
async fn remove(
    Extract(state): Extract<State>,
    actor: Actor,
    PathParts(name): PathParts<String>,
) -> Result<StatusCode, Refused> {
    state.store()?.gifts().remove_offer(&name).await?;
    actor
        .did(&state, Acted::plain("gift.remove", &name))
        .await?;
    Ok(StatusCode::NO_CONTENT)
}

/// As the audit log has it.
fn told(offer: &Offer) -> Value {
    json!({ "title": offer.title, "title_zh": offer.title_zh, "price": offer.price, "open": offer.is_open == 1 })
}

impl OfferWish {
    fn checked(self, name: &str) -> Result<Offer, Refused> {
        let wrong = |field: &str, words: String| Refused::field(Code::Unprocessable, field, words);
        let is_word = |text: &str| {
            let is_plain = |c: char| c.is_alphanumeric() || c == '-';
            text.chars().count() <= MAX_NAME_CHARS && text.chars().all(is_plain)
        };
        for (field, text) in [("name", name), ("animation", &self.animation)] {
            if !is_word(text) || (field == "name" && text.is_empty()) {
                let words = format!("at most {MAX_NAME_CHARS} letters, digits and -");
                return Err(wrong(field, words));
            }
        }
        line("title", &self.title, MAX_TITLE_CHARS)?;
        line("title_zh", &self.title_zh, MAX_TITLE_CHARS)?;
        line("badge", &self.badge, MAX_BADGE_CHARS)?;
        if self.title.trim().is_empty() {
            return Err(wrong("title", "a gift has a title".to_owned()));
        }
        if !(1..=limits::PRICE_COINS).contains(&self.price) {
            let words = format!("from 1 to {} coins", limits::PRICE_COINS);
            return Err(wrong("price", words));
        }
        if !PLACES.contains(&self.place) {
            let words = format!("from {} to {}", PLACES.start(), PLACES.end());
            return Err(wrong("place", words));
        }
        let title_zh = match self.title_zh.trim() {
            "" => self.title.clone(),
            _ => self.title_zh,
        };
        Ok(Offer {
            name: name.to_owned(),
            title: self.title,
            title_zh,
            price: self.price,
            animation: self.animation,
            badge: self.badge,
            place: self.place,
            is_open: i64::from(self.open),
        })
    }
}

impl From<Offer> for OfferShown {
    fn from(offer: Offer) -> Self {
        Self {
            name: offer.name,
            title: offer.title,
            title_zh: offer.title_zh,
            price: offer.price,
            animation: offer.animation,
            badge: offer.badge,
            place: offer.place,
            open: offer.is_open == 1,
        }
    }
}
