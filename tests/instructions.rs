//! What a pass costs in instructions, which are the same on a noisy machine: not much more than `tests/instructions/budget.toml`
//! says, and no more for one PF when there are others, nor much more when they came with the same address.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test may fail")]

use std::fs;
use std::path::PathBuf;
use std::process::Command;

/// Another compiler makes other code of the same.
const TOLERANCE: f64 = 0.15;

/// The name in the budget, PFs, VFs of each, and over what a pass goes.
const MEASURED: [(&str, u32, u32, &str); 5] = [
    ("one_pf_8_vfs", 1, 8, "one"),
    ("one_pf_64_vfs", 1, 64, "one"),
    ("one_of_8_pfs_8_vfs", 8, 8, "one"),
    ("all_of_8_pfs_8_vfs", 8, 8, "all"),
    ("one_of_8_twins_8_vfs", 8, 8, "twin"),
];

fn budget_file() -> PathBuf {
    sriovd_tests::root().join("tests/instructions/budget.toml")
}

/// Examples are built where the tests are.
fn program() -> PathBuf {
    let tests = std::env::current_exe().unwrap();
    let build = tests.parent().unwrap().parent().unwrap();
    let program = build.join("examples/instructions");
    assert!(
        program.exists(),
        "{} is missing: `cargo build --example instructions` makes it, as a whole `cargo test` does",
        program.display()
    );
    program
}

fn instructions(pfs: u32, vfs: u32, over: &str, passes: u32) -> i64 {
    let output = Command::new("valgrind")
        .args(["--tool=callgrind", "--callgrind-out-file=/dev/null"])
        .arg(program())
        .args([
            pfs.to_string(),
            vfs.to_string(),
            over.to_owned(),
            passes.to_string(),
        ])
        .output()
        .expect("tests/setup installs it");
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{said}");
    let collected = said
        .lines()
        .find_map(|line| line.split("Collected : ").nth(1));
    collected.expect(&said).trim().parse().unwrap()
}

/// Of one pass, without what it takes to begin.
fn of_a_pass(pfs: u32, vfs: u32, over: &str) -> i64 {
    instructions(pfs, vfs, over, 2) - instructions(pfs, vfs, over, 1)
}

#[test]
fn a_pass_costs_no_more_than_it_may() {
    let counted = MEASURED.map(|(name, pfs, vfs, over)| (name, of_a_pass(pfs, vfs, over)));
    let kept = fs::read_to_string(budget_file()).unwrap();
    if std::env::var_os("UPDATE").is_some_and(|it| !it.is_empty()) {
        let comments = kept.lines().filter(|line| line.starts_with('#'));
        let comments: String = comments.map(|line| format!("{line}\n")).collect();
        let numbers = counted.map(|(name, count)| format!("{name} = {count}\n"));
        fs::write(budget_file(), comments + "\n" + &numbers.concat()).unwrap();
        return;
    }
    let kept: toml::Table = kept.parse().unwrap();
    for (name, count) in counted {
        let budget = kept[name].as_integer().unwrap();
        let ratio = count as f64 / budget as f64;
        println!("{name}: {count}, {ratio:.3} of {budget}");
        assert!(
            ratio < 1.0 + TOLERANCE,
            "{name}: {count} instructions instead of {budget}"
        );
        assert!(
            ratio > 1.0 - 2.0 * TOLERANCE,
            "{name}: only {count} instead of {budget}: lower the budget"
        );
    }
    let of = |name| counted.iter().find(|it| it.0 == name).unwrap().1 as f64;
    let others = of("one_of_8_pfs_8_vfs") / of("one_pf_8_vfs");
    assert!(others < 1.1, "seven other PFs cost {others}");
    let twins = of("one_of_8_twins_8_vfs") / of("one_pf_8_vfs");
    assert!(
        twins < 1.25,
        "seven PFs with the same permanent address cost {twins}"
    );
    let all = of("all_of_8_pfs_8_vfs") / of("one_of_8_pfs_8_vfs");
    assert!(all < 8.0 * 1.1, "8 PFs cost {all} times what one does");
}
