/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <berth/guest.h>

G_BEGIN_DECLS

/*
 * Guests that go elsewhere without noticing: into a file and back, or to another store of this host. What runs on must find every
 * device where it was; so both ends of a move are compared first, and nothing moves while there is a difference.
 */

/** BerthDifference: one thing that a guest sees; strings are owned by it, empty ("") where there is nothing to say. */
typedef struct {
  char *device; /* "interface 52:54:00:…", "domain" */
  char *change; /* "added", "removed", "moved", "changed" */
  char *aspect; /* what is moved or changed: "address", "model", "memory" … */
  char *was, *now;
} BerthDifference;
BERTH_API void berth_difference_free(BerthDifference *difference);
/**
 * berth_plan_diff:
 *
 * What a guest would see differently if it ran with @now instead of @was: the devices that came and went, each device's place with
 * all that QEMU's state depends on (also multifunction, USB ports, drive targets, chassis and port numbers), and each property that
 * is visible from inside. What is behind a device (files, bridges, sockets, displays) is not looked at. Pure.
 *
 * Returns: (transfer container full): BerthDifference in the order of @was, what was added last; empty: none.
 */
BERTH_API GPtrArray *berth_plan_diff(const BerthPlan *was, const BerthPlan *now);

G_END_DECLS
