//! Puts the CNI plugin where the host's container runtime looks for it: as a whole, and only where another one is or none.

use anyhow::{Context as _, bail};
use std::fs::{self, Permissions};
use std::io::{self, ErrorKind};
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

/// The plugin's own name.
const NAME: &str = "sriovd-cni";

/// What to put where.
#[derive(Debug, Clone, clap::Args)]
pub struct InstallCni {
    /// The plugin
    #[arg(long, default_value = "/usr/lib/cni/sriovd-cni")]
    pub from: PathBuf,
    /// The directory of plugins
    #[arg(long, default_value = "/opt/cni/bin")]
    pub to: PathBuf,
    /// Another name that networks call it by, such as sriov; what has that name is replaced
    #[arg(long, value_name = "NAME")]
    pub also_as: Option<String>,
}

impl InstallCni {
    /// Says what it has done.
    pub fn run(&self) -> anyhow::Result<()> {
        let shown = self.from.display();
        let plugin = fs::read(&self.from).with_context(|| format!("cannot read {shown}"))?;
        for name in [NAME].into_iter().chain(self.also_as.as_deref()) {
            if name.contains('/') || name.starts_with('.') || name.is_empty() {
                bail!("--also-as {name:?} is no name of a plugin");
            }
            let path = self.to.join(name);
            match put(&path, &plugin) {
                Ok(true) => eprintln!("{} is new", path.display()),
                Ok(false) => eprintln!("{} is as it should be", path.display()),
                Err(error) if error.kind() == ErrorKind::ReadOnlyFilesystem => bail!(
                    "{} cannot be written, its file system is read-only: the plugin is in the package \"sriovd\" for this \
                     host, too; or mount the directory where the container runtime looks for plugins",
                    self.to.display()
                ),
                Err(error) => {
                    return Err(error).with_context(|| format!("cannot write {}", path.display()));
                }
            }
        }
        Ok(())
    }
}

/// Whether another file was there, or none.
fn put(path: &Path, content: &[u8]) -> io::Result<bool> {
    match fs::read(path) {
        Ok(is) if is == content && fs::metadata(path)?.permissions().mode() & 0o111 == 0o111 => {
            return Ok(false);
        }
        Err(error) if error.kind() != ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    let mut unfinished = path.as_os_str().to_owned();
    unfinished.push(".new");
    let unfinished = PathBuf::from(unfinished);
    // Left by one that was killed; whoever runs it has it open still.
    match fs::remove_file(&unfinished) {
        Err(error) if error.kind() != ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    fs::write(&unfinished, content)?;
    fs::set_permissions(&unfinished, Permissions::from_mode(0o755))?;
    fs::File::open(&unfinished)?.sync_all()?;
    fs::rename(&unfinished, path)?;
    Ok(true)
}

#[cfg(test)]
mod tests;
