//! How each child of the cluster is started.

use std::ffi::OsString;
use std::io::IsTerminal as _;
use std::path::{Path, PathBuf};

use anyhow::Context as _;

use super::child::{Child, Recipe};
use super::plan::{self, Plan};
use super::secrets::{SharedSecrets, write_private};

/// The child that is no node.
pub(super) const REDIS: &str = "redis";
/// Colours of the names, none of them red.
const COLOURS: [u8; 6] = [36, 32, 33, 35, 34, 96];

/// What was asked for besides the plan.
pub(super) struct Extra<'a> {
    /// Settings for every node.
    pub(super) set: &'a [String],
    /// What they log.
    pub(super) log: Option<&'a str>,
    /// Whether an edge publishes the demo clip.
    pub(super) demo: bool,
}

/// Redis, unless one runs already, and all nodes; each node's folder is made.
pub(super) fn recipes(
    plan: &Plan,
    data: &Path,
    weir: &Path,
    extra: &Extra<'_>,
    secrets: &SharedSecrets,
) -> anyhow::Result<Vec<Child>> {
    let mut recipes = Vec::new();
    if let Some(port) = plan.redis_port {
        recipes.push(redis_recipe(port, data)?);
    }
    for node in &plan.nodes {
        let folder = data.join(node.name);
        std::fs::create_dir_all(&folder)
            .with_context(|| format!("cannot make {}", folder.display()))?;
        write_private(&folder.join("secrets.toml"), &secrets.file)?;
        let demo = extra.demo && plan.first("edge") == Some(node);
        let settings = plan.settings(node).into_iter().chain(extra.set.to_vec());
        recipes.push(Recipe {
            name: node.name,
            program: weir.into(),
            args: serve_args(&folder, settings, demo, extra.log),
            environment: vec![("WEIR_CLUSTER__SECRET", secrets.cluster.clone())],
            shows_output: false,
        });
    }
    let width = recipes.iter().map(|recipe| recipe.name.len()).max();
    let coloured = std::io::stderr().is_terminal();
    let colours = COLOURS.into_iter().cycle();
    Ok(recipes
        .into_iter()
        .zip(colours)
        .map(|(recipe, colour)| Child::new(recipe, width.unwrap_or(0), coloured.then_some(colour)))
        .collect())
}

fn serve_args(
    folder: &Path,
    settings: impl Iterator<Item = String>,
    demo: bool,
    log: Option<&str>,
) -> Vec<OsString> {
    let mut args: Vec<OsString> = vec!["serve".into(), "--data".into(), folder.into()];
    if let Some(log) = log {
        args.extend(["--log".into(), log.into()]);
    }
    if demo {
        args.push("--demo".into());
    }
    for setting in settings {
        args.extend(["--set".into(), setting.into()]);
    }
    args
}

fn redis_recipe(port: u16, data: &Path) -> anyhow::Result<Recipe> {
    let program = ["redis-server", "valkey-server"]
        .into_iter()
        .find_map(in_path)
        .context(
            "redis-server is not in PATH. Debian, Ubuntu: apt-get install redis-server; Fedora: dnf install valkey; \
             macOS: brew install redis. Or name one that runs: --redis redis://127.0.0.1:6379",
        )?;
    let folder = data.join(REDIS);
    std::fs::create_dir_all(&folder)?;
    let port = port.to_string();
    let host = plan::HOST.to_string();
    // Nothing is kept on disk: a Redis that comes back empty is one of the faults to look at.
    let mut args: Vec<OsString> = [
        "--port",
        &port,
        "--bind",
        &host,
        "--save",
        "",
        "--appendonly",
        "no",
    ]
    .map(OsString::from)
    .to_vec();
    args.extend([
        "--loglevel".into(),
        "warning".into(),
        "--dir".into(),
        folder.into(),
    ]);
    Ok(Recipe {
        name: REDIS,
        program: program.into(),
        args,
        environment: Vec::new(),
        shows_output: true,
    })
}

fn in_path(program: &str) -> Option<PathBuf> {
    std::env::split_paths(&std::env::var_os("PATH")?)
        .map(|folder| folder.join(program))
        .find(|file| file.is_file())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_secret_stands_on_a_command_line() {
        let dir = tempfile::tempdir().unwrap();
        let secrets = SharedSecrets::open(dir.path()).unwrap();
        let plan = Plan::new(&plan::ports(None).unwrap(), Some("redis://h:1")).unwrap();
        let set = ["deliver.flush_ms=10".to_owned()];
        let extra = Extra {
            set: &set,
            log: Some("warn"),
            demo: true,
        };
        let children = recipes(&plan, dir.path(), Path::new("weir"), &extra, &secrets).unwrap();
        let lines = format!("{children:?}");
        assert_eq!(lines.matches("--demo").count(), 1);
        assert_eq!(
            lines.matches("deliver.flush_ms=10").count(),
            plan.nodes.len()
        );
        assert!(!lines.contains(&secrets.admin_token));
    }
}
