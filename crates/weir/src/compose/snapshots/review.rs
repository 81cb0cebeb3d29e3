//! Pictures that are kept are looked at by people, where the settings say so; and by a machine before, where they name
//! one. Neither the photographer nor people wait for it longer than that.

use std::sync::Arc;
use std::time::Duration;

use anyhow::Context as _;
use bytes::Bytes;
use tokio::sync::Semaphore;
use weir_base::Tasks;
use weir_hook::{ReviewAsk, ReviewAsker, ReviewHook, ReviewOpinion, Secret};
use weir_link::dial::Dialer;
use weir_review::{Intake, MachineSays, NewOne, ReviewConfig};
use weir_serve::Core;
use weir_snap::{LookedAt, Looking};
use weir_store::Store;
use weir_store::snapshots::Snapshot;

use crate::compose::happenings::client;
use crate::config::Config;

/// Pictures that the machine is asked about at once; of more people look without it.
const ASKED_AT_ONCE: usize = 16;
/// Milliseconds that people wait beyond the machine's time, for its word to be written down.
const HOLD_MORE_MS: i64 = 500;

/// Puts pictures where people look at them.
struct Shown {
    intake: Arc<Intake>,
    machine: Option<Arc<Machine>>,
}

/// Who is asked first.
struct Machine {
    asker: ReviewAsker,
    hook: ReviewHook,
    asked: Arc<Semaphore>,
    tasks: Tasks,
}

pub(super) fn start(
    config: &Config,
    store: &Store,
    core: &Core,
) -> anyhow::Result<Option<Arc<dyn LookedAt>>> {
    let review = &config.review;
    if !review.enabled {
        return Ok(None);
    }
    let clock = core.hub.clock().clone();
    let machine = machine(config, core)?;
    let hold_ms = machine
        .as_ref()
        .map_or(0, |_| i64::from(review.hook_timeout_ms) + HOLD_MORE_MS);
    let intake = Arc::new(Intake::new(store.clone(), clock, review.keep_days, hold_ms));
    let (kept, until) = (intake.clone(), core.shutdown.clone());
    core.tasks
        .spawn("review", async move { kept.run(until).await });
    Ok(Some(Arc::new(Shown { intake, machine })))
}

fn machine(config: &Config, core: &Core) -> anyhow::Result<Option<Arc<Machine>>> {
    let ReviewConfig {
        hook_url,
        hook_secret,
        hook_timeout_ms,
        ..
    } = &config.review;
    if hook_url.is_empty() {
        return Ok(None);
    }
    let secret = match hook_secret.as_str() {
        "" => None,
        text => Some(Secret::parse(text).context("review.hook_secret")?),
    };
    let (http, clock) = (
        client(core, Dialer::over_weak_networks()),
        core.hub.clock().clone(),
    );
    Ok(Some(Arc::new(Machine {
        asker: ReviewAsker::new(http, clock, &config.hooks),
        hook: ReviewHook {
            url: hook_url.clone(),
            secret,
            timeout: Duration::from_millis((*hook_timeout_ms).into()),
        },
        asked: Arc::new(Semaphore::new(ASKED_AT_ONCE)),
        tasks: core.tasks.clone(),
    })))
}

impl LookedAt for Shown {
    fn look<'a>(&'a self, row: &'a Snapshot, jpeg: Option<Bytes>) -> Looking<'a> {
        Box::pin(async move {
            let taken = match self.intake.take(row, jpeg.clone()).await {
                Ok(taken) => taken,
                Err(error) => {
                    tracing::warn!(stream = row.stream, "a picture is not looked at: {error}");
                    return;
                }
            };
            let (Some(machine), Some(jpeg)) = (&self.machine, jpeg) else {
                return;
            };
            if let NewOne::Waits {
                item,
                is_plain: true,
            } = taken
            {
                machine
                    .clone()
                    .ask(self.intake.clone(), row.clone(), (item, jpeg));
            }
        })
    }
}

impl Machine {
    /// Asks beside everything else. Where too much is asked already people look when their wait is over.
    fn ask(self: Arc<Self>, intake: Arc<Intake>, row: Snapshot, (item, jpeg): (String, Bytes)) {
        let Ok(place) = self.asked.clone().try_acquire_owned() else {
            return;
        };
        let tasks = self.tasks.clone();
        tasks.spawn("review hook", async move {
            let _place = place;
            let picture = row.id.to_string();
            let ask = ReviewAsk {
                app: &row.app,
                stream: &row.stream,
                picture: &picture,
                taken_ms: row.taken_ms,
                jpeg: &jpeg,
            };
            let says = match self.asker.ask(&self.hook, ask).await {
                ReviewOpinion::Ok => MachineSays::Ok,
                ReviewOpinion::Flag(why) => MachineSays::Flag(why),
                ReviewOpinion::Look => MachineSays::Look,
                ReviewOpinion::Silent(why) => {
                    tracing::warn!(stream = row.stream, "the review hook says nothing: {why}");
                    MachineSays::Look
                }
            };
            if let Err(error) = intake.opined(&item, &picture, says).await {
                tracing::warn!(stream = row.stream, "a machine's word is lost: {error}");
            }
        });
    }
}
