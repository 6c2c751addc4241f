//! Documents list the attributes that are on or off as the table of attributes does. `UPDATE=1` rewrites these lists.

use crate::document::root;
use sriovd_core::model::VfAttribute;
use std::fs;

/// The keys in policies, or of those the keys in networks.
fn keys(in_networks: bool) -> Vec<&'static str> {
    let keys = VfAttribute::switches().map(|(facts, _)| &facts.key);
    let keys = keys.filter(|key| !in_networks || key.networks.is_some());
    keys.map(|key| key.key).collect()
}

/// A list of keys, as a document writes it.
struct Style {
    before: &'static str,
    after: &'static str,
    between: &'static str,
}

const MARKDOWN: Style = Style {
    before: "`",
    after: "`",
    between: ", ",
};
impl Style {
    fn item(&self, key: &str) -> String {
        format!("{}{key}{}", self.before, self.after)
    }

    /// The line with all keys where it has several of them in a row.
    fn whole(&self, line: &str, in_networks: bool) -> String {
        let known = keys(false);
        let Some(start) = line.find(&self.item(known[0])) else {
            return line.to_owned();
        };
        let after = |rest: &str| {
            let items = known.iter().map(|key| self.item(key));
            items.into_iter().find(|item| rest.starts_with(item))
        };
        let mut end = start + self.item(known[0]).len();
        let mut found = 1;
        while let Some(item) = (line[end..].strip_prefix(self.between)).and_then(after) {
            end += self.between.len() + item.len();
            found += 1;
        }
        if found == 1 {
            return line.to_owned();
        }
        let all: Vec<_> = keys(in_networks).iter().map(|it| self.item(it)).collect();
        format!(
            "{}{}{}",
            &line[..start],
            all.join(self.between),
            &line[end..]
        )
    }
}

/// docs/policy.md with each key in all lists, and in a row of its own, whose columns may be empty.
pub(crate) fn in_policy_reference(text: &str) -> String {
    let row = |key: &str| format!("| `{key}` |");
    let known = keys(false);
    let mut in_networks = false;
    let mut lines = Vec::new();
    for line in text.lines() {
        if line.starts_with("## ") {
            in_networks = line == "## `[[network]]`";
        }
        if line.starts_with(&row(known[0])) {
            lines.extend(known.iter().map(|key| {
                let there = text.lines().find(|line| line.starts_with(&row(key)));
                there.map_or_else(|| format!("{}  |  |", row(key)), str::to_owned)
            }));
        } else if !known.iter().any(|key| line.starts_with(&row(key))) {
            lines.push(match line.starts_with("| `") {
                true => MARKDOWN.whole(line, in_networks),
                false => line.to_owned(),
            });
        }
    }
    lines.iter().map(|line| format!("{line}\n")).collect()
}

#[test]
fn the_lists_of_switches_are_whole() {
    let page = "docs/containers.md";
    let path = root().join(page);
    let text = fs::read_to_string(&path).unwrap();
    let right = text.lines().map(|line| match line.starts_with("| `") {
        true => MARKDOWN.whole(line, true) + "\n",
        false => format!("{line}\n"),
    });
    let right: String = right.collect();
    for key in keys(true) {
        assert!(right.contains(&MARKDOWN.item(key)), "{page} lacks {key}");
    }
    if std::env::var_os("UPDATE").is_some_and(|it| !it.is_empty()) {
        fs::write(&path, right).unwrap();
    } else {
        assert!(
            text == right,
            "UPDATE=1 cargo test --test examples rewrites {page}"
        );
    }
}
