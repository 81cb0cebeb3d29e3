//! HLS on edges: what the owner packaged, byte for byte, asked of it once.
//! Shows R98.

mod world;

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::thread;
use std::time::Duration;

use weir_base::Code;
use weir_hub::{Grant, Protocol, RecordForm, RecordWish, Wishes};
use weir_media::{LeftOut, TrackKind};
use weir_testkit::http::{Request, Response, get};
use weir_testkit::wait::{Stopwatch, until};

use self::world::{FRAME_US, Node, SECRET, SIGNED, World};

/// What must be the same on every node.
fn essence(answer: &Response) -> (u16, Vec<Option<String>>, Vec<u8>) {
    const HEADERS: [&str; 7] = [
        "content-type",
        "content-length",
        "content-range",
        "content-encoding",
        "cache-control",
        "etag",
        "vary",
    ];
    let headers = HEADERS.map(|name| answer.header(name).map(str::to_owned));
    (answer.status, headers.to_vec(), answer.body.clone())
}

/// Names in a playlist that end like this.
fn names(playlist: &str, ending: &str) -> Vec<String> {
    let words = playlist.split(['"', '\n']);
    let names = words.filter(|word| word.ends_with(ending) && !word.starts_with('#'));
    let mut names: Vec<String> = names.map(str::to_owned).collect();
    names.dedup();
    names
}

fn misses(node: &Node) -> u64 {
    let counters = node.services.hls.edge().counters();
    counters.misses.load(Ordering::Relaxed)
}

#[test]
fn all_edges_say_what_the_origin_says() {
    let world = World::new();
    let origin = world.origin("o1");
    let near = world.edge("near", &[]);
    let below = world.edge("below", &[&near.url]);
    let mut film = origin.publish("x");
    film.play(250);
    for form in ["hls", "ts", "video", "audio"] {
        let list = format!("/live/x/{form}.m3u8");
        let own = get(&origin.at(&list));
        assert_eq!(own.status, 200, "{}", own.text());
        let text = own.text();
        let mut paths = vec![list];
        for ending in [".mp4", ".m4s", ".ts"] {
            let folder = |name| format!("/live/x/{name}");
            paths.extend(names(&text, ending).into_iter().map(folder));
        }
        // The last one is a hint: it is not there yet.
        paths
            .retain(|path| !text.contains(&format!("PRELOAD-HINT:TYPE=PART,URI=\"{}", &path[8..])));
        assert!(paths.len() > 3, "{text}");
        for path in paths {
            let own = essence(&get(&origin.at(&path)));
            for edge in [&near, &below] {
                assert_eq!(essence(&get(&edge.at(&path))), own, "{path}");
            }
        }
    }
    let segment = names(&get(&near.at("/live/x/hls.m3u8")).text(), ".m4s").remove(0);
    let segment = format!("/live/x/{segment}");
    let etag = format!("\"{}\"", &segment[8..]);
    for (name, value) in [
        ("Range", "bytes=5-14"),
        ("Range", "bytes=-3"),
        ("Range", "bytes=99999999-"),
        ("If-None-Match", etag.as_str()),
    ] {
        let asked = |node: &Node| Request::get(&node.at(&segment)).header(name, value).send();
        assert_eq!(
            essence(&asked(&near)),
            essence(&asked(&origin)),
            "{name}: {value}"
        );
    }
    for path in [
        "/live/x.m3u8",
        "/live/x.m3u8?split=1",
        "/live/x.m3u8?audio=0",
    ] {
        let asked = |node: &Node, coding| {
            let request = Request::get(&node.at(path));
            essence(&request.header("Accept-Encoding", coding).send())
        };
        for coding in ["gzip", "identity"] {
            assert_eq!(
                asked(&below, coding),
                asked(&origin, coding),
                "{path} {coding}"
            );
        }
    }
    let head = Request::get(&near.at(&segment)).method("HEAD").send();
    assert_eq!((head.status, head.body.len()), (200, 0));
    assert_eq!(head.header("etag"), Some(etag.as_str()));
}

#[test]
fn one_request_upstream_however_many_ask() {
    let world = World::new();
    let origin = world.origin("o1");
    let edge = world.edge("e1", &[]);
    let mut film = origin.publish("x");
    film.play(250);
    let text = get(&edge.at("/live/x/hls.m3u8")).text();
    let segment = format!("/live/x/{}", names(&text, ".m4s").remove(0));
    let before = (misses(&edge), origin.sent(Protocol::Relay));
    let viewers: Vec<_> = (0..60)
        .map(|_| {
            let url = edge.at(&segment);
            thread::spawn(move || get(&url))
        })
        .collect();
    let answers: Vec<_> = viewers.into_iter().map(|v| v.join().unwrap()).collect();
    let bytes = answers[0].body.len() as u64;
    assert!(
        answers
            .iter()
            .all(|answer| answer.status == 200 && answer.body == answers[0].body)
    );
    assert_eq!(misses(&edge) - before.0, 1);
    assert_eq!(origin.sent(Protocol::Relay) - before.1, bytes);
    assert_eq!(edge.sent(Protocol::Hls), 60 * bytes);
}

#[test]
fn a_connection_is_used_again_and_replaced_when_it_is_closed() {
    let world = World::new();
    let origin = world.origin("o1");
    let edge = world.edge("e1", &[]);
    let mut film = origin.publish("x");
    film.play(250);
    let text = get(&edge.at("/live/x/hls.m3u8")).text();
    for name in names(&text, ".mp4").iter().chain(&names(&text, ".ts")) {
        assert_eq!(get(&edge.at(&format!("/live/x/{name}"))).status, 200);
    }
    assert_eq!(edge.services.hls.edge().idle_connections(), 1);
    assert!(misses(&edge) >= 2);
    origin.stop();
    until("it is gone", 10, || {
        let (_, code) = get(&edge.at("/live/x/seg-e-1.m4s")).refusal();
        [3002, 5002].contains(&code).then_some(())
    });
    assert_eq!(edge.services.hls.edge().idle_connections(), 0);
}

#[test]
fn viewers_are_counted_where_they_are() {
    let world = World::new();
    let origin = world.origin("o1");
    let edge = world.edge("e1", &[]);
    let mut film = origin.publish("x");
    film.play(250);
    for agent in ["one", "two", "two"] {
        let request = Request::get(&edge.at("/live/x/hls.m3u8"));
        assert_eq!(request.header("User-Agent", agent).send().status, 200);
    }
    assert_eq!(edge.services.core.hub.audience().uncounted(), 2);
    let stream = origin.services.core.hub.find(&film.name).unwrap();
    assert_eq!(stream.viewers(Protocol::Hls), 0);
    assert!(
        edge.services.core.hub.find(&film.name).is_none(),
        "it was pulled"
    );
}

#[test]
fn a_viewer_of_hls_is_listed_and_kicked_where_it_is() {
    let world = World::new();
    let origin = world.origin("o1");
    let edge = world.edge("e1", &[]);
    let mut film = origin.publish("x");
    film.play(250);
    for node in [&origin, &edge] {
        let ask = |agent: &str, file: &str| {
            let request = Request::get(&node.at(&format!("/live/x{file}")));
            request.header("User-Agent", agent).send()
        };
        let text = ask("one", "/hls.m3u8").text();
        let piece = format!("/{}", names(&text, ".m4s")[0]);
        let bytes = ask("one", &piece).body.len() as u64;
        assert_eq!(ask("two", "/hls.m3u8").status, 200);
        let listed = node.services.core.hub.audience().list();
        let sent: Vec<u64> = listed.iter().map(|viewer| viewer.bytes()).collect();
        assert_eq!(sent, [bytes, 0]);
        listed[0].kick(Code::Operator);
        for file in [".m3u8", "/hls.m3u8", &piece] {
            let refused = ask("one", file);
            assert_eq!((refused.status, refused.refusal().1), (403, 4008));
        }
        assert_eq!(ask("two", &piece).status, 200);
        assert_eq!(node.services.core.hub.audience().len(), 1);
    }
}

#[test]
fn what_comes_next_is_waited_for_through_the_edge() {
    let world = World::new();
    let origin = world.origin("o1");
    let edge = world.edge("e1", &[]);
    let mut film = origin.publish("x");
    film.play(255);
    let text = get(&edge.at("/live/x/hls.m3u8")).text();
    let hint = text.split("PRELOAD-HINT:TYPE=PART,URI=\"").nth(1).unwrap();
    let hint = hint.split('"').next().unwrap().to_owned();
    let position: Vec<&str> = hint.trim_end_matches(".m4s").split('-').collect();
    let list = format!(
        "hls.m3u8?_HLS_msn={}&_HLS_part={}",
        position[2], position[3]
    );
    let waiting = [hint.clone(), list].map(|name| {
        let url = edge.at(&format!("/live/x/{name}"));
        thread::spawn(move || get(&url))
    });
    until("the origin holds both", 5, || {
        let held = edge.services.hls.edge().fetches();
        (held == 2).then_some(())
    });
    film.play(30);
    let [part, list] = waiting.map(|viewer| viewer.join().unwrap());
    assert_eq!((part.status, list.status), (200, 200));
    assert!(list.text().contains(&format!("URI=\"{hint}\"")));
    assert_eq!(get(&origin.at(&format!("/live/x/{hint}"))).body, part.body);
}

#[test]
fn a_signed_viewer_gets_his_query_into_every_address() {
    let world = World::new();
    let origin = world.origin("o1");
    let edge = world.edge("e1", &[]);
    let mut film = origin.publish("x");
    film.play(250);
    for list in [
        "/live/x.m3u8?split=1&",
        "/live/x/hls.m3u8?",
        "/live/x/audio.m3u8?",
    ] {
        let path = format!("{list}{SIGNED}");
        let (own, passed_on) = (get(&origin.at(&path)), get(&edge.at(&path)));
        assert_eq!(essence(&passed_on), essence(&own), "{path}");
        assert_eq!(passed_on.header("cache-control"), Some("private, no-cache"));
        let text = passed_on.text();
        let addresses = text
            .lines()
            .filter(|line| line.contains("URI=") || !line.starts_with('#'));
        for address in addresses {
            assert!(address.contains(&format!("?{SIGNED}")), "{address}");
        }
    }
}

#[test]
fn a_stream_that_moves_is_asked_of_its_new_owner() {
    let world = World::new();
    let (first, second) = (world.origin("o1"), world.origin("o2"));
    let edge = world.edge("e1", &[]);
    let mut film = first.publish("x");
    film.play(250);
    let before = get(&edge.at("/live/x/hls.m3u8")).text();
    let segment = format!("/live/x/{}", names(&before, ".m4s").remove(0));
    assert_eq!(get(&edge.at(&segment)).status, 200);
    film.end();
    first.stop();
    let mut film = second.publish("x");
    film.play(250);
    let after = until("the edge has it again", 10, || {
        let answer = get(&edge.at("/live/x/hls.m3u8"));
        (answer.status == 200 && answer.text() != before).then(|| answer.text())
    });
    assert_eq!(after, get(&second.at("/live/x/hls.m3u8")).text());
    // A player that has the old playlist still gets what others have got.
    assert_eq!(get(&edge.at(&segment)).status, 200);
    let never = get(&edge.at("/live/x/seg-elsewhen-3.m4s"));
    assert_eq!(never.refusal(), (404, 3001));
}

/// Shows R45.
#[test]
fn what_an_address_chooses_is_known_to_the_node_that_owns_the_stream() {
    let world = World::new();
    let origin = world.origin("o1");
    let edge = world.edge("e1", &[]);
    let wishes = Arc::new(Wishes {
        record: Some(RecordWish {
            forms: vec![RecordForm::Mp4, RecordForm::Hls],
            file_s: Some(1_800),
        }),
        ladder: Some(vec!["720p".into()]),
        dvr_s: Some(0),
        ..Wishes::default()
    });
    let grant = Grant {
        wishes: Some(wishes.clone()),
        ..Grant::default()
    };
    let mut film = edge.publish_by("x", &grant);
    film.play(50);
    let hub = &origin.services.core.hub;
    let known = until("the origin has it", 10, || {
        let publisher = hub.find_live(&film.name).ok()?.publisher()?;
        hub.clients().find(publisher.id)?.wishes.clone()
    });
    assert_eq!(known, wishes);
}

#[test]
fn a_stream_that_ends_is_served_to_its_last_word() {
    let world = World::new();
    let origin = world.origin("o1");
    let near = world.edge("near", &[]);
    let below = world.edge("below", &[&near.url]);
    let mut film = origin.publish("x");
    film.play(250);
    assert_eq!(get(&below.at("/live/x/hls.m3u8")).status, 200);
    film.end();
    // The registry has forgotten who owned it.
    let last = until("the end of the list", 10, || {
        let list = get(&below.at("/live/x/hls.m3u8"));
        assert_eq!(list.status, 200, "{}", list.text());
        list.text().contains("#EXT-X-ENDLIST").then(|| list.text())
    });
    let segment = names(&last, ".m4s").pop().unwrap();
    assert_eq!(get(&below.at(&format!("/live/x/{segment}"))).status, 200);
}

#[test]
fn a_stream_that_is_nowhere_is_asked_for_seldom_and_found_at_once() {
    let world = World::new();
    let origin = world.origin("o1");
    let edge = world.edge("e1", &[]);
    for _ in 0..20 {
        assert_eq!(get(&edge.at("/live/x.m3u8")).refusal(), (404, 3002));
    }
    assert!(misses(&edge) <= 3, "{} lookups", misses(&edge));
    assert_eq!(edge.services.hls.edge().streams(), 0);
    let url = edge.at("/live/x.m3u8?wait=10");
    let waiting = thread::spawn(move || get(&url));
    let mut film = origin.publish("x");
    film.play(250);
    assert_eq!(waiting.join().unwrap().status, 200);
    until("it is announced", 5, || {
        (get(&edge.at("/live/x.m3u8")).status == 200).then_some(())
    });
}

#[test]
fn edges_that_are_each_others_parents_refuse_soon() {
    let world = World::new();
    let ports = [world::free_port(), world::free_port()];
    let urls = ports.map(|port| format!("http://127.0.0.1:{port}"));
    let one = world.edge_at("e1", ports[0], &[&urls[1]]);
    let _other = world.edge_at("e2", ports[1], &[&urls[0]]);
    let watch = Stopwatch::start();
    for path in ["/live/x.m3u8", "/live/x/seg-e-1.m4s"] {
        assert_eq!(get(&one.at(path)).refusal(), (503, 5002), "{path}");
    }
    assert!(watch.elapsed_s() < 2.0, "{} s", watch.elapsed_s());
    until("nothing is under way", 5, || {
        (one.services.hls.edge().fetches() == 0).then_some(())
    });
}

#[test]
fn an_edge_that_begins_a_pull_for_another_begins_where_that_one_stopped() {
    let world = World::new();
    let origin = world.origin("o1");
    let edge = world.edge("near", &[&origin.url]);
    let mut film = origin.publish("x");
    // Four groups of 50 pictures; the other has 60 of them.
    film.play(200);
    let position = |node: &Node| node.services.core.hub.find(&film.name)?.position();
    let head = position(&origin).unwrap();
    let after = head.earlier_by(139 * FRAME_US);
    let target = format!("/live/x.weir?via=far&after={after}");
    let proof = weir_link::proof::authorization(SECRET, "far", &target);
    let url = edge.at(&target);
    let far = thread::spawn(move || Request::get(&url).header("Authorization", &proof).send());
    until("the edge has it all", 20, || {
        (position(&edge)? == head).then_some(())
    });
    let stream = edge.services.core.hub.find(&film.name).unwrap();
    let join = stream.ring.oldest_join().unwrap();
    assert_eq!(join.dts_us, head.earlier_by(149 * FRAME_US).dts_us);
    film.end();
    assert_eq!(far.join().unwrap().status, 200);
}

#[test]
fn a_draining_edge_sends_players_on_and_still_has_pieces() {
    let world = World::new();
    let origin = world.origin("o1");
    let (going, staying) = (world.edge("e1", &[]), world.edge("e2", &[]));
    let mut film = origin.publish("x");
    film.play(250);
    let text = get(&going.at("/live/x/hls.m3u8")).text();
    let segment = format!("/live/x/{}", names(&text, ".m4s").remove(0));
    going.services.node.drain();
    going.services.core.shutdown.drain();
    let told = until("the other edge is known", 5, || {
        let told = get(&going.at("/live/x/hls.m3u8?wait=1"));
        (told.status == 302).then_some(told)
    });
    let place = format!("{}/live/x/hls.m3u8?wait=1", staying.url);
    assert_eq!(told.header("location"), Some(place.as_str()));
    assert_eq!(told.refusal(), (302, u64::from(Code::Moved.number())));
    assert_eq!(get(&going.at(&segment)).status, 200);
}

#[test]
fn nobody_without_the_secret_is_taken_for_a_node() {
    let world = World::new();
    let origin = world.origin("o1");
    let mut film = origin.publish("x");
    film.play(250);
    let asked = |proof: &str| {
        let request = Request::get(&origin.at("/live/x/hls.m3u8?via=e1"));
        request.header("Authorization", proof).send()
    };
    assert_eq!(asked("Weir-Node e1:00ff").refusal(), (403, 1004));
    assert_eq!(asked("Bearer something").status, 200);
}

/// By hand: `cargo test --release -p weir-serve --test serve -- --ignored --nocapture how_soon`.
#[test]
#[ignore = "says numbers, asserts nothing"]
fn how_soon_who_waits_has_the_first_bytes() {
    const TIMES: u32 = 50;
    let world = World::new();
    let origin = world.origin("o1");
    let edge = world.edge("e1", &[]);
    for ending in ["flv", "m3u8"] {
        let mut took_ms: Vec<u128> = (0..TIMES)
            .map(|turn| {
                let stream = format!("{ending}{turn}");
                let url = edge.at(&format!("/live/{stream}.{ending}?wait=10"));
                let (tell, answered) = std::sync::mpsc::channel();
                let waiting = thread::spawn(move || {
                    let mut answer = Request::get(&url).open().unwrap();
                    let _ = answer.next_chunk();
                    let _ = tell.send(());
                });
                // At all phases of whatever looks again by itself.
                thread::sleep(Duration::from_millis(u64::from(300 + turn * 37 % 500)));
                let began = Stopwatch::start();
                let mut film = origin.publish(&stream);
                film.play(250);
                answered.recv().unwrap();
                let took = began.elapsed().as_millis();
                film.end();
                waiting.join().unwrap();
                took
            })
            .collect();
        took_ms.sort_unstable();
        let at = |permille: usize| took_ms[(took_ms.len() - 1) * permille / 1000];
        println!("{ending}: {} ms p50, {} ms p99", at(500), at(990));
    }
}

#[test]
fn what_is_left_out_is_said_on_every_node_that_has_the_stream() {
    let world = World::new();
    let origin = world.origin("o1");
    let near = world.edge("near", &[]);
    let below = world.edge("below", &[&near.url]);
    let mut film = origin.publish("x");
    let speex = LeftOut::of(TrackKind::Audio, "Speex audio");
    film.publisher().left_out(&speex);
    film.play(50);
    let mut viewer = Request::get(&below.at("/live/x.flv")).open().unwrap();
    assert_eq!(viewer.status, 200);
    viewer.next_chunk().unwrap();
    let said = |node: &Node| {
        let stream = node.services.core.hub.find_live(&film.name).ok()?;
        Some((stream.notes(), stream.left_out()))
    };
    let first = (
        vec!["left out: Speex audio".to_owned()],
        vec![speex.clone()],
    );
    for node in [&near, &below] {
        until("the words of the origin", 5, || {
            (said(node).as_ref() == Some(&first)).then_some(())
        });
    }
    // What is noted later comes later.
    film.publisher().note("padding was cut off");
    let second = (
        vec![first.0[0].clone(), "padding was cut off".to_owned()],
        vec![speex],
    );
    for node in [&near, &below] {
        until("the words of the origin, all of them", 5, || {
            (said(node).as_ref() == Some(&second)).then_some(())
        });
    }
    // What is handed on has its words with it, too.
    let mut film = near.publish("y");
    film.publisher()
        .left_out(&LeftOut::of(TrackKind::Video, "H.263 video"));
    film.play(50);
    until("the words of the edge", 5, || {
        let stream = origin.services.core.hub.find_live(&film.name).ok()?;
        (stream.notes() == ["left out: H.263 video"]).then_some(())
    });
}
