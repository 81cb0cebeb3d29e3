//! A generator of oddities: clips cut into access units, and writers of containers that share nothing
//! with weir's.

pub mod clip;
pub mod draft;
pub mod flv;
pub mod fmp4;
