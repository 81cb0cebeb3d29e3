//! `weir dev`: weir on one machine, to look at and to break.

mod child;
mod cluster;
mod console;
mod family;
mod guide;
mod leash;
mod plan;
mod recipes;
mod secrets;

use clap::Subcommand;

#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    #[command(subcommand)]
    command: DevCommand,
}

#[derive(Debug, Subcommand)]
enum DevCommand {
    /// Run a whole cluster on this machine: Redis, two origins, three edges in two regions and a
    /// dispatcher, with a page that shows them.
    Cluster(cluster::Args),
    /// Become PROGRAM, and end when the process PARENT does.
    #[command(hide = true)]
    Leash(leash::Args),
}

pub(crate) fn run(args: Args, log: Option<String>) -> anyhow::Result<()> {
    match args.command {
        // The children ask for their logs themselves; this process has little to say.
        DevCommand::Cluster(args) => super::with_runtime(None, cluster::run(args, log)),
        DevCommand::Leash(args) => leash::run(args),
    }
}
