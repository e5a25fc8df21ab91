/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What must hold of a guest's life: planned, edited, planned again with its record. */
#pragma once

#include "generate.h"

/*
 * Plans @life: first takes the devices out that are wrong by themselves (berth names their line), then checks everything of holds.h
 * on both documents, and that what stays keeps its address and its guest bus number. NULL: all holds, or nothing could be planned.
 * @seed is for what is shuffled. @planned (may be NULL): whether there was something to check. (transfer full)
 */
char *test_life_check(TestLife *life, guint32 seed, gboolean *planned);

/* Takes out whatever can be taken out while something fails still, and returns what that is. (transfer full) */
char *test_life_shrink(TestLife *life, guint32 seed);
