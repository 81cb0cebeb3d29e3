//! Who looks at live streams of some apps, whatever their role is: in memory, as it is asked with each request of an
//! account.

use std::collections::HashMap;

use parking_lot::Mutex;
use weir_account::Right;
use weir_base::Clock;
use weir_store::{Id, Store};

use crate::caller::{Caller, Means};

/// Microseconds for which what was read is good: so long may somebody look who may no more.
const GOOD_US: i64 = 2_000_000;

/// Accounts with the apps that each of them sees.
#[derive(Debug, Default)]
pub(crate) struct Reviewers(Mutex<Known>);

#[derive(Debug, Default)]
struct Known {
    read_us: Option<i64>,
    apps: HashMap<Id, Vec<String>>,
}

impl Reviewers {
    /// Whoever it is, with what they may do in review.
    pub(crate) async fn with_rights(&self, store: &Store, clock: &Clock, caller: Caller) -> Caller {
        // A key has what it was made for.
        let is_person = matches!(caller.means, Means::Cookie | Means::Token);
        let id = caller.account.filter(|_| is_person);
        let Some(id) = id.filter(|_| !caller.rights.has(Right::ReviewWork)) else {
            return caller;
        };
        self.refresh(store, clock).await;
        match self.0.lock().apps.contains_key(&id) {
            true => Caller {
                rights: caller.rights.with(Right::ReviewWork),
                ..caller
            },
            false => caller,
        }
    }

    /// The apps that somebody sees; none for all of them.
    pub(crate) fn apps_of(&self, caller: &Caller) -> Option<Vec<String>> {
        if caller.rights.has(Right::ReviewAct) {
            return None;
        }
        let known = self.0.lock();
        let apps = caller.account.and_then(|id| known.apps.get(&id));
        Some(apps.cloned().unwrap_or_default())
    }

    async fn refresh(&self, store: &Store, clock: &Clock) {
        let now_us = clock.now_us();
        {
            let mut known = self.0.lock();
            if known
                .read_us
                .is_some_and(|read_us| now_us - read_us < GOOD_US)
            {
                return;
            }
            // Others go by what is there meanwhile.
            known.read_us = Some(now_us);
        }
        match store.review().people().await {
            Ok(people) => {
                let people = people.into_iter();
                let apps = people.filter_map(|one| Some((one.user_id.parse().ok()?, one.apps)));
                self.0.lock().apps = apps.collect();
            }
            Err(error) => tracing::debug!("who reviews cannot be read: {error}"),
        }
    }

    /// Reads it anew with the next request.
    pub(crate) fn forget(&self) {
        self.0.lock().read_us = None;
    }
}
