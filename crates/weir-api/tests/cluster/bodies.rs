//! Bodies that are nearly right, for every operation that takes one: the document says what each looks like, and
//! mutations of that are sent through the whole service.

use axum::body::Body;
use http::header;
use serde_json::{Map, Value, json};
use weir_api::AccountRole;
use weir_testkit::fuzz::mutate::Mutator;

use crate::accounts::Site;
use crate::hostile::in_order;
use crate::world::request;

/// Mutations for each operation; `WEIR_FUZZ_RUNS` asks for more, `WEIR_FUZZ_SEED` for others.
const RUNS: u64 = 40;
const SEED: u64 = 20_261_120;
/// Levels of a schema that are followed.
const MAX_LEVELS: u32 = 8;

fn setting(variable: &str, default: u64) -> u64 {
    let value = std::env::var(variable).ok();
    value.map_or(default, |value| value.parse().unwrap())
}

/// Something that a schema describes, with all its fields.
fn example(document: &Value, schema: &Value, levels: u32) -> Value {
    let name = schema["$ref"].as_str();
    if let Some(name) = name.and_then(|name| name.rsplit('/').next()) {
        let schema = &document["components"]["schemas"][name];
        return match levels {
            0 => Value::Null,
            _ => example(document, schema, levels - 1),
        };
    }
    if !schema["example"].is_null() {
        return schema["example"].clone();
    }
    for many in ["oneOf", "anyOf", "allOf"] {
        let choices = schema[many].as_array().into_iter().flatten();
        let made = choices.map(|choice| example(document, choice, levels));
        if let Some(first) = made.into_iter().find(|made| !made.is_null()) {
            return first;
        }
    }
    if let Some(word) = schema["enum"].get(0) {
        return word.clone();
    }
    let kind = schema["type"]
        .as_str()
        .or_else(|| schema["type"][0].as_str());
    match kind {
        Some("object") => {
            let properties = schema["properties"].as_object();
            let fields = properties.into_iter().flatten();
            let made = fields.map(|(name, of)| (name.clone(), example(document, of, levels)));
            Value::Object(made.collect::<Map<_, _>>())
        }
        Some("array") => json!([example(document, &schema["items"], levels)]),
        Some("integer" | "number") => match &schema["minimum"] {
            Value::Null => json!(1),
            least => least.clone(),
        },
        Some("boolean") => json!(true),
        Some("string") => json!("abc"),
        _ => Value::Null,
    }
}

/// Shows that no body that is nearly right is a fault of ours.
#[tokio::test]
async fn no_body_that_is_nearly_right_is_a_fault_of_ours() {
    let site = Site::new().await;
    let admin = site.with_role("ann", AccountRole::Admin).await;
    let document = site.world.get("/api/v1/openapi.json").await.json();
    let (runs, seed) = (
        setting("WEIR_FUZZ_RUNS", RUNS),
        setting("WEIR_FUZZ_SEED", SEED),
    );
    println!("WEIR_FUZZ_SEED={seed}");
    let mut bodies = Vec::new();
    for (path, methods) in document["paths"].as_object().unwrap() {
        for (method, described) in methods.as_object().unwrap() {
            let content = &described["requestBody"]["content"]["application/json"];
            // A node that drains, or an account that is gone, answers nothing else any more.
            let ends_it = path.ends_with("/drain") || (path.ends_with("/me") && method == "delete");
            if content.is_null() || ends_it {
                continue;
            }
            let said = match &content["example"] {
                Value::Null => example(&document, &content["schema"], MAX_LEVELS),
                said => said.clone(),
            };
            bodies.push((
                method.to_uppercase(),
                path.clone(),
                said.to_string().into_bytes(),
            ));
        }
    }
    assert!(bodies.len() > 30, "{} operations take a body", bodies.len());
    let all: Vec<Vec<u8>> = bodies.iter().map(|(_, _, body)| body.clone()).collect();
    let mut mutator = Mutator::new(seed);
    for (method, path, body) in &bodies {
        let target: Vec<_> = path.split('/').collect();
        let target = target
            .into_iter()
            .map(|level| match level.strip_prefix('{') {
                Some("name}" | "channel}") => "chess",
                Some(_) => "019f0000-0000-7000-8000-000000000000",
                None => level,
            });
        let target = target.collect::<Vec<_>>().join("/");
        for turn in 0..=runs {
            let sent = match turn {
                0 => body.clone(),
                _ => mutator.mutate(body, &all),
            };
            // From everywhere: what is tried too often is another test's.
            let from = format!("10.{}.{}.1", turn / 250, turn % 250);
            let mut asked = request(method, &target, &from, "");
            let kind = "application/json".parse().unwrap();
            asked.headers_mut().insert(header::CONTENT_TYPE, kind);
            let token = format!("Bearer {}", admin.token).parse().unwrap();
            asked.headers_mut().insert(header::AUTHORIZATION, token);
            *asked.body_mut() = Body::from(sent.clone());
            let answered = site.world.ask(asked).await;
            let what = format!("{method} {path}: {}", String::from_utf8_lossy(&sent));
            in_order(&answered, &what);
        }
    }
}
