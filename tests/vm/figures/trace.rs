//! When things happen in the kernel, by its own clock: probes on the functions that do them.

use crate::lab::Guest;
use anyhow::{Context, Result, ensure};

/// Kind and name of each probe, and its function. A file's new name is `renamedata.new_dentry->d_name.name`; two
/// directories up `/run` is the root of its file system.
const PROBES: [(&str, &str); 8] = [
    ("p:added", "pci_bus_add_device"),
    ("p:bound", "driver_bound"),
    ("p:told", "rtmsg_ifinfo"),
    ("p:autoprobe", "sriov_drivers_autoprobe_store"),
    ("p:numvfs", "sriov_numvfs_store"),
    // At its end: to bring a link up takes half a second.
    ("r:setlink", "do_setlink"),
    ("p:named", "dev_change_name"),
    (
        "p:renamed",
        "vfs_rename file=+0(+40(+40($arg1))):string below=+0(+40(+24(+24(+40($arg1))))):string",
    ),
];

/// Milliseconds since the NIC appeared on its bus.
#[derive(Debug, Clone, Default)]
pub(crate) struct Run {
    /// The PF's driver is done probing.
    pub(crate) bound: Option<f64>,
    /// What could be heard of last before the first write.
    pub(crate) told: Option<f64>,
    pub(crate) first_write: Option<f64>,
    pub(crate) last_write: Option<f64>,
    /// Conflist and device-plugin config are in their places.
    pub(crate) last_output: Option<f64>,
    /// udev has given the last VF's interface its name.
    pub(crate) named: Option<f64>,
    /// The node state, which tells these names.
    pub(crate) last_state: Option<f64>,
}

impl Run {
    pub(crate) fn reaction(&self) -> Option<f64> {
        Some(self.first_write? - self.told?)
    }
}

const TRACING: &str = "/sys/kernel/tracing";

pub(crate) fn install(guest: &Guest) -> Result<()> {
    let probes =
        PROBES.map(|(probe, function)| format!("echo '{probe} {function}' >> kprobe_events"));
    let script = format!(
        "mountpoint -q {TRACING} || mount -t tracefs tracefs {TRACING}; cd {TRACING} || exit
         echo mono > trace_clock; echo 8192 > buffer_size_kb
         echo 4096 > saved_cmdlines_size
         {}
         echo 1 > events/kprobes/enable",
        probes.join("\n")
    );
    guest.run(&script).map(drop)
}

pub(crate) fn clear(guest: &Guest) -> Result<()> {
    guest.run(&format!("echo > {TRACING}/trace")).map(drop)
}

/// What `threads` (beginnings of names) and the kernel did since `clear`.
pub(crate) fn read(guest: &Guest, threads: &[&str]) -> Result<Run> {
    let text = guest.run(&format!("cat {TRACING}/trace"))?;
    let entries: Vec<Entry> = text.lines().filter_map(Entry::parse).collect();
    // The kernel keeps only so many names: without its own a thread's doing would be nobody's.
    let nameless = entries.iter().filter(|entry| entry.thread == "<...>");
    ensure!(nameless.count() == 0, "the trace has lost names of threads");
    let plugged = entries
        .iter()
        .find(|entry| entry.probe == "added")
        .context("no plug in the trace")?
        .at;
    let since = |entry: &Entry| (entry.at - plugged) * 1000.0;
    let is_theirs = |entry: &&Entry| threads.iter().any(|name| entry.thread.starts_with(name));
    let theirs: Vec<&Entry> = entries.iter().filter(is_theirs).collect();
    let last = |is: fn(&Entry) -> bool| theirs.iter().rfind(|entry| is(entry)).map(|it| since(it));
    let first = theirs
        .iter()
        .find(|entry| is_store(entry.probe))
        .map(|entry| entry.at);
    let bound = entries
        .iter()
        .find(|entry| entry.probe == "bound" && entry.at > plugged);
    let told = entries.iter().rfind(|entry| {
        matches!(entry.probe, "told" | "bound") && first.is_some_and(|first| entry.at < first)
    });
    Ok(Run {
        bound: bound.map(since),
        told: told.map(since),
        first_write: first.map(|at| (at - plugged) * 1000.0),
        last_write: last(|it| is_store(it.probe) || matches!(it.probe, "setlink" | "bound")),
        last_output: last(|it| it.wrote("conflist\"") || it.wrote("config.json\"")),
        named: entries
            .iter()
            .rfind(|entry| entry.probe == "named")
            .map(since),
        last_state: last(|it| it.wrote("\"state.json\" below=\"/\"")),
    })
}

fn is_store(probe: &str) -> bool {
    matches!(probe, "autoprobe" | "numvfs")
}

struct Entry<'a> {
    thread: &'a str,
    at: f64,
    probe: &'a str,
    arguments: &'a str,
}

impl<'a> Entry<'a> {
    /// `  kworker/0:2-123  [000] .....  1234.567890: bound: (driver_bound+0x0/0xb0)`
    fn parse(line: &'a str) -> Option<Self> {
        let (head, rest) = line.split_once(": ")?;
        let (probe, arguments) = rest.split_once(": ")?;
        let (thread, flags) = head.split_once(" [")?;
        let (thread, _) = thread.trim().rsplit_once('-')?;
        let at = flags.split_whitespace().next_back()?.parse().ok()?;
        Some(Self {
            thread,
            at,
            probe,
            arguments,
        })
    }

    /// `… file="99-sriovd-figures.conflist" below="cni"`
    fn wrote(&self, what: &str) -> bool {
        self.probe == "renamed" && self.arguments.contains(what)
    }
}
