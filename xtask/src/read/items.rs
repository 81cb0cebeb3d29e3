//! What a Rust file says of its neighbours: modules it declares, names it imports, paths it writes,
//! types it defines. Tests inside the file are left out. No parser: what rustfmt prints is enough.

use super::source::{Source, Token};

/// One file's words about modules and names.
#[derive(Debug, Default)]
pub(crate) struct Items {
    /// `mod x;`
    pub(crate) modules: Vec<String>,
    pub(crate) uses: Vec<Use>,
    /// Paths with at least one `::`, outside `use`.
    pub(crate) paths: Vec<Path>,
    /// Types at the top of the file, or in a macro's call there.
    pub(crate) types: Vec<Definition>,
    /// Everything that is defined anywhere in the file, types and others.
    pub(crate) names: Vec<String>,
}

/// One name of a `use`; `use a::{b, c as d};` has two.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Use {
    pub(crate) path: Vec<String>,
    pub(crate) binds: Binds,
    pub(crate) line: usize,
}

/// What an import makes known in the file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Binds {
    /// The last name of the path.
    Name(String),
    /// Another name for it: `as`.
    Renamed(String),
    /// All that is public there: `*`.
    All,
}

/// A path as it stands in the code.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Path {
    pub(crate) segments: Vec<String>,
    pub(crate) line: usize,
}

/// A struct, an enum, a trait or a type alias.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Definition {
    pub(crate) name: String,
    pub(crate) line: usize,
}

const TYPES: [&str; 5] = ["struct", "enum", "trait", "type", "union"];
const OTHERS: [&str; 4] = ["fn", "const", "static", "macro_rules"];

impl Items {
    pub(crate) fn read(text: &str) -> Self {
        let source = Source::new(text);
        Self::from_tokens(&without_tests(&source.tokens()))
    }

    /// With the tests: for rules that hold there too.
    pub(crate) fn read_all(text: &str) -> Self {
        let source = Source::new(text);
        Self::from_tokens(&source.tokens())
    }

    fn from_tokens(tokens: &[Token<'_>]) -> Self {
        let mut items = Self::default();
        // For each open brace, whether what stands in it still counts as the top of the file.
        let mut open = Vec::new();
        let mut at = 0;
        while let Some(token) = tokens.get(at) {
            let before = at.checked_sub(1).and_then(|i| tokens.get(i));
            let after = tokens.get(at + 1);
            match token.text {
                "{" => open.push(is_macro_call(tokens, at)),
                "}" => {
                    open.pop();
                }
                "use" if after.is_none_or(|next| next.text != "<") => {
                    at = use_tree(tokens, at + 1, &mut Vec::new(), &mut items.uses);
                    continue;
                }
                "mod" => {
                    let ends = tokens.get(at + 2).is_some_and(|t| t.text == ";");
                    if let Some(name) = after.filter(|_| ends) {
                        items.modules.push(name.text.to_owned());
                    }
                }
                word if TYPES.contains(&word) || OTHERS.contains(&word) => {
                    let is_top = open.iter().all(|&open| open) && TYPES.contains(&word);
                    items.define(after, tokens.get(at + 2), is_top);
                }
                _ if token.is_name() && before.is_none_or(|b| b.text != "::") => {
                    let is_visibility = before.is_some_and(|b| b.text == "in");
                    if let Some(path) = path(tokens, at).filter(|_| !is_visibility) {
                        items.paths.push(path);
                    }
                }
                _ => {}
            }
            at += 1;
        }
        items
    }

    fn define(&mut self, first: Option<&Token<'_>>, second: Option<&Token<'_>>, is_top: bool) {
        // `macro_rules! name` has its name one further.
        let name = first.filter(|t| t.is_name()).or(second);
        let Some(name) = name.filter(|t| t.is_name()) else {
            return;
        };
        self.names.push(name.text.to_owned());
        if is_top {
            self.types.push(Definition {
                name: name.text.to_owned(),
                line: name.line,
            });
        }
    }
}

/// Reads one tree of a `use` from `at`, what stands before it in `prefix`; gives the place behind.
fn use_tree(
    tokens: &[Token<'_>],
    mut at: usize,
    prefix: &mut Vec<String>,
    uses: &mut Vec<Use>,
) -> usize {
    let length = prefix.len();
    let mut binds = None;
    let mut line = tokens.get(at).map_or(0, |t| t.line);
    while let Some(token) = tokens.get(at) {
        match token.text {
            "{" => {
                at += 1;
                while tokens.get(at).is_some_and(|t| t.text != "}") {
                    at = use_tree(tokens, at, prefix, uses);
                    at += usize::from(tokens.get(at).is_some_and(|t| t.text == ","));
                }
                prefix.truncate(length);
                return at + 1;
            }
            "*" => binds = Some(Binds::All),
            "as" => {
                let name = tokens.get(at + 1).map_or("", |t| t.text);
                binds = Some(Binds::Renamed(name.to_owned()));
                at += 1;
            }
            "::" => {}
            _ if token.is_name() => {
                // `a::{self}` is `a`.
                if token.text != "self" || prefix.is_empty() {
                    prefix.push(token.text.to_owned());
                }
                line = token.line;
            }
            _ => break,
        }
        at += 1;
    }
    if let Some(last) = prefix.last() {
        let binds = binds.unwrap_or_else(|| Binds::Name(last.clone()));
        let path = prefix.clone();
        uses.push(Use { path, binds, line });
    }
    prefix.truncate(length);
    at
}

fn path(tokens: &[Token<'_>], from: usize) -> Option<Path> {
    let mut segments = vec![tokens.get(from)?.text.to_owned()];
    let mut at = from + 1;
    while tokens.get(at).is_some_and(|t| t.text == "::") {
        let Some(next) = tokens.get(at + 1).filter(|t| t.is_name()) else {
            break;
        };
        segments.push(next.text.to_owned());
        at += 2;
    }
    (segments.len() > 1).then_some(Path {
        segments,
        line: tokens[from].line,
    })
}

/// Whether the brace at `at` opens a macro's arguments: `section! {`. A `macro_rules! name {` does not.
fn is_macro_call(tokens: &[Token<'_>], at: usize) -> bool {
    at >= 2 && tokens[at - 1].text == "!" && tokens[at - 2].text != "macro_rules"
}

/// The tokens without the items under `#[cfg(test)]`.
fn without_tests<'a>(tokens: &[Token<'a>]) -> Vec<Token<'a>> {
    const MARK: [&str; 7] = ["#", "[", "cfg", "(", "test", ")", "]"];
    let mut kept = Vec::with_capacity(tokens.len());
    let mut at = 0;
    while at < tokens.len() {
        let here = tokens[at..].iter().map(|t| t.text);
        if here.take(MARK.len()).eq(MARK) {
            at = item_end(tokens, at);
        } else {
            kept.push(tokens[at]);
            at += 1;
        }
    }
    kept
}

/// Behind the item at `from`: its attributes, then all up to `;` or the end of its body.
fn item_end(tokens: &[Token<'_>], from: usize) -> usize {
    let mut depth = 0_usize;
    let mut is_attribute = false;
    for (offset, token) in tokens[from..].iter().enumerate() {
        match token.text {
            "#" if depth == 0 => is_attribute = true,
            "(" | "[" | "{" => depth += 1,
            ")" | "]" | "}" if depth == 0 => return from + offset,
            ")" | "]" | "}" => {
                depth -= 1;
                if depth == 0 && token.text == "}" {
                    return from + offset + 1;
                }
                if depth == 0 && token.text == "]" && is_attribute {
                    is_attribute = false;
                }
            }
            ";" if depth == 0 => return from + offset + 1,
            _ => {}
        }
    }
    tokens.len()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn uses(text: &str) -> Vec<String> {
        let show = |u: &Use| match &u.binds {
            Binds::Name(_) => u.path.join("::"),
            Binds::Renamed(name) => format!("{} as {name}", u.path.join("::")),
            Binds::All => format!("{}::*", u.path.join("::")),
        };
        Items::read(text).uses.iter().map(show).collect()
    }

    #[test]
    fn a_use_is_read_name_by_name() {
        let text = "pub use a::{self, b::{C, D as E}, f::*};\nuse g;\nuse self::h::I as _;\n";
        assert_eq!(
            uses(text),
            [
                "a",
                "a::b::C",
                "a::b::D as E",
                "a::f::*",
                "g",
                "self::h::I as _"
            ]
        );
    }

    #[test]
    fn what_is_under_test_is_left_out() {
        let text = "#[cfg(test)]\nuse a::B;\n#[cfg(test)]\n#[allow(x)]\nmod tests {\n    use c::D;\n}\n#[cfg(test)]\nmod fakes;\nuse e::F;\nmod g;\n";
        assert_eq!(uses(text), ["e::F"]);
        assert_eq!(Items::read(text).modules, ["g"]);
        assert_eq!(Items::read_all(text).uses.len(), 3);
    }

    #[test]
    fn paths_are_read_outside_use_and_visibility() {
        let text = "pub(in crate::a) fn f(b: &super::B) -> c::D<E> {\n    $crate::g::h(i);\n    // j::k\n}\n";
        let paths = Items::read(text).paths;
        let paths: Vec<_> = paths.iter().map(|p| p.segments.join("::")).collect();
        assert_eq!(paths, ["super::B", "c::D", "crate::g::h"]);
    }

    #[test]
    fn types_count_at_the_top_of_a_file_and_in_calls_of_macros_only() {
        let text = "struct A;\nimpl A { type B = u8; }\nsection! { C { a: u8 } }\nsection! { struct D; }\nmacro_rules! m { () => { struct E; } }\nfn f() { struct G; }\n";
        let types = Items::read(text).types;
        let types: Vec<_> = types.iter().map(|t| t.name.as_str()).collect();
        assert_eq!(types, ["A", "D"]);
    }
}
