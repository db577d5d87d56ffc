//! Columns of text that line up.

use std::fmt;

/// Rows under a header, right-aligned; every row has as many cells as the header.
#[derive(Debug)]
pub struct Table<const N: usize> {
    rows: Vec<[String; N]>,
}

impl<const N: usize> Table<N> {
    pub fn new(header: [&str; N]) -> Self {
        Self { rows: vec![header.map(str::to_owned)] }
    }

    pub fn push(&mut self, row: [String; N]) {
        self.rows.push(row);
    }
}

impl<const N: usize> fmt::Display for Table<N> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let width = |column: usize| {
            self.rows.iter().map(|row| row[column].chars().count()).max().unwrap_or(0)
        };
        let widths: [usize; N] = std::array::from_fn(width);
        for row in &self.rows {
            for (cell, width) in row.iter().zip(widths) {
                write!(f, "  {cell:>width$}")?;
            }
            writeln!(f)?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use expect_test::expect;

    use super::*;

    #[test]
    fn cells_line_up_on_the_right_whatever_their_bytes() {
        let mut table = Table::new(["side", "µs"]);
        table.push(["ours".to_owned(), "1,000".to_owned()]);
        table.push(["by hand".to_owned(), "–".to_owned()]);
        expect![[r#"
            output:
                 side     µs
                 ours  1,000
              by hand      –
        "#]]
        .assert_eq(&format!("output:\n{table}"));
    }
}
