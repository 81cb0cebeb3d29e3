//! Pages of a small site: what they say, and that each is made once.
//! Shows R27.

use serde_json::{Value, json};

use super::*;
use crate::content::{Coming, PageKind};
use crate::document::Coding;
use crate::pages::preview;

const NOW_MS: i64 = 1_700_000_000_000;

fn site() -> Site {
    let site = Site::new(
        Shell {
            head: "<link rel=\"x\">".into(),
        },
        "https://tv.example/",
        Pictures::Here,
    );
    site.now(NOW_MS);
    site.channel(ann());
    site
}

fn ann() -> ChannelFacts {
    ChannelFacts {
        id: "018bcfe5-0000-7000-8000-000000000001".into(),
        name: "ann".into(),
        app: "live".into(),
        title: "Ann <b>plays</b>".into(),
        description: "**Chess** & <script>alert(1)</script>".into(),
        category: "games".into(),
        language: "en".into(),
        is_listed: true,
        coming: vec![Coming {
            id: "018bcfe5-0000-7000-8000-000000000002".into(),
            title: "Finals".into(),
            starts_ms: NOW_MS + 60_000,
            ..Coming::default()
        }],
        ..ChannelFacts::default()
    }
}

fn notice(publish_ms: i64) -> PageFacts {
    PageFacts {
        id: "p1".into(),
        kind: PageKind::Notice,
        slug: "new".into(),
        title: "News".into(),
        title_zh: "新闻".into(),
        body: "It is *new*.".into(),
        body_zh: String::new(),
        place: 0,
        publish_ms,
        changed_ms: NOW_MS,
    }
}

fn read(site: &Site, path: &str, lang: &str) -> Option<String> {
    let chosen = Chosen::of(Some(lang), Tongue::English);
    let document = site.document(Target::of(path)?, chosen, "http://asked")?;
    Some(String::from_utf8(document.bytes(Coding::Plain).to_vec()).unwrap())
}

fn on_air(viewers: u32) -> Vec<LiveStream> {
    vec![LiveStream {
        app: "live".into(),
        stream: "ann".into(),
        viewers,
        is_listed: true,
        since_ms: NOW_MS - 1_000,
        poster: None,
    }]
}

#[test]
fn a_channel_can_be_read_without_a_script_and_says_nothing_that_runs() {
    let site = site();
    let page = read(&site, "/c/ann", "en").unwrap();
    for words in [
        "<h1>Ann &lt;b&gt;plays&lt;/b&gt;</h1>",
        "<strong>Chess</strong>",
        "&lt;script&gt;",
        "Finals",
        "Not live",
        "<link rel=\"x\">",
        "https://tv.example/live/ann.m3u8",
        "property=\"og:video\" content=\"https://tv.example/embed/live/ann\"",
        "<html lang=\"en\" data-rendered=\"channel\">",
    ] {
        assert!(page.contains(words), "{words} is not in {page}");
    }
    let json = "<script type=\"application/ld+json\">";
    let run = page.matches("<script").count() - page.matches(json).count();
    assert!(run == 0 && !page.contains("style="), "{page}");
    assert!(read(&site, "/c/ann", "zh").unwrap().contains("未开播"));
    assert_eq!(read(&site, "/c/bob", "en"), None);
    site.live(on_air(3));
    assert!(
        read(&site, "/c/ann", "en")
            .unwrap()
            .contains("href=\"/watch/live/ann\"")
    );
    site.channel_gone(&ann().id);
    assert_eq!(read(&site, "/c/ann", "en"), None);
    assert_eq!(read(&site, "/category/games", "en"), None);
}

#[test]
fn a_page_is_made_once_for_each_change_of_what_it_shows() {
    let site = site();
    let chosen = Chosen::default();
    let get = |target: &Target| site.document(target.clone(), chosen, "").unwrap();
    let (home, channel) = (Target::Home, Target::Channel("ann".into()));
    let (first, of_ann) = (get(&home), get(&channel));
    assert!(Arc::ptr_eq(&first, &get(&home)));
    site.page(notice(NOW_MS));
    let second = get(&home);
    assert!(!Arc::ptr_eq(&first, &second) && Arc::ptr_eq(&of_ann, &get(&channel)));
    site.live(on_air(3));
    let third = get(&home);
    assert!(!Arc::ptr_eq(&second, &third));
    site.live(on_air(3));
    assert!(Arc::ptr_eq(&third, &get(&home)));
    site.live(Vec::new());
    let fourth = get(&home);
    assert_ne!(third.tag(Coding::Plain), fourth.tag(Coding::Plain));
}

#[test]
fn a_page_of_the_sites_own_is_shown_from_its_time_on_in_both_languages() {
    let site = site();
    site.page(notice(NOW_MS + 1_000));
    assert_eq!(read(&site, "/notices/new", "en"), None);
    assert!(!read(&site, "/", "en").unwrap().contains("News"));
    site.now(NOW_MS + 1_000);
    assert!(read(&site, "/", "en").unwrap().contains("News"));
    let page = read(&site, "/notices/new", "zh").unwrap();
    assert!(
        page.contains("<h1>新闻</h1>") && page.contains("It is <em>new</em>."),
        "{page}"
    );
    assert!(
        read(&site, "/notices/feed.xml", "en")
            .unwrap()
            .contains("&lt;em&gt;new&lt;/em&gt;")
    );
    site.page_gone("p1");
    assert_eq!(read(&site, "/notices/new", "en"), None);
}

#[test]
fn who_is_unlisted_is_in_no_list_and_has_a_page() {
    let site = site();
    let hidden = ChannelFacts {
        is_listed: false,
        ..ann()
    };
    site.channel(hidden);
    site.live(on_air(3));
    for path in ["/", "/sitemap.xml"] {
        assert!(!read(&site, path, "en").unwrap().contains("/ann"), "{path}");
    }
    let page = read(&site, "/c/ann", "en").unwrap();
    assert!(page.contains("content=\"noindex\""));
    site.channel(ann());
    let mut signed = on_air(3);
    signed[0].is_listed = false;
    site.live(signed);
    let home = read(&site, "/", "en").unwrap();
    assert!(!home.contains("data-stream=\"live/ann\""), "{home}");
    let closed = ChannelFacts {
        is_private: true,
        ..ann()
    };
    site.channel(closed);
    assert_eq!(read(&site, "/c/ann", "en"), None);
    assert!(!read(&site, "/", "en").unwrap().contains("/ann"));
}

/// What is in the page's JSON-LD.
fn linked(page: &str) -> Value {
    let behind = page.split_once("application/ld+json\">").unwrap().1;
    serde_json::from_str(behind.split_once("</script>").unwrap().0).unwrap()
}

#[test]
fn a_channel_is_known_elsewhere_by_its_cover_and_by_none_where_it_has_none() {
    let site = site();
    let page = read(&site, "/c/ann", "en").unwrap();
    assert!(
        !page.contains("og:image") && !page.contains("/i/"),
        "{page}"
    );
    assert!(page.contains("name=\"twitter:card\" content=\"summary\""));
    site.channel(ChannelFacts {
        cover: "0123".into(),
        ..ann()
    });
    let page = read(&site, "/c/ann", "en").unwrap();
    for words in [
        "property=\"og:image\" content=\"https://tv.example/i/0123-1280.jpg\"",
        "name=\"twitter:card\" content=\"summary_large_image\"",
        "srcset=\"/i/0123-320.webp 320w, ",
    ] {
        assert!(page.contains(words), "{words} is not in {page}");
    }
    let embedding = site.embedding("ann", "https://tv.example", (700, 400));
    let thumbnail = embedding.unwrap().thumbnail.unwrap();
    assert_eq!(
        (thumbnail.url.as_str(), thumbnail.width),
        ("https://tv.example/i/0123-640.jpg", 640)
    );
    site.live(on_air(3));
    assert!(read(&site, "/", "en").unwrap().contains("/i/0123-640.jpg"));
}

#[test]
fn search_engines_are_told_what_is_on_and_what_is_to_come_in_words_that_end_no_element() {
    let site = site();
    let before = linked(&read(&site, "/c/ann", "en").unwrap());
    let coming = &before["@graph"][0];
    assert_eq!(
        (&coming["@type"], &coming["name"], &coming["startDate"]),
        (
            &json!("BroadcastEvent"),
            &json!("Finals"),
            &json!("2023-11-14T22:14:20.000Z")
        )
    );
    site.channel(ChannelFacts {
        title: "</script><script>alert(1)</script>".into(),
        cover: "0123".into(),
        ..ann()
    });
    site.live(on_air(3));
    // What is live stays what it was: it began when it was first seen.
    site.now(NOW_MS + 1_000);
    site.live(vec![LiveStream {
        since_ms: NOW_MS + 1_000,
        ..on_air(4).remove(0)
    }]);
    let page = read(&site, "/c/ann", "en").unwrap();
    let on_air = linked(&page)["@graph"][0].clone();
    assert_eq!(on_air["@type"], "VideoObject");
    assert_eq!(on_air["name"], "</script><script>alert(1)</script>");
    assert_eq!(on_air["publication"]["isLiveBroadcast"], true);
    assert_eq!(on_air["uploadDate"], "2023-11-14T22:13:19.000Z");
    assert_eq!(
        on_air["thumbnailUrl"],
        json!(["https://tv.example/i/0123-1280.jpg"])
    );
    assert!(!page.contains("<script>alert"), "{page}");
    site.channel(ChannelFacts {
        is_listed: false,
        ..ann()
    });
    assert!(!read(&site, "/c/ann", "en").unwrap().contains("ld+json"));
}

fn replay(id: &str, title: &str, goes_on: bool) -> Replay {
    Replay {
        id: id.into(),
        title: title.into(),
        started_ms: NOW_MS - 90_000,
        duration_ms: 83_500,
        goes_on,
        poster: Some("/i/0f-640.jpg".into()),
    }
}

#[test]
fn what_was_broadcast_can_be_found_and_watched_again_without_a_script() {
    let site = site();
    let id = ann().id;
    let past = |started_ms: i64| Past {
        id: started_ms.to_string(),
        started_ms,
        ended_ms: started_ms + 5_000,
    };
    site.past(&id, past(NOW_MS - 91_000));
    site.past(&id, past(NOW_MS - 10_000_000));
    site.replays(
        &id,
        vec![
            replay("r1", "</script><b>Finals</b>", false),
            replay("r2", "", true),
        ],
    );
    let page = read(&site, "/c/ann", "en").unwrap();
    for words in [
        "<a class=\"replay-card\" href=\"/watch/live/ann?r=r1\" data-replay=\"r1\">",
        "&lt;b&gt;Finals&lt;/b&gt;",
        "<img src=\"/i/0f-640.jpg\"",
        "<span class=\"length\">1:23</span>",
        "<span class=\"length\">still going on</span>",
        "2023-11-14T22:11:50.000Z",
    ] {
        assert!(page.contains(words), "{words} is not in {page}");
    }
    // The one that was kept is a card, the other one a time.
    assert_eq!(page.matches(" – ").count(), 1, "{page}");
    let told = linked(&page)["@graph"].as_array().unwrap().clone();
    let videos: Vec<&Value> = told
        .iter()
        .filter(|one| one["@type"] == "VideoObject")
        .collect();
    assert_eq!(
        videos.len(),
        1,
        "what goes on is told as what is on: {told:?}"
    );
    assert_eq!(videos[0]["duration"], "PT83S");
    assert_eq!(
        videos[0]["embedUrl"],
        "https://tv.example/embed/live/ann?r=r1"
    );
    assert_eq!(
        videos[0]["thumbnailUrl"],
        json!(["https://tv.example/i/0f-640.jpg"])
    );

    let again = site.document(Target::Channel("ann".into()), Chosen::default(), "");
    site.replays(
        &id,
        vec![
            replay("r2", "", true),
            replay("r1", "</script><b>Finals</b>", false),
        ],
    );
    let same = site.document(Target::Channel("ann".into()), Chosen::default(), "");
    assert!(
        Arc::ptr_eq(&again.unwrap(), &same.unwrap()),
        "nothing changed"
    );
    site.channel(ann());
    assert!(read(&site, "/c/ann", "zh").unwrap().contains("仍在直播"));
    site.replay(&id, replay("r2", "Day two", false));
    let page = read(&site, "/c/ann", "en").unwrap();
    assert!(
        page.contains("Day two") && !page.contains("still going on"),
        "{page}"
    );
    assert_eq!(page.matches("data-replay").count(), 2);
    site.replays(&id, Vec::new());
    assert!(!read(&site, "/c/ann", "en").unwrap().contains("replay-card"));
}

#[test]
fn a_category_is_called_what_the_operator_says_in_each_language() {
    let site = site();
    let facts = |title: &str, title_zh: &str| CategoryFacts {
        name: "games".into(),
        title: title.into(),
        title_zh: title_zh.into(),
    };
    assert!(site.category(facts("Games & play", "游戏")));
    for (path, lang, title) in [
        ("/c/ann", "en", "Games &amp; play"),
        ("/c/ann", "zh", "游戏"),
        ("/category/games", "zh", "游戏"),
        ("/", "en", "Games &amp; play"),
    ] {
        let page = read(&site, path, lang).unwrap();
        assert!(
            page.contains(&format!(">{title}<")),
            "{path} {lang}: {page}"
        );
    }
    assert!(site.category(facts("Play", "")));
    assert!(read(&site, "/c/ann", "zh").unwrap().contains(">Play<"));
    site.category_gone("games");
    assert!(read(&site, "/c/ann", "en").unwrap().contains(">games<"));
}

#[test]
fn a_preview_is_what_the_page_will_show() {
    let site = site();
    let draft = PageFacts {
        body: "# Rules\n\nBe *kind*. <b>x</b>".into(),
        ..notice(NOW_MS)
    };
    site.page(draft.clone());
    for (tongue, lang) in [(Tongue::English, "en"), (Tongue::Chinese, "zh")] {
        let page = read(&site, "/notices/new", lang).unwrap();
        let shown = preview(&draft, tongue);
        assert!(page.contains(&shown), "{shown} is not in {page}");
    }
    let undated = preview(&notice(0), Tongue::English);
    assert!(!undated.contains("<time"), "{undated}");
}

#[test]
fn what_programs_read_has_whole_addresses() {
    let site = site();
    let map = read(&site, "/sitemap.xml", "en").unwrap();
    assert!(
        map.starts_with("<?xml") && map.contains("<loc>https://tv.example/c/ann</loc>"),
        "{map}"
    );
    let feed = read(&site, "/c/ann/feed.xml", "en").unwrap();
    assert!(
        feed.contains("href=\"https://tv.example/c/ann\"") && feed.contains("Finals"),
        "{feed}"
    );
    assert!(
        read(&site, "/robots.txt", "en")
            .unwrap()
            .contains("Sitemap: https://tv.example/sitemap.xml")
    );
    assert_eq!(read(&site, "/sitemap/9.xml", "en"), None);
    let unsaid = Site::new(Shell::default(), "", Pictures::Here);
    assert!(
        read(&unsaid, "/robots.txt", "en")
            .unwrap()
            .contains("Sitemap: http://asked/")
    );
}
