//! Addresses as encoders, players and people write them.

use proptest::prelude::*;

use super::*;

fn target(tc_url: &str, app: &str, name: &str) -> Target {
    Target::new(tc_url, app, name).unwrap()
}

fn pairs(pairs: &[(&str, &str)]) -> Vec<(String, String)> {
    let owned = |(key, value): &(&str, &str)| ((*key).to_owned(), (*value).to_owned());
    pairs.iter().map(owned).collect()
}

#[test]
fn what_only_connect_said_is_told_apart() {
    let target = target("rtmp://h/live?vhost=v&key=2", "live?a=1", "x?key=1");
    let query = [("key", "1"), ("a", "1"), ("vhost", "v"), ("key", "2")];
    assert_eq!(target.query, pairs(&query));
    assert_eq!(target.connect_query(), pairs(&query[1..]));
}

#[test]
fn a_plain_address_is_app_and_stream() {
    let target = target("rtmp://Example.com:1935/live", "live", "show");
    assert_eq!(
        (&*target.host, &*target.app, &*target.stream),
        ("example.com", "live", "show")
    );
    assert_eq!((target.vhost, target.query), (None, vec![]));
}

#[test]
fn several_levels_come_out_the_same_wherever_the_client_splits() {
    for (app, name) in [
        ("a/b", "c"),
        ("a", "b/c"),
        ("a/b/", "c"),
        ("a/b/c", ""),
        ("a/_definst_", "b/c"),
    ] {
        let target = target("rtmp://h/a", app, name);
        assert_eq!(
            (&*target.app, &*target.stream),
            ("a/b", "c"),
            "{app} {name}"
        );
    }
}

#[test]
fn without_an_app_the_url_names_it() {
    for (tc_url, app, name, full) in [
        ("rtmp://h/live", "", "s", "live/s"),
        ("rtmp://h:1935/a/b/", "/", "s", "a/b/s"),
        ("rtmp://h/live?key=1", "?key=1", "s", "live/s"),
        ("rtmp://[::1]:1935/live/_definst_", "", "s", "live/s"),
        ("rtmp://h/live/s", "", "", "live/s"),
        ("rtmp://h", "", "live/s", "live/s"),
        ("", "", "live/s", "live/s"),
    ] {
        let target = target(tc_url, app, name);
        let said = format!("{}/{}", target.app, target.stream);
        assert_eq!(said, full, "{tc_url} {app} {name}");
    }
    for nowhere in ["rtmp://h", "rtmp://h/", "live", ""] {
        let refused = Target::new(nowhere, "", "s").unwrap_err();
        assert_eq!(refused.code, Code::NotFound, "{nowhere}");
    }
}

#[test]
fn the_ending_of_a_form_is_no_part_of_the_name() {
    for (name, stream) in [
        ("s.flv", "s"),
        ("s.m3u8?key=1", "s"),
        ("b/s.ts", "s"),
        ("s.v2", "s.v2"),
        (".flv", ".flv"),
    ] {
        let target = target("rtmp://h/live", "live", name);
        assert_eq!(target.stream, stream, "{name}");
    }
}

#[test]
fn the_query_is_gathered_from_all_three_places_the_most_particular_first() {
    let target = target(
        "rtmp://h/live?a=1&t=x",
        "live?a=1&b=%20",
        "s?t=y&sig=a+b%3D",
    );
    let expected = pairs(&[
        ("t", "y"),
        ("sig", "a+b="),
        ("a", "1"),
        ("b", " "),
        ("t", "x"),
    ]);
    assert_eq!(target.query, expected);
    assert_eq!(target.parameter("t"), Some("y"));
    assert_eq!(target.parameter("no"), None);
}

#[test]
fn the_vhost_is_what_the_query_says() {
    assert_eq!(
        target("rtmp://1.2.3.4/live?vhost=A.example", "live", "s")
            .vhost
            .as_deref(),
        Some("a.example")
    );
    assert_eq!(
        target("rtmp://h/live", "live", "s?domain=b")
            .vhost
            .as_deref(),
        Some("b")
    );
    assert_eq!(
        target("rtmp://h/live", "live?vhost=__defaultVhost__", "s").vhost,
        None
    );
    assert!(Target::new("rtmp://h/live", "live", "s?vhost=../x").is_err());
}

#[test]
fn names_are_percent_decoded_before_they_are_checked() {
    assert_eq!(target("", "live", "caf%C3%A9").stream, "café");
    assert_eq!(target("", "live", "中文").stream, "中文");
    for name in [
        "100%", "a%2Fb", "%2e%2e", "a%00b", "a\nb", "..", ".", "a\\b", "%ff", "x//y", "",
    ] {
        let refused = Target::new("rtmp://h/live", "live", name).unwrap_err();
        assert_eq!(refused.code, Code::NotFound, "{name:?}");
    }
    let vhost = Target::new("rtmp://h/live", "live", "s?vhost=a%2Fb").unwrap_err();
    assert_eq!(vhost.code, Code::NotFound);
    let long = "x".repeat(MAX_NAME_BYTES + 1);
    assert!(Target::new("rtmp://h/live", "live", &long).is_err());
    assert!(Target::new("rtmp://h/live", "a/b".repeat(90).as_str(), "s").is_err());
    assert!(Target::new("rtmp://h/", "", "s").is_err());
}

#[test]
fn a_query_without_end_is_refused() {
    let many: String = (0..MAX_QUERY_PARAMETERS + 1)
        .map(|i| format!("k{i}=&"))
        .collect();
    let code = |name: &str| Target::new("rtmp://h/l", "l", name).unwrap_err().code;
    assert_eq!(code(&format!("s?{many}")), Code::AuthMalformed);
    assert_eq!(code("s?a=%0a"), Code::AuthMalformed);
    assert_eq!(code(&"s".repeat(MAX_URL_BYTES + 1)), Code::NotFound);
}

#[test]
fn a_senseless_tc_url_only_costs_the_host() {
    for tc_url in ["", "rtmp", "rtmp://", "rtmp://[::1", "://", "rtmp://\u{0}/"] {
        assert_eq!(target(tc_url, "live", "s").host, "", "{tc_url:?}");
    }
    assert_eq!(
        target("rtmp://[2001:DB8::1]:1935/live", "live", "s").host,
        "2001:db8::1"
    );
}

#[test]
fn urls_are_split_as_clients_need_them() {
    let url = RtmpUrl::parse("rtmp://host/a/b/key?sign=x/y").unwrap();
    assert_eq!(
        (url.port, url.tls, &*url.app, &*url.stream, &*url.query),
        (1935, false, "a/b", "key", "sign=x/y")
    );
    assert_eq!(url.tc_url(), "rtmp://host/a/b");
    assert_eq!(url.stream_with_query(), "key?sign=x/y");
    let url = RtmpUrl::parse("RTMPS://[::1]:8443/live/s").unwrap();
    assert_eq!((url.port, url.tls, &*url.host), (8443, true, "::1"));
    assert_eq!(url.tc_url(), "rtmps://[::1]:8443/live");
    assert_eq!(RtmpUrl::parse("rtmps://h/live/s").unwrap().port, 443);
}

#[test]
fn urls_that_are_none_are_refused_in_words() {
    for url in [
        "",
        "host/live/s",
        "http://h/live/s",
        "rtmp://h",
        "rtmp://h/",
        "rtmp://h/live",
        "rtmp:///live/s",
        "rtmp://h:0/live/s",
        "rtmp://h:99999/live/s",
        "rtmp://h:x/live/s",
        "rtmp://[::1/live/s",
        "rtmp://[nope]/live/s",
        "rtmp://[::1]x/live/s",
        "rtmp://u:p@h/live/s",
        "rtmp://h/li ve/s",
    ] {
        assert!(RtmpUrl::parse(url).is_err(), "{url}");
    }
}

proptest! {
    #[test]
    fn arbitrary_text_never_panics(a in ".{0,60}", b in ".{0,60}", c in ".{0,60}") {
        let _ = RtmpUrl::parse(&a);
        let _ = RtmpUrl::parse(&format!("rtmp://{a}/{b}"));
        let _ = Target::new(&a, &b, &c);
        let _ = Target::new(&format!("rtmp://{a}"), &b, &c);
    }

    #[test]
    fn a_url_survives_being_printed(host in "[a-z]{1,9}", port in 1_u16.., app in "[a-z]{1,5}(/[a-z]{1,5}){0,2}", query in "[a-z=&]{0,9}") {
        let url = RtmpUrl { tls: false, host, port, app, stream: "s".into(), query };
        prop_assert_eq!(RtmpUrl::parse(&url.to_string()), Ok(url));
    }
}
