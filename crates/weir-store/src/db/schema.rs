//! Brings a database's tables to what this version knows, step by step, each step once.

use sqlx::AnyPool;
use sqlx::migrate::{MigrateError, Migration, MigrationType, Migrator};
use sqlx::{AssertSqlSafe, SqlSafeStr as _};

use super::Engine;
use crate::error::StoreError;
use crate::module::Module;

/// Applies what is missing of `module`'s steps.
///
/// # Errors
/// [`StoreError::Setting`] where the database was made by a newer weir, or a step was changed after it was
/// applied.
pub(crate) async fn migrate(
    pool: &AnyPool,
    engine: Engine,
    module: Module,
    partitions: u32,
) -> Result<(), StoreError> {
    let steps = module.steps().iter().map(|step| {
        let text = engine.schema(step.sql, partitions);
        // The text is this crate's own: no word of it is from outside.
        let sql = AssertSqlSafe(text).into_sql_str();
        let mut migration = Migration::new(
            step.number,
            step.name.into(),
            MigrationType::Simple,
            sql,
            false,
        );
        // Told by what is in the repository, so that partitions may differ between databases.
        migration.checksum = sqlx::migrate::Migration::new(
            step.number,
            step.name.into(),
            MigrationType::Simple,
            step.sql.into_sql_str(),
            false,
        )
        .checksum;
        migration
    });
    let mut migrator = Migrator::with_migrations(steps.collect());
    migrator.dangerous_set_table_name(format!("schema_{}", module.name()));
    migrator
        .run(pool)
        .await
        .map_err(|error| refused(error, module))
}

fn refused(error: MigrateError, module: Module) -> StoreError {
    let name = module.name();
    match error {
        MigrateError::VersionMissing(step) | MigrateError::VersionTooNew(step, _) => {
            StoreError::Setting(format!(
                "the {name} tables are of a newer weir (step {step}): start that one"
            ))
        }
        MigrateError::VersionMismatch(step) => StoreError::Setting(format!(
            "step {step} of the {name} tables is not what was applied here: \
             the database was made by another build of weir"
        )),
        MigrateError::Execute(error) | MigrateError::ExecuteMigration(error, _) => error.into(),
        error => StoreError::Fault(error.to_string()),
    }
}
