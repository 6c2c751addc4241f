//! The commands of `sriovctl`, as its help and its manual page tell them.

use super::apply::ApplyArguments;
use super::completions::{self, Shell};
use super::draw::Format;
use super::options::Options;
use super::outputs::Output;
use super::pause::{PauseArguments, ResumeArguments};
use super::scene::Elsewhere;
use super::schema::Document;
use super::sources::SourcesCommand;
use super::status::StatusArguments;
use clap::{Parser, Subcommand};
use std::path::PathBuf;

/// Shows and controls what sriovd, the agent that owns SR-IOV on this host, does.
#[derive(Debug, Parser)]
#[command(
    name = "sriovctl",
    version,
    after_help = "\
Exit codes: 0 done, 1 failed, 2 usage, 3 not converged or changes pending."
)]
pub struct Arguments {
    #[command(flatten)]
    pub(super) options: Options,
    #[command(subcommand)]
    pub(super) command: Command,
}

#[derive(Debug, Subcommand)]
pub(super) enum Command {
    /// A line per PF: its state, its VFs, and why it is not as its policies want it.
    ///
    /// VFS are those that are ready, wanted and possible. Exit code 3 if a PF is not as its
    /// policies want it, or is named and absent. Without the daemon it shows what can be seen,
    /// and the exit code is 1.
    Status(StatusArguments),
    /// Every NIC that can have VFs, and why no policy matches the unmanaged ones.
    List {
        #[command(flatten)]
        elsewhere: Elsewhere,
    },
    /// A PF with its VFs, or one VF, and what differs from its policies.
    Show {
        /// An address or interface name; `PF#3` is VF 3 of a PF.
        #[arg(value_name = "PF|VF", add = completions::functions())]
        subject: String,
        #[command(flatten)]
        elsewhere: Elsewhere,
    },
    /// Why a PF, a VF, a policy or a network is in its present state.
    Explain {
        /// An address, an interface name, `PF#3` for VF 3, the name of a policy or of a network.
        /// Where several have it: `pf:NAME`, `vf:NAME`, `policy:NAME`, `network:NAME`.
        #[arg(value_name = "PF|VF|POLICY|NETWORK", add = completions::anything())]
        subject: String,
        #[command(flatten)]
        elsewhere: Elsewhere,
    },
    /// What a pass would do now, step by step. Changes nothing.
    ///
    /// Steps marked with ! disturb VFs: they destroy them or change their driver. Exit code 3 if
    /// there is something to do, or if something cannot be done.
    #[command(visible_alias = "diff")]
    Plan {
        #[command(flatten)]
        elsewhere: Elsewhere,
    },
    /// Runs a pass over some PFs or all of them, and waits until it is over.
    ///
    /// Tries again what failed before. Includes paused PFs if they are named. Works without the
    /// daemon, too. Exit code 3 if a PF is still not as its policies want it.
    Apply(ApplyArguments),
    /// What the daemon does, while it does it: triggers, plans, steps, refusals, files written.
    Monitor,
    /// Holds changes, for maintenance. The daemon goes on looking and reporting.
    Pause(PauseArguments),
    /// Ends a pause.
    Resume(ResumeArguments),
    /// What programs have put over the API. Needs the daemon.
    Sources {
        #[command(subcommand)]
        command: Option<SourcesCommand>,
    },
    /// A picture: NUMA nodes, PFs, VFs, pools, networks and holders.
    ///
    /// If there are many VFs, those that are alike share a box.
    Draw {
        #[command(flatten)]
        format: Format,
        #[command(flatten)]
        elsewhere: Elsewhere,
    },
    /// The files for other programs, as they would be now.
    Render {
        /// Only this output. Without it: all of them, each under its path.
        output: Option<Output>,
        /// Only this network.
        #[arg(value_name = "NETWORK", add = completions::networks())]
        network: Option<String>,
        #[command(flatten)]
        elsewhere: Elsewhere,
    },
    /// A policy file to start from, for the NICs of this host.
    Discover {
        /// For the NICs in this snapshot instead.
        #[arg(long, value_name = "FILE")]
        snapshot: Option<PathBuf>,
    },
    /// All errors and warnings of policy files. Exit code 1 if there are errors.
    Check {
        /// Files and directories. Without any: everything that the daemon reads.
        paths: Vec<PathBuf>,
        /// Check the policies against the PFs in this snapshot instead of those of this host.
        #[arg(long, value_name = "FILE")]
        snapshot: Option<PathBuf>,
    },
    /// A completion script for a shell, which also completes PFs, policies and networks of this host.
    Completions { shell: Shell },
    /// The JSON Schema of a file, or of what a command prints with --json.
    ///
    /// Editors use it to complete and check files.
    Schema { document: Document },
    /// Policies and networks of other programs, as TOML on standard output.
    ///
    /// Objects of sriov-network-operator in YAML or JSON, a configuration of the SR-IOV device
    /// plugin or the ConfigMap that holds one, a start-up file of vf-operator. What cannot be
    /// carried over is said in comments, and on standard error. Exit code 1 if the result must be
    /// edited before it can be used.
    Import {
        #[arg(required = true, value_name = "FILE")]
        files: Vec<PathBuf>,
    },
    /// The host as the daemon sees it, as JSON: for bug reports and for `plan --snapshot`.
    Snapshot,
    /// Makes the daemon read its policies and certificates again. Exit code 1 if a file cannot be used.
    Reload,
}
