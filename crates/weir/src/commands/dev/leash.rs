//! A process that does not outlive the one that started it, however that one ends.

use std::os::unix::process::CommandExt as _;
use std::process::Command;

use anyhow::Context as _;

#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// Who started this.
    parent: i32,
    /// What to become, with its arguments.
    #[arg(required = true, trailing_var_arg = true, allow_hyphen_values = true)]
    program: Vec<std::ffi::OsString>,
}

/// Never returns when it works: this process is then `program`.
///
/// The kernel keeps the wish across `exec` and tells the process with SIGINT, at which weir says
/// goodbye to its clients and Redis saves what it was told to.
pub(super) fn run(args: Args) -> anyhow::Result<()> {
    #[cfg(target_os = "linux")]
    {
        use rustix::process::{Signal, getppid, set_parent_process_death_signal};
        set_parent_process_death_signal(Some(Signal::INT))
            .context("cannot tie this process to its parent")?;
        // It may have ended before the wish was told.
        let here = getppid().map(|pid| pid.as_raw_nonzero().get());
        anyhow::ensure!(here == Some(args.parent), "the parent has ended");
    }
    let (program, rest) = args.program.split_first().context("no program is named")?;
    let error = Command::new(program).args(rest).exec();
    Err(error).with_context(|| format!("cannot start {}", program.display()))
}
