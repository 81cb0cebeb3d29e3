//! By what somebody may publish or play: a stream key, a signature, a ticket, or because everybody may.

use weir_base::sign::{self, Action, Subject};
use weir_base::{Code, Refusal};
use weir_hub::{Admission, Protocol};

use crate::book::{App, Book};
use crate::consult::About;
use crate::dialect::Request;
use crate::rules::{PlayAuth, PublishAuth};
use crate::snapshot::{Channel, KeyDigest, KeyEntry, Visibility};
use crate::ticket;

/// What somebody was admitted by.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum By {
    /// Everybody may.
    Everybody,
    /// A stream key of the channel.
    StreamKey(KeyDigest),
    /// The stream key that is derived from the node's secret.
    DerivedKey,
    /// A signature by a key of the app.
    Signature { key_id: Box<str> },
    /// A ticket to the channel, of this round of it.
    Ticket {
        key_id: Box<str>,
        round: u32,
        account: Box<str>,
        until_s: i64,
    },
    /// The channel's password, in this round of it.
    Password { round: u32 },
}

/// A leave that was found, before quotas are looked at.
#[derive(Debug, Clone)]
pub(crate) struct Leave {
    pub(crate) by: By,
    /// Unix milliseconds at which it ends by itself.
    pub(crate) until_ms: Option<i64>,
    /// Whose account it is; empty where that is not known.
    pub(crate) account: Box<str>,
    /// It admits once.
    pub(crate) nonce: Option<Once>,
    /// What it is good for only if somebody says so who is asked.
    pub(crate) about: Option<About>,
}

/// A nonce that a signature has.
#[derive(Debug, Clone)]
pub(crate) struct Once {
    pub(crate) key_id: Box<str>,
    pub(crate) nonce: Box<str>,
    pub(crate) until_s: i64,
}

impl Leave {
    fn by(by: By) -> Self {
        Self {
            by,
            until_ms: None,
            account: Box::default(),
            nonce: None,
            about: None,
        }
    }
}

/// What a leave is looked for in.
#[derive(Clone, Copy)]
pub(crate) struct Sources<'a> {
    pub(crate) book: &'a Book,
    pub(crate) app: &'a App,
    pub(crate) channel: Option<&'a Channel>,
    /// From which keys of streams that are no channel's are derived.
    pub(crate) stream_key_secret: &'a str,
    pub(crate) now_ms: i64,
}

impl Sources<'_> {
    /// By what it may do what it asks for.
    ///
    /// # Errors
    /// 1001 when it shows nothing, 1002 to 1007 and 2003 for what it shows.
    pub(crate) fn leave(self, asked: &Admission<'_>) -> Result<Leave, Refusal> {
        match asked.action {
            Action::Publish => self.publish(asked),
            Action::Play => self.play(asked),
        }
    }

    fn publish(self, asked: &Admission<'_>) -> Result<Leave, Refusal> {
        // A channel is somebody's, also in an app where everybody may publish. And open is for whoever is
        // there, not for any page somebody there happens to look at.
        let is_open = self.app.publish == PublishAuth::Open && self.channel.is_none();
        if is_open && !asked.is_cross_site {
            return Ok(Leave::by(By::Everybody));
        }
        if let Some(signed) = self.signed(asked) {
            return signed;
        }
        let name = asked.name;
        let Some(given) = asked.parameter("key") else {
            let words = if is_open {
                "a page of another site needs ?key=… or a signed URL, also where publishing is open"
            } else {
                "publishing needs ?key=… or a signed URL"
            };
            return Err(Refusal::new(Code::AuthMissing, words));
        };
        let wrong = || {
            let words = format!("the stream key is not that of {name}");
            Refusal::new(Code::AuthBadSignature, words)
        };
        if let Some(channel) = self.channel {
            let digest = KeyDigest::of(given);
            let key = self.book.snapshot.key(&digest);
            let key = key
                .filter(|key| *key.channel == *channel.id)
                .ok_or_else(wrong)?;
            check_key(key, self.now_ms)?;
            return Ok(Leave {
                until_ms: key.until_ms(),
                account: channel.owner.clone(),
                ..Leave::by(By::StreamKey(digest))
            });
        }
        let secret = self.stream_key_secret.as_bytes();
        let right = sign::stream_key(secret, name.vhost(), name.app(), name.stream());
        if sign::same_secret(given, &right) {
            Ok(Leave::by(By::DerivedKey))
        } else {
            Err(wrong())
        }
    }

    fn play(self, asked: &Admission<'_>) -> Result<Leave, Refusal> {
        let closed = self
            .channel
            .filter(|channel| channel.visibility.needs_ticket());
        let text = asked.parameter(ticket::PARAMETER);
        let shown = self
            .channel
            .zip(text)
            .map(|(channel, text)| self.ticket(channel, text));
        // Also where everybody may: a channel may have closed a moment ago, and this node not heard of it.
        let shown = match shown {
            Some(Ok(leave)) => return Ok(leave),
            shown => shown,
        };
        if closed.is_none() && self.app.play == PlayAuth::Open {
            return Ok(self.named_by_ticket(asked));
        }
        if let Some(refused) = shown {
            return refused;
        }
        if let Some(signed) = self.signed(asked) {
            return signed;
        }
        let Some(channel) = closed else {
            let words = "playing needs a signed URL";
            return Err(Refusal::new(Code::AuthMissing, words));
        };
        let has_password = asked.parameter("password").is_some();
        if channel.visibility == Visibility::Password && has_password {
            let round = channel.round;
            return Ok(Leave {
                about: Some(About::Password { round }),
                ..Leave::by(By::Password { round })
            });
        }
        let words = match channel.visibility {
            Visibility::Password => {
                "this channel has a password: open its page, or add ?password=…"
            }
            Visibility::Followers => "this channel is for its followers: sign in on its page",
            _ => "this channel is private: sign in on its page",
        };
        Err(Refusal::new(Code::AuthMissing, words))
    }

    /// Everybody may; who shows a good ticket all the same is known by name, and hit by bans of that name.
    fn named_by_ticket(self, asked: &Admission<'_>) -> Leave {
        let text = self.channel.zip(asked.parameter(ticket::PARAMETER));
        let shown = text.and_then(|(channel, text)| self.ticket(channel, text).ok());
        Leave {
            account: shown.map(|leave| leave.account).unwrap_or_default(),
            ..Leave::by(By::Everybody)
        }
    }

    fn ticket(self, channel: &Channel, text: &str) -> Result<Leave, Refusal> {
        let keys = self.book.snapshot.ticket_keys();
        let ticket = ticket::verify(text, keys, channel, self.now_ms.div_euclid(1_000))?;
        if self
            .book
            .snapshot
            .is_withdrawn(&channel.id, ticket.account, ticket.until_s)
        {
            return Err(withdrawn());
        }
        let by = By::Ticket {
            key_id: ticket.key_id.into(),
            round: ticket.round,
            account: ticket.account.into(),
            until_s: ticket.until_s,
        };
        Ok(Leave {
            until_ms: Some(ticket.until_s.saturating_mul(1_000)),
            account: ticket.account.into(),
            ..Leave::by(by)
        })
    }

    fn signed(self, asked: &Admission<'_>) -> Option<Result<Leave, Refusal>> {
        let name = asked.name;
        let request = Request {
            subject: Subject {
                action: asked.action,
                vhost: name.vhost(),
                app: name.app(),
                stream: name.stream(),
            },
            query: asked.query,
            ip: asked.ip,
            ending: ending(asked.protocol),
            now_s: self.now_ms.div_euclid(1_000),
        };
        let proof = match self.app.keyring.verify(&request)? {
            Ok(proof) => proof,
            Err(refusal) => return Some(Err(refusal)),
        };
        let owner = self.channel.filter(|_| asked.action == Action::Publish);
        let owner = owner.map(|channel| channel.owner.clone());
        let key_id: Box<str> = proof.key_id.into();
        Some(Ok(Leave {
            until_ms: Some(proof.until_s.saturating_mul(1_000)),
            nonce: proof.nonce.map(|nonce| Once {
                key_id: key_id.clone(),
                nonce: nonce.into(),
                until_s: proof.until_s,
            }),
            account: owner.or(proof.account).unwrap_or_default(),
            ..Leave::by(By::Signature { key_id })
        }))
    }

    /// Whether what somebody was admitted by still counts; that it ended by itself is not asked here.
    ///
    /// # Errors
    /// 1006 for what was taken back, 1001 where everybody may no more.
    pub(crate) fn still(self, action: Action, by: &By) -> Result<(), Refusal> {
        let gone = |words: &'static str| Err(Refusal::new(Code::AuthRevoked, words));
        let is_closed = self
            .channel
            .is_some_and(|channel| channel.visibility.needs_ticket());
        let round = self.channel.map(|channel| channel.round);
        match by {
            By::Everybody if action == Action::Publish => {
                if self.channel.is_none() && self.app.publish == PublishAuth::Open {
                    return Ok(());
                }
                let words = "publishing here needs a key now";
                Err(Refusal::new(Code::AuthMissing, words))
            }
            By::Everybody if is_closed || self.app.play != PlayAuth::Open => Err(Refusal::new(
                Code::AuthMissing,
                "watching this is not for everybody any more",
            )),
            By::Everybody => Ok(()),
            By::StreamKey(digest) => {
                let key = self.book.snapshot.key(digest);
                let of = self.channel.map(|channel| &*channel.id);
                match key.filter(|key| Some(&*key.channel) == of) {
                    Some(key) if !key.is_revoked() => Ok(()),
                    _ => gone("the stream key was taken back"),
                }
            }
            By::DerivedKey if self.channel.is_none() => Ok(()),
            By::DerivedKey => gone("the name belongs to a channel now: use its stream key"),
            By::Signature { key_id } if self.app.keyring.knows(key_id) => Ok(()),
            By::Signature { .. } => gone("the key that signed the URL is gone"),
            By::Ticket {
                key_id,
                round: of,
                account,
                until_s,
            } => {
                let of_channel = self.channel.map_or("", |channel| &channel.id);
                let snapshot = &self.book.snapshot;
                if snapshot.is_withdrawn(of_channel, account, *until_s) {
                    return Err(withdrawn());
                }
                let mut keys = self.book.snapshot.ticket_keys().iter();
                if round.is_some_and(|round| *of >= round) && keys.any(|key| key.id == **key_id) {
                    return Ok(());
                }
                gone("the channel was closed to earlier tickets")
            }
            By::Password { round: of } if round == Some(*of) => Ok(()),
            By::Password { .. } => gone("the channel has another password"),
        }
    }
}

fn withdrawn() -> Refusal {
    let words = "the leave to watch this channel was taken back: open its page again";
    Refusal::new(Code::AuthRevoked, words)
}

fn check_key(key: &KeyEntry, now_ms: i64) -> Result<(), Refusal> {
    if key.is_revoked() {
        return Err(Code::AuthRevoked.into());
    }
    if key.until_ms().is_some_and(|until_ms| now_ms >= until_ms) {
        let words = "the stream key was replaced, and its time is over: use the new one";
        return Err(Refusal::new(Code::AuthRevoked, words));
    }
    Ok(())
}

/// What a URL's path has behind the stream's name.
const fn ending(protocol: Protocol) -> &'static str {
    match protocol {
        Protocol::HttpFlv | Protocol::WsFlv => ".flv",
        Protocol::HttpTs => ".ts",
        Protocol::Hls => ".m3u8",
        Protocol::Rtmp | Protocol::Slsp | Protocol::Api | Protocol::Relay => "",
    }
}
