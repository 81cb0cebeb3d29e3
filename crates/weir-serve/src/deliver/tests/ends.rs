//! What a node hears at the end of a stream.

use super::*;

#[test]
fn the_last_record_says_why_the_stream_is_over() {
    for (is_handed_on, code, told) in [
        (false, Code::ClientStopped, Code::Ended),
        (false, Code::Operator, Code::Operator),
        (false, Code::NetworkReset, Code::Ended),
        (true, Code::ClientStopped, Code::Ended),
        // The line between two nodes: what is handed on comes again.
        (true, Code::NetworkReset, Code::NetworkReset),
    ] {
        let (hub, clock) = house();
        let mut request = request();
        request.grant.is_node = is_handed_on;
        let mut publisher = hub.publish(request).unwrap();
        publisher.tracks(Arc::new(synthetic::tracks()));
        film(&clock, &mut publisher, 0, 3);
        let mut peer = Peer::new(&hub, publisher.stream(), 64);
        peer.hear();
        film(&clock, &mut publisher, 3, 2);
        publisher.end(code);
        let mut records = peer.hear();
        records.extend(peer.hear());
        assert_eq!(numbers(&records), [3, 4]);
        let Some(Record::End {
            code,
            detail,
            location,
        }) = records.pop()
        else {
            panic!("{records:?}");
        };
        assert_eq!(code, told.number());
        assert_eq!(detail, told.entry().message);
        assert_eq!(location, None);
        assert_eq!(peer.tick(), Turn::Over(Code::ClientStopped));
    }
}

#[test]
fn an_end_stands_inside_the_chunks_it_comes_in() {
    let (hub, _) = house();
    let publisher = publish(&hub);
    let mut peer = Peer::new(&hub, publisher.stream(), 64);
    let format = FORMAT.framed(Framing::Chunked);
    peer.viewer
        .close_notice(format, Code::Draining, Over::Stream);
    peer.tick();
    let bytes = peer.queue.try_recv().unwrap();
    let line = bytes.iter().position(|byte| *byte == b'\r').unwrap();
    let size = std::str::from_utf8(&bytes[..line]).unwrap();
    let size = usize::from_str_radix(size, 16).unwrap();
    let (body, rest) = bytes[line + 2..].split_at(size);
    assert_eq!(rest, b"\r\n0\r\n\r\n");
    peer.decoder.push(bytes::Bytes::copy_from_slice(body));
    let record = peer.decoder.poll().unwrap();
    assert!(matches!(record, Some(Record::End { code: 4009, .. })));
}
