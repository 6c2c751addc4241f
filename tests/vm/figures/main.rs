//! Measures what the agent costs, in one guest, alternating with programs that do the same without it.
//! Prints what `docs/performance.md` tells of a guest.

mod attach;
mod contender;
#[path = "../lab/mod.rs"]
mod lab;
mod trace;

use anyhow::{Context, Result, ensure};
use contender::Contender;
use lab::{Guest, Nic};
use std::time::Duration;
use trace::Run;

const ROUNDS: usize = 9;
const PATIENCE: Duration = Duration::from_secs(120);

fn main() -> Result<()> {
    let guest = Guest::resume()?;
    contender::install(&guest)?;
    trace::install(&guest)?;
    let mut runs: Vec<(Contender, Run)> = Vec::new();
    for round in 0..ROUNDS {
        for contender in Contender::ALL {
            let run = measure(&guest, contender, 1).with_context(|| format!("{contender:?}"))?;
            eprintln!("round {}: {contender:?} {run:?}", round + 1);
            ensure!(
                contender != Contender::Sriovd || run.last_output.and(run.last_state).is_some(),
                "the trace does not tell which of sriovd's threads wrote its outputs"
            );
            runs.push((contender, run));
        }
    }
    print_plugs(&runs);
    print_together(&guest, &runs)?;
    print_upkeep(&guest)?;
    attach::print(&guest)
}

fn measure(guest: &Guest, contender: Contender, nics: u8) -> Result<Run> {
    contender.prepare(guest, nics.into())?;
    trace::clear(guest)?;
    let nics: Result<Vec<Nic>> = (0..nics).map(|slot| guest.plug(Nic::igb(slot))).collect();
    let nics = nics?;
    guest.wait_until(&contender.done(nics.len()), PATIENCE)?;
    guest.run_for("udevadm settle --timeout=100", PATIENCE)?;
    let run = trace::read(guest, contender.threads())?;
    nics.iter().try_for_each(|nic| guest.unplug(nic))?;
    guest.run_for("udevadm settle --timeout=100", PATIENCE)?;
    contender.finish(guest)?;
    Ok(run)
}

fn print_plugs(runs: &[(Contender, Run)]) {
    println!(
        "| from the plug to … (ms, median of {ROUNDS}, least to most) | reference | with sriovd's weight | sriovd | `.link` |"
    );
    println!("|---|---|---|---|---|");
    let row = |name: &str, figure: Figure| {
        let cell = |contender| spread(runs, contender, figure);
        let cells = Contender::ALL.map(cell).join(" | ");
        println!("| {name} | {cells} |");
    };
    row("the PF's driver is bound", |run| run.bound);
    row("first kernel write", |run| run.first_write);
    row("last kernel write", |run| run.last_write);
    row("conflist and device-plugin config on disk", |run| {
        run.last_output
    });
    row("udev has named the last VF's interface", |run| run.named);
    row("the node state tells these names", |run| run.last_state);
    row("(reaction) event to first kernel write", |run| {
        run.reaction()
    });
    ratio(
        runs,
        "last kernel write",
        |run| run.last_write,
        |run| run.last_write,
    );
    ratio(
        runs,
        "conflist and device-plugin config on disk (to the last kernel write)",
        |run| run.last_output,
        |run| run.last_write,
    );
    ratio(
        runs,
        "node state with the final names (to udev's last name)",
        |run| run.last_state,
        |run| run.named,
    );
}

/// The reference has a thread for each NIC: what it does not do side by side, the kernel does not.
fn print_together(guest: &Guest, alone: &[(Contender, Run)]) -> Result<()> {
    const ROUNDS: usize = 5;
    let both = [Contender::Reference, Contender::Sriovd];
    let mut runs: Vec<(Contender, Run)> = Vec::new();
    for round in 0..ROUNDS {
        for contender in both {
            let run = measure(guest, contender, 4).with_context(|| format!("{contender:?}"))?;
            eprintln!("four NICs, round {}: {contender:?} {run:?}", round + 1);
            runs.push((contender, run));
        }
    }
    println!(
        "\n| from the first plug to the last kernel write (ms, median) | one NIC | four at once (of {ROUNDS}) | ratio |"
    );
    println!("|---|---|---|---|");
    for (contender, name) in both.into_iter().zip(["reference", "sriovd"]) {
        let last_write = |runs| median(&values(runs, contender, |run| run.last_write));
        let one = last_write(alone).context("no run")?;
        let four = last_write(&runs).context("no run")?;
        println!("| {name} | {one:.0} | {four:.0} | {:.2} |", four / one);
    }
    Ok(())
}

type Figure = fn(&Run) -> Option<f64>;

/// From the moment at which the PF's driver is bound.
fn ratio(runs: &[(Contender, Run)], name: &str, of_sriovd: Figure, of_reference: Figure) {
    let since_bound = |contender, figure: Figure| {
        let mine = runs.iter().filter(|(who, _)| *who == contender);
        let times = mine.filter_map(|(_, run)| Some(figure(run)? - run.bound?));
        let mut times: Vec<f64> = times.collect();
        times.sort_by(f64::total_cmp);
        median(&times)
    };
    let references = [
        (Contender::Reference, "the reference"),
        (
            Contender::WeightedReference,
            "the reference with its weight",
        ),
    ];
    for (reference, of) in references {
        if let (Some(sriovd), Some(reference)) = (
            since_bound(Contender::Sriovd, of_sriovd),
            since_bound(reference, of_reference),
        ) {
            let ratio = sriovd / reference;
            println!("\nsriovd to {of}, from bound to {name}: {ratio:.3}");
        }
    }
}

fn values(runs: &[(Contender, Run)], contender: Contender, figure: Figure) -> Vec<f64> {
    let mine = runs.iter().filter(|(who, _)| *who == contender);
    let mut values: Vec<f64> = mine.filter_map(|(_, run)| figure(run)).collect();
    values.sort_by(f64::total_cmp);
    values
}

/// Of values in order.
fn median(values: &[f64]) -> Option<f64> {
    values.get(values.len() / 2).copied()
}

fn spread(runs: &[(Contender, Run)], contender: Contender, figure: Figure) -> String {
    let values = values(runs, contender, figure);
    let digits = if values.first().is_some_and(|least| *least < 100.0) {
        1
    } else {
        0
    };
    match (values.first(), values.last(), median(&values)) {
        (Some(least), Some(most), Some(median)) => {
            format!("{median:.digits$} ({least:.digits$} to {most:.digits$})")
        }
        _ => "–".to_owned(),
    }
}

/// A converged host with one NIC: what the agent takes while nothing happens, and to start again.
fn print_upkeep(guest: &Guest) -> Result<()> {
    Contender::Sriovd.prepare(guest, 1)?;
    guest.plug(Nic::igb(0))?;
    guest.wait_until(&Contender::Sriovd.done(1), PATIENCE)?;
    let starts = guest.run_for(
        "udevadm settle --timeout=100
         for i in $(seq 9); do
             systemctl restart sriovd
             systemctl show sriovd -p ExecMainStartTimestampMonotonic -p ActiveEnterTimestampMonotonic --value | xargs
         done
         journalctl --sync; journalctl -o short-unix _COMM=sriovd |
             awk '/ started$/ {begin = $1} / ready: / {printf \"agent %.1f\\n\", ($1 - begin) * 1000}' | tail -n 9",
        PATIENCE,
    )?;
    let start = |line: &str| {
        let mut stamps = line
            .split(' ')
            .filter_map(|stamp| stamp.parse::<f64>().ok());
        let (begin, end) = (stamps.next()?, stamps.next()?);
        Some((end - begin).abs() / 1000.0)
    };
    let own = |line: &str| line.strip_prefix("agent ")?.parse().ok();
    let sorted = |mut times: Vec<f64>| {
        times.sort_by(f64::total_cmp);
        times
    };
    let own_times = sorted(starts.lines().filter_map(own).collect());
    let starts = sorted(starts.lines().filter_map(start).collect());
    let idle = guest.run_for(
        "sleep 15; count() { awk '/ctxt/ {n += $2} END {print n}' /proc/$(pidof sriovd)/task/*/status; }
         before=$(count); sleep 60; echo $(($(count) - before))
         awk '/VmRSS/ {print $2}' /proc/$(pidof sriovd)/status; stat -c %s /usr/sbin/sriovd",
        PATIENCE,
    )?;
    let mut idle = idle.lines();
    let mut next = || idle.next().unwrap_or("?");
    println!("\n| a converged host, one NIC with 7 VFs | |\n|---|---|");
    println!(
        "| start of the process to `READY=1`, median of 9 | {:.1} ms |",
        median(&starts).unwrap_or(f64::NAN)
    );
    println!(
        "| of it the agent's own, from its first word in the journal | {:.1} ms |",
        median(&own_times).unwrap_or(f64::NAN)
    );
    println!(
        "| context switches in 60 s of nothing (`WatchdogSec=60s`) | {} |",
        next()
    );
    println!("| resident memory | {} KiB |", next());
    println!("| size of the binary | {} bytes |", next());
    Ok(())
}
