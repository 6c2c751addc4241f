//! What keeps a record, and what does not.

use super::*;
use crate::attach::records::tests::{allocation, records};
use crate::host::linux::prepared::{Prepared, pci};
use crate::model::MacAddress;

#[test]
fn a_vf_whose_netdev_is_on_its_way_keeps_its_record() {
    let host = Prepared::with_pf();
    host.vf(0, "igbvf");
    let records = records(&host.path(""));
    let mut lent = allocation(0, "box");
    lent.interface_before = Some(VfInterface {
        index: 7,
        name: "ens1v0".parse().unwrap(),
        mac: MacAddress([2, 0, 0, 0, 0, 7]),
        mtu: crate::model::Mtu::try_from(1500).unwrap(),
        up: false,
    });
    records.create(&lent).unwrap();
    let lender = Lender::new(host.path(""));

    let later = lender.give_back("box", "eth0").unwrap().unwrap();
    assert!(later.is_coming && !later.troubles.is_empty(), "{later:?}");
    assert_eq!(records.all(), [lent.clone()]);

    // Without a driver there is none to wait for.
    host.remove(&format!("{}/driver", pci(&lent.address.to_string())));
    let back = lender.give_back("box", "eth0").unwrap().unwrap();
    assert_eq!(back, GivenBack::default());
    assert_eq!(records.all(), []);
}
