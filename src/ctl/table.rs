//! Columns as wide as their widest cell, as `networkctl` prints them.

use anstream::adapter::strip_str;

pub(super) struct Table {
    rows: Vec<Vec<String>>,
}

impl Table {
    pub(super) fn new(titles: &[&str]) -> Self {
        Self {
            rows: vec![titles.iter().map(ToString::to_string).collect()],
        }
    }

    pub(super) fn row(&mut self, cells: Vec<String>) {
        self.rows.push(cells);
    }

    /// Nothing where there are only titles.
    pub(super) fn render_if_any(&self) -> String {
        match self.rows.len() {
            1 => String::new(),
            _ => self.render(),
        }
    }

    pub(super) fn render(&self) -> String {
        let columns = self.rows.iter().map(Vec::len).max().unwrap_or_default();
        let width = |column: usize| {
            let cells = self.rows.iter().filter_map(|row| row.get(column));
            cells.map(|cell| width(cell)).max().unwrap_or_default()
        };
        let widths: Vec<usize> = (0..columns).map(width).collect();
        let mut text = String::new();
        for row in &self.rows {
            let cells = row
                .iter()
                .zip(&widths)
                .map(|(cell, &all)| padded(cell, all));
            text.push_str(cells.collect::<Vec<_>>().join("  ").trim_end());
            text.push('\n');
        }
        text
    }
}

/// A name and a value on each line, indented.
#[derive(Default)]
pub(super) struct Facts {
    facts: Vec<(&'static str, String)>,
}

impl Facts {
    pub(super) fn new() -> Self {
        Self::default()
    }

    pub(super) fn fact(&mut self, name: &'static str, value: String) {
        self.facts.push((name, value));
    }

    pub(super) fn render(&self) -> String {
        let all = self.facts.iter().map(|(name, _)| name.len()).max();
        let all = all.unwrap_or_default();
        let lines = self.facts.iter();
        lines
            .map(|(name, value)| format!("  {name:<all$}  {value}\n"))
            .collect()
    }
}

/// Colours take no room.
fn width(cell: &str) -> usize {
    strip_str(cell).map(|part| part.chars().count()).sum()
}

fn padded(cell: &str, all: usize) -> String {
    format!("{cell}{}", " ".repeat(all.saturating_sub(width(cell))))
}

/// With commas; a dash for none.
pub(super) fn listed<T: ToString>(names: impl IntoIterator<Item = T>) -> String {
    let names: Vec<String> = names.into_iter().map(|name| name.to_string()).collect();
    match names.is_empty() {
        true => dash(),
        false => names.join(","),
    }
}

pub(super) fn dash() -> String {
    "-".to_owned()
}

#[cfg(test)]
mod tests {
    use super::super::colour::{GOOD, paint};
    use super::*;

    #[test]
    fn colours_take_no_room() {
        let mut table = Table::new(&["STATE", "NAME"]);
        table.row(vec![paint(GOOD, "ready"), "a".to_owned()]);
        let plain = strip_str(&table.render()).to_string();
        assert_eq!(plain, "STATE  NAME\nready  a\n");
        assert_ne!(table.render(), plain);
    }

    #[test]
    fn columns_are_aligned_and_lines_end_without_blanks() {
        let mut table = Table::new(&["PF", "STATE"]);
        table.row(vec!["0000:01:00.0".to_owned(), "ready".to_owned()]);
        table.row(vec!["x".to_owned(), String::new()]);
        assert_eq!(
            table.render(),
            "PF            STATE\n0000:01:00.0  ready\nx\n"
        );
    }
}
