//! Which oddities are tried, by whom: each alone, and pairs that the dice choose.

use weir_media::{AudioCodec, VideoCodec};

use super::clip::{Clip, Cutting};
use super::draft::Draft;
use super::rows::{self, ROWS};
use super::{Carrier, Needs, OddInput, Oddity};

/// Numbers that look random and are the same for the same seed (SplitMix64).
#[derive(Debug, Clone, Copy)]
pub struct OddDice(pub u64);

impl OddDice {
    /// A number below `below`.
    pub fn roll(&mut self, below: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut mixed = self.0;
        mixed = (mixed ^ mixed >> 30).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        mixed = (mixed ^ mixed >> 27).wrapping_mul(0x94D0_49BB_1331_11EB);
        usize::try_from((mixed ^ mixed >> 31) % below as u64).unwrap_or(0)
    }
}

/// Each oddity alone, by each of its carriers or by one that the dice choose, and `pairs` pairs.
pub fn inputs(cutting: &Cutting, dice: &mut OddDice, pairs: usize) -> Vec<OddInput> {
    let mut chosen: Vec<(Vec<&Oddity>, Carrier)> = Vec::new();
    for oddity in ROWS {
        let carriers = oddity.carriers;
        // RTMP and FLV read alike: one of them will do.
        let first = dice.roll(2);
        for (at, carrier) in carriers.iter().enumerate() {
            if carriers.starts_with(Carrier::TAGS) && at == first {
                continue;
            }
            chosen.push((vec![oddity], *carrier));
        }
    }
    let mut found = 0;
    for _ in 0..pairs * 100 {
        let (one, other) = (&ROWS[dice.roll(ROWS.len())], &ROWS[dice.roll(ROWS.len())]);
        let carrier = Carrier::ALL[dice.roll(Carrier::ALL.len())];
        let pair = vec![one, other];
        let is_known = chosen.iter().any(|(known, by)| {
            *by == carrier
                && known
                    .iter()
                    .all(|known| pair.iter().any(|row| row.name == known.name))
        });
        if found < pairs && one.about != other.about && !is_known {
            let before = chosen.len();
            chosen.extend(fits(cutting, &pair, carrier).then_some((pair, carrier)));
            found += chosen.len() - before;
        }
    }
    let inputs = chosen.iter().enumerate();
    inputs
        .filter(|(_, (rows, carrier))| fits(cutting, rows, *carrier))
        .map(|(number, (rows, carrier))| input(cutting, number, rows, *carrier))
        .collect()
}

/// The clip that oddities work on.
fn clip_of(cutting: &Cutting, rows: &[&Oddity]) -> (Clip, Vec<String>) {
    let pictures = rows.iter().find_map(|row| row.pictures).unwrap_or("h264");
    let sound = rows.iter().find_map(|row| row.sound).unwrap_or("aac");
    let clip = Clip {
        pictures: Some(cutting.pictures(pictures)),
        sound: Some(cutting.sound(sound)),
    };
    (clip, vec![pictures.to_owned()])
}

/// Whether they can be together in one draft of this carrier.
fn fits(cutting: &Cutting, rows: &[&Oddity], carrier: Carrier) -> bool {
    let own = |of: fn(&Oddity) -> bool| rows.iter().filter(|row| of(row)).count() < 2;
    let is_alone = own(|row| row.pictures.is_some()) && own(|row| row.sound.is_some());
    if !is_alone || !rows.iter().all(|row| row.carriers.contains(&carrier)) {
        return false;
    }
    let (clip, _) = clip_of(cutting, rows);
    let (Some(pictures), Some(sound)) = (&clip.pictures, &clip.sound) else {
        return false;
    };
    let is_carried =
        carrier != Carrier::Ts || pictures.has_nals() && sound.codec != AudioCodec::Flac;
    is_carried
        && rows.iter().all(|row| match row.needs {
            Needs::Nothing => true,
            Needs::Nals => pictures.has_nals(),
            Needs::H264 => pictures.codec == VideoCodec::H264,
            Needs::Aac => sound.codec == AudioCodec::Aac,
        })
}

fn input(cutting: &Cutting, number: usize, rows: &[&Oddity], carrier: Carrier) -> OddInput {
    let (clip, mut pictures) = clip_of(cutting, rows);
    let (codec, sound) = (
        clip.pictures.as_ref().map(|pictures| pictures.codec),
        clip.sound.as_ref().map(|sound| sound.codec),
    );
    let mut draft = Draft::new(clip);
    for row in rows {
        (row.bend)(&mut draft);
    }
    if let Some(name) = draft.second_name {
        draft.second = Some(rows::after(cutting.pictures(name), &draft));
        pictures.push(name.to_owned());
    }
    let any = |of: fn(&Oddity) -> bool| rows.iter().any(|row| of(row));
    let names: Vec<_> = rows.iter().map(|row| row.name).collect();
    OddInput {
        number,
        name: names.join(" + "),
        carrier,
        draft,
        pictures,
        not_in_ts: any(|row| row.not_in_ts)
            || matches!(codec, Some(VideoCodec::Av1 | VideoCodec::Vp9))
            || sound == Some(AudioCodec::Flac),
        mute: any(|row| row.mute),
        loose_times: any(|row| row.loose_times),
        head_us: rows.iter().map(|row| row.head_us).max().unwrap_or(0),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_have_names_of_their_own_and_somebody_who_sends_them() {
        let all = ROWS;
        for (at, row) in all.iter().enumerate() {
            assert!(!row.carriers.is_empty(), "{}", row.name);
            assert!(
                all[..at].iter().all(|other| other.name != row.name),
                "{} stands twice",
                row.name
            );
        }
    }

    #[test]
    fn the_same_seed_rolls_the_same() {
        let rolls = |seed| {
            let mut dice = OddDice(seed);
            [0; 9].map(|_| dice.roll(1000))
        };
        assert_eq!(rolls(7), rolls(7));
        assert_ne!(rolls(7), rolls(8));
    }
}
