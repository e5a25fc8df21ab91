/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "assign/check.h"

#include <string.h>

/* ---- host devices ---- */

static void add_attributes(GString *key, const BerthXmlNode *node, const char *const *names) {
  for (; node != NULL && *names != NULL; names++) {
    const char *value = berth_xml_node_get(node, *names);
    char *end = NULL;
    guint64 number = value != NULL ? g_ascii_strtoull(value, &end, 0) : 0;
    if (value != NULL && end != value && *end == '\0')
      g_string_append_printf(key, " %s=%" G_GUINT64_FORMAT, *names, number);
    else if (value != NULL)
      g_string_append_printf(key, " %s=%s", *names, value);
    else
      g_string_append_printf(key, " %s=0", *names);
  }
}

/* What of the host a device is; NULL where that is not known. (transfer full) */
static char *host_key(const BerthDevice *hostdev) {
  static const struct {
    const char *type;
    const char *paths[6];
  } rows[] = {
      {"pci", {"address/@domain", "address/@bus", "address/@slot", "address/@function"}},
      {"usb", {"vendor/@id", "product/@id", "address/@bus", "address/@device"}},
      {"scsi", {"adapter/@name", "address/@bus", "address/@target", "address/@unit", "@name"}},
      {"mdev", {"address/@uuid"}},
      {"scsi_host", {"@wwpn"}},
  };
  const BerthXmlNode *source = berth_xml_node_child(hostdev->node, "source");
  for (gsize i = 0; source != NULL && i < G_N_ELEMENTS(rows); i++) {
    if (!berth_model_device_is(hostdev, "@type", rows[i].type))
      continue;
    GString *key = g_string_new(rows[i].type);
    add_attributes(key, source, rows[i].paths);
    return g_string_free(key, FALSE);
  }
  return NULL;
}

gboolean berth_assign_check_hostdevs(const BerthAssignment *assignment, GError **error) {
  g_autoptr(GHashTable) seen = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
  const BerthDevice *hostdev;
  for (guint i = 0; (hostdev = berth_model_inventory_walk(assignment->inventory, BERTH_HOSTDEV, &i)) != NULL;) {
    g_autofree char *key = host_key(hostdev);
    if (key == NULL)
      continue;
    const BerthDevice *other = g_hash_table_lookup(seen, key);
    if (other != NULL)
      return berth_assign_refuse_pair(assignment, hostdev, other, "is the same device of the host", error);
    g_hash_table_insert(seen, g_steal_pointer(&key), (gpointer)hostdev);
  }
  return TRUE;
}

/* ---- values that must be there ---- */

/* Where @when has @value (NULL: always), @needs must be written. */
static const struct {
  BerthElementId element;
  const char *when, *value, *needs;
} needed[] = {
    {BERTH_HOSTDEV, "@type", "mdev", "source/address/@uuid"},
    {BERTH_TPM, NULL, NULL, "backend/@type"},
    {BERTH_CONTROLLER, "@type", "nvme", "serial"},
    {BERTH_RNG, NULL, NULL, "backend/@model"},
    {BERTH_RNG, "backend/@type", "unix", "backend/source/@path"},
    {BERTH_RNG, "backend/@type", "file", "backend/source/@path"},
    {BERTH_SHMEM, NULL, NULL, "@name"},
    {BERTH_FILESYSTEM, NULL, NULL, "target/@dir"},
};

/* Where @when has @value, @path must begin with @prefix: back ends that carry virtio only. */
static const struct {
  BerthElementId element;
  const char *when, *value, *path, *prefix;
} bound[] = {
    {BERTH_INTERFACE, "@type", "vhostuser", "model/@type", "virtio"},
    {BERTH_INTERFACE, "@type", "vdpa", "model/@type", "virtio"},
};

/* Numbers that may not be negative or garbled. */
static const struct {
  BerthElementId element;
  const char *path;
} numbers[] = {
    {BERTH_DISK, "driver/@queues"}, {BERTH_INTERFACE, "driver/@queues"}, {BERTH_CONTROLLER, "driver/@queues"},
    {BERTH_CONTROLLER, "@ports"},   {BERTH_CONTROLLER, "@vectors"},      {BERTH_VIDEO, "model/@heads"},
};

guint64 berth_assign_bytes(const char *text, const char *unit) {
  static const struct {
    const char *unit;
    guint shift;
  } units[] = {{"b", 0},    {"bytes", 0}, {"byte", 0}, {"k", 10}, {"kib", 10}, {"m", 20},
               {"mib", 20}, {"g", 30},    {"gib", 30}, {"t", 40}, {"tib", 40}};
  guint64 bytes = text != NULL ? g_ascii_strtoull(text, NULL, 10) : 0;
  for (gsize i = 0; unit != NULL && i < G_N_ELEMENTS(units); i++) {
    if (g_ascii_strcasecmp(unit, units[i].unit) == 0)
      bytes <<= units[i].shift;
  }
  return bytes;
}

static gboolean check_shmem(const BerthAssignment *assignment, const BerthDevice *shmem, GError **error) {
  const char *size = berth_model_device_get(shmem, "size");
  if (size != NULL) {
    guint64 bytes = berth_assign_bytes(size, berth_model_device_get(shmem, "size/@unit"));
    if (bytes < (1u << 20) || (bytes & (bytes - 1)) != 0)
      return berth_assign_refuse(assignment, shmem, BERTH_ERROR_BAD_INPUT, error,
                                 "its size must be a power of two and at least 1 MiB");
  }
  if (berth_xml_node_child(shmem->node, "msi") != NULL && berth_xml_node_child(shmem->node, "server") == NULL)
    return berth_assign_refuse(assignment, shmem, BERTH_ERROR_BAD_INPUT, error, "<msi> needs a <server>");
  return TRUE;
}

gboolean berth_assign_check_source(const BerthAssignment *assignment, const BerthDevice *device, GError **error) {
  BerthElementId element = device->element->id;
  if (device->node == NULL && element != BERTH_CONTROLLER)
    return TRUE;
  for (gsize i = 0; i < G_N_ELEMENTS(needed); i++) {
    if (needed[i].element == element &&
        (needed[i].when == NULL || berth_model_device_is(device, needed[i].when, needed[i].value)) &&
        berth_model_device_get(device, needed[i].needs) == NULL)
      return berth_assign_refuse(assignment, device, BERTH_ERROR_BAD_INPUT, error, "lacks %s", needed[i].needs);
  }
  for (gsize i = 0; i < G_N_ELEMENTS(bound); i++) {
    const char *text = bound[i].element == element ? berth_model_device_get(device, bound[i].path) : NULL;
    if (text != NULL && berth_model_device_is(device, bound[i].when, bound[i].value) && !g_str_has_prefix(text, bound[i].prefix))
      return berth_assign_refuse(assignment, device, BERTH_ERROR_BAD_INPUT, error, "%s of type %s must be %s, not '%s'",
                                 device->element->name, bound[i].value, bound[i].prefix, text);
  }
  for (gsize i = 0; i < G_N_ELEMENTS(numbers); i++) {
    const char *text = numbers[i].element == element ? berth_model_device_get(device, numbers[i].path) : NULL;
    if (text != NULL && (*text == '\0' || strspn(text, "0123456789") != strlen(text)))
      return berth_assign_refuse(assignment, device, BERTH_ERROR_BAD_INPUT, error, "%s is '%s'; it must be a number",
                                 numbers[i].path, text);
  }
  return element != BERTH_SHMEM || check_shmem(assignment, device, error);
}
