//! The tables as the schema's own text has them: what copies, checks and tests walk through, so that none of
//! them has a list that somebody forgets.
//!
//! The text keeps to a form: `CREATE TABLE name (` at the beginning of a line, a column in each line, keys behind
//! them, `)` at the beginning of a line. A test compares what is read here with what each engine made of it.

use crate::error::StoreError;
use crate::module::Module;

/// What a column holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    Text,
    Integer,
    Real,
    Bytes,
}

/// A column of a table.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Column {
    pub(crate) name: &'static str,
    pub(crate) kind: Kind,
}

/// A table of a module.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Table {
    pub(crate) name: &'static str,
    pub(crate) columns: Vec<Column>,
    /// The columns of its primary key, in order.
    pub(crate) key: Vec<&'static str>,
    /// The columns of each further unique key.
    pub(crate) unique: Vec<Vec<&'static str>>,
    /// Its rows belong to users, and are split by them.
    pub(crate) is_by_user: bool,
}

/// The tables of `module` after all of its steps, in the order of their making.
///
/// # Errors
/// [`StoreError::Fault`] for a text that does not keep to the form.
pub(crate) fn tables(module: Module) -> Result<Vec<Table>, StoreError> {
    let mut tables = Vec::new();
    for step in module.steps() {
        read(step.sql, &mut tables).map_err(|line| {
            StoreError::Fault(format!("step {} of {}: {line:?}", step.name, module.name()))
        })?;
    }
    Ok(tables)
}

/// Reads one step; the line that it does not understand is the error.
fn read(sql: &'static str, tables: &mut Vec<Table>) -> Result<(), &'static str> {
    let mut open: Option<Table> = None;
    for line in sql.lines() {
        let code = line.split("--").next().unwrap_or_default().trim_end();
        if let Some(rest) = code.strip_prefix("CREATE TABLE ") {
            let name = rest.strip_suffix(" (").ok_or(line)?;
            open = Some(Table::new(name));
        } else if code.starts_with(')') {
            let mut table = open.take().ok_or(line)?;
            table.is_by_user = code.contains("by user_id");
            tables.push(table);
        } else if let Some(table) = &mut open {
            table.line(code.trim().trim_end_matches(',')).ok_or(line)?;
        } else if let Some(rest) = code.strip_prefix("ALTER TABLE ") {
            alter(rest.trim_end_matches(';'), tables).ok_or(line)?;
        } else if let Some(rest) = code.strip_prefix("DROP TABLE ") {
            tables.retain(|table| table.name != rest.trim_end_matches(';'));
        } else if let Some(rest) = code.strip_prefix("CREATE UNIQUE INDEX ") {
            let (_, rest) = rest.split_once(" ON ").ok_or(line)?;
            let (name, columns) = rest.split_once(' ').ok_or(line)?;
            let table = tables.iter_mut().find(|table| table.name == name);
            table.ok_or(line)?.unique.push(list(columns).ok_or(line)?);
        }
    }
    Ok(())
}

impl Table {
    fn new(name: &'static str) -> Self {
        Self {
            name,
            columns: Vec::new(),
            key: Vec::new(),
            unique: Vec::new(),
            is_by_user: false,
        }
    }

    /// One line between the parentheses.
    fn line(&mut self, line: &'static str) -> Option<()> {
        if line.is_empty() {
            return Some(());
        }
        if let Some(rest) = line.strip_prefix("PRIMARY KEY ") {
            self.key = list(rest)?;
        } else if let Some(rest) = line.strip_prefix("UNIQUE ") {
            self.unique.push(list(rest)?);
        } else {
            let (name, rest) = line.split_once(' ')?;
            let rest = rest.trim_start();
            let kind = Kind::of(rest)?;
            self.columns.push(Column { name, kind });
            if rest.contains("PRIMARY KEY") {
                self.key = vec![name];
            } else if rest.contains("UNIQUE") {
                self.unique.push(vec![name]);
            }
        }
        Some(())
    }
}

impl Kind {
    fn of(declaration: &str) -> Option<Self> {
        const KINDS: [(&str, Kind); 4] = [
            ("TEXT", Kind::Text),
            ("BIGINT", Kind::Integer),
            ("DOUBLE PRECISION", Kind::Real),
            ("BLOB", Kind::Bytes),
        ];
        let found = KINDS.iter().find(|(name, _)| declaration.starts_with(name));
        found.map(|(_, kind)| *kind)
    }
}

/// `name ADD COLUMN column TYPE …`: the one change that tables get.
fn alter(text: &'static str, tables: &mut [Table]) -> Option<()> {
    let (name, rest) = text.split_once(" ADD COLUMN ")?;
    let table = tables.iter_mut().find(|table| table.name == name)?;
    table.line(rest)
}

/// `(a, b)`.
fn list(text: &'static str) -> Option<Vec<&'static str>> {
    let inner = text
        .trim()
        .trim_end_matches(';')
        .strip_prefix('(')?
        .strip_suffix(')')?;
    Some(
        inner
            .split(',')
            .map(|name| name.trim().split(' ').next().unwrap_or_default())
            .collect(),
    )
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;

    #[test]
    fn every_table_of_a_user_has_user_id_first_in_each_of_its_keys() {
        let mut seen = 0;
        for module in Module::ALL {
            for table in tables(module).unwrap() {
                let has_user = table.columns.iter().any(|column| column.name == "user_id");
                assert!(!table.key.is_empty(), "{} has no primary key", table.name);
                assert!(!table.is_by_user || has_user, "{}", table.name);
                if table.is_by_user {
                    seen += 1;
                    for key in [&table.key].into_iter().chain(&table.unique) {
                        assert_eq!(key.first(), Some(&"user_id"), "{}: {key:?}", table.name);
                    }
                }
            }
        }
        assert!(seen >= 4, "{seen} tables of users");
    }

    /// Statements in this crate's source, each in one line.
    fn statements() -> Vec<String> {
        let mut folders = vec![Path::new(env!("CARGO_MANIFEST_DIR")).join("src")];
        let mut found = Vec::new();
        while let Some(folder) = folders.pop() {
            for entry in std::fs::read_dir(folder).unwrap() {
                let path = entry.unwrap().path();
                if path.is_dir() {
                    folders.push(path);
                } else if path.extension().is_some_and(|extension| extension == "rs") {
                    let text = std::fs::read_to_string(path).unwrap();
                    found.extend(text.split('"').filter_map(|quoted| {
                        let begins = ["INSERT INTO ", "UPDATE ", "WITH "];
                        let is_one = begins.iter().any(|word| quoted.starts_with(word));
                        let words = quoted.replace('\\', " ");
                        is_one.then(|| words.split_whitespace().collect::<Vec<_>>().join(" "))
                    }));
                }
            }
        }
        found
    }

    /// Shows R29. What Citus asks of tables that are distributed by a column, beside that it stands in each key: the column is of
    /// one type, no key leads to rows elsewhere, no statement changes it, and a conflict is told by it. No Citus runs
    /// in these tests; hash partitions, which ask for the same of keys, do.
    #[test]
    fn tables_of_users_can_be_distributed_by_them() {
        let mut of_users = Vec::new();
        for module in Module::ALL {
            for step in module.steps() {
                for word in ["REFERENCES", "FOREIGN KEY", "TRIGGER", "SERIAL", "IDENTITY"] {
                    assert!(!step.sql.contains(word), "{word} in {}", step.name);
                }
            }
            of_users.extend(
                tables(module)
                    .unwrap()
                    .into_iter()
                    .filter(|it| it.is_by_user),
            );
        }
        for table in &of_users {
            let column = table.columns.iter().find(|column| column.name == "user_id");
            assert_eq!(column.unwrap().kind, Kind::Text, "{}", table.name);
        }
        let statements = statements();
        assert!(statements.len() > 60, "{} statements", statements.len());
        let (mut updates, mut conflicts) = (0, 0);
        for statement in &statements {
            for table in &of_users {
                let name = table.name;
                if let Some((_, rest)) = statement.split_once(&format!("UPDATE {name} SET ")) {
                    let set = rest.split(" WHERE ").next().unwrap_or_default();
                    let is_moved = set.split(", ").any(|one| one.starts_with("user_id ="));
                    assert!(!is_moved, "{statement}");
                    updates += 1;
                }
                let inserts = statement.starts_with(&format!("INSERT INTO {name} "));
                if let Some((_, rest)) = statement.split_once("ON CONFLICT (").filter(|_| inserts) {
                    let columns = rest.split(')').next().unwrap_or_default();
                    let is_by_user = columns.split(", ").any(|one| one == "user_id");
                    assert!(is_by_user, "{statement}");
                    conflicts += 1;
                }
            }
        }
        assert!(
            updates > 10 && conflicts > 2,
            "{updates} updates, {conflicts} conflicts"
        );
    }

    #[test]
    fn later_steps_change_what_earlier_ones_made() {
        let mut tables = Vec::new();
        read("CREATE TABLE a (\n  id TEXT NOT NULL PRIMARY KEY, -- x\n  n BIGINT NOT NULL UNIQUE\n);\nCREATE TABLE b (\n  id TEXT,\n  PRIMARY KEY (id)\n) /* by user_id */;\n", &mut tables).unwrap();
        read("ALTER TABLE a ADD COLUMN face BLOB;\nCREATE UNIQUE INDEX a_n ON a (n, id);\nDROP TABLE b;\n", &mut tables).unwrap();
        let [a] = &tables[..] else {
            panic!("{tables:?}")
        };
        let kinds: Vec<_> = a
            .columns
            .iter()
            .map(|column| (column.name, column.kind))
            .collect();
        assert_eq!(
            kinds,
            [
                ("id", Kind::Text),
                ("n", Kind::Integer),
                ("face", Kind::Bytes)
            ]
        );
        assert_eq!(
            (&a.key, &a.unique),
            (&vec!["id"], &vec![vec!["n"], vec!["n", "id"]])
        );
        assert!(read("CREATE TABLE c(\n", &mut tables).is_err());
        assert!(read("CREATE TABLE c (\n  id UUID\n);", &mut tables).is_err());
    }
}
