//! What other nodes, other servers, the store and the operator's files say.

use std::net::{IpAddr, Ipv6Addr};

use weir_base::Clock;
use weir_cluster::coworker::{self, Query};
use weir_cluster::geo::maxmind::{MaxMind, Words};
use weir_cluster::geo::{CidrTable, Locator};
use weir_cluster::limits::REPORT_TTL_MS;
use weir_cluster::member::{self, Output};
use weir_cluster::message::Message;
use weir_cluster::redis::{Files, Redis, Target};
use weir_cluster::report::StreamReport;
use weir_cluster::view::{self, View};
use weir_cluster::{Member, Name, NodeRecord, Role};

use super::Input;
use crate::builders::node_record;

/// Half a second between two lines.
const STEP_US: i64 = 500_000;

fn name(text: &str) -> Name {
    Name::new(text).expect("a name")
}

fn lines(data: &[u8]) -> impl Iterator<Item = &[u8]> {
    data.split(|byte| *byte == b'\n')
}

/// Messages, one a line, heard by a node that has a stream: what it holds stays true to itself.
pub(super) fn cluster_message(data: &[u8]) {
    let mut member = listener();
    let mut nodes = std::collections::HashSet::new();
    for (line, now_us) in lines(data).zip((0..).step_by(STEP_US as usize)) {
        let _ = NodeRecord::from_json(line).map(|record| assert!(record.check().is_ok()));
        if let Ok(message) = Message::from_json(line) {
            assert_eq!(
                Message::from_json(&message.to_json()).ok().as_ref(),
                Some(&message)
            );
            nodes.insert(message.from.clone());
            member.message(&message, now_us);
        }
        member.tick(now_us);
        while let Some(output) = member.poll() {
            if let Output::Send(_, message) = output {
                assert!(
                    Message::from_json(&message.to_json()).is_ok(),
                    "{message:?}"
                );
            }
        }
        check(&member, nodes.len());
        assert!(member.deadline_us() > now_us, "it would spin");
    }
}

fn listener() -> Member {
    let record = node_record("me", &[Role::Origin, Role::Edge]);
    Member::new(member::MemberConfig::default(), record, 0).expect("a member")
}

fn check(member: &Member, nodes: usize) {
    let view = member.view();
    assert!(view.len() <= nodes + 1, "more nodes than spoke");
    let mut streams = std::collections::HashSet::new();
    for node in view.nodes() {
        for record in node.owns() {
            assert_eq!(record.node, node.id);
            assert!(view.owner(&record.key).is_some());
            streams.insert(record.key.clone());
        }
        for key in node.carries() {
            assert!(view.carriers(key).any(|carrier| carrier.id == node.id));
            streams.insert(key.clone());
        }
    }
    assert_eq!(view.stream_count(), streams.len());
}

/// A byte for the status, then a coworker's answer, or the pairs of a query.
pub(super) fn cluster_coworker(data: &[u8]) {
    let mut input = Input(data);
    let status = if input.u8() == 0 { 500 } else { 200 };
    let own = ["127.0.0.1:9090".to_owned()];
    if let Ok(Some(origin)) = coworker::read_answer(status, input.0) {
        assert!(!origin.ip.is_empty() && origin.port != 0);
        let _ = coworker::leads_back(&origin, &own, &own);
        let query = Query {
            vhost: origin.vhost.clone(),
            ip: origin.ip.clone(),
            app: "live".into(),
            stream: "demo".into(),
            coworker: origin.api.clone(),
        };
        let again = coworker::answer(&query, Some(&origin));
        // What was within the bound may be longer when it is escaped.
        if again.len() <= weir_cluster::limits::COWORKER_ANSWER_BYTES {
            assert_eq!(
                coworker::read_answer(200, again.as_bytes()).ok(),
                Some(Some(origin))
            );
        }
    }
    let text = String::from_utf8_lossy(input.0);
    let pairs = text.split('&').filter_map(|pair| pair.split_once('='));
    if let Some(query) = Query::from_pairs(pairs) {
        let target = query.target();
        assert_eq!(target.matches('&').count(), 4, "{target}");
        assert!(
            target.bytes().all(|byte| byte.is_ascii_graphic()),
            "{target}"
        );
        let _ =
            coworker::read_answer(200, coworker::answer(&query, None).as_bytes()).map(|found| {
                assert_eq!(found, None);
            });
    }
}

/// Reports, one a line, as JSON or as the store keeps them.
pub(super) fn cluster_report(data: &[u8]) {
    let mut view = View::new(view::ViewConfig::default(), name("me"));
    let key = weir_cluster::LeaseKey::new("live/demo").expect("a key");
    for (line, now_us) in lines(data).zip((0..).step_by(STEP_US as usize)) {
        let text = String::from_utf8_lossy(line);
        let kept = StreamReport::from_place(key.clone(), &text, REPORT_TTL_MS);
        let said = serde_json::from_slice::<StreamReport>(line).ok();
        for report in said
            .filter(|report| report.check().is_ok())
            .into_iter()
            .chain(kept)
        {
            let again =
                StreamReport::from_place(report.key.clone(), &report.place(), report.ttl_ms);
            assert_eq!(again.as_ref(), Some(&report));
            view.believe(std::slice::from_ref(&report), now_us);
            let found = view.reported(&report.key);
            if report.ttl_ms > 0 {
                let found = found.expect("what was said last");
                assert_eq!((&found.ip, found.port), (&report.ip, report.port));
                assert!(found.until_us > now_us && found.until_us <= now_us + REPORT_TTL_MS * 1000);
            }
            let _ = view.has_several_servers(&report.ip);
        }
        view.tick(false, now_us);
    }
    view.tick(false, i64::MAX);
    assert_eq!(view.reported_count(), 0);
}

/// An address, then a table of networks, whose lines are words for a database too.
pub(super) fn cluster_table(data: &[u8]) {
    let mut input = Input(data);
    let ip = Ipv6Addr::from(input.array::<16>());
    let text = String::from_utf8_lossy(input.0);
    if let Ok(table) = CidrTable::parse(&text) {
        let place = table.locate(IpAddr::V6(ip));
        assert_eq!(place, table.locate(IpAddr::V6(ip).to_canonical()));
        let v4 = ip.to_bits() as u32;
        let _ = table.locate(IpAddr::V4(v4.into()));
    }
    let words: Vec<_> = text.lines().map(str::to_owned).collect();
    let _ = Words::parse(&words, &words);
}

/// An address, then a database.
pub(super) fn cluster_maxmind(data: &[u8]) {
    let mut input = Input(data);
    let ip = Ipv6Addr::from(input.array::<16>());
    let words = Words::parse(&["DE eu".to_owned()], &["AS4538 cernet".to_owned()]);
    let Ok(database) = MaxMind::new(input.0.to_vec(), words.expect("words")) else {
        return;
    };
    let _ = database.kind();
    let v4 = IpAddr::V4((ip.to_bits() as u32).into());
    for ip in [
        IpAddr::V6(ip),
        v4,
        [10, 0, 0, 1].into(),
        [192, 0, 2, 1].into(),
    ] {
        let _ = database.locate(ip);
    }
}

/// The store's URL; nobody is connected to.
pub(super) fn cluster_url(data: &[u8]) {
    let url = String::from_utf8_lossy(data);
    let Ok(target) = Target::parse(&url) else {
        return;
    };
    let shown = format!("{target:?}");
    let user = url.split_once("://").map_or("", |(_, rest)| rest);
    let user = user
        .split(['/', '?'])
        .next()
        .and_then(|a| a.rsplit_once('@'));
    let password = user
        .and_then(|(user, _)| user.split_once(':'))
        .map_or("", |(_, word)| word);
    // A long one is nowhere else in the URL by chance.
    if password.len() > 8 && url.matches(password).count() == 1 {
        assert!(!shown.contains(password), "{shown}");
    }
    // The files are the operator's; none is opened here.
    if target.files == Files::default() {
        let _ = Redis::new(&url, &name("test"), 6_000, 10_000, Clock::manual(0));
    }
}

#[cfg(test)]
mod tests {
    use super::super::seeds;
    use super::*;

    #[test]
    fn the_seeds_are_what_they_look_like() {
        for seed in seeds::cluster_message() {
            let is_read =
                |line| Message::from_json(line).is_ok() || NodeRecord::from_json(line).is_ok();
            assert!(
                lines(&seed).all(is_read),
                "{}",
                String::from_utf8_lossy(&seed)
            );
        }
        for seed in seeds::cluster_maxmind() {
            let words = Words::parse(&["DE eu".to_owned()], &["AS4538 cernet".to_owned()]);
            let database =
                MaxMind::new(seed[16..].to_vec(), words.expect("words")).expect("a database");
            let place = database.locate([10, 1, 2, 3].into());
            assert!(place.region.is_some() != place.isp.is_some(), "{place:?}");
        }
        for seed in seeds::cluster_url() {
            assert!(Target::parse(&String::from_utf8_lossy(&seed)).is_ok());
        }
        let tables = seeds::cluster_table();
        let table = CidrTable::parse(&String::from_utf8_lossy(&tables[0][16..])).expect("a table");
        assert!(table.locate([10, 1, 2, 3].into()).isp.is_some());
    }
}
