/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The engine on random guests made of the tables of elements and kinds: the input is the stream of choices that makes a guest and
 * an edit of it (generate.h). What must hold is in life.h.
 */
#include "fuzz.h"
#include "life.h"

#define MAX_DEVICES 20

int LLVMFuzzerTestOneInput(const guint8 *data, gsize size) {
  TestChoices choices = {.data = size > 0 ? data : (const guint8 *)"", .size = size};
  guint percent = test_choose(&choices, 3) * 25;
  g_autoptr(TestLife) life = test_life_new(&choices, MAX_DEVICES, percent);
  g_autofree char *broken = test_life_check(life, (guint32)size, NULL);
  MUST(broken == NULL, "%s", broken);
  return 0;
}
