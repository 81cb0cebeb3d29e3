//! `weir play`: a stream into a file or standard output, or only measured.

use std::fs::File;
use std::io::{BufWriter, IsTerminal, Write};
use std::path::{Path, PathBuf};

use anyhow::{Context, bail};
use weir_base::Clock;
use weir_client::address::MediaUrl;
use weir_client::decode::Sink;
use weir_client::measure::{Measure, percentile};
use weir_client::watch::{WatchOptions, watch};
use weir_media::Item;

/// A step of decode time longer than this is a gap, in µs.
const GAP_US: i64 = 500_000;
/// What is buffered for the output, in bytes.
const BUFFER_BYTES: usize = 64 * 1024;

/// Arguments of `weir play`.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// `rtmp[s]://host/app/stream`, `http[s]://….flv`, `ws[s]://….flv`, `http[s]://….ts` or
    /// `http[s]://….m3u8`.
    url: String,
    /// Where to write: FLV from RTMP, HTTP-FLV and WS-FLV; TS from `.ts` and TS-HLS; fragmented
    /// MP4 from other HLS. Without it the stream is only measured.
    #[arg(short, long, value_name = "FILE|-")]
    output: Option<PathBuf>,
    /// End after so many seconds of media.
    #[arg(long, value_name = "N")]
    seconds: Option<f64>,
    /// Take any certificate.
    #[arg(long)]
    insecure: bool,
}

/// Plays until the stream ends, `--seconds` are over, or ctrl-C.
pub(crate) async fn run(args: Args) -> anyhow::Result<()> {
    let url = MediaUrl::parse(&args.url)?;
    let output = args.output.as_deref().map(open_output).transpose()?;
    let seconds = args
        .seconds
        .filter(|seconds| seconds.is_finite() && *seconds >= 0.0);
    let mut player = Player {
        measure: Measure::new(Clock::real(), GAP_US),
        output,
        limit_us: seconds.map(|seconds| (seconds * 1e6) as i64),
        is_broken_pipe: false,
    };
    let options = WatchOptions {
        insecure: args.insecure,
    };
    let outcome = tokio::select! {
        outcome = watch(&url, &options, &mut player) => outcome,
        _ = tokio::signal::ctrl_c() => Ok(()),
    };
    if let Some(output) = &mut player.output {
        output.flush().context("cannot write")?;
    }
    if player.is_broken_pipe {
        return Ok(());
    }
    if player.measure.bytes > 0 {
        print_summary(&url, &player.measure);
    }
    outcome?;
    if player.measure.video.frames + player.measure.audio.frames == 0 {
        bail!("{}: the stream ended before its first frame", args.url);
    }
    Ok(())
}

fn open_output(path: &Path) -> anyhow::Result<Box<dyn Write + Send>> {
    if path.as_os_str() == "-" {
        if std::io::stdout().is_terminal() {
            bail!(
                "standard output is a terminal: name a file, or pipe it into a player: | ffplay -"
            );
        }
        return Ok(Box::new(std::io::stdout()));
    }
    let file = File::create(path).with_context(|| format!("cannot write {}", path.display()))?;
    Ok(Box::new(BufWriter::with_capacity(BUFFER_BYTES, file)))
}

struct Player {
    measure: Measure,
    output: Option<Box<dyn Write + Send>>,
    limit_us: Option<i64>,
    /// Whoever read our output has enough.
    is_broken_pipe: bool,
}

impl Sink for Player {
    fn bytes(&mut self, bytes: &[u8]) -> anyhow::Result<()> {
        if let Some(output) = &mut self.output {
            match output.write_all(bytes) {
                Err(error) if error.kind() == std::io::ErrorKind::BrokenPipe => {
                    self.is_broken_pipe = true;
                }
                other => other.context("cannot write")?,
            }
        }
        self.measure.bytes(bytes)
    }

    fn item(&mut self, item: Item) -> anyhow::Result<()> {
        self.measure.item(item)
    }

    fn note(&mut self, note: &str) {
        self.measure.note(note);
    }

    fn is_done(&self) -> bool {
        self.is_broken_pipe
            || self
                .limit_us
                .is_some_and(|limit_us| self.measure.media_us() >= limit_us)
    }
}

fn print_summary(url: &MediaUrl, measure: &Measure) {
    let ms = |us: Option<i64>| us.map_or("-".to_owned(), |us| format!("{:.0} ms", us as f64 / 1e3));
    let (video, audio) = (&measure.video, &measure.audio);
    eprintln!(
        "{}: {:.2} s of media, {} bytes, {} pictures ({:.2}/s), {} audio frames, {:.0} kbit/s",
        url.protocol(),
        measure.media_us() as f64 / 1e6,
        measure.bytes,
        video.frames,
        video.fps(),
        audio.frames,
        (video.bits_per_s() + audio.bits_per_s()) / 1e3,
    );
    eprintln!(
        "first byte after {}, first keyframe after {}; gaps {} (longest step {:.0} ms), times going back {}",
        ms(measure.first_byte_us),
        ms(measure.first_key_us),
        video.gaps + audio.gaps,
        video.longest_step_us.max(audio.longest_step_us) as f64 / 1e3,
        video.backward + audio.backward,
    );
    if let Some(p50) = percentile(&measure.latencies_us, 0.5) {
        let p99 = percentile(&measure.latencies_us, 0.99);
        eprintln!(
            "latency since the stamp: p50 {}, p99 {}",
            ms(Some(p50)),
            ms(p99)
        );
    }
    for note in &measure.notes {
        eprintln!("note: {note}");
    }
}
