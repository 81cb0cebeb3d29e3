//! `weir doctor`: looks for what would keep a server from working well on this machine, and says
//! what to do about it.

mod uploads;

use std::fs;
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context, bail};
use rustix::process::{Resource, getrlimit};
use rustls_pki_types::pem::PemObject;
use rustls_pki_types::{CertificateDer, PrivateKeyDer};
use serde_json::Value;
use weir_base::Clock;
use weir_base::process::field_bytes;
use weir_client::http::WebClient;
use weir_link::url::HttpUrl;

use crate::config::{Sources, load};

/// Descriptors for some ten thousand viewers.
const GOOD_DESCRIPTORS: u64 = 65_536;
/// Below this a busy evening fails.
const LEAST_DESCRIPTORS: u64 = 4_096;
/// Connections that may wait to be accepted: as many as weir asks for.
const GOOD_BACKLOG: u64 = 4_096;
/// Memory available, bytes.
const GOOD_MEMORY_BYTES: u64 = 512 << 20;
/// Disk space for recordings, bytes.
const GOOD_DISK_BYTES: u64 = 2 << 30;
/// Before this the clock is wrong: the software is younger. 2025-01-01, Unix seconds.
const EARLIEST_WALL_S: i64 = 1_735_689_600;
/// A longer keyframe interval makes joining slow, milliseconds.
const LONG_KEYFRAMES_MS: f64 = 4_000.0;
/// So many corrections of a stream's times mean a sick encoder.
const MANY_CORRECTIONS: u64 = 10;

/// Arguments of `weir doctor`.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// The configuration the server will run with: it is read and checked.
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
    /// The data folder.
    #[arg(long, value_name = "DIR", default_value = ".")]
    data: PathBuf,
    /// The port of RTMP.
    #[arg(long, value_name = "PORT", default_value_t = 1935)]
    rtmp_port: u16,
    /// The port of HTTP.
    #[arg(long, value_name = "PORT", default_value_t = 8080)]
    http_port: u16,
    /// A certificate chain (PEM) that will be used.
    #[arg(long, value_name = "FILE", requires = "key")]
    cert: Option<PathBuf>,
    /// Its private key (PEM).
    #[arg(long, value_name = "FILE", requires = "cert")]
    key: Option<PathBuf>,
    /// A running server, to look at its live streams: `http://host:8080`.
    #[arg(long)]
    url: Option<String>,
    /// The token of its API.
    #[arg(long, env = "WEIR_TOKEN", hide_env_values = true)]
    token: Option<String>,
    /// Take any certificate of that server.
    #[arg(long)]
    insecure: bool,
}

/// Codecs of live video, as FFmpeg calls their decoders.
const DECODED: [&str; 4] = ["h264", "hevc", "av1", "vp9"];

/// What a check found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Verdict {
    /// Fine.
    Good,
    /// Works, but look at it.
    Warning,
    /// Will not work.
    Bad,
}

#[derive(Debug, Default)]
struct Report {
    warnings: usize,
    failures: usize,
}

impl Report {
    fn line(&mut self, verdict: Verdict, text: &str) {
        let sign = match verdict {
            Verdict::Good => '✓',
            Verdict::Warning => {
                self.warnings += 1;
                '!'
            }
            Verdict::Bad => {
                self.failures += 1;
                '✗'
            }
        };
        println!("{sign} {text}");
    }
}

/// Checks everything. Fails when something will not work.
pub(crate) async fn run(args: Args) -> anyhow::Result<()> {
    let mut report = Report::default();
    check_machine(&mut report);
    check_clock(&mut report);
    check_data(&mut report, &args.data);
    let is_running = args.url.is_some();
    check_port(&mut report, "RTMP", args.rtmp_port, is_running);
    check_port(&mut report, "HTTP", args.http_port, is_running);
    check_ffmpeg(&mut report, &ffmpeg_of(args.config.as_deref()));
    if let Some(config) = &args.config {
        check_config(&mut report, config);
    }
    if let (Some(cert), Some(key)) = (&args.cert, &args.key) {
        check_tls(&mut report, cert, key);
    }
    if let Some(url) = &args.url
        && let Err(error) = check_server(&mut report, url, &args).await
    {
        report.line(Verdict::Bad, &format!("{url}: {error:#}"));
        if let Some(advice) = super::advice(&error) {
            report.line(Verdict::Warning, advice);
        }
    }
    match (report.failures, report.warnings) {
        (0, 0) => println!("all is well"),
        (0, warnings) => println!("{warnings} to look at"),
        (failures, warnings) => bail!("{failures} will not work, {warnings} to look at"),
    }
    Ok(())
}

fn check_machine(report: &mut Report) {
    let cores = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
    report.line(Verdict::Good, &format!("processors: {cores}"));
    let limit = getrlimit(Resource::Nofile);
    let descriptors = limit.maximum.unwrap_or(u64::MAX);
    let verdict = match descriptors {
        GOOD_DESCRIPTORS.. => Verdict::Good,
        LEAST_DESCRIPTORS.. => Verdict::Warning,
        _ => Verdict::Bad,
    };
    let advice = if verdict == Verdict::Good {
        String::new()
    } else {
        format!(
            ": each viewer takes one; set LimitNOFILE={GOOD_DESCRIPTORS} in the service, or nofile in /etc/security/limits.conf"
        )
    };
    let shown = limit
        .maximum
        .map_or("no limit".to_owned(), |maximum| maximum.to_string());
    report.line(
        verdict,
        &format!("file descriptors: {shown} at most{advice}"),
    );
    if let Some(backlog) = read_number("/proc/sys/net/core/somaxconn") {
        let is_good = backlog >= GOOD_BACKLOG;
        let advice = if is_good {
            ""
        } else {
            ": bursts of viewers will wait; sysctl -w net.core.somaxconn=4096"
        };
        report.line(
            if is_good {
                Verdict::Good
            } else {
                Verdict::Warning
            },
            &format!("listen backlog: {backlog}{advice}"),
        );
    }
    let meminfo = fs::read_to_string("/proc/meminfo").unwrap_or_default();
    if let Some(bytes) = field_bytes(&meminfo, "MemAvailable:") {
        let is_good = bytes >= GOOD_MEMORY_BYTES;
        let advice = if is_good {
            ""
        } else {
            ": that is little; lower stream.ring_bytes, or add memory"
        };
        report.line(
            if is_good {
                Verdict::Good
            } else {
                Verdict::Warning
            },
            &format!("memory available: {} MiB{advice}", bytes >> 20),
        );
    }
}

fn check_clock(report: &mut Report) {
    let wall_s = Clock::real().wall_s();
    if wall_s < EARLIEST_WALL_S {
        report.line(Verdict::Bad, "clock: it is years behind, so signed URLs and certificates fail; set it, or start an NTP client");
        return;
    }
    // What systemd's time client leaves behind once it has synchronised.
    let is_synchronised = Path::new("/run/systemd/timesync/synchronized").exists();
    let words = if is_synchronised {
        "synchronised"
    } else {
        "plausible (whether it is synchronised cannot be seen here)"
    };
    report.line(Verdict::Good, &format!("clock: {words}"));
}

fn check_data(report: &mut Report, data: &Path) {
    // The folder may still have to be made: its parent's disk counts then.
    let existing = data
        .ancestors()
        .find(|path| path.exists())
        .filter(|path| !path.as_os_str().is_empty());
    let existing = existing.unwrap_or(Path::new("."));
    let shown = data.display();
    match rustix::fs::statvfs(existing) {
        Ok(disk) => {
            let free = disk.f_bavail.saturating_mul(disk.f_frsize);
            let (verdict, advice) = match free {
                GOOD_DISK_BYTES.. => (Verdict::Good, ""),
                weir_store::LOW_BYTES.. => (Verdict::Warning, ": recordings will fill it soon"),
                _ => (
                    Verdict::Bad,
                    ": make room, accounts and channels cannot be changed on a full disk",
                ),
            };
            report.line(
                verdict,
                &format!("data folder {shown}: {} MiB free{advice}", free >> 20),
            );
        }
        Err(error) => report.line(Verdict::Bad, &format!("data folder {shown}: {error}")),
    }
    if rustix::fs::access(existing, rustix::fs::Access::WRITE_OK).is_err() {
        report.line(Verdict::Bad, &format!("data folder {shown}: it cannot be written to; change its owner, or choose another by --data"));
    }
}

fn check_port(report: &mut Report, name: &str, port: u16, is_running: bool) {
    match TcpListener::bind(("0.0.0.0", port)) {
        Ok(_) => report.line(Verdict::Good, &format!("{name} port {port}: free")),
        Err(error) if error.kind() == std::io::ErrorKind::PermissionDenied => {
            let advice = "choose one above 1023, or give the right: AmbientCapabilities=CAP_NET_BIND_SERVICE";
            report.line(
                Verdict::Bad,
                &format!("{name} port {port}: not allowed for this user; {advice}"),
            );
        }
        Err(_) => {
            let who =
                holder_of(port).unwrap_or_else(|| "somebody (run as root to see who)".to_owned());
            let is_ours = is_running || who.starts_with("weir ");
            let advice = if is_ours {
                ""
            } else {
                "; stop it, or choose another port in the configuration"
            };
            report.line(
                if is_ours { Verdict::Good } else { Verdict::Bad },
                &format!("{name} port {port}: in use by {who}{advice}"),
            );
        }
    }
}

/// `name (process 123)` of whoever listens on a port.
fn holder_of(port: u16) -> Option<String> {
    let inode = ["/proc/net/tcp", "/proc/net/tcp6"]
        .iter()
        .find_map(|table| listening_inode(&fs::read_to_string(table).ok()?, port))?;
    let wanted = format!("socket:[{inode}]");
    let processes = fs::read_dir("/proc")
        .ok()?
        .flatten()
        .filter(|entry| entry.file_name().to_string_lossy().parse::<u32>().is_ok());
    for process in processes {
        let Ok(descriptors) = fs::read_dir(process.path().join("fd")) else {
            continue;
        };
        let holds = |entry: fs::DirEntry| {
            fs::read_link(entry.path()).is_ok_and(|link| link.as_os_str() == wanted.as_str())
        };
        if descriptors.flatten().any(holds) {
            let name = fs::read_to_string(process.path().join("comm")).unwrap_or_default();
            return Some(format!(
                "{} (process {})",
                name.trim(),
                process.file_name().to_string_lossy()
            ));
        }
    }
    None
}

/// The inode of the listening socket on `port` in `/proc/net/tcp`.
fn listening_inode(table: &str, port: u16) -> Option<u64> {
    /// `TCP_LISTEN`.
    const LISTENING: &str = "0A";
    let suffix = format!(":{port:04X}");
    table.lines().skip(1).find_map(|line| {
        let fields: Vec<&str> = line.split_whitespace().collect();
        let is_it = fields.get(1)?.ends_with(&suffix) && *fields.get(3)? == LISTENING;
        is_it.then(|| fields.get(9)?.parse().ok()).flatten()
    })
}

/// The program that the configuration names; a configuration that cannot be read is told of elsewhere.
fn ffmpeg_of(config: Option<&Path>) -> String {
    let sources = Sources {
        file: config.map(Path::to_path_buf),
        ..Sources::default()
    };
    let config = load(&sources).unwrap_or_default();
    config.snapshot.program
}

fn check_ffmpeg(report: &mut Report, program: &str) {
    let output = Command::new(program)
        .arg("-version")
        .stderr(Stdio::null())
        .output();
    match output {
        Ok(output) => {
            let text = String::from_utf8_lossy(&output.stdout);
            let version = text.split_whitespace().nth(2).unwrap_or("of unknown version");
            report.line(Verdict::Good, &format!("ffmpeg: {version}"));
            check_decoders(report, program);
        }
        Err(_) => report.line(Verdict::Warning, &format!("ffmpeg: {program} is not found; live streaming does without, but there will be no pictures of streams (snapshots), and transcoding will need it (apt-get install ffmpeg)")),
    }
}

/// Which codecs pictures can be made of.
fn check_decoders(report: &mut Report, program: &str) {
    let output = Command::new(program)
        .args(["-hide_banner", "-decoders"])
        .stderr(Stdio::null())
        .output();
    let text = output.map(|output| String::from_utf8_lossy(&output.stdout).into_owned());
    let text = text.unwrap_or_default();
    let has = |codec: &str| {
        let of_codec = format!("(codec {codec})");
        text.lines()
            .any(|line| line.split_whitespace().nth(1) == Some(codec) || line.contains(&of_codec))
    };
    let missing: Vec<&str> = DECODED.into_iter().filter(|codec| !has(codec)).collect();
    match missing.as_slice() {
        [] => report.line(Verdict::Good, "snapshots: FFmpeg decodes all codecs"),
        missing => report.line(
            Verdict::Warning,
            &format!("snapshots: this FFmpeg has no decoder for {}: there will be no pictures of such streams", missing.join(", ")),
        ),
    }
}

fn check_config(report: &mut Report, file: &Path) {
    let shown = file.display();
    // Asked of a second process, so that this command holds no opinion of its own.
    let checked = std::env::current_exe().and_then(|weir| {
        Command::new(weir)
            .args(["config", "check"])
            .arg("--config")
            .arg(file)
            .output()
    });
    match checked {
        Ok(output) if output.status.success() => {
            report.line(Verdict::Good, &format!("configuration {shown}: valid"));
        }
        Ok(output) => {
            let words = String::from_utf8_lossy(&output.stderr);
            report.line(
                Verdict::Bad,
                &format!(
                    "configuration {shown}: {}",
                    words.trim().trim_start_matches("weir: ")
                ),
            );
        }
        Err(error) => report.line(Verdict::Bad, &format!("configuration {shown}: {error}")),
    }
}

fn check_tls(report: &mut Report, cert: &Path, key: &Path) {
    let chain =
        CertificateDer::pem_file_iter(cert).map(|certificates| certificates.flatten().count());
    match chain {
        Ok(1..) => report.line(
            Verdict::Good,
            &format!("certificate {}: readable", cert.display()),
        ),
        Ok(_) => report.line(
            Verdict::Bad,
            &format!(
                "certificate {}: holds no certificate in PEM",
                cert.display()
            ),
        ),
        Err(error) => report.line(
            Verdict::Bad,
            &format!("certificate {}: {error}", cert.display()),
        ),
    }
    match PrivateKeyDer::from_pem_file(key) {
        Ok(_) => report.line(
            Verdict::Good,
            &format!("private key {}: readable", key.display()),
        ),
        Err(error) => report.line(
            Verdict::Bad,
            &format!("private key {}: {error}", key.display()),
        ),
    }
}

async fn check_server(report: &mut Report, url: &str, args: &Args) -> anyhow::Result<()> {
    let client = WebClient::new(args.insecure);
    let base = HttpUrl::parse(url)?;
    let ready = base.join("/readyz")?;
    let (said, _) = client.fetch(&ready, &[]).await?;
    let said = String::from_utf8_lossy(&said);
    // The first line is its state; what does not work stands on the others.
    for trouble in said.lines().skip(1) {
        report.line(Verdict::Warning, &format!("{ready}: {trouble}"));
    }
    let token = args.token.as_deref();
    let token =
        token.context("reading the streams needs the API's token: --token, or WEIR_TOKEN")?;
    let url = base.join("/api/v1/streams")?;
    let authorization = format!("Bearer {token}");
    let (body, _) = client
        .fetch(&url, &[(http::header::AUTHORIZATION, &authorization)])
        .await?;
    let metrics = base.join("/metrics")?;
    let (metrics, _) = client
        .fetch(&metrics, &[(http::header::AUTHORIZATION, &authorization)])
        .await?;
    if let Some((verdict, words)) = uploads::uploads(&String::from_utf8_lossy(&metrics)) {
        report.line(verdict, &words);
    }
    let json: Value = serde_json::from_slice(&body).context("the answer is no JSON")?;
    let streams = json.get("streams").and_then(Value::as_array);
    let streams = streams.context("the answer lists no streams")?;
    report.line(Verdict::Good, &format!("{url}: {} live", streams.len()));
    for stream in streams {
        let name = stream_name(stream);
        let troubles = stream_troubles(stream);
        for trouble in &troubles {
            report.line(Verdict::Warning, &format!("stream {name}: {trouble}"));
        }
        if troubles.is_empty() {
            report.line(Verdict::Good, &format!("stream {name}"));
        }
    }
    Ok(())
}

fn stream_name(stream: &Value) -> String {
    let text = |name: &str| stream.get(name).and_then(Value::as_str).unwrap_or("?");
    format!("{}/{}", text("app"), text("stream"))
}

/// What is wrong with a stream, as far as its numbers tell; numbers that are not there tell nothing.
fn stream_troubles(stream: &Value) -> Vec<String> {
    let mut troubles = Vec::new();
    if let Some(ms) = deep_number(stream, &["gop_ms"])
        && ms > LONG_KEYFRAMES_MS
    {
        troubles.push(format!(
            "keyframes every {:.1} s: set the encoder to 2 s, so that viewers join fast",
            ms / 1e3
        ));
    }
    if deep_number(stream, &["bitrate_kbps"]) == Some(0.0) {
        troubles.push("its bitrate is 0: does the encoder still send?".to_owned());
    }
    let corrections = deep_total(stream, "corrections");
    if corrections >= MANY_CORRECTIONS {
        troubles.push(format!("{corrections} corrections of its timestamps: restart the encoder, and look at its clock"));
    }
    troubles
}

/// The first of these names anywhere in an object.
fn deep_number(value: &Value, names: &[&str]) -> Option<f64> {
    let object = value.as_object()?;
    let here = names.iter().find_map(|name| object.get(*name)?.as_f64());
    here.or_else(|| object.values().find_map(|inner| deep_number(inner, names)))
}

/// A number, or the sum of an object's numbers.
fn deep_total(value: &Value, name: &str) -> u64 {
    match value.get(name) {
        Some(Value::Object(kinds)) => kinds.values().filter_map(Value::as_u64).sum(),
        Some(number) => number.as_u64().unwrap_or(0),
        None => 0,
    }
}

fn read_number(path: &str) -> Option<u64> {
    fs::read_to_string(path).ok()?.trim().parse().ok()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn the_holder_of_a_port_is_found_by_its_listening_socket() {
        let table = "  sl  local_address rem_address   st\n\
             0: 0100007F:078F 0100007F:D431 01 0:0 0:0 0 0 0 111\n\
             1: 00000000:078F 00000000:0000 0A 0:0 00:0 0 0 0 222 1\n";
        assert_eq!(listening_inode(table, 1935), Some(222));
        assert_eq!(listening_inode(table, 8080), None);
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let who = holder_of(listener.local_addr().unwrap().port()).unwrap();
        assert!(
            who.contains(&format!("process {}", std::process::id())),
            "{who}"
        );
    }

    #[test]
    fn sick_streams_are_named_and_silent_ones_are_not() {
        let sick = json!({"app": "a", "stream": "s", "video": {"gop_ms": 8000}, "bitrate_kbps": 0, "corrections": {"forward": 9, "backward": 2}});
        assert_eq!(stream_troubles(&sick).len(), 3);
        assert_eq!(stream_name(&sick), "a/s");
        assert!(stream_troubles(&json!({"video": null})).is_empty());
    }

    #[test]
    fn memory_is_read_in_bytes() {
        assert_eq!(
            field_bytes("MemTotal: 9 kB\nMemAvailable:   2048 kB\n", "MemAvailable:"),
            Some(2 << 20)
        );
    }
}
