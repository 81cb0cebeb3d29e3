//! Markdown with all that pages know of, and addresses of each kind of page.

pub(in crate::fuzz) fn site_markdown() -> Vec<Vec<u8>> {
    [
        "# Rules\n\nBe *kind*, **always**.\n\n- one\n  1. two\n\n> said\n\n---\nend",
        "| a | b |\n|:--|--:|\n| 1 | ~~2~~ |\n\n```js\nx < y\n```\n\n    code\n",
        "[here](/help/keys) <https://example.com/?a=1&b=2> [mail](mailto:a@b.c \"t\") ![p](/i/a.webp)",
        "<b onclick=x>raw</b> <!-- c --> &#106;&amp; [x][y]\n\n[y]: javascript:alert(1)\n",
        "Titel\n=====\n\nzwei  \nZeilen\\\n\n3. drei\n\n频道 \u{202e} *a_b_c*",
    ]
    .map(|text| text.as_bytes().to_vec())
    .to_vec()
}

pub(in crate::fuzz) fn site_target() -> Vec<Vec<u8>> {
    [
        "/",
        "/c/chess",
        "/c/%E9%A2%91/feed.xml",
        "/category/a%20b",
        "/language/zh",
        "/notices/feed.xml",
        "/help/keys",
        "/sitemap/3.xml",
        "/robots.txt",
    ]
    .map(|path| path.as_bytes().to_vec())
    .to_vec()
}
