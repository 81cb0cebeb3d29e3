//! Which paths are media. Decided by the path's ending alone, so that apps and streams keep all names
//! but a few.

use std::sync::Arc;

use http::Method;
use percent_encoding::percent_decode_str;
use weir_base::urls::StreamPath;
use weir_base::{Id, StreamName};

use super::upgrade::SocketService;
use crate::deliver::forms::{self, Form};
use crate::hls::{HlsFile, ReplayFile};

/// Characters of a path we look at.
const MAX_PATH_BYTES: usize = 4096;

/// What stands at a path.
pub enum Resource {
    /// A stream, or a piece of one.
    Media(Route),
    /// Another service that speaks over WebSockets.
    Socket(Arc<dyn SocketService>),
    /// `*`: the server itself (RFC 9112 §3.2.4).
    Server,
    /// Nothing that is known here.
    Other,
}

impl Resource {
    /// The methods it takes.
    pub fn methods(&self) -> &'static [Method] {
        match self {
            Self::Media(route) => route.methods(),
            Self::Socket(_) | Self::Other => READ,
            Self::Server => ANY,
        }
    }
}

/// What some resource takes.
const ANY: &[Method] = &[
    Method::GET,
    Method::HEAD,
    Method::POST,
    Method::DELETE,
    Method::OPTIONS,
];

/// What only reads.
const READ: &[Method] = &[Method::GET, Method::HEAD, Method::OPTIONS];

/// What a path asks for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Route {
    /// An endless stream, `/{app}/{stream}` and the ending of a form: `.flv`, `.ts`, and `.weir` for
    /// other nodes.
    Live {
        /// App, all levels.
        app: String,
        /// The stream's name, without ending.
        stream: String,
        /// The form with this ending.
        form: &'static dyn Form,
    },
    /// `/relay/{app}/{stream}`: another node hands a stream on to this one.
    Relay {
        /// App, all levels.
        app: String,
        /// The stream's name, without ending.
        stream: String,
    },
    /// `/{app}/{stream}.m3u8`: the multivariant playlist.
    Multivariant {
        /// App, all levels.
        app: String,
        /// The stream's name, without ending.
        stream: String,
    },
    /// A media playlist or a piece of one, under `/{app}/{stream}/`.
    Hls {
        /// App, all levels.
        app: String,
        /// The stream's name, without ending.
        stream: String,
        /// Which file.
        file: HlsFile,
    },
    /// `/r/{id}/{file}`, `/r/{id}.mp4`: a recording.
    Replay {
        /// Which one.
        id: Id,
        /// Which file of it.
        file: ReplayFile,
    },
    /// `/slsp/{app}/{stream}`: publishing over a WebSocket.
    Slsp {
        /// App, all levels.
        app: String,
        /// The stream's name, without ending.
        stream: String,
    },
    /// Not media.
    Other,
}

impl Route {
    /// The methods it takes. A resource that is published or changed by requests says so here.
    pub const fn methods(&self) -> &'static [Method] {
        match self {
            Self::Live { .. }
            | Self::Relay { .. }
            | Self::Multivariant { .. }
            | Self::Hls { .. }
            | Self::Replay { .. }
            | Self::Slsp { .. }
            | Self::Other => READ,
        }
    }
}

/// Reads a raw (percent-encoded) path.
pub fn route(path: &str) -> Route {
    if path.len() > MAX_PATH_BYTES {
        return Route::Other;
    }
    let Ok(path) = percent_decode_str(path.trim_start_matches('/')).decode_utf8() else {
        return Route::Other;
    };
    let Some((folder, file)) = path.rsplit_once('/') else {
        return Route::Other;
    };
    let below = |form: StreamPath| {
        let (app, stream) = form.read(&path)?;
        Some((app.to_owned(), stream.to_owned()))
    };
    if let Some((app, stream)) = below(StreamPath::SLSP) {
        return Route::Slsp { app, stream };
    }
    if let Some((app, stream)) = below(StreamPath::RELAY) {
        return Route::Relay { app, stream };
    }
    if let Some(id) = folder.strip_prefix("r/")
        && let (Ok(id), Some(file)) = (id.parse(), ReplayFile::parse(file))
    {
        return Route::Replay { id, file };
    }
    if folder == "r"
        && let Some(Ok(id)) = file.strip_suffix(".mp4").map(str::parse)
    {
        let file = ReplayFile::Whole;
        return Route::Replay { id, file };
    }
    let first = folder.split('/').next().unwrap_or_default();
    if StreamName::is_reserved(first) {
        return Route::Other;
    }
    if let Some(hls_file) = HlsFile::parse(file)
        && let Some((app, stream)) = folder.rsplit_once('/')
    {
        return Route::Hls {
            app: app.into(),
            stream: stream.into(),
            file: hls_file,
        };
    }
    if let Some((form, app, stream)) = forms::of_path(&path) {
        return Route::Live {
            app: app.into(),
            stream: stream.into(),
            form,
        };
    }
    match below(StreamPath::HLS) {
        Some((app, stream)) => Route::Multivariant { app, stream },
        None => Route::Other,
    }
}

#[cfg(test)]
mod tests {
    use weir_media::hls;

    use super::*;
    use crate::deliver::forms::flv::Flv;
    use crate::deliver::forms::lengths::Lengths;
    use crate::deliver::forms::relay::Relay;
    use crate::deliver::forms::ts::Ts;

    fn live(app: &str, stream: &str, form: &'static dyn Form) -> Route {
        Route::Live {
            app: app.into(),
            stream: stream.into(),
            form,
        }
    }

    #[test]
    fn media_is_told_by_its_ending() {
        assert_eq!(route("/live/demo.flv"), live("live", "demo", &Flv));
        assert_eq!(route("/a/b/demo.x.ts"), live("a/b", "demo.x", &Ts));
        assert_eq!(route("/live/demo.lengths"), live("live", "demo", &Lengths));
        assert_eq!(
            route("/live/%E7%9B%B4%E6%92%AD.flv"),
            live("live", "直播", &Flv)
        );
        assert_eq!(
            route("/live/demo.m3u8"),
            Route::Multivariant {
                app: "live".into(),
                stream: "demo".into()
            }
        );
        let playlist = Route::Hls {
            app: "live".into(),
            stream: "demo".into(),
            file: HlsFile::Playlist(hls::Container::Ts, hls::Selection::Both),
        };
        assert_eq!(route("/live/demo/ts.m3u8"), playlist);
    }

    #[test]
    fn slsp_has_a_level_of_its_own() {
        let slsp = |app: &str, stream: &str| Route::Slsp {
            app: app.into(),
            stream: stream.into(),
        };
        assert_eq!(route("/slsp/live/x"), slsp("live", "x"));
        assert_eq!(route("/slsp/a/b/x.flv"), slsp("a/b", "x.flv"));
        assert_eq!(route("/slsp/x"), slsp("", "x"));
        assert_eq!(route("/slspx/x.flv"), live("slspx", "x", &Flv));
    }

    #[test]
    fn nodes_have_a_form_and_a_level_of_their_own() {
        let relay = Route::Relay {
            app: "a/b".into(),
            stream: "x.flv".into(),
        };
        assert_eq!(route("/relay/a/b/x.flv"), relay);
        assert_eq!(route("/live/x.weir"), live("live", "x", &Relay));
    }

    #[test]
    fn pages_are_not_media() {
        for path in [
            "/",
            "/watch/live/demo",
            "/api/v1/streams",
            "/demo.flv",
            "/assets/x.ts",
            "/live/demo.html",
            "/%ff/x.flv",
        ] {
            assert_eq!(route(path), Route::Other, "{path}");
        }
    }

    #[test]
    fn no_stream_is_called_like_a_file_of_hls() {
        for file in [
            "hls.m3u8",
            "ts.m3u8",
            "video.m3u8",
            "audio.m3u8",
            "init-e-1.mp4",
            "seg-e-1.m4s",
            "seg-e-1.ts",
            "part-e-1-0.m4s",
            "key-e-1.key",
        ] {
            assert!(HlsFile::parse(file).is_some(), "{file}");
            let stem = file.rsplit_once('.').unwrap().0;
            let refused = StreamName::new("", "live", stem).unwrap_err();
            assert_eq!(refused.code, weir_base::Code::AppDisabled, "{stem}");
        }
    }

    #[test]
    fn a_bad_name_is_refused_with_the_same_code_as_over_rtmp() {
        for (path, rtmp) in [
            ("/live/a%00b.flv", "a%00b"),
            ("/live/a%5Cb.flv", "a%5Cb"),
            ("/live/..%2e.flv", "..%2e"),
            ("/live/100%25.flv", "100%25"),
        ] {
            let Route::Live { app, stream, .. } = route(path) else {
                panic!("{path} is no media")
            };
            let http = StreamName::new("", &app, &stream).unwrap_err();
            let rtmp = weir_proto::rtmp::Target::new("rtmp://h/live", "live", rtmp);
            assert_eq!(http.code, weir_base::Code::NotFound, "{path}");
            assert_eq!(rtmp.unwrap_err(), http, "{path}");
        }
    }
}
