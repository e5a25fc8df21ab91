/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The stages of the engine, one file each, in the order engine.c calls them. All work on assignment->inventory. */
#pragma once

#include "assign/engine.h"

/* order.c: lists in libvirt's order, controllers' missing indexes (addressing §1.2, §1.3). */
gboolean berth_assign_order(BerthAssignment *assignment, GError **error);

/* identity.c: fills device->keys of every device (design: Identity). Equal aliases or disk targets: BAD_INPUT, both lines. */
gboolean berth_assign_identify(BerthAssignment *assignment, GError **error);

/* recall.c: matches devices and record entries key by key; gives matched devices without address their recorded place (if the
 * family says that they fit), brings back the controllers that berth had added, fills sticky values and uuid. Called again after
 * defaults.c has added devices: only what is unmatched is looked at. */
BerthRecall *berth_assign_recall_new(BerthAssignment *assignment, const BerthTables *tables, const BerthPlanOptions *options);
void berth_assign_recall_free(BerthRecall *recall);
/* The plan is made: lets go of all that is borrowed. What the new record is made from stays. */
void berth_assign_recall_end(BerthRecall *recall);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(BerthRecall, berth_assign_recall_free)
gboolean berth_assign_recall(BerthRecall *recall, GError **error);

/* machine.c: architecture, machine (recorded one first, alias → canonical by facts), machine family. */
gboolean berth_assign_machine(BerthAssignment *assignment, const BerthPlanOptions *options, GError **error);

/* defaults.c: what libvirt fills in for each device by itself: models, buses, ports, targets (addressing §1.1 stage 5, §6). Errors:
 * BAD_INPUT (a disk without target, a watchdog without model …). */
gboolean berth_assign_defaults(BerthAssignment *assignment, GError **error);

/* builtin.c: the devices that the machine brings along (addressing §1.1 stage 4, §6.1), behind the SCSI controllers that SCSI host
 * devices need. Errors: BAD_INPUT (PCI controller 0 is not the machine's root). */
gboolean berth_assign_builtin(BerthAssignment *assignment, GError **error);

/* implied.c: what the devices need: consoles, controllers that drive addresses name, video for graphics (§1.1 stage 6, §6.2-6.4).
 * Drive addresses must be set. */
gboolean berth_assign_implied(BerthAssignment *assignment, GError **error);

/* device.c: a new device of @element that berth adds, with @values (path, value … NULL) set; not in the inventory yet. */
BerthDevice *berth_assign_device_new(BerthAssignment *assignment, BerthElementId element, ...) G_GNUC_NULL_TERMINATED;
/* A new controller put where libvirt's list has it; @model may be NULL. (transfer none) */
BerthDevice *berth_assign_controller_add(BerthAssignment *assignment, const char *type, const char *model, gint64 index);
/* What the record has at @path of the controller of this type and index; NULL: nothing. (transfer none) */
const char *berth_assign_controller_recorded(const BerthAssignment *assignment, const BerthDevice *controller, const char *path);
/* implied.c: the controllers 0 … N that are missing, N being the one that the drive address of @device names (addressing §4.6), of
 * @model (NULL: the default, to be filled in later). */
gboolean berth_assign_controllers_up_to(BerthAssignment *assignment, const char *type, const char *model, const BerthDevice *device,
                                        GError **error);

/* mac.c: derives MACs that are still missing: 52:54:00 + hash of uuid (or name) and ordinal, collisions stepped. */
void berth_assign_macs(BerthAssignment *assignment);

/* check.c: what must hold before anything is placed: one controller of a type and index, a master for each group of USB companions,
 * no USB controller beside "none". Errors: BAD_INPUT, CONFLICT with both lines. */
gboolean berth_assign_check_controllers(const BerthAssignment *assignment, GError **error);
/* check.c: what libvirt validates after addressing (addressing §8): the one checker. */
gboolean berth_assign_check(const BerthAssignment *assignment, GError **error);

/* ids.c: QEMU ids as libvirt's aliases (addressing §9.3); a user alias (ua-…) is taken as it is. */
void berth_assign_ids(BerthAssignment *assignment);

/* remember.c: the new record: present devices in list order, then reservations (those of the old record that were not taken, and
 * devices that are gone now), oldest first. */
BerthRecord *berth_assign_remember(const BerthInventory *inventory, const BerthRecall *recall, const char *now);
