/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The smallest use of libberth: a filter that gives every device of a domain an address and remembers it.
 *
 *   cc smallest.c -o smallest $(pkg-config --cflags --libs berth)
 *   ./smallest guest.xml guest.berth >with-addresses.xml
 *
 * Run it again with the XML written anew, without addresses: every device that it has seen before gets its old place.
 */
#include <berth/berth.h>

#include <stdio.h>

static gboolean address(const char *xml, const char *memory, GError **error) {
  g_autofree char *text = NULL;
  gsize length = 0;
  if (!g_file_get_contents(xml, &text, &length, error))
    return FALSE;
  g_autoptr(GBytes) bytes = g_bytes_new(text, length);
  g_autoptr(BerthDomain) domain = berth_domain_parse(bytes, xml, error);
  if (!domain)
    return FALSE;

  g_autofree char *json = NULL;
  g_autoptr(BerthRecord) record = NULL;
  if (g_file_get_contents(memory, &json, &length, NULL)) {
    record = berth_record_parse(json, (gssize)length, memory, error);
    if (!record)
      return FALSE;
  }

  BerthPlanOptions options = {.record = record};
  g_autoptr(BerthPlan) plan = berth_plan_new(domain, &options, error);
  if (!plan)
    return FALSE;

  g_autofree char *remembered = berth_record_to_json(berth_plan_record(plan));
  if (!g_file_set_contents(memory, remembered, -1, error))
    return FALSE;
  g_autoptr(GBytes) document = berth_plan_document(plan);
  fwrite(g_bytes_get_data(document, NULL), 1, g_bytes_get_size(document), stdout);
  return TRUE;
}

int main(int argc, char **argv) {
  if (argc != 3) {
    fprintf(stderr, "usage: smallest GUEST.xml GUEST.berth\n");
    return 2;
  }
  g_autoptr(GError) error = NULL;
  if (!address(argv[1], argv[2], &error)) {
    fprintf(stderr, "smallest: %s\n", error->message);
    return berth_error_exit_status(error);
  }
  return 0;
}
