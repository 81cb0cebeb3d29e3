//! Lists of public channels: by category, by language, by words; and what a list shows of channels that are known
//! by name, such as those that are live now.

use std::collections::{BTreeMap, BTreeSet};

use sqlx::AssertSqlSafe;

use super::words::{TERMS, Term, WORDS, terms_of, words_of};
use super::{Channel, Channels, Visibility};
use crate::db::{IDS_AT_ONCE, Writing, list as in_list};
use crate::error::StoreError;
use crate::id::{Id, upper};

/// Words that the beginning of one may mean in a search: the commonest.
const MEANT: i64 = 8;
/// Channels with the rarest of the words that one search looks at, the newest: bounds what common words cost.
const LOOKED_AT: i64 = 5_000;
/// Bytes of what is said about a channel that are looked at for words.
const ABOUT_BYTES: usize = 1_000;

/// What a list shows of a channel.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ChannelCard {
    /// The channel's id: a list goes on behind it.
    pub channel_id: String,
    /// Its owner's.
    pub user_id: String,
    /// In URLs.
    pub name: String,
    /// As it is shown.
    pub title: String,
    /// What it is about; empty for nothing.
    pub category: String,
    /// In which language it is; empty for none.
    pub language: String,
    /// Id of its picture; empty for none.
    pub cover: String,
}
row!(ChannelCard {
    channel_id,
    user_id,
    name,
    title,
    category,
    language,
    cover
});

/// Which channels a list has; what is empty leaves all in.
#[derive(Debug, Clone, Copy, Default)]
pub struct ListedBy<'a> {
    /// What it is about.
    pub category: &'a str,
    /// What is spoken there.
    pub language: &'a str,
    /// Words of a search.
    pub search: &'a str,
}

struct Meant {
    word: String,
    channels: i64,
}
row!(Meant { word, channels });

/// The columns of [`ChannelCard`].
macro_rules! columns {
    () => {
        "l.channel_id, l.user_id, l.name, l.title, l.category, l.language, l.cover"
    };
}

/// A list of one order, with what it is narrowed to.
macro_rules! narrowed {
    ($narrowed:literal) => {
        concat!(
            "SELECT ",
            columns!(),
            " FROM listed_channels l WHERE l.channel_id < $1 ",
            $narrowed,
            " ORDER BY l.channel_id DESC LIMIT $2"
        )
    };
}

impl Channels<'_> {
    /// At most `limit` public channels, the newest first, made before `before`.
    ///
    /// # Errors
    /// [`StoreError::Away`].
    pub async fn listed(
        &self,
        by: &ListedBy<'_>,
        before: Option<Id>,
        limit: u32,
    ) -> Result<Vec<ChannelCard>, StoreError> {
        let terms = terms_of(by.search);
        if !terms.is_empty() {
            return self.found(by, terms, &upper(before), limit).await;
        }
        if !by.search.trim().is_empty() {
            return Ok(Vec::new());
        }
        let (sql, bound): (_, Vec<&str>) = match (by.category, by.language) {
            ("", "") => (narrowed!(""), vec![]),
            (category, "") => (narrowed!("AND l.category = $3"), vec![category]),
            ("", language) => (narrowed!("AND l.language = $3"), vec![language]),
            (category, language) => (
                narrowed!("AND l.category = $3 AND l.language = $4"),
                vec![category, language],
            ),
        };
        let mut rows = sqlx::query_as::<_, ChannelCard>(sql)
            .bind(upper(before))
            .bind(i64::from(limit));
        for text in bound {
            rows = rows.bind(text.to_owned());
        }
        Ok(rows.fetch_all(self.db.lagging()).await?)
    }

    /// What lists show of the public channels among these names, in no order.
    ///
    /// # Errors
    /// [`StoreError::Away`].
    pub async fn cards(&self, names: &[String]) -> Result<Vec<ChannelCard>, StoreError> {
        let mut cards = Vec::with_capacity(names.len());
        for names in names.chunks(IDS_AT_ONCE) {
            let sql = format!(
                concat!(
                    "SELECT ",
                    columns!(),
                    " FROM listed_channels l WHERE l.name IN {}"
                ),
                in_list(0, names.len())
            );
            // Only the numbers of the places are not written here.
            let mut rows = sqlx::query_as::<_, ChannelCard>(AssertSqlSafe(sql));
            for name in names {
                rows = rows.bind(name.clone());
            }
            cards.extend(rows.fetch_all(self.db.lagging()).await?);
        }
        Ok(cards)
    }

    /// Channels that all terms find: those of the rarest are gone through, and the others looked for in each.
    async fn found(
        &self,
        by: &ListedBy<'_>,
        terms: Vec<Term>,
        before: &str,
        limit: u32,
    ) -> Result<Vec<ChannelCard>, StoreError> {
        let mut meant = Vec::with_capacity(terms.len());
        for term in terms {
            let words = self.meant(&term).await?;
            let channels: i64 = words.iter().map(|word| word.channels).sum();
            meant.push((channels, term, words));
        }
        meant.sort_by_key(|(channels, ..)| *channels);
        let mut terms = meant.into_iter();
        let Some((_, _, rarest)) = terms.next() else {
            return Ok(Vec::new());
        };
        let others: Vec<Term> = terms.map(|(_, term, _)| term).collect();
        let mut found = BTreeMap::new();
        for word in rarest {
            for card in self
                .with_word(by, &word.word, &others, before, limit)
                .await?
            {
                found.insert(card.channel_id.clone(), card);
            }
        }
        let limit = usize::try_from(limit).unwrap_or(usize::MAX);
        Ok(found.into_values().rev().take(limit).collect())
    }

    async fn meant(&self, term: &Term) -> Result<Vec<Meant>, StoreError> {
        let rows = sqlx::query_as::<_, Meant>(
            "SELECT word, channels FROM words WHERE word >= $1 AND word <= $2 AND channels > 0 \
             ORDER BY channels DESC LIMIT $3",
        )
        .bind(term.low.clone())
        .bind(term.high.clone())
        .bind(MEANT);
        Ok(rows.fetch_all(self.db.lagging()).await?)
    }

    async fn with_word(
        &self,
        by: &ListedBy<'_>,
        word: &str,
        others: &[Term],
        before: &str,
        limit: u32,
    ) -> Result<Vec<ChannelCard>, StoreError> {
        const SQL: &str = concat!(
            "SELECT ",
            columns!(),
            " FROM (SELECT channel_id FROM channel_words WHERE word = $1 AND channel_id < $2 \
             ORDER BY channel_id DESC LIMIT $3) w JOIN listed_channels l ON l.channel_id = w.channel_id \
             WHERE ($4 = '' OR l.category = $4) AND ($5 = '' OR l.language = $5) \
             AND EXISTS (SELECT 1 FROM channel_words o WHERE o.channel_id = w.channel_id AND o.word >= $6 AND o.word <= $7) \
             AND EXISTS (SELECT 1 FROM channel_words o WHERE o.channel_id = w.channel_id AND o.word >= $8 AND o.word <= $9) \
             AND EXISTS (SELECT 1 FROM channel_words o WHERE o.channel_id = w.channel_id AND o.word >= $10 AND o.word <= $11) \
             ORDER BY w.channel_id DESC LIMIT $12"
        );
        let mut rows = sqlx::query_as::<_, ChannelCard>(SQL)
            .bind(word.to_owned())
            .bind(before.to_owned())
            .bind(LOOKED_AT)
            .bind(by.category.to_owned())
            .bind(by.language.to_owned());
        let any = Term::any();
        for at in 0..TERMS - 1 {
            let term = others.get(at).unwrap_or(&any);
            rows = rows.bind(term.low.clone()).bind(term.high.clone());
        }
        let rows = rows.bind(i64::from(limit));
        Ok(rows.fetch_all(self.db.lagging()).await?)
    }
}

/// Brings the lists from what a channel was to what it is.
pub(super) async fn list(
    writing: &mut Writing,
    before: Option<&Channel>,
    after: &Channel,
) -> Result<(), StoreError> {
    if after.visibility != Visibility::Public {
        return unlist(writing, after.id).await;
    }
    let id = after.id.to_string();
    sqlx::query(
        "INSERT INTO listed_channels (channel_id, user_id, name, title, category, language, cover) \
         VALUES ($1, $2, $3, $4, $5, $6, $7) ON CONFLICT (channel_id) DO UPDATE SET title = excluded.title, \
         category = excluded.category, language = excluded.language, cover = excluded.cover",
    )
    .bind(id.clone())
    .bind(after.user_id.to_string())
    .bind(after.name.clone())
    .bind(after.title.clone())
    .bind(after.category.clone())
    .bind(after.language.clone())
    .bind(after.cover.clone())
    .execute(&mut **writing)
    .await?;
    let was = before.filter(|before| before.visibility == Visibility::Public);
    let old = was.map(words).unwrap_or_default();
    set_words(writing, &id, &old, &words(after)).await
}

/// Takes a channel out of the lists.
pub(super) async fn unlist(writing: &mut Writing, id: Id) -> Result<(), StoreError> {
    let id = id.to_string();
    sqlx::query("DELETE FROM listed_channels WHERE channel_id = $1")
        .bind(id.clone())
        .execute(&mut **writing)
        .await?;
    let old: Vec<String> =
        sqlx::query_scalar("SELECT word FROM channel_words WHERE channel_id = $1")
            .bind(id.clone())
            .fetch_all(&mut **writing)
            .await?;
    set_words(writing, &id, &old.into_iter().collect(), &BTreeSet::new()).await
}

fn words(channel: &Channel) -> BTreeSet<String> {
    let about = &channel.description;
    let end = about.floor_char_boundary(ABOUT_BYTES.min(about.len()));
    let about = about.get(..end).unwrap_or_default();
    words_of(&[&channel.name, &channel.title, about])
}

/// Words that come and go, in their own order: so of two who change the same words one waits, and none forever.
async fn set_words(
    writing: &mut Writing,
    channel_id: &str,
    old: &BTreeSet<String>,
    new: &BTreeSet<String>,
) -> Result<(), StoreError> {
    debug_assert!(new.len() <= WORDS, "words_of bounds them");
    for word in old.symmetric_difference(new) {
        let (row, count) = match new.contains(word) {
            true => (
                "INSERT INTO channel_words (channel_id, word) VALUES ($1, $2)",
                "INSERT INTO words (word, channels) VALUES ($1, 1) \
                 ON CONFLICT (word) DO UPDATE SET channels = words.channels + 1",
            ),
            false => (
                "DELETE FROM channel_words WHERE channel_id = $1 AND word = $2",
                "UPDATE words SET channels = channels - 1 WHERE word = $1",
            ),
        };
        sqlx::query(row)
            .bind(channel_id.to_owned())
            .bind(word.clone())
            .execute(&mut **writing)
            .await?;
        sqlx::query(count)
            .bind(word.clone())
            .execute(&mut **writing)
            .await?;
    }
    Ok(())
}
