/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The stages of the engine, one file each, in the order engine.c calls them. All work on assignment->inventory (a copy). */
#pragma once

#include "assign/engine.h"

/* order.c: lists in libvirt's order, controllers' missing indexes (addressing §1.2, §1.3). */
gboolean berth_assign_order(BerthAssignment *assignment, GError **error);

/* identity.c: fills device->keys of every device (design: Identity). Equal aliases or disk targets: BAD_INPUT, both lines. */
gboolean berth_assign_identify(BerthAssignment *assignment, GError **error);

/* recall.c: matches devices and record entries key by key; gives matched devices without address their recorded place (if the
 * family says that they fit), brings back the controllers that berth had added, fills sticky values and uuid. Called again after
 * defaults.c has added devices: only what is unmatched is looked at. */
typedef struct BerthRecall BerthRecall;
BerthRecall *berth_assign_recall_new(BerthAssignment *assignment, const BerthTables *tables, const BerthPlanOptions *options);
void berth_assign_recall_free(BerthRecall *recall);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(BerthRecall, berth_assign_recall_free)
gboolean berth_assign_recall(BerthRecall *recall, GError **error);

/* machine.c: architecture, machine (recorded one first, alias → canonical by facts), machine family. */
gboolean berth_assign_machine(BerthAssignment *assignment, const BerthPlanOptions *options, GError **error);

/* defaults.c, implicit.c: what libvirt adds and fills in before placing anything: per-machine devices, models, disk buses,
 * consoles, disk controllers that drive addresses imply (addressing §1.1 stages 4-6, §6). Calls the drive family where §1.1 does.
 */
gboolean berth_assign_defaults(BerthAssignment *assignment, const BerthTables *tables, GError **error);
gboolean berth_assign_implied(BerthAssignment *assignment, const BerthTables *tables, GError **error);

/* mac.c: derives MACs that are still missing: 52:54:00 + hash of uuid (or name) and ordinal, collisions stepped. */
void berth_assign_macs(BerthAssignment *assignment);

/* check.c: what libvirt validates after addressing (addressing §8): the one checker. */
gboolean berth_assign_check(const BerthAssignment *assignment, GError **error);

/* ids.c: QEMU ids as libvirt's aliases (addressing §9.3); a user alias (ua-…) is taken as it is. */
void berth_assign_ids(BerthAssignment *assignment);

/* remember.c: the new record: present devices in list order, then reservations (those of the old record that were not taken, and
 * devices that are gone now), oldest first. */
BerthRecord *berth_assign_remember(const BerthAssignment *assignment, const BerthRecall *recall, const BerthPlanOptions *options);
