//! Reports on their way through a member: told, written, and again when the store did not take them.

use weir_base::Code;
use weir_cluster::lease::Unreachable;
use weir_cluster::member::{MemberConfig, Output};
use weir_cluster::message::{Body, Message};
use weir_cluster::report::StreamReport;
use weir_cluster::{LeaseKey, Member, Role};

use crate::common::node_record;

const S: i64 = 1_000_000;

fn member(id: &str) -> Member {
    let record = node_record(id, 1, &[Role::Origin]);
    Member::new(MemberConfig::default(), record, 0).unwrap()
}

fn report(key: &str, ip: &str, ttl_ms: i64) -> StreamReport {
    StreamReport {
        key: LeaseKey::new(key).unwrap(),
        ip: ip.into(),
        port: 1935,
        protocol: "rtmp".into(),
        ttl_ms,
    }
}

/// What the member wants told and written of reports.
fn out(member: &mut Member) -> (Vec<Message>, Vec<Vec<StreamReport>>) {
    let (mut told, mut written) = (Vec::new(), Vec::new());
    while let Some(output) = member.poll() {
        match output {
            Output::Send(_, message) if matches!(message.body, Body::Reports { .. }) => {
                told.push(message);
            }
            Output::Report(reports) => written.push(reports),
            _ => (),
        }
    }
    (told, written)
}

fn at(member: &Member, key: &str) -> Option<String> {
    let reported = member.view().reported(&LeaseKey::new(key).unwrap());
    reported.map(|reported| reported.ip.clone())
}

#[test]
fn reports_of_a_moment_are_told_and_written_together_and_others_believe_them() {
    let (mut a, mut b) = (member("a"), member("b"));
    for n in 0..100 {
        a.report(report(&format!("s{n}"), "10.0.0.5", 10_000), n * 100)
            .unwrap();
    }
    assert_eq!(
        at(&a, "s7").as_deref(),
        Some("10.0.0.5"),
        "known here at once"
    );
    a.tick(a.deadline_us().max(60_000));
    let (told, written) = out(&mut a);
    assert_eq!((told.len(), written.len(), written[0].len()), (1, 1, 100));
    let message = Message::from_json(&told[0].to_json()).unwrap();
    // Its own clock is another.
    b.message(&message, 500 * S);
    assert_eq!(at(&b, "s99").as_deref(), Some("10.0.0.5"));
    b.tick(511 * S);
    assert_eq!(at(&b, "s99"), None);
}

#[test]
fn what_the_store_did_not_take_is_sent_again_unless_something_newer_was_said() {
    let mut a = member("a");
    a.report(report("s", "10.0.0.5", 60_000), 0).unwrap();
    a.report(report("t", "10.0.0.5", 60_000), 0).unwrap();
    a.tick(S);
    let (_, written) = out(&mut a);
    a.not_reported(written[0].clone(), 2 * S);
    a.report(report("s", "10.0.0.6", 60_000), 2 * S).unwrap();
    // The store's old word does not go over what is still to be written.
    a.seed_reports(vec![report("s", "10.0.0.5", 50_000)], 3 * S);
    assert_eq!(at(&a, "s").as_deref(), Some("10.0.0.6"));
    a.tick(5 * S);
    let (told, written) = out(&mut a);
    assert_eq!(told.len(), 1);
    let ips: Vec<_> = written
        .concat()
        .into_iter()
        .map(|r| (r.key.to_string(), r.ip))
        .collect();
    let want = [("s", "10.0.0.6"), ("t", "10.0.0.5")].map(|(s, ip)| (s.to_owned(), ip.to_owned()));
    assert_eq!(ips, want);
    a.tick(20 * S);
    assert!(out(&mut a).1.is_empty());
}

#[test]
fn more_reports_than_there_may_be_are_refused() {
    let mut a = member("a");
    for n in 0..weir_cluster::limits::REPORTS {
        a.report(report(&format!("s{n}"), "h", 60_000), 0).unwrap();
    }
    let refused = a.report(report("more", "h", 60_000), 0).unwrap_err();
    assert_eq!(refused.code, Code::QuotaStreams);
    // What is known may be said anew, and taken back.
    a.report(report("s1", "g", 60_000), 0).unwrap();
    a.report(report("s2", "h", 0), 0).unwrap();
    a.report(report("more", "h", 60_000), 0).unwrap();
    assert_eq!(
        a.report(report("x", "a b", 1), 0).unwrap_err().code,
        Code::ProtocolError
    );
}

#[test]
fn an_idle_node_tells_since_when_the_store_does_not_take_its_record() {
    let mut a = member("a");
    a.registered(Err(Unreachable), 3 * S);
    a.registered(Err(Unreachable), 5 * S);
    let status = a.status(10 * S);
    assert_eq!((status.store, status.store_down_ms), (false, Some(7_000)));
    a.registered(Ok(()), 11 * S);
    assert_eq!(a.status(12 * S).store_down_ms, None);
}

#[test]
fn a_failure_of_leases_is_forgotten_when_there_are_none_and_the_record_is_taken() {
    let mut a = member("a");
    let key = LeaseKey::new("live/one").unwrap();
    a.publish(key.clone(), 0, 0, 0).unwrap();
    let fail = |a: &mut Member, now_us| {
        let mut failed = 0;
        while let Some(output) = a.poll() {
            if let Output::Call(batch) = output {
                a.answer(batch.id, Err(Unreachable), now_us);
                failed += 1;
            }
        }
        failed
    };
    assert_eq!(fail(&mut a, S), 1);
    assert!(!a.status(2 * S).store);
    a.unpublish(&key, 2 * S);
    assert_eq!(fail(&mut a, 2 * S), 1, "the release");
    a.registered(Ok(()), 3 * S);
    assert!(
        a.status(3 * S).store,
        "nothing is asked for leases that are not there"
    );
}
