//! On api nodes: reads the key sets of apps from where they are, each in its turn. What was read goes to the store, and
//! with the admission snapshot to all nodes; no other node asks anybody.

use std::time::Duration;

use weir_account::{OidcWire as _, WireRequest};
use weir_api::Happenings;
use weir_serve::Core;
use weir_store::apps::key_sets::DueKeySet;
use weir_store::{Store, StoreError};

use super::providers::AskedProviders;
use crate::config::Config;

/// Between two looks at whose turn it is.
const LOOK_EVERY: Duration = Duration::from_secs(2);
/// Sets read after one look: with five seconds for each, the last has waited a minute and more.
const AT_ONCE: u32 = 20;

/// Begins to read, on a node that has the store.
pub(super) fn read(config: &Config, happenings: Option<&Happenings>, core: &Core) {
    let Some(store) = happenings.map(|own| own.store.clone()) else {
        return;
    };
    let (reader, shutdown) = (AskedProviders::new(core), core.shutdown.clone());
    let allow = config.hooks.allow.clone();
    core.tasks.spawn("key sets", async move {
        loop {
            tokio::select! {
                () = shutdown.stopping() => return,
                () = tokio::time::sleep(LOOK_EVERY) => {}
            }
            tokio::select! {
                () = shutdown.stopping() => return,
                looked = look(&store, &reader, &allow) => {
                    if let Err(error) = looked {
                        tracing::debug!("key sets of apps wait to be read: {error}");
                    }
                }
            }
        }
    });
}

async fn look(store: &Store, reader: &AskedProviders, allow: &[String]) -> Result<(), StoreError> {
    for due in store.apps().due_key_sets(AT_ONCE).await? {
        let read = fetch(&due, reader, allow).await;
        if let Err(words) = &read {
            let app = &due.app;
            tracing::warn!(
                app,
                "the key set of an app cannot be read, what was read before counts: {words}"
            );
        }
        let read = read.as_deref().map_err(String::as_str);
        store.apps().keep_key_set(&due, read).await?;
    }
    Ok(())
}

/// What is at the address, where it is a set with keys that can be used.
async fn fetch(
    due: &DueKeySet,
    reader: &AskedProviders,
    allow: &[String],
) -> Result<String, String> {
    let request = WireRequest {
        url: &due.url,
        form: None,
        authorization: "",
        allow,
    };
    let answer = reader.ask(request).await?;
    if answer.status != 200 {
        return Err(format!("{} answers {}", due.url, answer.status));
    }
    let text = String::from_utf8(answer.body).map_err(|_| "it is no text".to_owned())?;
    weir_admit::check_key_set(&text).map_err(|error| error.to_string())?;
    Ok(text)
}
