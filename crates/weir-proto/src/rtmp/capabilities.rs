//! What the two ends tell each other about codecs (Enhanced RTMP v2, "Enhancing NetConnection
//! connect Command").

use weir_media::amf::Value;
use weir_media::{AudioCodec, VideoCodec};

use super::command::Command;

/// `capsEx`: the client follows reconnect requests.
pub const CAPS_EX_RECONNECT: u8 = 0x01;
/// `capsEx`: multitrack messages are understood.
pub const CAPS_EX_MULTITRACK: u8 = 0x02;
/// `capsEx`: ModEx packets are understood.
pub const CAPS_EX_MOD_EX: u8 = 0x04;
/// `capsEx`: the nanosecond offset in ModEx is understood.
pub const CAPS_EX_TIMESTAMP_NANO_OFFSET: u8 = 0x08;

/// In the FourCC maps: can decode, or can pass on without decoding.
const MASK_CAN_DECODE_OR_FORWARD: u32 = 0x01 | 0x04;
/// The major version of SRS from which on it reads `hvc1`.
const FIRST_SRS_WITH_HEVC: u32 = 6;
/// All three capabilities.
const MASK_ALL: f64 = 7.0;

/// The properties of `connect` that only Enhanced RTMP knows.
const ANNOUNCEMENTS: [&str; 4] = [
    "fourCcList",
    "videoFourCcInfoMap",
    "audioFourCcInfoMap",
    "capsEx",
];
const VIDEO_FOURCCS: [(&str, VideoCodec); 4] = [
    ("avc1", VideoCodec::H264),
    ("hvc1", VideoCodec::Hevc),
    ("av01", VideoCodec::Av1),
    ("vp09", VideoCodec::Vp9),
];
const AUDIO_FOURCCS: [(&str, AudioCodec); 6] = [
    ("mp4a", AudioCodec::Aac),
    ("Opus", AudioCodec::Opus),
    (".mp3", AudioCodec::Mp3),
    ("ac-3", AudioCodec::Ac3),
    ("ec-3", AudioCodec::Eac3),
    ("fLaC", AudioCodec::Flac),
];

/// What a peer announced in `connect`. H.264, AAC and MP3 need no announcement.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Capabilities {
    /// One bit per row of the table.
    video: u8,
    audio: u8,
    /// The bits of `capsEx`.
    pub caps_ex: u8,
    /// 0 for AMF0, 3 for AMF3.
    pub object_encoding: u8,
    /// It said anything at all of Enhanced RTMP.
    pub announced: bool,
}

impl Default for Capabilities {
    fn default() -> Self {
        let mut capabilities = Self {
            video: 0,
            audio: 0,
            caps_ex: 0,
            object_encoding: 0,
            announced: false,
        };
        for legacy in ["avc1", "mp4a", ".mp3"] {
            capabilities.add(legacy);
        }
        capabilities
    }
}

impl Capabilities {
    /// Whether the peer takes this video codec.
    pub fn can_video(&self, codec: VideoCodec) -> bool {
        let row = VIDEO_FOURCCS.iter().position(|(_, known)| *known == codec);
        row.is_some_and(|row| self.video & 1 << row != 0)
    }

    /// Whether the peer takes this audio codec.
    pub fn can_audio(&self, codec: AudioCodec) -> bool {
        let row = AUDIO_FOURCCS.iter().position(|(_, known)| *known == codec);
        row.is_some_and(|row| self.audio & 1 << row != 0)
    }

    /// Whether the peer follows [`ask_to_reconnect`](super::RtmpServerSession::ask_to_reconnect).
    pub const fn can_reconnect(&self) -> bool {
        self.caps_ex & CAPS_EX_RECONNECT != 0
    }

    /// Reads the command object of `connect`, or the properties of its result.
    pub(super) fn from_object(object: &Value) -> Self {
        let mut capabilities = Self::default();
        if let Some(list) = object.property("fourCcList") {
            let single = std::slice::from_ref(list);
            let list = match list {
                Value::StrictArray(values) => values,
                _ => single,
            };
            let names = list.iter().filter_map(Value::as_str);
            names.for_each(|name| capabilities.add(name));
            let mapped = list
                .iter()
                .flat_map(|value| value.properties().unwrap_or(&[]));
            let names = mapped.filter_map(|(_, value)| value.as_str());
            names.for_each(|name| capabilities.add(name));
        }
        for (map, is_video) in [("videoFourCcInfoMap", true), ("audioFourCcInfoMap", false)] {
            let entries = object.property(map).and_then(Value::properties);
            for (name, mask) in entries.unwrap_or_default() {
                if flags(mask) & MASK_CAN_DECODE_OR_FORWARD != 0 {
                    capabilities.add_one(name, is_video, !is_video);
                }
            }
        }
        capabilities.announced = ANNOUNCEMENTS
            .iter()
            .any(|name| object.property(name).is_some());
        capabilities.caps_ex = object.property("capsEx").map_or(0, byte);
        capabilities.object_encoding = object.property("objectEncoding").map_or(0, byte);
        capabilities
    }

    /// Reads a whole `connect`: what it announces, and what is known of who sends such a one.
    pub(super) fn from_connect(command: &Command) -> Self {
        let mut capabilities = Self::from_object(&command.object);
        if passes_hevc_on(command) {
            capabilities.add("hvc1");
        }
        capabilities
    }

    fn add(&mut self, name: &str) {
        self.add_one(name, true, true);
    }

    /// `*` stands for every codec there is; unknown names say nothing.
    fn add_one(&mut self, name: &str, video: bool, audio: bool) {
        for (row, (fourcc, _)) in VIDEO_FOURCCS.iter().enumerate() {
            if video && (name == "*" || name == *fourcc) {
                self.video |= 1 << row;
            }
        }
        for (row, (fourcc, _)) in AUDIO_FOURCCS.iter().enumerate() {
            if audio && (name == "*" || name == *fourcc) {
                self.audio |= 1 << row;
            }
        }
    }
}

/// Whether a relay asks that announces nothing and passes HEVC on in Enhanced RTMP's form: an edge of SRS
/// from release 6 on, which says so in the optional arguments of `connect`; and SRS's proxy, whose `connect`
/// names nothing but its `tcUrl`, and which reads no media.
fn passes_hevc_on(command: &Command) -> bool {
    let said = |name| {
        command
            .arguments
            .iter()
            .find_map(|value| value.property(name))
    };
    if let Some(version) = said("srs_version").and_then(Value::as_str) {
        let major = version.split('.').next().unwrap_or_default();
        return major
            .parse()
            .is_ok_and(|major: u32| major >= FIRST_SRS_WITH_HEVC);
    }
    match command.object.properties() {
        Some([(name, _)]) => name == "tcUrl",
        _ => false,
    }
}

/// Our own capabilities as properties: everything, from and to everybody.
pub(super) fn announcement(caps_ex: u8) -> Vec<(String, Value)> {
    let video = VIDEO_FOURCCS.iter().map(|(fourcc, _)| *fourcc);
    let audio = AUDIO_FOURCCS.iter().map(|(fourcc, _)| *fourcc);
    let list = video
        .clone()
        .chain(audio.clone())
        .map(Value::from)
        .collect();
    let all = |fourcc| (fourcc, Value::Number(MASK_ALL));
    vec![
        ("fourCcList".to_owned(), Value::StrictArray(list)),
        (
            "videoFourCcInfoMap".to_owned(),
            Value::object(video.map(all)),
        ),
        (
            "audioFourCcInfoMap".to_owned(),
            Value::object(audio.map(all)),
        ),
        ("capsEx".to_owned(), Value::Number(caps_ex.into())),
    ]
}

/// A number as bit flags; what is none or too large has no flags.
fn flags(value: &Value) -> u32 {
    let number = value.as_f64().unwrap_or_default();
    let valid = (0.0..=f64::from(u32::MAX)).contains(&number);
    if valid { number as u32 } else { 0 }
}

fn byte(value: &Value) -> u8 {
    let [.., low] = flags(value).to_be_bytes();
    low
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_client_that_says_nothing_has_the_legacy_codecs() {
        let capabilities = Capabilities::from_object(&Value::object([]));
        assert!(capabilities.can_video(VideoCodec::H264));
        assert!(capabilities.can_audio(AudioCodec::Aac));
        assert!(capabilities.can_audio(AudioCodec::Mp3));
        assert!(!capabilities.can_video(VideoCodec::Hevc));
        assert!(!capabilities.can_audio(AudioCodec::Opus));
    }

    fn connect(object: Value, arguments: Vec<Value>) -> Capabilities {
        Capabilities::from_connect(&Command {
            name: "connect".into(),
            transaction: 1.0,
            object,
            arguments,
        })
    }

    #[test]
    fn an_edge_of_srs_gets_hevc_from_the_release_on_that_reads_it() {
        let object = || {
            Value::object([
                ("app", "live".into()),
                ("flashVer", "WIN 15,0,0,239".into()),
            ])
        };
        let version =
            |text: &str| Value::object([("srs_sig", "SRS".into()), ("srs_version", text.into())]);
        let takes = |text| connect(object(), vec![version(text)]).can_video(VideoCodec::Hevc);
        assert!(takes("6.0.157") && takes("7.0.18") && takes("10.0.1"));
        assert!(!takes("5.0.213") && !takes("") && !takes("x.1"));
        let seven = connect(object(), vec![version("7.0.18")]);
        assert!(!seven.can_video(VideoCodec::Av1) && !seven.can_audio(AudioCodec::Opus));
        assert!(!connect(object(), vec![]).can_video(VideoCodec::Hevc));
    }

    #[test]
    fn the_proxy_of_srs_gets_hevc_and_a_player_that_says_more_does_not() {
        let url = || ("tcUrl", "rtmp://h/live".into());
        assert!(connect(Value::object([url()]), vec![]).can_video(VideoCodec::Hevc));
        let player = Value::object([url(), ("app", "live".into())]);
        assert!(!connect(player, vec![]).can_video(VideoCodec::Hevc));
        assert!(!connect(Value::Null, vec![]).can_video(VideoCodec::Hevc));
    }

    #[test]
    fn a_list_names_codecs_one_by_one() {
        let list = Value::StrictArray(vec![
            "hvc1".into(),
            "Opus".into(),
            "zzzz".into(),
            Value::Null,
        ]);
        let capabilities = Capabilities::from_object(&Value::object([("fourCcList", list)]));
        assert!(capabilities.can_video(VideoCodec::Hevc));
        assert!(!capabilities.can_video(VideoCodec::Av1));
        assert!(capabilities.can_audio(AudioCodec::Opus));
    }

    #[test]
    fn a_star_means_every_codec_of_its_kind() {
        let map = Value::object([("*", Value::Number(1.0))]);
        let capabilities = Capabilities::from_object(&Value::object([("videoFourCcInfoMap", map)]));
        assert!(capabilities.can_video(VideoCodec::Av1));
        assert!(!capabilities.can_audio(AudioCodec::Flac));
        let list = Value::StrictArray(vec!["*".into()]);
        let capabilities = Capabilities::from_object(&Value::object([("fourCcList", list)]));
        assert!(capabilities.can_audio(AudioCodec::Flac));
    }

    #[test]
    fn a_codec_that_can_only_be_encoded_cannot_be_played() {
        let map = Value::object([
            ("av01", Value::Number(2.0)),
            ("vp09", Value::Number(f64::NAN)),
        ]);
        let capabilities = Capabilities::from_object(&Value::object([("videoFourCcInfoMap", map)]));
        assert!(!capabilities.can_video(VideoCodec::Av1));
        assert!(!capabilities.can_video(VideoCodec::Vp9));
    }

    #[test]
    fn our_own_announcement_reads_back_as_everything() {
        let object = Value::Object(announcement(CAPS_EX_MOD_EX));
        let capabilities = Capabilities::from_object(&object);
        assert!(
            VIDEO_FOURCCS
                .iter()
                .all(|(_, codec)| capabilities.can_video(*codec))
        );
        assert!(
            AUDIO_FOURCCS
                .iter()
                .all(|(_, codec)| capabilities.can_audio(*codec))
        );
        assert_eq!(capabilities.caps_ex, CAPS_EX_MOD_EX);
    }
}
