/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "base/arena.h"

#include <string.h>

/* Each block is twice as large as the one before, so that the small stay small and the large have few blocks; none is so large that
 * malloc asks the kernel for it alone (mallopt(3), M_MMAP_THRESHOLD), whose pages would be new each time. */
#define FIRST_BLOCK ((gsize)2 << 10)
#define MAX_BLOCK ((gsize)64 << 10)

typedef struct Block Block;
struct Block {
  Block *before;
  char bytes[];
};

struct BerthArena {
  Block *last;
  char *next, *end; /* what is free of the last block */
  gsize size;       /* of the next block */
};

BerthArena *berth_base_arena_new(void) {
  BerthArena *arena = g_new0(BerthArena, 1);
  arena->size = FIRST_BLOCK;
  return arena;
}

void berth_base_arena_free(BerthArena *arena) {
  if (arena == NULL)
    return;
  while (arena->last != NULL) {
    Block *block = arena->last;
    arena->last = block->before;
    g_free(block);
  }
  g_free(arena);
}

static char *take(BerthArena *arena, gsize size, gsize alignment) {
  gsize padding = -(gsize)arena->next & (alignment - 1);
  if (size > G_MAXSIZE / 2 || (gsize)(arena->end - arena->next) < size + padding) {
    gsize capacity = MAX(arena->size, size);
    Block *block = g_malloc0(sizeof *block + capacity);
    block->before = arena->last;
    arena->last = block;
    arena->next = block->bytes;
    arena->end = block->bytes + capacity;
    arena->size = MIN(arena->size * 2, MAX_BLOCK);
    padding = 0; /* the block's beginning is aligned for everything */
  }
  char *taken = arena->next + padding;
  arena->next = taken + size;
  return taken;
}

gpointer berth_base_arena_take(BerthArena *arena, gsize size) {
  return take(arena, size, sizeof(gpointer));
}

char *berth_base_arena_text(BerthArena *arena, const char *text, gsize length) {
  char *copy = take(arena, length + 1, 1);
  memcpy(copy, text, length);
  return copy;
}
