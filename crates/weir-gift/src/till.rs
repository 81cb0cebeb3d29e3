//! Where gifts are paid: the catalogue's price, the channel's share, and the key that names an order.

use std::sync::Arc;

use tokio::sync::Notify;
use weir_store::channels::Channel;
use weir_store::gifts::{Given, Giving, Offer};
use weir_store::ledger::{Done, OpKey};
use weir_store::{Id, Store, StoreError};

use crate::config::GiftsConfig;
use crate::error::GiftError;
use crate::limits;
use crate::rules::{cost, share};
use crate::top::Tops;

/// Takes orders. Clones share it.
#[derive(Debug, Clone)]
pub struct Till {
    store: Store,
    config: GiftsConfig,
    /// Rings when there is something to tell a room.
    bell: Arc<Notify>,
    /// Leader boards.
    pub tops: Tops,
}

/// What somebody wants to give.
#[derive(Debug, Clone, Copy)]
pub struct Order<'a> {
    /// Who.
    pub user: Id,
    /// As others see them.
    pub user_name: &'a str,
    /// To whom.
    pub channel: &'a Channel,
    /// Name of the offer.
    pub gift: &'a str,
    /// How many.
    pub amount: i64,
    /// Goes on with the row of the same gifts.
    pub is_combo: bool,
    /// What each costs, as they were shown; none where they take any price.
    pub price: Option<i64>,
    /// Names the order among those of who gives.
    pub key: &'a str,
}

/// What somebody paid for.
#[derive(Debug, Clone, Copy)]
pub struct TopUp<'a> {
    /// Whose wallet it comes into.
    pub user: Id,
    /// How much.
    pub coins: i64,
    /// Names the payment, among all.
    pub payment: &'a str,
}

impl Till {
    /// Of this store.
    pub fn new(store: Store, config: GiftsConfig) -> Self {
        Self {
            tops: Tops::new(store.clone()),
            store,
            config,
            bell: Arc::default(),
        }
    }

    /// What rings when something was given here.
    pub(crate) fn bell(&self) -> Arc<Notify> {
        self.bell.clone()
    }

    /// Gives a gift, once for each key.
    ///
    /// # Errors
    /// Why it is not given. Then nothing of it happened.
    pub async fn give(&self, order: &Order<'_>) -> Result<Given, GiftError> {
        let digest = order.digest();
        let key = OpKey {
            user_id: Some(order.user),
            key: order.key,
            digest: &digest,
        };
        let priced = match self.priced(order).await {
            Ok(priced) => priced,
            Err(refused @ GiftError::Store(_)) => return Err(refused),
            // What was given when it was on sale is told again all the same.
            Err(refused) => return self.given_before(order, key).await?.ok_or(refused),
        };
        let giving = Giving {
            user: order.user,
            user_name: order.user_name,
            channel: (order.channel.user_id, order.channel.id),
            room: &room_of(order.channel),
            gift: order.gift,
            amount: order.amount,
            coins: priced,
            to_channel: share(priced, self.config.share_percent),
            combo_ms: if order.is_combo {
                self.config.combo_s * 1_000
            } else {
                0
            },
            key,
        };
        let given = self.store.gifts().give(&giving).await;
        let given = given.map_err(|error| GiftError::of(error, priced))?;
        self.bell.notify_one();
        Ok(given)
    }

    /// Coins that were paid for come into a wallet, once for each payment.
    ///
    /// # Errors
    /// [`GiftError::Limit`], [`GiftError::KeyReused`] where the payment was another one.
    pub async fn top_up(&self, paid: &TopUp<'_>) -> Result<Done, GiftError> {
        if !(1..=limits::TOP_UP_COINS).contains(&paid.coins) {
            let most = limits::TOP_UP_COINS;
            let words = format!("from 1 to {most} coins are topped up at once");
            return Err(GiftError::Limit(words));
        }
        let digest = format!("{} {}", paid.user, paid.coins);
        let key = OpKey {
            user_id: None,
            key: paid.payment,
            digest: &digest,
        };
        let done = self.store.ledger();
        let done = done
            .top_up(paid.user, paid.coins, (key, paid.payment))
            .await;
        done.map_err(|error| GiftError::of(error, paid.coins))
    }

    /// Gives a gift back, once.
    ///
    /// # Errors
    /// [`StoreError::Missing`] where they gave no such gift.
    pub async fn refund(&self, user: Id, gift: Id) -> Result<Given, GiftError> {
        let refunded = self.store.gifts().refund(user, gift).await;
        refunded.map_err(|error| GiftError::of(error, 0))
    }

    /// What an order costs now.
    async fn priced(&self, order: &Order<'_>) -> Result<i64, GiftError> {
        if !self.config.enabled {
            return Err(GiftError::Closed("no gifts are given here".to_owned()));
        }
        let offer: Offer = match self.store.gifts().offer(order.gift).await {
            Ok(offer) => offer,
            Err(StoreError::Missing(_)) => {
                return Err(GiftError::Unknown(order.gift.to_owned()));
            }
            Err(error) => return Err(error.into()),
        };
        if offer.is_open == 0 {
            let words = format!("{:?} is not on sale any more", offer.name);
            return Err(GiftError::Closed(words));
        }
        if order.price.is_some_and(|price| price != offer.price) {
            return Err(GiftError::Price(offer.price));
        }
        cost(offer.price, order.amount)
    }

    async fn given_before(
        &self,
        order: &Order<'_>,
        key: OpKey<'_>,
    ) -> Result<Option<Given>, GiftError> {
        let given = self.store.gifts().given_before(order.user, key).await;
        given.map_err(|error| GiftError::of(error, 0))
    }
}

impl Order<'_> {
    /// All that the key stands for.
    fn digest(&self) -> String {
        let Self {
            channel,
            gift,
            amount,
            is_combo,
            ..
        } = self;
        format!("{} {gift} {amount} {is_combo}", channel.id)
    }
}

/// The room of a channel's stream.
fn room_of(channel: &Channel) -> String {
    format!("r:{}/{}", channel.app, channel.name)
}
