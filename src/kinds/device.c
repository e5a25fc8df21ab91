/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "kinds/build.h"

#include <errno.h>
#include <stdarg.h>
#include <string.h>

gboolean berth_kinds_is_word(const char *text) {
  if (text == NULL || text[0] == '\0')
    return FALSE;
  for (const char *c = text; *c != '\0'; c++) {
    if (!g_ascii_isalnum(*c) && strchr("._-+", *c) == NULL)
      return FALSE;
  }
  return TRUE;
}

gboolean berth_kinds_is_on(const char *text) {
  return g_strcmp0(text, "on") == 0 || g_strcmp0(text, "yes") == 0;
}

gboolean berth_kinds_is_kvm(const BerthInventory *inventory) {
  return g_strcmp0(berth_xml_node_get(inventory->document->root, "@type"), "kvm") == 0;
}

char *berth_kinds_id(const char *prefix, const BerthDevice *device) {
  return g_strconcat(prefix, device->id, NULL);
}

gboolean berth_kinds_refuse(const BerthBuild *build, const BerthDevice *device, GError **error, const char *format, ...) {
  va_list args;
  va_start(args, format);
  g_autofree char *what = g_strdup_vprintf(format, args);
  va_end(args);
  g_autofree char *name = berth_model_device_name(device);
  berth_xml_error(error, BERTH_ERROR_UNSUPPORTED, build->document, device->node, "%s: %s", name, what);
  return FALSE;
}

/* "FILE:LINE: DEVICE: @text". (transfer full, as @text is) */
static char *placed(const BerthBuild *build, const BerthDevice *device, const BerthXmlNode *node, char *text) {
  g_autofree char *what = text;
  g_autofree char *name = device != NULL ? berth_model_device_name(device) : NULL;
  g_autoptr(GError) error = NULL;
  berth_xml_error(&error, BERTH_ERROR_UNSUPPORTED, build->document,
                  node != NULL     ? node
                  : device != NULL ? device->node
                                   : NULL,
                  "%s%s%s", name != NULL ? name : "", name != NULL ? ": " : "", what);
  return g_strdup(error->message);
}

void berth_kinds_note(BerthBuild *build, const BerthDevice *device, const BerthXmlNode *node, const char *format, ...) {
  va_list args;
  va_start(args, format);
  g_ptr_array_add(build->qemu->notes, placed(build, device, node, g_strdup_vprintf(format, args)));
  va_end(args);
}

void berth_kinds_need(BerthBuild *build, const BerthDevice *device, const BerthXmlNode *node, const char *path, const char *format,
                      ...) {
  BerthQemuNeed *need = g_new0(BerthQemuNeed, 1);
  va_list args;
  va_start(args, format);
  need->path = g_strdup(path);
  need->message = placed(build, device, node, g_strdup_vprintf(format, args));
  va_end(args);
  g_ptr_array_add(build->qemu->needs, need);
}

char *berth_kinds_helper_socket(const BerthBuild *build, const BerthDevice *device) {
  return g_strdup_printf("%s/%s" BERTH_QEMU_HELPER_SOCKET, build->host->run_dir, device->id);
}

void berth_kinds_helper(BerthBuild *build, const BerthDevice *device, const char *const *argv, const char *folder) {
  BerthQemuHelper *helper = g_new0(BerthQemuHelper, 1);
  helper->argv = g_strdupv((char **)argv);
  helper->socket = berth_kinds_helper_socket(build, device);
  helper->folder = g_strdup(folder);
  helper->message = placed(build, device, NULL, g_strdup("its helper"));
  g_ptr_array_add(build->qemu->helpers, helper);
}

void berth_kinds_setenv(BerthBuild *build, const char *name, const char *value) {
  g_ptr_array_add(build->qemu->environment, g_strconcat(name, "=", value, NULL));
}

void berth_kinds_global(BerthBuild *build, const char *name, const char *value) {
  g_autofree char *text = g_strconcat(name, "=", value, NULL);
  berth_model_qemu_option(build->qemu, "-global", text);
}

/* QEMU's rule for ids: a letter, then letters, digits and "-._". */
static gboolean is_id(const char *id) {
  return id != NULL && g_ascii_isalpha(id[0]) && berth_kinds_is_word(id) && strchr(id, '+') == NULL;
}

static const BerthFamily *family_of(const BerthBuild *build, BerthAddressType type) {
  for (const BerthFamily *f = build->families; f != NULL && f->type != BERTH_ADDRESS_NONE; f++) {
    if (f->type == type)
      return f;
  }
  return NULL;
}

/* Virtio devices whose name without a PCI transport is not their name with "-device" for "-pci". */
static const struct {
  const char *pci, *bare;
} bare_drivers[] = {{"vhost-scsi-pci", "vhost-scsi"},
                    {"vhost-user-blk-pci", "vhost-user-blk"},
                    {"virtio-mem-pci", "virtio-mem"},
                    {"virtio-pmem-pci", "virtio-pmem"}};

/* The driver where the transport is the machine's own (microvm): the device alone. (transfer full) */
static char *bare_driver(const char *driver) {
  for (guint i = 0; i < G_N_ELEMENTS(bare_drivers); i++) {
    if (g_str_equal(bare_drivers[i].pci, driver))
      return g_strdup(bare_drivers[i].bare);
  }
  if (!g_str_has_suffix(driver, "-pci"))
    return g_strdup(driver);
  g_autofree char *stem = g_strndup(driver, strlen(driver) - strlen("-pci"));
  return g_strconcat(stem, "-device", NULL);
}

json_object *berth_kinds_device(BerthBuild *build, const BerthDevice *device, const char *usual, GError **error) {
  g_autofree char *driver = device->address.type == BERTH_ADDRESS_VIRTIO_MMIO ? bare_driver(usual) : g_strdup(usual);
  if (!build->any_driver && !berth_facts_has_device(build->facts, driver)) {
    berth_kinds_refuse(build, device, error, "this QEMU has no device %s", driver);
    return NULL;
  }
  if (!is_id(device->id)) {
    berth_xml_error(error, BERTH_ERROR_BAD_INPUT, build->document, device->node, "alias '%s' is no id that QEMU would take",
                    device->id != NULL ? device->id : "");
    return NULL;
  }
  json_object *props = berth_model_qemu_add(build->qemu, BERTH_QEMU_DEVICE);
  berth_json_set_string(props, "driver", driver);
  berth_json_set_string(props, "id", device->id);
  const BerthFamily *family = family_of(build, device->address.type);
  if (family != NULL && family->properties != NULL)
    family->properties(build->inventory, device, props);
  const char *acpi = berth_model_device_get(device, "acpi/@index");
  if (acpi != NULL)
    berth_json_set_int(props, "acpi-index", berth_model_device_number(device, "acpi/@index", 0));
  return props;
}

gboolean berth_kinds_has_object(const BerthQemu *qemu, const char *id) {
  for (guint i = 0; i < qemu->objects->len; i++) {
    const BerthQemuObject *object = g_ptr_array_index(qemu->objects, i);
    if (object->form == BERTH_QEMU_OBJECT && g_strcmp0(berth_json_member_string(object->props, "id"), id) == 0)
      return TRUE;
  }
  return FALSE;
}

gboolean berth_kinds_since(const BerthBuild *build, const BerthDevice *device, guint major, guint minor, const char *what,
                           GError **error) {
  const BerthFacts *facts = build->facts;
  if (facts == NULL || facts->major > major || (facts->major == major && facts->minor >= minor))
    return TRUE;
  return berth_kinds_refuse(build, device, error, "%s needs QEMU %u.%u, this one is %u.%u", what, major, minor, facts->major,
                            facts->minor);
}

static gboolean bad_value(const BerthBuild *build, const BerthDevice *device, const BerthMap *row, const char *value,
                          GError **error) {
  g_autofree char *name = berth_model_device_name(device);
  berth_xml_error(error, BERTH_ERROR_BAD_INPUT, build->document, device->node, "%s: %s='%s' is not a valid value", name, row->path,
                  value);
  return FALSE;
}

static gboolean parse_number(const char *text, guint64 *number) {
  char *end = NULL;
  errno = 0;
  *number = g_ascii_strtoull(text, &end, 0);
  return errno == 0 && end != text && *end == '\0' && strchr(text, '-') == NULL && *number <= G_MAXINT64;
}

static gboolean is_switch(const char *text) {
  return berth_kinds_is_on(text) || g_str_equal(text, "off") || g_str_equal(text, "no");
}

static gboolean map_number(const BerthMap *row, const char *value, json_object *props) {
  guint64 number = 0;
  if (!parse_number(value, &number))
    return FALSE;
  if (row->form == BERTH_MAP_KIB && number > G_MAXINT64 / 1024)
    return FALSE;
  if (row->form == BERTH_MAP_KIB)
    number *= 1024;
  else if (row->form == BERTH_MAP_MIB)
    number /= 1024;
  berth_json_set_int(props, row->property, (gint64)number);
  return TRUE;
}

static gboolean map_text(const BerthMap *row, const char *value, json_object *props) {
  if (row->form == BERTH_MAP_WORD && !berth_kinds_is_word(value))
    return FALSE;
  berth_json_set_string(props, row->property, value);
  return TRUE;
}

static gboolean map_switch(const BerthMap *row, const char *value, json_object *props) {
  if (!is_switch(value))
    return FALSE;
  if (row->form == BERTH_MAP_ONOFF)
    berth_json_set_string(props, row->property, berth_kinds_is_on(value) ? "on" : "off");
  else
    berth_json_set_boolean(props, row->property, berth_kinds_is_on(value));
  return TRUE;
}

static gboolean map_thread(const BerthMap *row, const char *value, json_object *props) {
  guint64 number = 0;
  if (!parse_number(value, &number))
    return FALSE;
  g_autofree char *id = g_strdup_printf("iothread%" G_GUINT64_FORMAT, number);
  berth_json_set_string(props, row->property, id);
  return TRUE;
}

const char *berth_kinds_get(const BerthDevice *device, const BerthXmlNode *node, const char *path) {
  return node != NULL ? berth_xml_node_get(node, path) : berth_model_device_get(device, path);
}

gboolean berth_kinds_map_node(const BerthBuild *build, const BerthDevice *device, const BerthXmlNode *node, const BerthMap *map,
                              json_object *props, GError **error) {
  static gboolean (*const forms[])(const BerthMap *, const char *, json_object *) = {
      [BERTH_MAP_TEXT] = map_text,     [BERTH_MAP_WORD] = map_text,     [BERTH_MAP_NUMBER] = map_number,
      [BERTH_MAP_SWITCH] = map_switch, [BERTH_MAP_ONOFF] = map_switch,  [BERTH_MAP_KIB] = map_number,
      [BERTH_MAP_MIB] = map_number,    [BERTH_MAP_THREAD] = map_thread,
  };
  for (; map->path != NULL; map++) {
    const char *value = berth_kinds_get(device, node, map->path);
    if (value != NULL && !forms[map->form](map, value, props))
      return bad_value(build, device, map, value, error);
  }
  return TRUE;
}

gboolean berth_kinds_map(const BerthBuild *build, const BerthDevice *device, const BerthMap *map, json_object *props,
                         GError **error) {
  return berth_kinds_map_node(build, device, NULL, map, props, error);
}

gboolean berth_kinds_only(const BerthBuild *build, const BerthDevice *device, const char *const *paths, gboolean allowed,
                          const char *what, GError **error) {
  for (; *paths != NULL && !allowed; paths++) {
    if (berth_model_device_get(device, *paths) != NULL)
      return berth_kinds_refuse(build, device, error, "%s is something only %s has", *paths, what);
  }
  return TRUE;
}

gboolean berth_kinds_virtio(const BerthBuild *build, const BerthDevice *device, json_object *props, GError **error) {
  static const BerthMap map[] = {
      {"driver/@iommu", "iommu_platform", BERTH_MAP_SWITCH},
      {"driver/@ats", "ats", BERTH_MAP_SWITCH},
      {"driver/@packed", "packed", BERTH_MAP_SWITCH},
      {"driver/@page_per_vq", "page-per-vq", BERTH_MAP_SWITCH},
      {NULL},
  };
  return berth_kinds_map(build, device, map, props, error);
}

gboolean berth_kinds_boot(const BerthBuild *build, const BerthDevice *device, json_object *props, GError **error) {
  static const BerthMap map[] = {
      {"rom/@file", "romfile", BERTH_MAP_TEXT},
      {NULL},
  };
  guint index = berth_kinds_boot_index(build->inventory, device);
  if (index > 0)
    berth_json_set_int(props, "bootindex", index);
  if (berth_model_device_get(device, "rom/@bar") != NULL)
    berth_json_set_int(props, "rombar", berth_kinds_is_on(berth_model_device_get(device, "rom/@bar")) ? 1 : 0);
  if (berth_model_device_is(device, "rom/@enabled", "no"))
    berth_json_set_string(props, "romfile", "");
  return berth_kinds_map(build, device, map, props, error);
}

/* ---- boot order ---- */

/* The word of <os><boot dev=> that means @device. */
static const char *boot_class(const BerthDevice *device) {
  if (device->element->id == BERTH_INTERFACE)
    return "network";
  if (device->element->id != BERTH_DISK)
    return NULL;
  if (berth_model_device_is(device, "@device", "cdrom"))
    return "cdrom";
  return berth_model_device_is(device, "@device", "floppy") ? "fd" : "hd";
}

static gboolean is_first_of_class(const BerthInventory *inventory, const BerthDevice *device, const char *class) {
  for (guint i = 0; i < inventory->devices->len; i++) {
    const BerthDevice *other = g_ptr_array_index(inventory->devices, i);
    if (g_strcmp0(boot_class(other), class) == 0)
      return other == device;
  }
  return FALSE;
}

static gboolean any_boot_order(const BerthInventory *inventory) {
  for (guint i = 0; i < inventory->devices->len; i++) {
    if (berth_model_device_get(g_ptr_array_index(inventory->devices, i), "boot/@order") != NULL)
      return TRUE;
  }
  return FALSE;
}

/* As libvirt does it: <os><boot dev> means the first device of the class; with no word about booting at all it is "hd". */
guint berth_kinds_boot_index(const BerthInventory *inventory, const BerthDevice *device) {
  const char *class = boot_class(device);
  if (berth_model_device_get(device, "boot/@order") != NULL)
    return (guint)berth_model_device_number(device, "boot/@order", 0);
  if (class == NULL || !is_first_of_class(inventory, device, class) || any_boot_order(inventory))
    return 0;
  const BerthXmlNode *boot = berth_xml_node_child(berth_xml_node_child(inventory->document->root, "os"), "boot");
  if (boot == NULL)
    return g_str_equal(class, "hd") ? 1 : 0;
  for (guint n = 1; boot != NULL; boot = berth_xml_node_next(boot, "boot"), n++) {
    if (g_strcmp0(berth_xml_node_get(boot, "@dev"), class) == 0)
      return n;
  }
  return 0;
}
