//! The programs that tests drive. `scripts/test.sh` installs them and says where they are; without
//! it, a test that lacks one says so and passes over, unless `WEIR_REQUIRE_TOOLS=1`.

use std::path::PathBuf;
use std::process::Command;
use std::sync::OnceLock;

/// A program.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Tool {
    /// Debian's FFmpeg (5.1).
    Ffmpeg,
    /// FFmpeg 9, which speaks Enhanced RTMP.
    Ffmpeg9,
    /// Debian's ffprobe.
    Ffprobe,
    /// A browser.
    Chromium,
    /// GStreamer's command line.
    GstLaunch,
    /// The web server.
    Nginx,
    /// For certificates, and as a TLS client.
    Openssl,
    /// Runs the browser's driver.
    Node,
    /// An HTTP/2 client.
    Curl,
    /// The Autobahn WebSocket test suite.
    Wstest,
    /// The registry of a cluster.
    RedisServer,
    /// The library that gives a process another wall clock.
    Libfaketime,
    /// A server that speaks S3.
    MotoServer,
    /// The folder of Node packages that has `oidc-provider`.
    OidcProvider,
    /// The database server; what belongs to it lies beside it.
    Postgres,
    /// VLC without a window.
    Vlc,
}

impl Tool {
    /// Variable that says where it is, and its name in PATH.
    const fn names(self) -> (&'static str, &'static str) {
        match self {
            Self::Ffmpeg => ("WEIR_FFMPEG", "ffmpeg"),
            Self::Ffmpeg9 => ("WEIR_FFMPEG9", "ffmpeg9"),
            Self::Ffprobe => ("WEIR_FFPROBE", "ffprobe"),
            Self::Chromium => ("WEIR_CHROMIUM", "chromium"),
            Self::GstLaunch => ("WEIR_GST_LAUNCH", "gst-launch-1.0"),
            Self::Nginx => ("WEIR_NGINX", "nginx"),
            Self::Openssl => ("WEIR_OPENSSL", "openssl"),
            Self::Node => ("WEIR_NODE", "node"),
            Self::Curl => ("WEIR_CURL", "curl"),
            Self::Wstest => ("WEIR_WSTEST", "wstest"),
            Self::RedisServer => ("WEIR_REDIS_SERVER", "redis-server"),
            Self::Libfaketime => ("WEIR_LIBFAKETIME", "libfaketime.so.1"),
            Self::MotoServer => ("WEIR_MOTO_SERVER", "moto_server"),
            Self::OidcProvider => ("WEIR_OIDC_PROVIDER", "oidc-provider"),
            Self::Postgres => ("WEIR_POSTGRES", "postgres"),
            Self::Vlc => ("WEIR_VLC", "cvlc"),
        }
    }

    /// Where it is.
    pub fn path(self) -> Option<PathBuf> {
        let (variable, name) = self.names();
        let named = std::env::var_os(variable)
            .filter(|path| !path.is_empty())
            .map(PathBuf::from);
        named.or_else(|| in_path(name)).or_else(|| match self {
            Self::Ffmpeg9 => python_ffmpeg(),
            Self::Libfaketime => libfaketime(),
            Self::Postgres => postgres(),
            _ => None,
        })
    }

    /// A command that runs it.
    ///
    /// # Panics
    /// When it is not there: ask [`have`] first.
    pub fn command(self) -> Command {
        Command::new(
            self.path()
                .unwrap_or_else(|| panic!("{self:?} is not there")),
        )
    }
}

/// Whether all of them are there; says what is missing.
///
/// # Panics
/// When something is missing and `WEIR_REQUIRE_TOOLS=1`.
pub fn have(tools: &[Tool]) -> bool {
    let missing: Vec<_> = tools.iter().filter(|tool| tool.path().is_none()).collect();
    if missing.is_empty() {
        return true;
    }
    let required = std::env::var("WEIR_REQUIRE_TOOLS").is_ok_and(|value| value == "1");
    assert!(!required, "missing: {missing:?}");
    eprintln!("passed over, missing: {missing:?} (`make test` installs what the tests need)");
    false
}

fn in_path(name: &str) -> Option<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let usual = ["/usr/sbin", "/usr/local/sbin"].map(PathBuf::from);
    std::env::split_paths(&path)
        .chain(usual)
        .map(|dir| dir.join(name))
        .find(|file| file.is_file())
}

/// Where Debian keeps it: a folder of its own below the machine's libraries.
fn libfaketime() -> Option<PathBuf> {
    let machines = std::fs::read_dir("/usr/lib").ok()?;
    machines
        .filter_map(|dir| Some(dir.ok()?.path().join("faketime/libfaketime.so.1")))
        .find(|file| file.is_file())
}

/// Where Debian keeps it: a folder for each version.
fn postgres() -> Option<PathBuf> {
    let versions = std::fs::read_dir("/usr/lib/postgresql").ok()?;
    let files = versions.filter_map(|dir| Some(dir.ok()?.path().join("bin/postgres")));
    files.filter(|file| file.is_file()).max()
}

/// The FFmpeg inside the Python package imageio-ffmpeg, where that is installed.
fn python_ffmpeg() -> Option<PathBuf> {
    static FOUND: OnceLock<Option<PathBuf>> = OnceLock::new();
    FOUND
        .get_or_init(|| {
            let ask = "import imageio_ffmpeg; print(imageio_ffmpeg.get_ffmpeg_exe())";
            let answer = Command::new("python3").args(["-c", ask]).output().ok()?;
            let path = PathBuf::from(String::from_utf8(answer.stdout).ok()?.trim());
            path.is_file().then_some(path)
        })
        .clone()
}
