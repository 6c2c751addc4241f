//! Cases: a host and policies, and what `sriovctl` says of them. `UPDATE=1` rewrites what is kept.
//!
//! `tests/cases/README.md` says where the hosts come from.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test may fail")]

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;
use tempfile::TempDir;

fn cases() -> Vec<PathBuf> {
    let directory = sriovd_tests::root().join("tests/cases");
    let entries = fs::read_dir(directory)
        .unwrap()
        .map(|it| it.unwrap().path());
    let mut cases: Vec<_> = entries.filter(|path| path.is_dir()).collect();
    cases.sort();
    cases
}

/// What is printed, with the exit code where it is not 0.
fn plan(case: &Path, more: &[&str]) -> String {
    let output = Command::new(sriovd_tests::binary("sriovctl"))
        .current_dir(case)
        .args(["plan", "--snapshot", "snapshot.json", "--policy-dir", "."])
        .args(more)
        .output()
        .unwrap();
    let errors = String::from_utf8(output.stderr).unwrap();
    assert_eq!(errors, "", "{}", case.display());
    String::from_utf8(output.stdout).unwrap() + &exit(output.status.code())
}

fn exit(code: Option<i32>) -> String {
    match code {
        Some(0) => String::new(),
        code => format!("[exit code {}]\n", code.expect("killed")),
    }
}

/// The differences, none where the file was rewritten.
fn compare(file: &Path, text: &str) -> Option<String> {
    if std::env::var_os("UPDATE").is_some_and(|it| !it.is_empty()) {
        fs::write(file, text).unwrap();
        return None;
    }
    let kept = fs::read_to_string(file).unwrap_or_default();
    (kept != text).then(|| format!("{}:\n{text}", file.display()))
}

/// Commands that look at a host, which in a case is the snapshot.
const OF_A_HOST: [&str; 5] = ["list", "show", "explain", "draw", "render"];

/// The commands of a kept session with what they print now: standard output, then, marked, errors.
fn session(case: &Path, kept: &str) -> String {
    let directory = copy_of(case);
    let mut text = String::new();
    for line in kept.lines().filter(|line| line.starts_with("$ ")) {
        let words: Vec<_> = line.split_whitespace().skip(1).collect();
        let (program, arguments) = words.split_first().expect("no command");
        assert_eq!(*program, "sriovctl", "{line}");
        let mut command = Command::new(sriovd_tests::binary("sriovctl"));
        command.current_dir(directory.path()).args(arguments);
        if OF_A_HOST.contains(&arguments[0]) {
            command.args(["--snapshot", "snapshot.json", "--policy-dir", "."]);
        }
        let output = command.output().unwrap();
        let errors = String::from_utf8(output.stderr).unwrap();
        let errors: String = errors.lines().map(|line| format!("2> {line}\n")).collect();
        let blank = if text.is_empty() { "" } else { "\n" };
        text += &format!("{blank}{line}\n");
        text += &String::from_utf8(output.stdout).unwrap();
        text += &(errors + &exit(output.status.code()));
    }
    text
}

/// With modes that do not depend on who checked the case out.
fn copy_of(case: &Path) -> TempDir {
    let copy = tempfile::tempdir().unwrap();
    for entry in fs::read_dir(case).unwrap() {
        let entry = entry.unwrap();
        let path = copy.path().join(entry.file_name());
        fs::copy(entry.path(), &path).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o644)).unwrap();
    }
    copy
}

fn assert_same(differences: impl Iterator<Item = String>) {
    let differences: Vec<_> = differences.collect();
    assert!(differences.is_empty(), "{}", differences.join("\n"));
}

#[test]
fn every_case_is_planned_as_it_was() {
    let mut cases = cases();
    cases.retain(|case| case.join("plan.txt").exists());
    assert!(!cases.is_empty());
    assert_same(cases.iter().flat_map(|case| {
        let text = compare(&case.join("plan.txt"), &plan(case, &[]));
        let json = case.join("plan.json");
        let json = json
            .exists()
            .then(|| compare(&json, &plan(case, &["--json"])));
        text.into_iter().chain(json.flatten())
    }));
}

/// What is imported is planned beside it.
#[test]
fn what_is_kept_as_imported_is_what_is_imported() {
    let mut cases = cases();
    cases.retain(|case| case.join("imported.toml").exists());
    assert!(!cases.is_empty());
    assert_same(cases.iter().filter_map(|case| {
        let sources = ["config.json", "policies.yaml"];
        let source = sources.iter().find(|file| case.join(file).exists());
        let output = Command::new(sriovd_tests::binary("sriovctl"))
            .current_dir(case)
            .args(["import", source.expect("nothing to import")])
            .output()
            .unwrap();
        let text = String::from_utf8(output.stdout).unwrap();
        compare(&case.join("imported.toml"), &text)
    }));
}

#[test]
fn every_session_goes_as_it_went() {
    let files = cases().into_iter().map(|case| case.join("session.txt"));
    let files: Vec<_> = files.filter(|file| file.exists()).collect();
    assert!(!files.is_empty());
    assert_same(files.iter().filter_map(|file| {
        let kept = fs::read_to_string(file).unwrap();
        let case = file.parent().unwrap();
        compare(file, &session(case, &kept))
    }));
}
