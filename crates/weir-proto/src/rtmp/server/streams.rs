//! The message streams of a connection: what each does, and which one a command means that names none,
//! or the wrong one.

/// How many message streams a connection may have open. Clients use one, some two; a page of cameras
/// that plays each over one connection has a handful.
const MAX_MESSAGE_STREAMS: u32 = 8;

/// See the module's words. Ids are 1 to [`MAX_MESSAGE_STREAMS`]: the wire form of a stream is shared by
/// all who watch it under one id.
#[derive(Debug, Default)]
pub(super) struct Streams(Vec<MessageStream>);

#[derive(Debug)]
struct MessageStream {
    msid: u32,
    role: Role,
    /// The name as it was asked for, its query included.
    name: Box<str>,
}

/// What a message stream does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Role {
    Idle,
    PublishAsked,
    Publishing,
    PlayAsked,
    Playing,
}

impl Role {
    /// It publishes, or asked to.
    pub(super) const fn publishes(self) -> bool {
        matches!(self, Self::PublishAsked | Self::Publishing)
    }

    /// It plays, or asked to.
    pub(super) const fn plays(self) -> bool {
        matches!(self, Self::PlayAsked | Self::Playing)
    }

    /// It waits for the owner's answer.
    const fn waits(self) -> bool {
        matches!(self, Self::PublishAsked | Self::PlayAsked)
    }
}

impl Streams {
    /// Opens the lowest free one; `None` when all are in use.
    pub(super) fn create(&mut self) -> Option<u32> {
        let msid = (1..=MAX_MESSAGE_STREAMS).find(|msid| self.role(*msid).is_none())?;
        self.open(msid);
        Some(msid)
    }

    fn open(&mut self, msid: u32) {
        self.0.push(MessageStream {
            msid,
            role: Role::Idle,
            name: Box::default(),
        });
    }

    /// Forgets one.
    pub(super) fn remove(&mut self, msid: u32) {
        self.0.retain(|stream| stream.msid != msid);
    }

    /// What it does; `None` when it is not open.
    pub(super) fn role(&self, msid: u32) -> Option<Role> {
        let found = self.0.iter().find(|stream| stream.msid == msid);
        found.map(|stream| stream.role)
    }

    /// Changes what it does from `from` to `to`; false if it did something else.
    pub(super) fn change(&mut self, msid: u32, from: Role, to: Role) -> bool {
        match self.0.iter_mut().find(|stream| stream.msid == msid) {
            Some(stream) if stream.role == from => {
                stream.role = to;
                true
            }
            _ => false,
        }
    }

    /// Ends what it does; gives what that was.
    pub(super) fn rest(&mut self, msid: u32) -> Role {
        let found = self.0.iter_mut().find(|stream| stream.msid == msid);
        found.map_or(Role::Idle, |stream| {
            stream.name = Box::default();
            std::mem::replace(&mut stream.role, Role::Idle)
        })
    }

    /// It asks for `name`.
    pub(super) fn ask(&mut self, msid: u32, role: Role, name: &str) {
        if let Some(stream) = self.0.iter_mut().find(|stream| stream.msid == msid) {
            stream.role = role;
            stream.name = name.into();
        }
    }

    /// The name it asked for.
    pub(super) fn name(&self, msid: u32) -> &str {
        let found = self.0.iter().find(|stream| stream.msid == msid);
        found.map_or("", |stream| &stream.name)
    }

    /// Whether one does this.
    pub(super) fn has(&self, role: Role) -> bool {
        self.0.iter().any(|stream| stream.role == role)
    }

    /// Whether one waits for the owner's answer.
    pub(super) fn has_wish(&self) -> bool {
        self.0.iter().any(|stream| stream.role.waits())
    }

    /// Whether one other than `msid` does anything.
    pub(super) fn has_other(&self, msid: u32) -> bool {
        let mut others = self.0.iter().filter(|stream| stream.msid != msid);
        others.any(|stream| stream.role != Role::Idle)
    }

    /// Where a wish on `msid` goes: there, opened if the client did not; on 0, which is the connection's
    /// own, to one that is idle. `None` when there is no room, or the id is none that we gave or would give.
    pub(super) fn place(&mut self, msid: u32) -> Option<u32> {
        if self.role(msid).is_some() {
            return Some(msid);
        }
        if msid == 0 {
            let idle = self.0.iter().find(|stream| stream.role == Role::Idle);
            let idle = idle.map(|stream| stream.msid);
            return idle.or_else(|| self.create());
        }
        if msid > MAX_MESSAGE_STREAMS {
            return None;
        }
        self.open(msid);
        Some(msid)
    }

    /// The one that a command on `msid` means, of those that do what `does` says: `msid` itself, or the
    /// only one there is where the client named none, or one that is not open.
    pub(super) fn meant(&self, msid: u32, does: impl Fn(Role) -> bool) -> Option<u32> {
        match self.role(msid) {
            Some(role) => does(role).then_some(msid),
            None => self.only(does),
        }
    }

    /// The only one that does what `does` says.
    pub(super) fn only(&self, does: impl Fn(Role) -> bool) -> Option<u32> {
        let mut found = self.0.iter().filter(|stream| does(stream.role));
        let only = found.next()?.msid;
        found.next().is_none().then_some(only)
    }

    /// The publish that `FCUnpublish` names: by its whole name, by its name without the query, or the only
    /// one where it names nothing.
    pub(super) fn publish_named(&self, name: &str) -> Option<u32> {
        if name.is_empty() {
            return self.only(Role::publishes);
        }
        let path = |name: &str| name.split_once('?').map_or(name, |(path, _)| path).len();
        let same =
            |asked: &str| asked == name || asked.get(..path(asked)) == name.get(..path(name));
        let mut publishes = self.0.iter().filter(|stream| stream.role.publishes());
        let found = publishes.find(|stream| same(&stream.name));
        found.map(|stream| stream.msid)
    }

    /// The publishing stream that media on `msid` belongs to. An id that does something else is believed.
    pub(super) fn publishing_for(&self, msid: u32) -> Option<u32> {
        match self.role(msid) {
            Some(Role::Publishing) => Some(msid),
            Some(Role::Idle) | None => self.only(|role| role == Role::Publishing),
            Some(_) => None,
        }
    }
}
