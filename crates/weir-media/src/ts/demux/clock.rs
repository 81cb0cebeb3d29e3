//! The 33-bit clock of timestamps (ISO/IEC 13818-1 §2.4.3.7), which wraps every 26.5 hours.

use crate::ts::CLOCK_MASK;

/// Takes 33-bit times to a line without wraps.
#[derive(Debug, Default)]
pub(super) struct Unwrapper {
    last: Option<i64>,
}

impl Unwrapper {
    pub(super) fn unwrap(&mut self, time: u64) -> i64 {
        let next = match self.last {
            None => time as i64,
            Some(last) => {
                // The nearest of the times that look like this one.
                let ahead = time.wrapping_sub(last as u64) & CLOCK_MASK;
                let step = if ahead > CLOCK_MASK / 2 {
                    ahead as i64 - (CLOCK_MASK as i64 + 1)
                } else {
                    ahead as i64
                };
                last.saturating_add(step)
            }
        };
        self.last = Some(next);
        next
    }
}
