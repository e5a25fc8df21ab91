/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A stream of choices: what a fuzzer's bytes and a seeded generator both can drive. */
#pragma once

#include <glib.h>

typedef struct {
  const guint8 *data; /* borrowed; NULL: from @rand */
  gsize size, position;
  GRand *rand; /* borrowed; NULL: what follows the end of @data is 0 */
} TestChoices;

/* 0 … @n - 1; @n from 1 to 65536. At the end of a fuzzer's bytes always 0, which callers make the dull choice. */
guint test_choose(TestChoices *choices, guint n);
/* TRUE in @percent of 100 cases. */
gboolean test_chance(TestChoices *choices, guint percent);
/* Whether choices still mean something. */
gboolean test_choices_left(const TestChoices *choices);
