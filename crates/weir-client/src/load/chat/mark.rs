//! The mark that stands in each post, by which who hears it knows it whatever the protocol around it is.

/// Stands before and behind a mark, and in no frame of a protocol that is measured.
const EDGE: u8 = b'~';

/// Who posted, as which of its posts, and when.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Mark {
    /// Who posted.
    pub poster: u32,
    /// How many it had posted before.
    pub turn: u32,
    /// On the clock of this process, microseconds.
    pub at_us: i64,
}

impl Mark {
    /// A text of at least so many bytes that begins with the mark.
    pub(super) fn text(self, bytes: usize) -> String {
        let Self {
            poster,
            turn,
            at_us,
        } = self;
        let mut text = format!("~{poster}.{turn}.{at_us}~");
        let missing = bytes.saturating_sub(text.len());
        text.extend(std::iter::repeat_n('x', missing));
        text
    }
}

/// All marks of a message, in their order.
pub(super) fn marks(mut message: &[u8]) -> impl Iterator<Item = Mark> {
    std::iter::from_fn(move || {
        loop {
            let at = memchr::memchr(EDGE, message)?;
            message = message.get(at + 1..)?;
            if let Some((mark, rest)) = parse(message) {
                message = rest;
                return Some(mark);
            }
        }
    })
}

fn parse(text: &[u8]) -> Option<(Mark, &[u8])> {
    let (poster, text) = number(text, b'.')?;
    let (turn, text) = number(text, b'.')?;
    let (at_us, text) = number(text, EDGE)?;
    let mark = Mark {
        poster: u32::try_from(poster).ok()?,
        turn: u32::try_from(turn).ok()?,
        at_us,
    };
    Some((mark, text))
}

fn number(text: &[u8], end: u8) -> Option<(i64, &[u8])> {
    let mut value = 0_i64;
    for (at, byte) in text.iter().enumerate() {
        match byte {
            b'0'..=b'9' => {
                let digit = i64::from(byte - b'0');
                value = value.checked_mul(10)?.checked_add(digit)?;
            }
            _ if *byte == end && at > 0 => return Some((value, text.get(at + 1..)?)),
            _ => return None,
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn marks_are_found_in_what_a_protocol_makes_of_their_texts() {
        let mark = |poster, turn, at_us| Mark {
            poster,
            turn,
            at_us,
        };
        let (first, second) = (mark(3, 0, 17), mark(u32::MAX, 9, i64::MAX));
        let message = format!(
            "{{\"p\":\"m\",\"d\":{{\"m\":\"{}\"}}}}\n~1.2\n42[\"m\",\"{}\"]~~x~",
            first.text(100),
            second.text(0)
        );
        let found: Vec<_> = marks(message.as_bytes()).collect();
        assert_eq!(found, [first, second]);
        assert_eq!(first.text(100).len(), 100);
    }
}
