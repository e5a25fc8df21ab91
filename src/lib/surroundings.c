/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What the host is asked before a guest's QEMU objects are built: only what its document needs. */
#include "lib/lib.h"

#include <string.h>

#include "base/file.h"
#include "host/survey.h"

#define LIBVIRT_NETWORKS "/etc/libvirt/qemu/networks"
#define MAX_NETWORK (1 << 20)

/* Folders as docs/interop/firmware.json of QEMU has them: the user's, the administrator's, the distribution's. */
static void survey_firmware(BerthHostFacts *host) {
  g_autofree char *own = g_build_filename(g_get_user_config_dir(), "qemu", "firmware", NULL);
  const char *const folders[] = {own, "/etc/qemu/firmware", "/usr/share/qemu/firmware", NULL};
  berth_host_survey_firmware(host, folders);
}

/* What a network's definition (libvirt: formatnetwork) says: the bridge that it is, if it is one, and the host's address. */
static gboolean read_network(BerthHostFacts *host, const char *name, const char *path) {
  static const char *const forwards[] = {"nat", "route", "open", "bridge", NULL};
  g_autoptr(GBytes) bytes = berth_base_file_read(path, MAX_NETWORK, NULL);
  g_autoptr(BerthXmlDocument) network = bytes != NULL ? berth_xml_document_parse(bytes, path, NULL) : NULL;
  if (network == NULL)
    return FALSE;
  const BerthXmlNode *forward = berth_xml_node_child(network->root, "forward");
  const char *mode = berth_xml_node_get(forward, "@mode"), *bridge = berth_xml_node_get(network->root, "bridge/@name");
  const char *address = berth_xml_node_get(network->root, "ip/@address");
  if (bridge != NULL && (forward == NULL || g_strv_contains(forwards, mode != NULL ? mode : "nat")))
    g_hash_table_insert(host->networks, g_strdup(name), g_strdup(bridge));
  if (address != NULL)
    g_hash_table_insert(host->addresses, g_strdup(name), g_strdup(address));
  return TRUE;
}

static void survey_network(BerthHostFacts *host, const char *name) {
  g_autofree char *own = g_build_filename(host->state_dir, "networks", NULL);
  g_autofree char *session = g_build_filename(g_get_user_config_dir(), "libvirt", "qemu", "networks", NULL);
  const char *const folders[] = {own, session, LIBVIRT_NETWORKS};
  g_autofree char *file = g_strconcat(name, ".xml", NULL);
  gboolean found = strchr(name, '/') != NULL; /* that is no name of a network */
  for (guint i = 0; i < G_N_ELEMENTS(folders) && !found; i++) {
    g_autofree char *path = g_build_filename(folders[i], file, NULL);
    found = read_network(host, name, path);
  }
}

static void survey_device(BerthHostFacts *host, const BerthXmlNode *device, gboolean *scsi) {
  const char *network = berth_xml_node_get(device, "source/@network"), *type = berth_xml_node_get(device, "@type");
  if (g_str_equal(device->name, "graphics"))
    network = berth_xml_node_get(device, "listen/@network");
  if (network != NULL && !g_hash_table_contains(host->networks, network))
    survey_network(host, network);
  if (g_str_equal(device->name, "hostdev") && g_strcmp0(type, "scsi") == 0 && !*scsi) {
    berth_host_survey_scsi(host, "/sys");
    *scsi = TRUE;
  }
}

/* Only a clock that is local has to know: it is a file to read. */
static gint64 ahead_of_utc(const BerthXmlNode *clock, gint64 now) {
  if (g_strcmp0(berth_xml_node_get(clock, "@offset"), "localtime") != 0 &&
      g_strcmp0(berth_xml_node_get(clock, "@basis"), "localtime") != 0)
    return 0;
  g_autoptr(GDateTime) here = g_date_time_new_from_unix_local(now);
  return here != NULL ? g_date_time_get_utc_offset(here) / G_TIME_SPAN_SECOND : 0;
}

BerthHostFacts *berth_lib_host_facts(const BerthEnv *env, const char *run_dir, const BerthXmlDocument *document) {
  BerthHostFacts *host = berth_facts_host_new(run_dir, env->state_dir, env->now(env->now_data) / G_USEC_PER_SEC);
  const BerthXmlNode *os = berth_xml_node_child(document->root, "os");
  host->utc_offset = ahead_of_utc(berth_xml_node_child(document->root, "clock"), host->now);
  gboolean scsi = FALSE;
  if (berth_xml_node_get(os, "@firmware") != NULL || g_strcmp0(berth_xml_node_get(os, "loader/@type"), "pflash") == 0)
    survey_firmware(host);
  const BerthXmlNode *devices = berth_xml_node_child(document->root, "devices");
  for (const BerthXmlNode *device = devices != NULL ? devices->first : NULL; device != NULL; device = device->next)
    survey_device(host, device, &scsi);
  return host;
}
