//! Decodes keyframes on this node: a line of work for each codec and canvas, with one process each, started when it
//! is needed, ended when it is idle, and started anew after a fault.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;
use tokio::sync::{mpsc, oneshot};
use tokio::time::sleep;
use weir_base::{Backoff, BackoffPlan, Dice, Shutdown, Tasks};
use weir_media::VideoCodec;
use weir_media::codec::vp9;
use weir_media::lone::LonePicture;

use crate::canvas::Canvas;
use crate::decoder::{Broke, Decoder, Launcher, is_program};
use crate::shot::{Develop, Developing, Picture, Shot, Spoilt};
use crate::tally::Tally;

/// Shots that wait in one line: whoever takes them waits for their turn.
const IN_LINE: usize = 16;
/// A process that was not needed for so long is ended: it has some 60 MiB.
const IDLE: Duration = Duration::from_secs(60);
/// Pauses before a process is started again that made no picture.
const AGAIN: BackoffPlan = BackoffPlan {
    first: Duration::from_millis(100),
    cap: Duration::from_secs(5),
    steady: Duration::ZERO,
};

/// See the module's words. Clones share it.
#[derive(Clone)]
pub struct Darkroom(Arc<Inner>);

struct Inner {
    own: PathBuf,
    program: String,
    lines: Mutex<HashMap<(VideoCodec, Canvas), mpsc::Sender<Job>>>,
    tasks: Tasks,
    shutdown: Shutdown,
    tally: Arc<Tally>,
}

struct Job {
    shot: Shot,
    to: oneshot::Sender<Result<Picture, Spoilt>>,
}

impl Darkroom {
    /// `own` is this program, which becomes a decoder; `program` is FFmpeg's, as the settings name it.
    pub fn new(
        own: PathBuf,
        program: &str,
        (tasks, shutdown): (Tasks, Shutdown),
        tally: Arc<Tally>,
    ) -> Self {
        Self(Arc::new(Inner {
            own,
            program: program.to_owned(),
            lines: Mutex::default(),
            tasks,
            shutdown,
            tally,
        }))
    }

    fn launcher(&self) -> Result<Launcher, Spoilt> {
        let program = &self.0.program;
        let ffmpeg = find_program(program).ok_or_else(|| Spoilt::Away(missing(program)))?;
        Ok(Launcher {
            own: self.0.own.clone(),
            ffmpeg,
        })
    }

    fn line(&self, codec: VideoCodec, canvas: Canvas) -> mpsc::Sender<Job> {
        let mut lines = self.0.lines.lock();
        let line = lines.entry((codec, canvas)).or_insert_with(|| {
            let (to, jobs) = mpsc::channel(IN_LINE);
            let line = Line {
                room: self.clone(),
                canvas,
                decoder: None,
                failures: Backoff::new(AGAIN, Dice::system()),
            };
            let shutdown = self.0.shutdown.clone();
            self.0.tasks.spawn("darkroom", async move {
                tokio::select! {
                    () = line.run(jobs) => {}
                    () = shutdown.stopping() => {}
                }
            });
            to
        });
        line.clone()
    }
}

impl Develop for Darkroom {
    fn develop(&self, shot: Shot) -> Developing<'_> {
        Box::pin(async move {
            let canvas = canvas_of(&shot);
            let line = self.line(shot.track.codec, canvas);
            let (to, answer) = oneshot::channel();
            let closing = |_| Spoilt::Away("this node is stopping".to_owned());
            let job = Job { shot, to };
            line.send(job)
                .await
                .map_err(|_| Spoilt::Away("this node is stopping".to_owned()))?;
            answer.await.map_err(closing)?
        })
    }

    fn why_off(&self) -> Option<String> {
        find_program(&self.0.program)
            .is_none()
            .then(|| missing(&self.0.program))
    }
}

/// The program of this name: a path, or looked for in `PATH`.
pub fn find_program(name: &str) -> Option<PathBuf> {
    let is_path = name.contains('/');
    if is_path {
        let path = Path::new(name);
        return is_program(path).then(|| path.to_owned());
    }
    let path = std::env::var_os("PATH")?;
    let mut all = std::env::split_paths(&path).map(|folder| folder.join(name));
    all.find(|program| program.is_absolute() && is_program(program))
}

fn missing(program: &str) -> String {
    format!("{program} is not installed here, which decodes keyframes: apt-get install ffmpeg")
}

fn canvas_of(shot: &Shot) -> Canvas {
    let track = &shot.track;
    if track.codec == VideoCodec::Vp9
        && let Some(header) = vp9::KeyHeader::parse(&shot.payload)
    {
        return Canvas::of(header.width, header.height);
    }
    Canvas::of(track.width, track.height)
}

/// One after the other, so that what comes out is never another's.
struct Line {
    room: Darkroom,
    canvas: Canvas,
    decoder: Option<Decoder>,
    failures: Backoff,
}

impl Line {
    async fn run(mut self, mut jobs: mpsc::Receiver<Job>) {
        loop {
            tokio::select! {
                job = jobs.recv() => {
                    let Some(Job { shot, to }) = job else { return };
                    let developed = self.develop(&shot).await;
                    // Whoever waited may be gone.
                    let _ = to.send(developed);
                }
                () = sleep(IDLE), if self.decoder.is_some() => self.give_up().await,
            }
        }
    }

    async fn develop(&mut self, shot: &Shot) -> Result<Picture, Spoilt> {
        let lone = LonePicture::of(&shot.track, &shot.payload);
        let lone = lone.map_err(|error| Spoilt::Undecodable(error.to_string()))?;
        let mut has_failed = false;
        loop {
            let mut decoder = self.ready(shot).await?;
            let was_fresh = decoder.is_fresh();
            match decoder.develop(&lone).await {
                Ok(jpeg) => {
                    self.failures.worked(Duration::ZERO);
                    self.decoder = Some(decoder);
                    let canvas = self.canvas;
                    return Ok(Picture { jpeg, canvas });
                }
                Err(broke) => {
                    let ended = decoder.end().await;
                    tracing::debug!(stream = %shot.name, "a decoder made no picture: {broke} ({ended:?})");
                    // One that had others' pictures before may have died of those, or by somebody's hand: only
                    // one that has just shown that it works is believed, and not if it was killed.
                    let was_killed = ended.is_none_or(|ended| ended.code().is_none());
                    let is_told_twice = std::mem::replace(&mut has_failed, true);
                    if matches!(broke, Broke::Stopped)
                        && !is_told_twice
                        && (!was_fresh || was_killed)
                    {
                        continue;
                    }
                    sleep(self.failures.failed()).await;
                    return Err(Spoilt::Undecodable(broke.to_string()));
                }
            }
        }
    }

    /// The process that runs, or another one.
    async fn ready(&mut self, shot: &Shot) -> Result<Decoder, Spoilt> {
        if let Some(mut decoder) = self.decoder.take() {
            if decoder.is_running() && !decoder.is_old() {
                return Ok(decoder);
            }
            decoder.end().await;
        }
        let launcher = self.room.launcher()?;
        Tally::count(&self.room.0.tally.decoder_starts);
        let started = Decoder::start(&launcher, self.canvas, &shot.track);
        let mut decoder = started
            .map_err(|error| Spoilt::Away(format!("a decoder cannot be started: {error}")))?;
        // Before a stranger's keyframe is judged by it.
        if let Err(broke) = decoder.rehearse().await {
            let ended = decoder.end().await;
            let (codec, program) = (shot.track.codec.name(), &self.room.0.program);
            tracing::warn!("{program} decodes no {codec}: {broke} ({ended:?})");
            sleep(self.failures.failed()).await;
            let words =
                format!("{program} decodes no {codec} here: it has to be FFmpeg 5.1 or newer");
            return Err(Spoilt::Away(words));
        }
        Ok(decoder)
    }

    async fn give_up(&mut self) {
        if let Some(decoder) = self.decoder.take() {
            decoder.end().await;
        }
    }
}

impl std::fmt::Debug for Darkroom {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Darkroom({})", self.0.program)
    }
}
