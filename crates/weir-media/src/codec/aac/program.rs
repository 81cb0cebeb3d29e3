//! The program config element (ISO/IEC 14496-3 §4.4.1.1): how a layout without a number is told. It
//! stands in the AudioSpecificConfig where there is one, and in front of the access unit where there is
//! not, aligned to the beginning of whichever it is in. So it is kept as fields and written anew.

use bytes::Bytes;

use super::{AacConfig, rate_index};
use crate::Result;
use crate::bits::{BitReader, BitWriter};

/// `id_syn_ele` of the element in an access unit.
const ID_PCE: u32 = 5;

/// A program config element without its comment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ProgramConfig {
    /// Value and width of each field up to the alignment.
    fields: Vec<(u32, u32)>,
    /// Number of channels, counted by its elements.
    pub channels: u8,
}

impl ProgramConfig {
    /// Reads the fields; `r` stands behind the comment afterwards, if `r` begins where the alignment
    /// counts from.
    ///
    /// # Errors
    /// Truncated.
    pub(super) fn read(r: &mut BitReader<'_>) -> Result<Self> {
        let mut fields = Vec::new();
        let mut take = |r: &mut BitReader<'_>, width: u32| -> Result<u32> {
            let value = r.bits(width)?;
            fields.push((value, width));
            Ok(value)
        };
        take(r, 10)?; // instance tag, object type, sampling frequency
        let positions = take(r, 4)? + take(r, 4)? + take(r, 4)?;
        let (low_frequency, associated, coupling) = (take(r, 2)?, take(r, 3)?, take(r, 4)?);
        for mixdown_bits in [4, 4, 3] {
            if take(r, 1)? == 1 {
                take(r, mixdown_bits)?;
            }
        }
        let mut channels = low_frequency as u8;
        for _ in 0..positions {
            channels += if take(r, 1)? == 1 { 2 } else { 1 };
            take(r, 4)?;
        }
        for _ in 0..low_frequency + associated {
            take(r, 4)?;
        }
        for _ in 0..coupling {
            take(r, 5)?;
        }
        r.align();
        let comment_bytes = r.bits(8)? as usize;
        r.skip(comment_bytes * 8)?;
        Ok(Self { fields, channels })
    }

    /// The element an access unit begins with, if it begins with one.
    pub fn of_unit(unit: &[u8]) -> Option<Self> {
        let mut r = BitReader::new(unit, "program config element");
        (r.bits(3).ok()? == ID_PCE).then_some(())?;
        Self::read(&mut r).ok()
    }

    /// What an AudioSpecificConfig says by an element, or by the number of a layout that ADTS has no
    /// number for; `None` where ADTS can say the number.
    ///
    /// # Errors
    /// As [`AacConfig::parse`].
    pub fn of_config(config: &[u8]) -> Result<Option<Self>> {
        let (aac, program) = AacConfig::read(config)?;
        Ok(program.or_else(|| Self::of_layout(&aac)))
    }

    /// The layouts behind 7 whose loudspeakers an element can name (table 1.19): 6.1 and 7.1.
    fn of_layout(aac: &AacConfig) -> Option<Self> {
        const SINGLE: u32 = 0;
        const PAIR: u32 = 1;
        // Front, side and back, each with its kind and instance tag in the order of the standard.
        let [front, side, back]: [&[(u32, u32)]; 3] = match aac.channel_config {
            11 => [&[(SINGLE, 0), (PAIR, 0)], &[], &[(PAIR, 1), (SINGLE, 1)]],
            12 => [&[(SINGLE, 0), (PAIR, 0)], &[(PAIR, 1)], &[(PAIR, 2)]],
            _ => return None,
        };
        let profile = u32::from(aac.object_type.saturating_sub(1) & 3);
        let mut fields = vec![(0, 4), (profile, 2), (rate_index(aac.core_rate).into(), 4)];
        fields.extend([front, side, back].map(|group| (group.len() as u32, 4)));
        fields.extend([(1, 2), (0, 3), (0, 4), (0, 1), (0, 1), (0, 1)]);
        for (kind, tag) in [front, side, back].concat() {
            fields.extend([(kind, 1), (tag, 4)]);
        }
        fields.push((0, 4)); // the low-frequency element's tag
        Some(Self {
            fields,
            channels: aac.channels,
        })
    }

    /// As an access unit begins with it: whole bytes, so that the unit can follow as it is.
    pub fn element(&self) -> Bytes {
        let mut bits = BitWriter::default();
        bits.bits(ID_PCE, 3);
        self.write(&mut bits);
        bits.finish().into()
    }

    /// An AudioSpecificConfig of what a header, or a config without the element, leaves to it. What the
    /// config says of spectral band replication is left to the units too.
    pub fn config(&self, aac: &AacConfig) -> Bytes {
        let mut bits = BitWriter::default();
        let aac = AacConfig {
            channel_config: 0,
            ..*aac
        };
        aac.write(&mut bits);
        self.write(&mut bits);
        bits.finish().into()
    }

    fn write(&self, bits: &mut BitWriter) {
        for &(value, width) in &self.fields {
            bits.bits(value, width);
        }
        bits.align();
        bits.bits(0, 8); // no comment
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_element_goes_from_the_config_into_the_unit_and_back() {
        let program = ProgramConfig::of_config(&element_config())
            .unwrap()
            .unwrap();
        assert_eq!(program.channels, 4);
        let unit = [&program.element()[..], &[0x21, 0x10]].concat();
        assert_eq!(ProgramConfig::of_unit(&unit), Some(program.clone()));
        let config = program.config(&AacConfig::parse(&[0x11, 0x90]).unwrap());
        assert_eq!(ProgramConfig::of_config(&config).unwrap(), Some(program));
        assert_eq!(ProgramConfig::of_unit(&[0x21, 0x10, 0x04]), None);
    }

    #[test]
    fn layouts_that_have_a_number_in_adts_need_no_element() {
        assert_eq!(ProgramConfig::of_config(&[0x11, 0x90]).unwrap(), None);
        for (number, channels) in [(11, 7), (12, 8)] {
            let config = AacConfig {
                channel_config: number,
                ..AacConfig::parse(&[0x11, 0x90]).unwrap()
            };
            let program = ProgramConfig::of_config(&config.build()).unwrap().unwrap();
            assert_eq!(program.channels, channels);
            let again = ProgramConfig::of_unit(&program.element()).unwrap();
            assert_eq!(again.channels, channels);
        }
    }

    #[test]
    fn a_config_cut_short_in_its_element_tells_no_layout() {
        let config = element_config();
        for end in 2..config.len() {
            assert_eq!(ProgramConfig::of_config(&config[..end]), Ok(None), "{end}");
            assert_eq!(AacConfig::parse(&config[..end]).unwrap().channels, 0);
        }
    }

    /// Front pair, centre and LFE at 48 kHz.
    fn element_config() -> Vec<u8> {
        let mut bits = BitWriter::default();
        for (value, width) in [(2, 5), (3, 4), (0, 4), (0, 3), (0, 4), (1, 2), (3, 4)] {
            bits.bits(value, width);
        }
        for (value, width) in [(2, 4), (0, 4), (0, 4), (1, 2), (0, 3), (0, 4), (0, 3)] {
            bits.bits(value, width);
        }
        for (value, width) in [(0, 1), (0, 4), (1, 1), (0, 4), (0, 4)] {
            bits.bits(value, width);
        }
        bits.align();
        bits.bits(0, 8);
        bits.finish()
    }
}
