//! How wide the terminal is, and texts that stay readable in it: where a terminal itself breaks a
//! line of a table, nobody can read the table. Pipes and files get every name whole.

use std::{io::IsTerminal, ops::Range};

/// How many columns there are; none where nobody says, and lines may be of any length.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Width(pub(crate) Option<usize>);

/// Where the text of a line with a label begins.
const VALUE: usize = 15;
/// What a line that goes on is indented by.
const ON: usize = 6;
/// A shorter name tells nothing.
const NAME_MIN: usize = 16;
/// Narrower than this, a terminal is left to break lines itself.
const LEAST: usize = 30;

impl Width {
    /// Lines of any length.
    #[cfg(test)]
    pub(crate) const ANY: Self = Self(None);

    /// Of stdout, if it is a terminal.
    pub(crate) fn of_stdout() -> Self {
        let stdout = std::io::stdout();
        let size = stdout.is_terminal().then(|| rustix::termios::tcgetwinsize(&stdout).ok());
        let columns = size.flatten().map(|size| usize::from(size.ws_col));
        Self(columns.filter(|columns| *columns >= LEAST))
    }

    /// A line such as `  memory       3.5 MiB`, which goes on under the start of its text.
    pub(crate) fn line(self, label: &str, text: &str) -> String {
        format!("  {label:<12} {}\n", self.wrapped(text, VALUE))
    }

    /// A text from `column` on, broken between words; the lines that follow begin there as well.
    pub(crate) fn wrapped(self, text: &str, column: usize) -> String {
        let Some(columns) = self.0 else { return text.to_owned() };
        let column = if column + NAME_MIN > columns { ON } else { column };
        let (mut out, mut used) = (String::new(), column);
        for word in text.split(' ') {
            let long = word.chars().count();
            let is_first = out.is_empty();
            if !is_first && used + 1 + long > columns {
                out.push_str(&format!("\n{:column$}{word}", ""));
                used = column + long;
            } else {
                let space = if is_first { "" } else { " " };
                out.push_str(space);
                out.push_str(word);
                used += space.len() + long;
            }
        }
        out
    }

    /// Rows with their columns aligned, each after two spaces: at the left those that `is_text`.
    /// A name in the column `name` is cut in the middle to what is left for it; where even that
    /// is too wide, rows go on in the next line.
    pub(crate) fn table(
        self,
        rows: &[Vec<String>],
        is_text: impl Fn(usize) -> bool,
        name: Option<usize>,
    ) -> String {
        let mut widths = widths(rows);
        if let (Some(columns), Some(name)) = (self.0, name.filter(|name| *name < widths.len())) {
            let all: usize = widths.iter().map(|width| width + 2).sum();
            let room = (widths[name] + columns).saturating_sub(all);
            // Else it has a line of its own.
            let room = if room >= NAME_MIN { room } else { columns - ON };
            widths[name] = widths[name].min(room);
        }
        let lines = self.lines(&widths);
        let mut out = String::new();
        for row in rows {
            for (number, columns) in lines.iter().enumerate() {
                let indent = if number > 0 { ON - 2 } else { 0 };
                let mut line = " ".repeat(indent);
                for column in columns.clone() {
                    let cell = row.get(column).map_or("", String::as_str);
                    line.push_str("  ");
                    line.push_str(&self.cell(cell, widths[column], is_text(column), &line));
                }
                let line = line.trim_end();
                // A row without what goes on ends where it ends.
                if number == 0 || !line.is_empty() {
                    out.push_str(line);
                    out.push('\n');
                }
            }
        }
        out
    }

    /// The same without the two spaces before each row.
    pub(crate) fn flush(self, rows: &[Vec<String>], is_text: impl Fn(usize) -> bool) -> String {
        let table = Self(self.0.map(|columns| columns + 2)).table(rows, is_text, None);
        let lines = table.split_inclusive('\n');
        lines.map(|line| line.strip_prefix("  ").unwrap_or(line)).collect()
    }

    /// A cell with its padding, after what is in its line already.
    fn cell(self, cell: &str, width: usize, is_text: bool, before: &str) -> String {
        let cell = shorten(cell, width);
        let column = before.chars().count();
        match is_text {
            // It fills its line alone: words go on below.
            true if self.0.is_some_and(|columns| column + width > columns) => {
                self.wrapped(&cell, column)
            }
            true => format!("{cell:<width$}"),
            false => format!("{cell:>width$}"),
        }
    }

    /// Which columns of these widths stand in each line of a row.
    pub(crate) fn lines(self, widths: &[usize]) -> Vec<Range<usize>> {
        let (mut lines, mut start, mut used) = (Vec::new(), 0, 0);
        for (column, width) in widths.iter().enumerate() {
            let is_full = self.0.is_some_and(|columns| used + 2 + width > columns);
            if is_full && column > start {
                lines.push(start..column);
                (start, used) = (column, ON - 2);
            }
            used += 2 + width;
        }
        lines.push(start..widths.len());
        lines
    }
}

/// How wide each column of some rows is.
fn widths(rows: &[Vec<String>]) -> Vec<usize> {
    let count = rows.iter().map(Vec::len).max().unwrap_or(0);
    let wide = |column| rows.iter().filter_map(move |row: &Vec<String>| row.get(column));
    (0..count)
        .map(|column| wide(column).map(|cell| cell.chars().count()).max().unwrap_or(0))
        .collect()
}

/// Cuts the middle out of a long name: both its ends tell more.
pub fn shorten(name: &str, most: usize) -> String {
    let count = name.chars().count();
    if count <= most {
        return name.to_owned();
    }
    let back = most.saturating_sub(1) / 2;
    let front: String = name.chars().take(most.saturating_sub(1) - back).collect();
    let back: String = name.chars().skip(count - back).collect();
    format!("{front}…{back}")
}

#[cfg(test)]
mod tests {
    use expect_test::{Expect, expect};

    use super::*;

    /// A text after a line that says where its margin is: what all lines are indented by is no part
    /// of what is expected.
    fn at_margin(text: &str) -> String {
        format!("|\n{text}")
    }

    #[track_caller]
    fn check(columns: Option<usize>, name: Option<usize>, expected: Expect) {
        let rows = [
            vec!["", "A", "B", "function"],
            vec!["CPU/request", "9.56 µs", "10.97 µs", "core::ptr::copy_nonoverlapping::<T>"],
            vec!["p50", "636 µs", "688 µs", ""],
        ];
        let rows = rows.map(|row| row.into_iter().map(str::to_owned).collect());
        let text = Width(columns).table(&rows, |column| column == 0 || column == 3, name);
        let most = text.lines().map(|line| line.chars().count()).max().unwrap_or(0);
        assert!(columns.is_none_or(|columns| most <= columns), "{text}");
        expected.assert_eq(&at_margin(&text));
    }

    #[test]
    fn names_give_way_and_then_rows_go_on_below() {
        check(
            None,
            Some(3),
            expect![[r#"
                |
                                     A         B  function
                  CPU/request  9.56 µs  10.97 µs  core::ptr::copy_nonoverlapping::<T>
                  p50           636 µs    688 µs
            "#]],
        );
        check(
            Some(60),
            Some(3),
            expect![[r#"
                |
                                     A         B  function
                  CPU/request  9.56 µs  10.97 µs  core::ptr::co…lapping::<T>
                  p50           636 µs    688 µs
            "#]],
        );
        check(
            Some(44),
            Some(3),
            expect![[r#"
                |
                                     A         B
                      function
                  CPU/request  9.56 µs  10.97 µs
                      core::ptr::copy_nonoverlapping::<T>
                  p50           636 µs    688 µs
            "#]],
        );
        check(
            Some(44),
            None,
            expect![[r#"
                |
                                     A         B
                      function
                  CPU/request  9.56 µs  10.97 µs
                      core::ptr::copy_nonoverlapping::<T>
                  p50           636 µs    688 µs
            "#]],
        );
        check(
            Some(30),
            Some(3),
            expect![[r#"
                |
                                     A
                             B
                      function
                  CPU/request  9.56 µs
                      10.97 µs
                      core::ptr::c…apping::<T>
                  p50           636 µs
                        688 µs
            "#]],
        );
    }

    #[test]
    fn texts_go_on_where_they_begin() {
        let text = "coverage 0.997, truncated 0.0 %, unknown 0.0 %, lost 0";
        assert_eq!(Width::ANY.line("trust", text), format!("  trust        {text}\n"));
        expect![[r#"
            |
              trust        coverage 0.997, truncated
                           0.0 %, unknown 0.0 %,
                           lost 0
        "#]]
        .assert_eq(&at_margin(&Width(Some(40)).line("trust", text)));
    }

    #[test]
    fn a_long_name_keeps_both_ends() {
        assert_eq!(shorten("abcdefgh", 8), "abcdefgh");
        assert_eq!(shorten("abcdefghij", 8), "abcd…hij");
        assert_eq!(shorten("abcdefghij", 7), "abc…hij");
        assert_eq!(shorten("äöüäöü", 3), "ä…ü");
        assert_eq!(shorten("ab", 0), "…");
    }
}
