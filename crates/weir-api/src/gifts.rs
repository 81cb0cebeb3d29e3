//! `POST /api/v1/gifts`: something is given, once for each key. What there is stands in `offers`, what is paid with in
//! `wallets`.

pub(crate) mod offers;
pub(crate) mod wallets;

use axum::Json;
use axum::extract::State as Extract;
use http::HeaderMap;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;
use weir_base::Code;
use weir_gift::{GiftError, Order, Till, limits};
use weir_store::gifts::Given;
use weir_store::{Id, StoreError};

use crate::asked::JsonBody;
use crate::caller::Caller;
use crate::channels::seen;
use crate::refused::{NotThere, Problem, Refused};
use crate::state::State;
use crate::stored::{StoreAway, account_of};

/// The field that names an order.
const KEY: &str = "idempotency-key";

/// What somebody gives.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({ "channel": "amy", "gift": "rocket", "count": 3 }))]
struct GiftOrder {
    /// Name of the channel.
    channel: String,
    /// Name of the gift.
    gift: String,
    /// How many at once.
    #[serde(default = "one")]
    #[schema(minimum = 1, maximum = 9999, default = 1)]
    count: i64,
    /// Goes on with the row of the same gifts, where the last is not long ago.
    #[serde(default = "yes")]
    #[schema(default = true)]
    combo: bool,
    /// What each costs, as it was shown: refused where it costs something else now. Left out: whatever it costs.
    #[serde(default)]
    #[schema(nullable = false)]
    price: Option<i64>,
}

/// A row of the same gifts by the same giver.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct ComboShown {
    /// The first gift of it.
    id: String,
    /// How many it has with this one.
    count: i64,
}

/// What was given.
#[derive(Debug, Serialize, ToSchema)]
struct GiftGiven {
    /// Names it for ever: the room is told under it.
    id: String,
    /// For all of them.
    cost: i64,
    /// In the wallet behind it.
    coins: i64,
    combo: ComboShown,
    /// It was given before, by the same key: nothing was done again.
    again: bool,
}

const fn one() -> i64 {
    1
}

const fn yes() -> bool {
    true
}

pub(crate) fn routes() -> OpenApiRouter<State> {
    OpenApiRouter::new().routes(routes!(give))
}

/// Give a gift
///
/// It is paid from one's wallet and told to the channel's room. The key names the order for ever: sent again it is not
/// paid again, and the answer is the same.
#[utoipa::path(post, path = "/api/v1/gifts", tag = "chat", operation_id = "gift_give",
    params(("Idempotency-Key" = String, Header, description = "Names the order: a UUID, or up to 128 bytes of ASCII")),
    request_body = GiftOrder,
    responses(
        StoreAway,
        (status = 200, description = "It is given", body = GiftGiven),
        (status = 402, description = "There is less in the wallet",
            body = Problem, content_type = "application/problem+json"),
        NotThere,
        (status = 409, description = "It is not on sale, or has another price now",
            body = Problem, content_type = "application/problem+json"),
    ),
)]
async fn give(
    Extract(state): Extract<State>,
    caller: Caller,
    headers: HeaderMap,
    JsonBody(order): JsonBody<GiftOrder>,
) -> Result<Json<GiftGiven>, Refused> {
    let (store, till) = (state.store()?, till(&state)?);
    let user = account_of(&caller)?;
    let key = key(&headers)?;
    let channel = seen(store, &caller, &order.channel).await?;
    let name = name_of(&state, user, &caller).await?;
    let order = Order {
        user,
        user_name: &name,
        channel: &channel,
        gift: &order.gift,
        amount: order.count,
        is_combo: order.combo,
        price: order.price,
        key,
    };
    let given = till.give(&order).await.map_err(refused)?;
    Ok(Json(given.into()))
}

/// Where gifts are paid.
///
/// # Errors
/// 6008 on a node without the store.
pub(crate) fn till(state: &State) -> Result<&Till, Refused> {
    let words = "this node keeps nothing: ask one whose roles include api";
    let till = state.gifts.as_ref();
    till.ok_or_else(|| Refused::new(Code::Unavailable, words))
}

/// Why a gift is not given, as the API says it.
pub(crate) fn refused(error: GiftError) -> Refused {
    let words = error.to_string();
    match error {
        GiftError::NotEnough { .. } => Refused::new(Code::NotEnoughCoins, words),
        GiftError::Unknown(_) => Refused::new(Code::UnknownGift, words),
        GiftError::Closed(_) => Refused::new(Code::GiftClosed, words),
        GiftError::Price(_) => Refused::new(Code::GiftPrice, words),
        GiftError::Limit(_) => Refused::new(Code::GiftLimit, words),
        GiftError::KeyReused => Refused::field(Code::Unprocessable, KEY, words),
        GiftError::Store(error) => error.into(),
    }
}

fn key(headers: &HeaderMap) -> Result<&str, Refused> {
    let key = headers.get(KEY).and_then(|key| key.to_str().ok());
    let key = key.map(str::trim).unwrap_or_default();
    if key.is_empty() || key.len() > limits::KEY_BYTES {
        let most = limits::KEY_BYTES;
        let words = format!("what moves coins has a key, of 1 to {most} bytes of ASCII");
        return Err(Refused::field(Code::BadRequest, KEY, words));
    }
    Ok(key)
}

/// As others see somebody.
async fn name_of(state: &State, user: Id, caller: &Caller) -> Result<String, Refused> {
    match state.store()?.accounts().by_id(user).await {
        Ok(account) if account.display_name.is_empty() => Ok(account.name),
        Ok(account) => Ok(account.display_name),
        Err(StoreError::Missing(_)) => Ok(caller.name.clone()),
        Err(error) => Err(error.into()),
    }
}

impl From<Given> for GiftGiven {
    fn from(given: Given) -> Self {
        Self {
            id: given.gift.id,
            cost: given.gift.coins,
            coins: given.coins,
            combo: ComboShown {
                id: given.gift.combo,
                count: given.gift.combo_count,
            },
            again: given.is_again,
        }
    }
}
