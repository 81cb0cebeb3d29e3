//! The `weir` command: serve, and the tools that speak every protocol weir speaks.

mod commands;
mod compose;
mod config;

use clap::{Parser, Subcommand};

/// Gives pages that are no longer used back to the system, from a thread of its own: 4000 connections that came
/// and went leave 12 MiB here and 50 with glibc's allocator (`bench/run.sh churn`).
#[cfg(feature = "jemalloc")]
#[global_allocator]
static ALLOCATOR: tikv_jemallocator::Jemalloc = tikv_jemallocator::Jemalloc;

/// weir: a whole live-streaming platform in one binary.
#[derive(Debug, Parser)]
#[command(name = "weir", version, about, max_term_width = 100)]
struct Cli {
    /// What to log, such as `info`, `weir_serve=debug`. Default: the config's `log.filter`.
    #[arg(long, global = true, env = "WEIR_LOG", value_name = "FILTER")]
    log: Option<String>,
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Run the server: all roles in this process.
    Serve(commands::serve::Args),
    /// Print or check a configuration.
    Config(commands::config::Args),
    /// Print the stream key and the publish URLs of a stream.
    Key(commands::key::Args),
    /// Send a file (or standard input) to a server as a live stream.
    Publish(commands::publish::Args),
    /// Play a stream into a file (or standard output).
    Play(commands::play::Args),
    /// Watch a stream for a moment and say what it is made of.
    Probe(commands::probe::Args),
    /// Chat in a room.
    Chat(commands::chat::Args),
    /// Generate load against a server and measure what arrives.
    Bench(commands::bench::Args),
    /// Check, back up, restore or move the rows of accounts, channels and events.
    Store(commands::store::Args),
    /// Make again what is known of recordings, or take away those whose time is over.
    Recording(commands::recording::Args),
    /// Make apps, channels, keys and hooks what a file says.
    Apply(commands::apply::Args),
    /// Have a node move its clients to the others before it is stopped.
    Drain(commands::drain::Args),
    /// Look for what would keep a server from working well here.
    Doctor(commands::doctor::Args),
    /// Run a whole cluster on this machine, to look at and to break.
    Dev(commands::dev::Args),
    /// Make one picture anew, from standard input to standard output: `serve` starts this.
    #[command(name = weir_image::worker::COMMAND, hide = true)]
    MakePicture {
        /// `avatar` or `cover`.
        kind: String,
    },
    /// Decode keyframes from standard input to standard output: `serve` starts this.
    #[command(name = weir_snap::decoder::COMMAND, hide = true)]
    DecodeKeyframes {
        /// Their codec.
        codec: String,
        /// The shape of the pictures.
        canvas: String,
        /// The FFmpeg program.
        program: std::path::PathBuf,
    },
}

fn main() -> std::process::ExitCode {
    let cli = Cli::parse();
    // One provider for the whole process; a second install is refused and does no harm.
    let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
    let outcome = match cli.command {
        Command::Serve(args) => commands::serve::run(args, cli.log),
        Command::Config(args) => commands::config::run(args),
        Command::Key(args) => commands::key::run(args),
        Command::Publish(args) => commands::with_runtime(cli.log, commands::publish::run(args)),
        Command::Play(args) => commands::with_runtime(cli.log, commands::play::run(args)),
        Command::Probe(args) => commands::with_runtime(cli.log, commands::probe::run(args)),
        Command::Chat(args) => commands::with_runtime(cli.log, commands::chat::run(args)),
        Command::Bench(args) => commands::bench::run(args, cli.log),
        Command::Store(args) => commands::with_runtime(cli.log, commands::store::run(args)),
        Command::Recording(args) => commands::with_runtime(cli.log, commands::recording::run(args)),
        Command::Apply(args) => commands::with_runtime(cli.log, commands::apply::run(args)),
        Command::Drain(args) => commands::with_runtime(cli.log, commands::drain::run(args)),
        Command::Doctor(args) => commands::with_runtime(cli.log, commands::doctor::run(args)),
        Command::Dev(args) => commands::dev::run(args, cli.log),
        Command::MakePicture { kind } => commands::make_picture(&kind),
        Command::DecodeKeyframes {
            codec,
            canvas,
            program,
        } => Err(weir_snap::decoder::become_decoder(program.as_os_str(), &codec, &canvas).into()),
    };
    match outcome {
        Ok(()) => std::process::ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("weir: {error:#}");
            if let Some(advice) = commands::advice(&error) {
                eprintln!("  {advice}");
            }
            std::process::ExitCode::FAILURE
        }
    }
}
