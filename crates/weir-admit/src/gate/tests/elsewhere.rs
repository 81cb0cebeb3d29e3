//! What has to be waited for: nonces of the cluster, and questions to an api node.

use std::collections::HashMap;

use weir_cluster::lease::Unreachable;
use weir_cluster::store::Waiting;

use super::*;
use crate::consult::{Advice, Advised, NoAdvice};

/// Nonces of several nodes, or of none that answers.
#[derive(Default)]
struct Everywhere {
    used: Mutex<HashMap<String, String>>,
    is_away: bool,
    is_deaf: bool,
}

impl NonceStore for Everywhere {
    fn claim_nonce(
        &self,
        id: String,
        by: String,
        ttl_ms: i64,
    ) -> Waiting<'_, Result<Option<String>, Unreachable>> {
        assert!(ttl_ms > 0);
        Box::pin(async move {
            if self.is_deaf {
                std::future::pending::<()>().await;
            }
            if self.is_away {
                return Err(Unreachable);
            }
            let mut used = self.used.lock();
            let before = used.get(&id).cloned();
            used.entry(id).or_insert(by);
            Ok(before)
        })
    }
}

#[test]
fn a_nonce_admits_once_in_the_cluster_and_once_on_each_node_while_its_registry_is_away() {
    let set = |file: &mut FileRules| {
        file.auth.play = PlayAuth::Signed;
        file.auth.keys = vec![url_key()];
    };
    let node =
        |store: &Arc<Everywhere>| House::with(set, |parts| parts.nonces = Some(store.clone()));
    let query = signed(Action::Play, 2_000, "once");
    let there = Arc::new(Everywhere::default());
    let (one, other) = (node(&there), node(&there));
    assert_eq!(
        [one.code(&play(&query)), other.code(&play(&query))],
        [0, 1005]
    );
    let hls_query = signed(Action::Play, 2_000, "hls");
    let hls = Ask {
        protocol: Protocol::Hls,
        ..play(&hls_query)
    };
    assert_eq!(
        [one.code(&hls), other.code(&hls)],
        [0, 0],
        "a player may change its node"
    );
    let thief = Ask {
        ip: "10.0.0.2",
        ..hls
    };
    assert_eq!([one.code(&thief), other.code(&thief)], [1005, 1005]);
    for store in [
        Everywhere {
            is_away: true,
            ..Everywhere::default()
        },
        Everywhere {
            is_deaf: true,
            ..Everywhere::default()
        },
    ] {
        let store = Arc::new(store);
        let (one, other) = (node(&store), node(&store));
        let codes = [&one, &other, &one, &other].map(|node| node.code(&play(&query)));
        assert_eq!(codes, [0, 0, 1005, 1005]);
    }
}

/// An api node that knows the password, and counts who asks.
#[derive(Default)]
struct ApiNode {
    asked: Mutex<u32>,
    is_deaf: bool,
}

impl Consult for ApiNode {
    fn ask<'a>(&'a self, question: Question<'a>) -> Advised<'a> {
        *self.asked.lock() += 1;
        Box::pin(async move {
            if self.is_deaf {
                std::future::pending::<()>().await;
            }
            let given = question.query.iter().find(|(name, _)| name == "password");
            match given {
                Some((_, word)) if word == "sesame" => Ok(Advice {
                    account: "bob".into(),
                    until_s: Some(NOW_S + 30),
                    ..Advice::default()
                }),
                _ => Err(NoAdvice::Refused(Code::AuthBadSignature.into())),
            }
        })
    }
}

#[test]
fn a_password_is_asked_about_once_for_some_seconds() {
    let api = Arc::new(ApiNode::default());
    let mut house = House::with(|_| {}, |parts| parts.consult = Some(api.clone()));
    house.learn([channel(Visibility::Password, 0)]);
    assert_eq!(house.code(&play("")), 1001);
    assert_eq!(house.code(&play("password=wrong")), 1004);
    let hls = |n: u32| format!("password=sesame&_HLS_msn={n}");
    for n in 0..5 {
        let grant = house.ask(&play(&hls(n))).unwrap();
        assert_eq!(grant.identity.unwrap().account(), "bob");
    }
    assert_eq!(*api.asked.lock(), 2);
    house.pass_s(5);
    assert_eq!(house.code(&play(&hls(9))), 0);
    assert_eq!(*api.asked.lock(), 3);
    house.learn([ban(BanTarget::Account("bob".into()), None)]);
    assert_eq!(house.code(&play(&hls(9))), 2007);
}

#[test]
fn where_nobody_answers_the_apps_default_counts_and_never_for_a_password() {
    for (text, app_code) in [
        (r#"{"ask":"play"}"#, 5002),
        (r#"{"ask":"play","when_away":"admit"}"#, 0),
        (r#"{"ask":"publish"}"#, 0),
    ] {
        for api in [
            None,
            Some(Arc::new(ApiNode {
                is_deaf: true,
                ..ApiNode::default()
            })),
        ] {
            let mut house = House::with(
                |_| {},
                |parts| {
                    parts.consult = api.map(|api| api as Arc<dyn Consult>);
                },
            );
            house.learn([app(text)]);
            assert_eq!(house.code(&play("")), app_code, "{text}");
            house.learn([channel(Visibility::Password, 0)]);
            assert_eq!(house.code(&play("password=sesame")), 5002, "{text}");
        }
    }
}

/// An app's own server, which has every publisher be somebody else.
struct Renames(&'static str);

impl Consult for Renames {
    fn ask<'a>(&'a self, _: Question<'a>) -> Advised<'a> {
        let parameters = [("rec".to_owned(), "mp4".to_owned())];
        Box::pin(std::future::ready(Ok(Advice {
            stream: Some(self.0.into()),
            parameters: parameters.into(),
            ..Advice::default()
        })))
    }
}

#[test]
fn an_apps_server_may_give_a_publisher_another_name_and_add_to_its_address() {
    let house = |stream| {
        let mut house = House::with(
            |file| file.auth.publish = PublishAuth::Open,
            |parts| parts.consult = Some(Arc::new(Renames(stream))),
        );
        house.learn([app(r#"{"ask":"both","end_on_expiry":true}"#)]);
        house
    };
    let mut renamed = house("y");
    let grant = renamed.ask(&publish("rec=0&shot=5")).unwrap();
    assert_eq!(grant.name.unwrap().to_string(), "live/y");
    let wishes = grant.wishes.unwrap();
    assert_eq!(wishes.shot_every_s, Some(5));
    assert_eq!(
        wishes.record.clone().unwrap().forms.len(),
        1,
        "it has the last word"
    );
    // Players are where they asked to be.
    assert_eq!(renamed.ask(&play("")).unwrap().name, None);
    let sending = renamed.enter(&publish(""));
    assert_eq!(renamed.judged(&sending), 0);
    renamed.learn([ban(BanTarget::Stream("live/y".into()), None)]);
    assert_eq!(renamed.code(&publish("")), 2001);
    for wrong in ["a/../b", "", "a\u{0}"] {
        assert_ne!(house(wrong).code(&publish("")), 0, "{wrong:?}");
    }
}
