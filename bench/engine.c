/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The engine (parse → plan → document: what `berth address` does) beside the bare round trip of libxml2 (parse → serialise) over
 * the same document, with everything freed again on both sides; for 10, 100 and 1,000 devices on pc and q35. Beside it, how long
 * the new record takes to be made and written as JSON.
 *
 * bench-engine [MACHINE DEVICES]
 *
 * Both sides are measured in turn, in CPU time, so that both see the same machine; "ratio" is the median of the ratios of the
 * pairs. The ratios are what counts; the times depend on the machine.
 */
#include <berth/berth.h>

#include <libxml/parser.h>

#include <stdio.h>
#include <time.h>

#define ROUNDS 41

typedef struct {
  double engine, record, libxml2, ratio; /* microseconds, but for the ratio */
} Sample;

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

static double now(void) {
  struct timespec time;
  clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &time);
  return (double)time.tv_sec * 1e6 + (double)time.tv_nsec / 1e3;
}

/* @record: NULL, or what the new record takes, which is not part of the rest. */
static gboolean run_engine(GBytes *bytes, double *record, GError **error) {
  g_autoptr(BerthDomain) domain = berth_domain_parse(bytes, "bench.xml", error);
  if (!domain)
    return FALSE;
  BerthPlanOptions options = {0};
  g_autoptr(BerthPlan) plan = berth_plan_new(domain, &options, error);
  if (!plan)
    return FALSE;
  g_autoptr(GBytes) document = berth_plan_document(plan);
  if (record != NULL) {
    double start = now();
    g_autofree char *json = berth_record_to_json(berth_plan_record(plan));
    *record = now() - start;
  }
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

static gboolean take(GBytes *bytes, gboolean engine_first, Sample *sample, GError **error) {
  gboolean done = TRUE;
  for (guint turn = 0; turn < 2 && done; turn++) {
    gboolean engine = (turn == 0) == engine_first;
    double start = now();
    done = engine ? run_engine(bytes, NULL, error) : run_libxml2(bytes);
    *(engine ? &sample->engine : &sample->libxml2) = now() - start;
  }
  sample->ratio = sample->engine / MAX(sample->libxml2, 1e-3);
  return done && run_engine(bytes, &sample->record, error);
}

static int compare(const void *a, const void *b) {
  double x = *(const double *)a, y = *(const double *)b;
  return (x > y) - (x < y);
}

/* The median of the member of @samples that is @offset bytes from their beginning. */
static double median(const Sample *samples, gsize offset) {
  double values[ROUNDS];
  for (guint i = 0; i < ROUNDS; i++)
    values[i] = *(const double *)((const char *)&samples[i] + offset);
  qsort(values, ROUNDS, sizeof values[0], compare);
  return values[ROUNDS / 2];
}

static gboolean measure(GBytes *bytes, Sample *medians, GError **error) {
  Sample samples[ROUNDS];
  for (guint i = 0; i < ROUNDS; i++)
    if (!take(bytes, i % 2 == 0, &samples[i], error))
      return FALSE;
  medians->engine = median(samples, offsetof(Sample, engine));
  medians->record = median(samples, offsetof(Sample, record));
  medians->libxml2 = median(samples, offsetof(Sample, libxml2));
  medians->ratio = median(samples, offsetof(Sample, ratio));
  return TRUE;
}

/* Prints a line. @before: the engine's time of the line before, which had ten times fewer devices; 0: there is none. */
static gboolean bench(const char *machine, guint devices, double *before) {
  g_autoptr(GBytes) bytes = make_document(machine, devices);
  g_autoptr(GError) error = NULL;
  Sample sample;
  if (!measure(bytes, &sample, &error)) {
    printf("%-8s %8u %s\n", machine, devices, error ? error->message : "failed");
    return FALSE;
  }
  g_autofree char *growth = *before > 0 ? g_strdup_printf("%.1f", sample.engine / *before) : g_strdup("-");
  printf("%-8s %8u %12.0f %12.0f %10.2f %14s %12.0f\n", machine, devices, sample.engine, sample.libxml2, sample.ratio, growth,
         sample.record);
  *before = sample.engine;
  return TRUE;
}

int main(int argc, char **argv) {
  static const char *const machines[] = {"pc", "q35"};
  static const guint sizes[] = {10, 100, 1000};
  gboolean done = TRUE;
  printf("%-8s %8s %12s %12s %10s %14s %12s\n", "machine", "devices", "berth us", "libxml2 us", "ratio", "to 10x fewer",
         "record us");
  if (argc == 3) {
    double none = 0;
    return bench(argv[1], (guint)g_ascii_strtoull(argv[2], NULL, 10), &none) ? 0 : 1;
  }
  for (guint m = 0; m < G_N_ELEMENTS(machines) && done; m++) {
    double before = 0;
    for (guint s = 0; s < G_N_ELEMENTS(sizes) && done; s++)
      done = bench(machines[m], sizes[s], &before);
  }
  return done ? 0 : 1;
}
