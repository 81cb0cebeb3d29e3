//! Countries by their codes of two letters (ISO 3166-1), and who knows in which one an address is.

use std::net::IpAddr;

use serde::{Deserialize, Serialize};

/// A country's code, upper case.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Country([u8; 2]);

/// What is no country's code.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is no country: write its two letters (ISO 3166-1), such as \"DE\"")]
pub struct NoCountry(String);

impl Country {
    /// Of two letters, in either case.
    ///
    /// # Errors
    /// When it is something else. Whether there is such a country is not known here.
    pub fn new(code: &str) -> Result<Self, NoCountry> {
        match code.as_bytes() {
            [a, b] if a.is_ascii_alphabetic() && b.is_ascii_alphabetic() => {
                Ok(Self([a.to_ascii_uppercase(), b.to_ascii_uppercase()]))
            }
            _ => Err(NoCountry(code.chars().take(16).collect())),
        }
    }

    /// Its two letters.
    pub fn code(self) -> String {
        self.0.map(char::from).iter().collect()
    }
}

impl TryFrom<String> for Country {
    type Error = NoCountry;

    fn try_from(code: String) -> Result<Self, NoCountry> {
        Self::new(&code)
    }
}

impl From<Country> for String {
    fn from(country: Country) -> Self {
        country.code()
    }
}

/// Somebody who knows in which country addresses are.
pub trait Countries: Send + Sync {
    /// The country of this address, where it is known.
    fn country(&self, ip: IpAddr) -> Option<Country>;
}

/// Several are asked in order; the first that knows is believed.
impl<T: Countries> Countries for Vec<T> {
    fn country(&self, ip: IpAddr) -> Option<Country> {
        self.iter().find_map(|known| known.country(ip))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_code_is_two_letters_in_either_case() {
        assert_eq!(Country::new("de").unwrap().code(), "DE");
        for wrong in ["", "D", "DEU", "D1", "ü"] {
            assert!(Country::new(wrong).is_err(), "{wrong}");
        }
    }
}
