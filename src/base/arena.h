/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Memory for many small things that live as long as one owner: they are not freed one by one, but all at once. */
#pragma once

#include <glib.h>

typedef struct BerthArena BerthArena;

BerthArena *berth_base_arena_new(void);
void berth_base_arena_free(BerthArena *arena);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(BerthArena, berth_base_arena_free)

/* @size bytes, all 0, aligned for everything that has no greater alignment than a pointer. */
gpointer berth_base_arena_take(BerthArena *arena, gsize size);
/* A copy of the @length bytes at @text, with a 0 behind. */
char *berth_base_arena_text(BerthArena *arena, const char *text, gsize length);
