/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What a guest sees of its hardware, and so what must be the same on both ends when its state moves (addressing §9.1, and stricter
 * where QEMU's stream depends on more than libvirt compares).
 */
#pragma once

#include <berth/move.h>

#include "model/inventory.h"

/* How two values of an aspect are compared. */
typedef enum {
  BERTH_ABI_TEXT,    /* letter by letter */
  BERTH_ABI_WORD,    /* whatever the case of letters */
  BERTH_ABI_NUMBER,  /* in any C base */
  BERTH_ABI_SWITCH,  /* on, yes and 1; off, no and 0 */
  BERTH_ABI_SIZE,    /* with a unit, KiB if there is none */
  BERTH_ABI_PRESENT, /* whether the element is there */
  BERTH_ABI_TREE,    /* all elements at the path with all that is in them, in any order */
} BerthAbiForm;

typedef struct {
  const char *path;   /* as of berth_xml_node_get() */
  const char *aspect; /* what people call it */
  BerthAbiForm form;
  const char *fallback; /* what it is where the document does not say; NULL: nothing */
  const char *except;   /* not looked at if "@device" is this; NULL: always */
} BerthAbiAspect;

/* Ends with a NULL path: of the domain; of any device; of the devices of one element (NULL: no more). */
extern const BerthAbiAspect berth_kinds_abi_domain[], berth_kinds_abi_devices[];
const BerthAbiAspect *berth_kinds_abi_of(BerthElementId element);

/* As berth_plan_diff(), of two inventories that assignment is through with. */
GPtrArray *berth_kinds_abi_diff(const BerthInventory *was, const BerthInventory *now);

/* For each device of @was the one in @now that it is, or NULL; also for what a guest does not see (graphics, audio) if @unseen.
 * (transfer container full), devices not */
GPtrArray *berth_kinds_abi_partners(const BerthInventory *was, const BerthInventory *now, gboolean unseen);

/* The first device whose state is in the host's hardware, where QEMU cannot read it: none of such a guest's moves. NULL: none. */
const BerthDevice *berth_kinds_abi_bound(const BerthInventory *inventory);
