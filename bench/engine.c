/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The engine (parse → plan → document) beside the bare round trip of libxml2 (parse → serialise) over the same document, in one
 * run; for 10, 100 and 1,000 devices on pc and q35. The ratios are what counts; the times depend on the machine.
 */
#include <berth/berth.h>

#include <libxml/parser.h>

#include <stdio.h>

#define ROUNDS 15

static GBytes *make_document(const char *machine, guint devices) {
  GString *xml = g_string_new(NULL);
  g_string_append_printf(xml,
                         "<domain type='qemu'>\n  <name>bench</name>\n  <memory unit='MiB'>64</memory>\n  <os><type arch='x86_64' "
                         "machine='%s'>hvm</type></os>\n  <devices>\n",
                         machine);
  for (guint i = 0; i < devices; i++) {
    g_string_append_printf(
        xml,
        "    <interface type='user'>\n      <mac address='52:54:00:%02x:%02x:%02x'/>\n      <model type='virtio'/>\n"
        "    </interface>\n",
        i >> 16, (i >> 8) & 0xff, i & 0xff);
  }
  g_string_append(xml, "  </devices>\n</domain>\n");
  return g_string_free_to_bytes(xml);
}

static gboolean run_engine(GBytes *bytes, GError **error) {
  g_autoptr(BerthDomain) domain = berth_domain_parse(bytes, "bench.xml", error);
  if (!domain)
    return FALSE;
  BerthPlanOptions options = {0};
  g_autoptr(BerthPlan) plan = berth_plan_new(domain, &options, error);
  if (!plan)
    return FALSE;
  g_autoptr(GBytes) document = berth_plan_document(plan);
  return g_bytes_get_size(document) > g_bytes_get_size(bytes);
}

static gboolean run_libxml2(GBytes *bytes) {
  gsize size;
  const char *data = g_bytes_get_data(bytes, &size);
  xmlDoc *document = xmlReadMemory(data, (int)size, "bench.xml", NULL, XML_PARSE_NONET);
  if (!document)
    return FALSE;
  xmlChar *text = NULL;
  int length = 0;
  xmlDocDumpMemory(document, &text, &length);
  xmlFree(text);
  xmlFreeDoc(document);
  return length > 0;
}

static int compare(const void *a, const void *b) {
  gint64 x = *(const gint64 *)a, y = *(const gint64 *)b;
  return (x > y) - (x < y);
}

/* The medians of both sides in microseconds, taken in turn so that both see the same machine. */
static gboolean measure(GBytes *bytes, double *engine, double *libxml2, GError **error) {
  gint64 mine[ROUNDS], theirs[ROUNDS];
  for (guint i = 0; i < ROUNDS; i++) {
    gint64 start = g_get_monotonic_time();
    if (!run_engine(bytes, error))
      return FALSE;
    gint64 middle = g_get_monotonic_time();
    if (!run_libxml2(bytes))
      return FALSE;
    mine[i] = middle - start;
    theirs[i] = g_get_monotonic_time() - middle;
  }
  qsort(mine, ROUNDS, sizeof mine[0], compare);
  qsort(theirs, ROUNDS, sizeof theirs[0], compare);
  *engine = (double)mine[ROUNDS / 2];
  *libxml2 = (double)MAX(theirs[ROUNDS / 2], 1);
  return TRUE;
}

int main(void) {
  static const char *const machines[] = {"pc", "q35"};
  static const guint sizes[] = {10, 100, 1000};
  printf("%-8s %8s %12s %12s %10s %14s\n", "machine", "devices", "berth us", "libxml2 us", "ratio", "to 10x fewer");
  for (guint m = 0; m < G_N_ELEMENTS(machines); m++) {
    double before = 0;
    for (guint s = 0; s < G_N_ELEMENTS(sizes); s++) {
      /* q35 gives each express device a port of its own, and there are 240 places for ports */
      guint devices = m == 1 ? MIN(sizes[s], 200) : sizes[s];
      g_autoptr(GBytes) bytes = make_document(machines[m], devices);
      g_autoptr(GError) error = NULL;
      double engine, libxml2;
      if (!measure(bytes, &engine, &libxml2, &error)) {
        printf("%-8s %8u %s\n", machines[m], devices, error ? error->message : "failed");
        return 1;
      }
      g_autofree char *growth = before > 0 ? g_strdup_printf("%.1f", engine / before) : g_strdup("-");
      printf("%-8s %8u %12.0f %12.0f %10.2f %14s\n", machines[m], devices, engine, libxml2, engine / libxml2, growth);
      before = engine;
    }
  }
  return 0;
}
