/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What travels with a guest's state: what is written is read back, and nothing that is read can do harm. */
#include "model/manifest.h"

#include <string.h>

static const BerthManifest whole = {.name = (char *)"guest",
                                    .uuid = (char *)"4dea22b3-1d52-d8f3-2516-782e98ab3fa0",
                                    .made = (char *)"2026-01-31T23:59:59Z",
                                    .state = (char *)"running",
                                    .document = (char *)"<domain>\n  <!-- ü -->\n</domain>\n",
                                    .record = (char *)"{}",
                                    .defined_document = (char *)"name 3\n",
                                    .defined_record = (char *)"",
                                    .machine = (char *)"pc-q35-8.2"};

static BerthManifest *parse(const char *text, gsize length, GError **error) {
  g_autoptr(GBytes) bytes = g_bytes_new(text, length);
  return berth_model_manifest_parse(bytes, "here", error);
}

static void test_what_is_written_is_read(void) {
  g_autoptr(GError) error = NULL;
  g_autoptr(GBytes) bytes = berth_model_manifest_print(&whole);
  g_autoptr(BerthManifest) again = berth_model_manifest_parse(bytes, "here", &error);
  g_assert_no_error(error);
  g_autoptr(GBytes) twice = berth_model_manifest_print(again);
  g_assert_true(g_bytes_equal(bytes, twice));
  g_assert_cmpstr(again->document, ==, whole.document);
  g_assert_cmpstr(again->defined_document, ==, whole.defined_document);
}

static void test_every_truncation_is_refused(void) {
  gsize length = 0;
  g_autoptr(GBytes) bytes = berth_model_manifest_print(&whole);
  const char *text = g_bytes_get_data(bytes, &length);
  for (gsize i = 0; i < length; i++) {
    g_autoptr(GError) error = NULL;
    g_autoptr(BerthManifest) none = parse(text, i, &error);
    g_assert_null(none);
    g_assert_error(error, BERTH_ERROR, BERTH_ERROR_BAD_INPUT);
  }
}

static void test_what_is_malformed_is_refused(void) {
  static const char *const pieces[] = {"name 5\nguest\n",      "name 6\nx\n",           "name\n\n",
                                       "name -1\n\n",          "name 99999999999\nx\n", "\n",
                                       "record 2\n\xff\xfe\n", "name 1\nxx\n"};
  gsize length = 0;
  g_autoptr(GBytes) bytes = berth_model_manifest_print(&whole);
  const char *text = g_bytes_get_data(bytes, &length);
  for (gsize i = 0; i < G_N_ELEMENTS(pieces); i++) {
    g_autoptr(GError) error = NULL;
    g_autofree char *more = g_strdup_printf("%.*s%s", (int)length, text, pieces[i]);
    g_autoptr(BerthManifest) none = parse(more, strlen(more), &error);
    g_assert_null(none);
    g_assert_error(error, BERTH_ERROR, BERTH_ERROR_BAD_INPUT);
  }
}

static void test_unknown_fields_are_skipped(void) {
  gsize length = 0;
  g_autoptr(GError) error = NULL;
  g_autoptr(GBytes) bytes = berth_model_manifest_print(&whole);
  const char *text = g_bytes_get_data(bytes, &length);
  g_autofree char *more = g_strdup_printf("later 3\nabc\n%.*s", (int)length, text);
  g_autoptr(BerthManifest) read = parse(more, strlen(more), &error);
  g_assert_no_error(error);
  g_assert_cmpstr(read->machine, ==, whole.machine);
}

int main(int argc, char **argv) {
  g_test_init(&argc, &argv, NULL);
  g_test_add_func("/manifest/what-is-written-is-read", test_what_is_written_is_read);
  g_test_add_func("/manifest/every-truncation-is-refused", test_every_truncation_is_refused);
  g_test_add_func("/manifest/what-is-malformed-is-refused", test_what_is_malformed_is_refused);
  g_test_add_func("/manifest/unknown-fields-are-skipped", test_unknown_fields_are_skipped);
  return g_test_run();
}
