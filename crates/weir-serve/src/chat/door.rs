//! The door of chat: which handshakes become connections of a loop.

use std::future::Future;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::Method;
use tokio::sync::mpsc;
use weir_base::{Code, Refusal, ids, limits};
use weir_chat::{Bus, ChatConfig, Doorman, Encoding, House, Newcomer, Parts, Who};

use super::events;
use super::line::{FRAMING, Line};
use super::pool::{ChatArrival, ChatLoopHandle, ChatPool};
use super::task;
use crate::core::Core;
use crate::deliver::{Seat, Sink};
use crate::http::request::HttpRequest;
use crate::http::response::{HttpResponse, Upgrade};
use crate::http::upgrade::{Fetching, OpenedSocket, Opening, SocketService};
use crate::http::{Crowd, CrowdPlace};

/// How often what is old is let go.
const SWEEP_EVERY: Duration = Duration::from_secs(1);
/// Bytes of randomness in what a guest is called.
const GUEST_BYTES: usize = 8;

/// Who shows a handshake that has more than a token: the site's cookie, on a page of the site.
pub trait Presenter: Send + Sync {
    /// Who it is; `None` for nobody that is known.
    fn who<'a>(&'a self, request: &'a HttpRequest) -> Presented<'a>;
}

/// The answer of a [`Presenter`].
pub type Presented<'a> = Pin<Box<dyn Future<Output = Result<Option<Who>, Refusal>> + Send + 'a>>;

/// What a gateway is made of.
pub struct ChatParts {
    /// The settings.
    pub config: ChatConfig,
    /// Who knows whose tokens are whose.
    pub doorman: Arc<dyn Doorman>,
    /// Where posts get their places.
    pub bus: Arc<dyn Bus>,
    /// Who knows whose cookie is whose, where there are accounts.
    pub presenter: Option<Arc<dyn Presenter>>,
}

/// See the file's words.
pub struct Chat {
    house: Arc<House>,
    pool: ChatPool,
    core: Core,
    presenter: Option<Arc<dyn Presenter>>,
    networks: Crowd,
}

impl Chat {
    /// Starts the loops.
    ///
    /// # Errors
    /// When the system has no epoll or no thread to give.
    pub fn start(parts: ChatParts, core: &Core) -> std::io::Result<Self> {
        let house = House::new(Parts {
            config: parts.config,
            clock: core.hub.clock().clone(),
            doorman: parts.doorman,
            bus: parts.bus,
            framing: FRAMING,
        });
        let pool = ChatPool::start(&house, core)?;
        core.tasks
            .spawn("chat-sweep", sweep(house.clone(), core.clone()));
        Ok(Self {
            house,
            pool,
            core: core.clone(),
            presenter: parts.presenter,
            networks: Crowd::default(),
        })
    }

    /// What its loops share.
    pub const fn house(&self) -> &Arc<House> {
        &self.house
    }

    async fn admit(&self, request: &HttpRequest) -> Result<OpenedSocket, Refusal> {
        let offer = request.web_socket()?;
        let encoding = Encoding::offered(&offer.protocols).ok_or_else(|| {
            let words = "chat wants a subprotocol: weir.json.1 or weir.bin.1";
            Refusal::new(Code::ProtocolError, words)
        })?;
        let (guest, to) = self.guest(request, encoding).await?;
        Ok(OpenedSocket {
            subprotocol: encoding.subprotocol().map(str::to_owned),
            upgrade: upgrade(guest, to),
        })
    }

    /// Somebody whose request was read, and the loop that is to have them.
    async fn guest(
        &self,
        request: &HttpRequest,
        encoding: Encoding,
    ) -> Result<(Guest, ChatLoopHandle), Refusal> {
        if self.core.shutdown.is_draining() {
            return Err(Code::Draining.into());
        }
        let most = self.house.config.connections_per_network as usize;
        let place = self.networks.place(request.client.ip(), most);
        let place = place.ok_or_else(|| {
            Refusal::new(Code::RateLimited, "too many chat connections from there")
        })?;
        let presented = match &self.presenter {
            Some(presenter) => presenter.who(request).await?,
            None => None,
        };
        let number = ids::random_bytes::<GUEST_BYTES>()
            .map_err(|_| Refusal::new(Code::Unavailable, "no randomness"))?;
        let (to, seat) = self.pool.seat().ok_or(Code::Overloaded)?;
        let guest = Guest {
            encoding,
            presented,
            number: ids::hex(&number),
            client: request.client,
            places: (place, seat),
        };
        Ok((guest, to))
    }

    async fn hear_events(&self, request: &HttpRequest) -> Result<HttpResponse, Refusal> {
        let hello = events::hello(request)?;
        let (guest, to) = self.guest(request, Encoding::Events).await?;
        let (queue, batches) = mpsc::channel(limits::TASK_BATCHES);
        let greeting = events::pace(&guest.number);
        let newcomer = guest.arrives(Sink::Task(queue), greeting, None);
        let said = hello.into();
        to.give(ChatArrival { newcomer, said });
        Ok(events::answer(batches))
    }
}

impl SocketService for Chat {
    fn level(&self) -> &'static str {
        "chat"
    }

    fn open<'a>(&'a self, request: &'a HttpRequest) -> Opening<'a> {
        Box::pin(self.admit(request))
    }

    fn fetch<'a>(&'a self, request: &'a HttpRequest) -> Option<Fetching<'a>> {
        let is_events = request.method == Method::GET && request.path() == events::PATH;
        is_events.then(|| -> Fetching<'a> { Box::pin(self.hear_events(request)) })
    }
}

/// Somebody whose handshake was read.
struct Guest {
    encoding: Encoding,
    presented: Option<Who>,
    number: String,
    client: SocketAddr,
    places: (CrowdPlace, Seat),
}

impl Guest {
    fn arrives(
        self,
        sink: Sink,
        greeting: Vec<u8>,
        heard: Option<mpsc::Receiver<Bytes>>,
    ) -> Newcomer<Line> {
        Newcomer {
            carrier: Line {
                sink,
                decoder: Line::decoder(),
                client: self.client,
                heard,
                _places: self.places,
            },
            encoding: self.encoding,
            presented: self.presented,
            number: self.number,
            greeting,
        }
    }
}

/// A plain socket goes to the loop itself, any other has a task.
fn upgrade(guest: Guest, to: ChatLoopHandle) -> Upgrade {
    // Only one of the two ways is taken.
    let shared = Arc::new(parking_lot::Mutex::new(Some((guest, to))));
    let taken = shared.clone();
    let over_task = Upgrade::new("chat", async move |io| {
        let Some((guest, to)) = taken.lock().take() else {
            return;
        };
        let (queue, batches) = mpsc::channel(limits::TASK_BATCHES);
        let (says, heard) = mpsc::channel(limits::TASK_BATCHES);
        let newcomer = guest.arrives(Sink::Task(queue), Vec::new(), Some(heard));
        to.give(ChatArrival {
            newcomer,
            said: Bytes::new(),
        });
        task::carry(io, batches, says, to).await;
    });
    over_task.or_socket(move |socket, greeting, said| {
        let Some((guest, to)) = shared.lock().take() else {
            return;
        };
        let Ok(socket) = socket.into_std() else {
            return;
        };
        let sink = Sink::Socket(mio::net::TcpStream::from_std(socket));
        let newcomer = guest.arrives(sink, greeting, None);
        to.give(ChatArrival { newcomer, said });
    })
}

async fn sweep(house: Arc<House>, core: Core) {
    let mut every = tokio::time::interval(SWEEP_EVERY);
    loop {
        tokio::select! {
            _ = every.tick() => house.sweep(),
            () = core.shutdown.stopping() => return,
        }
    }
}
