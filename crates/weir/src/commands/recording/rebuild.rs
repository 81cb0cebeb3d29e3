//! `weir recording rebuild`.

use std::io::IsTerminal as _;

use anyhow::bail;
use weir_base::{Clock, Id};
use weir_keep::Rebuilt;

use super::{length, size};
use crate::compose::{Outcome, Workshop};

/// Between two lines about how far it is.
const TELL_EVERY_US: i64 = 500_000;

#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// Which recording.
    #[arg(value_name = "ID", required_unless_present = "all")]
    id: Option<Id>,
    /// All that this node's disk or the store has something of.
    #[arg(long, conflicts_with = "id")]
    all: bool,
}

#[derive(Debug, Default)]
struct Sum {
    whole: usize,
    rows: usize,
    manifests: usize,
    left: usize,
    failed: usize,
}

pub(super) async fn run(args: &Args, workshop: &Workshop) -> anyhow::Result<()> {
    let ids = match args.id {
        Some(id) => vec![id],
        None => workshop.ids().await?,
    };
    let clock = Clock::real();
    let is_seen = std::io::stderr().is_terminal();
    let (mut sum, mut next_us) = (Sum::default(), 0);
    for (done, id) in ids.iter().enumerate() {
        if is_seen && clock.now_us() >= next_us {
            next_us = clock.now_us() + TELL_EVERY_US;
            eprintln!("  {done} of {} recordings", ids.len());
        }
        match workshop.rebuild(*id).await? {
            Outcome::Done { rebuilt, is_new } => {
                sum.whole += 1;
                sum.rows += usize::from(is_new);
                sum.manifests += usize::from(rebuilt.manifest);
                println!("{}", line(*id, &rebuilt, is_new));
            }
            Outcome::Left(why) => {
                sum.left += 1;
                println!("{id}  left alone: {why}");
            }
            Outcome::Failed(why) => {
                sum.failed += 1;
                println!("{id}  not made again: {why}");
            }
        }
    }
    println!(
        "{} recordings are as their blocks say; {} rows and {} manifests were made again, {} were left alone",
        sum.whole, sum.rows, sum.manifests, sum.left
    );
    match sum.failed {
        0 => Ok(()),
        failed => bail!("{failed} could not be made again: see above, and try these again"),
    }
}

fn line(id: Id, rebuilt: &Rebuilt, is_new: bool) -> String {
    let (facts, blocks) = (&rebuilt.view.facts, &rebuilt.view.blocks);
    let bytes = blocks.iter().map(|block| i64::from(block.table.len)).sum();
    let mut made = Vec::new();
    if is_new {
        made.push("its row".to_owned());
    }
    if rebuilt.facts {
        made.push("its facts".to_owned());
    }
    if rebuilt.manifest {
        made.push("its manifest".to_owned());
    }
    if rebuilt.marks > 0 {
        made.push(format!("{} marks", rebuilt.marks));
    }
    let made = match made.is_empty() {
        true => "all was there".to_owned(),
        false => format!("made again: {}", made.join(", ")),
    };
    format!(
        "{id}  {}/{}  {}, {} in {} blocks; {made}",
        facts.app,
        facts.stream,
        length(rebuilt.view.duration_us() / 1000),
        size(bytes),
        blocks.len()
    )
}
