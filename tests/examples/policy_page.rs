//! sriov.d(5): its lists of keys are those of docs/policy.md, whose columns are what the types of keys say. `UPDATE=1`
//! rewrites them.

use crate::document;
use std::collections::BTreeSet;
use std::fs;

const PAGE: &str = "packaging/man/sriov.d.5";
const REFERENCE: &str = "docs/policy.md";

/// Each section of the page with keys, and the reference's: of which section, and which of its tables.
const SECTIONS: [(&str, &str, usize); 7] = [
    ("[[policy]]", "## `[[policy]]`", 0),
    ("Attributes of VFs", "## `[[policy]]`", 1),
    ("[policy.match]", "## `[policy.match]`", 0),
    ("[policy.node]", "## `[policy.node]`", 0),
    ("[[policy.vf]]", "## `[[policy.vf]]`", 0),
    ("[policy.representor]", "## `[policy.representor]`", 0),
    ("[[network]]", "## `[[network]]`", 0),
];

/// Longer lines are no good style.
const WIDTH: usize = 78;

/// Words in the form of manual pages: what stands in backticks is literal, each sentence begins a line.
fn mdoc(text: &str) -> Vec<String> {
    let mut lines = Vec::new();
    for (at, part) in text.split('`').enumerate() {
        if at % 2 == 1 {
            lines.push(format!(".Li {}", part.replace('"', "\\(dq")));
            continue;
        }
        let close = |c: char| ".,:;)".contains(c);
        let end = part.find(|c| !close(c)).unwrap_or(part.len());
        for mark in part[..end].chars() {
            let before: &mut String = lines.last_mut().unwrap();
            *before += &format!(" {mark}");
        }
        for sentence in part[end..].replace(". ", ".\n").lines() {
            lines.extend(wrapped(sentence));
        }
    }
    lines
}

fn wrapped(sentence: &str) -> Vec<String> {
    let mut lines: Vec<String> = Vec::new();
    for word in sentence.split_whitespace() {
        match lines.last_mut() {
            Some(line) if line.len() + 1 + word.len() <= WIDTH => *line += &format!(" {word}"),
            _ => lines.push(word.to_owned()),
        }
    }
    lines
}

/// As a sentence of its own.
fn sentence(text: &str) -> String {
    let text = text.trim().replace("\\*", "*").replace("; see below", "");
    let mut chars = text.chars();
    let first = chars.next().map(|first| first.to_uppercase());
    first.into_iter().flatten().chain(chars).collect::<String>() + "."
}

/// The item of the page that a row of the reference is. A row that points to another table is none.
fn item(head: &[&str], row: &[&str]) -> Option<Vec<String>> {
    let of = |column: &str| {
        let at = head.iter().position(|it| it.trim() == column)?;
        Some(row[at].trim()).filter(|cell| !cell.is_empty())
    };
    let value = of("value").filter(|value| !value.starts_with("as in "))?;
    let keys: Vec<_> = row[0].split('`').skip(1).step_by(2).collect();
    let mut lines = vec![format!(".It Cm {}", keys.join(" , Cm "))];
    let default = of("default").filter(|default| *default != "none");
    let default = default.map(|default| match default.starts_with("required") {
        true => sentence(default),
        false => format!("Default: {default}."),
    });
    let said = [Some(sentence(value)), of("meaning").map(sentence), default];
    lines.extend(said.into_iter().flatten().flat_map(|it| mdoc(&it)));
    Some(lines)
}

/// The items of a table of the reference.
fn items(reference: &str, section: &str, table: usize) -> Vec<String> {
    let lines = reference.lines().skip_while(|line| *line != section);
    let lines = lines.skip(1).take_while(|line| !line.starts_with("## "));
    let lines: Vec<_> = lines.collect();
    let tables = lines.split(|line| !line.starts_with('|'));
    let mut tables = tables.filter(|rows| rows.first().is_some_and(|it| it.starts_with("| key ")));
    let rows = tables.nth(table).expect(section);
    let cells = |line: &&'_ str| -> Vec<String> {
        let line = line.trim_start_matches("| ").trim_end_matches(" |");
        line.split(" |")
            .map(|cell| cell.trim().to_owned())
            .collect()
    };
    let head = cells(&rows[0]);
    let head: Vec<_> = head.iter().map(String::as_str).collect();
    let rows = rows[2..].iter().map(cells);
    let items =
        rows.filter_map(|row| item(&head, &row.iter().map(String::as_str).collect::<Vec<_>>()));
    items.flatten().collect()
}

#[test]
fn the_manual_page_of_policies_tells_what_keys_take_and_mean() {
    let reference = document::text(REFERENCE);
    let path = document::root().join(PAGE);
    let text = fs::read_to_string(&path).unwrap();
    let mut right = String::new();
    let mut section = None;
    let mut in_list = false;
    let mut told = BTreeSet::new();
    for line in text.lines() {
        if let Some(name) = line.strip_prefix(".Ss ") {
            section = SECTIONS.iter().find(|(it, ..)| *it == name);
        }
        in_list &= line != ".El";
        if !in_list {
            right += &format!("{line}\n");
        }
        if let (Some((name, of, table)), true) = (section, line.starts_with(".Bl ")) {
            in_list = true;
            told.insert(*name);
            for line in items(&reference, of, *table) {
                right += &format!("{line}\n");
            }
        }
    }
    assert_eq!(told, SECTIONS.iter().map(|(name, ..)| *name).collect());
    if std::env::var_os("UPDATE").is_some_and(|it| !it.is_empty()) {
        fs::write(&path, right).unwrap();
    } else {
        assert!(
            text == right,
            "UPDATE=1 cargo test --test examples rewrites {PAGE}:\n{right}"
        );
    }
}
