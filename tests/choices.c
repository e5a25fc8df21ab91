/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "choices.h"

static guint next_byte(TestChoices *choices) {
  return choices->position < choices->size ? choices->data[choices->position++] : 0;
}

guint test_choose(TestChoices *choices, guint n) {
  if (choices->data == NULL && choices->rand != NULL)
    return (guint)g_rand_int_range(choices->rand, 0, (gint32)n);
  guint value = next_byte(choices);
  if (n > 256)
    value |= next_byte(choices) << 8;
  return value % n;
}

gboolean test_chance(TestChoices *choices, guint percent) {
  return test_choose(choices, 100) >= 100 - percent;
}

gboolean test_choices_left(const TestChoices *choices) {
  return choices->data == NULL ? choices->rand != NULL : choices->position < choices->size;
}
