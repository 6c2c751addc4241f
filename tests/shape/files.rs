//! Which file of a module uses which other, by the paths that are written in it.

use super::{code, is_test};
use std::collections::{BTreeMap, BTreeSet};

type Sources = BTreeMap<String, String>;

/// By file, as a path of modules: `daemon::slot`.
type Uses = BTreeMap<String, BTreeSet<String>>;

fn path_of(file: &str) -> String {
    let below = file.trim_start_matches("src/").trim_end_matches(".rs");
    let (_member, path) = below.split_once('/').unwrap();
    path.replace('/', "::")
}

fn of_module<'a>(module: &str, sources: &'a Sources) -> BTreeMap<String, &'a String> {
    let files = sources.iter().filter(|(file, _)| !is_test(file));
    let files = files.map(|(file, text)| (path_of(file), text));
    let (own, below) = (module.to_owned(), format!("{module}::"));
    files
        .filter(|(path, _)| *path == own || path.starts_with(&below))
        .collect()
}

/// Every path that the code of a file names, from the root of the crate.
fn named(file: &str, text: &str, children: &BTreeSet<&str>) -> BTreeSet<String> {
    let code = code(text);
    let declared = |line: &&str| line.trim_end().ends_with(';') && line.contains("mod ");
    let lines = code.lines().filter(|line| !declared(line));
    let code = lines.collect::<Vec<_>>().join("\n");
    let mut named = BTreeSet::new();
    let mut rest = code.as_str();
    let is_word = |c: char| c == '_' || c.is_ascii_alphanumeric();
    while let Some(at) = rest.find(is_word) {
        let before = rest[..at].chars().next_back();
        rest = &rest[at..];
        let end = rest.find(|c: char| !is_word(c)).unwrap_or(rest.len());
        let (first, behind) = rest.split_at(end);
        rest = behind;
        let begins_a_path = before != Some(':') && behind.starts_with("::");
        let from = match first {
            "crate" if begins_a_path => String::new(),
            "super" if begins_a_path => parent(file),
            "self" if begins_a_path => file.to_owned(),
            child if begins_a_path && children.contains(child) => format!("{file}::{child}"),
            _ => continue,
        };
        let from = from.trim_start_matches("::");
        named.extend(tree(from, &behind[2..]));
    }
    named
}

fn parent(path: &str) -> String {
    path.rsplit_once("::")
        .map_or_else(String::new, |(parent, _)| parent.to_owned())
}

/// The paths of a tree of uses: `a::{b, c::d}`.
fn tree(from: &str, text: &str) -> Vec<String> {
    if let Some(inner) = text.strip_prefix('{') {
        let mut paths = Vec::new();
        let (mut depth, mut begin) = (0, 0);
        for (at, c) in inner.char_indices() {
            match c {
                '{' => depth += 1,
                '}' if depth > 0 => depth -= 1,
                ',' | '}' => {
                    if depth == 0 {
                        paths.extend(tree(from, inner[begin..at].trim()));
                        begin = at + 1;
                    }
                    if c == '}' && depth == 0 {
                        return paths;
                    }
                }
                _ => {}
            }
        }
        return paths;
    }
    let end = text.find(|c: char| c != '_' && !c.is_ascii_alphanumeric());
    let (word, behind) = text.split_at(end.unwrap_or(text.len()));
    let here = match word {
        "super" => parent(from),
        "self" => from.to_owned(),
        _ if from.is_empty() => word.to_owned(),
        word => format!("{from}::{word}"),
    };
    match behind.strip_prefix("::") {
        Some(further) => tree(&here, further),
        None => vec![here],
    }
}

/// What each file of a module uses of the others. What a path names is in the file with the longest
/// name that begins it.
pub(super) fn uses(module: &str, sources: &Sources) -> Uses {
    let files = of_module(module, sources);
    let file_of = |path: &str| {
        let mut path = path.to_owned();
        while !path.is_empty() && !files.contains_key(&path) {
            path = parent(&path);
        }
        path
    };
    let all = files.iter().map(|(file, text)| {
        let below = format!("{file}::");
        let children = files.keys().filter_map(|path| path.strip_prefix(&below));
        let children = children.filter(|path| !path.contains("::")).collect();
        let named = named(file, text, &children);
        let used = named.iter().map(|path| file_of(path));
        let used = used.filter(|used| !used.is_empty() && used != file);
        (file.clone(), used.collect())
    });
    all.collect()
}

/// Files of which each uses the next, and the last the first; empty where there are none.
pub(super) fn circle(uses: &Uses) -> Vec<String> {
    let mut left: Uses = uses.clone();
    // What uses nothing that is left is in no circle.
    while let Some(done) = left
        .iter()
        .find(|(_, used)| used.iter().all(|it| !left.contains_key(it)))
        .map(|(file, _)| file.clone())
    {
        left.remove(&done);
    }
    let Some(mut at) = left.keys().next() else {
        return Vec::new();
    };
    let mut way: Vec<String> = Vec::new();
    while !way.contains(at) {
        way.push(at.clone());
        at = left[at].iter().find(|it| left.contains_key(*it)).unwrap();
    }
    let begin = way.iter().position(|it| it == at).unwrap();
    let mut circle = way.split_off(begin);
    circle.push(circle[0].clone());
    circle
}

/// The types that have functions of their own, with the files in which those stand.
pub(super) fn implementations(
    module: &str,
    sources: &Sources,
) -> BTreeMap<String, BTreeSet<String>> {
    let mut implementations: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for (file, text) in of_module(module, sources) {
        for line in code(text).lines().filter(|line| line.starts_with("impl")) {
            let line = line.trim_start_matches("impl").trim_end_matches(" {");
            let name = match line.strip_prefix('<') {
                Some(generic) => generic.split_once("> ").map_or("", |(_, name)| name),
                None => line.trim_start(),
            };
            if !name.is_empty() && !name.contains(" for ") {
                let name = name.split('<').next().unwrap().to_owned();
                implementations
                    .entry(name)
                    .or_default()
                    .insert(file.clone());
            }
        }
    }
    implementations
}

#[test]
fn a_circle_is_found_however_it_is_written() {
    let file = |name: &str, text: &str| (format!("src/core/{name}.rs"), text.to_owned());
    let uses_of = |texts: [(String, String); 3]| uses("m", &texts.into_iter().collect());
    for (a, b) in [
        ("use super::b::B;", "use super::a::A;"),
        ("use super::{b, x::Y};", "fn f() { super::a::g() }"),
        ("use crate::m::{x, b::{B, C}};", "use crate::m::a::*;"),
    ] {
        let texts = [
            file("m", "//! M.\nmod a;\nmod b;\n"),
            file("m/a", a),
            file("m/b", b),
        ];
        assert_eq!(circle(&uses_of(texts)), ["m::a", "m::b", "m::a"], "{a} {b}");
    }
    // Through what the module passes on.
    let texts = [
        file("m", "mod a;\nmod b;\npub use a::A;\n"),
        file("m/a", "// use super::b::B;\nfn a() {}"),
        file("m/b", "use super::A;"),
    ];
    assert_eq!(circle(&uses_of(texts)), [""; 0]);
    let texts = [
        file("m", "mod a;\nmod b;\npub use a::A;\n"),
        file("m/a", "use super::b::B;"),
        file("m/b", "use super::A;"),
    ];
    assert_eq!(circle(&uses_of(texts)), ["m", "m::a", "m::b", "m"]);
}
