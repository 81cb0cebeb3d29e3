//! Public pages: what people write, and addresses that are asked for.

use weir_site::{Target, excerpt, to_html};

/// Elements that Markdown may become; `a` and `ol` may have what [`attributes`] allows.
const ELEMENTS: [&str; 24] = [
    "p",
    "em",
    "strong",
    "del",
    "code",
    "pre",
    "ul",
    "ol",
    "li",
    "blockquote",
    "h2",
    "h3",
    "h4",
    "h5",
    "h6",
    "hr",
    "br",
    "table",
    "thead",
    "tbody",
    "tr",
    "th",
    "td",
    "a",
];

/// What comes out runs nothing and closes what it opens, and its excerpt is as short as was asked for.
pub(super) fn site_markdown(data: &[u8]) {
    let text = String::from_utf8_lossy(data);
    let html = to_html(&text).into_string();
    let mut open = Vec::new();
    for behind in html.split('<').skip(1) {
        let (tag, _) = behind.split_once('>').expect("a tag ends");
        let (tag, is_empty) = match tag.strip_suffix(" /") {
            Some(tag) => (tag, true),
            None => (tag, false),
        };
        if let Some(name) = tag.strip_prefix('/') {
            assert_eq!(open.pop(), Some(name), "{html}");
            continue;
        }
        let (name, rest) = tag.split_once(' ').unwrap_or((tag, ""));
        assert!(ELEMENTS.contains(&name), "<{tag}> of {text:?}");
        attributes(name, rest);
        if !is_empty {
            open.push(name);
        }
    }
    assert!(open.is_empty(), "{open:?} stay open in {html}");
    let words = excerpt(&text, 40);
    assert!(words.chars().count() <= 41, "{words:?}");
    assert!(!words.contains(char::is_control), "{words:?}");
}

fn attributes(name: &str, rest: &str) {
    if rest.is_empty() {
        return;
    }
    let (attribute, value) = rest.split_once("=\"").expect("a quoted value");
    let (value, behind) = value.split_once('"').expect("its end");
    match (name, attribute) {
        ("ol", "start") => assert!(value.bytes().all(|byte| byte.is_ascii_digit())),
        ("a", "href") => {
            let address = value.to_ascii_lowercase();
            let is_here = address.starts_with('#')
                || (address.starts_with('/') && !address.starts_with("//"));
            let leads = ["https://", "http://", "mailto:"];
            let leads_away = leads.iter().any(|scheme| address.starts_with(scheme));
            assert!(is_here || leads_away, "{value}");
            assert!(
                behind.is_empty() || behind.starts_with(" rel=\"nofollow"),
                "{behind}"
            );
        }
        _ => panic!("<{name} {rest}>"),
    }
}

/// A page's own address leads to that page.
pub(super) fn site_target(data: &[u8]) {
    let path = String::from_utf8_lossy(data);
    let Some(target) = Target::of(&path) else {
        return;
    };
    let written = target.path();
    assert_eq!(
        Target::of(&written),
        Some(target),
        "{path:?} is {written:?}"
    );
}
