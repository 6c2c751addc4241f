//! The project's documents, and the blocks in them that can be run.
#![allow(dead_code, unreachable_pub, reason = "shared by several test crates")]

use std::fs;
use std::path::{Path, PathBuf};

/// A fenced block, and where it stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Block {
    /// Relative to the repository.
    pub file: String,
    pub line: usize,
    /// What stands behind the opening fence.
    pub language: String,
    /// The heading above it, without its signs.
    pub section: String,
    /// The last line of prose above it.
    pub lead: String,
    pub text: String,
}

impl Block {
    pub fn place(&self) -> String {
        format!("{}:{}", self.file, self.line)
    }

    /// The file in `/etc/sriov.d` that the lead names, if it names one.
    pub fn policy_file(&self) -> Option<&str> {
        self.file_name()?.strip_prefix("/etc/sriov.d/")
    }

    /// The file that the lead names, if it names one for the block: "`name`:".
    pub fn file_name(&self) -> Option<&str> {
        self.lead.strip_suffix("`:")?.rsplit('`').next()
    }

    /// The commands of a console block with what each one prints.
    pub fn commands(&self) -> Vec<(String, String)> {
        let mut commands: Vec<(String, String)> = Vec::new();
        for line in self.text.lines() {
            match (line.strip_prefix("$ "), commands.last_mut()) {
                (Some(command), _) => commands.push((command.to_owned(), String::new())),
                (None, Some((_, output))) => *output += &format!("{line}\n"),
                (None, None) => panic!("{}: no command comes first", self.place()),
            }
        }
        commands
    }
}

pub fn root() -> &'static Path {
    sriovd_tests::root()
}

/// README.md, and everything below `docs`.
pub fn documents() -> Vec<String> {
    let mut documents = vec!["README.md".to_owned()];
    let mut directories = vec![PathBuf::from("docs")];
    while let Some(directory) = directories.pop() {
        for entry in fs::read_dir(root().join(&directory)).unwrap() {
            let path = directory.join(entry.unwrap().file_name());
            if root().join(&path).is_dir() {
                directories.push(path);
            } else if path.extension().is_some_and(|it| it == "md") {
                documents.push(path.display().to_string());
            }
        }
    }
    documents.sort();
    documents
}

pub fn text(document: &str) -> String {
    fs::read_to_string(root().join(document)).unwrap()
}

pub fn blocks(document: &str) -> Vec<Block> {
    let mut blocks: Vec<Block> = Vec::new();
    let (mut section, mut lead, mut open) = (String::new(), String::new(), None);
    for (at, line) in text(document).lines().enumerate() {
        match (&mut open, line.strip_prefix("```")) {
            (None, Some(language)) => {
                open = Some(Block {
                    file: document.to_owned(),
                    line: at + 1,
                    language: language.to_owned(),
                    section: section.clone(),
                    lead: lead.clone(),
                    text: String::new(),
                });
            }
            (Some(_), Some(_)) => blocks.extend(open.take()),
            (Some(block), None) => block.text += &format!("{line}\n"),
            (None, None) if line.starts_with('#') => {
                line.trim_start_matches(['#', ' ']).clone_into(&mut section);
            }
            (None, None) if !line.is_empty() => line.clone_into(&mut lead),
            (None, None) => {}
        }
    }
    assert_eq!(open, None, "{document}: a block is not closed");
    blocks
}

/// Whether a command is run on the host of a test case. All others need a guest.
pub fn is_offline(command: &str) -> bool {
    let of_a_case = command.starts_with("sriovctl ") && command.contains(" tests/cases/");
    of_a_case
        || ["sriovctl plan", "sriovctl check", "sriovctl import"]
            .iter()
            .any(|it| command.starts_with(it))
}

/// Puts new outputs of commands into a document, for `UPDATE=1`.
pub fn replace_outputs(block: &Block, outputs: &[(String, String)]) {
    let shown: String = outputs
        .iter()
        .map(|(command, output)| format!("$ {command}\n{output}"))
        .collect();
    let old = text(&block.file);
    let fenced = |text: &str| format!("```console\n{text}```\n");
    assert!(old.contains(&fenced(&block.text)), "{}", block.place());
    let new = old.replacen(&fenced(&block.text), &fenced(&shown), 1);
    fs::write(root().join(&block.file), new).unwrap();
}
