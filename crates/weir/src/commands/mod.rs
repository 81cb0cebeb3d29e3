//! One file per subcommand.

pub(crate) mod apply;
pub(crate) mod bench;
pub(crate) mod chat;
pub(crate) mod config;
pub(crate) mod dev;
pub(crate) mod doctor;
pub(crate) mod drain;
pub(crate) mod key;
mod node_args;
pub(crate) mod play;
pub(crate) mod probe;
pub(crate) mod publish;
pub(crate) mod recording;
pub(crate) mod serve;
pub(crate) mod store;

use std::error::Error;
use std::future::Future;
use std::io::IsTerminal;

use tracing_subscriber::EnvFilter;
use weir_link::dial::DialError;
use weir_link::http::HttpError;
use weir_link::rtmp::LinkError;

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

/// Is the process that makes a picture: its own limits come first.
pub(crate) fn make_picture(kind: &str) -> anyhow::Result<()> {
    let kind = weir_image::Kind::from_name(kind);
    let kind = kind.ok_or_else(|| anyhow::anyhow!("a picture is an avatar or a cover"))?;
    Ok(weir_image::worker::run(kind)?)
}

/// What a flag of the command may mend about an error.
pub(crate) fn advice(error: &anyhow::Error) -> Option<&'static str> {
    match error.chain().find_map(dial_error)? {
        DialError::Tls { .. } => Some("add --insecure for a certificate of your own making"),
        DialError::NoRoots => Some("or add --insecure to believe any certificate"),
        _ => None,
    }
}

/// The dialer's error itself: those of the protocols above it speak in its words.
fn dial_error<'a>(cause: &'a (dyn Error + 'static)) -> Option<&'a DialError> {
    if let Some(HttpError::Dial(error)) = cause.downcast_ref() {
        return Some(error);
    }
    if let Some(LinkError::Dial(error)) = cause.downcast_ref() {
        return Some(error);
    }
    cause.downcast_ref()
}

/// Logs to standard error: lines for people, or JSON for machines.
pub(crate) fn start_log(filter: &str, json: bool) -> anyhow::Result<()> {
    let filter = EnvFilter::try_new(filter)?;
    let builder = tracing_subscriber::fmt()
        .with_env_filter(filter)
        // A line that cannot be written (its disk is full, its reader is gone) would be told of on the same standard
        // error, and that failure is a panic of whoever logs.
        .log_internal_errors(false)
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

#[cfg(test)]
mod tests {
    use anyhow::Context as _;

    use super::*;

    #[test]
    fn only_what_a_flag_mends_is_advised() {
        let tls = DialError::Tls {
            host: "h".into(),
            port: 443,
            source: std::io::Error::other("self-signed"),
        };
        let over_http = Err::<(), _>(HttpError::Dial(tls));
        let error = over_http.context("https://h/").unwrap_err();
        assert!(advice(&error).is_some_and(|words| words.contains("--insecure")));
        let name = DialError::Name { host: "h".into() };
        assert_eq!(advice(&name.into()), None);
    }
}
