//! `weir store`: what an operator does to the rows that outlive the process.

use std::io::IsTerminal as _;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context as _, bail};
use clap::Subcommand;
use weir_base::Clock;
use weir_store::copy::{Copied, Progress, Writers};
use weir_store::{Config, Store};

use super::serve::{DEFAULT_DATA, FromArgs};
use crate::config::load;

/// Between two lines about how far it is.
const TELL_EVERY_US: i64 = 500_000;
/// A picture that was written within so many milliseconds may be about to be named.
const SETTLED_MS: i64 = 3_600_000;
/// A copy waits longer for its turn than a request does.
const TIMEOUT: Duration = Duration::from_secs(30);

#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    #[command(subcommand)]
    command: StoreCommand,
    /// The data directory of the server.
    #[arg(long, global = true, value_name = "DIR", default_value = DEFAULT_DATA, env = "WEIR_DATA")]
    data: PathBuf,
    #[command(flatten)]
    from: FromArgs,
}

#[derive(Debug, Subcommand)]
enum StoreCommand {
    /// Bring the tables to what this version knows, as `serve` does at its start.
    Migrate,
    /// Look whether all rows are whole and lead somewhere.
    Check,
    /// Remove pictures of accounts and channels that nothing names any more: those that could not be removed when
    /// they were replaced.
    Sweep {
        /// Say what would go, and remove nothing.
        #[arg(long)]
        dry_run: bool,
    },
    /// Write all rows into a file, while the server runs. Secrets are in it as hashes or sealed alone.
    Backup {
        /// The file: it must not exist, or be a backup that was broken off.
        file: PathBuf,
    },
    /// Put the rows of a backup into an empty store.
    Restore {
        /// The file that `backup` wrote.
        file: PathBuf,
    },
    /// Copy all rows to another database and compare them. Nobody can write meanwhile; then set `store.url`.
    Move {
        /// Where to: `postgres://USER:PASSWORD@HOST/DATABASE`, or `sqlite:` and a file.
        #[arg(long, value_name = "URL")]
        to: String,
        /// Hash partitions of each table of users there; 0: none.
        #[arg(long, default_value_t = 0)]
        partitions: u32,
    },
}

pub(crate) async fn run(args: Args) -> anyhow::Result<()> {
    let mut config = load(&args.from.sources())?.store;
    config.timeout_ms = i64::try_from(TIMEOUT.as_millis()).unwrap_or(i64::MAX);
    let open = |config: Config, what: &'static str| {
        let data = args.data.clone();
        async move { opened(&config, &data, what).await }
    };
    match args.command {
        StoreCommand::Migrate => {
            open(config, "the store").await?.close().await;
            println!("the tables are up to date");
        }
        StoreCommand::Check => check(&open(config, "the store").await?).await?,
        StoreCommand::Sweep { dry_run } => {
            sweep(&open(config, "the store").await?, dry_run).await?;
        }
        StoreCommand::Backup { file } => {
            let store = open(config, "the store").await?;
            let target = open(of_file(&file)?, "the backup").await?;
            told(&copy(&store, &target, Writers::GoOn).await?);
            println!("{} holds them", file.display());
        }
        StoreCommand::Restore { file } => {
            anyhow::ensure!(file.exists(), "{} is not there", file.display());
            let source = open(of_file(&file)?, "the backup").await?;
            let store = open(config, "the store").await?;
            let copied = copied(&source, &store, Writers::GoOn).await?;
            // Copies that nodes keep of what was here are of another life.
            store.content_changes().begin_anew().await?;
            source.close().await;
            store.close().await;
            told(&copied);
        }
        StoreCommand::Move { to, partitions } => {
            let store = open(config.clone(), "the store").await?;
            let target = Config {
                url: to,
                partitions,
                timeout_ms: config.timeout_ms,
                ..Config::default()
            };
            target.check()?;
            let target = open(target, "the other store").await?;
            told(&copy(&store, &target, Writers::Wait).await?);
            println!("Stop the server, set store.url to the other one, and start it again.");
        }
    }
    Ok(())
}

async fn opened(config: &Config, data: &Path, what: &'static str) -> anyhow::Result<Store> {
    let store = Store::open(config, data, Clock::real()).await;
    store.with_context(|| format!("cannot open {what}"))
}

/// A store that is one file.
fn of_file(file: &Path) -> anyhow::Result<Config> {
    let name = file.to_str().context("the file's name is no text")?;
    Ok(Config {
        url: format!("sqlite:{name}"),
        ..Config::default()
    })
}

async fn copy(from: &Store, to: &Store, writers: Writers) -> anyhow::Result<Copied> {
    let copied = copied(from, to, writers).await?;
    from.close().await;
    to.close().await;
    Ok(copied)
}

async fn copied(from: &Store, to: &Store, writers: Writers) -> anyhow::Result<Copied> {
    let clock = Clock::real();
    let mut next_us = 0;
    let is_seen = std::io::stderr().is_terminal();
    let copied = from.copy_to(to, writers, |progress: Progress| {
        let now_us = clock.now_us();
        if is_seen && now_us >= next_us {
            next_us = now_us + TELL_EVERY_US;
            let what = if progress.is_check {
                "compared"
            } else {
                "copied"
            };
            eprintln!("  {}: {} rows {what}", progress.table, progress.rows);
        }
    });
    copied
        .await
        .context("the copy is not whole: run it again to go on")
}

fn told(copied: &Copied) {
    println!(
        "{} rows of {} tables are there and were compared",
        copied.rows, copied.tables
    );
}

async fn sweep(store: &Store, is_dry: bool) -> anyhow::Result<()> {
    let before_ms = Clock::real().wall_us() / 1_000 - SETTLED_MS;
    let swept = store.sweep_pictures(before_ms, is_dry).await?;
    let verb = if is_dry { "would go" } else { "are gone" };
    println!(
        "{} files with {} bytes {verb}, {} stay",
        swept.gone, swept.gone_bytes, swept.kept
    );
    store.close().await;
    Ok(())
}

async fn check(store: &Store) -> anyhow::Result<()> {
    let checked = store.check().await?;
    for (table, rows) in &checked.tables {
        println!("{rows:>12}  {table}");
    }
    store.close().await;
    if checked.faults.is_empty() {
        println!("all is well");
        return Ok(());
    }
    for fault in &checked.faults {
        println!("fault: {fault}");
    }
    bail!(
        "{} faults were found: restore a backup, or ask with these words",
        checked.faults.len()
    )
}
