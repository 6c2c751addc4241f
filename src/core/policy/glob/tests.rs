//! Globs match what a shell's would.

use super::{is_glob, is_well_formed, matches};

#[test]
fn names_match_as_in_a_shell() {
    for (pattern, name, expected) in [
        ("", "", true),
        ("", "a", false),
        ("*", "", true),
        ("*", "ens1f0", true),
        ("ens1f0", "ens1f0", true),
        ("ens1f0", "ens1f0np0", false),
        ("ens1f*", "ens1f0np0", true),
        ("ens1f*", "ens10f0", false),
        ("ens?f0", "ens1f0", true),
        ("ens?f0", "ensf0", false),
        ("?", "é", true),
        ("*f1", "ens1f0f1", true),
        ("*f1", "ens1f10", false),
        ("a*b*c", "a-b-b-c", true),
        ("a*b*c", "a-c-b", false),
        ("ens[12]f0", "ens2f0", true),
        ("ens[12]f0", "ens3f0", false),
        ("ens[0-9]f[!1]", "ens7f0", true),
        ("ens[0-9]f[!1]", "ens7f1", false),
        ("ens[0-9]f[^1]", "ens7f1", false),
        ("[]]", "]", true),
        ("[!]]", "]", false),
        ("[!]]", "x", true),
        ("[a-]", "-", true),
        ("[-a]", "-", true),
        ("[z-a]", "m", false),
        ("[*]", "*", true),
        ("[*]", "x", false),
        ("[ab", "[ab", true),
        ("[ab", "a", false),
        ("ens**0", "ens0", true),
        ("Ens*", "ens0", false),
    ] {
        assert_eq!(matches(pattern, name), expected, "{pattern:?} {name:?}");
    }
}

#[test]
fn many_stars_end_soon() {
    let pattern = "a*".repeat(2_000) + "b";
    let name = "a".repeat(4_000);
    assert!(!matches(&pattern, &name));
    assert!(matches(&pattern, &(name + "b")));
}

#[test]
fn a_name_alone_is_no_glob() {
    for (pattern, expected) in [
        ("ens1f0", false),
        ("ens1f*", true),
        ("ens?f0", true),
        ("ens[1]f0", true),
        ("ens[1f0", false),
    ] {
        assert_eq!(is_glob(pattern), expected, "{pattern:?}");
    }
}

#[test]
fn an_open_bracket_is_told() {
    for pattern in ["[", "ens[0-9", "a[]", "a[!]", "[a][b"] {
        assert!(!is_well_formed(pattern), "{pattern:?}");
    }
    for pattern in ["", "*", "ens1f0", "[a]", "[]]", "[!]]", "a]", "[a][b]?"] {
        assert!(is_well_formed(pattern), "{pattern:?}");
    }
}
