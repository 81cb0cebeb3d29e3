//! The stand-in against the facts, and against itself.

use super::*;

const NAME: &str = "live/livestream";

fn asked_by_http(node: &SrsNode) -> String {
    let api = node.api();
    let query =
        format!("vhost=__defaultVhost__&ip=192.168.1.5&app=live&stream=livestream&coworker={api}");
    let request = Request::get(&format!("http://{api}/api/v1/clusters?{query}"));
    let answer = request.method("POST").header("Content-Length", "0").send();
    assert_eq!(answer.status, 200);
    answer.text()
}

#[test]
fn the_coworker_answers_are_those_of_srs_to_the_byte() {
    let node = SrsNode::start();
    let asked = r#"{"code":0,"data":{"query":{"ip":"192.168.1.5","vhost":"__defaultVhost__","app":"live","stream":"livestream"},"#;
    assert_eq!(asked_by_http(&node), format!(r#"{asked}"origin":null}}}}"#));
    node.publish_numbers(NAME);
    let (port, api) = (node.shared.rtmp_port, node.api());
    let found = format!(
        r#"{asked}"origin":{{"ip":"127.0.0.1","port":{port},"vhost":"__defaultVhost__","api":"{api}","routers":["{api}"]}}}}}}"#
    );
    assert_eq!(asked_by_http(&node), found);
}

#[test]
fn an_edge_pulls_through_one_redirect_and_hands_a_publish_on() {
    let [edge, lacks, has] = [(); 3].map(|()| SrsNode::start());
    has.publish_numbers(NAME);
    lacks.ask_coworkers(&[&has.api()]);
    edge.pull(NAME, &lacks.url(NAME));
    edge.wait_live(NAME);
    assert!(matches!(&lacks.asked()[..], [Asked::Play(..)]));

    let up = SrsNode::start();
    edge.push(NAME, &up.url(NAME));
    up.wait_live(NAME);
    let numbers = until("pictures", 10, || {
        Some(up.store().numbers(NAME)).filter(|numbers| numbers.len() > 30)
    });
    assert_eq!(numbers[0] % 25, 0);
    assert!(numbers.windows(2).all(|pair| pair[1] == pair[0] + 1));
    drop(has);
    until("the end", 10, || (!up.store().is_live(NAME)).then_some(()));
}

#[test]
fn a_second_publisher_only_sees_the_socket_close() {
    let [node, other] = [(); 2].map(|()| SrsNode::start());
    node.publish_numbers(NAME);
    other.publish_numbers(NAME);
    other.push(NAME, &node.url(NAME));
    until("the question", 10, || {
        let asked = node.asked();
        matches!(&asked[..], [Asked::Publish(..)]).then_some(())
    });
    assert!(node.store().is_live(NAME));
}
