//! Lists in documents are those of the code: keys, kinds of journal entries, fields.

use crate::document;
use sriovd_agent::daemon::journal::message_id;
use sriovd_agent::settings::Settings;
use sriovd_core::policy::diagnostic::Diagnostic;
use sriovd_core::policy::file;
use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;

type Keys = BTreeMap<String, BTreeSet<String>>;

fn set(words: &[&str]) -> BTreeSet<String> {
    words.iter().map(|&word| word.to_owned()).collect()
}

/// What the parser says it knows, by the name that it gives to the table.
fn known(found: Vec<Diagnostic>) -> Keys {
    let unknown = found.into_iter().filter_map(|found| {
        let table = found.message.strip_prefix("unknown key \"nonsense\" in ")?;
        let keys = found.expected?.strip_prefix("one of ")?.to_owned();
        Some((
            table.to_owned(),
            keys.split(", ").map(str::to_owned).collect(),
        ))
    });
    unknown.collect()
}

fn known_in_policies() -> Keys {
    let text = "nonsense = 1\n\
        [[policy]]\nnonsense = 1\n[policy.match]\nnonsense = 1\n[policy.node]\nnonsense = 1\n[policy.representor]\nnonsense = 1\n\
        [policy.bridge]\nnonsense = 1\n\
        [[policy.vf]]\nnonsense = 1\n[[network]]\nnonsense = 1\n";
    let keys = known(file::parse(Path::new("f"), text).unwrap_err());
    assert_eq!(keys.len(), 8, "{keys:?}");
    keys
}

fn known_in_settings() -> Keys {
    let tables = ["outputs", "node", "limits", "api", "vf_operator"];
    let tables = tables.map(|table| format!("[{table}]\nnonsense = 1\n"));
    let text = format!("nonsense = 1\n{}", tables.concat());
    known(Settings::parse(Path::new("f"), &text).unwrap_err())
}

/// The words in backticks of a text.
fn quoted(text: &str) -> impl Iterator<Item = &str> {
    text.split('`').skip(1).step_by(2)
}

/// What the tables of a section have in their first columns.
fn listed(document: &str, section: &str) -> BTreeSet<String> {
    let text = document::text(document);
    let mut sections = text.split("\n## ");
    let section = sections.find(|it| it.starts_with(section)).expect(section);
    let first_columns = section.lines().filter_map(|line| line.strip_prefix("| "));
    let first_columns = first_columns.filter_map(|line| line.split(" |").next());
    first_columns.flat_map(quoted).map(str::to_owned).collect()
}

#[test]
fn the_policy_reference_lists_the_keys_that_the_parser_knows() {
    let known = known_in_policies();
    assert_eq!(known["this file"], set(&["version", "policy", "network"]));
    for (table, section) in [
        ("this policy", "`[[policy]]`"),
        ("[policy.match]", "`[policy.match]`"),
        ("[policy.node]", "`[policy.node]`"),
        ("[policy.representor]", "`[policy.representor]`"),
        ("[policy.bridge]", "`[policy.bridge]`"),
        ("[[policy.vf]]", "`[[policy.vf]]`"),
        ("this network", "`[[network]]`"),
    ] {
        assert_eq!(listed("docs/policy.md", section), known[table], "{section}");
    }
}

/// A manual page in mdoc: the words of its `.It Cm` items.
fn items(page: &str) -> BTreeSet<String> {
    let text = fs::read_to_string(document::root().join("packaging/man").join(page)).unwrap();
    let items = text.lines().filter_map(|line| line.strip_prefix(".It Cm "));
    let words = items.flat_map(|item| item.split(" , Cm ").map(str::trim));
    words.map(str::to_owned).collect()
}

#[test]
fn the_manual_pages_list_the_keys_that_the_parsers_know() {
    let all = |keys: Keys| keys.into_values().flatten().collect::<BTreeSet<_>>();
    assert_eq!(items("sriov.d.5"), all(known_in_policies()));
    let mut settings = all(known_in_settings());
    for table in ["outputs", "node", "limits", "api", "vf_operator"] {
        assert!(settings.remove(table), "{table}");
    }
    assert_eq!(items("sriovd.toml.5"), settings);
}

#[test]
fn the_journal_reference_and_the_catalog_list_the_kinds_of_entries() {
    let kinds: BTreeSet<_> = message_id::ALL
        .iter()
        .map(|&(name, id)| (name, id))
        .collect();
    let document = document::text("docs/journal.md");
    let rows = document.lines().filter_map(|line| {
        let mut words = quoted(line.strip_prefix("| `")?.split(" | ").nth(1)?);
        let id = words.next().filter(|it| it.len() == 32)?;
        Some((line[3..].split('`').next()?, id))
    });
    let rows: Vec<_> = rows.collect();
    assert_eq!(rows.iter().copied().collect::<BTreeSet<_>>(), kinds);
    assert_eq!(rows.len(), kinds.len());

    let catalog = document::root().join("systemd/sriovd.catalog");
    let catalog = fs::read_to_string(catalog).unwrap();
    let explained = catalog.lines().filter_map(|line| line.strip_prefix("-- "));
    let explained: Vec<_> = explained.collect();
    assert_eq!(
        explained.iter().copied().collect::<BTreeSet<_>>(),
        kinds.iter().map(|&(_, id)| id).collect()
    );
    assert_eq!(explained.len(), kinds.len());
}

/// Kinds that ask for something to be done are in the table of symptoms.
#[test]
fn troubleshooting_knows_every_kind_of_trouble() {
    let cells = |line: &str, at: usize| line.split('|').nth(at).unwrap_or_default().to_owned();
    let journal = document::text("docs/journal.md");
    let kinds: BTreeSet<_> = message_id::ALL.iter().map(|&(name, _)| name).collect();
    let trouble = kinds.iter().filter(|kind| {
        let row = journal
            .lines()
            .find(|line| line.starts_with(&format!("| `{kind}` ")));
        !cells(row.expect(kind), 4).trim().starts_with("Nothing")
    });
    let text = document::text("docs/troubleshooting.md");
    let table = text.lines().filter(|line| line.starts_with("| "));
    let second: String = table.map(|line| cells(line, 2)).collect();
    let upper = |word: &&str| word.chars().all(|c| c == '_' || c.is_ascii_uppercase());
    let named: BTreeSet<_> = quoted(&second).filter(upper).collect();
    for kind in trouble {
        assert!(named.contains(kind), "{kind}");
    }
    assert!(named.is_subset(&kinds), "{named:?}");
}

#[test]
fn the_journal_reference_lists_the_fields_of_entries() {
    let field = |word: &str| word.starts_with("SRIOV_") || word == "UNIT";
    let mut written = set(&["MESSAGE_ID"]);
    let files = ["journal.rs", "journal/output.rs", "journal/source.rs"];
    for file in files.map(|file| format!("src/agent/daemon/{file}")) {
        let code = fs::read_to_string(document::root().join(file)).unwrap();
        let words = code.split(|c: char| c != '_' && !c.is_ascii_uppercase());
        written.extend(words.filter(|word| field(word)).map(str::to_owned));
    }
    let document = document::text("docs/journal.md");
    let rows = document.lines().filter(|line| line.starts_with("| `"));
    let first = rows.filter_map(|line| line[2..].split(" | ").next());
    let listed = first
        .flat_map(quoted)
        .filter(|it| field(it) || *it == "MESSAGE_ID");
    assert_eq!(listed.map(str::to_owned).collect::<BTreeSet<_>>(), written);
}
