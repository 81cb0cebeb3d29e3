//! What nodes, servers and operators say, to begin with.

/// Any address.
const IP: [u8; 16] = [0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xFF, 0xFF, 10, 1, 2, 3];

fn texts(texts: &[&str]) -> Vec<Vec<u8>> {
    texts.iter().map(|text| text.as_bytes().to_vec()).collect()
}

pub(in crate::fuzz) fn cluster_message() -> Vec<Vec<u8>> {
    let record = r#"{"id":"n","boot":1,"roles":["origin","edge"],"region":"eu","isp":"cernet","addresses":[{"protocol":"http","scope":"internal","url":"http://192.0.2.1:8080"}],"capacity":{"out_kbps":100,"cpu_permille":1000,"connections":9},"load":{"out_kbps":90,"viewers":3},"version":"0.1.0"}"#;
    let stream = r#"{"key":"v:live/demo","node":"n","boot":1,"claim":2,"epoch":1700000000001,"since_ms":-5,"over":0}"#;
    let say =
        |seq: u64, body: &str| format!(r#"{{"from":"n","boot":1,"seq":{seq},"body":{{{body}}}}}"#);
    let story = [
        say(1, &format!(r#""type":"hello","record":{record}"#)),
        say(2, &format!(r#""type":"owns","stream":{stream}"#)),
        say(3, r#""type":"carries","key":"v:live/other""#),
        say(
            3,
            r#""type":"beat","load":{"connections":8},"draining":false,"digest":7"#,
        ),
        say(4, r#""type":"ends","key":"v:live/demo""#),
        say(5, r#""type":"drops","key":"v:live/other""#),
        say(5, r#""type":"ask","of":["me"]"#),
        say(5, r#""type":"bye""#),
    ];
    let snapshot = [
        say(
            7,
            &format!(
                r#""type":"snapshot","record":{record},"part":0,"parts":2,"owns":[{stream}],"carries":[]"#
            ),
        ),
        say(
            7,
            &format!(
                r#""type":"snapshot","record":{record},"part":1,"parts":2,"owns":[],"carries":["v:live/x"]"#
            ),
        ),
        say(8, r#""type":"sings","song":"la""#),
    ];
    let report =
        r#"{"key":"v:live/far","ip":"10.0.0.5","port":1935,"protocol":"rtmp","ttl_ms":30000}"#;
    let reports = [say(
        0,
        &format!(r#""type":"reports","reports":[{report},{report}]"#),
    )];
    texts(&[
        &story.join("\n"),
        &snapshot.join("\n"),
        &reports.join("\n"),
        record,
    ])
}

pub(in crate::fuzz) fn cluster_coworker() -> Vec<Vec<u8>> {
    let found = concat!(
        "\u{1}",
        r#"{"code":0,"data":{"query":{"ip":"192.168.1.5","vhost":"__defaultVhost__","app":"live","stream":"demo"},"#,
        r#""origin":{"ip":"127.0.0.1","port":19351,"vhost":"__defaultVhost__","api":"127.0.0.1:9091","routers":["127.0.0.1:9091"]}}}"#
    );
    texts(&[
        found,
        "\u{1}{\"code\":0,\"data\":{\"origin\":null}}",
        "\u{1}{\"code\":1}",
        "\u{1}vhost=__defaultVhost__&ip=10.0.0.5&app=live&stream=a%20b&coworker=10.0.0.1:1985",
    ])
}

pub(in crate::fuzz) fn cluster_report() -> Vec<Vec<u8>> {
    let say = |ip: &str, ttl_ms: i64| {
        format!(
            r#"{{"key":"v:live/far","ip":"{ip}","port":1935,"protocol":"rtmp","ttl_ms":{ttl_ms}}}"#
        )
    };
    let story = [
        say("10.0.0.5", 30_000),
        say("::1", 600_000),
        say("10.0.0.5", 0),
        say("::1", 0),
    ];
    texts(&[
        &story.join("\n"),
        "1935 rtmp origin-1.example\n80 http-flv ::1\n0 x y",
    ])
}

pub(in crate::fuzz) fn cluster_table() -> Vec<Vec<u8>> {
    let tables = [
        "10.0.0.0/8 cn -\n10.1.0.0/16 cn telecom # inside\n10.1.2.0/24 cn cernet\n2001:da8::/32 cn cernet\n192.0.2.7 us acme",
        "US-CA us-west\nDE eu\ncontinent:NA us\nAS4538 cernet\nChina Telecom telecom",
    ];
    tables
        .map(|table| [&IP[..], table.as_bytes()].concat())
        .into()
}

/// A database of one bit, by the format's specification: 0… is in Germany, 1… is nowhere.
pub(in crate::fuzz) fn cluster_maxmind() -> Vec<Vec<u8>> {
    let text = |text: &str| [&[2 << 5 | text.len() as u8], text.as_bytes()].concat();
    let pair = |name: &str, value: &[u8]| [&text(name), value].concat();
    let short = |number: u16| [&[5 << 5 | 2], &number.to_be_bytes()[..]].concat();
    let country = [&[7 << 5 | 1], &pair("iso_code", &text("DE"))[..]].concat();
    let record = [&[7 << 5 | 1], &pair("country", &country)[..]].concat();
    let system = [
        &[7 << 5 | 1][..],
        &[2 << 5 | 24],
        b"autonomous_system_number",
        &[6 << 5 | 2, 0x11, 0xBA],
    ];
    let database = |version: u16, record: &[u8]| {
        let metadata = [
            pair("node_count", &[6 << 5 | 1, 1]),
            pair("record_size", &short(24)),
            pair("ip_version", &short(version)),
            pair("database_type", &text("Test")),
            pair("languages", &[0, 4]),
            pair("binary_format_major_version", &short(2)),
            pair("binary_format_minor_version", &short(0)),
            pair("build_epoch", &[1, 2, 1]),
            pair("description", &[7 << 5]),
        ];
        // Left to the first record of the data, right to nothing.
        let tree = [0, 0, 1 + 16, 0, 0, 1];
        let marker = b"\xAB\xCD\xEFMaxMind.com";
        let metadata = [&[7 << 5 | 9], &metadata.concat()[..]].concat();
        [&IP[..], &tree, &[0; 16], record, marker, &metadata].concat()
    };
    vec![
        database(4, &record),
        database(6, &record),
        database(4, &system.concat()),
    ]
}

pub(in crate::fuzz) fn cluster_url() -> Vec<Vec<u8>> {
    texts(&[
        "redis://user:geheimnis@127.0.0.1:6379/2",
        "rediss://h?ca=/etc/ca.pem&cert=a&key=b",
        "redis+sentinel://:geheimnis@a:26379,[::1]/mymaster/1?sentinel_user=u&sentinel_password=p",
        "rediss+cluster://:p%40ss@a:1,b:2,c",
    ])
}
