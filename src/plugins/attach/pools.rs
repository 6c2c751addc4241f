//! Which VFs form which pool, as the daemon last wrote it.

mod former;
mod pool;

pub use pool::{PoolVf, Pools};
use sriovd_core::model::pools::POOLS;
use sriovd_core::model::{NotPools, PoolsFile};
use sriovd_host::file;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

/// Why the pools are not known.
#[derive(Debug, thiserror::Error)]
pub enum NoPools {
    /// The daemon has not written them yet.
    #[error(
        "{} is not there: sriovd writes it after its first look at all NICs; is sriovd.service \
         running?",
        path.display()
    )]
    Absent {
        /// The file in which they would be.
        path: PathBuf,
    },
    /// The file cannot be read.
    #[error("cannot read {}", path.display())]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// The system's answer.
        source: std::io::Error,
    },
    /// Another version of sriovd wrote it.
    #[error(
        "{} was written by another version of sriovd: {source}; install the plugin and sriovd of \
         one version, and restart sriovd.service",
        path.display()
    )]
    OtherVersion {
        /// The file.
        path: PathBuf,
        /// The versions.
        source: NotPools,
    },
    /// It is not JSON, or does not say what it must.
    #[error(
        "{} is not the list of pools that sriovd writes ({source}); restart sriovd.service, which \
         writes it again",
        path.display()
    )]
    Malformed {
        /// The file.
        path: PathBuf,
        /// Where and why.
        source: NotPools,
    },
}

/// The pools as the daemon last wrote them down.
pub fn read(root: &Path) -> Result<Pools, NoPools> {
    let path = file::under(root, Path::new(POOLS));
    if let Some(pools) = read_as(&path, |text| Ok(by_vf(PoolsFile::parse(text)?)))? {
        return Ok(pools);
    }
    let before = file::under(root, Path::new(former::NODE_STATE));
    read_as(&before, former::parse)?.ok_or(NoPools::Absent { path })
}

/// `None`: there is no such file.
fn read_as(
    path: &Path,
    parse: impl Fn(&[u8]) -> Result<Pools, NotPools>,
) -> Result<Option<Pools>, NoPools> {
    let path = path.to_owned();
    let text = match std::fs::read(&path) {
        Ok(text) => text,
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
        Err(source) => return Err(NoPools::Unreadable { path, source }),
    };
    match parse(&text) {
        Ok(pools) => Ok(Some(pools)),
        Err(source @ NotPools::Version(_)) => Err(NoPools::OtherVersion { path, source }),
        Err(source @ NotPools::Malformed(_)) => Err(NoPools::Malformed { path, source }),
    }
}

fn by_vf(file: PoolsFile) -> Pools {
    let pools = file.pools.into_iter();
    let pools = pools.map(|(pool, pfs)| {
        let vfs = pfs.into_iter().flat_map(|pf| {
            let (address, name) = (pf.address, pf.name);
            pf.vfs.into_iter().map(move |(vf, its)| PoolVf {
                pf: address,
                pf_name: name.clone(),
                vf,
                address: its,
            })
        });
        (pool, vfs.collect())
    });
    pools.collect()
}

#[cfg(test)]
mod tests;
