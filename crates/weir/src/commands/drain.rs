//! `weir drain`: has a node move its clients to the others, and waits until nobody is left.

use std::time::Duration;

use anyhow::{Context as _, bail};
use http::{Method, StatusCode, header};
use serde::Deserialize;
use weir_link::http::{HttpRequest, exchange};
use weir_link::url::HttpUrl;

use super::node_args::NodeArgs;

/// Between two looks.
const LOOK_EVERY: Duration = Duration::from_secs(1);
/// For one answer.
const TIMEOUT: Duration = Duration::from_secs(5);

#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    #[command(flatten)]
    node: NodeArgs,
    /// Seconds to wait until nobody is left; 0: only ask.
    #[arg(long, value_name = "SECONDS", default_value_t = 60)]
    wait: u64,
}

#[derive(Debug, Deserialize)]
struct Progress {
    publishers: u64,
    viewers: u64,
    empty: bool,
}

pub(crate) async fn run(args: Args) -> anyhow::Result<()> {
    let (base, token) = args.node.base_and_token()?;
    let url = HttpUrl::parse(&format!("{base}/api/v1/drain"))?;
    let mut progress = speak(Method::POST, &url, &token).await?;
    println!("{base} drains");
    let deadline = tokio::time::Instant::now() + Duration::from_secs(args.wait);
    while !progress.empty && args.wait > 0 {
        println!(
            "  {} publishers and {} viewers are left",
            progress.publishers, progress.viewers
        );
        if tokio::time::Instant::now() >= deadline {
            bail!(
                "clients are left after {} s; they are told to go when the node is stopped",
                args.wait
            );
        }
        tokio::time::sleep(LOOK_EVERY).await;
        progress = speak(Method::GET, &url, &token).await?;
    }
    if progress.empty {
        println!("  nobody is left: it can be stopped");
    }
    Ok(())
}

async fn speak(method: Method, url: &HttpUrl, token: &str) -> anyhow::Result<Progress> {
    let request = HttpRequest::new(method, url, TIMEOUT)
        .header(header::AUTHORIZATION, &format!("Bearer {token}"))?;
    let answer = exchange(&request).await;
    let answer = answer.with_context(|| url.to_string())?;
    match answer.status {
        StatusCode::OK => serde_json::from_slice(&answer.body).context("the answer is not weir's"),
        StatusCode::UNAUTHORIZED => bail!("{url}: the admin token is not this node's"),
        status => bail!(
            "{url} answered {status}: {}",
            String::from_utf8_lossy(&answer.body)
        ),
    }
}
