/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What must hold of every plan. Each returns NULL, or what does not hold with the documents it is about. (transfer full) */
#pragma once

#include <berth/berth.h>

/* No two devices share an address. */
char *test_holds_unique(const BerthPlan *plan);
/* Its own output, planned again with its record and (unless it carries the record itself) without one, changes no byte; nor does
 * the record once it has seen that output; it reads as it was printed. */
char *test_holds_settled(const BerthPlan *plan, gboolean embed);
/* Addresses that the document gave in full are still there. */
char *test_holds_written(const BerthPlan *plan);
/* The devices of the finished document, shuffled: each has the same address. @seed chooses the order. */
char *test_holds_shuffled(const BerthPlan *plan, guint32 seed);
