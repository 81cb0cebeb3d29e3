//! Plays HLS: ordinary, and low-latency by parts where the server can block a reload.

mod playlist;

use std::time::Duration;

use aes::Aes128;
use anyhow::{Context, bail};
use bytes::Bytes;
use cbc::cipher::block_padding::Pkcs7;
use cbc::cipher::{BlockModeDecrypt, KeyIvInit};
use tokio::time::sleep;
use weir_media::Item;

use super::decode::{Fmp4Decoder, Sink, TsDecoder};
use super::http::WebClient;
use super::options::WatchOptions;
use playlist::{Key, MediaPlaylist, Playlist, Segment};
use weir_link::url::HttpUrl;

/// Reloads without anything new before the stream is taken for dead, in target durations.
const MAX_STALE_TARGETS: f64 = 5.0;
/// Where an ordinary player begins: target durations from the end (§6.3.3).
const HOLD_BACK_TARGETS: f64 = 3.0;
/// A multivariant playlist that leads to another one is a mistake.
const MAX_LEVELS: usize = 2;

/// Plays a stream into `sink`: its segments one after the other, each init segment before its own.
pub(crate) async fn watch(
    url: &HttpUrl,
    options: &WatchOptions,
    sink: &mut dyn Sink,
) -> anyhow::Result<()> {
    let client = WebClient::new(options.insecure);
    let (url, first) = find_media(&client, url, sink).await?;
    let mut player = Player {
        position: start_of(&first),
        url,
        client,
        ..Player::new()
    };
    let mut playlist = first;
    let mut stale = Duration::ZERO;
    loop {
        let before = player.position;
        player.play_listed(&playlist, sink).await?;
        if sink.is_done() || (playlist.ended && player.is_at_end(&playlist)) {
            return player.finish(sink);
        }
        let pause = player.reload_pause(&playlist, before != player.position);
        stale = if before == player.position {
            stale + pause.max(Duration::from_millis(50))
        } else {
            Duration::ZERO
        };
        if stale.as_secs_f64() > MAX_STALE_TARGETS * playlist.target_s.max(1.0) {
            bail!(
                "the playlist has not changed for {:.0} s",
                stale.as_secs_f64()
            );
        }
        sleep(pause).await;
        playlist = player.reload(&playlist).await?;
    }
}

async fn find_media(
    client: &WebClient,
    url: &HttpUrl,
    sink: &mut dyn Sink,
) -> anyhow::Result<(HttpUrl, MediaPlaylist)> {
    let mut url = url.clone();
    for _ in 0..MAX_LEVELS {
        let (text, from) = client.fetch(&url, &[]).await?;
        match Playlist::parse(&String::from_utf8_lossy(&text)).with_context(|| from.to_string())? {
            Playlist::Media(playlist) => return Ok((from, playlist)),
            Playlist::Multivariant {
                uri,
                has_separate_audio,
            } => {
                if has_separate_audio {
                    sink.note("the audio is a rendition of its own: only the video is read");
                }
                url = from.join(&uri)?;
            }
        }
    }
    bail!("{url}: a multivariant playlist leads to another one")
}

/// Which part of which segment is next.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord)]
struct Position {
    msn: u64,
    part: usize,
}

/// Near enough to the end to be live, far enough not to run dry.
fn start_of(playlist: &MediaPlaylist) -> Position {
    let mut left_s = 0.0;
    if let Some(hold_back_s) = playlist
        .part_hold_back_s
        .filter(|_| playlist.can_block && playlist.part_target_s.is_some())
    {
        for segment in playlist.segments.iter().rev() {
            for (part, listed) in segment.parts.iter().enumerate().rev() {
                left_s += listed.duration_s;
                if listed.independent && left_s >= hold_back_s {
                    return Position {
                        msn: segment.msn,
                        part,
                    };
                }
            }
        }
        left_s = 0.0;
    }
    for segment in playlist
        .segments
        .iter()
        .rev()
        .filter(|segment| !segment.uri.is_empty())
    {
        left_s += segment.duration_s;
        if left_s >= HOLD_BACK_TARGETS * playlist.target_s && !playlist.ended {
            return Position {
                msn: segment.msn,
                part: 0,
            };
        }
    }
    Position {
        msn: playlist.segments.first().map_or(0, |segment| segment.msn),
        part: 0,
    }
}

struct Player {
    client: WebClient,
    url: HttpUrl,
    position: Position,
    init: Option<String>,
    key: Option<(String, [u8; 16])>,
    fmp4: Fmp4Decoder,
    ts: TsDecoder,
    /// The segment whose discontinuity was told.
    told_msn: Option<u64>,
}

impl Player {
    fn new() -> Self {
        Self {
            client: WebClient::default(),
            url: HttpUrl {
                tls: false,
                host: String::new(),
                port: 0,
                path: String::new(),
            },
            position: Position::default(),
            init: None,
            key: None,
            fmp4: Fmp4Decoder::default(),
            ts: TsDecoder::default(),
            told_msn: None,
        }
    }

    async fn play_listed(
        &mut self,
        playlist: &MediaPlaylist,
        sink: &mut dyn Sink,
    ) -> anyhow::Result<()> {
        if let Some(first) = playlist.segments.first()
            && first.msn > self.position.msn
        {
            sink.note("the playlist went on without us: segments were missed");
            self.position = Position {
                msn: first.msn,
                part: 0,
            };
        }
        for segment in &playlist.segments {
            self.play_segment(segment, sink).await?;
            if sink.is_done() {
                break;
            }
        }
        Ok(())
    }

    async fn play_segment(&mut self, segment: &Segment, sink: &mut dyn Sink) -> anyhow::Result<()> {
        if segment.msn != self.position.msn {
            // Played already, or the one before is not complete yet.
            return Ok(());
        }
        if segment.discontinuity && self.told_msn != Some(segment.msn) {
            self.told_msn = Some(segment.msn);
            self.ts.finish(sink)?;
            self.ts = TsDecoder::default();
            sink.item(Item::Discontinuity)?;
        }
        self.set_init(segment, sink).await?;
        let is_complete = !segment.uri.is_empty();
        if is_complete && self.position.part == 0 {
            self.play_one(&segment.uri, segment, sink).await?;
        } else {
            for part in segment.parts.iter().skip(self.position.part) {
                self.play_one(&part.uri, segment, sink).await?;
                self.position.part += 1;
                if sink.is_done() {
                    return Ok(());
                }
            }
            if is_complete && self.position.part > segment.parts.len() {
                sink.note("parts were missed");
            }
        }
        if is_complete {
            self.position = Position {
                msn: segment.msn + 1,
                part: 0,
            };
        }
        Ok(())
    }

    async fn set_init(&mut self, segment: &Segment, sink: &mut dyn Sink) -> anyhow::Result<()> {
        if segment.init == self.init {
            return Ok(());
        }
        if let Some(uri) = &segment.init {
            let (init, _) = self.client.fetch(&self.url.join(uri)?, &[]).await?;
            sink.bytes(&init)?;
            self.fmp4.init(&init, sink)?;
        }
        self.init.clone_from(&segment.init);
        Ok(())
    }

    async fn play_one(
        &mut self,
        uri: &str,
        segment: &Segment,
        sink: &mut dyn Sink,
    ) -> anyhow::Result<()> {
        let (mut data, _) = self.client.fetch(&self.url.join(uri)?, &[]).await?;
        if let Some(key) = &segment.key {
            data = self
                .decrypt(key, &data)
                .await
                .with_context(|| uri.to_owned())?;
        }
        sink.bytes(&data)?;
        if segment.init.is_some() {
            self.fmp4.fragments(&data, sink)
        } else {
            self.ts.push(&data, sink)
        }
    }

    async fn decrypt(&mut self, key: &Key, data: &Bytes) -> anyhow::Result<Bytes> {
        let bytes = match &self.key {
            Some((uri, bytes)) if *uri == key.uri => *bytes,
            _ => {
                let (bytes, _) = self.client.fetch(&self.url.join(&key.uri)?, &[]).await?;
                let bytes = <[u8; 16]>::try_from(&bytes[..])
                    .ok()
                    .context("the key has not 16 bytes")?;
                self.key = Some((key.uri.clone(), bytes));
                bytes
            }
        };
        decrypt(bytes, key.iv, data)
    }

    fn is_at_end(&self, playlist: &MediaPlaylist) -> bool {
        playlist
            .segments
            .last()
            .is_none_or(|last| self.position.msn > last.msn)
    }

    /// How long to wait before asking again (§6.3.4); not at all where the server holds the answer.
    fn reload_pause(&self, playlist: &MediaPlaylist, has_moved: bool) -> Duration {
        if playlist.can_block && !playlist.ended {
            return Duration::ZERO;
        }
        let targets = if has_moved { 1.0 } else { 0.5 };
        Duration::from_secs_f64((playlist.target_s * targets).clamp(0.2, 30.0))
    }

    async fn reload(&mut self, playlist: &MediaPlaylist) -> anyhow::Result<MediaPlaylist> {
        let url = if playlist.can_block && !playlist.ended {
            let Position { msn, part } = self.position;
            let wanted = match playlist.part_target_s {
                Some(_) => format!("_HLS_msn={msn}&_HLS_part={part}"),
                None => format!("_HLS_msn={msn}"),
            };
            self.url.with_query(&wanted)
        } else {
            self.url.clone()
        };
        let (text, _) = self.client.fetch(&url, &[]).await?;
        match Playlist::parse(&String::from_utf8_lossy(&text))? {
            Playlist::Media(playlist) => Ok(playlist),
            Playlist::Multivariant { .. } => bail!("{url} became a multivariant playlist"),
        }
    }

    fn finish(mut self, sink: &mut dyn Sink) -> anyhow::Result<()> {
        self.ts.finish(sink)
    }
}

/// AES-128-CBC with PKCS#7 padding (§5.2).
fn decrypt(key: [u8; 16], iv: [u8; 16], data: &[u8]) -> anyhow::Result<Bytes> {
    let mut buffer = data.to_vec();
    let cipher = cbc::Decryptor::<Aes128>::new(&key.into(), &iv.into());
    let plain = cipher
        .decrypt_padded::<Pkcs7>(&mut buffer)
        .ok()
        .context("the segment cannot be decrypted: wrong key?")?;
    Ok(Bytes::copy_from_slice(plain))
}

#[cfg(test)]
mod tests {
    use super::playlist::Part;
    use super::*;

    fn parts(independent: &[bool]) -> Vec<Part> {
        independent
            .iter()
            .map(|&independent| Part {
                uri: "p".into(),
                duration_s: 0.5,
                independent,
            })
            .collect()
    }

    #[test]
    fn low_latency_begins_at_an_independent_part_behind_the_hold_back() {
        let segment = |msn, uri: &str, flags: &[bool]| Segment {
            msn,
            uri: uri.into(),
            parts: parts(flags),
            ..Segment::default()
        };
        let playlist = MediaPlaylist {
            can_block: true,
            part_target_s: Some(0.5),
            part_hold_back_s: Some(1.5),
            segments: vec![
                segment(4, "s", &[true, false, true, false]),
                segment(5, "", &[true, false]),
            ],
            ..MediaPlaylist::default()
        };
        assert_eq!(start_of(&playlist), Position { msn: 4, part: 2 });
    }

    #[test]
    fn ordinary_playing_begins_three_targets_from_the_end_and_a_recording_at_its_beginning() {
        let segments = (1..=6)
            .map(|msn| Segment {
                msn,
                duration_s: 2.0,
                uri: "s".into(),
                ..Segment::default()
            })
            .collect();
        let mut playlist = MediaPlaylist {
            target_s: 2.0,
            segments,
            ..MediaPlaylist::default()
        };
        assert_eq!(start_of(&playlist).msn, 4);
        playlist.ended = true;
        assert_eq!(start_of(&playlist).msn, 1);
    }

    #[test]
    fn segments_are_decrypted_and_broken_ones_refused() {
        use cbc::cipher::BlockModeEncrypt;
        let (key, iv) = ([7; 16], [9; 16]);
        let sealed = cbc::Encryptor::<Aes128>::new(&key.into(), &iv.into())
            .encrypt_padded_vec::<Pkcs7>(b"some segment");
        assert_eq!(decrypt(key, iv, &sealed).unwrap(), &b"some segment"[..]);
        assert!(
            decrypt(key, iv, b"not whole blocks").is_err() || decrypt(key, iv, b"short").is_err()
        );
    }
}
