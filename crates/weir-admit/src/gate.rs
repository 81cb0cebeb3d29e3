//! The gatekeeper that the hub asks: who may publish and play on this node.
//!
//! In this order: is the app there, is nobody banned, is the place right, by what may it, is there room. All
//! of it from memory. Only who has to be asked about, and a nonce that all nodes look at, take a wait, each
//! a bounded one.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use weir_base::nonce::NonceUse;
use weir_base::sign::Action;
use weir_base::{Clock, Code, Refusal, StreamName};
use weir_cluster::store::NonceStore;
use weir_hub::gate::Answer;
use weir_hub::{Admission, Client, Gatekeeper, Grant, Hub, Identity, Protocol, Right, Role};

use crate::acts::Acts;
use crate::book::{App, Book, Rulebook};
use crate::consult::{About, Consult, Counsel, Question};
use crate::leave::{By, Leave, Once, Sources};
use crate::missed::MissedSets;
use crate::nonces::NonceBook;
use crate::place::{self, Suspect};
use crate::rules::Tokens;
use crate::usage::{self, Returning, Surroundings, Usage};
use crate::uses::{KeyUse, KeyUses};
use crate::wishes;

/// How long the cluster's word about a nonce is waited for: the rest of an admission takes less.
const NONCE_WAIT: Duration = Duration::from_millis(500);

/// Decides admissions. One for a node.
pub struct Gate {
    hub: Hub,
    rulebook: Arc<Rulebook>,
    stream_key_secret: String,
    is_origin: bool,
    around: Arc<dyn Surroundings>,
    nonces: NonceBook,
    counsel: Counsel,
    usage: Usage,
    returning: Returning,
    key_uses: KeyUses,
    missed_sets: MissedSets,
}

/// What a gate is made of.
pub struct GateParts {
    /// The streams it admits to, whose clock it goes by.
    pub hub: Hub,
    /// What it decides by.
    pub rulebook: Arc<Rulebook>,
    /// From which the keys of streams that are no channel's are derived.
    pub stream_key_secret: String,
    /// Tokens that edges pass on are checked here.
    pub is_origin: bool,
    /// What the node knows of itself and of others.
    pub around: Arc<dyn Surroundings>,
    /// Where nonces are remembered for all nodes; `None`: on each node by itself.
    pub nonces: Option<Arc<dyn NonceStore>>,
    /// Who is asked for what no snapshot holds; `None`: nobody can be.
    pub consult: Option<Arc<dyn Consult>>,
}

/// What a client was admitted by and as what: kept with it, to judge it again.
#[derive(Debug)]
struct Basis {
    action: Action,
    ip: IpAddr,
    account: Box<str>,
    by: By,
    /// The name that was asked for, where the stream was given another.
    asked: Option<StreamName>,
}

/// A decision, but for what has to be waited for.
struct Decision {
    grant: Grant,
    app: Arc<App>,
    leave: Option<Leave>,
}

impl Gate {
    /// Of these parts.
    pub fn new(parts: GateParts) -> Self {
        Self {
            usage: Usage::new(parts.hub.clone()),
            hub: parts.hub,
            rulebook: parts.rulebook,
            stream_key_secret: parts.stream_key_secret,
            is_origin: parts.is_origin,
            around: parts.around,
            nonces: NonceBook::new(parts.nonces),
            counsel: Counsel::new(parts.consult),
            returning: Returning::default(),
            key_uses: KeyUses::default(),
            missed_sets: MissedSets::default(),
        }
    }

    /// What it decides by.
    pub const fn rulebook(&self) -> &Arc<Rulebook> {
        &self.rulebook
    }

    /// Stream keys that were published with since this was last asked.
    pub fn take_key_uses(&self) -> Vec<KeyUse> {
        self.key_uses.take()
    }

    /// What could not be told is given again.
    pub fn put_key_uses_back(&self, uses: Vec<KeyUse>) {
        self.key_uses.put_back(uses);
    }

    /// Apps in whose key set a key was missed since this was last asked.
    pub fn take_missed_sets(&self) -> Vec<String> {
        self.missed_sets.take()
    }

    /// Notes that a client was admitted by a stream key.
    fn note_key(&self, asked: &Admission<'_>, leave: &Leave) {
        let By::StreamKey(digest) = &leave.by else {
            return;
        };
        let book = self.rulebook.read();
        let Some(key) = book.snapshot.key(digest) else {
            return;
        };
        self.key_uses.note(KeyUse {
            owner: leave.account.to_string(),
            channel: key.channel.to_string(),
            key: key.id.to_string(),
            at_ms: self.clock().wall_ms(),
            address: asked.ip,
        });
    }

    pub(crate) const fn hub(&self) -> &Hub {
        &self.hub
    }

    fn clock(&self) -> &Clock {
        self.hub.clock()
    }

    fn decide(&self, asked: &Admission<'_>) -> Result<Decision, Refusal> {
        let now_ms = self.clock().wall_ms();
        let path = asked.name.to_string();
        let book = self.rulebook.read();
        let app = book.app(asked.name.app()).clone();
        let rules = &app.rules;
        check_app(&app)?;
        let channel = channel_of(&book, asked.name, &path);
        let owner = channel.map_or("", |channel| &channel.owner);
        let mut who = Suspect {
            action: asked.action,
            channel: channel.map_or("", |channel| &channel.id),
            path: &path,
            ip: asked.ip,
            accounts: [owner, ""],
        };
        place::check_bans(&book, who, now_ms)?;
        place::check_place(rules, asked.action, asked.ip, &*self.around)?;
        if asked.action == Action::Play {
            place::check_page(rules, asked.page)?;
        }
        if rules.tokens == Some(Tokens::Origin) && !self.is_origin {
            let grant = Grant {
                ask_origin: true,
                ..Grant::default()
            };
            let leave = None;
            return Ok(Decision { grant, app, leave });
        }
        let sources = Sources {
            book: &book,
            app: &app,
            channel,
            stream_key_secret: &self.stream_key_secret,
            now_ms,
        };
        let mut leave = sources.leave(asked).inspect_err(|refusal| {
            // Its key may be newer than what is known of the set.
            if refusal.code == Code::AuthRevoked && !rules.jwks_url.is_empty() {
                self.missed_sets.note(asked.name.app());
            }
        })?;
        who.accounts[1] = &leave.account;
        place::check_bans(&book, who, now_ms)?;
        let channel_kbps = channel.and_then(|channel| channel.max_kbps);
        drop(book);
        self.check_room(asked, &app)?;
        let is_publish = asked.action == Action::Publish;
        if rules
            .ask
            .is_some_and(|acts| acts.hits(Acts::from(asked.action)))
        {
            leave.about.get_or_insert(About::App);
        }
        let grant = Grant {
            takeover: app.takeover,
            by_query: leave.by != By::Everybody,
            max_kbps: [rules.max_kbps, channel_kbps].into_iter().flatten().min(),
            wishes: if is_publish {
                wishes::read(asked.query)?
            } else {
                None
            },
            ..Grant::default()
        };
        let leave = Some(leave);
        Ok(Decision { grant, app, leave })
    }

    /// Whether there is room on the node and in the app's quotas. Who is here already takes no more.
    fn check_room(&self, asked: &Admission<'_>, app: &App) -> Result<(), Refusal> {
        let (rules, around) = (&app.rules, &*self.around);
        let priority = rules.priority.unwrap_or_default();
        if asked.action == Action::Publish {
            usage::check_room(priority, around)?;
            return self.usage.check_publish(asked.name, rules, around);
        }
        let is_hls = asked.protocol == Protocol::Hls;
        let now_us = self.clock().now_us();
        if !(is_hls && self.returning.is_here(asked.name, asked.ip, now_us)) {
            usage::check_room(priority, around)?;
            self.usage.check_play(asked.name, rules, around)?;
        }
        if is_hls {
            self.returning.came(asked.name, asked.ip, now_us);
        }
        Ok(())
    }

    /// The grant with what admitted its client.
    fn granted(&self, asked: &Admission<'_>, decision: Decision) -> Result<Grant, Refusal> {
        let Decision {
            mut grant,
            app,
            leave,
        } = decision;
        let Some(leave) = leave else {
            return Ok(grant);
        };
        self.note_key(asked, &leave);
        if !leave.account.is_empty() {
            let identity = Identity::new(&leave.account, "", "", "")?;
            grant.identity = Some(Arc::new(identity));
        }
        // Who asks for each piece is judged with each.
        if asked.protocol != Protocol::Hls {
            let ends = app.rules.end_on_expiry == Some(true);
            let basis = Basis {
                action: asked.action,
                ip: asked.ip,
                account: leave.account,
                by: leave.by,
                asked: grant.name.as_ref().map(|_| asked.name.clone()),
            };
            grant.right = Some(Right::new(basis, leave.until_ms.filter(|_| ends)));
        }
        Ok(grant)
    }

    /// A decision that nobody has to be waited for, or `Err` with what has to be.
    fn at_once(&self, asked: &Admission<'_>) -> Result<Result<Grant, Refusal>, Box<Decision>> {
        let decision = match self.decide(asked) {
            Ok(decision) => decision,
            Err(refusal) => return Ok(Err(refusal)),
        };
        let leave = decision.leave.as_ref();
        let waits = leave.is_some_and(|leave| {
            leave.about.is_some() || (leave.nonce.is_some() && !self.nonces.is_alone())
        });
        if waits {
            return Err(Box::new(decision));
        }
        if let Some(once) = leave.and_then(|leave| leave.nonce.as_ref())
            && let Err(refusal) = self.claim_here(asked, once)
        {
            return Ok(Err(refusal));
        }
        Ok(self.granted(asked, decision))
    }

    async fn finish(&self, asked: Admission<'_>, mut decision: Decision) -> Result<Grant, Refusal> {
        if let Some(leave) = &mut decision.leave
            && let Some(about) = leave.about
        {
            let question = Question {
                action: asked.action,
                name: asked.name,
                query: asked.query,
                ip: asked.ip,
                protocol: asked.protocol,
                about,
            };
            // A password that nobody can look up is not right because of that.
            let when_away = match about {
                About::Password { .. } => crate::rules::WhenAway::Refuse,
                About::App => decision.app.rules.when_away.unwrap_or_default(),
            };
            let now_us = self.clock().now_us();
            let advice = self.counsel.ask(question, when_away, now_us).await?;
            if leave.account.is_empty() {
                leave.account = advice.account;
            }
            let until_ms = advice.until_s.map(|until_s| until_s.saturating_mul(1_000));
            leave.until_ms = [leave.until_ms, until_ms].into_iter().flatten().min();
            self.check_account(&asked, &leave.account)?;
            if asked.action == Action::Publish {
                let (stream, parameters) = (advice.stream, advice.parameters);
                self.take_advice(&asked, &mut decision.grant, stream, parameters)?;
            }
        }
        if let Some(once) = decision
            .leave
            .as_ref()
            .and_then(|leave| leave.nonce.as_ref())
        {
            self.claim_here(&asked, once)?;
            let ip = asked.ip.to_canonical().to_string();
            let claim = claim(&asked, once, &ip);
            let now_s = self.clock().wall_s();
            let claimed = self.nonces.claim_everywhere(claim, now_s);
            // Away: what this node knows counts.
            if let Ok(claimed) = tokio::time::timeout(NONCE_WAIT, claimed).await {
                claimed?;
            }
        }
        self.granted(&asked, decision)
    }

    /// What who was asked says of a publisher beyond yes: another name, more parameters.
    fn take_advice(
        &self,
        asked: &Admission<'_>,
        grant: &mut Grant,
        stream: Option<Box<str>>,
        parameters: Vec<(String, String)>,
    ) -> Result<(), Refusal> {
        if !parameters.is_empty() {
            let all: Vec<_> = asked.query.iter().cloned().chain(parameters).collect();
            grant.wishes = wishes::read(&all)?;
        }
        let Some(stream) = stream.filter(|stream| **stream != *asked.name.stream()) else {
            return Ok(());
        };
        let (vhost, app) = (asked.name.vhost(), asked.name.app());
        let name = StreamName::new(vhost, app, &stream)?;
        let path = name.to_string();
        let book = self.rulebook.read();
        let channel = channel_of(&book, &name, &path);
        let owner = channel.map_or("", |channel| &channel.owner);
        let who = Suspect {
            action: asked.action,
            channel: channel.map_or("", |channel| &channel.id),
            path: &path,
            ip: asked.ip,
            accounts: [owner, ""],
        };
        place::check_bans(&book, who, self.clock().wall_ms())?;
        drop(book);
        grant.name = Some(name);
        Ok(())
    }

    /// An account that only who was asked could name.
    fn check_account(&self, asked: &Admission<'_>, account: &str) -> Result<(), Refusal> {
        let path = asked.name.to_string();
        let book = self.rulebook.read();
        let who = Suspect {
            action: asked.action,
            channel: channel_of(&book, asked.name, &path).map_or("", |channel| &channel.id),
            path: &path,
            ip: asked.ip,
            accounts: [account, ""],
        };
        place::check_bans(&book, who, self.clock().wall_ms())
    }

    fn claim_here(&self, asked: &Admission<'_>, once: &Once) -> Result<(), Refusal> {
        let ip = asked.ip.to_canonical().to_string();
        self.nonces
            .claim_here(claim(asked, once, &ip), self.clock().wall_s())
    }

    /// Whether a client may still do what it was admitted to; a right that is not of this gate is looked at for
    /// bans alone. That it ended by itself is not asked here.
    ///
    /// # Errors
    /// Why not.
    pub(crate) fn judge(&self, client: &Client, right: &Right) -> Result<(), Refusal> {
        let now_ms = self.clock().wall_ms();
        let name = &client.name;
        let path = name.to_string();
        let book = self.rulebook.read();
        let app = book.app(name.app());
        let channel = channel_of(&book, name, &path);
        let owner = channel.map_or("", |channel| &channel.owner);
        let Some(basis) = right.basis::<Basis>() else {
            let account = client.identity.as_ref().map_or("", |who| who.account());
            let who = Suspect {
                action: match client.role {
                    Role::Publisher => Action::Publish,
                    Role::Viewer => Action::Play,
                },
                channel: channel.map_or("", |channel| &channel.id),
                path: &path,
                ip: client.addr.ip(),
                accounts: [owner, account],
            };
            return place::check_bans(&book, who, now_ms);
        };
        check_app(app)?;
        let who = Suspect {
            action: basis.action,
            channel: channel.map_or("", |channel| &channel.id),
            path: &path,
            ip: basis.ip,
            accounts: [owner, &basis.account],
        };
        place::check_bans(&book, who, now_ms)?;
        let renamed = basis.asked.as_ref().map(|asked| (asked, asked.to_string()));
        let channel = match &renamed {
            Some((asked, path)) => channel_of(&book, asked, path),
            None => channel,
        };
        let ends = app.rules.end_on_expiry == Some(true);
        // Who may watch a channel is its owner's to say, whatever its app wants.
        let is_closed = channel.is_some_and(|channel| channel.visibility.needs_ticket());
        let is_owners = match basis.by {
            By::Ticket { .. } | By::Password { .. } => true,
            By::Everybody => is_closed && basis.action == Action::Play,
            By::StreamKey(_) | By::DerivedKey | By::Signature { .. } => false,
        };
        if !ends && !is_owners {
            return Ok(());
        }
        if ends {
            place::check_place(&app.rules, basis.action, basis.ip, &*self.around)?;
        }
        let sources = Sources {
            book: &book,
            app,
            channel,
            stream_key_secret: &self.stream_key_secret,
            now_ms,
        };
        sources.still(basis.action, &basis.by)
    }

    /// Whether a client whose right has ended by itself goes: its app may have changed its mind.
    pub(crate) fn goes_at_its_end(&self, name: &StreamName, right: &Right) -> bool {
        let app = self.rulebook.read().app(name.app()).clone();
        right.basis::<Basis>().is_none() || app.rules.end_on_expiry == Some(true)
    }
}

impl Gatekeeper for Gate {
    fn admit<'a>(&'a self, admission: Admission<'a>) -> Answer<'a> {
        match self.at_once(&admission) {
            // Everything it needs is in memory: no wait.
            Ok(answer) => Box::pin(std::future::ready(answer)),
            Err(decision) => Box::pin(self.finish(admission, *decision)),
        }
    }
}

impl std::fmt::Debug for Gate {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Gate")
            .field("position", &self.rulebook.position())
            .finish_non_exhaustive()
    }
}

fn check_app(app: &App) -> Result<(), Refusal> {
    if app.rules.disabled == Some(true) {
        return Err(Refusal::new(Code::AppDisabled, "the app is switched off"));
    }
    Ok(())
}

/// Channels are streams of the default host.
fn channel_of<'a>(
    book: &'a Book,
    name: &StreamName,
    path: &str,
) -> Option<&'a crate::snapshot::Channel> {
    let is_usual = name.vhost().is_empty();
    is_usual
        .then(|| book.snapshot.channel(path))
        .flatten()
        .map(|channel| &**channel)
}

/// A viewer of HLS sends its URL's query with each request, so it may use its nonce again.
fn claim<'a>(asked: &Admission<'_>, once: &'a Once, ip: &'a str) -> NonceUse<'a> {
    NonceUse {
        key_id: &once.key_id,
        nonce: &once.nonce,
        expiry_s: once.until_s,
        by: ip,
        is_repeated: asked.protocol == Protocol::Hls,
    }
}

#[cfg(test)]
mod tests;
