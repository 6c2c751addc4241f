//! What is true of every step of one kind: one table, read by all who plan, do, watch and tell steps.

use super::{BindTarget, PfStep, Step, VfStep};

/// What a step works on, as the progress of a pass counts it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Part {
    /// The PF.
    Pf,
    /// All VFs, which are made or removed.
    Count,
    /// What one VF has besides its driver.
    Settings,
    /// The driver of one VF.
    Driver,
}

/// How long the kernel may take for a step.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Takes {
    /// As long as one VF or the PF takes: `step_deadline` of the settings.
    OneStep,
    /// As long as all VFs of a PF take: `numvfs_deadline` of the settings.
    AllVfs,
}

/// What a step that failed may have failed for, besides the drivers and the number of VFs: when that is otherwise,
/// another try is worth it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DependsOn {
    /// Nothing else, and not even the number of VFs.
    PfDriver,
    /// The mode of the NIC's own switch, and not the number of VFs.
    Switch,
    /// Nothing else.
    Drivers,
    /// Whether the PF is up.
    Up,
    /// The PF's link. Links come and go: what does not depend on them is not tried again for them.
    Link,
    /// The PF's link, where the VF has a driver: one that is bound again asks the PF for its address anew, and a PF
    /// that is still resetting gives none. It is done with that when it has a link.
    LinkOnceBound,
}

/// What is true of one kind of step.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct StepFacts {
    /// Its word in the journal field `SRIOV_ACTION=`, in events and in metrics.
    pub word: &'static str,
    /// What it works on.
    pub part: Part,
    /// Whether it takes VFs away from their holders.
    pub disturbs: bool,
    /// How long it may take.
    pub takes: Takes,
    /// When it is worth another try.
    pub depends_on: DependsOn,
    /// How often it is done in a pass before it counts as without effect.
    pub tries: usize,
    /// The word of the step that takes it back where no policy wants it any more, to what there was before it. `None`:
    /// nothing, because it takes something back itself, or what it changes goes with the eSwitch mode.
    pub undone_by: Option<&'static str>,
    /// What an administrator can do about another program that keeps undoing it.
    pub way_out: &'static str,
}

/// While its PF resets, which it does after a change of their number, a VF driver makes up an address, and a trusted VF
/// puts it in the place of ours.
const TRIES_OF_A_VF: usize = 3;

/// Of these no policy can say nothing.
const STOP_IT: &str = "stop the other program";
const LEAVE_IT_OUT: &str = "stop the other program, or leave it out of the policy";

impl StepFacts {
    const AUTOPROBE: Self = Self {
        word: "set-autoprobe",
        part: Part::Pf,
        disturbs: false,
        takes: Takes::OneStep,
        depends_on: DependsOn::Drivers,
        tries: 1,
        undone_by: Some("set-autoprobe"),
        way_out: LEAVE_IT_OUT,
    };
    const MAKE_VFS: Self = Self {
        word: "set-numvfs",
        part: Part::Count,
        disturbs: false,
        takes: Takes::AllVfs,
        depends_on: DependsOn::Up,
        tries: 1,
        undone_by: Some("set-numvfs"),
        way_out: "stop the other program, or leave the number of VFs to it with `external = true`",
    };
    const REMOVE_VFS: Self = Self {
        disturbs: true,
        undone_by: None,
        ..Self::MAKE_VFS
    };
    /// Without VFs nobody loses one.
    const ESWITCH_MODE: Self = Self {
        word: "set-eswitch-mode",
        part: Part::Pf,
        disturbs: false,
        takes: Takes::AllVfs,
        depends_on: DependsOn::PfDriver,
        tries: 1,
        undone_by: Some("set-eswitch-mode"),
        way_out: LEAVE_IT_OUT,
    };
    const BRIDGE: Self = Self {
        word: "set-bridge",
        part: Part::Pf,
        disturbs: false,
        takes: Takes::OneStep,
        depends_on: DependsOn::Drivers,
        tries: 1,
        undone_by: Some("remove-bridge"),
        way_out: LEAVE_IT_OUT,
    };
    const NO_BRIDGE: Self = Self {
        word: "remove-bridge",
        undone_by: None,
        ..Self::BRIDGE
    };
    const PF_UP: Self = Self {
        word: "set-pf-up",
        part: Part::Pf,
        disturbs: false,
        takes: Takes::OneStep,
        depends_on: DependsOn::Link,
        tries: 1,
        undone_by: Some("set-pf-down"),
        way_out: STOP_IT,
    };
    const DEVLINK_PARAM: Self = Self {
        word: "set-devlink-param",
        part: Part::Pf,
        disturbs: false,
        takes: Takes::OneStep,
        depends_on: DependsOn::Switch,
        tries: 1,
        undone_by: Some("set-devlink-param"),
        way_out: LEAVE_IT_OUT,
    };
    /// VFs that were removed for it in vain are not removed again.
    const DEVLINK_PARAM_OF_RELOAD: Self = Self {
        depends_on: DependsOn::PfDriver,
        ..Self::DEVLINK_PARAM
    };
    /// Without VFs nobody loses one.
    const DEVLINK_RELOAD: Self = Self {
        word: "reload-devlink",
        takes: Takes::AllVfs,
        undone_by: None,
        ..Self::DEVLINK_PARAM_OF_RELOAD
    };
    const TC_OFFLOAD: Self = Self {
        word: "set-tc-offload",
        undone_by: Some("set-tc-offload"),
        depends_on: DependsOn::Drivers,
        way_out: LEAVE_IT_OUT,
        ..Self::PF_UP
    };
    const PF_DOWN: Self = Self {
        word: "set-pf-down",
        undone_by: None,
        ..Self::PF_UP
    };
    const PF_MTU: Self = Self {
        word: "set-pf-mtu",
        undone_by: Some("set-pf-mtu"),
        way_out: LEAVE_IT_OUT,
        ..Self::PF_UP
    };
    const VF: Self = Self {
        word: "set-vf",
        part: Part::Settings,
        tries: TRIES_OF_A_VF,
        undone_by: Some("set-vf"),
        ..Self::PF_MTU
    };
    const VF_MTU: Self = Self {
        word: "set-vf-mtu",
        undone_by: Some("set-vf-mtu"),
        ..Self::VF
    };
    const REPRESENTOR_UP: Self = Self {
        word: "set-representor-up",
        undone_by: None,
        depends_on: DependsOn::Drivers,
        way_out: "stop the other program, or set `up = false` in [policy.representor]",
        ..Self::VF
    };
    const REPRESENTOR_MTU: Self = Self {
        word: "set-representor-mtu",
        way_out: LEAVE_IT_OUT,
        ..Self::REPRESENTOR_UP
    };
    const REPRESENTOR_TC_OFFLOAD: Self = Self {
        word: "set-representor-tc-offload",
        undone_by: Some("set-representor-tc-offload"),
        ..Self::REPRESENTOR_MTU
    };
    const BIND: Self = Self {
        word: "bind",
        part: Part::Driver,
        disturbs: true,
        takes: Takes::OneStep,
        depends_on: DependsOn::LinkOnceBound,
        tries: TRIES_OF_A_VF,
        undone_by: Some("bind"),
        way_out: LEAVE_IT_OUT,
    };
    const BIND_DEFAULT: Self = Self {
        undone_by: None,
        way_out: "stop the other program, or leave drivers to it with `device_type = \"any\"`",
        ..Self::BIND
    };

    /// Every kind, some under the same word.
    pub const ALL: [Self; 20] = [
        Self::BRIDGE,
        Self::NO_BRIDGE,
        Self::AUTOPROBE,
        Self::MAKE_VFS,
        Self::REMOVE_VFS,
        Self::ESWITCH_MODE,
        Self::DEVLINK_PARAM,
        Self::DEVLINK_PARAM_OF_RELOAD,
        Self::DEVLINK_RELOAD,
        Self::TC_OFFLOAD,
        Self::PF_UP,
        Self::PF_DOWN,
        Self::PF_MTU,
        Self::VF,
        Self::VF_MTU,
        Self::REPRESENTOR_UP,
        Self::REPRESENTOR_MTU,
        Self::REPRESENTOR_TC_OFFLOAD,
        Self::BIND,
        Self::BIND_DEFAULT,
    ];
}

impl Step {
    /// What is true of its kind.
    pub fn facts(&self) -> StepFacts {
        match self {
            Self::Pf(step) => match step {
                PfStep::SetAutoprobe { .. } => StepFacts::AUTOPROBE,
                PfStep::SetNumVfs { to: 0, .. } => StepFacts::REMOVE_VFS,
                PfStep::SetNumVfs { .. } => StepFacts::MAKE_VFS,
                PfStep::SetEswitchMode { .. } => StepFacts::ESWITCH_MODE,
                PfStep::SetDevlinkParam { .. } if self.awaits_reload() => {
                    StepFacts::DEVLINK_PARAM_OF_RELOAD
                }
                PfStep::SetDevlinkParam { .. } => StepFacts::DEVLINK_PARAM,
                PfStep::ReloadDevlink => StepFacts::DEVLINK_RELOAD,
                PfStep::SetTcOffload { .. } => StepFacts::TC_OFFLOAD,
                PfStep::SetBridge(_) => StepFacts::BRIDGE,
                PfStep::RemoveBridge { .. } => StepFacts::NO_BRIDGE,
                PfStep::SetUp { .. } => StepFacts::PF_UP,
                PfStep::SetDown { .. } => StepFacts::PF_DOWN,
                PfStep::SetMtu { .. } => StepFacts::PF_MTU,
            },
            Self::Vf(_, step) => match step {
                VfStep::SetAttribute { .. } => StepFacts::VF,
                VfStep::SetRepresentorUp { .. } => StepFacts::REPRESENTOR_UP,
                VfStep::SetRepresentorMtu { .. } => StepFacts::REPRESENTOR_MTU,
                VfStep::SetRepresentorTcOffload { .. } => StepFacts::REPRESENTOR_TC_OFFLOAD,
                VfStep::SetMtu { .. } => StepFacts::VF_MTU,
                VfStep::Bind {
                    to: BindTarget::Default,
                    ..
                } => StepFacts::BIND_DEFAULT,
                VfStep::Bind { .. } => StepFacts::BIND,
            },
        }
    }
}
