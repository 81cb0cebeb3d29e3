//! One file per subcommand.

pub(crate) mod bench;
pub(crate) mod config;
pub(crate) mod dev;
pub(crate) mod doctor;
pub(crate) mod drain;
pub(crate) mod key;
pub(crate) mod play;
pub(crate) mod probe;
pub(crate) mod publish;
pub(crate) mod serve;

use std::future::Future;
use std::io::IsTerminal;

use tracing_subscriber::EnvFilter;

/// Runs a client command on a runtime of its own, logging warnings to standard error.
pub(crate) fn with_runtime<F>(filter: Option<String>, command: F) -> anyhow::Result<()>
where
    F: Future<Output = anyhow::Result<()>>,
{
    start_log(filter.as_deref().unwrap_or("warn"), false)?;
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()?;
    let outcome = runtime.block_on(command);
    // A read of standard input may be under way on a thread that nothing can end.
    runtime.shutdown_background();
    outcome
}

/// Logs to standard error: lines for people, or JSON for machines.
pub(crate) fn start_log(filter: &str, json: bool) -> anyhow::Result<()> {
    let filter = EnvFilter::try_new(filter)?;
    let builder = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(std::io::stderr);
    if json {
        let _ = builder.json().flatten_event(true).try_init();
    } else {
        let _ = builder
            .with_ansi(std::io::stderr().is_terminal())
            .with_target(false)
            .try_init();
    }
    Ok(())
}
