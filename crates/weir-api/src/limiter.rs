//! How often one account or one network may ask: a rate for each class of routes, counted in memory by the
//! generic cell rate algorithm, and told in `RateLimit-Policy` and `RateLimit`.
//!
//! Each node counts by itself: this keeps one client from taking a node's time, it bills nobody.

use std::collections::HashMap;
use std::future::Future;
use std::net::IpAddr;

use axum::extract::{Request, State as Extract};
use axum::middleware::{Next, from_fn_with_state};
use axum::response::{IntoResponse, Response};
use http::{Extensions, HeaderName, HeaderValue, Method};
use parking_lot::Mutex;
use utoipa_axum::router::OpenApiRouter;
use weir_base::network::network_of;
use weir_base::{Clock, Code};

use crate::config::ApiConfig;
use crate::refused::Refused;
use crate::state::{ClientIp, State};

/// Accounts and networks that are told apart in one generation; there are two. Some 100 bytes each.
const COUNTED: usize = 50_000;
/// Over which time a rate is counted, seconds.
const WINDOW_S: u32 = 60;
const POLICY: HeaderName = HeaderName::from_static("ratelimit-policy");
const LEFT: HeaderName = HeaderName::from_static("ratelimit");

/// Routes with a rate in common.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum RateClass {
    /// What only reads.
    Read,
    /// What changes something.
    Write,
    /// Where to publish and play: many viewers behind one address ask at the same moment.
    Ask,
}

/// Who is counted.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) enum Who {
    /// Somebody who is known.
    Account(String),
    /// An IPv4 address, or an IPv6 network.
    Network(IpAddr),
}

/// The counts of one node.
#[derive(Debug)]
pub(crate) struct Limiter {
    clock: Clock,
    rates: [Option<Rate>; RateClass::ALL.len()],
    counts: Mutex<Generations>,
}

/// So many in a window.
#[derive(Debug, Clone, Copy)]
struct Rate {
    quota: u32,
    /// Microseconds that one costs.
    cost_us: i64,
}

/// What is left after one was taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Left {
    class: RateClass,
    quota: u32,
    remaining: u32,
    /// Seconds until all is there again.
    whole_in_s: u64,
}

/// Until when each has used up its time, microseconds. The older generation goes when the younger is full, so
/// that who does not ask any more is forgotten without a search.
#[derive(Debug, Default)]
struct Generations {
    younger: HashMap<(RateClass, Who), i64>,
    older: HashMap<(RateClass, Who), i64>,
}

impl RateClass {
    const ALL: [Self; 3] = [Self::Read, Self::Write, Self::Ask];

    /// The class of a route that says nothing else.
    pub(crate) fn of(method: &Method) -> Self {
        match *method {
            Method::GET | Method::HEAD | Method::OPTIONS => Self::Read,
            _ => Self::Write,
        }
    }

    const fn name(self) -> &'static str {
        match self {
            Self::Read => "read",
            Self::Write => "write",
            Self::Ask => "ask",
        }
    }
}

impl Who {
    /// Whoever is known by where it comes from alone.
    pub(crate) fn of(extensions: &Extensions) -> Self {
        let unknown = IpAddr::from([0, 0, 0, 0]);
        let ip = extensions.get::<ClientIp>().map_or(unknown, |ip| ip.0);
        Self::Network(network_of(ip))
    }
}

impl Limiter {
    /// With the rates of the settings; 0 is no limit.
    pub(crate) fn new(config: &ApiConfig, clock: Clock) -> Self {
        let rate = |quota: u32| {
            (quota > 0).then(|| Rate {
                quota,
                cost_us: (i64::from(WINDOW_S) * 1_000_000 / i64::from(quota)).max(1),
            })
        };
        Self {
            clock,
            rates: RateClass::ALL.map(|class| match class {
                RateClass::Read => rate(config.reads_per_minute),
                RateClass::Write => rate(config.writes_per_minute),
                RateClass::Ask => rate(config.asks_per_minute),
            }),
            counts: Mutex::default(),
        }
    }

    /// Takes one. None where nothing is counted.
    ///
    /// # Errors
    /// 6005 where none is left, with when there will be one.
    pub(crate) fn take(&self, class: RateClass, who: Who) -> Result<Option<Left>, Refused> {
        let Some(rate) = self.rates.get(class as usize).copied().flatten() else {
            return Ok(None);
        };
        let now_us = self.clock.now_us();
        let window_us = rate.cost_us.saturating_mul(i64::from(rate.quota));
        let key = (class, who);
        let mut counts = self.counts.lock();
        let used_until_us = counts.of(&key).max(now_us);
        let after_us = used_until_us.saturating_add(rate.cost_us);
        let over_us = after_us - now_us - window_us;
        let left = |until_us: i64| Left {
            class,
            quota: rate.quota,
            remaining: u32::try_from((now_us + window_us - until_us) / rate.cost_us).unwrap_or(0),
            whole_in_s: u64::try_from(until_us - now_us).map_or(0, |us| us.div_ceil(1_000_000)),
        };
        if over_us > 0 {
            let wait_ms = u64::try_from(over_us).unwrap_or_default().div_ceil(1000);
            return Err(left(used_until_us).refuse(wait_ms));
        }
        counts.put(key, after_us);
        Ok(Some(left(after_us)))
    }
}

impl Left {
    fn refuse(self, wait_ms: u64) -> Refused {
        let (name, quota) = (self.class.name(), self.quota);
        let words = format!("{quota} {name} requests in {WINDOW_S} s are taken from here");
        let mut refused = Refused::new(Code::RateLimited, words).retry_after_ms(wait_ms);
        for (name, value) in self.fields() {
            refused = refused.with_header(name, value);
        }
        refused
    }

    /// What is told of it (draft-ietf-httpapi-ratelimit-headers).
    fn fields(self) -> impl Iterator<Item = (HeaderName, HeaderValue)> {
        let name = self.class.name();
        let policy = format!("\"{name}\";q={};w={WINDOW_S}", self.quota);
        let left = format!("\"{name}\";r={};t={}", self.remaining, self.whole_in_s);
        [(POLICY, policy), (LEFT, left)]
            .into_iter()
            .filter_map(|(name, value)| Some((name, HeaderValue::from_str(&value).ok()?)))
    }
}

impl Generations {
    fn of(&self, key: &(RateClass, Who)) -> i64 {
        let found = self.younger.get(key).or_else(|| self.older.get(key));
        found.copied().unwrap_or(i64::MIN)
    }

    fn put(&mut self, key: (RateClass, Who), used_until_us: i64) {
        if self.younger.len() >= COUNTED && !self.younger.contains_key(&key) {
            self.older = std::mem::take(&mut self.younger);
        }
        self.younger.insert(key, used_until_us);
    }
}

/// Counts whoever uses `routes` by where from.
pub(crate) fn limited(
    routes: OpenApiRouter<State>,
    state: &State,
    class: Option<RateClass>,
) -> OpenApiRouter<State> {
    routes.route_layer(from_fn_with_state((state.clone(), class), check))
}

async fn check(
    Extract((state, class)): Extract<(State, Option<RateClass>)>,
    request: Request,
    next: Next,
) -> Response {
    let class = class.unwrap_or_else(|| RateClass::of(request.method()));
    let who = Who::of(request.extensions());
    count(&state, class, who, request, |request| next.run(request)).await
}

/// Takes one, and tells in the answer what is left.
pub(crate) async fn count<F: Future<Output = Response>>(
    state: &State,
    class: RateClass,
    who: Who,
    request: Request,
    answer: impl FnOnce(Request) -> F,
) -> Response {
    let left = match state.limiter().take(class, who) {
        Ok(left) => left,
        Err(refused) => return refused.into_response(),
    };
    let mut response = answer(request).await;
    if let Some(left) = left {
        response.headers_mut().extend(left.fields());
    }
    response
}

/// Takes one for an answer that says nothing of what is left.
///
/// # Errors
/// 6005.
pub(crate) fn take(state: &State, class: RateClass, who: Who) -> Result<(), Refused> {
    state.limiter().take(class, who).map(|_| ())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn limiter(reads_per_minute: u32) -> (Limiter, Clock) {
        let clock = Clock::manual(0);
        let config = ApiConfig {
            reads_per_minute,
            ..ApiConfig::default()
        };
        (Limiter::new(&config, clock.clone()), clock)
    }

    fn from(ip: &str) -> Who {
        let mut extensions = Extensions::new();
        extensions.insert(ClientIp(ip.parse().unwrap()));
        Who::of(&extensions)
    }

    #[test]
    fn who_has_used_up_its_share_waits_for_the_next_one() {
        let (limiter, clock) = limiter(60);
        let ask = |ip| {
            limiter
                .take(RateClass::Read, from(ip))
                .map(|left| left.unwrap())
        };
        for nth in 1..=60 {
            assert_eq!(ask("10.0.0.1").unwrap().remaining, 60 - nth);
        }
        let refused = ask("10.0.0.1").unwrap_err().into_response();
        assert_eq!(refused.status().as_u16(), 429);
        let field = |name: &str| refused.headers()[name].to_str().unwrap().to_owned();
        assert_eq!(field("retry-after"), "1");
        assert_eq!(field("ratelimit-policy"), "\"read\";q=60;w=60");
        assert_eq!(field("ratelimit"), "\"read\";r=0;t=60");
        // Another network, and another class, have their own.
        assert_eq!(ask("10.0.0.2").unwrap().remaining, 59);
        assert!(limiter.take(RateClass::Write, from("10.0.0.1")).is_ok());
        clock.advance_us(1_000_000);
        assert_eq!(ask("10.0.0.1").unwrap().remaining, 0);
        assert!(ask("10.0.0.1").is_err());
        clock.advance_us(60_000_000);
        assert_eq!(ask("10.0.0.1").unwrap().remaining, 59);
    }

    #[test]
    fn nothing_is_counted_where_no_rate_is_set() {
        let (limiter, _) = limiter(0);
        let taken = limiter.take(RateClass::Read, from("10.0.0.1")).unwrap();
        assert_eq!(taken, None);
    }

    #[test]
    fn the_counts_are_bounded_and_those_who_ask_now_are_kept() {
        let (limiter, _) = limiter(1);
        let busy = from("10.0.0.1");
        assert!(limiter.take(RateClass::Read, busy.clone()).is_ok());
        for n in 0..COUNTED as u32 {
            let other = Who::Network(IpAddr::from(n.wrapping_add(1 << 30).to_be_bytes()));
            assert!(limiter.take(RateClass::Read, other).is_ok());
        }
        assert!(limiter.take(RateClass::Read, busy).is_err());
        let counts = limiter.counts.lock();
        assert!(counts.younger.len() <= COUNTED && counts.older.len() <= COUNTED);
    }
}
