//! GC of what the SR-IOV CNI plugin attached: containers of which nobody will say DEL.

use super::record::{self, Found};
use super::{allocation_of, make_ours};
use crate::attach::allocator::Life;
use crate::attach::release::release_locked;
use crate::attach::{Allocator, AttachError, Released, lock};
use std::path::Path;

/// Releases what that plugin attached to containers that ended. `is_valid` knows those
/// that the runtime has by the names of their records. What somebody works on is left.
pub fn collect_theirs(
    allocator: &Allocator,
    network: &str,
    is_valid: impl Fn(&str) -> bool,
) -> Vec<Result<Released, AttachError>> {
    match record::list(&allocator.root) {
        Ok(paths) => paths
            .into_iter()
            .filter(|path| !is_valid(&name_of(path)))
            .filter_map(|path| collect_one_of_theirs(allocator, &path, network).transpose())
            .collect(),
        Err(error) => vec![Err(error)],
    }
}

fn collect_one_of_theirs(
    allocator: &Allocator,
    path: &Path,
    network: &str,
) -> Result<Option<Released>, AttachError> {
    let is_its = |found: &Found| found.attached.network == network;
    let Some(found) = record::read(path)?.filter(is_its) else {
        return Ok(None);
    };
    // An interface's name may have the hyphen, too: then the container is called otherwise here
    // for the moment that this takes.
    let name = name_of(path);
    let Some((container, interface)) = name.rsplit_once('-') else {
        return Ok(None);
    };
    let Ok(interface) = interface.parse() else {
        return Ok(None);
    };
    let Some(_lock) = lock::try_take(&allocator.root, found.attached.vf)? else {
        return Ok(None);
    };
    let Some(found) = record::read(path)?.filter(is_its) else {
        return Ok(None);
    };
    let allocation = allocation_of(allocator, &found, container, &interface, Path::new(""))?;
    let Some(allocation) = allocation else {
        make_ours(allocator, &found, None)?;
        return Ok(None);
    };
    if allocator.life(&allocation)? == Life::Lives {
        return Ok(None);
    }
    make_ours(allocator, &found, Some(&allocation))?;
    release_locked(allocator, &allocation).map(Some)
}

fn name_of(path: &Path) -> String {
    let name = path.file_name().unwrap_or_default();
    name.to_string_lossy().into_owned()
}
