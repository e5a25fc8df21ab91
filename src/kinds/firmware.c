/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Firmware images, and what firmware and machine tell the guest about itself. */
#include "kinds/build.h"

#include <string.h>

static const BerthXmlNode *os_of(const BerthBuild *build) {
  return berth_xml_node_child(build->document->root, "os");
}

static gboolean is_yes(const BerthXmlNode *node, const char *path) {
  return berth_kinds_is_on(berth_xml_node_get(node, path));
}

static gboolean refuse(const BerthBuild *build, const BerthXmlNode *node, GError **error, const char *what) {
  berth_xml_error(error, BERTH_ERROR_UNSUPPORTED, build->document, node, "%s", what);
  return FALSE;
}

/* ---- images ---- */

static void add_flash(BerthBuild *build, JsonObject *machine, const char *name, const char *path, gboolean read_only) {
  g_autofree char *node_name = g_strconcat("node-", name, NULL);
  g_autofree char *image = g_strstrip(g_strdup(path));
  JsonObject *node = berth_model_qemu_add(build->qemu, BERTH_QEMU_BLOCKDEV);
  json_object_set_string_member(node, "node-name", node_name);
  json_object_set_string_member(node, "driver", "file");
  json_object_set_string_member(node, "filename", image);
  json_object_set_boolean_member(node, "read-only", read_only);
  json_object_set_string_member(machine, name, node_name);
}

/* The second chip holds the guest's variables. An image that is written itself, or is stateless, needs none. */
static gboolean add_flashes(BerthBuild *build, JsonObject *machine, const BerthXmlNode *loader, GError **error) {
  const BerthXmlNode *nvram = berth_xml_node_child(os_of(build), "nvram");
  gboolean read_only = g_strcmp0(berth_xml_node_get(loader, "@readonly"), "no") != 0;
  if (nvram == NULL && read_only && !is_yes(loader, "@stateless"))
    return refuse(build, loader, error, "<loader> is read-only: a file for the guest's variables, <nvram>, is missing");
  if (nvram != NULL && nvram->text == NULL)
    return refuse(build, nvram, error, "<nvram> without the path of a file of this guest's own is not supported by start yet");
  add_flash(build, machine, "pflash0", loader->text, read_only);
  if (nvram != NULL)
    add_flash(build, machine, "pflash1", nvram->text, FALSE);
  if (is_yes(loader, "@secure")) {
    JsonObject *props = berth_model_qemu_option(build->qemu, "-global", NULL);
    json_object_set_string_member(props, "driver", "cfi.pflash01");
    json_object_set_string_member(props, "property", "secure");
    json_object_set_boolean_member(props, "value", TRUE);
  }
  return TRUE;
}

static gboolean add_image(BerthBuild *build, JsonObject *machine, GError **error) {
  const BerthXmlNode *loader = berth_xml_node_child(os_of(build), "loader");
  gboolean named = loader != NULL && loader->text != NULL;
  gboolean flash = g_strcmp0(berth_xml_node_get(loader, "@type"), "pflash") == 0;
  if (!named && g_strcmp0(berth_xml_node_get(os_of(build), "@firmware"), "efi") == 0)
    return refuse(
        build, os_of(build), error,
        "<os firmware='efi'> leaves the choice of an image to the host, which is not supported by start yet; name it with "
        "<loader> and <nvram>");
  if (!named && (loader != NULL || berth_xml_node_child(os_of(build), "nvram") != NULL))
    return refuse(build, loader != NULL ? loader : os_of(build), error, "<loader> without a path is not supported by start yet");
  if (named && flash)
    return add_flashes(build, machine, loader, error);
  if (named) {
    g_autofree char *path = g_strstrip(g_strdup(loader->text));
    berth_model_qemu_option(build->qemu, "-bios", path);
  }
  return TRUE;
}

/* ---- SMBIOS ---- */

/* An <entry name=> of a group and what -smbios calls it (QEMU man page). */
typedef struct {
  const char *entry, *key;
} Entry;

static const Entry bios_entries[] = {
    {"vendor", "vendor"}, {"version", "version"}, {"date", "date"}, {"release", "release"}, {NULL}};
static const Entry system_entries[] = {
    {"manufacturer", "manufacturer"},
    {"product", "product"},
    {"version", "version"},
    {"serial", "serial"},
    {"uuid", "uuid"},
    {"sku", "sku"},
    {"family", "family"},
    {NULL},
};
static const Entry board_entries[] = {
    {"manufacturer", "manufacturer"},
    {"product", "product"},
    {"version", "version"},
    {"serial", "serial"},
    {"asset", "asset"},
    {"location", "location"},
    {NULL},
};
static const Entry chassis_entries[] = {
    {"manufacturer", "manufacturer"}, {"version", "version"}, {"serial", "serial"}, {"asset", "asset"}, {"sku", "sku"}, {NULL},
};

static const struct {
  const char *group;
  gint64 type;
  const Entry *entries;
} groups[] = {
    {"bios", 0, bios_entries},
    {"system", 1, system_entries},
    {"baseBoard", 2, board_entries},
    {"chassis", 3, chassis_entries},
};

static const char *entry_key(const Entry *entries, const char *name) {
  for (; entries->entry != NULL; entries++) {
    if (g_strcmp0(entries->entry, name) == 0)
      return entries->key;
  }
  return NULL;
}

static gboolean add_group(BerthBuild *build, const BerthXmlNode *group, gint64 type, const Entry *entries, GError **error) {
  JsonObject *props = berth_model_qemu_option(build->qemu, "-smbios", NULL);
  json_object_set_int_member(props, "type", type);
  for (const BerthXmlNode *e = berth_xml_node_child(group, "entry"); e != NULL; e = berth_xml_node_next(e, "entry")) {
    const char *name = berth_xml_node_get(e, "@name"), *key = entry_key(entries, name);
    if (key == NULL) {
      berth_xml_error(error, BERTH_ERROR_UNSUPPORTED, build->document, e, "<%s>: entry '%s' is not one that QEMU has", group->name,
                      name != NULL ? name : "");
      return FALSE;
    }
    json_object_set_string_member(props, key, e->text != NULL ? e->text : "");
  }
  return TRUE;
}

#define OEM_STRINGS 11

static gboolean add_smbios(BerthBuild *build, GError **error) {
  const BerthXmlNode *info = berth_xml_node_child(build->document->root, "sysinfo");
  if (g_strcmp0(berth_xml_node_get(os_of(build), "smbios/@mode"), "sysinfo") != 0)
    return TRUE;
  if (info == NULL)
    return refuse(build, os_of(build), error, "<smbios mode='sysinfo'> needs a <sysinfo>");
  for (guint i = 0; i < G_N_ELEMENTS(groups); i++) {
    for (const BerthXmlNode *g = berth_xml_node_child(info, groups[i].group); g != NULL;
         g = berth_xml_node_next(g, groups[i].group)) {
      if (!add_group(build, g, groups[i].type, groups[i].entries, error))
        return FALSE;
    }
  }
  const BerthXmlNode *oem = berth_xml_node_child(berth_xml_node_child(info, "oemStrings"), "entry");
  for (; oem != NULL; oem = berth_xml_node_next(oem, "entry")) {
    JsonObject *props = berth_model_qemu_option(build->qemu, "-smbios", NULL);
    json_object_set_int_member(props, "type", OEM_STRINGS);
    json_object_set_string_member(props, "value", oem->text != NULL ? oem->text : "");
  }
  return TRUE;
}

/* ---- devices without a place ---- */

static JsonObject *add_placeless(BerthBuild *build, const char *driver, const char *id) {
  JsonObject *props = berth_model_qemu_add(build->qemu, BERTH_QEMU_DEVICE);
  json_object_set_string_member(props, "driver", driver);
  json_object_set_string_member(props, "id", id);
  return props;
}

/* Without a value QEMU makes up a generation at each start. */
static void add_generation(BerthBuild *build) {
  const BerthXmlNode *genid = berth_xml_node_child(build->document->root, "genid");
  if (genid == NULL)
    return;
  g_autofree char *guid = g_strstrip(g_strdup(genid->text != NULL ? genid->text : ""));
  json_object_set_string_member(add_placeless(build, "vmgenid", "vmgenid0"), "guid", guid[0] != '\0' ? guid : "auto");
}

static void add_core_info(BerthBuild *build) {
  const BerthXmlNode *info = berth_xml_node_child(berth_xml_node_child(build->document->root, "features"), "vmcoreinfo");
  const char *state = berth_xml_node_get(info, "@state");
  if (info != NULL && (state == NULL || berth_kinds_is_on(state)))
    add_placeless(build, "vmcoreinfo", "vmcoreinfo0");
}

gboolean berth_kinds_build_firmware(BerthBuild *build, JsonObject *machine, GError **error) {
  if (!add_image(build, machine, error) || !add_smbios(build, error))
    return FALSE;
  add_generation(build);
  add_core_info(build);
  return TRUE;
}
