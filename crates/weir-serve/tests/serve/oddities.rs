//! Whatever the ingest accepts, each form of it is decoded by FFmpeg without a word of complaint and
//! shows the very pictures that were sent, or is refused in words.

use std::collections::{HashMap, VecDeque};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use tokio::runtime::Runtime;
use weir_serve::config::HlsConfig;
use weir_testkit::in_process::{RunningServer, ServerSetup};
use weir_testkit::oddity::clip::Cutting;
use weir_testkit::oddity::exchange::{OddForm, Outcome, Places, Taken, exchange};
use weir_testkit::oddity::judge::{Exhibit, Shown, decode, differs};
use weir_testkit::oddity::{OddDice, OddInput, inputs, plain};
use weir_testkit::tools::{Tool, have};

/// Pairs of oddities beside each alone.
const PAIRS: usize = 30;
/// What the pairs are rolled from; `WEIR_ODDITY_SEED` rolls others.
const SEED: u64 = 9;
/// Publishers at once.
const AT_ONCE: usize = 20;
const CODEC_UNSUPPORTED: u64 = 3006;

type Pictures = Vec<(f64, String)>;

#[test]
fn every_oddity_comes_out_of_every_form_as_it_was_or_is_refused_in_words() {
    if !have(&[Tool::Ffmpeg, Tool::Ffmpeg9]) {
        return;
    }
    let seed = std::env::var("WEIR_ODDITY_SEED").ok();
    let seed = seed.and_then(|seed| seed.parse().ok()).unwrap_or(SEED);
    let only = std::env::var("WEIR_ODDITY").unwrap_or_default();
    println!("WEIR_ODDITY_SEED={seed}");
    let target = Path::new(env!("CARGO_TARGET_TMPDIR"));
    let cutting = Cutting::new(target);
    let inputs = inputs(&cutting, &mut OddDice(seed), PAIRS);
    assert!(inputs.len() >= 60, "{} inputs", inputs.len());
    let inputs: Vec<_> = inputs
        .into_iter()
        .filter(|input| input.title().contains(&only))
        .collect();

    println!("{} inputs", inputs.len());
    let folder = target.join("oddities");
    std::fs::create_dir_all(&folder).unwrap();
    let outcomes = run(&inputs);
    let mut wrong = Vec::new();
    let mut exhibits = Vec::new();
    for (input, outcome) in inputs.iter().zip(&outcomes) {
        match outcome {
            Err(words) => wrong.push(format!("{}: not taken: {words}", input.title())),
            Ok(forms) => {
                for (form, taken) in forms {
                    match file(&folder, input, *form, taken) {
                        Ok(more) => {
                            exhibits.extend(more.into_iter().map(|one| (input, *form, one)));
                        }
                        Err(words) => wrong.push(words),
                    }
                }
            }
        }
    }
    let clips = clips(&cutting, &folder, &inputs);
    wrong.extend(judge(&exhibits, &clips));
    assert!(
        wrong.is_empty(),
        "{} of {} inputs' forms are wrong (WEIR_ODDITY_SEED={seed}):\n{}",
        wrong.len(),
        inputs.len(),
        wrong.join("\n")
    );
}

/// Publishes them all to one server.
fn run(inputs: &[OddInput]) -> Vec<Outcome> {
    let runtime = Runtime::new().unwrap();
    let in_runtime = runtime.enter();
    let mut setup = ServerSetup::default();
    setup.hub.ring_ms = 60_000;
    // A clip is sent at once: nobody is too slow for that.
    setup.delivery.lag_ms = 60_000;
    setup.config.hls = HlsConfig {
        segment_ms: 1_000,
        part_ms: 200,
        window_segments: 30,
        ..setup.config.hls
    };
    let RunningServer {
        services,
        rtmp,
        http,
    } = setup.start();
    drop(in_runtime);
    let places = Places {
        rtmp: rtmp[0],
        http: http[0],
    };
    let waiting: Mutex<VecDeque<_>> = Mutex::new(inputs.iter().enumerate().collect());
    let done = Mutex::new(HashMap::new());
    std::thread::scope(|scope| {
        for _ in 0..AT_ONCE {
            scope.spawn(|| {
                loop {
                    let next = waiting
                        .lock()
                        .unwrap_or_else(PoisonError::into_inner)
                        .pop_front();
                    let Some((at, input)) = next else { return };
                    let outcome = exchange(input, places);
                    done.lock()
                        .unwrap_or_else(PoisonError::into_inner)
                        .insert(at, outcome);
                }
            });
        }
    });
    services.core.shutdown.stop();
    runtime.shutdown_timeout(std::time::Duration::from_secs(5));
    let mut done = done.into_inner().unwrap();
    (0..inputs.len())
        .map(|at| done.remove(&at).unwrap())
        .collect()
}

/// Writes what was taken to files, after a look at whether a refusal is right.
fn file(
    folder: &Path,
    input: &OddInput,
    form: OddForm,
    taken: &Taken,
) -> Result<Vec<Exhibit>, String> {
    let title = format!("{}, {form:?}", input.title());
    let is_refused = input.not_in_ts && form.is_ts();
    let files = match taken {
        Err((code, words)) if is_refused && *code == CODEC_UNSUPPORTED && words.len() > 10 => {
            return Ok(Vec::new());
        }
        Err((code, words)) => return Err(format!("{title}: refused with {code}: {words}")),
        Ok(_) if is_refused => return Err(format!("{title}: not refused")),
        Ok(files) => files,
    };
    let ending = match form {
        OddForm::Flv | OddForm::Rtmp => "flv",
        OddForm::Ts | OddForm::HlsTs => "ts",
        OddForm::HlsFmp4 => "mp4",
    };
    let exhibit = |(at, bytes): (usize, &Vec<u8>)| {
        let name = format!("{}-{form:?}-{at}.{ending}", input.number);
        let file = folder.join(name);
        std::fs::write(&file, bytes).unwrap();
        Exhibit {
            title: title.clone(),
            file,
            // Whatever is not H.264 with AAC or MP3.
            is_enhanced: ending == "flv" && is_enhanced(input),
            has_sound: !input.mute,
        }
    };
    Ok(files.iter().enumerate().map(exhibit).collect())
}

fn is_enhanced(input: &OddInput) -> bool {
    use weir_media::{AudioCodec, VideoCodec};
    let clip = &input.draft.clip;
    let video = clip.pictures.as_ref().map(|pictures| pictures.codec);
    let audio = clip.sound.as_ref().map(|sound| sound.codec);
    video != Some(VideoCodec::H264) || !matches!(audio, Some(AudioCodec::Aac | AudioCodec::Mp3))
}

/// The pictures of each clip, as FFmpeg shows the clip itself.
fn clips(cutting: &Cutting, folder: &Path, inputs: &[OddInput]) -> HashMap<String, Pictures> {
    let mut names: Vec<_> = inputs
        .iter()
        .flat_map(|input| input.pictures.clone())
        .collect();
    names.sort_unstable();
    names.dedup();
    let exhibits: Vec<_> = names
        .iter()
        .map(|name| {
            let file: PathBuf = folder.join(format!("clip-{name}.flv"));
            std::fs::write(&file, plain(cutting.pictures(name))).unwrap();
            Exhibit {
                title: name.clone(),
                file,
                is_enhanced: true,
                has_sound: false,
            }
        })
        .collect();
    let shown = decode(&exhibits);
    for (exhibit, shown) in exhibits.iter().zip(&shown) {
        assert_eq!(shown.words, "", "the clip {}", exhibit.title);
    }
    let pictures = shown.into_iter().map(|shown| shown.pictures);
    names.into_iter().zip(pictures).collect()
}

fn judge(
    exhibits: &[(&OddInput, OddForm, Exhibit)],
    clips: &HashMap<String, Pictures>,
) -> Vec<String> {
    let files: Vec<_> = exhibits
        .iter()
        .map(|(_, _, exhibit)| exhibit.clone())
        .collect();
    let shown = decode(&files);
    let mut wrong = Vec::new();
    let mut whole: HashMap<(usize, OddForm), Shown> = HashMap::new();
    for ((input, form, exhibit), shown) in exhibits.iter().zip(&shown) {
        if !shown.words.is_empty() {
            let words: Vec<_> = shown.words.lines().take(3).collect();
            wrong.push(format!("{}: {}", exhibit.title, words.join(" | ")));
        }
        let all = whole.entry((input.number, *form)).or_default();
        all.pictures.extend(shown.pictures.clone());
        all.sounds += shown.sounds;
    }
    for (input, form, exhibit) in exhibits {
        let Some(shown) = whole.remove(&(input.number, *form)) else {
            continue;
        };
        if !input.mute && shown.sounds < 10 {
            wrong.push(format!("{}: {} sounds", exhibit.title, shown.sounds));
        }
        let expected: Pictures = input
            .pictures
            .iter()
            .flat_map(|name| clips[name].clone())
            .collect();
        let compares_times = !input.loose_times && input.pictures.len() == 1;
        if let Some(words) = differs(&expected, &shown.pictures, compares_times) {
            wrong.push(format!("{}: {words}", exhibit.title));
        }
    }
    wrong
}
