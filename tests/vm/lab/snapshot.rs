//! A booted guest, saved once and resumed many times.

use std::fs::{self, File};
use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};
use rustix::fs::{FlockOperation, flock};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use super::clock;
use super::guest::Guest;
use super::image::{Debian, Image};
use super::machine::{self, Arguments, Hotplug};
use super::permit::Permit;
use super::power_on::PowerOn;

const PATIENCE: Duration = Duration::from_secs(60);
/// Begins the names of snapshots of guests to which something was done.
const PREPARED: &str = "prepared-";

pub fn resume(debian: Debian, hotplug: Hotplug) -> Result<Guest> {
    let image = Image::get(debian)?;
    let (snapshot, arguments) = get(debian, hotplug)?;
    resume_from(image, hotplug, &snapshot, arguments, None)
}

/// The default one, as it was after something was done to it. The key says what; it is done once and saved.
pub fn resume_after(
    hotplug: Hotplug,
    key: &str,
    prepare: impl FnOnce(&Guest) -> Result<()>,
) -> Result<Guest> {
    let debian = Debian::default();
    let image = Image::get(debian)?;
    let (before, arguments) = get(debian, hotplug)?;
    let (Some(stem), Some(directory)) = (before.file_name(), before.parent()) else {
        bail!("no snapshot has the path {}", before.display());
    };
    let after = directory.join(format!("{PREPARED}{key}-{}", stem.display()));
    if !after.exists() {
        let lock = File::create(image.path("prepared.lock"))?;
        flock(&lock, FlockOperation::LockExclusive)?;
        if !after.exists() {
            remove_old(directory)?;
            let guest = resume(debian, hotplug)?;
            prepare(&guest)?;
            guest.run("sync")?;
            keep(&guest, &after)?;
        }
    }
    resume_from(image, hotplug, &after, arguments, None)
}

pub fn resume_from(
    image: &Image,
    hotplug: Hotplug,
    snapshot: &Path,
    mut arguments: Arguments,
    network: Option<OwnedFd>,
) -> Result<Guest> {
    arguments.add("-incoming", "defer");
    let guest = Guest::launch(image, &arguments.0, hotplug, network, Permit::wait())?;
    guest.explain(load(&guest, snapshot).context("cannot resume the guest"))?;
    Ok(guest)
}

/// What was prepared from other files than today's; not what another run may just be using.
fn remove_old(directory: &Path) -> Result<()> {
    const OLD: Duration = Duration::from_secs(3600);
    for entry in fs::read_dir(directory)? {
        let entry = entry?;
        let old = || -> Result<bool> { Ok(entry.metadata()?.modified()?.elapsed()? > OLD) };
        if entry.file_name().to_string_lossy().starts_with(PREPARED) && old().unwrap_or(false) {
            fs::remove_file(entry.path())?;
        }
    }
    Ok(())
}

fn load(guest: &Guest, snapshot: &Path) -> Result<()> {
    prepare(guest)?;
    guest.qmp("migrate-incoming", json!({ "uri": uri(snapshot) }))?;
    wait_until_moved(guest)?;
    // It was saved standing still.
    guest.qmp("cont", json!({}))?;
    guest.wait_for_agent()?;
    guest.set_clock()
}

/// Where the snapshot is, and the arguments it belongs to. Made on first use, by one process at a time.
pub fn get(debian: Debian, hotplug: Hotplug) -> Result<(PathBuf, Arguments)> {
    let image = Image::get(debian)?;
    if let Some(found) = find(image, hotplug)? {
        return Ok(found);
    }
    let lock = File::create(image.path("snapshot.lock"))?;
    flock(&lock, FlockOperation::LockExclusive)?;
    if let Some(found) = find(image, hotplug)? {
        return Ok(found);
    }
    make(debian, hotplug)?;
    find(image, hotplug)?.context("the snapshot is not where it was made")
}

fn find(image: &Image, hotplug: Hotplug) -> Result<Option<(PathBuf, Arguments)>> {
    let arguments = machine::arguments(image, clock::tsc_khz(image)?, hotplug);
    let path = path(image, &arguments)?;
    Ok(path.exists().then_some((path, arguments)))
}

/// A snapshot fits one QEMU and one machine only, and through the clock one rate of the host's.
fn path(image: &Image, arguments: &Arguments) -> Result<PathBuf> {
    let key = format!("{} {:?}", image.qemu_version()?, arguments.0);
    let hash = format!("{:x}", Sha256::digest(key));
    Ok(image.path(&format!("snapshot-{}", &hash[..16])))
}

fn make(debian: Debian, hotplug: Hotplug) -> Result<()> {
    let image = Image::get(debian)?;
    let khz = clock::tsc_khz(image)?;
    let (mut guest, mut wrong) = boot_by_the_clock(debian, hotplug, khz)?;
    if let Some(right) = wrong {
        drop(guest);
        (guest, wrong) = boot_by_the_clock(debian, hotplug, right)?;
        ensure!(
            wrong.is_none(),
            "the guest's clock runs wrong at {khz} kHz, and at {right} kHz"
        );
    }
    // The backlog of a cold boot would otherwise be worked off after every resume; drivers are loaded as on a host that
    // has seen such a NIC before.
    guest.run("modprobe -a igb igbvf && udevadm settle && sync")?;
    let saved = path(
        image,
        &machine::arguments(image, clock::tsc_khz(image)?, hotplug),
    )?;
    keep(&guest, &saved)
}

pub fn keep(guest: &Guest, saved: &Path) -> Result<()> {
    let unfinished = saved.with_extension("unfinished");
    guest.explain(save(guest, &unfinished).context("cannot save the guest"))?;
    fs::rename(&unfinished, saved)?;
    Ok(())
}

fn boot_by_the_clock(debian: Debian, hotplug: Hotplug, khz: u32) -> Result<(Guest, Option<u32>)> {
    let image = Image::get(debian)?;
    let guest = PowerOn::new().debian(debian).hotplug(hotplug).start()?;
    let uptime = || -> Result<f64> {
        let uptime = guest.run("cat /proc/uptime")?;
        Ok(uptime.split(' ').next().context("no uptime")?.parse()?)
    };
    let start = clock::read(uptime)?;
    guest.explain(guest.wait_for_boot())?;
    let wrong = clock::calibrate(image, khz, &start, &clock::read(uptime)?)?;
    Ok((guest, wrong))
}

fn save(guest: &Guest, file: &Path) -> Result<()> {
    guest.qmp("stop", json!({}))?;
    prepare(guest)?;
    guest.qmp("migrate", json!({ "uri": uri(file) }))?;
    wait_until_moved(guest)
}

/// Every page at its own place in the file, which makes it sparse and quick to load; and events, so as not to poll.
fn prepare(guest: &Guest) -> Result<Value> {
    let capabilities = json!([
        { "capability": "mapped-ram", "state": true },
        { "capability": "events", "state": true },
    ]);
    guest.qmp(
        "migrate-set-capabilities",
        json!({ "capabilities": capabilities }),
    )
}

fn wait_until_moved(guest: &Guest) -> Result<()> {
    let ended = |data: &Value| data["status"] == "completed" || data["status"] == "failed";
    let event = guest.wait_for_event("MIGRATION", PATIENCE, ended)?;
    ensure!(event["data"]["status"] == "completed", "QEMU: {event}");
    Ok(())
}

fn uri(file: &Path) -> String {
    format!("file:{}", file.display())
}
