/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* libosinfo's database of operating systems. */
#pragma once

#include <berth/plan.h>

/*
 * Which virtio the operating system @id (libosinfo's id or short id) speaks, from the PCI ids of the devices that the database
 * lists for it and for its drivers (virtio 1.1, 4.1.2: 0x1000-0x103f are transitional devices, from 0x1040 on those of 1.0). Loads
 * libosinfo at the first call; reading its database takes about half a second. Errors: FAILED: no libosinfo, or no database.
 */
gboolean berth_host_osinfo_virtio(const char *id, BerthVirtio *virtio, GError **error);
