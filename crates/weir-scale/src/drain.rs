//! Tells another node to drain, and asks who had it drain.

use std::sync::Arc;
use std::time::Duration;

use http::{Method, StatusCode, header};
use serde::{Deserialize, Serialize};
use weir_link::http::{HttpRequest, exchange};
use weir_link::in_words;
use weir_link::url::HttpUrl;

use crate::order::Failure;
use crate::plan::{SCALER, Target};

/// Path of the endpoint.
const PATH: &str = "/api/v1/drain";
/// How long a node may take to answer.
const TIMEOUT: Duration = Duration::from_secs(5);

/// Makes the value of `Authorization` with which this node asks another for a path and query.
pub type Authorize = Arc<dyn Fn(&str) -> String + Send + Sync>;

#[derive(Serialize)]
struct Said<'a> {
    by: &'a str,
    order: &'a str,
    boot: u64,
}

#[derive(Deserialize)]
struct Heard {
    #[serde(default)]
    draining: bool,
    #[serde(default)]
    by: Option<String>,
}

/// Has a node drain; the same a second time does nothing. Says who had it drain first.
///
/// # Errors
/// When it cannot be reached, does not believe us, or is in another life (409).
pub(crate) async fn drain_node(
    target: &Target,
    order: &str,
    authorize: &Authorize,
) -> Result<Option<String>, Failure> {
    let boot = target.boot;
    let body = serde_json::to_string(&Said {
        by: SCALER,
        order,
        boot,
    });
    let body = body.map_err(|error| Failure::lasting(error.to_string()))?;
    let heard = speak(Method::POST, target, body, authorize).await?;
    Ok(heard.by)
}

/// Who had a node drain; `None` when it does not drain or does not say. Changes nothing there.
///
/// # Errors
/// As [`drain_node`].
pub(crate) async fn who_drains(
    target: &Target,
    authorize: &Authorize,
) -> Result<Option<String>, Failure> {
    let heard = speak(Method::GET, target, String::new(), authorize).await?;
    Ok(heard.by.filter(|_| heard.draining))
}

async fn speak(
    method: Method,
    target: &Target,
    body: String,
    authorize: &Authorize,
) -> Result<Heard, Failure> {
    let base = target.url.trim_end_matches('/');
    let url = HttpUrl::parse(&format!("{base}{PATH}"))
        .map_err(|error| Failure::lasting(error.to_string()))?;
    let failed = |error| Failure::passing(in_words(&url, &error));
    let request = HttpRequest::new(method, &url, TIMEOUT)
        .json(body)
        .header(header::AUTHORIZATION, &authorize(PATH))
        .map_err(failed)?;
    let answer = exchange(&request).await.map_err(failed)?;
    let status = answer.status;
    if status.is_success() {
        // What is not JSON still means yes.
        return Ok(serde_json::from_slice(&answer.body).unwrap_or(Heard {
            draining: true,
            by: None,
        }));
    }
    let words = format!("{url} answered {status}");
    let passing = status.is_server_error() || status == StatusCode::TOO_MANY_REQUESTS;
    Err(if passing {
        Failure::passing(words)
    } else {
        Failure::lasting(words)
    })
}
