//! Packages an FLV file as HLS: `package IN.flv OUT_DIR` writes `fmp4.m3u8`, `ts.m3u8`, their
//! encrypted twins with all their files, and `all.ts`, for a player or a validator to look at.

use std::error::Error;
use std::fs;
use std::path::Path;

use weir_media::flv::{self, depacketize::Event};
use weir_media::hls::{
    Container, EncryptionConfig, Name, Packager, PackagerConfig, PlaylistOptions, Resource,
    Selection,
};
use weir_media::{Frame, Item, ts};

fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments = std::env::args().skip(1);
    let (Some(input), Some(out)) = (arguments.next(), arguments.next()) else {
        return Err("usage: package IN.flv OUT_DIR".into());
    };
    fs::create_dir_all(&out)?;
    let out = Path::new(&out);
    let items = read_flv(&fs::read(input)?)?;
    write_hls(&items, Container::Fmp4, false, out, "fmp4.m3u8")?;
    write_hls(&items, Container::Fmp4, true, out, "aesfmp4.m3u8")?;
    if let Err(why) = write_ts(&items, out) {
        println!("no TS: {why}");
        return Ok(());
    }
    write_hls(&items, Container::Ts, false, out, "ts.m3u8")?;
    write_hls(&items, Container::Ts, true, out, "aests.m3u8")
}

fn read_flv(bytes: &[u8]) -> Result<Vec<Item>, Box<dyn Error>> {
    let mut reader = flv::read::Reader::default();
    let mut depacketizer = flv::depacketize::Depacketizer::default();
    let (mut events, mut items) = (Vec::new(), Vec::new());
    for chunk in bytes.chunks(1 << 20) {
        reader.push(chunk);
        while let Some(tag) = reader.next()? {
            depacketizer.push(tag.tag_type, tag.ts_ms, tag.body, &mut events)?;
        }
    }
    for event in events {
        match event {
            Event::Tracks(tracks) => items.push(Item::Tracks(tracks)),
            Event::Frame(raw) => items.push(Item::Frame(Frame {
                track: raw.track,
                dts_us: raw.ts_us,
                cts_us: raw.cts_us,
                kind: raw.kind,
                payload: raw.payload,
            })),
            _ => {}
        }
    }
    Ok(items)
}

fn write_hls(
    items: &[Item],
    container: Container,
    encrypt: bool,
    out: &Path,
    playlist: &str,
) -> Result<(), Box<dyn Error>> {
    let epoch = playlist.trim_end_matches(".m3u8").to_owned();
    let mut packager = Packager::new(PackagerConfig {
        container,
        segment_us: 2_000_000,
        part_us: Some(200_000),
        window_segments: usize::MAX,
        encryption: encrypt.then_some(EncryptionConfig {
            segments_per_key: 5,
        }),
        epoch: epoch.clone(),
        selection: Selection::Both,
    });
    let mut key = 0;
    for item in items {
        if packager.wants_key() {
            key += 1;
            packager.supply_key([key; 16]);
        }
        packager.push(item, 1_732_133_880_000_000)?;
    }
    let live = packager.media_playlist(&PlaylistOptions::default());
    fs::write(out.join(format!("live-{playlist}")), live)?;
    packager.end();
    fs::write(
        out.join(playlist),
        packager.media_playlist(&PlaylistOptions::default()),
    )?;
    let name = |resource| Name {
        epoch: epoch.clone(),
        selection: Selection::Both,
        resource,
    };
    for id in 0..100 {
        if let Some(init) = packager.init(id) {
            fs::write(out.join(name(Resource::Init { id }).to_string()), init)?;
        }
        if let Some(key) = packager.key(id) {
            fs::write(out.join(name(Resource::Key { id }).to_string()), key)?;
        }
    }
    for msn in 0..packager.head().msn {
        let resource = match container {
            Container::Fmp4 => Resource::Segment { msn },
            Container::Ts => Resource::TsSegment { msn },
        };
        let bytes = packager.segment(msn).ok_or("a segment is gone")?;
        fs::write(out.join(name(resource).to_string()), bytes.parts.concat())?;
    }
    println!(
        "{playlist}: {:?} {:?}",
        packager.head(),
        packager.bandwidth()
    );
    Ok(())
}

fn write_ts(items: &[Item], out: &Path) -> Result<(), Box<dyn Error>> {
    let (mut muxer, mut bytes) = (None, Vec::new());
    for item in items {
        match (item, &mut muxer) {
            (Item::Tracks(tracks), None) => {
                let mut fresh = ts::Muxer::new(tracks)?;
                fresh.put_tables(&mut bytes);
                muxer = Some(fresh);
            }
            (Item::Tracks(tracks), Some(muxer)) => {
                muxer.change_tracks(tracks)?;
                muxer.put_tables(&mut bytes);
            }
            (Item::Frame(frame), Some(muxer)) => muxer.put_frame(frame, &mut bytes),
            _ => {}
        }
    }
    let mut demuxer = ts::TsDemuxer::new();
    demuxer.push(&bytes);
    let (mut frames, mut tracks) = (0, 0);
    let mut count = |event| match event {
        ts::demux::TsEvent::Tracks(_) => tracks += 1,
        ts::demux::TsEvent::Frame(_) => frames += 1,
        ts::demux::TsEvent::LeftOut(_) => {}
    };
    while let Some(event) = demuxer.next()? {
        count(event);
    }
    demuxer.finish()?;
    while let Some(event) = demuxer.next()? {
        count(event);
    }
    let put = items
        .iter()
        .filter(|item| matches!(item, Item::Frame(_)))
        .count();
    println!(
        "all.ts: {put} frames in, {frames} out, {tracks} track sets, {} lost",
        demuxer.lost()
    );
    Ok(fs::write(out.join("all.ts"), bytes)?)
}
