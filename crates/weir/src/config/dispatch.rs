//! What `[dispatch]` names is read: files of networks, databases of places.

use std::path::Path;

use anyhow::Context as _;
use weir_api::{DispatchConfig, DispatchRules};
use weir_cluster::geo::maxmind::{MaxMind, Words};
use weir_cluster::geo::{Chain, CidrTable, Countries, Locator};

/// The largest file that is read, bytes: the databases on sale have some hundred million.
const MAX_FILE_BYTES: u64 = 1 << 30;

impl super::Config {
    /// `[dispatch]` as the dispatcher understands it; reads the files it names.
    ///
    /// # Errors
    /// Which file or line cannot be read.
    pub(crate) fn dispatch_rules(&self) -> anyhow::Result<DispatchRules> {
        rules(&self.dispatch, &self.node.vhosts)
    }
    /// Who knows in which country an address is: the databases of `dispatch.maxmind`.
    ///
    /// # Errors
    /// Which file cannot be read.
    pub(crate) fn countries(&self) -> anyhow::Result<Box<dyn Countries>> {
        let databases = self.dispatch.maxmind.iter().map(|path| {
            let about = || format!("dispatch.maxmind: {}", path.display());
            MaxMind::new(read(path).with_context(about)?, Words::default()).with_context(about)
        });
        Ok(Box::new(databases.collect::<anyhow::Result<Vec<_>>>()?))
    }
}

fn rules(config: &DispatchConfig, vhosts: &[String]) -> anyhow::Result<DispatchRules> {
    // The operator's own word first, then the file, then what databases know.
    let table = config.table()?;
    let mut locators: Vec<Box<dyn Locator>> = vec![Box::new(table)];
    if !config.networks_file.as_os_str().is_empty() {
        let about = || format!("dispatch.networks_file: {}", config.networks_file.display());
        let text = String::from_utf8(read(&config.networks_file).with_context(about)?)
            .with_context(about)?;
        locators.push(Box::new(CidrTable::parse(&text).with_context(about)?));
    }
    let words = config.words()?;
    for path in &config.maxmind {
        let about = || format!("dispatch.maxmind: {}", path.display());
        let database = MaxMind::new(read(path).with_context(about)?, words.clone());
        let database = database.with_context(about)?;
        tracing::info!(kind = database.kind(), "{} is read", path.display());
        locators.push(Box::new(database));
    }
    Ok(DispatchRules {
        locator: Box::new(Chain(locators)),
        strategy: config.strategy,
        good_for_ms: config.good_for_ms,
        play_kbps: config.play_kbps,
        publish_kbps: config.publish_kbps,
        vhosts: vhosts.to_vec(),
    })
}

fn read(path: &Path) -> anyhow::Result<Vec<u8>> {
    let bytes = std::fs::metadata(path)?.len();
    anyhow::ensure!(
        bytes <= MAX_FILE_BYTES,
        "{bytes} bytes; at most {MAX_FILE_BYTES} are read"
    );
    Ok(std::fs::read(path)?)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn section(text: &str) -> DispatchConfig {
        toml::from_str(text).unwrap()
    }

    #[test]
    fn the_operators_lines_go_before_the_file() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("networks");
        std::fs::write(&file, "10.0.0.0/8 cn telecom # all\n192.0.2.0/24 eu -").unwrap();
        let dispatch = DispatchConfig {
            networks: vec!["10.1.0.0/16 - cernet".into()],
            networks_file: file,
            ..DispatchConfig::default()
        };
        dispatch.check().unwrap();
        let rules = rules(&dispatch, &["school.example".into()]).unwrap();
        let at = |ip: &str| {
            let place = rules.locator.locate(ip.parse().unwrap());
            let text = |name: Option<weir_cluster::Name>| name.map(|name| name.to_string());
            (text(place.region), text(place.isp))
        };
        assert_eq!(at("10.1.2.3"), (Some("cn".into()), Some("cernet".into())));
        assert_eq!(at("10.2.2.3"), (Some("cn".into()), Some("telecom".into())));
        assert_eq!(at("192.0.2.1"), (Some("eu".into()), None));
        assert_eq!(rules.vhosts, ["school.example"]);
    }

    #[test]
    fn what_cannot_be_read_is_named() {
        for (text, word) in [
            ("networks = [\"10.0.0.0/40 a b\"]", "dispatch.networks"),
            ("regions = [\"DE\"]", "dispatch.regions"),
            ("good_for_ms = 5", "dispatch.good_for_ms"),
        ] {
            let error = format!("{:#}", section(text).check().unwrap_err());
            assert!(error.contains(word), "{error}");
        }
        assert!(toml::from_str::<DispatchConfig>("strategy = \"dice\"").is_err());
        let missing = section("maxmind = [\"/nowhere/City.mmdb\"]");
        missing.check().unwrap();
        let error = rules(&missing, &[]).map(|_| ()).unwrap_err();
        assert!(format!("{error:#}").contains("/nowhere/City.mmdb"));
        let no_database = rules(&section("maxmind = [\"/etc/hosts\"]"), &[]);
        let error = no_database.map(|_| ()).unwrap_err();
        assert!(format!("{error:#}").contains("not a MaxMind database"));
    }
}
