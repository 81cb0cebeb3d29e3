//! From a file and a site to the steps between them.

use super::*;

const FILE: &str = r#"
[apps.school]
max_viewers = 100
retention_hours = 72
keys = [{ id = "k1", secret = "a secret that nobody sees" }]

[categories.games]
title = "Games"
title_zh = "游戏"
place = 10

[channels.chess]
title = "Ann plays chess"
visibility = "password"
password_env = "CHESS"
keys = ["OBS"]

[[hooks]]
url = "https://example.net/hook"
types = ["stream.started"]
"#;

fn wanted() -> Wanted {
    Wanted::read(FILE).unwrap()
}

/// What the site is after all of it.
fn whole() -> Found {
    let app = json!({ "app": "school", "rules": { "max_viewers": 100, "keys": [{ "id": "k1" }] },
        "retention_hours": 72, "recording_hours": null });
    let channel = json!({ "name": "chess", "title": "Ann plays chess", "visibility": "password" });
    let hook = json!({ "id": "h1", "url": "https://example.net/hook", "app": "", "dialect": "standard",
        "types": ["stream.started"] });
    let games = json!({ "name": "games", "title": "Games", "title_zh": "游戏", "place": 10 });
    Found {
        apps: BTreeMap::from([("school".to_owned(), app)]),
        categories: BTreeMap::from([("games".to_owned(), games)]),
        channels: BTreeMap::from([("chess".to_owned(), channel)]),
        keys: BTreeMap::from([("chess".to_owned(), vec!["OBS".to_owned()])]),
        hooks: vec![hook],
        passwords: BTreeMap::new(),
    }
}

fn asked(steps: &[Step]) -> Vec<String> {
    let line = |step: &Step| format!("{} {}", step.method, step.path);
    steps.iter().map(line).collect()
}

#[test]
fn an_empty_site_gets_all_of_it_and_no_secret_is_shown_before() {
    let found = Found {
        passwords: BTreeMap::from([("chess".to_owned(), "sesame".to_owned())]),
        ..Found::default()
    };
    let steps = plan(&wanted(), &found, true);
    let all = [
        "PUT apps/school",
        "PUT categories/games",
        "POST channels",
        "PATCH channels/chess",
        "POST channels/chess/keys",
        "POST hooks",
    ];
    assert_eq!(asked(&steps), all);
    let lines: Vec<String> = steps.iter().flat_map(|step| step.lines.clone()).collect();
    let lines = lines.join("\n");
    assert!(
        !lines.contains("secret that") && !lines.contains("sesame"),
        "{lines}"
    );
    assert!(lines.contains("+ visibility = \"password\""), "{lines}");
    let body = |at: usize| &steps[at].body;
    assert_eq!(
        body(0)["rules"]["keys"][0]["secret"],
        "a secret that nobody sees"
    );
    assert_eq!(body(0)["retention_hours"], 72);
    assert_eq!(
        *body(2),
        json!({ "name": "chess", "title": "Ann plays chess" })
    );
    assert_eq!(
        *body(3),
        json!({ "visibility": "password", "password": "sesame" })
    );
    let shown = steps[4].shown(&json!({ "key": "abc" }));
    assert_eq!(shown, ["  stream key \"OBS\" of chess: abc"]);
}

#[test]
fn a_site_that_is_as_the_file_says_is_left_alone() {
    assert_eq!(plan(&wanted(), &whole(), true), []);
}

#[test]
fn only_what_differs_is_changed_and_what_is_not_named_goes_when_that_is_asked_for() {
    let mut found = whole();
    found.apps.get_mut("school").unwrap()["rules"]["max_viewers"] = json!(5);
    found.channels.get_mut("chess").unwrap()["title"] = json!("Old");
    found.hooks[0]["types"] = json!([]);
    found.categories.get_mut("games").unwrap()["place"] = json!(1);
    found.categories.insert("old".into(), json!({}));
    found.apps.insert("old".into(), json!({ "rules": {} }));
    found
        .hooks
        .push(json!({ "id": "h2", "url": "https://other.example", "app": "", "dialect": "srs" }));
    let steps = plan(&wanted(), &found, false);
    let some = [
        "PUT apps/school",
        "PUT categories/games",
        "PATCH channels/chess",
        "PATCH hooks/h1",
    ];
    assert_eq!(asked(&steps), some);
    assert_eq!(
        steps[0].lines,
        ["~ app school", "    ~ max_viewers = 100 (was 5)"]
    );
    assert_eq!(
        steps[1].lines,
        ["~ category games", "    ~ place = 10 (was 1)"]
    );
    assert_eq!(steps[2].body, json!({ "title": "Ann plays chess" }));
    let all = asked(&plan(&wanted(), &found, true));
    assert_eq!(
        all[4..],
        [
            "DELETE apps/old",
            "DELETE categories/old",
            "DELETE hooks/h2"
        ]
    );
}

#[test]
fn what_makes_no_sense_is_refused_with_where() {
    for (text, words) in [
        ("[channels.a]\ntitel = 1", "titel"),
        ("[channels.a]\nkeys = [\"x\", \"x\"]", "same label"),
        ("[channels.\"a/b\"]\n", "is no name"),
        ("[categories.\"a/b\"]\ntitle = \"x\"", "is no name"),
        ("[categories.a]\nplace = 1", "title"),
        ("[[hooks]]\napp = \"live\"", "url"),
        ("[app.x]", "app"),
    ] {
        let error = format!("{:#}", Wanted::read(text).unwrap_err());
        assert!(error.contains(words), "{text}: {error}");
    }
}

/// A file is read or refused, and what is asked for is below what it names: no name leads to another's.
#[test]
fn no_file_panics_the_reader_or_asks_for_what_it_does_not_name() {
    let other = "[apps.\"..\"]\n[channels.\"频道\"]\nkeys=[\"a\",\"b\"]\nlanguage='zh'\n[apps.a.rules]\nx=[1,{y=2.5}]\n";
    let inputs = [FILE.as_bytes().to_vec(), other.as_bytes().to_vec()];
    let found = [Found::default(), whole()];
    weir_testkit::fuzz::hunt::hunt("apply_file", &inputs, |data| {
        let Ok(wanted) = Wanted::read(&String::from_utf8_lossy(data)) else {
            return;
        };
        for (found, is_pruned) in [(&found[0], false), (&found[1], true)] {
            for step in plan(&wanted, found, is_pruned) {
                let levels: Vec<&str> = step.path.split('/').collect();
                let is_known = match levels.as_slice() {
                    ["channels" | "hooks"] => true,
                    ["apps", name] => wanted.apps.contains_key(*name) || is_pruned,
                    ["categories", name] => wanted.categories.contains_key(*name) || is_pruned,
                    ["channels", name] | ["channels", name, "keys"] => {
                        wanted.channels.contains_key(*name)
                    }
                    ["hooks", id] => *id == "h1",
                    _ => false,
                };
                assert!(is_known, "{} {}", step.method, step.path);
                assert!(!step.path.contains(['?', '#', '%']), "{}", step.path);
            }
        }
    });
}
