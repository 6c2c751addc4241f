//! The built guest: found, or built on first use.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::OnceLock;

use anyhow::{Context, Result, anyhow, ensure};

/// The directory that `tests/vm/build` made; its name changes with its content.
#[derive(Debug, Clone)]
pub struct Image(PathBuf);

impl Image {
    pub fn get() -> Result<&'static Self> {
        static IMAGE: OnceLock<Result<Image, String>> = OnceLock::new();
        IMAGE
            .get_or_init(|| build().map_err(|error| format!("{error:#}")))
            .as_ref()
            .map_err(|error| anyhow!("{error}"))
    }

    pub fn path(&self, file: &str) -> PathBuf {
        self.0.join(file)
    }

    pub fn qemu_version(&self) -> Result<String> {
        std::fs::read_to_string(self.path("qemu/version")).context("the image has no QEMU")
    }
}

fn build() -> Result<Image> {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/vm/build");
    // Its complaints go where the user sees them, also those of a test that passes.
    let output = Command::new(&script)
        .stderr(Stdio::inherit())
        .output()
        .with_context(|| format!("cannot run {}", script.display()))?;
    ensure!(
        output.status.success(),
        "{} could not build the guest (see above); tests/setup installs what it needs",
        script.display()
    );
    let directory = String::from_utf8(output.stdout)?;
    Ok(Image(PathBuf::from(directory.trim_end())))
}
