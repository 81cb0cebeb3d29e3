//! `weir key`: the stream key of one stream, and what to paste where.

use std::path::PathBuf;

use anyhow::Context as _;
use weir_base::StreamName;

use super::serve::{DEFAULT_DATA, FromArgs};
use crate::compose;
use crate::config::load;

#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// The stream: APP/STREAM.
    stream: String,
    /// Its virtual host, where it has one.
    #[arg(long, default_value = "")]
    vhost: String,
    /// Print the key alone.
    #[arg(long)]
    bare: bool,
    /// The data directory of the server.
    #[arg(long, value_name = "DIR", default_value = DEFAULT_DATA, env = "WEIR_DATA")]
    data: PathBuf,
    #[command(flatten)]
    from: FromArgs,
}

pub(crate) fn run(args: Args) -> anyhow::Result<()> {
    let (app, stream) = args
        .stream
        .rsplit_once('/')
        .context("write APP/STREAM, such as live/me")?;
    let name = StreamName::new(&args.vhost, app, stream)?;
    let config = load(&args.from.sources())?;
    let secret = compose::stream_key(&args.data, &name)?;
    if args.bare {
        println!("{secret}");
        return Ok(());
    }
    let port = config
        .rtmp
        .listen
        .0
        .first()
        .map_or(1935, std::net::SocketAddr::port);
    println!("OBS       server rtmp://HOST:{port}/{app}   stream key {stream}?key={secret}");
    println!("ffmpeg    rtmp://HOST:{port}/{app}/{stream}?key={secret}");
    Ok(())
}
