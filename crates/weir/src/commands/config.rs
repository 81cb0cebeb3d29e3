//! `weir config`: the manual, and a check before a restart.

use clap::Subcommand;

use super::serve::FromArgs;
use crate::config::{SAMPLE, load};

#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    #[command(subcommand)]
    command: ConfigCommand,
}

#[derive(Debug, Subcommand)]
enum ConfigCommand {
    /// Print the default configuration with every key explained.
    Default,
    /// Read a configuration as `serve` would, and say what is wrong with it.
    Check(CheckArgs),
}

#[derive(Debug, clap::Args)]
struct CheckArgs {
    /// The file, as with `--config`.
    file: Option<std::path::PathBuf>,
    #[command(flatten)]
    from: FromArgs,
}

pub(crate) fn run(args: Args) -> anyhow::Result<()> {
    match args.command {
        ConfigCommand::Default => print!("{SAMPLE}"),
        ConfigCommand::Check(args) => {
            let mut sources = args.from.sources();
            sources.file = args.file.or(sources.file);
            load(&sources)?;
            println!("the configuration is good");
        }
    }
    Ok(())
}
