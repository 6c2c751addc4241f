//! Documents for those who change sriovd: the files that they name are there, and the words are few.

use crate::document::{root, text};

#[test]
fn the_lists_of_files_name_files_that_are_there() {
    let contributing = text("CONTRIBUTING.md");
    let quoted = contributing.split('`').skip(1).step_by(2);
    let places = ["src/", "tests/", "docs/", "packaging/", "fuzz/"];
    let named: Vec<_> = quoted
        .filter(|it| places.iter().any(|place| it.starts_with(place)))
        .filter_map(|it| it.split(' ').next())
        .filter(|it| !it.contains("NAME"))
        .collect();
    assert!(named.len() > 20, "{named:?}");
    for name in named {
        assert!(root().join(name).exists(), "CONTRIBUTING.md: {name}");
    }
}

#[test]
fn each_way_to_add_something_names_a_commit() {
    let contributing = text("CONTRIBUTING.md");
    let (_, ways) = contributing.split_once("## How to add").unwrap();
    for heading in ways.lines().filter(|line| line.starts_with("**")) {
        assert!(heading.contains("(`git show "), "{heading}");
    }
}

#[test]
fn the_glossary_has_at_most_forty_terms_in_their_order() {
    let glossary = text("docs/glossary.md");
    let rows = glossary.lines().filter_map(|line| line.strip_prefix("| "));
    let terms: Vec<_> = rows
        .skip(1)
        .filter_map(|row| row.split(" |").next())
        .map(str::to_lowercase)
        .collect();
    assert!((1..=40).contains(&terms.len()), "{}", terms.len());
    let mut sorted = terms.clone();
    sorted.sort();
    sorted.dedup();
    assert_eq!(terms, sorted);
}
