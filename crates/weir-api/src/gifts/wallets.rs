//! Wallets: one's own at `/api/v1/me/wallet`, topped up by a payment service, read and mended by staff at
//! `/api/v1/wallets`.

use axum::Json;
use axum::extract::State as Extract;
use serde::{Deserialize, Serialize};
use serde_json::json;
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;
use weir_base::Code;
use weir_gift::{TopUp, limits};
use weir_store::Id;
use weir_store::ledger::{Entry, Holding};

use super::{refused, till};
use crate::acts::{Acted, Actor};
use crate::asked::{JsonBody, Page, PageParams, PathParts};
use crate::caller::Caller;
use crate::channels::line;
use crate::refused::{NotThere, Refused};
use crate::state::State;
use crate::stored::{StoreAway, account_of, behind, id_of};

/// Entries on one page of a statement.
const PAGE: u32 = 50;
/// Characters of a reason.
const MAX_WHY_CHARS: usize = 200;

/// Something that came into a wallet, or went out of it.
#[derive(Debug, Serialize, ToSchema)]
struct EntryShown {
    /// Of a gift: its id.
    id: String,
    /// `topup`, `gift` or `refund`.
    kind: String,
    /// The gift, or the payment.
    about: String,
    /// Below 0: out of it.
    coins: i64,
    at_ms: i64,
}

/// A wallet, and what came and went.
#[derive(Debug, Serialize, ToSchema)]
struct WalletShown {
    /// What can be spent.
    coins: i64,
    /// The newest first.
    items: Vec<EntryShown>,
    /// For `?after=`, where there is more.
    next: Option<String>,
}

/// What was paid for.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({ "payment": "psp-20260101-0042", "coins": 1000 }))]
struct TopUpWish {
    /// The payment service's name for the payment: the same again is the same top-up, however often it is sent.
    #[schema(max_length = 128)]
    payment: String,
    #[schema(minimum = 1, maximum = 1_000_000_000)]
    coins: i64,
}

/// What became of it.
#[derive(Debug, Serialize, ToSchema)]
struct WalletMoved {
    /// Of the entry.
    id: String,
    /// In the wallet behind it.
    coins: i64,
    /// It was done before: nothing was done again.
    again: bool,
}

/// What is given back.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({ "gift": "019f0000-0000-7000-8000-000000000000", "why": "bought by mistake" }))]
struct RefundWish {
    /// Id of a gift of theirs.
    gift: String,
    /// For the audit log.
    #[schema(max_length = 200)]
    why: String,
}

/// What everybody may ask of their own.
pub(crate) fn own_routes() -> OpenApiRouter<State> {
    OpenApiRouter::new().routes(routes!(own))
}

pub(crate) fn top_up_routes() -> OpenApiRouter<State> {
    OpenApiRouter::new().routes(routes!(top_up))
}

pub(crate) fn routes() -> OpenApiRouter<State> {
    OpenApiRouter::new()
        .routes(routes!(show))
        .routes(routes!(refund))
}

/// My wallet
#[utoipa::path(get, path = "/api/v1/me/wallet", tag = "chat", operation_id = "wallet",
    params(PageParams),
    responses(StoreAway, (status = 200, description = "It, and some of what came and went", body = WalletShown)),
)]
async fn own(
    Extract(state): Extract<State>,
    caller: Caller,
    page: Page,
) -> Result<Json<WalletShown>, Refused> {
    state.store()?;
    shown(&state, account_of(&caller)?, &page).await
}

/// Somebody's wallet
#[utoipa::path(get, path = "/api/v1/wallets/{user}", tag = "chat", operation_id = "wallet_show",
    params(("user" = String, Path, description = "Id of the account"), PageParams),
    responses(
        StoreAway,
        (status = 200, description = "It, and some of what came and went", body = WalletShown),
        NotThere,
    ),
)]
async fn show(
    Extract(state): Extract<State>,
    PathParts(user): PathParts<String>,
    page: Page,
) -> Result<Json<WalletShown>, Refused> {
    // An account that is gone has left its entries: the books are about money, not about people.
    shown(&state, id_of(&user)?, &page).await
}

/// Coins that were paid for come into a wallet
///
/// For payment services: a key with the scope `wallet.topup` alone. The payment's id is the key: a callback that is
/// sent again does nothing again, and one that names another wallet or sum is refused.
#[utoipa::path(post, path = "/api/v1/wallets/{user}/topups", tag = "chat", operation_id = "wallet_top_up",
    params(("user" = String, Path, description = "Id of the account")),
    request_body = TopUpWish,
    responses(StoreAway, (status = 200, description = "They are there", body = WalletMoved), NotThere),
)]
async fn top_up(
    Extract(state): Extract<State>,
    actor: Actor,
    PathParts(user): PathParts<String>,
    JsonBody(wish): JsonBody<TopUpWish>,
) -> Result<Json<WalletMoved>, Refused> {
    let (id, till) = (id_of(&user)?, till(&state)?);
    let is_key = |text: &str| !text.is_empty() && text.bytes().all(|c| c.is_ascii_graphic());
    if !is_key(&wish.payment) || wish.payment.len() > limits::KEY_BYTES {
        let words = format!("from 1 to {} characters of ASCII", limits::KEY_BYTES);
        return Err(Refused::field(Code::Unprocessable, "payment", words));
    }
    state.store()?.accounts().by_id(id).await?;
    let paid = TopUp {
        user: id,
        coins: wish.coins,
        payment: &wish.payment,
    };
    let done = till.top_up(&paid).await.map_err(refused)?;
    if !done.is_again {
        let now = json!({ "payment": wish.payment, "coins": wish.coins, "behind": done.coins });
        let acted = Acted::plain("wallet.topup", &user).now(now);
        actor.did(&state, acted).await?;
    }
    Ok(Json(WalletMoved {
        id: done.id.to_string(),
        coins: done.coins,
        again: done.is_again,
    }))
}

/// Give a gift back
///
/// Its coins come back into the wallet of who gave it, from the channel and the house. Once.
#[utoipa::path(post, path = "/api/v1/wallets/{user}/refunds", tag = "chat", operation_id = "wallet_refund",
    params(("user" = String, Path, description = "Id of the account that gave it")),
    request_body = RefundWish,
    responses(StoreAway, (status = 200, description = "They are back", body = WalletMoved), NotThere),
)]
async fn refund(
    Extract(state): Extract<State>,
    actor: Actor,
    PathParts(user): PathParts<String>,
    JsonBody(wish): JsonBody<RefundWish>,
) -> Result<Json<WalletMoved>, Refused> {
    line("why", &wish.why, MAX_WHY_CHARS)?;
    let (id, gift) = (id_of(&user)?, id_of(&wish.gift)?);
    let given = till(&state)?.refund(id, gift).await.map_err(refused)?;
    if !given.is_again {
        let now = json!({ "gift": wish.gift, "coins": given.gift.coins, "why": wish.why });
        let acted = Acted::plain("gift.refund", &user).now(now);
        actor.did(&state, acted).await?;
    }
    Ok(Json(WalletMoved {
        id: given.gift.id,
        coins: given.coins,
        again: given.is_again,
    }))
}

async fn shown(state: &State, user: Id, page: &Page) -> Result<Json<WalletShown>, Refused> {
    let ledger = state.store()?.ledger();
    let (before, limit) = (behind(page)?, page.limit(PAGE));
    let rows = ledger.statement(Holding::Wallet(user), before, limit + 1);
    let (rows, next) = Page::full(rows.await?, limit, |row| row.op_id.clone());
    Ok(Json(WalletShown {
        coins: ledger.coins(user).await?,
        items: rows.into_iter().map(EntryShown::from).collect(),
        next,
    }))
}

impl From<Entry> for EntryShown {
    fn from(entry: Entry) -> Self {
        Self {
            id: entry.op_id,
            kind: entry.kind,
            about: entry.about,
            coins: entry.coins,
            at_ms: entry.at_ms,
        }
    }
}
