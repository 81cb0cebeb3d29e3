//! What people write, in Markdown, as HTML that runs nothing: markup of theirs is text, links lead to pages and
//! addresses of mail alone, pictures are of this site.

use maud::{Markup, PreEscaped};
use pulldown_cmark::{Alignment, CowStr, Event, HeadingLevel, Options, Parser, Tag, TagEnd, html};

/// Bytes that are looked at; more is refused where it is written.
const MAX_BYTES: usize = 128 * 1024;
/// Schemes that a link may have.
const SCHEMES: [&str; 3] = ["https://", "http://", "mailto:"];

/// The HTML of a Markdown text, without raw HTML. Its highest headings are of the second level, whichever its author
/// wrote: a page has its own first, and a list of headings has no gap below it.
pub fn to_html(markdown: &str) -> Markup {
    let options = Options::ENABLE_TABLES | Options::ENABLE_STRIKETHROUGH;
    let text = bounded(markdown);
    let highest = highest_heading(Parser::new_ext(text, options));
    let events = Parser::new_ext(text, options).map(|event| tamed(event, highest));
    let mut out = String::with_capacity(markdown.len() * 3 / 2);
    html::push_html(&mut out, events);
    PreEscaped(out)
}

/// The first words of a Markdown text, without its marks: at most so many characters.
pub fn excerpt(markdown: &str, most: usize) -> String {
    let mut out = String::new();
    let mut left = most;
    for event in Parser::new(bounded(markdown)) {
        let text = match &event {
            Event::Text(text) | Event::Code(text) => &**text,
            Event::SoftBreak | Event::HardBreak | Event::End(_) => " ",
            _ => continue,
        };
        for c in text.chars() {
            let is_double = c.is_whitespace() && (out.is_empty() || out.ends_with(' '));
            if is_double || (c.is_control() && !c.is_whitespace()) {
                continue;
            }
            if left == 0 {
                out.push('…');
                return out;
            }
            out.push(if c.is_whitespace() { ' ' } else { c });
            left -= 1;
        }
    }
    out.trim_end().to_owned()
}

fn bounded(text: &str) -> &str {
    let end = text.floor_char_boundary(MAX_BYTES.min(text.len()));
    text.get(..end).unwrap_or_default()
}

/// The level of the highest heading; the first where there is none.
fn highest_heading<'a>(events: impl Iterator<Item = Event<'a>>) -> usize {
    let levels = events.filter_map(|event| match event {
        Event::Start(Tag::Heading { level, .. }) => Some(level as usize),
        _ => None,
    });
    levels.min().unwrap_or(1)
}

fn tamed(event: Event<'_>, highest: usize) -> Event<'_> {
    match event {
        Event::Html(text) | Event::InlineHtml(text) => Event::Text(text),
        Event::Start(Tag::Link { dest_url, .. }) => Event::InlineHtml(opened(&dest_url)),
        Event::End(TagEnd::Link) => Event::InlineHtml("</a>".into()),
        // Text behind a picture's mark stands for it: a picture from elsewhere would tell there who reads this.
        Event::Start(Tag::Image { dest_url, .. }) => Event::InlineHtml(opened(&dest_url)),
        Event::End(TagEnd::Image) => Event::InlineHtml("</a>".into()),
        Event::Start(Tag::Heading { level, .. }) => Event::Start(Tag::Heading {
            level: lower(level, highest),
            id: None,
            classes: Vec::new(),
            attrs: Vec::new(),
        }),
        Event::End(TagEnd::Heading(level)) => Event::End(TagEnd::Heading(lower(level, highest))),
        // Its word goes into a class, and there is nothing here that colours code.
        Event::Start(Tag::CodeBlock(_)) => {
            Event::Start(Tag::CodeBlock(pulldown_cmark::CodeBlockKind::Indented))
        }
        // Told by a style in each cell, which no policy of ours lets be.
        Event::Start(Tag::Table(columns)) => {
            Event::Start(Tag::Table(vec![Alignment::None; columns.len()]))
        }
        other => other,
    }
}

/// The opening tag of a link; one that may lead nowhere has no address.
fn opened(address: &str) -> CowStr<'static> {
    if !leads_well(address) {
        return "<a>".into();
    }
    let address = maud::html! { (address) }.into_string();
    let rel = if address.starts_with(['/', '#']) {
        ""
    } else {
        " rel=\"nofollow ugc noopener noreferrer\""
    };
    format!("<a href=\"{address}\"{rel}>").into()
}

/// A page of this site, or an address with a scheme that is known. What browsers take out of an address before they
/// read it (tabs, line feeds) is not let through.
fn leads_well(address: &str) -> bool {
    if address
        .chars()
        .any(|c| c.is_control() || c.is_whitespace() || c == '\\')
    {
        return false;
    }
    let is_here =
        address.starts_with('#') || (address.starts_with('/') && !address.starts_with("//"));
    let begins = |scheme: &&str| {
        let start = address.get(..scheme.len());
        start.is_some_and(|start| start.eq_ignore_ascii_case(scheme))
    };
    is_here || SCHEMES.iter().any(begins)
}

/// The level of a heading in a text whose highest is of the second.
fn lower(level: HeadingLevel, highest: usize) -> HeadingLevel {
    let below = (level as usize).saturating_sub(highest);
    HeadingLevel::try_from(below + 2).unwrap_or(HeadingLevel::H6)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn html(markdown: &str) -> String {
        to_html(markdown).into_string()
    }

    #[test]
    fn markdown_is_markup_of_a_page() {
        assert_eq!(
            html("# Rules\n\nBe *kind*."),
            "<h2>Rules</h2>\n<p>Be <em>kind</em>.</p>\n"
        );
        let deep = "### A\n\n#### B\n\n### C";
        let want = "<h2>A</h2>\n<h3>B</h3>\n<h2>C</h2>\n";
        assert_eq!(
            (html(deep), html("# A\n\n###### F")),
            (want.into(), "<h2>A</h2>\n<h6>F</h6>\n".into())
        );
        assert!(html("| a | b |\n|---|---|\n| 1 | 2 |").contains("<td>2</td>"));
        assert_eq!(
            html("[here](/help/keys) <https://example.com/?a=1&b=2>"),
            "<p><a href=\"/help/keys\">here</a> <a href=\"https://example.com/?a=1&amp;b=2\" \
             rel=\"nofollow ugc noopener noreferrer\">https://example.com/?a=1&amp;b=2</a></p>\n"
        );
        assert_eq!(excerpt("# A\n\n**b** [c](/d)\n- e", 100), "A b c e");
        assert_eq!(excerpt("abcdef", 3), "abc…");
    }

    #[test]
    fn what_would_run_is_text_or_nothing() {
        for bad in [
            "<script>alert(1)</script>",
            "<img src=x onerror=alert(1)>",
            "a <b onclick=alert(1)>b</b>",
            "[x](javascript:alert(1))",
            "[x](JaVaScRiPt:alert(1))",
            "[x](java\tscript:alert(1))",
            "[x](<java&#x0a;script:alert(1)>)",
            "[x](&#106;avascript:alert(1))",
            "[x](data:text/html;base64,PHNjcmlwdD4=)",
            "[x](vbscript:x)",
            "[x](//evil.example/)",
            "[x](/\\evil.example/)",
            "![x](https://evil.example/p.png)",
            "![x](javascript:alert(1))",
            "<javascript:alert(1)>",
            "[x]: javascript:alert(1)\n\n[x]",
            "```\"><script>alert(1)</script>\nx\n```",
            "[a](https://x/\"onmouseover=alert(1))",
            "[a](/x \"t\\\" onmouseover=alert(1)\")",
            "<svg/onload=alert(1)>",
            "<!--><img src=x onerror=alert(1)>-->",
        ] {
            let html = html(bad);
            let harmless = is_harmless(&html);
            assert!(harmless, "{bad:?} became {html}");
        }
    }

    /// Only elements that this module makes, with an `href` and a `rel` of its own and no other attribute.
    fn is_harmless(html: &str) -> bool {
        const PLAIN: &[&str] = &[
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
            "hr /",
            "br /",
            "table",
            "thead",
            "tbody",
            "tr",
            "th",
            "td",
            "a",
        ];
        html.split('<').skip(1).all(|behind| {
            let Some((tag, _)) = behind.split_once('>') else {
                return false;
            };
            let name = tag.strip_prefix('/').unwrap_or(tag);
            let links = || {
                let address = name
                    .strip_prefix("a href=\"")
                    .and_then(|rest| rest.split_once('"'));
                address.is_some_and(|(address, rest)| {
                    leads_well(&address.replace("&amp;", "&").replace("&quot;", "\""))
                        && (rest.is_empty() || rest == " rel=\"nofollow ugc noopener noreferrer\"")
                })
            };
            let numbered = || {
                let start = name
                    .strip_prefix("ol start=\"")
                    .and_then(|rest| rest.strip_suffix('"'));
                start.is_some_and(|digits| digits.bytes().all(|byte| byte.is_ascii_digit()))
            };
            PLAIN.contains(&name) || links() || numbered()
        })
    }

    proptest! {
        #[test]
        fn nothing_that_anybody_writes_runs(
            text in "[ -~\n\t<>&\"'\\[\\]()!#*_`|:/\\\\-直]{0,120}",
            nested in "(<|\\[x\\]\\(|!\\[|javascript:|\"|'|\\)|>|&#x0a;|//|on[a-z]=|\\||---\n){0,24}",
        ) {
            for text in [&text, &nested, &format!("{nested}{text}")] {
                let html = html(text);
                prop_assert!(is_harmless(&html), "{:?} became {}", text, html);
                let _ = excerpt(text, 50);
            }
        }
    }
}
