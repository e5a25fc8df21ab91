/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The table of bus families, in the order in which they are assigned (addressing §1.5); ends with type BERTH_ADDRESS_NONE. */
#pragma once

#include "model/family.h"

extern const BerthFamily berth_families[];

/* The family of @type, NULL if there is none. */
const BerthFamily *berth_families_find(const BerthFamily *families, BerthAddressType type);
