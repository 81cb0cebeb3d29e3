//! A refusal as a page, for a person whose browser opened an address that leads nowhere.

use std::fmt::Write as _;

use crate::codes::Code;
use crate::prefer::Tongue;

/// The page, with places in braces.
const PAGE: &str = include_str!("refusal_page.html");
/// Characters of the address that are shown; of a longer one the beginning.
const MAX_SHOWN_CHARS: usize = 200;

/// The page that says `code` to a person who opened `path`, whole, as HTML without anything from elsewhere but a
/// style of its own. The path is somebody's own text: what is markup in it is escaped.
pub fn refusal_page(code: Code, path: &str, tongue: Tongue) -> String {
    let (title, hint) = words(code, tongue);
    let home = match tongue {
        Tongue::English => "What is live",
        Tongue::Chinese => "查看正在直播",
    };
    let entry = code.entry();
    let number = entry.number.to_string();
    let shown = escaped(path);
    let values = [
        ("lang", tongue.tag()),
        ("title", title),
        ("hint", hint),
        ("path", &shown),
        ("home", home),
        ("code", &number),
        ("name", entry.name),
    ];
    let mut page = String::with_capacity(PAGE.len() + 1024);
    let mut rest = PAGE;
    // One pass over the page: a value that has braces of its own is no place.
    while let Some((before, behind)) = rest.split_once('{') {
        page.push_str(before);
        let place = values.iter().find_map(|(name, value)| {
            let behind = behind.strip_prefix(name)?.strip_prefix('}')?;
            Some((value, behind))
        });
        if let Some((value, behind)) = place {
            page.push_str(value);
            rest = behind;
        } else {
            page.push('{');
            rest = behind;
        }
    }
    page.push_str(rest);
    page
}

/// Title and hint.
const fn words(code: Code, tongue: Tongue) -> (&'static str, &'static str) {
    let (nothing, not_live, closed, other) = match tongue {
        Tongue::English => (
            (
                "There is no such page",
                "A stream’s page is /watch/ with the names of its app and of the stream.",
            ),
            (
                "This stream is not live",
                "It can be watched as soon as somebody publishes it.",
            ),
            (
                "This is not open to you",
                "The address lacks a key or a signature, or what it has is not valid any more.",
            ),
            (
                "This did not work",
                "The server could not answer. Try it again in a moment.",
            ),
        ),
        Tongue::Chinese => (
            (
                "没有这个页面",
                "直播页面的地址是 /watch/ 加上应用名和直播名。",
            ),
            ("这路直播还没有开始", "有人推流后就可以观看。"),
            ("没有访问权限", "地址里缺少密钥或签名，或者已经失效。"),
            ("没能打开", "服务器暂时无法回应，请稍后再试。"),
        ),
    };
    match (code, code.entry().http) {
        (Code::NotFound, _) => nothing,
        (_, 404 | 410) => not_live,
        (_, 401 | 403) => closed,
        _ => other,
    }
}

fn escaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for character in text.chars().take(MAX_SHOWN_CHARS) {
        match character {
            '<' | '>' | '&' | '"' | '\'' => {
                // Writing to a string does not fail.
                let _ = write!(out, "&#{};", u32::from(character));
            }
            _ if character.is_control() => {}
            _ => out.push(character),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_page_says_in_its_language_what_is_not_there() {
        let page = refusal_page(Code::NotFound, "/nothing", Tongue::Chinese);
        assert!(page.starts_with("<!doctype html>") && page.contains(r#"<html lang="zh-CN">"#));
        assert!(page.contains("没有这个页面") && page.contains("<code>/nothing</code>"));
        let page = refusal_page(Code::NotLive, "/live/a.flv", Tongue::English);
        assert!(page.contains("<h1>This stream is not live</h1>") && page.contains("3002"));
    }

    #[test]
    fn an_address_is_text_and_no_markup() {
        let path = "/<script>alert(1)</script>\"'&{title}\n";
        let page = refusal_page(Code::NotFound, path, Tongue::English);
        assert!(!page.contains("<script"));
        assert!(page.contains("&#60;script&#62;alert(1)&#60;/script&#62;&#34;&#39;&#38;{title}<"));
        let long = refusal_page(Code::NotFound, &"x".repeat(1 << 20), Tongue::English);
        assert!(long.len() < PAGE.len() + 1024);
    }
}
