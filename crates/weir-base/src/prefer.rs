//! What a client prefers, of what there is: lists of wishes with weights, as `Accept` and `Accept-Language`
//! have them (RFC 9110 §12.4.2). Text in, a choice out.

use crate::http_field;

/// Lines of one field that are looked at; browsers send one.
const MAX_LINES: usize = 8;

/// The wishes of a list, each with its weight in thousandths.
fn wishes(list: &str) -> impl Iterator<Item = (&str, u16)> {
    http_field::list([list]).map(|wish| {
        let (name, parameters) = wish.split_once(';').unwrap_or((wish, ""));
        (name.trim_end(), http_field::weight(parameters))
    })
}

/// The lines of one field as one list (RFC 9110 §5.3). Lines that are no text are left out, and what is behind
/// the eighth line.
pub fn joined<'a>(lines: impl Iterator<Item = &'a [u8]>) -> String {
    let lines = lines
        .take(MAX_LINES)
        .filter_map(|line| std::str::from_utf8(line).ok());
    lines.collect::<Vec<_>>().join(",")
}

/// Whether `list`, an `Accept`, asks for a page by name and for nothing programs want by a greater weight.
/// Who takes anything (`*/*`, as most programs say) asks for no page.
pub fn wants_page(list: &str) -> bool {
    let weight_of = |kinds: &[&str]| {
        let named = wishes(list)
            .filter(|(name, _)| kinds.iter().any(|kind| kind.eq_ignore_ascii_case(name)));
        named.map(|(_, weight)| weight).max().unwrap_or(0)
    };
    let page = weight_of(&["text/html", "application/xhtml+xml"]);
    page > 0 && page >= weight_of(&["application/json", "application/*"])
}

/// A language in which weir speaks to people.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum Tongue {
    /// Also for who wishes for none that is there.
    #[default]
    English,
    /// Simplified.
    Chinese,
}

impl Tongue {
    /// The one that `list`, an `Accept-Language`, wishes for most; of equals the first.
    pub fn of(list: &str) -> Self {
        let mut best = (Self::default(), 0);
        for (tag, weight) in wishes(list) {
            let primary = tag.split('-').next().unwrap_or_default();
            let tongue = match primary.to_ascii_lowercase().as_str() {
                "en" => Self::English,
                "zh" => Self::Chinese,
                _ => continue,
            };
            if weight > best.1 {
                best = (tongue, weight);
            }
        }
        best.0
    }

    /// For the attribute `lang` and `Content-Language` (BCP 47).
    pub const fn tag(self) -> &'static str {
        match self {
            Self::English => "en",
            Self::Chinese => "zh-CN",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn browsers_want_pages_and_programs_do_not() {
        for (list, is_wanted) in [
            (
                "text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,*/*;q=0.8",
                true,
            ),
            ("TEXT/HTML ; charset=utf-8", true),
            ("application/xhtml+xml", true),
            ("*/*", false),
            ("", false),
            ("application/json", false),
            ("application/json, text/html;q=0.5", false),
            ("application/json;q=0.5, text/html", true),
            ("text/html;q=0", false),
            ("text/html;q=x", false),
            ("text/html;q=1.5", false),
            ("text/html;Q=0.001", true),
            ("text/htmlx", false),
        ] {
            assert_eq!(wants_page(list), is_wanted, "{list:?}");
        }
    }

    #[test]
    fn the_language_is_that_of_the_greatest_weight() {
        for (list, tongue) in [
            ("zh-CN,zh;q=0.9,en;q=0.8", Tongue::Chinese),
            ("en-GB,en;q=0.9,zh;q=0.8", Tongue::English),
            ("fr,zh-Hant;q=0.3,en;q=0.2", Tongue::Chinese),
            ("en;q=0.2,ZH;q=0.3", Tongue::Chinese),
            ("zh;q=0", Tongue::English),
            ("fr,de", Tongue::English),
            ("", Tongue::English),
            ("*", Tongue::English),
        ] {
            assert_eq!(Tongue::of(list), tongue, "{list:?}");
        }
    }

    #[test]
    fn lines_of_a_field_are_one_list() {
        let lines = ["*/*".as_bytes(), &[0xff, b','], b"text/html"];
        assert!(wants_page(&joined(lines.into_iter())));
        let many = std::iter::repeat_n(&b"*/*"[..], MAX_LINES);
        assert!(!wants_page(&joined(many.chain([&b"text/html"[..]]))));
    }
}
