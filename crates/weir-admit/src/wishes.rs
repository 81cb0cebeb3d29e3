//! What a publisher's address chooses (`rec`, `shot`, `hls`, `delay`, `ladder`, `dvr`), read and checked. One vendor's
//! words for it are taken too: `record`, `record_interval`.

use std::sync::Arc;

use weir_base::{Code, Refusal};
use weir_hub::{RecordForm, RecordWish, Wishes};

/// Seconds between two pictures at most: an hour.
pub(crate) const MAX_SHOT_S: u32 = 3_600;
/// Seconds that viewers may be made to see it late: ten minutes, as far as a ring and a disk reach.
const MAX_DELAY_S: u32 = 600;
/// Seconds that viewers may go back: a day.
const MAX_DVR_S: u32 = 86_400;
/// Seconds in one file of a recording: from what is worth a file to a day.
const FILE_S: std::ops::RangeInclusive<u32> = 10..=86_400;
/// Renditions that may be asked for.
const MAX_RENDITIONS: usize = 8;
/// Bytes of a rendition's name, such as `720p`.
const MAX_RENDITION_BYTES: usize = 32;

/// Reads what a publisher's query chooses; `None` where it chooses nothing.
///
/// # Errors
/// 1002 with the parameter and what it may be.
pub fn read(query: &[(String, String)]) -> Result<Option<Arc<Wishes>>, Refusal> {
    let mut wishes = Wishes::default();
    let mut file_s = None;
    for (name, value) in query {
        match name.as_str() {
            "rec" | "record" => wishes.record = Some(record(name, value)?),
            "record_interval" => file_s = Some(number(name, value, FILE_S)?),
            "shot" => wishes.shot_every_s = Some(number(name, value, 0..=MAX_SHOT_S)?),
            "hls" => wishes.hls = Some(flag(name, value)?),
            "delay" => wishes.delay_s = Some(number(name, value, 0..=MAX_DELAY_S)?),
            "ladder" => wishes.ladder = Some(ladder(name, value)?),
            "dvr" => wishes.dvr_s = Some(number(name, value, 0..=MAX_DVR_S)?),
            _ => {}
        }
    }
    match (&mut wishes.record, file_s) {
        (Some(record), file_s) => record.file_s = file_s,
        (None, None) => {}
        (None, Some(_)) => {
            let words = "record_interval says how long files are: say with record what they are";
            return Err(Refusal::new(Code::AuthMalformed, words));
        }
    }
    Ok((wishes != Wishes::default()).then(|| Arc::new(wishes)))
}

fn record(name: &str, value: &str) -> Result<RecordWish, Refusal> {
    let mut forms: Vec<RecordForm> = Vec::new();
    match value {
        "0" => {}
        "1" => forms.push(RecordForm::Usual),
        list => {
            for word in list.split(',').take(MAX_RENDITIONS) {
                let known = [RecordForm::Flv, RecordForm::Mp4, RecordForm::Hls];
                let form = known.into_iter().find(|form| form.name() == word);
                let may = "0, 1, or some of flv, mp4 and hls with commas between";
                forms.push(form.ok_or_else(|| wrong(name, may))?);
            }
        }
    }
    forms.sort_unstable();
    forms.dedup();
    Ok(RecordWish {
        forms,
        file_s: None,
    })
}

fn ladder(name: &str, value: &str) -> Result<Vec<Box<str>>, Refusal> {
    if value == "0" {
        return Ok(Vec::new());
    }
    let is_name = |word: &str| {
        let is_letter = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_');
        !word.is_empty() && word.len() <= MAX_RENDITION_BYTES && word.chars().all(is_letter)
    };
    let words: Vec<&str> = value.split(',').take(MAX_RENDITIONS + 1).collect();
    if words.len() > MAX_RENDITIONS || !words.iter().all(|word| is_name(word)) {
        let may = format!("0, or up to {MAX_RENDITIONS} renditions such as 720p,480p");
        return Err(wrong(name, &may));
    }
    Ok(words.into_iter().map(Box::from).collect())
}

fn flag(name: &str, value: &str) -> Result<bool, Refusal> {
    match value {
        "0" => Ok(false),
        "1" => Ok(true),
        _ => Err(wrong(name, "0 or 1")),
    }
}

fn number(name: &str, value: &str, range: std::ops::RangeInclusive<u32>) -> Result<u32, Refusal> {
    let is_number = value.bytes().all(|byte| byte.is_ascii_digit());
    let number = value
        .parse()
        .ok()
        .filter(|number| is_number && range.contains(number));
    let may = || format!("seconds from {} to {}", range.start(), range.end());
    number.ok_or_else(|| wrong(name, &may()))
}

fn wrong(name: &str, may: &str) -> Refusal {
    Refusal::new(Code::AuthMalformed, format!("{name} has to be {may}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read_text(text: &str) -> Result<Option<Arc<Wishes>>, Refusal> {
        let pairs = text.split('&').filter_map(|pair| pair.split_once('='));
        let query: Vec<_> = pairs.map(|(n, v)| (n.to_owned(), v.to_owned())).collect();
        read(&query)
    }

    #[test]
    fn an_address_chooses_what_is_made_of_its_stream() {
        let text = "key=x&rec=mp4,flv,mp4&shot=5&hls=1&delay=30&ladder=720p,480p&dvr=3600";
        let wishes = read_text(text).unwrap().unwrap();
        let record = RecordWish {
            forms: vec![RecordForm::Flv, RecordForm::Mp4],
            file_s: None,
        };
        assert_eq!(
            *wishes,
            Wishes {
                record: Some(record),
                shot_every_s: Some(5),
                hls: Some(true),
                delay_s: Some(30),
                ladder: Some(vec!["720p".into(), "480p".into()]),
                dvr_s: Some(3_600),
            }
        );
        assert_eq!(read_text("key=x&txTime=5"), Ok(None));
    }

    #[test]
    fn all_that_an_address_chooses_is_in_the_signed_text() {
        assert!(read_text("rec=1&title=%").is_ok());
        for name in weir_base::sign::CHOSEN {
            assert!(read_text(&format!("rec=1&{name}=%")).is_err(), "{name}");
        }
        let text = "rec=1&record=1&record_interval=60&shot=5&hls=1&delay=3&ladder=0&dvr=1";
        let all = read_text(text).unwrap().unwrap();
        let is_said = all.record.is_some() && all.ladder.is_some() && all.hls.is_some();
        assert!(is_said && all.dvr_s.is_some() && all.delay_s.is_some());
        assert_eq!(text.split('&').count(), weir_base::sign::CHOSEN.len());
    }

    #[test]
    fn nothing_is_something_else_than_not_said() {
        let wishes = read_text("rec=0&ladder=0&shot=0&hls=0").unwrap().unwrap();
        assert_eq!(wishes.record, Some(RecordWish::default()));
        assert_eq!(wishes.ladder, Some(Vec::new()));
        assert_eq!((wishes.shot_every_s, wishes.hls), (Some(0), Some(false)));
        assert_eq!((wishes.delay_s, wishes.dvr_s), (None, None));
    }

    #[test]
    fn a_vendors_words_for_recording_are_taken() {
        let wishes = read_text("record=hls&record_interval=1800")
            .unwrap()
            .unwrap();
        let record = RecordWish {
            forms: vec![RecordForm::Hls],
            file_s: Some(1_800),
        };
        assert_eq!(wishes.record, Some(record));
    }

    #[test]
    fn what_makes_no_sense_is_refused_with_what_would() {
        for (text, words) in [
            ("rec=avi", "rec has to be 0, 1, or some of flv, mp4 and hls"),
            ("rec=", "rec has to be"),
            ("shot=-1", "shot has to be seconds from 0 to 3600"),
            ("shot=+1", "shot has to be"),
            ("shot=99999999999999", "shot has to be"),
            ("delay=601", "delay has to be seconds from 0 to 600"),
            ("hls=yes", "hls has to be 0 or 1"),
            ("ladder=720p,,480p", "ladder has to be"),
            ("ladder=a/b", "ladder has to be"),
            ("ladder=1,2,3,4,5,6,7,8,9", "up to 8"),
            ("dvr=86401", "dvr has to be"),
            ("record_interval=1800", "say with record"),
            ("record=hls&record_interval=1", "record_interval has to be"),
        ] {
            let refusal = read_text(text).unwrap_err();
            assert_eq!(refusal.code, Code::AuthMalformed);
            assert!(refusal.detail.contains(words), "{text}: {}", refusal.detail);
        }
    }
}
