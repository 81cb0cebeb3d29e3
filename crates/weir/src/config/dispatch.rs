//! `[dispatch]`: where clients are sent.

use std::path::{Path, PathBuf};

use anyhow::Context as _;
use weir_api::{DispatchRules, DispatchStrategy};
use weir_base::section;
use weir_cluster::geo::maxmind::{MaxMind, Words};
use weir_cluster::geo::{Chain, CidrTable, Locator};

/// The largest file that is read, bytes: the databases on sale have some hundred million.
const MAX_FILE_BYTES: u64 = 1 << 30;
/// The longest an answer may be good, milliseconds: loads change faster than in a minute.
const MAX_GOOD_FOR_MS: i64 = 60_000;

section! {
    /// The dispatcher.
    pub(crate) Dispatch {
        /// How to choose among nodes that are equally near.
        reload strategy: DispatchStrategy = DispatchStrategy::TwoChoices,
        /// Milliseconds an answer is good and its place reserved.
        reload good_for_ms: i64 = 4_000,
        /// Kilobits per second that a viewer is reckoned with.
        reload play_kbps: u64 = 2_000,
        /// Kilobits per second that a publisher is reckoned with.
        reload publish_kbps: u64 = 2_000,
        /// Networks and where they are: `CIDR region isp`.
        reload networks: Vec<String> = Vec::new(),
        /// A file of such lines.
        reload networks_file: PathBuf = PathBuf::new(),
        /// Databases of the MaxMind format.
        reload maxmind: Vec<PathBuf> = Vec::new(),
        /// Countries and regions: `CODE region`.
        reload regions: Vec<String> = Vec::new(),
        /// Network operators and ISPs: `AS4538 isp`, or `part of a name isp`.
        reload isps: Vec<String> = Vec::new(),
    }
}

impl Dispatch {
    /// What only sense, not types, can refuse. Files are not looked at.
    pub(crate) fn check(&self) -> anyhow::Result<()> {
        anyhow::ensure!(
            (100..=MAX_GOOD_FOR_MS).contains(&self.good_for_ms),
            "dispatch.good_for_ms is {}: it has to be from 100 to {MAX_GOOD_FOR_MS}",
            self.good_for_ms
        );
        CidrTable::parse(&self.networks.join("\n")).context("dispatch.networks")?;
        self.words()?;
        Ok(())
    }

    /// As the dispatcher understands it; reads the files.
    ///
    /// # Errors
    /// Which file or line cannot be read.
    pub(crate) fn rules(&self, vhosts: &[String]) -> anyhow::Result<DispatchRules> {
        // The operator's own word first, then the file, then what databases know.
        let table = CidrTable::parse(&self.networks.join("\n")).context("dispatch.networks")?;
        let mut locators: Vec<Box<dyn Locator>> = vec![Box::new(table)];
        if !self.networks_file.as_os_str().is_empty() {
            let about = || format!("dispatch.networks_file: {}", self.networks_file.display());
            let text = String::from_utf8(read(&self.networks_file).with_context(about)?)
                .with_context(about)?;
            locators.push(Box::new(CidrTable::parse(&text).with_context(about)?));
        }
        let words = self.words()?;
        for path in &self.maxmind {
            let about = || format!("dispatch.maxmind: {}", path.display());
            let database = MaxMind::new(read(path).with_context(about)?, words.clone());
            let database = database.with_context(about)?;
            tracing::info!(kind = database.kind(), "{} is read", path.display());
            locators.push(Box::new(database));
        }
        Ok(DispatchRules {
            locator: Box::new(Chain(locators)),
            strategy: self.strategy,
            good_for_ms: self.good_for_ms,
            play_kbps: self.play_kbps,
            publish_kbps: self.publish_kbps,
            vhosts: vhosts.to_vec(),
        })
    }

    fn words(&self) -> anyhow::Result<Words> {
        Words::parse(&self.regions, &self.isps).context("dispatch.regions and dispatch.isps")
    }
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

    fn section(text: &str) -> Dispatch {
        toml::from_str(text).unwrap()
    }

    #[test]
    fn the_operators_lines_go_before_the_file() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("networks");
        std::fs::write(&file, "10.0.0.0/8 cn telecom # all\n192.0.2.0/24 eu -").unwrap();
        let dispatch = Dispatch {
            networks: vec!["10.1.0.0/16 - cernet".into()],
            networks_file: file,
            ..Dispatch::default()
        };
        dispatch.check().unwrap();
        let rules = dispatch.rules(&["school.example".into()]).unwrap();
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
        assert!(toml::from_str::<Dispatch>("strategy = \"dice\"").is_err());
        let missing = section("maxmind = [\"/nowhere/City.mmdb\"]");
        missing.check().unwrap();
        let error = missing.rules(&[]).map(|_| ()).unwrap_err();
        assert!(format!("{error:#}").contains("/nowhere/City.mmdb"));
        let no_database = section("maxmind = [\"/etc/hosts\"]").rules(&[]);
        let error = no_database.map(|_| ()).unwrap_err();
        assert!(format!("{error:#}").contains("not a MaxMind database"));
    }
}
