//! Just enough of Rust's grammar to measure it: comments and literals blanked out, functions and
//! inline test modules found by their braces. No parser; a file it misreads is a file to simplify.

/// A Rust source with everything that is not code blanked out, byte for byte.
#[derive(Debug)]
pub(crate) struct Source {
    code: Vec<u8>,
    /// Offset of each line's first byte.
    line_starts: Vec<usize>,
}

/// A word, `::`, or one other sign of the code.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Token<'a> {
    pub(crate) text: &'a str,
    pub(crate) line: usize,
}

impl Token<'_> {
    pub(crate) fn is_name(&self) -> bool {
        let first = self.text.bytes().next();
        first.is_some_and(|byte| is_ident(byte) && !byte.is_ascii_digit())
    }
}

/// A function with a body, or a module; lines count from 1 and include both ends.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Span {
    pub(crate) name: String,
    pub(crate) first_line: usize,
    pub(crate) last_line: usize,
}

impl Span {
    pub(crate) const fn lines(&self) -> usize {
        self.last_line - self.first_line + 1
    }

    pub(crate) const fn contains(&self, line: usize) -> bool {
        self.first_line <= line && line <= self.last_line
    }
}

impl Source {
    pub(crate) fn new(text: &str) -> Self {
        let mut line_starts = vec![0];
        line_starts.extend(text.match_indices('\n').map(|(at, _)| at + 1));
        Self {
            code: blank(text.as_bytes()),
            line_starts,
        }
    }

    /// The words and signs of the code, in order.
    pub(crate) fn tokens(&self) -> Vec<Token<'_>> {
        let text = std::str::from_utf8(&self.code).unwrap_or_default();
        let mut found = Vec::new();
        let mut at = 0;
        while let Some(&byte) = self.code.get(at) {
            let rest = &self.code[at..];
            let length = if is_ident(byte) {
                rest.iter().take_while(|&&b| is_ident(b)).count()
            } else if rest.starts_with(b"::") {
                2
            } else {
                1
            };
            if !byte.is_ascii_whitespace() {
                found.push(Token {
                    text: text.get(at..at + length).unwrap_or_default(),
                    line: self.line_of(at),
                });
            }
            at += length;
        }
        found
    }

    /// Lines of code with their numbers; literals and comments are spaces.
    pub(crate) fn lines(&self) -> impl Iterator<Item = (usize, std::borrow::Cow<'_, str>)> {
        self.code
            .split(|&byte| byte == b'\n')
            .enumerate()
            .map(|(index, line)| (index + 1, String::from_utf8_lossy(line)))
    }

    /// Every function that has a body, nested ones too.
    pub(crate) fn functions(&self) -> Vec<Span> {
        self.words(b"fn")
            .into_iter()
            .filter_map(|at| {
                let name = self.ident(at + 2)?;
                let open = self.body_start(at)?;
                Some(self.span(name, at, self.matching_brace(open)?))
            })
            .collect()
    }

    /// Every `#[cfg(test)] mod … { … }`.
    pub(crate) fn test_modules(&self) -> Vec<Span> {
        const MARK: &[u8] = b"#[cfg(test)]";
        let mut found = Vec::new();
        for at in find_all(&self.code, MARK) {
            let mut next = self.skip_space(at + MARK.len());
            while self.code.get(next..).is_some_and(|c| c.starts_with(b"#[")) {
                let Some(length) = self.code[next..].iter().position(|&b| b == b']') else {
                    break;
                };
                next = self.skip_space(next + length + 1);
            }
            if !self.code[next..].starts_with(b"mod ") {
                continue;
            }
            let (Some(name), Some(open)) = (self.ident(next + 3), self.body_start(next)) else {
                continue;
            };
            if let Some(close) = self.matching_brace(open) {
                found.push(self.span(name, at, close));
            }
        }
        found
    }

    fn span(&self, name: String, from: usize, to: usize) -> Span {
        Span {
            name,
            first_line: self.line_of(from),
            last_line: self.line_of(to),
        }
    }

    fn line_of(&self, offset: usize) -> usize {
        self.line_starts.partition_point(|&start| start <= offset)
    }

    /// Offsets of a keyword standing alone.
    fn words(&self, word: &[u8]) -> Vec<usize> {
        find_all(&self.code, word)
            .into_iter()
            .filter(|&at| {
                let before = at.checked_sub(1).and_then(|i| self.code.get(i));
                let after = self.code.get(at + word.len());
                !before.is_some_and(|&b| is_ident(b) || b == b'#')
                    && !after.is_some_and(|&b| is_ident(b))
            })
            .collect()
    }

    fn skip_space(&self, from: usize) -> usize {
        let rest = self.code.get(from..).unwrap_or_default();
        from + rest.iter().take_while(|b| b.is_ascii_whitespace()).count()
    }

    /// The identifier after `from`; none for a `fn(…)` type.
    fn ident(&self, from: usize) -> Option<String> {
        let start = self.skip_space(from);
        let rest = self.code.get(start..)?;
        let length = rest.iter().take_while(|&&b| is_ident(b)).count();
        let name = rest.get(..length).filter(|name| !name.is_empty())?;
        Some(String::from_utf8_lossy(name).into_owned())
    }

    /// The `{` of the item at `from`; none when a `;` ends it first.
    fn body_start(&self, from: usize) -> Option<usize> {
        let mut depth = 0_i32;
        for (offset, byte) in self.code.get(from..)?.iter().enumerate() {
            match byte {
                b'(' | b'[' => depth += 1,
                b')' | b']' => depth -= 1,
                b'{' if depth == 0 => return Some(from + offset),
                b';' if depth == 0 => return None,
                _ => {}
            }
        }
        None
    }

    fn matching_brace(&self, open: usize) -> Option<usize> {
        let mut depth = 0_i32;
        for (offset, byte) in self.code.get(open..)?.iter().enumerate() {
            match byte {
                b'{' => depth += 1,
                b'}' => depth -= 1,
                _ => continue,
            }
            if depth == 0 {
                return Some(open + offset);
            }
        }
        None
    }
}

/// Replaces comments, strings and characters by spaces; newlines stay, so does every offset.
fn blank(text: &[u8]) -> Vec<u8> {
    let mut code = Vec::with_capacity(text.len());
    let mut at = 0;
    while let Some(&byte) = text.get(at) {
        let rest = &text[at..];
        let after_ident = code.last().is_some_and(|&b| is_ident(b));
        let length = match byte {
            b'/' if rest.starts_with(b"//") => until_newline(rest),
            b'/' if rest.starts_with(b"/*") => block_comment(rest),
            b'"' => string(rest),
            b'\'' => char_literal(rest),
            b'r' if !after_ident || code.ends_with(b"b") => raw_string(rest),
            _ => 0,
        };
        if length == 0 {
            code.push(byte);
            at += 1;
            continue;
        }
        let taken = &rest[..length.min(rest.len())];
        code.extend(taken.iter().map(|&b| if b == b'\n' { b } else { b' ' }));
        at += taken.len();
    }
    code
}

fn until_newline(rest: &[u8]) -> usize {
    rest.iter().position(|&b| b == b'\n').unwrap_or(rest.len())
}

fn block_comment(rest: &[u8]) -> usize {
    let (mut depth, mut at) = (0_u32, 0);
    while at < rest.len() {
        if rest[at..].starts_with(b"/*") {
            (depth, at) = (depth + 1, at + 2);
        } else if rest[at..].starts_with(b"*/") {
            (depth, at) = (depth - 1, at + 2);
            if depth == 0 {
                return at;
            }
        } else {
            at += 1;
        }
    }
    at
}

fn string(rest: &[u8]) -> usize {
    let mut at = 1;
    while let Some(&byte) = rest.get(at) {
        match byte {
            b'\\' => at += 2,
            b'"' => return at + 1,
            _ => at += 1,
        }
    }
    rest.len()
}

/// Zero when the `r` begins no raw string (a name, or a raw identifier).
fn raw_string(rest: &[u8]) -> usize {
    let hashes = rest[1..].iter().take_while(|&&b| b == b'#').count();
    if rest.get(1 + hashes) != Some(&b'"') {
        return 0;
    }
    let mut end = vec![b'#'; hashes + 1];
    end[0] = b'"';
    let body = 2 + hashes;
    find_all(&rest[body..], &end)
        .first()
        .map_or(rest.len(), |&at| body + at + end.len())
}

/// Zero when the quote begins a lifetime or a label.
fn char_literal(rest: &[u8]) -> usize {
    if rest.get(1) == Some(&b'\\') {
        let tail = rest.get(3..).unwrap_or_default();
        return tail.iter().position(|&b| b == b'\'').map_or(0, |at| at + 4);
    }
    // A character takes one to four bytes of UTF-8.
    let width = match rest.get(1) {
        Some(byte) if byte.is_ascii() => 1,
        Some(byte) => byte.leading_ones() as usize,
        None => return 0,
    };
    if rest.get(1 + width) == Some(&b'\'') {
        width + 2
    } else {
        0
    }
}

fn find_all(text: &[u8], needle: &[u8]) -> Vec<usize> {
    text.windows(needle.len())
        .enumerate()
        .filter_map(|(at, window)| (window == needle).then_some(at))
        .collect()
}

const fn is_ident(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || byte == b'_' || byte >= 0x80
}

#[cfg(test)]
mod tests {
    use super::*;

    fn code(text: &str) -> String {
        String::from_utf8(blank(text.as_bytes())).unwrap()
    }

    #[test]
    fn comments_and_literals_become_spaces_of_the_same_length() {
        let text = "a // {\nb /* { /* } */ */ \"}\\\"\" 'x' '\\'' r#\"{\"# b'{' é";
        let code = code(text);
        assert_eq!(code.len(), text.len());
        assert!(!code.contains(['{', '}', '"', '\'', 'x']));
        assert!(code.starts_with("a     \nb "));
        assert!(code.ends_with('é'));
    }

    #[test]
    fn a_lifetime_is_not_a_character() {
        assert_eq!(code("fn f<'a>(x: &'a str) {}"), "fn f<'a>(x: &'a str) {}");
    }

    #[test]
    fn functions_are_measured_from_their_line_to_their_closing_brace() {
        let text = "trait T { fn no_body(x: [u8; 4]); }\n\nfn a(f: fn(u8) -> u8)\nwhere\n    u8: Copy,\n{\n    let s = \"}\";\n}\n";
        let functions = Source::new(text).functions();
        assert_eq!(functions.len(), 1);
        assert_eq!(functions[0].name, "a");
        assert_eq!((functions[0].first_line, functions[0].last_line), (3, 8));
        assert_eq!(functions[0].lines(), 6);
    }

    #[test]
    fn a_test_module_is_found_behind_other_attributes() {
        let text = "fn a() {}\n#[cfg(test)]\n#[allow(x)]\nmod tests {\n    fn b() {}\n}\n";
        let modules = Source::new(text).test_modules();
        assert_eq!(modules.len(), 1);
        assert_eq!((modules[0].first_line, modules[0].last_line), (2, 6));
        assert!(
            Source::new("#[cfg(test)]\nmod tests;\n")
                .test_modules()
                .is_empty()
        );
    }
}
