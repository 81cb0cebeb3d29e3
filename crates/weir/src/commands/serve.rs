//! `weir serve`.

use std::path::PathBuf;

use anyhow::Context as _;

use crate::compose::{self, ServeRequest};
use crate::config::{LogFormat, Sources, load};

/// Where secrets are kept when nothing is said.
pub(crate) const DEFAULT_DATA: &str = "data";

#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    #[command(flatten)]
    pub(crate) from: FromArgs,
    /// Where secrets (and later recordings) are kept; made if missing.
    #[arg(long, value_name = "DIR", default_value = DEFAULT_DATA, env = "WEIR_DATA")]
    data: PathBuf,
    /// What this node does: origin, edge, dispatcher, with commas.
    #[arg(long, value_name = "ROLES", value_delimiter = ',')]
    roles: Vec<String>,
    /// Play a demo stream, live/demo.
    #[arg(long)]
    demo: bool,
}

/// Where a configuration comes from.
#[derive(Debug, Clone, clap::Args)]
pub(crate) struct FromArgs {
    /// Configuration file (TOML); `weir config default` prints one with every key explained.
    #[arg(long, value_name = "FILE", env = "WEIR_CONFIG")]
    config: Option<PathBuf>,
    /// Set one key, such as `deliver.flush_ms=100`. May be repeated; wins over file and environment.
    #[arg(long, value_name = "KEY=VALUE")]
    set: Vec<String>,
}

impl FromArgs {
    pub(crate) fn sources(&self) -> Sources {
        Sources {
            file: self.config.clone(),
            environment: std::env::vars_os()
                .filter_map(|(name, value)| {
                    Some((name.into_string().ok()?, value.into_string().ok()?))
                })
                .collect(),
            set: self.set.clone(),
        }
    }
}

pub(crate) fn run(args: Args, log: Option<String>) -> anyhow::Result<()> {
    let mut sources = args.from.sources();
    if !args.roles.is_empty() {
        let roles: Vec<_> = args.roles.iter().map(|role| format!("{role:?}")).collect();
        sources.set.push(format!("roles=[{}]", roles.join(",")));
    }
    let config = load(&sources)?;
    super::start_log(
        log.as_deref().unwrap_or(&config.log.filter),
        config.log.format == LogFormat::Json,
    )?;
    raise_descriptor_limit();
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .thread_name("weir")
        .build()
        .context("cannot start the runtime")?;
    runtime.block_on(compose::serve(ServeRequest {
        config,
        sources,
        data: &args.data,
        demo: args.demo,
    }))
}

/// A viewer is a descriptor: take as many as the system lets us have.
fn raise_descriptor_limit() {
    use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
    let limit = getrlimit(Resource::Nofile);
    if limit.current != limit.maximum {
        let raised = Rlimit {
            current: limit.maximum,
            maximum: limit.maximum,
        };
        if setrlimit(Resource::Nofile, raised).is_err() {
            tracing::warn!(limit = ?limit.current, "the limit of open files cannot be raised: it bounds the viewers");
        }
    }
}
