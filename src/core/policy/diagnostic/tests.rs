//! What people see.

use super::{Diagnostic, Place, SourceText};
use std::ops::Range;
use std::path::Path;

fn at(text: &str, span: Range<usize>) -> Diagnostic {
    let file = Path::new("/etc/sriov.d/20-dataplane.toml");
    Diagnostic::error(file, "unknown key \"truts\"").at(&SourceText::new(text).excerpt(&span))
}

#[test]
fn a_place_is_shown_with_its_line() {
    let diagnostic = at("a = 1\ntruts = true\n", 6..11)
        .expecting("a known key")
        .suggesting("did you mean \"trust\"?");
    assert_eq!(
        diagnostic.to_string(),
        r#"error: unknown key "truts"
  --> /etc/sriov.d/20-dataplane.toml:2:1
   |
 2 | truts = true
   | ^^^^^ expected a known key; did you mean "trust"?"#
    );
    assert_eq!(
        diagnostic.one_line(),
        r#"/etc/sriov.d/20-dataplane.toml:2:1: unknown key "truts"; did you mean "trust"?"#
    );
}

#[test]
fn a_whole_file_has_no_place() {
    let file = Path::new("/etc/sriov.d/20\n.toml");
    let diagnostic = Diagnostic::warning(file, "this is a FIFO").expecting("a regular file");
    assert_eq!(
        diagnostic.to_string(),
        "warning: this is a FIFO\n  --> /etc/sriov.d/20\\n.toml\n   = expected a regular file"
    );
    assert_eq!(
        diagnostic.one_line(),
        "/etc/sriov.d/20\\n.toml: this is a FIFO; expected a regular file"
    );
}

#[test]
fn what_is_long_stands_below() {
    let diagnostic = at("\n\n\n\n\n\n\n\n\nx\n", 9..10).expecting("word ".repeat(40).trim());
    let line = |count| "word ".repeat(count).trim().to_owned();
    assert_eq!(
        diagnostic.to_string(),
        format!(
            "error: unknown key \"truts\"\n   --> /etc/sriov.d/20-dataplane.toml:10:1\n    |\n 10 | x\n    | ^\n    |\n    = expected {}\n      {}\n      {}",
            line(16),
            line(17),
            line(7),
        )
    );
    let with_suggestion = diagnostic.suggesting("did you mean \"y\"?").to_string();
    assert!(
        with_suggestion.ends_with("\n    | ^ did you mean \"y\"?"),
        "{with_suggestion}"
    );
}

#[test]
fn tabs_and_control_characters_do_not_move_the_carets() {
    let text = "\t\u{1b}[31m = \u{202e}é\r\n";
    let start = text.find('é').unwrap();
    let shown = at(text, start..start + 2).to_string();
    let lines: Vec<&str> = shown.lines().skip(3).collect();
    assert_eq!(
        lines,
        [
            r" 1 |     \u{1b}[31m = \u{202e}é",
            "   |                          ^"
        ]
    );
}

#[test]
fn a_long_line_is_cut_around_the_place() {
    let text = format!("{}here{}", "a".repeat(5_000), "b".repeat(5_000));
    let diagnostic = at(&text, 5_000..5_004);
    let place = diagnostic.place.unwrap();
    assert_eq!((place.column, place.width), (5_001, 4));
    let shown = diagnostic.to_string();
    let lines: Vec<&str> = shown.lines().skip(3).collect();
    let start = lines[0].find("here").unwrap();
    assert!(
        lines[0].starts_with(" 1 | …aaa") && lines[0].ends_with("bbb…"),
        "{}",
        lines[0]
    );
    assert!(lines[0].chars().count() < 120);
    // `…` has three bytes and one column.
    assert_eq!(lines[1].find("^^^^"), Some(start - 2));
}

#[test]
fn places_count_characters_and_stay_within_the_text() {
    let text = "ä = 1\n\nlast line\n\n";
    for (span, line, column, width) in [
        (0..2, 1, 1, 1),
        (5..6, 1, 5, 1),
        (3..8, 1, 3, 3),
        (7..7, 2, 1, 1),
        (8..12, 3, 1, 4),
        (text.len()..text.len(), 3, 10, 1),
        (900..1_000, 3, 10, 1),
        (1..2, 1, 1, 1),
    ] {
        let expected = Place {
            line,
            column,
            width,
        };
        assert_eq!(
            SourceText::new(text).excerpt(&span).place,
            expected,
            "{span:?}"
        );
    }
    let nothing = Place {
        line: 1,
        column: 1,
        width: 1,
    };
    assert_eq!(SourceText::new("").excerpt(&(0..0)).place, nothing);
    assert_eq!(SourceText::new("\n\n").excerpt(&(2..2)).place, nothing);
}

#[test]
fn json_takes_any_path() {
    use std::os::unix::ffi::OsStrExt;
    let path = Path::new(std::ffi::OsStr::from_bytes(b"/x\xff"));
    let text = SourceText::new("a\n");
    let diagnostic = Diagnostic::warning(path, "m").at(&text.excerpt(&(0..1)));
    let json = serde_json::to_value(&diagnostic).unwrap();
    let expected = serde_json::json!({
        "severity": "warning",
        "file": "/x\u{fffd}",
        "place": { "line": 1, "column": 1, "width": 1 },
        "line_text": "a",
        "line_text_column": 1,
        "message": "m",
        "expected": null,
        "suggestion": null,
    });
    assert_eq!(json, expected);
}
