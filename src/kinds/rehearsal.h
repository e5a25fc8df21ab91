/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * A rehearsal: the guest's exact hardware, with nothing of the host behind it. Every device sits where it sits in the guest; its
 * back end is a null one, or, where QEMU has no such thing (a host device, a vhost daemon), another device holds the place.
 */
#pragma once

#include "kinds/kinds.h"

typedef struct {
  BerthQemu *qemu;     /* as of berth_kinds_build(), with TCG, for any user on any host */
  GHashTable *backend; /* const BerthDevice * -> char *: "null", "placeholder: DRIVER", "left out: DRIVER", behind "null" maybe
                        * "; options left out: WHY"; no entry: the device has no back end */
  char *guest;         /* which options of the guest as a whole are left out, and why; NULL: none */
} BerthRehearsal;

void berth_kinds_rehearsal_free(BerthRehearsal *rehearsal);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(BerthRehearsal, berth_kinds_rehearsal_free)

/*
 * Pure. What start would refuse because of its back end or of an option is rehearsed without; nothing of the document's files,
 * sockets, interfaces or host devices is named in the result. Arguments as of berth_kinds_build().
 * Errors: UNSUPPORTED with file and line: a device that this QEMU lacks, or that berth does not know.
 */
BerthRehearsal *berth_kinds_rehearse(const BerthInventory *inventory, const BerthFacts *facts, const BerthFamily *families,
                                     GError **error);
