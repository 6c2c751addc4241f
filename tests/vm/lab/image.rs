//! The built guests: found, or built on first use.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::OnceLock;

use anyhow::{Context, Result, anyhow, ensure};

/// What a guest runs. Debian 12 is for what has to work with an older kernel, systemd or podman too.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Debian {
    Bookworm,
    #[default]
    Trixie,
}

/// The directory that `tests/vm/build` made; its name changes with its content.
#[derive(Debug, Clone)]
pub struct Image(PathBuf);

impl Image {
    pub fn get(debian: Debian) -> Result<&'static Self> {
        static BOOKWORM: OnceLock<Result<Image, String>> = OnceLock::new();
        static TRIXIE: OnceLock<Result<Image, String>> = OnceLock::new();
        let (image, suite) = match debian {
            Debian::Bookworm => (&BOOKWORM, "bookworm"),
            Debian::Trixie => (&TRIXIE, "trixie"),
        };
        image
            .get_or_init(|| build(suite).map_err(|error| format!("{error:#}")))
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

fn build(suite: &str) -> Result<Image> {
    let script = sriovd_tests::root().join("tests/vm/build");
    // Its complaints go where the user sees them, also those of a test that passes.
    let output = Command::new(&script)
        .arg(suite)
        .stderr(Stdio::inherit())
        .output()
        .with_context(|| format!("cannot run {}", script.display()))?;
    ensure!(
        output.status.success(),
        "{} could not build the {suite} guest (see above); tests/setup installs what it needs",
        script.display()
    );
    let directory = String::from_utf8(output.stdout)?;
    Ok(Image(PathBuf::from(directory.trim_end())))
}
