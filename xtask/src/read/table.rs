//! Tables in Markdown that a rule reads: the first one after a mark of the form `<!-- word`.

/// One row below a table's head.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Row<'a> {
    pub(crate) line: usize,
    pub(crate) cells: Vec<&'a str>,
}

impl<'a> Row<'a> {
    /// The words of one cell, without back-ticks and commas.
    pub(crate) fn words(&self, cell: usize) -> Vec<&'a str> {
        let text = self.cells.get(cell).copied().unwrap_or_default();
        text.split([' ', ',', '`'])
            .filter(|word| !word.is_empty())
            .collect()
    }
}

/// The rows of the first table after the line `mark` (counted from 1).
pub(crate) fn rows_after(document: &str, mark: usize) -> Vec<Row<'_>> {
    let lines = document.lines().enumerate().skip(mark);
    lines
        .skip_while(|(_, line)| line.is_empty())
        .take_while(|(_, line)| line.starts_with('|'))
        .skip(2)
        .map(|(index, line)| Row {
            line: index + 1,
            cells: line.trim_matches('|').split('|').map(str::trim).collect(),
        })
        .collect()
}

/// The lines that begin with `mark`, and what stands behind it there.
pub(crate) fn marks<'a>(document: &'a str, mark: &str) -> Vec<(usize, &'a str)> {
    document
        .lines()
        .enumerate()
        .filter_map(|(index, line)| Some((index + 1, line.strip_prefix(mark)?)))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_after_a_mark_is_read() {
        let text = "| no | table |\n|---|---|\n\n<!-- floors: weir-c -->\n\n| a | b |\n|---|---|\n| `c` `d` | e, f |\n\n| g | h |\n";
        let marks = marks(text, "<!-- floors: ");
        assert_eq!(marks, [(4, "weir-c -->")]);
        let rows = rows_after(text, marks[0].0);
        assert_eq!(rows.len(), 1);
        assert_eq!(rows[0].line, 8);
        assert_eq!(rows[0].words(0), ["c", "d"]);
        assert_eq!(rows[0].words(1), ["e", "f"]);
        assert_eq!(rows[0].words(2), [""; 0]);
    }
}
