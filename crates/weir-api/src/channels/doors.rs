//! Who may do what with one channel: the one place that is asked, by its own routes and by those of what belongs
//! to it. A channel that somebody may not know of is not there for them.

use weir_base::Code;
use weir_store::Store;
use weir_store::channels::{Channel, MemberRole, Visibility};

use crate::caller::Caller;
use crate::refused::Refused;
use crate::stored::user_of;
use weir_account::Right;

/// What somebody wants with a channel.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Wish {
    /// Read what is said about it.
    See,
    /// See who helps with it.
    Help,
    /// Ban from it, and hear who appeals.
    Moderate,
    /// Change what is said about it, its schedule and its keys.
    Edit,
    /// Take it away.
    Own,
}

/// The channel of this name, for somebody who wants this with it.
///
/// # Errors
/// 3001 where it is not there for them, 6012 where they may see it and no more.
pub(super) async fn open(
    store: &Store,
    caller: Option<&Caller>,
    name: &str,
    wish: Wish,
) -> Result<Channel, Refused> {
    let channel = store.channels().by_name(name).await?;
    let standing = standing(store, caller, &channel).await?;
    if !standing.sees(&channel) {
        return Err(weir_store::StoreError::Missing("channel").into());
    }
    let may = match wish {
        Wish::See => true,
        Wish::Help => standing >= Standing::Moderator,
        // Who edits a channel does not judge its viewers.
        Wish::Moderate => matches!(standing, Standing::Moderator | Standing::Owner),
        Wish::Edit => standing >= Standing::Editor,
        Wish::Own => standing == Standing::Owner,
    };
    if !may {
        let words = "this is somebody else's channel";
        return Err(Refused::new(Code::Forbidden, words));
    }
    Ok(channel)
}

/// How somebody stands to a channel, the least first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Standing {
    Stranger,
    /// Watches, whoever else may.
    Guest,
    Moderator,
    Editor,
    Owner,
}

impl Standing {
    /// Whether somebody who stands so may know of the channel.
    pub(super) fn sees(self, channel: &Channel) -> bool {
        self >= Self::Guest || channel.visibility != Visibility::Private
    }
}

/// How somebody stands to it.
///
/// # Errors
/// When it cannot be told now.
pub(super) async fn standing(
    store: &Store,
    caller: Option<&Caller>,
    channel: &Channel,
) -> Result<Standing, Refused> {
    let Some(caller) = caller else {
        return Ok(Standing::Stranger);
    };
    if caller.rights.has(Right::ChannelsModerate) {
        return Ok(Standing::Owner);
    }
    let Some(account) = user_of(caller) else {
        return Ok(Standing::Stranger);
    };
    if account == channel.user_id {
        return Ok(Standing::Owner);
    }
    let role = store.channels().role_in(channel, account).await?;
    Ok(match role {
        None => Standing::Stranger,
        Some(MemberRole::Guest) => Standing::Guest,
        Some(MemberRole::Moderator) => Standing::Moderator,
        Some(MemberRole::Editor) => Standing::Editor,
    })
}
