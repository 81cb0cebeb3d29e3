//! Whether what is stored is whole: the engine's own check, the tables that should be there, and directories that
//! lead nowhere.

use sqlx::Row as _;

use crate::catalog::tables;
use crate::copy::count;
use crate::db::Engine;
use crate::error::StoreError;
use crate::module::Module;
use crate::store::Store;

/// Faults said of one store at most.
const MAX_FAULTS: usize = 100;

/// What a check found.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Checked {
    /// Rows of each table.
    pub tables: Vec<(&'static str, u64)>,
    /// What is wrong, in words; nothing where all is well.
    pub faults: Vec<String>,
}

impl Store {
    /// Looks at everything.
    ///
    /// # Errors
    /// [`StoreError::Away`].
    pub async fn check(&self) -> Result<Checked, StoreError> {
        let mut checked = Checked::default();
        for module in Module::ALL {
            let db = self.db(module);
            if db.engine() == Engine::Sqlite {
                let said = sqlx::query("PRAGMA integrity_check")
                    .fetch_all(db.fresh())
                    .await?;
                for row in said {
                    let words: String = row.try_get(0)?;
                    if words != "ok" {
                        checked.fault(format!("{}: {words}", module.name()));
                    }
                }
            }
            for table in tables(module)? {
                let rows = count(db, &table).await?;
                checked
                    .tables
                    .push((table.name, u64::try_from(rows).unwrap_or(0)));
            }
            for (sql, words) in module.promises() {
                let row = sqlx::query(*sql).fetch_one(db.fresh()).await?;
                let broken: i64 = row.try_get(0)?;
                if broken > 0 {
                    checked.fault(format!("{broken} {words}"));
                }
            }
        }
        Ok(checked)
    }
}

impl Checked {
    fn fault(&mut self, words: String) {
        if self.faults.len() < MAX_FAULTS {
            self.faults.push(words);
        }
    }
}
