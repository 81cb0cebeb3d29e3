//! What the parsers of admission begin with.

pub(in crate::fuzz) fn signed_dialects() -> Vec<Vec<u8>> {
    // A token of RFC 7515 appendix A.1's kind, for our claims and signed by nobody.
    let token = "token=eyJhbGciOiJIUzI1NiIsImtpZCI6ImsxIn0.eyJhIjoicGxheSIsImFwcCI6ImFwcCIsInN0cmVhbSI6InN0cmVhbSIsImV4cCI6MTcwMDAwMDAwMH0.c2ln";
    [
        "e=1800000000&a=play&k=k1&n=n&ip=10.0.0.1&s=00",
        "txSecret=2875680ec5571b2462ebc185f3dd211d&txTime=6553F100",
        "auth_key=1700000000-0-0-d3141e6d22d8db8fb0755ffc437212e4",
        "t=1560096712&k=4f88e741140240e2",
        "signature=ghG8PqVKgGo0gctloFyYVGKdCa4%3D&accesskey=k1&expire=1700000000&nonce=abc123&public=0&vdoid=42",
        token,
        &token.replace("eyJhbGciOiJIUzI1NiIsImtpZCI6ImsxIn0", "eyJhbGciOiJub25lIn0"),
        &token.replace("eyJhbGciOiJIUzI1NiIsImtpZCI6ImsxIn0", "eyJhbGciOiJFUzI1NiIsImtpZCI6ImUxIn0"),
        r#"{"keys":[{"kty":"EC","crv":"P-256","kid":"e1","use":"sig","x":"MKBCTNIcKUSDii11ySs3526iDZ8AiTo7Tu6KPAqv7D4","y":"4Etl6SRW2YiLUrN5vfvVHuhp7x8PxltmWWlbbM4IFyM"}]}"#,
    ]
    .map(|seed| seed.as_bytes().to_vec())
    .into()
}

pub(in crate::fuzz) fn admission_snapshot() -> Vec<Vec<u8>> {
    let lines = r#"{"weir_admission":1,"series":"s1","to":7}
{"app":{"name":"live","rules":{"max_kbps":5,"keys":[{"id":"k","secret":"sixteen bytes at least"}]}}}
{"channel":{"id":"ch1","owner":"o","name":"a","visibility":"password","round":3}}
{"key":{"hash":"00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff","id":"k1","channel":"ch1"}}
{"ban":{"id":"b1","target":{"network":"10.0.0.0/8"},"stops":"play","reason":"spam","until_ms":5}}
{"ban":{"id":"b2","target":{"account":"ann"}}}
{"ticket_keys":[{"id":"t","secret":"sixteen bytes at least"}]}
{"channel_gone":{"id":"ch1"}}
{"ban_gone":{"id":"b2"}}
"#;
    vec![
        lines.as_bytes().to_vec(),
        lines.replace("\"to\"", "\"from\":6,\"to\"").into_bytes(),
        [lines, "{\"lines\":9,\"sha256\":\"00\"}\n"]
            .concat()
            .into_bytes(),
    ]
}
