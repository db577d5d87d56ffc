//! [`Grid`]: rows of text under a header, whatever they are drawn with.

/// A column of a grid.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Column {
    /// What stands above it.
    pub title: String,
    /// Whether it has words, which begin at the left, and not numbers.
    pub is_text: bool,
}

/// Rows of text under a header; each row has as many cells as there are columns.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Grid {
    /// The header.
    pub columns: Vec<Column>,
    /// The rows.
    pub rows: Vec<Vec<String>>,
}
