/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Guests whose memory the host cannot read: <launchSecurity> (libvirt: formatdomain, "Launch Security"). */
#include "kinds/build.h"

#include <string.h>

#define ID "lsec0"

/* What an element says as a property; a file: its text goes to a file of the run folder, whose path QEMU gets. */
typedef struct {
  const char *path, *property;
  BerthMapForm form;
  gboolean file, needed;
} Row;

static const Row sev_rows[] = {
    {"cbitpos", "cbitpos", BERTH_MAP_NUMBER, FALSE, TRUE},
    {"reducedPhysBits", "reduced-phys-bits", BERTH_MAP_NUMBER, FALSE, TRUE},
    {"policy", "policy", BERTH_MAP_NUMBER, FALSE, TRUE},
    {"dhCert", "dh-cert-file", BERTH_MAP_TEXT, TRUE, FALSE},
    {"session", "session-file", BERTH_MAP_TEXT, TRUE, FALSE},
    {"@kernelHashes", "kernel-hashes", BERTH_MAP_SWITCH, FALSE, FALSE},
    {NULL},
};

static const Row snp_rows[] = {
    {"cbitpos", "cbitpos", BERTH_MAP_NUMBER, FALSE, TRUE},
    {"reducedPhysBits", "reduced-phys-bits", BERTH_MAP_NUMBER, FALSE, TRUE},
    {"policy", "policy", BERTH_MAP_NUMBER, FALSE, TRUE},
    {"guestVisibleWorkarounds", "guest-visible-workarounds", BERTH_MAP_TEXT, FALSE, FALSE},
    {"idBlock", "id-block", BERTH_MAP_TEXT, FALSE, FALSE},
    {"idAuth", "id-auth", BERTH_MAP_TEXT, FALSE, FALSE},
    {"hostData", "host-data", BERTH_MAP_TEXT, FALSE, FALSE},
    {"@kernelHashes", "kernel-hashes", BERTH_MAP_SWITCH, FALSE, FALSE},
    {"@authorKey", "author-key-enabled", BERTH_MAP_SWITCH, FALSE, FALSE},
    {"@vcek", "vcek-disabled", BERTH_MAP_SWITCH, FALSE, FALSE},
    {NULL},
};

static const Row tdx_rows[] = {
    {"policy", "attributes", BERTH_MAP_NUMBER, FALSE, FALSE},
    {"mrConfigId", "mrconfigid", BERTH_MAP_TEXT, FALSE, FALSE},
    {"mrOwner", "mrowner", BERTH_MAP_TEXT, FALSE, FALSE},
    {"mrOwnerConfig", "mrownerconfig", BERTH_MAP_TEXT, FALSE, FALSE},
    {NULL},
};

static const struct {
  const char *type, *object;
  const Row *rows;
  guint major, minor; /* the first QEMU that has it */
} types[] = {
    {"sev", "sev-guest", sev_rows, 2, 12}, {"sev-snp", "sev-snp-guest", snp_rows, 9, 1}, {"tdx", "tdx-guest", tdx_rows, 10, 1}};

static gboolean refuse(const BerthBuild *build, const BerthXmlNode *node, GError **error, const char *what, const char *more) {
  berth_xml_error(error, BERTH_ERROR_UNSUPPORTED, build->document, node, "<launchSecurity>: %s%s", what, more);
  return FALSE;
}

static gboolean add_rows(BerthBuild *build, const BerthXmlNode *node, const Row *row, json_object *object, GError **error) {
  for (; row->path != NULL; row++) {
    const BerthMap map[] = {{row->path, row->property, row->form}, {NULL}};
    const char *value = berth_xml_node_get(node, row->path);
    if (value == NULL && row->needed)
      return refuse(build, node, error, row->path, " is missing; what this host has is not looked up");
    if (value == NULL || !row->file) {
      if (!berth_kinds_map_node(build, build->inventory->domain, node, map, object, error))
        return FALSE;
      continue;
    }
    BerthQemuFile *file = g_new0(BerthQemuFile, 1);
    file->path = g_strdup_printf("%s/%s.secret", build->host->run_dir, row->path);
    file->text = g_strdup(value);
    g_ptr_array_add(build->qemu->files, file);
    berth_json_set_string(object, row->property, file->path);
  }
  return TRUE;
}

/* The service that signs what a TDX guest says about itself. */
static void add_quotes(const BerthXmlNode *node, json_object *object) {
  const BerthXmlNode *service = berth_xml_node_child(node, "quoteGenerationService");
  const char *path = berth_xml_node_get(service, "@path");
  if (service == NULL)
    return;
  json_object *socket = json_object_new_object();
  berth_json_set_string(socket, "type", "unix");
  berth_json_set_string(socket, "path", path != NULL ? path : "/var/run/tdx-qgs/qgs.socket");
  berth_json_set(object, "quote-generation-socket", socket);
}

gboolean berth_kinds_build_confidential(BerthBuild *build, json_object *machine, GError **error) {
  const BerthXmlNode *node = berth_xml_node_child(build->document->root, "launchSecurity");
  const char *type = berth_xml_node_get(node, "@type");
  if (node == NULL)
    return TRUE;
  for (guint i = 0; i < G_N_ELEMENTS(types); i++) {
    if (g_strcmp0(type, types[i].type) != 0)
      continue;
    if (!berth_kinds_since(build, build->inventory->domain, types[i].major, types[i].minor, types[i].object, error))
      return FALSE;
    json_object *object = berth_model_qemu_add(build->qemu, BERTH_QEMU_OBJECT);
    berth_json_set_string(object, "qom-type", types[i].object);
    berth_json_set_string(object, "id", ID);
    berth_json_set_string(machine, "confidential-guest-support", ID);
    add_quotes(node, object);
    return add_rows(build, node, types[i].rows, object, error);
  }
  return refuse(build, node, error, "this type is not one that QEMU's x86 machines have: ", type != NULL ? type : "none");
}
