//! Which file of a member uses which other, by the paths that are written in it.

use super::{code, is_test};
use std::collections::{BTreeMap, BTreeSet};

type Sources = BTreeMap<String, String>;

/// The files that a file uses.
pub(super) type Uses = BTreeMap<String, BTreeSet<String>>;

/// A file of a member.
struct File {
    /// What it names, without what it only passes on.
    named: BTreeSet<String>,
    /// Where the names come from that others may find in it.
    names: BTreeMap<String, String>,
}

/// What no file of the member is named like.
const FOREIGN: &str = "other crates";

/// By its path of modules: `daemon::slot`; the library itself has none.
type Files = BTreeMap<String, File>;

fn path_of(file: &str) -> String {
    let below = file.trim_start_matches("src/").trim_end_matches(".rs");
    let (_member, path) = below.split_once('/').unwrap();
    match path {
        "lib" => String::new(),
        path => path.replace('/', "::"),
    }
}

/// The files of a member, but its programs, which see the library as others do.
fn texts<'a>(member: &str, sources: &'a Sources) -> BTreeMap<String, &'a String> {
    let of_member = format!("src/{member}/");
    let is_program = |path: &str| ["main", "build"].contains(&path) || path.starts_with("bin::");
    let files = sources.iter().filter(|(file, _)| !is_test(file));
    let files = files.filter(|(file, _)| file.starts_with(&of_member));
    let files = files.map(|(file, text)| (path_of(file), text));
    files.filter(|(path, _)| !is_program(path)).collect()
}

fn parent(path: &str) -> String {
    path.rsplit_once("::")
        .map_or_else(String::new, |(parent, _)| parent.to_owned())
}

fn below(path: &str, name: &str) -> String {
    match path {
        "" => name.to_owned(),
        path => format!("{path}::{name}"),
    }
}

fn is_word(c: char) -> bool {
    c == '_' || c.is_ascii_alphanumeric()
}

/// The word that a text begins with.
fn word_of(text: &str) -> &str {
    text.split(|c| !is_word(c)).next().unwrap_or_default()
}

fn has_word(text: &str, word: &str) -> bool {
    let mut words = text.split(|c| !is_word(c));
    words.any(|it| it == word)
}

/// The paths of a tree of uses, `a::{b, c::d as e}`, each with the name that it gets.
fn tree(from: &str, text: &str) -> Vec<(String, String)> {
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
    let (word, behind) = text.split_at(word_of(text).len());
    let here = match word {
        "super" => parent(from),
        "self" | "" => from.to_owned(),
        word => below(from, word),
    };
    if let Some(further) = behind.strip_prefix("::") {
        return tree(&here, further);
    }
    let own = here.rsplit("::").next().unwrap_or_default().to_owned();
    let other = behind.trim_start().strip_prefix("as ");
    let name = other.map_or(own, |it| word_of(it).to_owned());
    vec![(here, name)]
}

/// Every path that a text names, from the root of the crate, with the name that a use gives it.
fn paths(file: &str, text: &str, children: &BTreeSet<&str>) -> Vec<(String, String)> {
    let mut named = Vec::new();
    let (mut rest, mut last) = (text, "");
    while let Some(at) = rest.find(is_word) {
        let begins_a_path = !rest[..at].ends_with(':') && last != "in";
        let (first, behind) = rest[at..].split_at(word_of(&rest[at..]).len());
        (rest, last) = (behind, first);
        if !begins_a_path {
            continue;
        }
        let Some(further) = behind.strip_prefix("::") else {
            continue;
        };
        named.extend(match first {
            "crate" => tree("", further),
            "super" => tree(&parent(file), further),
            "self" => tree(file, further),
            child if children.contains(child) => tree(&below(file, child), further),
            _ => Vec::new(),
        });
    }
    named
}

/// As if all that a statement of uses names were of other crates.
fn foreign(statement: &str) -> Vec<(String, String)> {
    let (_, paths) = statement.split_once("use ").unwrap();
    tree(FOREIGN, paths.trim_start_matches("::"))
}

/// A text apart in its `use` statements and the rest. What is passed on is used by those that name it here.
fn apart(text: &str) -> (Vec<String>, Vec<String>, String) {
    let (mut passed_on, mut own, mut rest) = (Vec::new(), Vec::new(), String::new());
    let mut open: Option<(bool, String)> = None;
    for line in code(text).lines() {
        let trimmed = line.trim();
        let is_declaration = trimmed.ends_with(';') && format!(" {trimmed}").contains(" mod ");
        if open.is_none() && is_declaration {
            continue;
        }
        let visible = trimmed.starts_with("pub");
        let begins = trimmed.starts_with("use ") || (visible && trimmed.contains(" use "));
        if open.is_none() && begins {
            open = Some((visible, String::new()));
        }
        let Some((visible, mut statement)) = open.take() else {
            rest += line;
            rest.push('\n');
            continue;
        };
        statement += trimmed;
        match (trimmed.ends_with(';'), visible) {
            (false, visible) => open = Some((visible, statement)),
            (true, true) => passed_on.push(statement),
            (true, false) => own.push(statement),
        }
    }
    (passed_on, own, rest)
}

fn files(member: &str, sources: &Sources) -> Files {
    let texts = texts(member, sources);
    let read = |(path, text): (&String, &&String)| {
        let children = texts.keys().filter_map(|it| match path.as_str() {
            "" => Some(it.as_str()),
            path => it.strip_prefix(path)?.strip_prefix("::"),
        });
        let children = children.filter(|it| !it.is_empty() && !it.contains("::"));
        let children = children.collect();
        let (passed_on, own, rest) = apart(text);
        let of = |text: &String| paths(path, text, &children);
        let uses: Vec<_> = own.iter().flat_map(of).collect();
        let foreign = passed_on.iter().chain(&own).flat_map(|it| foreign(it));
        let names = passed_on.iter().flat_map(of).chain(uses.clone());
        let names = foreign.chain(names).map(|(path, name)| (name, path));
        let names = names.collect();
        let needed = passed_on.iter().flat_map(of);
        let needed = needed.filter(|(_, name)| has_word(&rest, name));
        let named = uses.into_iter().chain(of(&rest)).chain(needed);
        let named = named.map(|(path, _)| path).collect();
        (path.clone(), File { named, names })
    };
    texts.iter().map(read).collect()
}

/// The file in which that stands which a path names, through all files that only pass it on.
fn home<'f>(files: &'f Files, path: &str) -> Option<&'f str> {
    let mut path = path.to_owned();
    // Longer than any chain of uses.
    for _ in 0..16 {
        if path.starts_with(FOREIGN) {
            return None;
        }
        let mut file = path.clone();
        while !files.contains_key(&file) && !file.is_empty() {
            file = parent(&file);
        }
        let (file, content) = files.get_key_value(&file)?;
        let inside = path[file.len()..].trim_start_matches("::");
        let name = word_of(inside);
        match content.names.get(name) {
            Some(from) => path = format!("{from}{}", &inside[name.len()..]),
            None => return Some(file),
        }
    }
    panic!("{path} is passed on in a circle");
}

/// What each file of a member uses of the others.
pub(super) fn uses(member: &str, sources: &Sources) -> Uses {
    let files = files(member, sources);
    let all = files.iter().map(|(path, file)| {
        let used = file.named.iter().filter_map(|named| home(&files, named));
        let used = used.filter(|used| used != path).map(str::to_owned);
        (path.clone(), used.collect())
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

/// The types of a module that have functions of their own, with the files in which those stand.
pub(super) fn implementations(
    module: &str,
    sources: &Sources,
) -> BTreeMap<String, BTreeSet<String>> {
    let within = format!("{module}::");
    let files = sources.iter().filter(|(file, _)| !is_test(file));
    let files = files.map(|(file, text)| (path_of(file), text));
    let files = files.filter(|(path, _)| path == module || path.starts_with(&within));
    let mut implementations: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for (file, text) in files {
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

/// The types of a file that others can see.
pub(super) fn visible_types(text: &str) -> Vec<String> {
    let code = code(text);
    let of_line = |line: &str| {
        let visible = line.trim_start().strip_prefix("pub")?;
        let (_, item) = match visible.starts_with('(') {
            true => visible.split_once(") ")?,
            false => visible.split_once(' ')?,
        };
        let (kind, name) = item.split_once(' ')?;
        let is_type = ["struct", "enum", "trait", "type", "union"].contains(&kind);
        is_type.then(|| word_of(name).to_owned())
    };
    code.lines().filter_map(of_line).collect()
}

#[test]
fn types_are_found_whoever_may_see_them() {
    let text = "pub struct A<T>(T);\n    pub(super) enum B {\npub(in crate::x) type C = A<u8>;\n\
                struct D;\n// pub struct E;\npub fn f() {}\npub trait G: H {}\n";
    assert_eq!(visible_types(text), ["A", "B", "C", "G"]);
}

#[test]
fn a_circle_is_found_however_it_is_written() {
    let file = |name: &str, text: &str| (format!("src/core/{name}.rs"), text.to_owned());
    let circle_of =
        |texts: &[(String, String)]| circle(&uses("core", &texts.iter().cloned().collect()));
    for (a, b) in [
        ("use super::b::B;", "use super::a::A;"),
        (
            "use super::{b, x::Y};\nfn f() { b::g() }",
            "fn f() { super::a::g() }",
        ),
        ("use crate::m::{x, b::{B, C}};", "use crate::m::a::*;"),
        (
            "use super::{\n    b as c,\n};\nfn f() { c::g() }",
            "use super::a::A as B;",
        ),
        // Through what the module passes on.
        ("use super::b::B;", "use super::A;"),
        ("use super::b::B;", "use super::Other;"),
        ("use super::b::B;", "use super::A;\nfn f() { A::new() }"),
    ] {
        let texts = [
            file("lib", "//! L.\npub mod m;\n"),
            file(
                "m",
                "//! M.\nmod a;\nmod b;\npub use a::A;\npub(crate) use a::{\n    A as Other,\n};\n",
            ),
            file("m/a", a),
            file("m/b", b),
        ];
        assert_eq!(circle_of(&texts), ["m::a", "m::b", "m::a"], "{a} {b}");
    }
    let through_the_module = |own: &str, b: &str| {
        circle_of(&[
            file("m", &format!("mod a;\nmod b;\npub use a::A;\n{own}")),
            file("m/a", "// use super::b::B;\nfn a() {}"),
            file("m/b", b),
        ])
    };
    assert_eq!(through_the_module("", "use super::A;"), [""; 0]);
    assert_eq!(
        through_the_module("use b::B;\npub struct S(B);\n", "use super::S;"),
        ["m", "m::b", "m"]
    );
    assert_eq!(
        through_the_module("pub struct S(A);\n", "use super::S;"),
        [""; 0]
    );
    let texts = [
        file("m", "mod a;\npub use a::A;\npub struct S(A);\n"),
        file("m/a", "use super::S;"),
    ];
    assert_eq!(circle_of(&texts), ["m", "m::a", "m"]);
    // With the library itself.
    let texts = [
        file("lib", "mod a;\npub struct S(a::A);\n"),
        file("a", "use crate::S;"),
        file("main", "use crate::S;"),
    ];
    assert_eq!(circle_of(&texts), ["", "a", ""]);
}
