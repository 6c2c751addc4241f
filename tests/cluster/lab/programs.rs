//! The built programs of Kubernetes: found, or built on first use.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::OnceLock;

use anyhow::{Context, Result, anyhow, ensure};

/// The directory that `tests/cluster/build` made; its name changes with its content.
pub fn programs() -> Result<&'static Path> {
    static BUILT: OnceLock<Result<PathBuf, String>> = OnceLock::new();
    BUILT
        .get_or_init(|| build("tests/cluster/build").map_err(|error| format!("{error:#}")))
        .as_deref()
        .map_err(|error| anyhow!("{error}"))
}

pub fn program(name: &str) -> Result<PathBuf> {
    Ok(programs()?.join(name))
}

/// The disk that makes a guest of the VM lab a node.
pub fn node_disk() -> Result<PathBuf> {
    build("tests/cluster/node/build")
}

/// What a script prints once it has built it, or found it built.
fn build(script: &str) -> Result<PathBuf> {
    let script = sriovd_tests::root().join(script);
    let output = Command::new(&script)
        .stderr(Stdio::inherit())
        .output()
        .with_context(|| format!("cannot run {}", script.display()))?;
    ensure!(
        output.status.success(),
        "{} failed (see above); tests/setup installs what it needs",
        script.display()
    );
    Ok(PathBuf::from(String::from_utf8(output.stdout)?.trim_end()))
}
