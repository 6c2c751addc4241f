//! The commands of `sriovctl`, as its help and its manual page tell them.

use super::apply::ApplyArguments;
use super::completions::{self, Shell};
use super::draw::Format;
use super::outputs::Output;
use super::pause::{PauseArguments, ResumeArguments};
use super::scene::Elsewhere;
use super::schema::Document;
use super::sources::SourcesCommand;
use super::status::StatusArguments;
use clap::{Parser, Subcommand};
use std::path::PathBuf;

/// Ask and drive sriovd, the agent that owns SR-IOV on this host.
#[derive(Debug, Parser)]
#[command(
    name = "sriovctl",
    version,
    after_help = "\
Exit codes: 0 done, 1 failed, 2 usage, 3 not converged or changes pending."
)]
pub struct Arguments {
    /// The daemon's socket, if it is not the one in /etc/sriovd.toml.
    #[arg(long, global = true, value_name = "FILE")]
    pub(super) socket: Option<PathBuf>,
    /// Take this directory for /.
    #[arg(long, global = true, value_name = "DIR", default_value = "/")]
    pub(super) root: PathBuf,
    /// Print JSON.
    #[arg(long, global = true)]
    pub(super) json: bool,
    #[command(subcommand)]
    pub(super) command: Command,
}

#[derive(Debug, Subcommand)]
pub(super) enum Command {
    /// A line per PF: what it has, what is wanted, and why it is not so.
    ///
    /// VFS are those that are ready, wanted and possible. Exit code 3 if a PF is not as its
    /// policies want it, or is asked for and absent. Without the daemon it tells what can be seen,
    /// and the exit code is 1.
    Status(StatusArguments),
    /// Every NIC that can have VFs, and why the unmanaged ones are.
    List {
        #[command(flatten)]
        elsewhere: Elsewhere,
    },
    /// A PF with its VFs, or one VF, and what is not as its policies want it.
    Show {
        /// An address or interface name; `PF#3` is VF 3 of a PF.
        #[arg(value_name = "PF|VF", add = completions::functions())]
        subject: String,
        #[command(flatten)]
        elsewhere: Elsewhere,
    },
    /// Why a PF, a VF, a policy or a network is as it is.
    Explain {
        /// An address, an interface name, `PF#3` for VF 3, the name of a policy or of a network.
        /// Where several have it: `pf:NAME`, `vf:NAME`, `policy:NAME`, `network:NAME`.
        #[arg(value_name = "PF|VF|POLICY|NETWORK", add = completions::anything())]
        subject: String,
        #[command(flatten)]
        elsewhere: Elsewhere,
    },
    /// What a pass would do now, step by step, and nothing done.
    ///
    /// Steps marked with ! take VFs away from whoever uses them. Exit code 3 if there is
    /// something to do, or something in the way.
    #[command(visible_alias = "diff")]
    Plan {
        #[command(flatten)]
        elsewhere: Elsewhere,
    },
    /// A pass now over some PFs or all of them; waits until it is over.
    ///
    /// Tries again what failed before, also on PFs that are paused if they are named. Works without
    /// the daemon, too. Exit code 3 if a PF is still not as its policies want it.
    Apply(ApplyArguments),
    /// What the daemon does, as it does it: triggers, plans, steps, refusals, files written.
    Monitor,
    /// Hold changes for maintenance. The daemon goes on looking and telling.
    Pause(PauseArguments),
    /// End a pause.
    Resume(ResumeArguments),
    /// What programs have put over the API. Needs the daemon.
    Sources {
        #[command(subcommand)]
        command: Option<SourcesCommand>,
    },
    /// A picture: NUMA nodes, PFs, VFs, pools, networks, and who holds what.
    ///
    /// VFs that are alike are drawn as one where there are many.
    Draw {
        #[command(flatten)]
        format: Format,
        #[command(flatten)]
        elsewhere: Elsewhere,
    },
    /// What is published for other programs, as it would be now.
    Render {
        /// Only this output. If none is given, all of them, each under its path.
        output: Option<Output>,
        /// Only this network.
        #[arg(value_name = "NETWORK", add = completions::networks())]
        network: Option<String>,
        #[command(flatten)]
        elsewhere: Elsewhere,
    },
    /// A policy file to start from, for the NICs that are here.
    Discover {
        /// For the NICs in this snapshot instead.
        #[arg(long, value_name = "FILE")]
        snapshot: Option<PathBuf>,
    },
    /// All errors and warnings of policy files. Exit code 1 if there are errors.
    Check {
        /// Files and directories. If none is given, everything that the daemon reads.
        paths: Vec<PathBuf>,
        /// Whether the PFs of this host can do what is asked of them, instead of those that are here.
        #[arg(long, value_name = "FILE")]
        snapshot: Option<PathBuf>,
    },
    /// A script that makes a shell complete, also PFs, policies and networks of this host.
    Completions { shell: Shell },
    /// The JSON Schema of a file, or of what a command prints with --json.
    ///
    /// Editors complete and check files by it.
    Schema { document: Document },
    /// Policies and networks of other programs, as TOML on standard output.
    ///
    /// Objects of sriov-network-operator in YAML or JSON, a configuration of the SR-IOV device
    /// plugin or the ConfigMap that holds one, a start-up file of vf-operator. What cannot be
    /// carried over is said in comments, and on standard error. Exit code 1 if the result needs a
    /// hand before it can be used.
    Import {
        #[arg(required = true, value_name = "FILE")]
        files: Vec<PathBuf>,
    },
    /// The host as the daemon sees it, as JSON: for bug reports and for `plan --snapshot`.
    Snapshot,
    /// Have the daemon read its policies again. Exit code 1 if a file cannot be used.
    Reload,
}
