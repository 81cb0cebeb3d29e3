//! Who is sent away later: what admitted it has ended.

use weir_hub::hub::PublishRequest;

use super::*;

const ENDS: &str = r#"{"end_on_expiry":true,"publish":"key"}"#;

#[test]
fn a_right_that_expires_ends_what_it_admitted_where_the_app_wants_it() {
    for (text, code) in [(ENDS, 1003), (r#"{"end_on_expiry":false}"#, 0), ("{}", 0)] {
        let mut house = House::new(|file| {
            file.auth.play = PlayAuth::Signed;
            file.auth.keys = vec![url_key()];
        });
        house.learn([app(text)]);
        let watching = house.enter(&play(&signed(Action::Play, NOW_S + 60, "")));
        let sending = house.enter(&publish(&signed(Action::Publish, NOW_S + 60, "")));
        house.pass_s(59);
        assert_eq!((house.judged(&watching), house.judged(&sending)), (0, 0));
        house.pass_s(1);
        assert_eq!(
            (house.judged(&watching), house.judged(&sending)),
            (code, code),
            "{text}"
        );
    }
}

#[test]
fn what_is_taken_back_ends_what_it_admitted_where_the_app_wants_it() {
    let stages: [(&str, Change, u16); 5] = [
        ("a revoked key", key("k", "ch1", None, true), 1006),
        (
            "a forgotten key",
            Change::KeyGone {
                digest: KeyDigest::of("k"),
            },
            1006,
        ),
        (
            "a channel that is gone",
            Change::ChannelGone { id: "ch1".into() },
            1006,
        ),
        ("an app switched off", app(r#"{"disabled":true}"#), 2002),
        (
            "a network shut out",
            app(r#"{"end_on_expiry":true,"denied_networks":["10.0.0.0/8"]}"#),
            2003,
        ),
    ];
    for (what, change, code) in stages {
        let mut house = House::new(|_| {});
        house.learn([
            app(ENDS),
            channel(Visibility::Public, 0),
            key("k", "ch1", None, false),
        ]);
        let sending = house.enter(&publish("key=k"));
        assert_eq!(house.judged(&sending), 0);
        house.learn([change]);
        assert_eq!(house.judged(&sending), code, "{what}");
    }
}

#[test]
fn another_password_ends_watching_by_the_old_ticket() {
    let mut house = House::new(|_| {});
    let Change::Channel(first) = channel(Visibility::Password, 1) else {
        unreachable!()
    };
    house.learn([
        app(ENDS),
        Change::Channel(first.clone()),
        Change::TicketKeys(vec![ticket_key()]),
    ]);
    let text = ticket::make(&ticket_key(), &first, "", NOW_S + 600).unwrap();
    let watching = house.enter(&play(&format!("ticket={text}")));
    assert_eq!(house.judged(&watching), 0);
    house.learn([channel(Visibility::Password, 2)]);
    assert_eq!(house.judged(&watching), 1006);
}

#[test]
fn a_channel_that_closes_ends_watching_without_a_ticket() {
    let mut house = House::new(|_| {});
    house.learn([app(ENDS), channel(Visibility::Public, 0)]);
    let watching = house.enter(&play(""));
    assert_eq!(house.judged(&watching), 0);
    house.learn([channel(Visibility::Private, 1)]);
    assert_eq!(house.judged(&watching), 1001);
}

#[test]
fn a_ban_ends_what_it_hits_whatever_the_app_wants() {
    let mut house = House::new(|_| {});
    house.learn([channel(Visibility::Public, 0), key("k", "ch1", None, false)]);
    let sending = house.enter(&publish("key=k"));
    let watching = house.enter(&Ask {
        ip: "10.0.9.9",
        ..play("")
    });
    assert_eq!((house.judged(&sending), house.judged(&watching)), (0, 0));
    house.learn([ban(
        BanTarget::Network("10.0.9.0/24".parse().unwrap()),
        None,
    )]);
    assert_eq!((house.judged(&sending), house.judged(&watching)), (0, 2003));
    assert_eq!(
        &*watching.kick_refusal().unwrap().detail,
        "spam in the chat"
    );
    house.learn([ban(BanTarget::Account("ann".into()), None)]);
    assert_eq!(house.judged(&sending), 2007);
}

#[test]
fn a_ban_on_a_channel_ends_a_play_there_by_address_and_by_the_ticket_s_name() {
    let mut house = House::new(|_| {});
    let Change::Channel(open) = channel(Visibility::Public, 0) else {
        unreachable!()
    };
    house.learn([
        Change::Channel(open.clone()),
        Change::TicketKeys(vec![ticket_key()]),
        key("k", "ch1", None, false),
    ]);
    let text = ticket::make(&ticket_key(), &open, "bob", NOW_S + 60).unwrap();
    let query = format!("ticket={text}");
    let by_name = house.enter(&play(&query));
    let by_address = house.enter(&Ask {
        ip: "10.0.9.9",
        ..play("")
    });
    let sending = house.enter(&publish("key=k"));
    let on = |id: &str, channel: &str, target: BanTarget| {
        Change::ban(Arc::new(Ban {
            id: id.into(),
            channel: channel.into(),
            target,
            stops: Acts::Play,
            reason: "not here".into(),
            until_ms: None,
        }))
    };
    let bob = || BanTarget::Account("bob".into());
    house.learn([on("elsewhere", "ch2", bob())]);
    assert_eq!((house.judged(&by_name), house.judged(&by_address)), (0, 0));
    house.learn([
        on("here", "ch1", bob()),
        on(
            "address",
            "ch1",
            BanTarget::Network("10.0.9.9/32".parse().unwrap()),
        ),
    ]);
    assert_eq!(
        (house.judged(&by_name), house.judged(&by_address)),
        (2007, 2003)
    );
    assert_eq!(&*by_name.kick_refusal().unwrap().detail, "not here");
    assert_eq!(house.judged(&sending), 0);
    assert_eq!(
        (house.code(&play(&query)), house.code(&play(""))),
        (2007, 0)
    );
}

#[tokio::test(start_paused = true)]
async fn whoever_may_no_more_is_gone_within_three_seconds() {
    let mut house = House::new(|_| {});
    house.learn([channel(Visibility::Public, 0), key("k", "ch1", None, false)]);
    let query = [("key".to_owned(), "k".to_owned())];
    let name = StreamName::new("", "live", "x").unwrap();
    let admission = Admission {
        action: Action::Publish,
        name: &name,
        query: &query,
        ip: "10.0.0.1".parse().unwrap(),
        protocol: Protocol::Rtmp,
        is_cross_site: false,
        page: None,
    };
    let request = PublishRequest {
        name: name.clone(),
        protocol: Protocol::Rtmp,
        addr: "10.0.0.1:1".parse().unwrap(),
        grant: house.gate.admit(admission).await.unwrap(),
    };
    let publisher = house.hub.publish(request).unwrap();
    let began = tokio::time::Instant::now();
    let gate = house.gate.clone();
    let story = async {
        tokio::time::sleep(Duration::from_secs(7)).await;
        assert_eq!(publisher.client().kicked(), None);
        house.learn([ban(BanTarget::Stream("live/x".into()), None)]);
        let code = publisher.client().wait_kicked().await;
        (code, began.elapsed() - Duration::from_secs(7))
    };
    let (code, took) = tokio::select! {
        told = story => told,
        () = crate::watch(gate, std::future::pending()) => unreachable!(),
    };
    assert_eq!(code, Code::StreamBanned);
    assert!(took <= Duration::from_secs(3), "{took:?}");
}

#[test]
fn a_channels_leaves_end_also_where_the_app_says_nothing() {
    let mut house = House::new(|_| {});
    let Change::Channel(first) = channel(Visibility::Followers, 1) else {
        unreachable!()
    };
    house.learn([
        Change::Channel(first.clone()),
        Change::TicketKeys(vec![ticket_key()]),
    ]);
    let until_s = NOW_S + ticket::LIFETIME_S;
    let leave = |account: &str, until_s| {
        let text = ticket::make(&ticket_key(), &first, account, until_s).unwrap();
        format!("ticket={text}")
    };
    let (bob, eve) = (leave("bob", until_s), leave("eve", until_s));
    let (bobs, eves) = (house.enter(&play(&bob)), house.enter(&play(&eve)));
    house.learn([Change::Withdrawn(Withdrawn {
        channel: first.id.as_ref().into(),
        account: "bob".into(),
        until_s,
    })]);
    assert_eq!((house.judged(&bobs), house.judged(&eves)), (1006, 0));
    assert_eq!(house.code(&play(&bob)), 1006);
    // Whoever follows again is given another.
    assert_eq!(house.code(&play(&leave("bob", until_s + 1))), 0);
    house.learn([channel(Visibility::Followers, 2)]);
    assert_eq!(house.judged(&eves), 1006);
}
