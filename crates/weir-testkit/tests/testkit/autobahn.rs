//! WebSocket conformance (RFC 6455) as the Autobahn test suite judges it: its fuzzing client against
//! an echo server made of weir's frames and nothing else.
//!
//! Left out: compression (12, 13), which is not negotiated, and most of the benchmarks (9).

use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};

use serde_json::{Value, json};
use weir_proto::ws::{self, Event, Opcode, WsDecoder, WsLimits};
use weir_testkit::process::Process;
use weir_testkit::tools::{Tool, have};

/// Framing, pings, reserved bits, opcodes, fragments, UTF-8, closing, and mixed; of the benchmarks
/// large messages whole, in fragments and cut by TCP.
const CASES: &[&str] = &[
    "1.*", "2.*", "3.*", "4.*", "5.*", "6.*", "7.*", "10.*", "9.1.6", "9.2.6", "9.3.4", "9.4.4",
    "9.5.4", "9.6.4",
];
/// Cases of these sections in the version the scripts install: fewer means it judged too little.
const MIN_CASES: usize = 240;
/// Verdicts that are no fault.
const GOOD: [&str; 3] = ["OK", "NON-STRICT", "INFORMATIONAL"];
/// Seconds for all cases: some wait for the peer on purpose.
const WITHIN_S: u64 = 400;
/// Largest message of the benchmarks, in bytes, and the most frames of one.
const LIMITS: WsLimits = WsLimits {
    max_message_bytes: 16 << 20,
    max_text_bytes: 16 << 20,
    max_fragments: 1 << 16,
    stream_binary: false,
};

#[test]
fn autobahn_finds_no_fault_with_the_frames() {
    if !have(&[Tool::Wstest]) {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let address = serve_echo();
    let spec = json!({
        "outdir": folder.path().join("report"),
        "servers": [{ "agent": "weir", "url": format!("ws://{address}") }],
        "cases": CASES,
        "exclude-cases": [],
        "exclude-agent-cases": {},
    });
    let spec_path = folder.path().join("spec.json");
    std::fs::write(&spec_path, spec.to_string()).unwrap();
    let mut command = Tool::Wstest.command();
    command
        .args(["--mode", "fuzzingclient", "--spec"])
        .arg(&spec_path)
        .current_dir(folder.path());
    Process::spawn("wstest", &mut command, &folder.path().join("log")).succeed(WITHIN_S);

    let index = std::fs::read(folder.path().join("report/index.json")).expect("a report");
    let index: Value = serde_json::from_slice(&index).unwrap();
    let verdicts = index["weir"].as_object().expect("a report about weir");
    println!("{} cases", verdicts.len());
    assert!(verdicts.len() >= MIN_CASES, "{} cases", verdicts.len());
    let is_good = |verdict: &Value| verdict.as_str().is_some_and(|said| GOOD.contains(&said));
    let failed: Vec<_> = verdicts
        .iter()
        .filter(|(_, case)| !is_good(&case["behavior"]) || !is_good(&case["behaviorClose"]))
        .map(|(name, case)| {
            format!(
                "{name}: {}, closing {}",
                case["behavior"], case["behaviorClose"]
            )
        })
        .collect();
    assert!(failed.is_empty(), "{failed:#?}");
}

/// An echo server on a port of its own, until the test's process ends.
fn serve_echo() -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let accept = move || {
        // One at a time, as the fuzzing client comes.
        for socket in listener.incoming() {
            // A client that vanishes is part of the test.
            let _ = socket.and_then(|socket| echo(&socket));
        }
    };
    let thread = std::thread::Builder::new().name("echo".into());
    thread.spawn(accept).unwrap();
    address
}

fn echo(socket: &TcpStream) -> io::Result<()> {
    let (mut reader, mut writer) = (BufReader::new(socket), socket);
    writer.write_all(upgrade(&mut reader)?.as_bytes())?;
    let mut decoder = WsDecoder::server(LIMITS);
    let mut buffer = vec![0; 64 * 1024];
    loop {
        let read = reader.read(&mut buffer)?;
        let mut input = &buffer[..read];
        let mut out = Vec::new();
        let goes_on = answer(&mut decoder, &mut input, &mut out) && read > 0;
        writer.write_all(&out)?;
        if !goes_on {
            return Ok(());
        }
    }
}

/// Reads the request; gives the answer.
fn upgrade(reader: &mut impl BufRead) -> io::Result<String> {
    let mut key = String::new();
    loop {
        let mut line = String::new();
        if reader.read_line(&mut line)? == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        match line.trim_end().split_once(": ") {
            Some((name, value)) if name.eq_ignore_ascii_case("sec-websocket-key") => {
                value.clone_into(&mut key);
            }
            None if line.trim_end().is_empty() => break,
            _ => {}
        }
    }
    assert!(ws::is_valid_key(&key), "{key:?}");
    let accept = ws::accept_key(&key);
    Ok(format!(
        "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
         Sec-WebSocket-Accept: {accept}\r\n\r\n"
    ))
}

/// Appends what is to be said to `input`; whether the connection goes on.
fn answer(decoder: &mut WsDecoder, input: &mut &[u8], out: &mut Vec<u8>) -> bool {
    loop {
        let (opcode, payload) = match decoder.next(input) {
            Ok(None) => return true,
            Ok(Some(Event::Message { is_text, data })) => {
                let opcode = if is_text {
                    Opcode::Text
                } else {
                    Opcode::Binary
                };
                (opcode, data)
            }
            Ok(Some(Event::Ping(payload))) => (Opcode::Pong, payload),
            Ok(Some(Event::Pong(_))) => continue,
            Ok(Some(Event::Close { code, .. })) => {
                ws::put_close(out, code.unwrap_or(1000), "");
                return false;
            }
            Err(error) => {
                ws::put_close(out, error.code, error.why);
                return false;
            }
        };
        ws::put_frame_header(out, opcode, true, payload.len());
        out.extend_from_slice(&payload);
    }
}
