//! What AAC can be (ISO/IEC 14496-3): bends of its configuration and its units.

use weir_media::codec::aac::ProgramConfig;

use super::bits::Bits;
use super::draft::Draft;

/// The index that says that the rate follows in 24 bits.
const RATE_IN_WORDS: u32 = 15;
const LC: u32 = 2;

pub(super) fn explicit_rate(draft: &mut Draft) {
    let bits = Bits::default().put(LC, 5).put(RATE_IN_WORDS, 4);
    draft.sound().config = bits.put(48_000, 24).put(2, 4).put(0, 3).bytes();
}

/// Twice the rate, though no unit has anything to make it of.
pub(super) fn sbr_in_front(draft: &mut Draft) {
    let core = Bits::default().put(5, 5).put(3, 4).put(2, 4);
    draft.sound().config = core.put(0, 4).put(LC, 5).put(0, 3).bytes();
}

pub(super) fn ps_in_front(draft: &mut Draft) {
    let core = Bits::default().put(29, 5).put(4, 4).put(1, 4);
    draft.sound().config = core.put(1, 4).put(LC, 5).put(0, 3).bytes();
}

/// Data stream elements in front of every tenth unit: aligned, so the rest stays as it is.
pub(super) fn large_units(draft: &mut Draft) {
    let element = [&[0x81, 255, 245][..], &[0xA5; 500]].concat();
    for unit in draft.sound().units.iter_mut().step_by(10) {
        unit.parts.insert(0, element.repeat(17));
    }
}

pub(super) fn element_in_units(draft: &mut Draft) {
    let program = ProgramConfig::of_config(&draft.sound().config).unwrap();
    let element = program.expect("a layout without a number").element();
    for unit in &mut draft.sound().units {
        unit.parts.insert(0, element.to_vec());
    }
}

/// What a gateway makes of ADTS that takes its header for all there is.
pub(super) fn element_only_in_units(draft: &mut Draft) {
    element_in_units(draft);
    draft.sound().config.truncate(2);
}
