//! `weir publish`: sends a file or standard input to a server as a live stream.

use std::path::PathBuf;

use clap::ValueEnum;
use weir_client::clip::Input;
use weir_client::{PublishOptions, publish_file};

/// Arguments of `weir publish`.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// An FLV file, or `-` for standard input. Other formats:
    /// `ffmpeg -re -i FILE -c copy -f flv - | weir publish - URL`.
    #[arg(value_name = "FILE|-")]
    file: PathBuf,
    /// `rtmp[s]://host[:port]/app/stream[?key=…]` or, over any HTTP port and proxy,
    /// `ws[s]://host[:port]/slsp/app/stream[?key=…]`.
    url: String,
    /// Begin again at the end, for ever; the times go on.
    #[arg(long = "loop")]
    looped: bool,
    /// At the pace of the timestamps, or as fast as the server takes it.
    #[arg(long, value_enum, default_value_t = Speed::Realtime)]
    speed: Speed,
    /// Put the wall clock into every picture (H.264 only), so that play, probe and bench can say
    /// how late it is when it arrives.
    #[arg(long)]
    stamp: bool,
    /// Connect again when the connection is lost. Over ws[s]:// a session goes on over a new
    /// connection within seconds anyway; this is for longer breaks.
    #[arg(long)]
    retry: bool,
    /// Over ws[s]://: send every picture, however late. Otherwise, when the network takes less than
    /// the source gives, pictures are left out that no other refers to, then whole groups.
    #[arg(long)]
    no_adapt: bool,
    /// Take any certificate (rtmps, wss).
    #[arg(long)]
    insecure: bool,
}

/// How fast a file is sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Speed {
    /// At the pace of its timestamps.
    Realtime,
    /// As fast as the server takes it.
    Max,
}

/// Publishes until the end or ctrl-C.
pub(crate) async fn run(args: Args) -> anyhow::Result<()> {
    let input = if args.file.as_os_str() == "-" {
        Input::Stdin
    } else {
        Input::File(args.file)
    };
    let options = PublishOptions {
        looped: args.looped,
        max_speed: args.speed == Speed::Max,
        stamp: args.stamp,
        retry: args.retry,
        insecure: args.insecure,
        no_adapt: args.no_adapt,
        progress: true,
    };
    let stop = async {
        // Without a signal handler the process simply ends.
        let _ = tokio::signal::ctrl_c().await;
    };
    publish_file(input, &args.url, options, stop).await?;
    // A read of standard input may be under way on a thread that nothing can end.
    Ok(())
}
