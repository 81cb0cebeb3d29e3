//! How the front end's files get into a page.

/// What every page begins with: how the front end's files are loaded, as markup. Empty where there is none: then
/// pages have no looks and can be read.
#[derive(Debug, Clone, Default)]
pub struct Shell {
    /// Elements of `<head>`.
    pub head: String,
}
