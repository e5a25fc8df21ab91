/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Firmware images, and what firmware and machine tell the guest about itself. */
#include "kinds/build.h"

#include <string.h>

static const BerthXmlNode *os_of(const BerthBuild *build) {
  return berth_xml_node_child(build->document->root, "os");
}

static gboolean refuse(const BerthBuild *build, const BerthXmlNode *node, GError **error, const char *what) {
  berth_xml_error(error, BERTH_ERROR_UNSUPPORTED, build->document, node, "%s", what);
  return FALSE;
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
  json_object *props = berth_model_qemu_option(build->qemu, "-smbios", NULL);
  berth_json_set_int(props, "type", type);
  for (const BerthXmlNode *e = berth_xml_node_child(group, "entry"); e != NULL; e = berth_xml_node_next(e, "entry")) {
    const char *name = berth_xml_node_get(e, "@name"), *key = entry_key(entries, name);
    if (key == NULL) {
      berth_xml_error(error, BERTH_ERROR_UNSUPPORTED, build->document, e, "<%s>: entry '%s' is not one that QEMU has", group->name,
                      name != NULL ? name : "");
      return FALSE;
    }
    berth_json_set_string(props, key, e->text != NULL ? e->text : "");
  }
  return TRUE;
}

#define OEM_STRINGS 11

/* The <sysinfo> of a type. */
static const BerthXmlNode *sysinfo_of(const BerthBuild *build, const char *type) {
  const BerthXmlNode *info = berth_xml_node_child(build->document->root, "sysinfo");
  while (info != NULL && g_strcmp0(berth_xml_node_get(info, "@type"), type) != 0)
    info = berth_xml_node_next(info, "sysinfo");
  return info;
}

static gboolean add_smbios(BerthBuild *build, GError **error) {
  const BerthXmlNode *info = sysinfo_of(build, "smbios");
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
    json_object *props = berth_model_qemu_option(build->qemu, "-smbios", NULL);
    berth_json_set_int(props, "type", OEM_STRINGS);
    berth_json_set_string(props, "value", oem->text != NULL ? oem->text : "");
  }
  return TRUE;
}

/* What the guest reads by name from QEMU's configuration device: a text, or what is in a file. */
static gboolean add_configuration(BerthBuild *build, GError **error) {
  const BerthXmlNode *entry = berth_xml_node_child(sysinfo_of(build, "fwcfg"), "entry");
  for (; entry != NULL; entry = berth_xml_node_next(entry, "entry")) {
    const char *name = berth_xml_node_get(entry, "@name"), *file = berth_xml_node_get(entry, "@file");
    if (name == NULL || (file == NULL && entry->text == NULL))
      return refuse(build, entry, error, "<entry> has no name, or neither text nor file");
    json_object *props = berth_model_qemu_option(build->qemu, "-fw_cfg", NULL);
    berth_json_set_string(props, "name", name);
    berth_json_set_string(props, file != NULL ? "file" : "string", file != NULL ? file : entry->text);
  }
  return TRUE;
}

/* ---- devices without a place ---- */

static json_object *add_placeless(BerthBuild *build, const char *driver, const char *id) {
  json_object *props = berth_model_qemu_add(build->qemu, BERTH_QEMU_DEVICE);
  berth_json_set_string(props, "driver", driver);
  berth_json_set_string(props, "id", id);
  return props;
}

/* Without a value QEMU makes up a generation at each start. */
static void add_generation(BerthBuild *build) {
  const BerthXmlNode *genid = berth_xml_node_child(build->document->root, "genid");
  if (genid == NULL)
    return;
  g_autofree char *guid = g_strstrip(g_strdup(genid->text != NULL ? genid->text : ""));
  berth_json_set_string(add_placeless(build, "vmgenid", "vmgenid0"), "guid", guid[0] != '\0' ? guid : "auto");
}

static void add_core_info(BerthBuild *build) {
  const BerthXmlNode *info = berth_xml_node_child(berth_xml_node_child(build->document->root, "features"), "vmcoreinfo");
  const char *state = berth_xml_node_get(info, "@state");
  if (info != NULL && (state == NULL || berth_kinds_is_on(state)))
    add_placeless(build, "vmcoreinfo", "vmcoreinfo0");
}

gboolean berth_kinds_build_firmware(BerthBuild *build, json_object *machine, GError **error) {
  if (!berth_kinds_build_image(build, machine, error) || !add_smbios(build, error) || !add_configuration(build, error) ||
      !berth_kinds_build_confidential(build, machine, error))
    return FALSE;
  add_generation(build);
  add_core_info(build);
  return TRUE;
}
