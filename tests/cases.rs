//! Cases: a host and policies, and what `sriovctl plan` says of them. `UPDATE=1` rewrites what is kept.
//!
//! `tests/cases/README.md` says where the hosts come from.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test may fail")]

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

fn cases() -> Vec<PathBuf> {
    let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/cases");
    let entries = fs::read_dir(directory)
        .unwrap()
        .map(|it| it.unwrap().path());
    let mut cases: Vec<_> = entries.filter(|path| path.is_dir()).collect();
    cases.sort();
    cases
}

/// What is printed, with the exit code where it is not 0.
fn plan(case: &Path, more: &[&str]) -> String {
    let output = Command::new(env!("CARGO_BIN_EXE_sriovctl"))
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
    if std::env::var_os("UPDATE").is_some() {
        fs::write(file, text).unwrap();
        return None;
    }
    let kept = fs::read_to_string(file).unwrap_or_default();
    (kept != text).then(|| format!("{}:\n{text}", file.display()))
}

#[test]
fn every_case_is_planned_as_it_was() {
    let cases = cases();
    assert!(!cases.is_empty());
    let differences = cases.iter().flat_map(|case| {
        let text = compare(&case.join("plan.txt"), &plan(case, &[]));
        let json = case.join("plan.json");
        let json = json
            .exists()
            .then(|| compare(&json, &plan(case, &["--json"])));
        text.into_iter().chain(json.flatten())
    });
    let differences: Vec<_> = differences.collect();
    assert!(differences.is_empty(), "{}", differences.join("\n"));
}
