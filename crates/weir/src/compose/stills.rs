//! Pictures of recordings, by a decoder like the one that makes those of live streams, and beside it.

use std::sync::Arc;

use anyhow::Context as _;
use weir_base::{Code, Refusal, StreamName};
use weir_record::stills::Keyframe;
use weir_serve::Services;
use weir_serve::hls::{Making, Stills};
use weir_snap::{Darkroom, Develop, Reason, Shot, Spoilt, Tally};

use crate::config::Config;

/// The services with somebody who makes them.
pub(super) fn added(services: Services, config: &Config) -> anyhow::Result<Services> {
    let core = &services.core;
    let own = std::env::current_exe().context("this program's own file cannot be found")?;
    let ends = (core.tasks.clone(), core.shutdown.clone());
    let tally = Arc::new(Tally::default());
    let darkroom = Darkroom::new(own, &config.snapshot.program, ends, tally);
    Ok(services.with_stills(Arc::new(Maker(darkroom))))
}

struct Maker(Darkroom);

impl Stills for Maker {
    fn picture(&self, stream: StreamName, key: Keyframe) -> Making<'_> {
        let shot = Shot {
            name: stream,
            reason: Reason::Asked,
            track: key.track,
            payload: key.payload,
            taken_ms: key.wall_ms,
            is_told: false,
        };
        Box::pin(async move {
            let made = self.0.develop(shot).await;
            made.map(|picture| picture.jpeg).map_err(|spoilt| {
                let code = match &spoilt {
                    Spoilt::Undecodable(_) => Code::CodecUnsupported,
                    Spoilt::Away(_) => Code::Unavailable,
                };
                Refusal::new(code, spoilt.to_string())
            })
        })
    }

    fn why_off(&self) -> Option<String> {
        self.0.why_off()
    }
}
