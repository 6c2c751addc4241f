//! Where the tests find the tree and the programs.
#![allow(clippy::expect_used, reason = "a test may fail")]

use std::env;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

/// The top of the tree.
pub fn root() -> &'static Path {
    let own = Path::new(env!("CARGO_MANIFEST_DIR"));
    own.parent().expect("a member is below the top")
}

/// A program of ours, built as the test that asks.
pub fn binary(name: &str) -> PathBuf {
    binaries().join(name)
}

/// The directory of our programs: as `SRIOVD_BINARIES` says, or as they are built for tests. Cargo tells only the tests of a
/// program's own package where it is, so it is asked to build them here.
pub fn binaries() -> &'static Path {
    static BUILT: OnceLock<PathBuf> = OnceLock::new();
    BUILT.get_or_init(|| {
        if let Some(directory) = env::var_os("SRIOVD_BINARIES") {
            return PathBuf::from(directory);
        }
        let directory = built();
        let target = directory.parent().expect("target");
        let mut cargo = Command::new(env!("CARGO"));
        cargo
            .current_dir(root())
            .args(["build", "--quiet", "--locked", "--bins", "--target-dir"])
            .arg(target);
        if directory.ends_with("release") {
            cargo.arg("--release");
        }
        let status = cargo.status().expect("cargo runs");
        assert!(status.success(), "the programs cannot be built");
        directory
    })
}

/// Where Cargo put what it built with this test. Tests are in `deps` there, examples in `examples`.
pub fn built() -> PathBuf {
    let own = env::current_exe().expect("the path of this test");
    own.ancestors().nth(2).expect("target/PROFILE").to_owned()
}

/// The names of our programs, as the manifests of the members say.
pub fn programs() -> Vec<String> {
    let members = std::fs::read_dir(root().join("src")).expect("src is there");
    let mut programs = Vec::new();
    let manifests = members.map(|it| it.expect("src can be listed").path().join("Cargo.toml"));
    for manifest in manifests.filter(|it| it.exists()) {
        let text = std::fs::read_to_string(manifest).expect("a member has a manifest");
        let named = text.split("[[bin]]\nname = \"").skip(1);
        programs.extend(named.map(|rest| rest.split('"').next().unwrap_or_default().to_owned()));
    }
    programs.sort();
    programs
}
