/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "assign/stages.h"
#include "model/identity.h"

/* Computes device->keys of every device anew, as the inventory stands now, strongest first. */
void berth_assign_identity_refresh(const BerthInventory *inventory);
