/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Random guests of every kind of device there is, on all machines, and random edits of them: what must hold is in life.h. A failure
 * is shrunk to a small guest, which is printed. BERTH_TEST_ROUNDS=10000 for more than the usual rounds; BERTH_TEST_SEED=N makes N
 * the first round's seed.
 */
#include "life.h"

#define ROUNDS 200
#define LARGE 1000
#define FIRST_SEED 71

static guint32 from_environment(const char *name, guint32 fallback) {
  const char *text = g_getenv(name);
  return text != NULL ? (guint32)g_ascii_strtoull(text, NULL, 10) : fallback;
}

static void fail(TestLife *life, guint32 seed) {
  g_autofree char *small = test_life_shrink(life, seed);
  g_printerr("BERTH_TEST_SEED=%u: %s\n", seed, small);
  g_error("BERTH_TEST_SEED=%u: a guest does not hold", seed);
}

/* Returns whether there was something to check. */
static gboolean live(guint32 seed) {
  g_autoptr(GRand) rand = g_rand_new_with_seed(seed);
  TestChoices choices = {.rand = rand};
  guint n = 1 + test_choose(&choices, test_chance(&choices, 20) ? 60 : 20);
  g_autoptr(TestLife) life = test_life_new(&choices, n, test_choose(&choices, 3) * 25);
  gboolean planned = FALSE;
  g_autofree char *broken = test_life_check(life, seed, &planned);
  if (broken != NULL)
    fail(life, seed);
  return planned;
}

static void test_random_guests(void) {
  guint32 first = from_environment("BERTH_TEST_SEED", FIRST_SEED), rounds = from_environment("BERTH_TEST_ROUNDS", ROUNDS);
  guint planned = 0;
  g_test_message("BERTH_TEST_SEED=%u, %u rounds", first, rounds);
  for (guint32 i = 0; i < rounds; i++)
    planned += live(first + i);
  g_test_message("%u of %u guests could be planned", planned, rounds);
  g_assert_cmpuint(planned * 10, >=, rounds < 100 ? 0 : rounds * 8);
}

/* Seeds that found something, each of which is mended. */
static void test_known_seeds(void) {
  static const guint32 known[] = {20887, 430419, 5000457, 5001658, 10040996, 10445524};
  for (guint i = 0; i < G_N_ELEMENTS(known); i++)
    g_assert_true(live(known[i]));
}

static void test_large_guest(void) {
  guint32 seed = from_environment("BERTH_TEST_SEED", FIRST_SEED);
  g_autoptr(GRand) rand = g_rand_new_with_seed(seed);
  TestChoices choices = {.rand = rand};
  g_autoptr(TestLife) life = test_life_new_large(&choices, LARGE);
  gboolean planned = FALSE;
  g_autofree char *broken = test_life_check(life, seed, &planned);
  if (broken != NULL)
    g_error("BERTH_TEST_SEED=%u: %.2000s", seed, broken);
  g_assert_true(planned);
}

int main(int argc, char **argv) {
  g_test_init(&argc, &argv, NULL);
  g_test_add_func("/random/guests-of-every-kind-hold", test_random_guests);
  g_test_add_func("/random/what-once-failed-holds", test_known_seeds);
  g_test_add_func("/random/a-guest-of-1000-devices-holds", test_large_guest);
  return g_test_run();
}
