//! What a request for events asks for: groups in a parameter, each with the place that was reached in it.

use super::Position;

/// A group as `name` or `name:offset:epoch`: the name, and the place; `None` for what is neither.
pub fn wanted(text: &str) -> Option<(&str, Option<Position>)> {
    // A name has one colon itself.
    let (kind, behind) = text.split_once(':')?;
    let Some((whose, place)) = behind.split_once(':') else {
        return Some((text, None));
    };
    let (offset, epoch) = place.split_once(':')?;
    let at = Position {
        o: offset.parse().ok()?,
        e: epoch.to_owned(),
    };
    let name = text.get(..kind.len() + 1 + whose.len())?;
    Some((name, Some(at)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_group_comes_with_the_place_that_was_reached_or_without() {
        let at = Position {
            o: 1532,
            e: "9f".into(),
        };
        assert_eq!(wanted("r:a/b:1532:9f"), Some(("r:a/b", Some(at))));
        assert_eq!(wanted("r:直播/b"), Some(("r:直播/b", None)));
        for bad in ["", "r", "r:a:", "r:a:1", "r:a:x:9f", "r:a:-1:9f"] {
            assert_eq!(wanted(bad), None, "{bad}");
        }
    }
}
