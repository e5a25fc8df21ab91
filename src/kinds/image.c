/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The guest's firmware image: a named one, or the best that the host has descriptors of; and the guest's variables beside it. */
#include "kinds/build.h"

#include <string.h>

/* What is behind the guest's flash chips, or its -bios. Texts are borrowed, but for @own. */
typedef struct {
  const char *image, *image_format;
  const char *variables, *variables_format; /* NULL: it keeps none */
  const char *template, *template_format;   /* what the variables begin as; NULL: they must be there */
  char *own;                                /* @variables, where the document leaves the path to berth */
  gboolean flash, read_only, secure;
} Image;

static void image_clear(Image *image) {
  g_clear_pointer(&image->own, g_free);
}
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(Image, image_clear)

static const BerthXmlNode *os_of(const BerthBuild *build) {
  return berth_xml_node_child(build->document->root, "os");
}

static gboolean is_yes(const BerthXmlNode *node, const char *path) {
  return berth_kinds_is_on(berth_xml_node_get(node, path));
}

static const char *feature_state(const BerthBuild *build, const char *name) {
  g_autofree char *path = g_strdup_printf("features/%s/@state", name);
  return berth_xml_node_get(build->document->root, path);
}

/* ---- choice ---- */

/* An alias fits where the machine that it stands for would. */
static gboolean fits_machine(const BerthBuild *build, const BerthFirmware *firmware) {
  const BerthInventory *inventory = build->inventory;
  const char *arch = g_strcmp0(inventory->arch, "i686") == 0 ? "i386" : inventory->arch;
  gboolean fits = berth_facts_firmware_fits(firmware, arch, inventory->machine);
  for (guint i = 0; i < G_N_ELEMENTS(inventory->family->prefixes) && inventory->family->prefixes[i] != NULL; i++)
    fits = fits ||
           (strchr(inventory->machine, '-') == NULL && berth_facts_firmware_fits(firmware, arch, inventory->family->prefixes[i]));
  return fits;
}

/* <firmware><feature name= enabled=>, and <loader secure=>, which is about the same. */
static gboolean has_wanted_features(const BerthBuild *build, const BerthFirmware *firmware) {
  const BerthXmlNode *os = os_of(build);
  const char *secure = berth_xml_node_get(os, "loader/@secure");
  const BerthXmlNode *feature = berth_xml_node_child(berth_xml_node_child(os, "firmware"), "feature");
  for (; feature != NULL; feature = berth_xml_node_next(feature, "feature")) {
    const char *name = berth_xml_node_get(feature, "@name");
    if (name != NULL && is_yes(feature, "@enabled") != berth_facts_firmware_has(firmware, name))
      return FALSE;
  }
  return secure == NULL || berth_kinds_is_on(secure) == berth_facts_firmware_has(firmware, "requires-smm");
}

/* Images without variables are for confidential guests, unless one is asked for. */
static gboolean fits_use(const BerthBuild *build, const BerthFirmware *firmware) {
  const BerthXmlNode *loader = berth_xml_node_child(os_of(build), "loader");
  const char *type = berth_xml_node_get(loader, "@type");
  gboolean rom = g_strcmp0(type, "rom") == 0 || is_yes(loader, "@stateless") ||
                 berth_xml_node_child(build->document->root, "launchSecurity") != NULL;
  if (g_strcmp0(feature_state(build, "smm"), "off") == 0 && berth_facts_firmware_has(firmware, "requires-smm"))
    return FALSE;
  return firmware->flash ? g_strcmp0(type, "rom") != 0 && (firmware->variables != NULL || rom)
                         : rom && g_strcmp0(type, "pflash") != 0;
}

static const BerthFirmware *choose(const BerthBuild *build, const char *interface) {
  for (guint i = 0; i < build->host->firmware->len; i++) {
    const BerthFirmware *firmware = g_ptr_array_index(build->host->firmware, i);
    if (g_str_equal(firmware->interface, interface) && fits_machine(build, firmware) && has_wanted_features(build, firmware) &&
        fits_use(build, firmware))
      return firmware;
  }
  return NULL;
}

/* What a named image is said to be by the descriptor that has it. */
static const BerthFirmware *described(const BerthBuild *build, const char *path) {
  for (guint i = 0; i < build->host->firmware->len; i++) {
    const BerthFirmware *firmware = g_ptr_array_index(build->host->firmware, i);
    if (g_strcmp0(firmware->executable, path) == 0)
      return firmware;
  }
  return NULL;
}

/* ---- what the document says ---- */

static const char *format_or(const char *format, const char *other) {
  return format != NULL ? format : other != NULL ? other : "raw";
}

static gboolean set_variables(BerthBuild *build, const BerthFirmware *firmware, Image *image, GError **error) {
  const BerthXmlNode *loader = berth_xml_node_child(os_of(build), "loader"), *nvram = berth_xml_node_child(os_of(build), "nvram");
  const char *template = berth_xml_node_get(nvram, "@template"), *format = berth_xml_node_get(nvram, "@format");
  const char *uuid = berth_model_device_get(build->inventory->domain, "uuid");
  const char *name = uuid != NULL ? uuid : berth_model_device_get(build->inventory->domain, "name");
  if (is_yes(loader, "@stateless") || (nvram == NULL && !image->read_only) || (firmware != NULL && firmware->variables == NULL))
    return TRUE;
  image->template = template != NULL ? template : firmware != NULL ? firmware->variables : NULL;
  image->template_format =
      format_or(berth_xml_node_get(nvram, "@templateFormat"), firmware != NULL ? firmware->variables_format : NULL);
  image->variables_format = format_or(format, image->template_format);
  if (image->template != NULL && !g_str_equal(image->variables_format, image->template_format)) {
    berth_xml_error(error, BERTH_ERROR_UNSUPPORTED, build->document, nvram,
                    "<nvram>: its format is '%s' and its template's '%s'; a copy has the same", image->variables_format,
                    image->template_format);
    return FALSE;
  }
  image->own = nvram != NULL && nvram->text != NULL
                   ? g_strstrip(g_strdup(nvram->text))
                   : g_strdup_printf("%s/nvram/%s_VARS.%s", build->host->state_dir, name != NULL ? name : "guest",
                                     g_str_equal(image->variables_format, "raw") ? "fd" : image->variables_format);
  image->variables = image->own;
  if (image->template == NULL)
    berth_kinds_need(
        build, NULL, loader, image->own,
        "the guest's variables %s are not there, and no descriptor in /usr/share/qemu/firmware says what they begin as; copy "
        "the image's empty ones there, or name them with <nvram template=>",
        image->own);
  return TRUE;
}

/* SMM keeps the guest's kernel from the variables. */
static void require_smm(const BerthBuild *build, json_object *machine, Image *image) {
  image->secure = TRUE;
  if (feature_state(build, "smm") == NULL)
    berth_json_set_string(machine, "smm", "on");
}

static gboolean read_named(BerthBuild *build, json_object *machine, const BerthXmlNode *loader, Image *image, GError **error) {
  const BerthFirmware *firmware = described(build, image->image);
  image->flash = g_strcmp0(berth_xml_node_get(loader, "@type"), "pflash") == 0;
  image->read_only = g_strcmp0(berth_xml_node_get(loader, "@readonly"), "no") != 0;
  image->image_format = format_or(berth_xml_node_get(loader, "@format"), NULL);
  if (is_yes(loader, "@secure"))
    require_smm(build, machine, image);
  return !image->flash || set_variables(build, firmware, image, error);
}

/* A BIOS that nobody has a descriptor of is QEMU's own. */
static gboolean read_chosen(BerthBuild *build, json_object *machine, const char *kind, Image *image, GError **error) {
  const char *interface = g_str_equal(kind, "efi") ? "uefi" : "bios";
  const BerthFirmware *firmware = choose(build, interface);
  if (firmware == NULL && g_str_equal(interface, "bios"))
    return TRUE;
  if (firmware == NULL) {
    berth_xml_error(
        error, BERTH_ERROR_UNSUPPORTED, build->document, os_of(build),
        "<os firmware='%s'>: no descriptor in /usr/share/qemu/firmware is of an image for this guest; install one (ovmf) or "
        "name it with <loader> and <nvram>",
        kind);
    return FALSE;
  }
  image->image = firmware->executable;
  image->image_format = format_or(firmware->executable_format, NULL);
  image->flash = firmware->flash;
  image->read_only = TRUE;
  if (berth_facts_firmware_has(firmware, "requires-smm"))
    require_smm(build, machine, image);
  return !image->flash || set_variables(build, firmware, image, error);
}

/* ---- what QEMU is told ---- */

static void add_flash(BerthBuild *build, json_object *machine, const char *name, const char *path, const char *format,
                      gboolean read_only) {
  g_autofree char *node_name = g_strconcat("node-", name, NULL);
  json_object *node = berth_model_qemu_add(build->qemu, BERTH_QEMU_BLOCKDEV), *file = node;
  berth_json_set_string(node, "node-name", node_name);
  if (!g_str_equal(format, "raw")) {
    berth_json_set_string(node, "driver", format);
    berth_json_set_boolean(node, "read-only", read_only);
    file = json_object_new_object();
    berth_json_set(node, "file", file);
  }
  berth_json_set_string(file, "driver", "file");
  berth_json_set_string(file, "filename", path);
  berth_json_set_boolean(file, "read-only", read_only);
  berth_json_set_string(machine, name, node_name);
}

static void add_flashes(BerthBuild *build, json_object *machine, const Image *image) {
  add_flash(build, machine, "pflash0", image->image, image->image_format, image->read_only);
  if (image->variables != NULL)
    add_flash(build, machine, "pflash1", image->variables, image->variables_format, FALSE);
  if (image->secure) {
    json_object *props = berth_model_qemu_option(build->qemu, "-global", NULL);
    berth_json_set_string(props, "driver", "cfi.pflash01");
    berth_json_set_string(props, "property", "secure");
    berth_json_set_boolean(props, "value", TRUE);
  }
  if (image->variables == NULL || image->template == NULL)
    return;
  BerthQemuFile *file = g_new0(BerthQemuFile, 1);
  file->path = g_strdup(image->variables);
  file->from = g_strdup(image->template);
  g_ptr_array_add(build->qemu->files, file);
}

gboolean berth_kinds_build_image(BerthBuild *build, json_object *machine, GError **error) {
  const BerthXmlNode *loader = berth_xml_node_child(os_of(build), "loader");
  const char *kind = berth_xml_node_get(os_of(build), "@firmware");
  g_autofree char *path = loader != NULL && loader->text != NULL ? g_strstrip(g_strdup(loader->text)) : NULL;
  g_auto(Image) image = {.image = path};
  if (path == NULL && kind == NULL) {
    if (loader == NULL && berth_xml_node_child(os_of(build), "nvram") == NULL)
      return TRUE;
    berth_xml_error(error, BERTH_ERROR_UNSUPPORTED, build->document, loader != NULL ? loader : os_of(build),
                    "<loader> without a path is not supported by start; <os firmware='efi'> has one chosen");
    return FALSE;
  }
  if (!(path != NULL ? read_named(build, machine, loader, &image, error) : read_chosen(build, machine, kind, &image, error)))
    return FALSE;
  if (image.image != NULL && image.flash)
    add_flashes(build, machine, &image);
  else if (image.image != NULL)
    berth_model_qemu_option(build->qemu, "-bios", image.image);
  return TRUE;
}
