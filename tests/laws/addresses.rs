//! Addresses that are wanted for several functions: written ones, and stable ones of PFs that came
//! with the same address or with none.

use super::world::*;
use proptest::collection::vec;
use proptest::option;
use proptest::prelude::*;
use proptest::sample::select;
use sriovd_core::model::*;
use sriovd_core::policy::MacChoice;

/// What a world gets on top.
#[derive(Debug, Clone)]
pub(crate) struct Addressing {
    nics: [Came; SLOTS],
    /// Set of policies, policy, VF, and which address.
    written: Vec<(usize, usize, u16, MacAddress)>,
    stable: bool,
}

/// With which address a NIC came.
#[derive(Debug, Clone, Copy)]
enum Came {
    Own,
    Anothers,
    Nothing,
}

const SHARED: MacAddress = MacAddress([0x52, 0x54, 0xcc, 0, 0, 1]);

pub(crate) fn addressing() -> impl Strategy<Value = Addressing> {
    let came = || select(vec![Came::Own, Came::Anothers, Came::Nothing]);
    let last = prop_oneof![4 => 1..4u8, 1 => Just(0)];
    let address = last.prop_map(|last| match last {
        0 => SHARED,
        last => MacAddress([2, 0xaa, 0, 0, 0, last]),
    });
    let written = vec((0..2usize, 0..3usize, 0..4u16, address), 0..8);
    let nics = [came(), came(), came()];
    (nics, written, option::of(Just(()))).prop_map(|(nics, written, stable)| Addressing {
        nics,
        written,
        stable: stable.is_some(),
    })
}

impl Addressing {
    pub(crate) fn world(&self, mut world: World) -> World {
        for policy in world.policies.iter_mut().flatten().filter(|_| self.stable) {
            policy.mac = MacChoice::Stable;
        }
        for &(turn, policy, vf, mac) in &self.written {
            if let Some(policy) = world.policies[turn].get_mut(policy) {
                let special = policy.overrides.entry(VfIndex(vf)).or_default();
                special.mac = Some(MacChoice::Fixed(mac));
            }
        }
        world.nics = world.nics.map(|nic| nic.map(|nic| self.nic(&nic)));
        world
    }

    pub(crate) fn event(&self, event: Event) -> Event {
        match event {
            Event::Plug(slot, nic) => Event::Plug(slot, self.nic(&nic)),
            event => event,
        }
    }

    fn nic(&self, nic: &Nic) -> Nic {
        let came = self.nics[nic.slot];
        let address = match came {
            Came::Own => nic.address,
            Came::Anothers => SHARED,
            Came::Nothing => MacAddress::ZERO,
        };
        Nic {
            address,
            ..nic.clone()
        }
    }
}
