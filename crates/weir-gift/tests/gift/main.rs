//! Gifts against a real store and a real chat house: no coin is lost or made, and no gift is told twice or never,
//! whoever asks twice, at once, or dies in between.

mod books;
mod killed;
mod kit;
