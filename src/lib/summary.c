/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What the listings of a guest's parts say: they read a definition, they do not plan it. */
#include "lib/lib.h"

#include <string.h>

#include "guest/control.h"
#include "guest/launch.h"

#define CONNECT_MS 3000
#define FIRST_VNC_PORT 5900

BerthXmlDocument *berth_lib_document_of(Berth *berth, const BerthStoreGuest *guest, gboolean inactive, GError **error) {
  if (!inactive && guest->run.document != NULL)
    return berth_xml_document_parse(guest->run.document, guest->name, error);
  g_autoptr(BerthStoreRevision) newest = berth_store_revision(berth->store, guest->uuid, 0, error);
  return newest != NULL ? berth_xml_document_parse(newest->document, guest->name, error) : NULL;
}

/* ---- parts ---- */

#define MAX_CELLS 6

/* One cell: the first of the paths that the element has a value at, else the last word ("" included). */
typedef struct {
  const char *paths[MAX_CELLS];
  const char *otherwise;
} Cell;

/* What is behind a device, by the names that its types have for it. */
#define SOURCES "source/@file", "source/@dev", "source/@dir", "source/@name", "source/@volume"

static const Cell interface_cells[] = {
    {{"target/@dev"}, ""},
    {{"@type"}, "user"},
    {{"source/@network", "source/@bridge", "source/@dev", "source/@path", "source/@name"}, ""},
    {{"model/@type"}, ""},
    {{"mac/@address"}, ""},
    {{NULL}, NULL},
};
static const Cell disk_cells[] = {
    {{"@type"}, "file"}, {{"@device"}, "disk"}, {{"target/@dev"}, ""}, {{SOURCES}, ""}, {{NULL}, NULL},
};

static char *cell_of(const BerthXmlNode *node, const Cell *cell) {
  for (guint i = 0; i < MAX_CELLS && cell->paths[i] != NULL; i++) {
    const char *value = berth_xml_node_get(node, cell->paths[i]);
    if (value != NULL)
      return g_strdup(value);
  }
  return g_strdup(cell->otherwise);
}

static GStrv line_of(const BerthXmlNode *node, const Cell *cells) {
  g_autoptr(GPtrArray) line = g_ptr_array_new();
  for (; cells->otherwise != NULL; cells++)
    g_ptr_array_add(line, cell_of(node, cells));
  g_ptr_array_add(line, NULL);
  return (GStrv)g_ptr_array_free(g_steal_pointer(&line), FALSE);
}

static GPtrArray *parts(Berth *berth, const char *guest, gboolean inactive, const char *element, const Cell *cells,
                        GError **error) {
  g_autoptr(BerthStoreGuest) found = berth_store_guest(berth->store, guest, error);
  g_autoptr(BerthXmlDocument) document = found != NULL ? berth_lib_document_of(berth, found, inactive, error) : NULL;
  if (document == NULL)
    return NULL;
  GPtrArray *lines = g_ptr_array_new_with_free_func((GDestroyNotify)g_strfreev);
  const BerthXmlNode *node = berth_xml_node_child(berth_xml_node_child(document->root, "devices"), element);
  for (; node != NULL; node = berth_xml_node_next(node, element))
    g_ptr_array_add(lines, line_of(node, cells));
  return lines;
}

GPtrArray *berth_interfaces(Berth *berth, const char *guest, gboolean inactive, GError **error) {
  return parts(berth, guest, inactive, "interface", interface_cells, error);
}

GPtrArray *berth_disks(Berth *berth, const char *guest, gboolean inactive, GError **error) {
  return parts(berth, guest, inactive, "disk", disk_cells, error);
}

/* ---- displays ---- */

/* As QEMU writes an address that anybody may come to. */
static const char *host_of(json_object *answer) {
  const char *host = berth_json_member_string(answer, "host");
  gboolean any =
      host == NULL || host[0] == '\0' || g_str_equal(host, "0.0.0.0") || g_str_equal(host, "::") || g_str_equal(host, "*");
  return any ? "localhost" : host;
}

/* virsh counts VNC's displays, and gives Spice's port. */
static char *vnc_uri(json_object *answer) {
  const char *service = berth_json_member_string(answer, "service"), *host = host_of(answer);
  if (g_strcmp0(berth_json_member_string(answer, "family"), "unix") == 0)
    return g_strdup_printf("vnc+unix://%s", service != NULL && service[0] == '/' ? service : host);
  if (service == NULL)
    return NULL;
  gboolean colons = strchr(host, ':') != NULL;
  return g_strdup_printf("vnc://%s%s%s:%" G_GINT64_FORMAT, colons ? "[" : "", host, colons ? "]" : "",
                         g_ascii_strtoll(service, NULL, 10) - FIRST_VNC_PORT);
}

static char *spice_uri(json_object *answer) {
  gint64 port = berth_json_member_int(answer, "port", 0);
  return port > 0 ? g_strdup_printf("spice://%s:%" G_GINT64_FORMAT, host_of(answer), port) : NULL;
}

static const struct {
  const char *question;
  char *(*uri)(json_object *answer);
} displays[] = {{"query-vnc", vnc_uri}, {"query-spice", spice_uri}};

GStrv berth_displays(Berth *berth, const char *guest, GError **error) {
  g_autoptr(BerthQmp) control = NULL;
  g_autoptr(BerthLock) lock = NULL;
  g_autoptr(BerthStoreGuest) found = berth_lib_running_guest(berth, guest, &lock, &control, error);
  if (found == NULL)
    return NULL;
  g_autoptr(GPtrArray) uris = g_ptr_array_new();
  for (gsize i = 0; i < G_N_ELEMENTS(displays); i++) {
    /* A QEMU that was built without Spice does not know the question. */
    g_autoptr(json_object) answer = berth_qmp_execute(control, displays[i].question, NULL, BERTH_GUEST_COMMAND_TIMEOUT_MS, NULL);
    char *uri = berth_json_member_boolean(answer, "enabled", FALSE) ? displays[i].uri(answer) : NULL;
    if (uri != NULL)
      g_ptr_array_add(uris, uri);
  }
  g_ptr_array_add(uris, NULL);
  return (GStrv)g_ptr_array_free(g_steal_pointer(&uris), FALSE);
}
