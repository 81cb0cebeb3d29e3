//! What each role may do: one table. Whose thing it is (one's own channel, another's) is for the resource to ask.

use serde::{Deserialize, Serialize};

/// What an account is on this site.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum AccountRole {
    /// Watches, follows, chats.
    Viewer,
    /// Has channels.
    Broadcaster,
    /// Looks after everybody's channels.
    Moderator,
    /// Runs the site.
    Admin,
}

impl AccountRole {
    /// All of them, the least first.
    pub const ALL: [Self; 4] = [
        Self::Viewer,
        Self::Broadcaster,
        Self::Moderator,
        Self::Admin,
    ];

    /// Its name in JSON and in the database.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Viewer => "viewer",
            Self::Broadcaster => "broadcaster",
            Self::Moderator => "moderator",
            Self::Admin => "admin",
        }
    }

    /// The role of this name.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|role| role.name() == name)
    }

    /// Everything it may.
    pub fn rights(self) -> Rights {
        let may = |right: &Right| right.least() <= self;
        Right::ALL.into_iter().filter(may).collect()
    }
}

macro_rules! rights {
    ($($(#[doc = $doc:literal])+ $variant:ident = $name:literal, from $role:ident, at $door:ident;)+) => {
        /// Something that not everybody may do.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
        #[repr(u8)]
        pub enum Right {
            $($(#[doc = $doc])+ $variant,)+
        }

        impl Right {
            /// All of them.
            pub const ALL: [Self; [$($name),+].len()] = [$(Self::$variant),+];

            /// Its name in scopes, in refusals and in the document.
            pub const fn name(self) -> &'static str {
                match self { $(Self::$variant => $name,)+ }
            }

            /// The least role that has it; those above have it too.
            pub const fn least(self) -> AccountRole {
                match self { $(Self::$variant => AccountRole::$role,)+ }
            }

            /// Where it is exercised.
            pub const fn door(self) -> DoorOf {
                match self { $(Self::$variant => DoorOf::$door,)+ }
            }
        }
    };
}

/// At which listener a right is exercised, where operators have one of their own.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DoorOf {
    /// The one that everybody uses.
    Public,
    /// `http.admin_listen` alone.
    Admin,
}

rights! {
    /// Read and change one's own account.
    AccountOwn = "account.own", from Viewer, at Public;
    /// Enter chat rooms under one's own name.
    ChatJoin = "chat.join", from Viewer, at Public;
    /// Make channels, and run one's own.
    ChannelsOwn = "channels.own", from Broadcaster, at Public;
    /// Help with channels whose team one is in.
    ChannelsHelp = "channels.help", from Viewer, at Public;
    /// Follow channels, and be counted by them.
    ChannelsFollow = "channels.follow", from Viewer, at Public;
    /// Look after everybody's channels as after one's own.
    ChannelsModerate = "channels.moderate", from Moderator, at Public;
    /// Ban, and decide appeals.
    BansManage = "bans.manage", from Moderator, at Public;
    /// Write drafts of the site's own pages.
    PagesEdit = "pages.edit", from Moderator, at Public;
    /// Publish them, change those that are published, and take them away.
    PagesPublish = "pages.publish", from Admin, at Public;
    /// See every live stream in detail, and who publishes and watches.
    StreamsRead = "streams.read", from Moderator, at Admin;
    /// See pictures of every live stream, and have them taken.
    SnapshotsRead = "snapshots.read", from Moderator, at Public;
    /// Look at pictures of live streams, and say what becomes of them.
    ReviewAct = "review.act", from Moderator, at Public;
    /// Look at pictures of live streams of some apps, where one is let, or of all; moderators may.
    ReviewWork = "review.work", from Moderator, at Public;
    /// Decide what reviewers hand on, and say which pictures are known to be bad.
    ReviewLead = "review.lead", from Admin, at Public;
    /// End a client's stay.
    ClientsKick = "clients.kick", from Moderator, at Admin;
    /// Find accounts, and suspend those of a lower role.
    AccountsModerate = "accounts.moderate", from Moderator, at Admin;
    /// Give accounts roles, invite, and make links to sign in.
    AccountsManage = "accounts.manage", from Admin, at Admin;
    /// See nodes, and what they bear.
    ClusterRead = "cluster.read", from Admin, at Admin;
    /// Say where streams are on servers of other makes, and ask; nodes may.
    StreamsReport = "streams.report", from Admin, at Public;
    /// Empty a node; nodes may.
    NodeDrain = "node.drain", from Admin, at Public;
    /// Tell what happens to streams of a node; nodes may.
    EventsReport = "events.report", from Admin, at Public;
    /// Read what admission goes by; nodes may.
    AdmissionRead = "admission.read", from Admin, at Public;
    /// Read what happened to every stream.
    EventsRead = "events.read", from Moderator, at Public;
    /// Send the heartbeat of one's own broadcasts, or of all where one may read what happened to them.
    SessionsKeep = "sessions.keep", from Broadcaster, at Public;
    /// See what was recorded of every stream, and take it away.
    RecordingsManage = "recordings.manage", from Moderator, at Public;
    /// Post in any chat group in the name of the site, gifts among it.
    ChatPublish = "chat.publish", from Admin, at Public;
    /// Read what was posted in any chat group.
    ChatRead = "chat.read", from Moderator, at Public;
    /// Say who is told of what happens, and look at what was delivered.
    HooksManage = "hooks.manage", from Admin, at Public;
    /// Read who did what.
    AuditRead = "audit.read", from Admin, at Admin;
    /// Say what each app takes, and read it.
    AppsManage = "apps.manage", from Admin, at Admin;
    /// Say what channels may be about.
    CategoriesManage = "categories.manage", from Moderator, at Public;
    /// Read the settings of a node, without its secrets.
    SettingsRead = "settings.read", from Admin, at Admin;
    /// Have keyframes of streams decoded, and their pictures kept; nodes may.
    SnapshotsCarry = "snapshots.carry", from Admin, at Public;
    /// Give gifts, and read one's own wallet.
    GiftsGive = "gifts.give", from Viewer, at Public;
    /// Say which words and links are not said in chat.
    ChatFilter = "chat.filter", from Moderator, at Public;
    /// Say which gifts there are, and what they cost.
    GiftsManage = "gifts.manage", from Admin, at Public;
    /// Top wallets up that somebody paid for: a payment service's one right.
    WalletTopup = "wallet.topup", from Admin, at Public;
    /// Read everybody's wallets, and give gifts back.
    WalletsManage = "wallets.manage", from Admin, at Public;
}

impl Right {
    /// What nodes of the cluster may.
    pub const OF_NODES: [Self; 5] = [
        Self::StreamsReport,
        Self::NodeDrain,
        Self::EventsReport,
        Self::AdmissionRead,
        Self::SnapshotsCarry,
    ];

    /// The right of this name.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|right| right.name() == name)
    }
}

/// A set of rights.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Rights(u64);

impl Rights {
    /// With one more.
    #[must_use]
    pub const fn with(self, right: Right) -> Self {
        Self(self.0 | 1 << right as u8)
    }

    /// Those that are in both.
    #[must_use]
    pub const fn and(self, other: Self) -> Self {
        Self(self.0 & other.0)
    }

    /// Whether it is among them.
    pub const fn has(self, right: Right) -> bool {
        self.0 & (1 << right as u8) != 0
    }
}

impl FromIterator<Right> for Rights {
    fn from_iter<T: IntoIterator<Item = Right>>(rights: T) -> Self {
        rights.into_iter().fold(Self::default(), Self::with)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_stands_higher_may_all_that_those_below_may() {
        for pair in AccountRole::ALL.windows(2) {
            for right in Right::ALL {
                let (below, above) = (pair[0].rights().has(right), pair[1].rights().has(right));
                assert!(above || !below, "{right:?}");
            }
        }
        let all = Right::ALL.into_iter().collect::<Rights>();
        assert_eq!(AccountRole::Admin.rights(), all);
        assert!(!AccountRole::Viewer.rights().has(Right::StreamsRead));
    }

    #[test]
    fn a_right_is_found_by_its_name() {
        for right in Right::ALL {
            assert_eq!(Right::from_name(right.name()), Some(right));
        }
        for role in AccountRole::ALL {
            assert_eq!(AccountRole::from_name(role.name()), Some(role));
        }
        assert_eq!(Right::from_name("everything"), None);
    }
}
