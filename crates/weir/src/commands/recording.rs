//! `weir recording`: what an operator does to what was recorded.

mod expire;
mod rebuild;

use std::path::PathBuf;

use clap::Subcommand;

use super::serve::{DEFAULT_DATA, FromArgs};
use crate::compose::Workshop;
use crate::config::load;

#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    #[command(subcommand)]
    command: RecordingCommand,
    /// The data directory of the server.
    #[arg(long, global = true, value_name = "DIR", default_value = DEFAULT_DATA, env = "WEIR_DATA")]
    data: PathBuf,
    #[command(flatten)]
    from: FromArgs,
}

#[derive(Debug, Subcommand)]
enum RecordingCommand {
    /// Make again what is known of recordings from their blocks: rows, manifests, marks. It may run beside the server, and
    /// again after it was broken off.
    Rebuild(rebuild::Args),
    /// Take away recordings whose time is over, or say which these are and what keeps others.
    Expire(expire::Args),
}

pub(crate) async fn run(args: Args) -> anyhow::Result<()> {
    let config = load(&args.from.sources())?;
    let workshop = Workshop::open(&config, &args.data).await?;
    let done = match args.command {
        RecordingCommand::Rebuild(args) => rebuild::run(&args, &workshop).await,
        RecordingCommand::Expire(args) => expire::run(&args, &workshop.store).await,
    };
    workshop.store.close().await;
    done
}

/// Bytes for people.
fn size(bytes: i64) -> String {
    const UNITS: [(&str, f64); 4] = [("TB", 1e12), ("GB", 1e9), ("MB", 1e6), ("kB", 1e3)];
    let bytes = bytes.max(0) as f64;
    let unit = UNITS.into_iter().find(|(_, unit)| bytes >= *unit);
    unit.map_or_else(
        || format!("{bytes:.0} bytes"),
        |(name, unit)| format!("{:.1} {name}", bytes / unit),
    )
}

/// Milliseconds as hours, minutes and seconds.
fn length(ms: i64) -> String {
    let s = ms.max(0) / 1000;
    format!("{}:{:02}:{:02}", s / 3600, s / 60 % 60, s % 60)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_and_lengths_are_for_people() {
        assert_eq!(size(0), "0 bytes");
        assert_eq!(size(12_345_678), "12.3 MB");
        assert_eq!(length(3_723_999), "1:02:03");
    }
}
