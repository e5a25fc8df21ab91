/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The guest's vCPUs, which of them are on, and QEMU's own threads. */
#include "kinds/build.h"

/* A written topology holds all vCPUs (assign/check-guest.c); without one each vCPU is a socket. */
static gboolean fill_topology(const BerthBuild *build, guint64 vcpus, json_object *props, GError **error) {
  static const char *const parts[] = {"sockets", "dies", "clusters", "cores", "threads"};
  const BerthXmlNode *topology = berth_xml_node_child(berth_xml_node_child(build->document->root, "cpu"), "topology");
  if (topology == NULL) {
    berth_json_set_int(props, "sockets", (gint64)vcpus);
    berth_json_set_int(props, "cores", 1);
    berth_json_set_int(props, "threads", 1);
    return TRUE;
  }
  for (guint i = 0; i < G_N_ELEMENTS(parts); i++) {
    g_autofree char *path = g_strconcat("@", parts[i], NULL);
    const char *value = berth_xml_node_get(topology, path);
    guint64 count = 1;
    if (value != NULL && !berth_kinds_count(build, "cpu", value, &count, error))
      return FALSE;
    if (count > 1 || (i != 1 && i != 2))
      berth_json_set_int(props, parts[i], (gint64)count);
  }
  return TRUE;
}

/* ---- vCPUs that are on ---- */

/* How many vCPUs make up one of each part of the topology, as -smp has it. */
typedef struct {
  guint64 dies, cores, threads;
} Shape;

static guint64 part(const BerthBuild *build, const char *path) {
  const char *text = berth_xml_node_get(build->document->root, path);
  guint64 count = text != NULL ? g_ascii_strtoull(text, NULL, 10) : 1;
  return count > 0 ? count : 1;
}

static void add_vcpu(BerthBuild *build, const Shape *shape, guint64 id) {
  g_autofree char *model = berth_kinds_cpu_model(build);
  g_autofree char *driver = g_strconcat(model, g_strcmp0(build->inventory->arch, "i686") == 0 ? "-i386-cpu" : "-x86_64-cpu", NULL);
  g_autofree char *name = g_strdup_printf("vcpu%" G_GUINT64_FORMAT, id);
  json_object *props = berth_model_qemu_add(build->qemu, BERTH_QEMU_DEVICE);
  berth_json_set_string(props, "driver", driver);
  berth_json_set_string(props, "id", name);
  berth_json_set_int(props, "socket-id", (gint64)(id / (shape->threads * shape->cores * shape->dies)));
  berth_json_set_int(props, "die-id", (gint64)(id / (shape->threads * shape->cores) % shape->dies));
  berth_json_set_int(props, "core-id", (gint64)(id / shape->threads % shape->cores));
  berth_json_set_int(props, "thread-id", (gint64)(id % shape->threads));
}

typedef struct {
  gboolean written, on, stays;
} Vcpu;

/* What the document does not say of a vCPU follows from its number; of one that is on, that it stays (libvirt: domain format,
 * vcpus). (transfer full) */
static Vcpu *list_vcpus(const BerthBuild *build, guint64 all, guint64 now) {
  Vcpu *vcpus = g_new0(Vcpu, all);
  for (guint64 id = 0; id < now; id++)
    vcpus[id].on = vcpus[id].stays = TRUE;
  const BerthXmlNode *node = berth_xml_node_child(berth_xml_node_child(build->document->root, "vcpus"), "vcpu");
  for (; node != NULL; node = berth_xml_node_next(node, "vcpu")) {
    const char *id = berth_xml_node_get(node, "@id"), *pluggable = berth_xml_node_get(node, "@hotpluggable");
    Vcpu *vcpu = id != NULL && g_ascii_strtoull(id, NULL, 10) < all ? &vcpus[g_ascii_strtoull(id, NULL, 10)] : NULL;
    if (vcpu == NULL || vcpu->written)
      continue;
    vcpu->written = TRUE;
    vcpu->on = berth_kinds_is_on(berth_xml_node_get(node, "@enabled"));
    vcpu->stays = vcpu->on && (pluggable == NULL || g_str_equal(pluggable, "no"));
  }
  return vcpus;
}

/* QEMU starts with the first vCPUs, which stay for ever; others that are on are devices. (transfer full): the ids of those, in the
 * order in which they are plugged; *@first: how many are not. */
static GArray *plugged_vcpus(const BerthBuild *build, guint64 all, guint64 now, guint64 *first) {
  GArray *ids = g_array_new(FALSE, FALSE, sizeof(guint64));
  g_autofree Vcpu *vcpus = list_vcpus(build, all, now);
  for (*first = 1; *first < all && vcpus[*first].stays;)
    ++*first;
  for (guint64 id = *first; id < all; id++) {
    if (vcpus[id].on)
      g_array_append_val(ids, id);
  }
  return ids;
}

/* ---- I/O threads ---- */

static const BerthMap thread_map[] = {
    {"@thread_pool_min", "thread-pool-min", BERTH_MAP_NUMBER},
    {"@thread_pool_max", "thread-pool-max", BERTH_MAP_NUMBER},
    {"poll/@max", "poll-max-ns", BERTH_MAP_NUMBER},
    {"poll/@grow", "poll-grow", BERTH_MAP_NUMBER},
    {"poll/@shrink", "poll-shrink", BERTH_MAP_NUMBER},
    {NULL},
};

/* Threads with a number, then as many as are missing, with the lowest free numbers. */
gboolean berth_kinds_build_threads(BerthBuild *build, GError **error) {
  const BerthXmlNode *thread = berth_xml_node_child(berth_xml_node_child(build->document->root, "iothreadids"), "iothread");
  g_autoptr(GHashTable) used = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
  guint64 wanted = 0;
  const char *count = berth_model_device_get(build->inventory->domain, "iothreads");
  if (count != NULL && !g_str_equal(count, "0") && !berth_kinds_count(build, "iothreads", count, &wanted, error))
    return FALSE;
  for (guint64 next = 1; thread != NULL || g_hash_table_size(used) < wanted;) {
    const char *written = berth_xml_node_get(thread, "@id");
    guint64 id = next;
    if (thread != NULL && !berth_kinds_count(build, "iothreadids", written != NULL ? written : "", &id, error))
      return FALSE;
    next += thread == NULL;
    const BerthXmlNode *this = thread;
    thread = berth_xml_node_next(thread, "iothread");
    g_autofree char *name = g_strdup_printf("iothread%" G_GUINT64_FORMAT, id);
    if (!g_hash_table_add(used, g_strdup(name)))
      continue;
    json_object *props = berth_model_qemu_add(build->qemu, BERTH_QEMU_OBJECT);
    berth_json_set_string(props, "qom-type", "iothread");
    berth_json_set_string(props, "id", name);
    if (this != NULL && !berth_kinds_map_node(build, build->inventory->domain, this, thread_map, props, error))
      return FALSE;
  }
  return TRUE;
}

gboolean berth_kinds_build_vcpus(BerthBuild *build, GError **error) {
  const char *text = berth_model_device_get(build->inventory->domain, "vcpu"),
             *current = berth_model_device_get(build->inventory->domain, "vcpu/@current");
  guint64 vcpus = 1, now = 0;
  if (text != NULL && !berth_kinds_count(build, "vcpu", text, &vcpus, error))
    return FALSE;
  if (!berth_kinds_count(build, "vcpu", current != NULL ? current : text != NULL ? text : "1", &now, error))
    return FALSE;
  if (now > vcpus) {
    berth_xml_error(error, BERTH_ERROR_BAD_INPUT, build->document, berth_xml_node_child(build->document->root, "vcpu"),
                    "<vcpu>: more are on than there are");
    return FALSE;
  }
  guint most = berth_facts_max_vcpus(build->facts, build->inventory->machine);
  if (vcpus > most) {
    berth_xml_error(error, BERTH_ERROR_BAD_INPUT, build->document, berth_xml_node_child(build->document->root, "vcpu"),
                    "<vcpu>: machine '%s' can have %u of them", build->inventory->machine, most);
    return FALSE;
  }
  guint64 first = 0;
  g_autoptr(GArray) plugged = plugged_vcpus(build, vcpus, now, &first);
  g_autofree char *on = g_strdup_printf("%" G_GUINT64_FORMAT, first);
  json_object *props = berth_model_qemu_option(build->qemu, "-smp", on);
  if (first < vcpus)
    berth_json_set_int(props, "maxcpus", (gint64)vcpus);
  const Shape shape = {part(build, "cpu/topology/@dies"), part(build, "cpu/topology/@cores"), part(build, "cpu/topology/@threads")};
  for (guint i = 0; i < plugged->len; i++)
    add_vcpu(build, &shape, g_array_index(plugged, guint64, i));
  return fill_topology(build, vcpus, props, error);
}
