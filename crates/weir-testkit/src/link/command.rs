//! The link's orders as lines of text, for scripts and for people.

use super::{Direction, Link};

/// The orders.
pub const COMMANDS: &str = "\
rate [up|down] KBPS|off   kilobits per second, both ways if none is named
delay [up|down] MS        added one way
buffer BYTES              what the bottleneck holds
cut | restore             silence, and its end
kill                      resets all connections
strand                    the connections there are stay silent for good
refuse on|off             new connections are reset
stats                     a line of JSON: up_bytes, down_bytes, up_queued, down_queued, connections";

impl Link {
    /// Carries out one line; gives what is to be answered, if anything.
    ///
    /// # Errors
    /// When the line is no order.
    pub fn obey(&self, line: &str) -> Result<Option<String>, String> {
        let words: Vec<&str> = line.split_whitespace().collect();
        self.try_obey(&words)
            .ok_or_else(|| format!("not understood: {line:?}; there are:\n{COMMANDS}"))
    }

    fn try_obey(&self, words: &[&str]) -> Option<Option<String>> {
        match *words {
            [] => {}
            ["rate", rate] => self.set_rate_kbps(rate_of(rate)?),
            ["rate", way, rate] => self.set_rate_of(direction(way)?, rate_of(rate)?),
            ["delay", delay] => self.set_delay_ms(delay.parse().ok()?),
            ["delay", way, delay] => self.set_delay_of(direction(way)?, delay.parse().ok()?),
            ["buffer", bytes] => self.set_buffer_bytes(bytes.parse().ok()?),
            ["cut"] => self.cut(),
            ["restore"] => self.restore(),
            ["kill"] => self.kill(),
            ["strand"] => self.strand(),
            ["refuse", "on"] => self.refuse(true),
            ["refuse", "off"] => self.refuse(false),
            ["stats"] => return Some(Some(self.stats())),
            _ => return None,
        }
        Some(None)
    }

    fn stats(&self) -> String {
        let (up, down) = (Direction::Up, Direction::Down);
        format!(
            "{{\"up_bytes\":{},\"down_bytes\":{},\"up_queued\":{},\"down_queued\":{},\"connections\":{}}}",
            self.passed_bytes(up),
            self.passed_bytes(down),
            self.queued_bytes(up),
            self.queued_bytes(down),
            self.connections(),
        )
    }
}

fn rate_of(word: &str) -> Option<Option<u32>> {
    match word {
        "off" => Some(None),
        number => number.parse().ok().filter(|rate| *rate > 0).map(Some),
    }
}

fn direction(word: &str) -> Option<Direction> {
    match word {
        "up" => Some(Direction::Up),
        "down" => Some(Direction::Down),
        _ => None,
    }
}
