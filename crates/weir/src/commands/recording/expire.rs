//! `weir recording expire`.

use anyhow::ensure;
use weir_base::{Id, rfc3339};
use weir_store::Store;
use weir_store::recordings::Expiring;

use super::{length, size};

/// Recordings that are looked at, at once.
const AT_ONCE: u32 = 200;
const HOUR_MS: i64 = 3_600_000;

#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// Say what would go, why, and how much it is; change nothing.
    #[arg(long)]
    dry_run: bool,
    /// As it will be in so many hours; with --dry-run alone.
    #[arg(long, value_name = "HOURS", default_value_t = 0, requires = "dry_run")]
    in_hours: u32,
}

#[derive(Debug, Default)]
struct Amount {
    count: usize,
    bytes: i64,
    ms: i64,
}

pub(super) async fn run(args: &Args, store: &Store) -> anyhow::Result<()> {
    let at_ms = store.now_ms() + i64::from(args.in_hours) * HOUR_MS;
    let (mut goes, mut stays) = (Amount::default(), Amount::default());
    let mut after: Option<Id> = None;
    loop {
        let some = store.recordings().expiring(at_ms, after, AT_ONCE).await?;
        for one in &some {
            let is_going = match (one.goes(), args.dry_run) {
                (true, false) => store.recordings().delete(&one.row).await?,
                (goes, _) => goes,
            };
            let sum = if is_going { &mut goes } else { &mut stays };
            sum.add(one);
            println!("{}", line(one, is_going, args.dry_run));
        }
        after = some.last().map(|one| one.row.id);
        if some.len() < AT_ONCE as usize {
            break;
        }
        ensure!(
            after.is_some(),
            "the store answers with nothing behind something"
        );
    }
    let verb = if args.dry_run { "would go" } else { "go" };
    println!(
        "{} recordings {verb}: {}, {}; {} stay: {}, {}",
        goes.count,
        size(goes.bytes),
        length(goes.ms),
        stays.count,
        size(stays.bytes),
        length(stays.ms)
    );
    if !args.dry_run && goes.count > 0 {
        println!("Nobody is told of them from now on; a server takes their files away.");
    }
    Ok(())
}

impl Amount {
    fn add(&mut self, one: &Expiring) {
        self.count += 1;
        self.bytes += one.row.bytes;
        self.ms += one.row.duration_ms;
    }
}

fn line(one: &Expiring, is_going: bool, is_dry: bool) -> String {
    let row = &one.row;
    let mut reasons = Vec::new();
    if row.is_held {
        reasons.push("it is held".to_owned());
    }
    if one.clips > 0 {
        reasons.push(format!("{} clips are of it", one.clips));
    }
    if one.cases > 0 {
        reasons.push(format!("{} items of it wait in review", one.cases));
    }
    let became = match (is_going, is_dry) {
        (true, true) => "would go".to_owned(),
        (true, false) => "goes".to_owned(),
        (false, _) if reasons.is_empty() => "stays: it was changed meanwhile".to_owned(),
        (false, _) => format!("stays: {}", reasons.join(", ")),
    };
    let kept_h = (row.expires_ms - row.ended_ms) / HOUR_MS;
    format!(
        "{}  {}/{}  {}, {}; over since {} (kept {kept_h} h): {became}",
        row.id,
        row.app,
        row.stream,
        length(row.duration_ms),
        size(row.bytes),
        rfc3339(row.expires_ms)
    )
}
