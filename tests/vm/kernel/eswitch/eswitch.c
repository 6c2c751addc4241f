// SPDX-License-Identifier: GPL-2.0
/*
 * An eSwitch for NICs that have none: each igb PF gets a devlink instance with a mode, and in switchdev mode a representor
 * for each of its VFs, which come and go with them. hw-tc-offload can be switched, and there are parameters, one of each
 * kind. No packet goes through it. For the tests of sriovd alone.
 */
#include <linux/etherdevice.h>
#include <linux/module.h>
#include <linux/netdevice.h>
#include <linux/pci.h>
#include <linux/workqueue.h>
#include <net/devlink.h>

#define MOST 64

static bool strict;
module_param(strict, bool, 0644);
MODULE_PARM_DESC(strict, "the mode is changed only without VFs, as by ice");
static int busy;
module_param(busy, int, 0644);
MODULE_PARM_DESC(busy, "so many changes of the mode are answered with EBUSY");
static bool lacking;
module_param(lacking, bool, 0644);
MODULE_PARM_DESC(lacking, "the firmware knows no switchdev mode");
static unsigned int changes;
module_param(changes, uint, 0444);
MODULE_PARM_DESC(changes, "how often a mode was set, the same one included");

static unsigned int reloads;
module_param(reloads, uint, 0444);
MODULE_PARM_DESC(reloads, "how often the device was started anew");

struct representor {
	struct devlink_port port;
	struct net_device *dev;
};

struct eswitch {
	struct list_head list;
	struct pci_dev *pf;
	u16 mode;
	bool smfs;
	/* As it was when the device was started last. */
	u32 table_size;
	DECLARE_BITMAP(vfs, MOST);
	struct representor representors[MOST];
	struct work_struct work;
};

static LIST_HEAD(switches);
static DEFINE_MUTEX(switches_lock);

static netdev_tx_t rep_xmit(struct sk_buff *skb, struct net_device *dev)
{
	dev_kfree_skb(skb);
	return NETDEV_TX_OK;
}

static const struct net_device_ops rep_ops = {
	.ndo_start_xmit = rep_xmit,
	.ndo_set_mac_address = eth_mac_addr,
	.ndo_validate_addr = eth_validate_addr,
};

static void rep_setup(struct net_device *dev)
{
	ether_setup(dev);
	dev->netdev_ops = &rep_ops;
	dev->needs_free_netdev = true;
	dev->max_mtu = 9978;
	dev->hw_features |= NETIF_F_HW_TC;
	eth_hw_addr_random(dev);
}

static void rep_add(struct eswitch *sw, unsigned int vf)
{
	struct representor *rep = &sw->representors[vf];
	struct devlink_port_attrs attrs = {
		.flavour = DEVLINK_PORT_FLAVOUR_PCI_VF,
		.pci_vf.vf = vf,
		.switch_id.id = { 0x52, 0x54, sw->pf->bus->number, sw->pf->devfn },
		.switch_id.id_len = 4,
	};

	memset(&rep->port, 0, sizeof(rep->port));
	devlink_port_attrs_set(&rep->port, &attrs);
	if (devl_port_register(priv_to_devlink(sw), &rep->port, 128 + vf))
		return;
	rep->dev = alloc_netdev(0, "eth%d", NET_NAME_ENUM, rep_setup);
	if (!rep->dev)
		goto no_port;
	SET_NETDEV_DEV(rep->dev, &sw->pf->dev);
	SET_NETDEV_DEVLINK_PORT(rep->dev, &rep->port);
	if (!register_netdev(rep->dev))
		return;
	free_netdev(rep->dev);
	rep->dev = NULL;
no_port:
	devl_port_unregister(&rep->port);
}

static void rep_del(struct representor *rep)
{
	unregister_netdev(rep->dev);
	rep->dev = NULL;
	devl_port_unregister(&rep->port);
}

/* With the lock of its devlink instance. */
static void sync(struct eswitch *sw)
{
	unsigned int vf;

	for (vf = 0; vf < MOST; vf++) {
		bool wanted = sw->mode == DEVLINK_ESWITCH_MODE_SWITCHDEV && test_bit(vf, sw->vfs);
		struct representor *rep = &sw->representors[vf];

		if (wanted && !rep->dev)
			rep_add(sw, vf);
		else if (!wanted && rep->dev)
			rep_del(rep);
	}
}

static void work(struct work_struct *work)
{
	struct eswitch *sw = container_of(work, struct eswitch, work);

	devl_lock(priv_to_devlink(sw));
	sync(sw);
	devl_unlock(priv_to_devlink(sw));
}

static int mode_get(struct devlink *devlink, u16 *mode)
{
	struct eswitch *sw = devlink_priv(devlink);

	*mode = sw->mode;
	return 0;
}

static int mode_set(struct devlink *devlink, u16 mode, struct netlink_ext_ack *extack)
{
	struct eswitch *sw = devlink_priv(devlink);

	changes++;
	if (lacking && mode != DEVLINK_ESWITCH_MODE_LEGACY) {
		NL_SET_ERR_MSG_MOD(extack, "The firmware knows no switchdev mode");
		return -EOPNOTSUPP;
	}
	if (strict && !bitmap_empty(sw->vfs, MOST)) {
		NL_SET_ERR_MSG_MOD(extack, "Changing eswitch mode is allowed only if there is no VFs created");
		return -EOPNOTSUPP;
	}
	if (busy > 0) {
		busy--;
		NL_SET_ERR_MSG_MOD(extack, "Can't change mode, E-Switch is busy");
		return -EBUSY;
	}
	sw->mode = mode;
	sync(sw);
	return 0;
}

enum {
	PARAM_STEERING = DEVLINK_PARAM_GENERIC_ID_MAX + 1,
	PARAM_TABLE_SIZE,
};

static int steering_get(struct devlink *devlink, u32 id, struct devlink_param_gset_ctx *ctx)
{
	struct eswitch *sw = devlink_priv(devlink);

	strscpy(ctx->val.vstr, sw->smfs ? "smfs" : "dmfs", sizeof(ctx->val.vstr));
	return 0;
}

static int steering_set(struct devlink *devlink, u32 id, struct devlink_param_gset_ctx *ctx,
			struct netlink_ext_ack *extack)
{
	struct eswitch *sw = devlink_priv(devlink);

	sw->smfs = !strcmp(ctx->val.vstr, "smfs");
	return 0;
}

static int steering_validate(struct devlink *devlink, u32 id, union devlink_param_value val,
			     struct netlink_ext_ack *extack)
{
	struct eswitch *sw = devlink_priv(devlink);

	if (strcmp(val.vstr, "smfs") && strcmp(val.vstr, "dmfs")) {
		NL_SET_ERR_MSG_MOD(extack, "Bad parameter: supported values are [\"dmfs\", \"smfs\"]");
		return -EINVAL;
	}
	if (sw->mode == DEVLINK_ESWITCH_MODE_SWITCHDEV) {
		NL_SET_ERR_MSG_MOD(extack, "Moving to another steering mode is not supported in switchdev mode");
		return -EOPNOTSUPP;
	}
	return 0;
}

static int sriov_get(struct devlink *devlink, u32 id, struct devlink_param_gset_ctx *ctx)
{
	ctx->val.vbool = true;
	return 0;
}

static int sriov_set(struct devlink *devlink, u32 id, struct devlink_param_gset_ctx *ctx,
		     struct netlink_ext_ack *extack)
{
	return -EOPNOTSUPP;
}

static const struct devlink_param params[] = {
	DEVLINK_PARAM_DRIVER(PARAM_STEERING, "flow_steering_mode", DEVLINK_PARAM_TYPE_STRING,
			     BIT(DEVLINK_PARAM_CMODE_RUNTIME), steering_get, steering_set, steering_validate),
	DEVLINK_PARAM_DRIVER(PARAM_TABLE_SIZE, "table_size", DEVLINK_PARAM_TYPE_U32,
			     BIT(DEVLINK_PARAM_CMODE_DRIVERINIT), NULL, NULL, NULL),
	DEVLINK_PARAM_GENERIC(ENABLE_SRIOV, BIT(DEVLINK_PARAM_CMODE_PERMANENT), sriov_get, sriov_set, NULL),
};

static int reload_down(struct devlink *devlink, bool netns_change, enum devlink_reload_action action,
		       enum devlink_reload_limit limit, struct netlink_ext_ack *extack)
{
	struct eswitch *sw = devlink_priv(devlink);

	if (!bitmap_empty(sw->vfs, MOST)) {
		NL_SET_ERR_MSG_MOD(extack, "reload is refused with VFs");
		return -EOPNOTSUPP;
	}
	return 0;
}

static int reload_up(struct devlink *devlink, enum devlink_reload_action action,
		     enum devlink_reload_limit limit, u32 *actions_performed, struct netlink_ext_ack *extack)
{
	struct eswitch *sw = devlink_priv(devlink);
	union devlink_param_value value;

	reloads++;
	sw->mode = DEVLINK_ESWITCH_MODE_LEGACY;
	if (!devl_param_driverinit_value_get(devlink, PARAM_TABLE_SIZE, &value))
		sw->table_size = value.vu32;
	dev_info(&sw->pf->dev, "started anew with table_size %u\n", sw->table_size);
	*actions_performed = BIT(DEVLINK_RELOAD_ACTION_DRIVER_REINIT);
	return 0;
}

static const struct devlink_ops ops = {
	.reload_actions = BIT(DEVLINK_RELOAD_ACTION_DRIVER_REINIT),
	.reload_down = reload_down,
	.reload_up = reload_up,
	.eswitch_mode_get = mode_get,
	.eswitch_mode_set = mode_set,
};

static struct eswitch *of(struct pci_dev *pf)
{
	struct eswitch *sw;

	list_for_each_entry(sw, &switches, list)
		if (sw->pf == pf)
			return sw;
	return NULL;
}

static void attach(struct pci_dev *pf)
{
	union devlink_param_value value = { .vu32 = 32 };
	struct devlink *devlink;
	struct eswitch *sw;

	if (of(pf) || !pci_sriov_get_totalvfs(pf) || !pf->driver || strcmp(pf->driver->name, "igb"))
		return;
	devlink = devlink_alloc(&ops, sizeof(*sw), &pf->dev);
	if (!devlink)
		return;
	sw = devlink_priv(devlink);
	sw->pf = pf;
	INIT_WORK(&sw->work, work);
	list_add(&sw->list, &switches);
	/* igb has its netdev there. */
	((struct net_device *)pci_get_drvdata(pf))->hw_features |= NETIF_F_HW_TC;
	sw->table_size = value.vu32;
	if (!devlink_params_register(devlink, params, ARRAY_SIZE(params))) {
		devl_lock(devlink);
		devl_param_driverinit_value_set(devlink, PARAM_TABLE_SIZE, value);
		devl_unlock(devlink);
	}
	devlink_register(devlink);
}

static void detach(struct eswitch *sw)
{
	struct devlink *devlink = priv_to_devlink(sw);

	list_del(&sw->list);
	cancel_work_sync(&sw->work);
	devlink_unregister(devlink);
	devlink_params_unregister(devlink, params, ARRAY_SIZE(params));
	devl_lock(devlink);
	bitmap_zero(sw->vfs, MOST);
	sync(sw);
	devl_unlock(devlink);
	devlink_free(devlink);
}

static int on_bus(struct notifier_block *nb, unsigned long action, void *data)
{
	struct pci_dev *dev = to_pci_dev(data);
	struct eswitch *sw;

	mutex_lock(&switches_lock);
	if (dev->is_virtfn) {
		int vf = pci_iov_vf_id(dev);

		sw = of(pci_physfn(dev));
		if (sw && vf >= 0 && vf < MOST) {
			if (action == BUS_NOTIFY_ADD_DEVICE)
				set_bit(vf, sw->vfs);
			else if (action == BUS_NOTIFY_DEL_DEVICE)
				clear_bit(vf, sw->vfs);
			schedule_work(&sw->work);
		}
	} else if (action == BUS_NOTIFY_BOUND_DRIVER) {
		attach(dev);
	} else if (action == BUS_NOTIFY_UNBIND_DRIVER) {
		sw = of(dev);
		if (sw)
			detach(sw);
	}
	mutex_unlock(&switches_lock);
	return NOTIFY_OK;
}

static struct notifier_block notifier = { .notifier_call = on_bus };

static int __init eswitch_init(void)
{
	struct pci_dev *dev = NULL;
	int error = bus_register_notifier(&pci_bus_type, &notifier);

	if (error)
		return error;
	mutex_lock(&switches_lock);
	while ((dev = pci_get_device(PCI_ANY_ID, PCI_ANY_ID, dev)))
		attach(dev);
	mutex_unlock(&switches_lock);
	return 0;
}

static void __exit eswitch_exit(void)
{
	struct eswitch *sw, *next;

	bus_unregister_notifier(&pci_bus_type, &notifier);
	mutex_lock(&switches_lock);
	list_for_each_entry_safe(sw, next, &switches, list)
		detach(sw);
	mutex_unlock(&switches_lock);
}

module_init(eswitch_init);
module_exit(eswitch_exit);
MODULE_LICENSE("GPL");
MODULE_DESCRIPTION("An eSwitch on emulated NICs, for tests");
