//! The page of the protocol says what the code does.

use weir_chat::{Bye, Deny};

const PAGE: &str = include_str!("../../../../docs/ref/chat.md");

/// The rows of the table behind a mark, cell by cell.
fn table(mark: &str) -> Vec<Vec<String>> {
    let (_, behind) = PAGE.split_once(mark).expect(mark);
    let rows = behind.lines().skip_while(|line| !line.starts_with('|'));
    let rows = rows.take_while(|line| line.starts_with('|')).skip(2);
    let cells = |row: &str| {
        let cells = row.trim_matches('|').split('|');
        cells.map(|cell| cell.trim().to_owned()).collect()
    };
    rows.map(cells).collect()
}

#[test]
fn every_refusal_and_every_close_stands_on_the_page_as_it_is() {
    let refusals: Vec<_> = Deny::ALL
        .iter()
        .map(|deny| {
            let temporary = if deny.is_temporary() { "yes" } else { "no" };
            vec![
                deny.number().to_string(),
                temporary.into(),
                deny.words().into(),
            ]
        })
        .collect();
    assert_eq!(table("<!-- deny table"), refusals);
    let closes: Vec<_> = Bye::ALL
        .iter()
        .map(|bye| vec![bye.number().to_string(), bye.words().to_owned()])
        .collect();
    assert_eq!(table("<!-- bye table"), closes);
}
