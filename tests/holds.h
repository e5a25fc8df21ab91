/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What must hold of every plan. Each returns NULL, or what does not hold with the documents it is about. (transfer full) */
#pragma once

#include <berth/berth.h>

#include "model/device.h"

/* No two devices share an address. */
char *test_holds_unique(const BerthPlan *plan);
/* Its own output, planned again with its record and (unless it carries the record itself) without one, changes no byte; nor does
 * the record once it has seen that output; it reads as it was printed. */
char *test_holds_settled(const BerthPlan *plan, gboolean embed);
/* Addresses that the document gave in full are still there. */
char *test_holds_written(const BerthPlan *plan);
/* The devices of the finished document, shuffled: each has the same address. @seed chooses the order. */
char *test_holds_shuffled(const BerthPlan *plan, guint32 seed);
/* Where a conventional hierarchy must be started for a device, libvirt puts it one bus further on than written (addressing §3.7),
 * and so does berth; whether it is so for @device. */
gboolean test_holds_raised(const BerthDevice *device);
