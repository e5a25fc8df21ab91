/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The table of what start understands, split by what it is about; supported.c reads it. */
#pragma once

/*
 * One row an element: its path below <domain> ("devices/""*": any device; of ports: below <serial>, <channel> and their like), and
 * the attributes that are understood, with the values that are if not all of them ("name", "name=a|b"). NULL: nothing in it changes
 * the guest's hardware, all of it is fine. That goes also for what only says how the host runs the guest (pinning, quotas, labels).
 * Ends with a NULL path.
 */
typedef struct {
  const char *path, *attributes;
  const char *note; /* what is told where it is there, for it has no effect; NULL: nothing */
} BerthUnderstood;

extern const BerthUnderstood berth_kinds_understood_guest[];   /* understood-guest.c */
extern const BerthUnderstood berth_kinds_understood_devices[]; /* understood-devices.c */
extern const BerthUnderstood berth_kinds_understood_disks[];   /* understood-disks.c */
extern const BerthUnderstood berth_kinds_understood_ports[];   /* understood-devices.c */

/* Attributes of <driver> of any virtio device. */
#define BERTH_UNDERSTOOD_VIRTIO " iommu ats packed page_per_vq"
