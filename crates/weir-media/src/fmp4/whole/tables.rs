//! The sample tables of one track, as they grow.

use super::super::read::SampleRun;

/// See the module's words. Times are in ticks of the track, from the beginning of the file's clock.
#[derive(Debug, Default)]
pub(super) struct SampleTables {
    /// Decode time of the first sample.
    pub(super) first: Option<i64>,
    /// Presentation minus decode time of the first sample.
    pub(super) first_cts: i32,
    /// Samples in a row that last so long (`stts`).
    pub(super) durations: Vec<(u32, u32)>,
    /// Samples in a row that are shown so much later (`ctts`).
    pub(super) offsets: Vec<(u32, i32)>,
    /// Bytes of each (`stsz`).
    pub(super) sizes: Vec<u32>,
    /// Numbers of those that are decodable alone, from 1 (`stss`).
    pub(super) keys: Vec<u32>,
    /// Where each chunk begins (`stco`, `co64`).
    pub(super) chunks: Vec<u64>,
    /// First chunk, samples in each, entry (`stsc`).
    pub(super) shapes: Vec<(u32, u32, u32)>,
    /// Decode time of the last sample, and how long it lasts where nothing follows.
    last: Option<(i64, u32)>,
}

impl SampleTables {
    /// A run is a chunk.
    pub(super) fn put(&mut self, run: &SampleRun, at: i64, offset: u64, entry: u32) {
        let mut at = at;
        for sample in &run.samples {
            // What overlaps with what is there begins where that does: decode times never go back.
            at = at.max(self.last.map_or(0, |(last, _)| last));
            match self.last {
                Some((last, _)) => self.lasted(u32::try_from(at - last).unwrap_or(u32::MAX)),
                None => (self.first, self.first_cts) = (Some(at), sample.cts),
            }
            self.last = Some((at, sample.duration));
            at += i64::from(sample.duration);
            self.sizes.push(sample.size);
            if sample.is_key {
                self.keys.push(self.sizes.len() as u32);
            }
            match self.offsets.last_mut() {
                Some((count, cts)) if *cts == sample.cts => *count += 1,
                _ => self.offsets.push((1, sample.cts)),
            }
        }
        self.chunks.push(offset);
        let (count, number) = (run.samples.len() as u32, self.chunks.len() as u32);
        let shape = self.shapes.last().map(|(_, count, entry)| (*count, *entry));
        if shape != Some((count, entry)) {
            self.shapes.push((number, count, entry));
        }
    }

    fn lasted(&mut self, ticks: u32) {
        match self.durations.last_mut() {
            Some((count, own)) if *own == ticks => *count += 1,
            _ => self.durations.push((1, ticks)),
        }
    }

    /// Nothing more comes.
    pub(super) fn finish(&mut self) {
        if let Some((_, ticks)) = self.last {
            self.lasted(ticks);
        }
    }

    /// Where the last sample ends.
    pub(super) fn end(&self) -> i64 {
        self.last.map_or(0, |(at, ticks)| at + i64::from(ticks))
    }

    /// When the first sample is shown.
    pub(super) fn shown_first(&self) -> i64 {
        self.first.unwrap_or(0) + i64::from(self.first_cts)
    }

    /// How long its samples last.
    pub(super) fn duration(&self) -> i64 {
        self.end() - self.first.unwrap_or(0)
    }
}
