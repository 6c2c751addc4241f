//! What the laws are tried on: policies, NICs, and what happens to them.

use sriovd_core::model::Errno;
use sriovd_core::model::*;
use sriovd_core::policy::Policy;
use sriovd_sim::{DriverModel, SimPf, sample};
use std::fmt;

pub(crate) const SLOTS: usize = 3;

#[derive(Clone)]
pub(crate) struct World {
    /// Sets of policies that take turns.
    pub(crate) policies: [Vec<Policy>; 2],
    pub(crate) nics: [Option<Nic>; SLOTS],
}

/// A counter-example that can be read: a line for each thing, and of policies what they ask for.
impl fmt::Debug for World {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (turn, policies) in self.policies.iter().enumerate() {
            for policy in policies {
                let nothing = fields(&sample::policy(policy.name.clone()));
                let asked = fields(policy).into_iter().zip(nothing);
                let asked: Vec<_> = asked.filter(|(is, not)| is != not).collect();
                let asked: Vec<_> = asked.into_iter().map(|(is, _)| is).collect();
                writeln!(f, "\n  [{turn}] {}: {}", policy.name, asked.join("; "))?;
            }
        }
        for nic in self.nics.iter().flatten() {
            writeln!(f, "  {}", format_args!("{nic:?}"))?;
        }
        Ok(())
    }
}

/// `key: value` of each key.
fn fields(policy: &Policy) -> Vec<String> {
    let text = format!("{policy:#?}");
    let mut fields: Vec<String> = Vec::new();
    for line in text.lines().skip(1) {
        match line.strip_prefix("    ") {
            Some(line) if !line.starts_with([' ', '}', ']', ')']) => fields.push(line.to_owned()),
            Some(line) => fields.last_mut().unwrap().push_str(line.trim_start()),
            None => {}
        }
    }
    fields
}

/// What is plugged in, short enough to read in a counter-example.
#[derive(Clone)]
pub(crate) struct Nic {
    pub(crate) slot: usize,
    pub(crate) driver: &'static str,
    /// The permanent one; zero is none.
    pub(crate) address: MacAddress,
    pub(crate) busy_after_creation: u32,
    pub(crate) cable: Option<u32>,
    pub(crate) autoprobe: bool,
    pub(crate) name_is_final: bool,
    pub(crate) late_netdevs: bool,
    /// Its driver fails.
    pub(crate) dead_vf: Option<u16>,
    /// Its driver makes no netdev, so many times.
    pub(crate) mute_vf: Option<(u16, u8)>,
}

impl fmt::Debug for Nic {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            slot,
            driver,
            address,
            busy_after_creation,
            cable,
            autoprobe,
            name_is_final,
            late_netdevs,
            dead_vf,
            mute_vf,
        } = self;
        write!(
            f,
            "slot {slot}: {driver}, {address}, busy {busy_after_creation}, cable {cable:?}, "
        )?;
        write!(
            f,
            "autoprobe {autoprobe}, named {name_is_final}, late {late_netdevs}, dead {dead_vf:?}, mute {mute_vf:?}"
        )
    }
}

impl Nic {
    pub(crate) fn to_sim(&self) -> SimPf {
        let model = DriverModel::of(self.driver);
        let model = DriverModel {
            total_vfs: model.total_vfs.min(7),
            busy_after_creation: self.busy_after_creation,
            ..model
        };
        let mut pf = SimPf::new(slot(self.slot), model);
        pf.cable = self.cable;
        pf.late_netdevs = self.late_netdevs;
        pf.dead_vfs = self.dead_vf.map(VfIndex).into_iter().collect();
        let mute = self.mute_vf.map(|(vf, times)| (VfIndex(vf), times));
        pf.mute_vfs = mute.into_iter().collect();
        pf.snapshot.autoprobe = self.autoprobe;
        let interface = pf.snapshot.interface.as_mut().unwrap();
        interface.name_is_final = self.name_is_final;
        interface.permanent_mac = self.address;
        pf
    }
}

#[derive(Debug, Clone)]
pub(crate) enum Event {
    Plug(usize, Nic),
    Unplug(usize),
    UnbindPf(usize),
    BindPf(usize),
    NumVfs(usize, u16),
    LoseVfs(usize, u16),
    SetVf(usize, u16, VfSetting),
    UnbindVf(usize, u16),
    /// Somebody else gives it vfio-pci, or only says so.
    Drive(usize, u16, bool),
    PfUp(usize, bool),
    PfMtu(usize, u32),
    EswitchMode(usize, EswitchMode),
    Cable(usize, Option<u32>),
    Autoprobe(usize, bool),
    NameIsFinal(usize, bool),
    NetdevsCome(usize),
    NetdevElsewhere(usize, bool),
    ShortList(usize, Option<u16>),
    Hold(usize, u16, Holder),
    /// Another program at bridges of Open vSwitch.
    Bridge(usize, Hand),
    /// A program opens the VFIO group of a VF and none of its devices.
    OpenGroup(usize, u16),
    Release(usize, u16),
    /// The PF's own interface is taken into use, or no more.
    UsePf(usize, bool),
    Vfio(bool),
    /// udev has still to load the drivers of VFs, or has done so.
    ModulesLate(bool),
    Policies(usize),
    Fault(usize, &'static str, Fault),
    Pass(usize),
    PassAll,
    Retry,
    Crash(usize, usize),
    Restart,
}

/// What another program does to the bridge of a PF.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Hand {
    /// It takes a port of ours out.
    TakePort,
    /// It puts one of its own in.
    PutPort,
    /// It makes one of that name.
    Make,
    /// It removes all that it made.
    Leave,
    /// The database does not answer, or does so again.
    Silence(bool),
}

#[derive(Debug, Clone, Copy)]
pub(crate) enum Fault {
    Fail(Errno, u32),
    DoAndFail(Errno),
    NoEffect(u32),
    FewerVfs(u16),
    Vanish,
    Blind,
    /// The file system of the records of allocated VFs does not answer.
    Records,
    /// The look with this number fails.
    Look(u32, Errno),
}

impl Event {
    pub(crate) fn pf(&self) -> Option<PciAddress> {
        use Event::*;
        match self {
            // The database is the host's.
            Bridge(_, Hand::Silence(_) | Hand::Leave) => None,
            Plug(slot, _)
            | Unplug(slot)
            | UnbindPf(slot)
            | BindPf(slot)
            | NumVfs(slot, _)
            | LoseVfs(slot, _)
            | SetVf(slot, ..)
            | UnbindVf(slot, _)
            | Drive(slot, ..)
            | PfUp(slot, _)
            | PfMtu(slot, _)
            | EswitchMode(slot, _)
            | Cable(slot, _)
            | Autoprobe(slot, _)
            | NameIsFinal(slot, _)
            | NetdevsCome(slot)
            | NetdevElsewhere(slot, _)
            | ShortList(slot, _)
            | Hold(slot, ..)
            | Bridge(slot, _)
            | OpenGroup(slot, _)
            | Release(slot, _)
            | UsePf(slot, _)
            | Fault(slot, ..)
            | Pass(slot)
            | Crash(slot, _) => Some(self::slot(*slot)),
            Vfio(_) | ModulesLate(_) | Policies(_) | PassAll | Retry | Restart => None,
        }
    }

    pub(crate) fn makes_a_pass(&self) -> bool {
        matches!(self, Self::Pass(_) | Self::PassAll | Self::Crash(..))
    }

    pub(crate) fn is_fault(&self) -> bool {
        matches!(self, Self::Fault(..) | Self::Bridge(_, Hand::Silence(true)))
    }
}

pub(crate) fn slot(slot: usize) -> PciAddress {
    PciAddress::new(0, u8::try_from(slot).unwrap() + 1, 0, 0).unwrap()
}

/// Each NIC its own: another one in the same slot is another PF.
pub(crate) fn mac(slot: usize, driver: &str) -> MacAddress {
    let [.., last] = driver.len().to_be_bytes();
    let first = driver.bytes().next().unwrap();
    MacAddress([0x52, 0x54, first, last, u8::try_from(slot).unwrap() + 1, 0])
}
