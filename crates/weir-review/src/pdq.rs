//! PDQ, a hash of what a picture looks like: pictures that are nearly the same have hashes that differ in few of 256
//! bits, and unrelated ones differ in about half. Written after the paper of its authors (Facebook, 2019), bit for bit
//! as others have it, so that hashes can be exchanged.
//!
//! The picture is blurred and brought to 64×64 brightnesses; of their cosine transform the 16×16 lowest frequencies
//! but the constant one are compared with their median.

use std::f32::consts::PI;
use std::fmt;
use std::str::FromStr;

/// Brightnesses on a side of what is transformed.
const SIDE: usize = 64;
/// Frequencies on a side of what is kept.
const KEPT: usize = 16;
/// How much brightness changes between neighbours, in hundredths of all there is, for one point of quality.
const CHANGE_PER_POINT: i32 = 90;

/// A hash: bit `16 * row + column` of the frequencies.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub struct Pdq([u64; 4]);

/// A text that is no hash.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a PDQ hash is 64 hexadecimal digits")]
pub struct NoHash;

impl Pdq {
    /// Of a picture's brightnesses, row by row, and how much there is to tell by in it: 0 for a plain colour, 100 for
    /// a picture full of edges.
    ///
    /// None where the numbers do not fit each other.
    pub fn of(brightness: Vec<f32>, width: usize, height: usize) -> Option<(Self, u8)> {
        if width == 0 || height == 0 || brightness.len() != width.checked_mul(height)? {
            return None;
        }
        let small = shrunk(brightness, width, height);
        Some((Self::of_small(&small), quality(&small)))
    }

    fn of_small(small: &[f32]) -> Self {
        let waves = waves();
        // Rows first: KEPT × SIDE.
        let mut half = [0.0_f32; KEPT * SIDE];
        for (wave, out) in waves.chunks_exact(SIDE).zip(half.chunks_exact_mut(SIDE)) {
            for (factor, row) in wave.iter().zip(small.chunks_exact(SIDE)) {
                for (sum, value) in out.iter_mut().zip(row) {
                    *sum += factor * value;
                }
            }
        }
        let dot = |a: &[f32], b: &[f32]| a.iter().zip(b).map(|(a, b)| a * b).sum::<f32>();
        let rows = half.chunks_exact(SIDE);
        let found: Vec<f32> = rows
            .flat_map(|row| waves.chunks_exact(SIDE).map(move |wave| dot(row, wave)))
            .collect();
        let mut sorted = found.clone();
        sorted.sort_unstable_by(f32::total_cmp);
        let median = sorted.get(KEPT * KEPT / 2 - 1).copied().unwrap_or_default();
        let mut words = [0_u64; 4];
        for (place, value) in found.iter().enumerate() {
            if *value > median
                && let Some(word) = words.get_mut(place / 64)
            {
                *word |= 1 << (place % 64);
            }
        }
        Self(words)
    }

    /// Bits in which two hashes differ: up to 31 for what looks the same to most, about 128 for the unrelated.
    pub fn distance(self, other: Self) -> u32 {
        let pairs = self.0.iter().zip(other.0);
        pairs.map(|(a, b)| (a ^ b).count_ones()).sum()
    }
}

impl fmt::Display for Pdq {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [a, b, c, d] = self.0;
        write!(f, "{d:016x}{c:016x}{b:016x}{a:016x}")
    }
}

impl FromStr for Pdq {
    type Err = NoHash;

    fn from_str(text: &str) -> Result<Self, NoHash> {
        if text.len() != 64 || !text.bytes().all(|byte| byte.is_ascii_hexdigit()) {
            return Err(NoHash);
        }
        let mut words = [0; 4];
        for (at, word) in words.iter_mut().rev().enumerate() {
            let digits = text.get(16 * at..16 * (at + 1)).ok_or(NoHash)?;
            *word = u64::from_str_radix(digits, 16).map_err(|_| NoHash)?;
        }
        Ok(Self(words))
    }
}

/// The waves that brightnesses are compared with: KEPT of them, SIDE values each.
fn waves() -> Vec<f32> {
    let scale = (2.0 / SIDE as f32).sqrt();
    let wave = |number: usize| {
        (0..SIDE).map(move |at| {
            let angle = PI / 2.0 / SIDE as f32 * (number + 1) as f32 * (2 * at + 1) as f32;
            scale * angle.cos()
        })
    };
    (0..KEPT).flat_map(wave).collect()
}

/// Blurred twice in both directions, and then each of 64 rows and columns taken from its middle.
fn shrunk(mut brightness: Vec<f32>, width: usize, height: usize) -> Vec<f32> {
    let mut row = vec![0.0; width];
    let mut column = vec![0.0; height];
    let mut mean = Vec::new();
    for _ in 0..2 {
        for line in brightness.chunks_exact_mut(width) {
            row.copy_from_slice(line);
            means(&row, window(width), &mut mean);
            line.copy_from_slice(&mean);
        }
        for x in 0..width {
            let values = brightness.iter().skip(x).step_by(width);
            column
                .iter_mut()
                .zip(values)
                .for_each(|(to, from)| *to = *from);
            means(&column, window(height), &mut mean);
            let places = brightness.iter_mut().skip(x).step_by(width);
            places.zip(&mean).for_each(|(to, from)| *to = *from);
        }
    }
    let place = |at: usize, of: usize| (2 * at + 1) * of / (2 * SIDE);
    let rows = (0..SIDE).map(|y| place(y, height) * width);
    rows.flat_map(|row| (0..SIDE).map(move |x| row + place(x, width)))
        .map(|at| brightness.get(at).copied().unwrap_or_default())
        .collect()
}

/// Values that one mean is of, so that each that is kept stands for its half of the distance to the next.
const fn window(values: usize) -> usize {
    values.div_ceil(2 * SIDE)
}

/// Of each value and its neighbours in a window; at the ends of those that are there.
fn means(values: &[f32], window: usize, out: &mut Vec<f32>) {
    let ahead = usize::midpoint(window, 2);
    out.clear();
    let mut sum = 0.0_f32;
    let (mut from, mut to) = (0, 0);
    for at in 0..values.len() {
        let end = (at + ahead).min(values.len());
        let begin = (at + ahead).saturating_sub(window);
        while to < end {
            sum += values.get(to).copied().unwrap_or_default();
            to += 1;
        }
        while from < begin {
            sum -= values.get(from).copied().unwrap_or_default();
            from += 1;
        }
        out.push(sum / (to - from).max(1) as f32);
    }
}

fn quality(small: &[f32]) -> u8 {
    // In whole hundredths of all the brightness there is: what is less is noise.
    let change = |a: &f32, b: &f32| ((a - b) * 100.0 / 255.0) as i32;
    let below = small.iter().zip(small.iter().skip(SIDE));
    let beside = small
        .chunks_exact(SIDE)
        .flat_map(|row| row.iter().zip(row.iter().skip(1)));
    let sum: i32 = below.chain(beside).map(|(a, b)| change(a, b).abs()).sum();
    u8::try_from((sum / CHANGE_PER_POINT).min(100)).unwrap_or(100)
}

#[cfg(test)]
mod tests {
    use super::*;

    const WIDTH: usize = 640;
    const HEIGHT: usize = 360;

    /// Rings around a point, and a gradient: in whole brightnesses, so that others can make the same.
    fn rings(x0: i64, y0: i64, times: i64) -> Vec<f32> {
        let at = |x: i64, y: i64| {
            let far = (x - x0) * (x - x0) + (y - y0) * (y - y0);
            ((far / times) % 256 + x * 256 / WIDTH as i64) / 2
        };
        let rows = 0..HEIGHT as i64;
        rows.flat_map(|y| (0..WIDTH as i64).map(move |x| at(x, y) as f32))
            .collect()
    }

    fn hash(brightness: Vec<f32>) -> (Pdq, u8) {
        Pdq::of(brightness, WIDTH, HEIGHT).unwrap()
    }

    #[test]
    fn hashes_are_those_of_the_authors_own_program() {
        let wants = include_str!("pdq_wants.txt");
        let mut lines = wants.lines();
        for (x0, y0, times) in [(200, 100, 97), (320, 180, 211), (0, 0, 400)] {
            let want = lines.next().unwrap();
            let (digits, quality) = want.split_once(' ').unwrap();
            let want: Pdq = digits.parse().unwrap();
            let (got, of_quality) = hash(rings(x0, y0, times));
            // Both add up in 32 bits, in another order: what lies on the median may fall to either side.
            assert!(got.distance(want) <= 2, "{got} is not {want}");
            assert_eq!(of_quality.to_string(), quality);
            assert_eq!(want.to_string(), digits);
        }
    }

    #[test]
    fn what_looks_alike_is_near_and_what_does_not_is_far() {
        let (picture, quality) = hash(rings(200, 100, 300));
        assert!(quality >= 50, "{quality}");
        let brighter = rings(200, 100, 300)
            .iter()
            .map(|one| one * 0.9 + 12.0)
            .collect();
        assert!(hash(brighter).0.distance(picture) <= 20);
        let moved = hash(rings(203, 101, 300)).0.distance(picture);
        assert!(moved < 60, "{moved}");
        let other = hash(rings(500, 300, 150)).0.distance(picture);
        assert!(other > 60, "{other}");
    }

    #[test]
    fn a_plain_picture_has_nothing_to_tell_by() {
        assert_eq!(hash(vec![80.0; WIDTH * HEIGHT]).1, 0);
    }

    #[test]
    fn sizes_that_do_not_fit_have_no_hash_and_small_ones_do() {
        assert_eq!(Pdq::of(vec![0.0; 5], 2, 2), None);
        assert_eq!(Pdq::of(Vec::new(), 0, 0), None);
        assert!(Pdq::of(vec![1.0; 1], 1, 1).is_some());
        assert!(Pdq::of(vec![1.0; 4096 * 3], 4096, 3).is_some());
    }

    #[test]
    fn only_64_digits_are_a_hash() {
        for text in [
            "",
            "f",
            "é",
            &"0".repeat(63),
            &"g".repeat(64),
            &"é".repeat(32),
        ] {
            assert_eq!(text.parse::<Pdq>(), Err(NoHash), "{text:?}");
        }
        let text = "f8f8f0cee0f4a84f06370a22038f63f0b36e2ed596621e1d33e6b39c4e9c9b22";
        assert_eq!(text.parse::<Pdq>().unwrap().to_string(), text);
    }
}
