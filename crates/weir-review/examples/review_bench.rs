//! How long a reviewer waits for a page of 20 stretches while 200 streams are live, and a picture for its place: rows in
//! SQLite, as a node has them that nobody has set up.
//! `cargo run --release -p weir-review --example review_bench`
#![expect(
    clippy::unwrap_used,
    reason = "a bench that cannot go on says so and stops"
)]

use bytes::Bytes;
use image::codecs::jpeg::JpegEncoder;
use image::{Rgb, RgbImage};
use weir_base::Clock;
use weir_review::{CLAIM_MS, Intake, LEAST_QUALITY, MAX_HELD};
use weir_store::review::{Claiming, Deciding};
use weir_store::snapshots::Snapshot;
use weir_store::{Config, Store};

/// Live streams.
const STREAMS: usize = 200;
/// Pictures of each.
const ROUNDS: usize = 5;
/// Tiles on a page.
const PAGE: u32 = 20;

#[tokio::main]
async fn main() {
    let dir = tempfile::tempdir().unwrap();
    let clock = Clock::real();
    let store = Store::open(&Config::default(), dir.path(), clock.clone())
        .await
        .unwrap();
    let intake = Intake::new(store.clone(), clock.clone(), 90, 0);
    let jpeg = jpeg();
    let mut taken = Vec::new();
    for number in 0..STREAMS * ROUNDS {
        let row = row(&store, &format!("live/{}", number % STREAMS));
        let began_us = clock.now_us();
        intake.take(&row, Some(jpeg.clone())).await.unwrap();
        taken.push(since_ms(&clock, began_us));
    }
    let (mut pages, mut verdicts) = (Vec::new(), Vec::new());
    loop {
        let began_us = clock.now_us();
        let (review, asked) = (
            store.review(),
            Claiming {
                reviewer: "bench",
                claim: "bench",
                good_for_ms: CLAIM_MS,
                is_lead: false,
                count: PAGE,
                most_held: MAX_HELD,
                apps: None,
            },
        );
        let items = review.claim(&asked).await.unwrap();
        if items.is_empty() {
            break;
        }
        let ids: Vec<_> = items.iter().map(|item| item.id.clone()).collect();
        store.review().some_pictures(&ids, 4).await.unwrap();
        pages.push(since_ms(&clock, began_us));
        let began_us = clock.now_us();
        for id in ids {
            let by = Deciding {
                reviewer: "bench",
                claim: "bench",
                verdict: "ok",
                reason: "",
                least_quality: LEAST_QUALITY.into(),
            };
            store.review().decide(&id, &by).await.unwrap().unwrap();
        }
        verdicts.push(since_ms(&clock, began_us));
    }
    let [taken, pages, verdicts] = [taken, pages, verdicts].map(spread);
    println!(
        "{{\"streams\":{STREAMS},\"picture_ms\":{taken},\"page_ms\":{pages},\"page_ok_ms\":{verdicts}}}"
    );
}

fn since_ms(clock: &Clock, began_us: i64) -> f64 {
    (clock.now_us() - began_us) as f64 / 1_000.0
}

/// The middle and the worst but one in a hundred.
fn spread(mut all: Vec<f64>) -> String {
    all.sort_unstable_by(f64::total_cmp);
    let at = |share: usize| all[(all.len() - 1) * share / 100];
    format!("{{\"p50\":{:.2},\"p99\":{:.2}}}", at(50), at(99))
}

fn row(store: &Store, stream: &str) -> Snapshot {
    Snapshot {
        user_id: String::new(),
        id: store.next_id().unwrap(),
        channel_id: String::new(),
        app: "live".to_owned(),
        stream: stream.to_owned(),
        session: String::new(),
        reason: "interval".to_owned(),
        fault: String::new(),
        object: String::new(),
        sha256: String::new(),
        bytes: 4,
        width: 640,
        height: 360,
        taken_ms: store.now_ms(),
    }
}

fn jpeg() -> Bytes {
    let picture = RgbImage::from_fn(640, 360, |x, y| {
        let ring = u8::try_from((x * x + y * y) / 200 % 256).unwrap();
        Rgb([ring, u8::try_from(x % 256).unwrap(), 60])
    });
    let mut file = Vec::new();
    picture
        .write_with_encoder(JpegEncoder::new_with_quality(&mut file, 85))
        .unwrap();
    file.into()
}
