//! `weir apply`: apps, channels, their keys and hooks are what a file says. What would change is shown first, and a
//! second run changes nothing.

mod plan;
mod site;
mod wanted;

use std::path::PathBuf;

use anyhow::Context as _;

use super::node_args::NodeArgs;
use plan::{Step, plan};
use site::Site;
use wanted::Wanted;

#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// The file, TOML: see docs/guide/apply.md.
    file: PathBuf,
    /// Show what would change, and change nothing.
    #[arg(long)]
    dry_run: bool,
    /// Take away apps and hooks that the file does not name. Channels are never taken away.
    #[arg(long)]
    prune: bool,
    #[command(flatten)]
    node: NodeArgs,
}

pub(crate) async fn run(args: Args) -> anyhow::Result<()> {
    let text = std::fs::read_to_string(&args.file)
        .with_context(|| format!("cannot read {}", args.file.display()))?;
    let wanted = Wanted::read(&text).with_context(|| args.file.display().to_string())?;
    let (base, token) = args.node.base_and_token()?;
    let site = Site::new(base, token);
    let found = site.find(&wanted).await?;
    let steps = plan(&wanted, &found, args.prune);
    for step in &steps {
        for line in &step.lines {
            println!("{line}");
        }
    }
    match (steps.is_empty(), args.dry_run) {
        (true, _) => println!("nothing to change"),
        (false, true) => println!("{} changes; nothing was done", steps.len()),
        (false, false) => apply(&site, &steps).await?,
    }
    Ok(())
}

async fn apply(site: &Site, steps: &[Step]) -> anyhow::Result<()> {
    for (at, step) in steps.iter().enumerate() {
        let answer = site.act(step).await.with_context(|| {
            format!(
                "{at} of {} changes are made: run it again to go on",
                steps.len()
            )
        })?;
        for line in step.shown(&answer) {
            println!("{line}");
        }
    }
    println!("{} changes are made", steps.len());
    Ok(())
}
