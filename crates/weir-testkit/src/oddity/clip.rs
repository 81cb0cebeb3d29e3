//! Short clips, made by FFmpeg once and cut into access units: what the writers of containers bend.

use std::path::{Path, PathBuf};

use bytes::Bytes;
use weir_media::codec::avc::{self, AvcConfig};
use weir_media::codec::hevc::{self, HevcConfig};
use weir_media::codec::nal::Nals;
use weir_media::flv::{Depacketizer, Event, Reader};
use weir_media::{AudioCodec, FrameKind, TrackKind, Tracks, VideoCodec};

use crate::process::Process;
use crate::tools::Tool;

/// Seconds of a clip, with a keyframe each second.
const CLIP_S: &str = "2.4";
/// Seconds FFmpeg may take for one on a busy machine.
const MAKING_S: u64 = 120;

/// Pictures and sound, or one of them.
#[derive(Debug, Clone, Default)]
pub struct Clip {
    /// None where there is sound alone.
    pub pictures: Option<Pictures>,
    /// None where there are pictures alone.
    pub sound: Option<Sound>,
}

/// Pictures in the order of decoding.
#[derive(Debug, Clone)]
pub struct Pictures {
    /// Which codec.
    pub codec: VideoCodec,
    /// VPS, SPS and PPS of H.264 and HEVC.
    pub sets: Vec<Vec<u8>>,
    /// The decoder configuration record of other codecs.
    pub record: Vec<u8>,
    /// Their width and height in pixels.
    pub size: (u32, u32),
    /// One for each picture.
    pub units: Vec<Unit>,
}

/// Sound, packet by packet.
#[derive(Debug, Clone)]
pub struct Sound {
    /// Which codec.
    pub codec: AudioCodec,
    /// Its set-up as weir has it; empty where frames tell all.
    pub config: Vec<u8>,
    /// Samples per second.
    pub rate: u32,
    /// Number of channels.
    pub channels: u8,
    /// One for each packet.
    pub units: Vec<Unit>,
}

/// An access unit.
#[derive(Debug, Clone)]
pub struct Unit {
    /// When it is decoded, in microseconds.
    pub dts_us: i64,
    /// How much later it is shown.
    pub cts_us: i64,
    /// Decodable alone.
    pub key: bool,
    /// NAL units of H.264 and HEVC; one piece of anything else.
    pub parts: Vec<Vec<u8>>,
}

impl Unit {
    /// All pieces behind each other.
    pub fn whole(&self) -> Vec<u8> {
        self.parts.concat()
    }
}

impl Pictures {
    /// Whether units are NAL units.
    pub const fn has_nals(&self) -> bool {
        matches!(self.codec, VideoCodec::H264 | VideoCodec::Hevc)
    }

    /// The configuration record; `length_bytes`: what NAL units have in front; `with_sets`: whether it
    /// tells the parameter sets.
    pub fn config(&self, length_bytes: u8, with_sets: bool) -> Vec<u8> {
        let of = |kind: fn(&[u8]) -> u8, wanted: u8| -> Vec<Bytes> {
            let sets = self.sets.iter().filter(|set| kind(set) == wanted);
            sets.map(|set| Bytes::copy_from_slice(set)).collect()
        };
        let (mut record, length_at, sets_at) = match self.codec {
            VideoCodec::H264 => {
                let config = AvcConfig {
                    length_bytes: 4,
                    sps: of(avc::nal_type, 7),
                    pps: of(avc::nal_type, 8),
                };
                (config.build().unwrap().to_vec(), 4, 5)
            }
            VideoCodec::Hevc => {
                let config = HevcConfig {
                    length_bytes: 4,
                    vps: of(hevc::nal_type, 32),
                    sps: of(hevc::nal_type, 33),
                    pps: of(hevc::nal_type, 34),
                };
                (config.build().unwrap().to_vec(), 21, 22)
            }
            VideoCodec::Av1 | VideoCodec::Vp9 => return self.record.clone(),
        };
        record[length_at] = record[length_at] & 0xFC | (length_bytes - 1);
        if !with_sets {
            record.truncate(sets_at);
            record.extend_from_slice(match self.codec {
                VideoCodec::H264 => &[0xE0, 0],
                _ => &[0],
            });
        }
        record
    }
}

/// What FFmpeg makes a clip of: name, input and encoder.
struct Recipe {
    name: &'static str,
    input: &'static str,
    encoder: &'static str,
}

const fn recipe(name: &'static str, input: &'static str, encoder: &'static str) -> Recipe {
    Recipe {
        name,
        input,
        encoder,
    }
}

const X264: &str = "-c:v libx264 -preset ultrafast -g 25 -sc_threshold 0 -pix_fmt yuv420p";
const SCENE: &str = "testsrc2=s=128x96:r=25";
const TONE: &str = "sine=f=440:r=48000,aformat=channel_layouts=stereo";

/// Pictures there are. What stands between braces is [`X264`].
const PICTURES: &[Recipe] = &[
    recipe("h264", SCENE, "{} -bf 0 -tune zerolatency"),
    recipe(
        "h264-b",
        SCENE,
        "{} -preset veryfast -bf 3 -b_strategy 0 -x264-params b-pyramid=normal:ref=4",
    ),
    recipe(
        "h264-flat-b",
        SCENE,
        "{} -preset veryfast -bf 2 -b_strategy 0 -x264-params b-pyramid=none",
    ),
    // A keyframe of more than 64 KiB, which is more than a PES of sound or a chunk may have.
    recipe("h264-large", "testsrc2=s=640x360:r=25", "{} -bf 0 -qp 0"),
    recipe("h264-slices", SCENE, "{} -bf 0 -slices 4"),
    // So little in them that a length of one byte will do.
    recipe(
        "h264-tiny",
        "color=gray:s=32x32:r=25",
        "{} -bf 0 -crf 40 -x264-params bframes=0:no-info=1",
    ),
    recipe(
        "h264-other",
        "testsrc2=s=160x128:r=25",
        "{} -bf 0 -tune zerolatency",
    ),
    recipe("h264-one-group", SCENE, "{} -bf 0 -g 250"),
    recipe(
        "h264-growing-groups",
        SCENE,
        "{} -bf 0 -g 250 -force_key_frames 0,0.64,1.6",
    ),
    recipe(
        "h264-open-groups",
        SCENE,
        "{} -preset veryfast -bf 2 -b_strategy 0 -x264-params open-gop=1",
    ),
    recipe(
        "h264-interlaced",
        SCENE,
        "{} -bf 0 -flags +ilme+ildct -x264opts tff=1",
    ),
    recipe(
        "h264-444",
        SCENE,
        "-c:v libx264 -preset ultrafast -g 25 -pix_fmt yuv444p -bf 0",
    ),
    recipe(
        "hevc",
        SCENE,
        "-c:v libx265 -preset ultrafast -pix_fmt yuv420p -x265-params keyint=25:min-keyint=25:open-gop=0:bframes=0:scenecut=0:log-level=error",
    ),
    recipe(
        "hevc-b",
        SCENE,
        "-c:v libx265 -preset ultrafast -pix_fmt yuv420p -x265-params keyint=25:min-keyint=25:open-gop=0:bframes=3:scenecut=0:log-level=error",
    ),
    recipe(
        "av1",
        SCENE,
        "-c:v libsvtav1 -preset 12 -g 25 -svtav1-params pred-struct=1",
    ),
    recipe(
        "vp9",
        SCENE,
        "-c:v libvpx-vp9 -deadline realtime -cpu-used 8 -lag-in-frames 0 -g 25",
    ),
];

/// Sounds there are.
const SOUNDS: &[Recipe] = &[
    recipe("aac", TONE, "-c:a aac -b:a 64k"),
    recipe("aac-mono", "sine=r=44100", "-c:a aac -ac 1 -b:a 32k"),
    recipe("aac-8k", "sine=r=8000", "-c:a aac -ac 1 -b:a 16k"),
    recipe("aac-96k", "sine=r=96000", "-c:a aac -ac 2 -b:a 96k"),
    recipe("aac-3.0", TONE, "-af pan=3.0|FL=c0|FR=c1|FC=c0 -c:a aac"),
    recipe("aac-2.1", TONE, "-af pan=2.1|FL=c0|FR=c1|LFE=c0 -c:a aac"),
    recipe(
        "aac-5.1",
        TONE,
        "-af pan=5.1|FL=c0|FR=c1|FC=c0|LFE=c1|BL=c0|BR=c1 -c:a aac",
    ),
    recipe(
        "aac-5.1-side",
        TONE,
        "-af pan=5.1(side)|FL=c0|FR=c1|FC=c0|LFE=c1|SL=c0|SR=c1 -c:a aac",
    ),
    recipe(
        "aac-6.1",
        TONE,
        "-af pan=6.1|FL=c0|FR=c1|FC=c0|LFE=c1|BC=c0|SL=c0|SR=c1 -c:a aac",
    ),
    recipe(
        "aac-7.1-wide",
        TONE,
        "-af pan=7.1(wide)|FL=c0|FR=c1|FC=c0|LFE=c1|BL=c0|BR=c1|FLC=c0|FRC=c1 -c:a aac",
    ),
    recipe(
        "aac-7.1",
        TONE,
        "-af pan=7.1|FL=c0|FR=c1|FC=c0|LFE=c1|BL=c0|BR=c1|SL=c0|SR=c1 -c:a aac",
    ),
    recipe("opus", TONE, "-c:a libopus -b:a 64k"),
    recipe("opus-mono", TONE, "-c:a libopus -ac 1 -b:a 32k"),
    recipe(
        "opus-60ms",
        TONE,
        "-c:a libopus -frame_duration 60 -b:a 32k",
    ),
    recipe(
        "opus-5.1",
        TONE,
        "-af pan=5.1|FL=c0|FR=c1|FC=c0|LFE=c1|BL=c0|BR=c1 -c:a libopus -mapping_family 1 -b:a 128k",
    ),
    recipe(
        "opus-apart",
        TONE,
        "-c:a libopus -mapping_family 255 -b:a 64k",
    ),
    recipe("mp3", TONE, "-c:a libmp3lame -b:a 64k"),
    recipe("mp3-mono", "sine=r=22050", "-c:a libmp3lame -ac 1 -b:a 32k"),
    recipe("ac3", TONE, "-c:a ac3 -b:a 96k"),
    recipe("ac3-mono", TONE, "-c:a ac3 -ac 1 -b:a 64k"),
    recipe(
        "ac3-5.1",
        TONE,
        "-af pan=5.1|FL=c0|FR=c1|FC=c0|LFE=c1|BL=c0|BR=c1 -c:a ac3 -b:a 192k",
    ),
    recipe(
        "eac3-5.1",
        TONE,
        "-af pan=5.1|FL=c0|FR=c1|FC=c0|LFE=c1|BL=c0|BR=c1 -c:a eac3 -b:a 192k",
    ),
    recipe("flac", TONE, "-c:a flac -sample_fmt s16"),
];

/// The folder clips are made in, shared by all tests and kept between runs.
#[derive(Debug, Clone)]
pub struct Cutting {
    dir: PathBuf,
}

impl Cutting {
    /// In this folder.
    pub fn new(dir: &Path) -> Self {
        let dir = dir.join("oddity-clips");
        std::fs::create_dir_all(&dir).unwrap();
        Self { dir }
    }

    /// The pictures of this name.
    ///
    /// # Panics
    /// When there are none, or FFmpeg cannot make them.
    pub fn pictures(&self, name: &str) -> Pictures {
        let recipe = PICTURES.iter().find(|recipe| recipe.name == name);
        let (tracks, units) = self.cut(recipe.expect("pictures of this name"));
        let track = tracks.video.expect("a video track");
        let sets = match track.codec {
            VideoCodec::H264 => {
                let config = AvcConfig::parse(&track.config).unwrap();
                [config.sps, config.pps].concat()
            }
            VideoCodec::Hevc => {
                let config = HevcConfig::parse(&track.config).unwrap();
                [config.vps, config.sps, config.pps].concat()
            }
            VideoCodec::Av1 | VideoCodec::Vp9 => Vec::new(),
        };
        Pictures {
            codec: track.codec,
            sets: sets.iter().map(|set| set.to_vec()).collect(),
            record: track.config.to_vec(),
            size: (track.width, track.height),
            units,
        }
    }

    /// The sound of this name.
    ///
    /// # Panics
    /// When there is none, or FFmpeg cannot make it.
    pub fn sound(&self, name: &str) -> Sound {
        let recipe = SOUNDS.iter().find(|recipe| recipe.name == name);
        let (tracks, units) = self.cut(recipe.expect("a sound of this name"));
        let track = tracks.audio.expect("an audio track");
        Sound {
            codec: track.codec,
            config: track.config.to_vec(),
            rate: track.sample_rate,
            channels: track.channels,
            units,
        }
    }

    fn cut(&self, recipe: &Recipe) -> (Tracks, Vec<Unit>) {
        let file = self.dir.join(format!("{}.flv", recipe.name));
        // One maker at a time, over processes too.
        let lock = std::fs::File::create(file.with_extension("lock")).unwrap();
        rustix::fs::flock(&lock, rustix::fs::FlockOperation::LockExclusive).unwrap();
        if !file.is_file() {
            make(recipe, &file);
        }
        let (mut reader, mut depacketizer) = (Reader::default(), Depacketizer::default());
        reader.push(&std::fs::read(&file).unwrap());
        let (mut events, mut units) = (Vec::new(), Vec::new());
        while let Ok(Some(tag)) = reader.next() {
            depacketizer
                .push(tag.tag_type, tag.ts_ms, tag.body, &mut events)
                .unwrap();
        }
        let tracks = Tracks::clone(depacketizer.tracks());
        let has_nals = tracks
            .video
            .as_ref()
            .is_some_and(|track| matches!(track.codec, VideoCodec::H264 | VideoCodec::Hevc));
        for event in events {
            let Event::Frame(frame) = event else { continue };
            units.push(Unit {
                dts_us: frame.ts_us,
                cts_us: frame.cts_us.into(),
                key: frame.track == TrackKind::Audio || frame.kind == FrameKind::Key,
                parts: if has_nals {
                    Nals::new(&frame.payload).map(<[u8]>::to_vec).collect()
                } else {
                    vec![frame.payload.to_vec()]
                },
            });
        }
        assert!(units.len() > 10, "{}: {} units", recipe.name, units.len());
        (tracks, units)
    }
}

fn make(recipe: &Recipe, file: &Path) {
    let beside = file.with_extension("making.flv");
    let encoder = recipe.encoder.replace("{}", X264);
    let mut command = Tool::Ffmpeg9.command();
    command.args(["-v", "error", "-y", "-f", "lavfi", "-i", recipe.input]);
    command.args(["-t", CLIP_S]).args(encoder.split(' '));
    command
        .args(["-flvflags", "no_duration_filesize"])
        .arg(&beside);
    let log = file.with_extension("log");
    Process::spawn("ffmpeg makes a clip", &mut command, &log).succeed(MAKING_S);
    std::fs::rename(&beside, file).unwrap();
}

/// A track's header as weir has it, to be put into containers.
pub(super) fn tracks_of(clip: &Clip, video_config: &[u8]) -> Tracks {
    let video = clip.pictures.as_ref().map(|pictures| {
        let whole = Bytes::from(pictures.config(4, true));
        let mut track = weir_media::codec::video_track(pictures.codec, whole).unwrap();
        track.config = Bytes::copy_from_slice(video_config);
        (track.width, track.height) = pictures.size;
        track
    });
    let audio = clip.sound.as_ref().map(|sound| weir_media::AudioTrack {
        codec: sound.codec,
        config: Bytes::copy_from_slice(&sound.config),
        sample_rate: sound.rate,
        channels: sound.channels,
        rfc6381: String::new(),
    });
    Tracks { video, audio }
}
