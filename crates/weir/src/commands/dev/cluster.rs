//! `weir dev cluster`: the life of a cluster on one machine, from the ports to the last goodbye.
//!
//! Nothing is started again by itself: who kills a node here wants to see what happens.

use std::path::PathBuf;

use anyhow::Context as _;
use tokio::io::{AsyncBufReadExt as _, BufReader, Lines, Stdin};
use tokio::signal::unix::{SignalKind, signal};
use weir_base::StreamName;
use weir_base::Tasks;

use super::family::{Family, LOOK_EVERY};
use super::guide;
use super::plan::{self, Plan};
use super::recipes::{Extra, recipes};
use super::secrets::SharedSecrets;

#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// Use this port and the twelve above it; free ones when it is not given.
    #[arg(long, value_name = "PORT")]
    base_port: Option<u16>,
    /// A Redis that runs already, such as `redis://127.0.0.1:6379`; one is started when it is not given.
    #[arg(long, value_name = "URL")]
    redis: Option<String>,
    /// Where the nodes keep their secrets, a folder for each.
    #[arg(long, value_name = "DIR", default_value = "data/cluster")]
    data: PathBuf,
    /// Publish the demo clip, live/demo, to an edge.
    #[arg(long)]
    publish_demo: bool,
    /// Set one key on every node, such as `deliver.flush_ms=10`. May be repeated.
    #[arg(long, value_name = "KEY=VALUE")]
    set: Vec<String>,
}

/// Runs it until it is told to stop.
pub(super) async fn run(args: Args, log: Option<String>) -> anyhow::Result<()> {
    let data = std::path::absolute(&args.data)?;
    let plan = Plan::new(&plan::ports(args.base_port)?, args.redis.as_deref())?;
    let secrets = SharedSecrets::open(&data)?;
    let tasks = Tasks::new();
    let leash = std::env::current_exe().context("cannot find this program's own file")?;
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    let extra = Extra {
        set: &args.set,
        log: log.as_deref(),
        demo: args.publish_demo,
    };
    let mut family = Family {
        children: recipes(&plan, &data, &leash, &extra, &secrets)?,
        leash,
        tasks,
        data,
        redis_port: plan.redis_port,
    };
    let outcome = tokio::select! {
        started = family.start_all() => started,
        _ = terminate.recv() => Err(anyhow::anyhow!("interrupted while starting")),
        _ = interrupt.recv() => Err(anyhow::anyhow!("interrupted while starting")),
    };
    if outcome.is_ok() {
        let key = crate::compose::stream_key(&family.data, &StreamName::new("", "live", "me")?)?;
        println!(
            "{}",
            guide::text(&plan, &secrets.admin_token, &key, args.publish_demo)
        );
        let mut input = Some(BufReader::new(tokio::io::stdin()).lines());
        loop {
            tokio::select! {
                () = tokio::time::sleep(LOOK_EVERY) => family.look(),
                order = next_line(&mut input) => if family.obey(&order) { break },
                _ = terminate.recv() => break,
                _ = interrupt.recv() => break,
            }
        }
    }
    eprintln!("\nstopping; Ctrl-C again stops at once");
    tokio::select! {
        () = family.end() => {}
        _ = terminate.recv() => family.kill(),
        _ = interrupt.recv() => family.kill(),
    }
    outcome
}

/// The next typed line; for ever when there is nobody who types.
async fn next_line(input: &mut Option<Lines<BufReader<Stdin>>>) -> String {
    if let Some(lines) = input {
        if let Ok(Some(line)) = lines.next_line().await {
            return line;
        }
        *input = None;
    }
    std::future::pending().await
}
