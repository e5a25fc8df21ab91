/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What USB controllers are (addressing §5.3): which share a bus, how many ports they have. */
#pragma once

#include "model/device.h"

/* Whether @controller is a USB controller that has no bus of its own: it serves the slow devices of its master's bus. */
gboolean berth_families_usb_is_companion(const BerthDevice *controller);
/* How many root ports the USB controller has; 0: a companion, or no controller at all (model none). */
guint berth_families_usb_ports(const BerthDevice *controller);
