/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The two tables: elements (kinds/elements.c) and kinds (kinds/kinds.c). Only kinds/ and families/ may name a kind or a family. */
#pragma once

#include "model/kind.h"

/* BERTH_N_ELEMENTS rows, indexed by BerthElementId. */
extern const BerthElement berth_kinds_elements[];

/* The element called @name, NULL if berth does not know it. */
const BerthElement *berth_kinds_element(const char *name);

/* The row for @device as it stands (model and bus set so far); NULL if the table has none. */
const BerthKind *berth_kinds_classify(const BerthDevice *device);

/* All QEMU objects of the guest: machine, memory, CPU … then each device through its kind, with the address properties its
 * family gives. @families ends with type NONE. Monitors and other things of the runner are not part of it.
 * Errors: UNSUPPORTED, naming an element that changes the guest's hardware and that berth cannot start, with file and line. */
typedef struct BerthFamily BerthFamily;
BerthQemu *berth_kinds_build(const BerthInventory *inventory, const BerthFacts *facts, const BerthFamily *families, GError **error);
