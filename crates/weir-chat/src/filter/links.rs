//! Whether a text leads somewhere else: an address, or one that was taken apart so that programs do not see it.

use unicode_normalization::UnicodeNormalization as _;

/// Ends of names that people post, each as common as a word: a dot in front of one makes an address.
const ENDS: [&str; 48] = [
    "app", "art", "biz", "cc", "club", "cn", "co", "com", "de", "dev", "fr", "fun", "gg", "hk",
    "icu", "in", "info", "io", "jp", "kr", "la", "link", "live", "ltd", "me", "mobi", "net",
    "online", "org", "pro", "pw", "ru", "shop", "site", "store", "tech", "tk", "top", "tv", "tw",
    "uk", "us", "vip", "wang", "win", "work", "xin", "xyz",
];
/// What is written for a dot. A word is one only where blanks stand around it.
const DOTS: [char; 6] = ['.', '。', '．', '・', '点', '點'];

/// Whether there is a link in a text.
pub fn has_link(text: &str) -> bool {
    let text: String = text
        .nfkc()
        .filter(|c| !matches!(c, '\u{200b}'..='\u{200f}' | '\u{2060}'..='\u{2064}' | '\u{feff}' | '\u{ad}'))
        .flat_map(char::to_lowercase)
        .collect();
    if text.contains("://") || text.contains("www.") {
        return true;
    }
    let spoken = text.replace(" dot ", ".");
    let chars: Vec<char> = spoken.chars().collect();
    chars
        .iter()
        .enumerate()
        .any(|(at, c)| DOTS.contains(c) && is_dot_of_name(&chars, at))
}

/// Whether the dot at `at` stands between a name and an end of names.
fn is_dot_of_name(chars: &[char], at: usize) -> bool {
    let before = chars.get(..at).unwrap_or_default();
    let behind = chars.get(at + 1..).unwrap_or_default();
    let blanks = |c: &&char| c.is_whitespace();
    let front = before.iter().rev().take_while(blanks).count();
    let back = behind.iter().take_while(blanks).count();
    // "I like it. Me too": a dot that ends a sentence has no blank in front of it.
    if back > 0 && front == 0 {
        return false;
    }
    let name = before.iter().rev().skip(front);
    let has_name = name
        .take_while(|c| c.is_ascii_alphanumeric() || **c == '-')
        .count()
        > 1;
    let end: String = behind
        .iter()
        .skip(back)
        .take_while(|c| c.is_ascii_alphanumeric())
        .collect();
    let goes_on = behind
        .get(back + end.len())
        .is_some_and(|c| c.is_alphabetic() && c.is_ascii());
    has_name && !goes_on && ENDS.binary_search(&end.as_str()).is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_seen_also_where_they_were_taken_apart() {
        assert!(ENDS.is_sorted());
        for link in [
            "https://example.org",
            "go to example.com now",
            "EXAMPLE．COM",
            "example。com",
            "example点com",
            "example . com",
            "example dot com",
            "exa\u{200b}mple.c\u{200b}om",
            "www.example",
            "sub.example.co.uk/path",
            "看example.cn看",
            "ｅｘａｍｐｌｅ.ｃｏｍ",
        ] {
            assert!(has_link(link), "{link}");
        }
        for plain in [
            "I like it. Me too",
            "3.14",
            "wait... what",
            "e.g. this",
            "v1.2.3",
            "一点也不",
            "5点见",
            "ok.",
            "hello.world",
            "a.me",
        ] {
            assert!(!has_link(plain), "{plain}");
        }
    }
}
