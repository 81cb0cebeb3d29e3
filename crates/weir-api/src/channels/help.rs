//! How somebody helps with a channel: what is asked of it from elsewhere in the API.

use weir_store::Store;
use weir_store::channels::Channel;

use super::doors::{self, Wish, open};
use crate::caller::Caller;
use crate::refused::Refused;

/// Whether somebody helps with a channel, or owns it.
///
/// # Errors
/// When it cannot be told now.
pub(crate) async fn helps_with(
    store: &Store,
    caller: &Caller,
    channel: &Channel,
) -> Result<bool, Refused> {
    let standing = doors::standing(store, Some(caller), channel).await?;
    Ok(standing >= doors::Standing::Moderator)
}

/// The channel of this name, where somebody may know of it.
///
/// # Errors
/// 3001 where it is not there for them.
pub(crate) async fn seen(store: &Store, caller: &Caller, name: &str) -> Result<Channel, Refused> {
    open(store, Some(caller), name, Wish::See).await
}

/// How somebody helps with a channel, the least first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum ChannelHelp {
    /// Not at all.
    None,
    /// Judges who watches.
    Moderates,
    /// Changes what is said about it.
    Edits,
    /// It is theirs.
    Owns,
}

/// How somebody helps with a channel.
///
/// # Errors
/// When it cannot be told now.
pub(crate) async fn help_with(
    store: &Store,
    caller: &Caller,
    channel: &Channel,
) -> Result<ChannelHelp, Refused> {
    Ok(match doors::standing(store, Some(caller), channel).await? {
        doors::Standing::Stranger | doors::Standing::Guest => ChannelHelp::None,
        doors::Standing::Moderator => ChannelHelp::Moderates,
        doors::Standing::Editor => ChannelHelp::Edits,
        doors::Standing::Owner => ChannelHelp::Owns,
    })
}
