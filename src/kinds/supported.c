/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What start understands, so that nothing is ignored in silence: what this table does not have is an error. */
#include "kinds/build.h"

#include <string.h>

#include "kinds/understood.h"

#define DISK "devices/disk/"
#define BACKING "backingStore/"

typedef BerthUnderstood Row;

/* What has a character device behind has the rows of ports below its path, beside its own. */
static const char *const ports[] = {"devices/serial",  "devices/parallel",  "devices/console",
                                    "devices/channel", "devices/smartcard", "devices/redirdev"};

static const Row *find_in(const Row *rows, const char *path) {
  for (; rows->path != NULL; rows++) {
    if (g_str_equal(rows->path, path))
      return rows;
  }
  return NULL;
}

/* A chain of backing stores is as deep as it likes; each has a format of its own, and a source like the disk's. */
static const Row *find_disk_row(const char *path) {
  const Row *row = find_in(berth_kinds_understood_disks, path);
  const char *below = g_str_has_prefix(path, DISK BACKING) ? path + strlen(DISK) : NULL;
  if (row != NULL || below == NULL)
    return row;
  while (g_str_has_prefix(below, BACKING BACKING) || g_str_equal(below, BACKING "backingStore"))
    below += strlen(BACKING);
  gboolean source = g_str_has_prefix(below, BACKING "source");
  g_autofree char *shorter = g_strconcat(DISK, source ? below + strlen(BACKING) : below, NULL);
  return find_in(berth_kinds_understood_disks, shorter);
}

static const Row *find_port_row(const char *path) {
  for (guint i = 0; i < G_N_ELEMENTS(ports); i++) {
    gsize length = strlen(ports[i]);
    if (strncmp(path, ports[i], length) == 0 && (path[length] == '\0' || path[length] == '/'))
      return find_in(berth_kinds_understood_ports, path + length);
  }
  return NULL;
}

/* The row of @path; of a port if it is below one, of any device if it is a device's child. */
static const Row *find_row(const char *path) {
  const Row *row = find_in(berth_kinds_understood_guest, path);
  if (row == NULL)
    row = find_in(berth_kinds_understood_devices, path);
  if (row == NULL)
    row = find_disk_row(path);
  if (row == NULL)
    row = find_port_row(path);
  const char *child = g_str_has_prefix(path, "devices/") ? strchr(path + strlen("devices/"), '/') : NULL;
  if (row != NULL || child == NULL)
    return row;
  g_autofree char *any = g_strconcat("devices/*", child, NULL);
  return find_in(berth_kinds_understood_devices, any);
}

/* Whether @spec, "name" or "name=a|b|c", covers the attribute. */
static gboolean covers(const char *spec, const BerthXmlAttribute *attribute) {
  const char *equals = strchr(spec, '=');
  gsize length = equals != NULL ? (gsize)(equals - spec) : strlen(spec);
  if (strlen(attribute->name) != length || strncmp(spec, attribute->name, length) != 0)
    return FALSE;
  if (equals == NULL)
    return TRUE;
  g_auto(GStrv) values = g_strsplit(equals + 1, "|", -1);
  return g_strv_contains((const char *const *)values, attribute->value);
}

static gboolean check_attribute(const BerthXmlDocument *document, const BerthXmlNode *node, const BerthXmlAttribute *attribute,
                                const GStrv specs, GError **error) {
  if (strchr(attribute->name, ':') != NULL || g_str_equal(attribute->name, "xmlns"))
    return TRUE;
  for (guint i = 0; specs[i] != NULL; i++) {
    if (covers(specs[i], attribute))
      return TRUE;
  }
  berth_xml_error(error, BERTH_ERROR_UNSUPPORTED, document, node, "<%s %s='%.100s'> is not supported by start yet", node->name,
                  attribute->name, attribute->value);
  return FALSE;
}

static gboolean check_node(BerthBuild *build, const BerthXmlNode *node, const char *path, GError **error);

/* Elements of QEMU's namespace have that prefix in the table, whatever theirs is. */
static char *path_below(const char *path, const BerthXmlNode *child) {
  const char *colon = strchr(child->name, ':');
  const char *name = child->ns != NULL && colon != NULL ? colon + 1 : child->name;
  return g_strconcat(path, path[0] != '\0' ? "/" : "", child->ns != NULL ? "qemu:" : "", name, NULL);
}

static gboolean check_children(BerthBuild *build, const BerthXmlNode *node, const char *path, GError **error) {
  for (const BerthXmlNode *child = node->first; child != NULL; child = child->next) {
    g_autofree char *below = path_below(path, child);
    if (child->ns == NULL && strchr(child->name, ':') != NULL) {
      berth_xml_error(error, BERTH_ERROR_BAD_INPUT, build->document, child,
                      "<%s>: its prefix is not declared; QEMU's is xmlns:qemu='%s'", child->name, BERTH_KINDS_QEMU_NAMESPACE);
      return FALSE;
    }
    if (child->ns != NULL && !g_str_equal(child->ns, BERTH_KINDS_QEMU_NAMESPACE)) {
      berth_kinds_note(build, NULL, child, "<%s> is of another namespace than QEMU's, and ignored", child->name);
      continue;
    }
    if (!check_node(build, child, below, error))
      return FALSE;
  }
  return TRUE;
}

static gboolean check_node(BerthBuild *build, const BerthXmlNode *node, const char *path, GError **error) {
  const Row *row = find_row(path);
  if (row == NULL) {
    berth_xml_error(error, BERTH_ERROR_UNSUPPORTED, build->document, node, "<%s> is not supported by start yet", node->name);
    return FALSE;
  }
  if (row->note != NULL)
    berth_kinds_note(build, NULL, node, "<%s>: %s", node->name, row->note);
  if (row->attributes == NULL)
    return TRUE;
  g_auto(GStrv) specs = g_strsplit(row->attributes, " ", -1);
  for (guint i = 0; i < node->n_attributes; i++) {
    if (!check_attribute(build->document, node, &node->attributes[i], specs, error))
      return FALSE;
  }
  return check_children(build, node, path, error);
}

gboolean berth_kinds_supported(BerthBuild *build, GError **error) {
  return check_node(build, build->document->root, "", error);
}
