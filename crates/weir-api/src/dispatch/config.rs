//! `[dispatch]`: where clients are sent. The files it names are read elsewhere.

use std::path::PathBuf;

use weir_base::section;
use weir_base::section::{Senseless, in_range};
use weir_cluster::geo::CidrTable;
use weir_cluster::geo::maxmind::Words;

use super::DispatchStrategy;

/// The longest an answer may be good, milliseconds: loads change faster than in a minute.
const MAX_GOOD_FOR_MS: i64 = 60_000;

section! {
    /// The dispatcher.
    pub DispatchConfig {
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

impl DispatchConfig {
    /// What only sense, not types, can refuse. Files are not looked at.
    ///
    /// # Errors
    /// The key that makes no sense, and why.
    pub fn check(&self) -> Result<(), Senseless> {
        in_range(
            "dispatch.good_for_ms",
            self.good_for_ms,
            100..=MAX_GOOD_FOR_MS,
        )?;
        self.table()?;
        self.words()?;
        Ok(())
    }

    /// The operator's own lines about networks.
    ///
    /// # Errors
    /// The line that cannot be read.
    pub fn table(&self) -> Result<CidrTable, Senseless> {
        CidrTable::parse(&self.networks.join("\n"))
            .map_err(|error| Senseless(format!("dispatch.networks: {error}")))
    }

    /// What the words of databases are called here.
    ///
    /// # Errors
    /// The line that cannot be read.
    pub fn words(&self) -> Result<Words, Senseless> {
        Words::parse(&self.regions, &self.isps)
            .map_err(|error| Senseless(format!("dispatch.regions and dispatch.isps: {error}")))
    }
}
