//! The guest's clock: under emulation its TSC is the host's, and the guest must be told how fast that runs, or it measures
//! it itself and gets it badly wrong on a busy machine.

use std::fs;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use sha2::{Digest, Sha256};

use super::image::Image;

/// More than this and timeouts in the guest mean something else.
const TOLERANCE: f64 = 0.02;

/// The TSC's rate: what an earlier calibration on this machine found, or else the processor's nominal rate.
pub fn tsc_khz(image: &Image) -> Result<u32> {
    if let Ok(known) = fs::read_to_string(calibration(image)?) {
        return known.trim().parse().context("calibration file");
    }
    let cpuinfo = fs::read_to_string("/proc/cpuinfo")?;
    let mhz = field(&cpuinfo, "cpu MHz").context("no 'cpu MHz' in /proc/cpuinfo")?;
    Ok((mhz.parse::<f64>()? * 1000.0).round() as u32)
}

/// A moment, on the guest's clock and on the host's.
pub struct Reading {
    guest: f64,
    host: Instant,
    /// How long the question took: that much the two may be apart.
    blur: Duration,
}

/// The sharpest of a few readings. `uptime` asks the guest.
pub fn read(uptime: impl Fn() -> Result<f64>) -> Result<Reading> {
    let reading = || -> Result<Reading> {
        let start = Instant::now();
        let guest = uptime()?;
        let blur = start.elapsed();
        Ok(Reading {
            guest,
            host: start + blur / 2,
            blur,
        })
    };
    let mut best = reading()?;
    for _ in 0..4 {
        let next = reading()?;
        if next.blur < best.blur {
            best = next;
        }
    }
    Ok(best)
}

/// Compares two readings, best some seconds apart. If the guest's clock ran wrong, the right rate is kept for the next guest
/// and returned.
pub fn calibrate(
    image: &Image,
    used_khz: u32,
    from: &Reading,
    to: &Reading,
) -> Result<Option<u32>> {
    let speed = (to.guest - from.guest) / (to.host - from.host).as_secs_f64();
    ensure!(speed > 0.0, "the guest's clock stands still");
    let right = (f64::from(used_khz) * speed).round() as u32;
    let ok = (speed - 1.0).abs() < TOLERANCE;
    fs::write(
        calibration(image)?,
        (if ok { used_khz } else { right }).to_string(),
    )?;
    Ok((!ok).then_some(right))
}

/// One per boot of this machine: the cache may have come from another one.
fn calibration(image: &Image) -> Result<PathBuf> {
    let boot = fs::read_to_string("/proc/sys/kernel/random/boot_id")?;
    let cpuinfo = fs::read_to_string("/proc/cpuinfo")?;
    let model = field(&cpuinfo, "model name").unwrap_or_default();
    let hash = format!("{:x}", Sha256::digest(format!("{boot}{model}")));
    Ok(image.path(&format!("tsc-{}", &hash[..12])))
}

fn field<'a>(cpuinfo: &'a str, name: &str) -> Option<&'a str> {
    let line = cpuinfo.lines().find(|line| line.starts_with(name))?;
    Some(line.split_once(':')?.1.trim())
}
