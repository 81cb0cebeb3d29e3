//! What the API's description says of questions, of a server with all its rooms: whatever stands in them.

use serde_json::Value;
use weir_testkit::server::Options;

use crate::kit::binary;

/// What no parameter of a question means.
const NONSENSE: [&str; 6] = ["", "g", "-1", "99999999999999999999", "%00", "%FF"];

/// A scan with Schemathesis finds these by chance alone; this one tries each parameter of each question.
#[test]
fn no_question_is_answered_with_a_status_that_its_description_does_not_know() {
    let unlimited = ["api.reads_per_minute=0", "api.asks_per_minute=0"];
    let server = Options::new(&binary()).set(&unlimited).start();
    let document = server.api("GET", "openapi.json").json();
    let mut tried = 0;
    for (path, item) in document["paths"].as_object().unwrap() {
        let operation = &item["get"];
        let parameters = operation["parameters"].as_array().into_iter().flatten();
        let in_query = parameters.filter(|parameter| parameter["in"] == "query");
        for name in in_query.filter_map(|parameter| parameter["name"].as_str()) {
            // Whoever waits for what does not happen waits for a minute.
            let waits = if name == "wait" { "" } else { "&wait=0" };
            for value in NONSENSE {
                let asked = format!("{}?{name}={value}{waits}", filled(path));
                let answer = server.api("GET", asked.trim_start_matches("/api/v1/"));
                let known = &operation["responses"][answer.status.to_string()];
                assert_ne!(
                    known,
                    &Value::Null,
                    "{asked}: {} {}",
                    answer.status,
                    answer.text()
                );
                assert!(answer.status < 500, "{asked}: {}", answer.text());
                tried += 1;
            }
        }
    }
    assert!(tried > 200, "{tried}");
}

/// A path with something in the place of each parameter.
fn filled(path: &str) -> String {
    let level = |level: &str| match level.starts_with('{') {
        true => "019f0000-0000-7000-8000-000000000000".to_owned(),
        false => level.to_owned(),
    };
    path.split('/').map(level).collect::<Vec<_>>().join("/")
}
