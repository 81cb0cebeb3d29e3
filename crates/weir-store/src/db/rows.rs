//! Statements over many rows: their placeholders, for both engines.

/// `($1, $2), ($3, $4)`: placeholders of `rows` rows with `columns` values each, behind `before` others.
pub(crate) fn placeholders(before: usize, rows: usize, columns: usize) -> String {
    let mut text = String::with_capacity(rows * columns * 6);
    let mut number = before;
    for row in 0..rows {
        text.push_str(if row == 0 { "(" } else { ", (" });
        for column in 0..columns {
            number += 1;
            let comma = if column == 0 { "" } else { ", " };
            text.push_str(&format!("{comma}${number}"));
        }
        text.push(')');
    }
    text
}

/// `($1, $2, $3)`: placeholders of a list of `count` values, behind `before` others.
pub(crate) fn list(before: usize, count: usize) -> String {
    placeholders(before, 1, count)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_counted_through_all_rows() {
        assert_eq!(placeholders(0, 2, 3), "($1, $2, $3), ($4, $5, $6)");
        assert_eq!(list(2, 2), "($3, $4)");
    }
}
