/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Folders and memory of the host that the guest can see: filesystem, shmem, pstore. */
#include "kinds/build.h"

#include <string.h>

/* ---- filesystem ---- */

static gboolean need(const BerthBuild *build, const BerthDevice *device, const char *path, GError **error) {
  return berth_model_device_get(device, path) != NULL || berth_kinds_refuse(build, device, error, "%s is missing", path);
}

/* How the guest's owners and modes become the host's. */
static const struct {
  const char *mode, *model;
} access_modes[] = {{"passthrough", "passthrough"}, {"mapped", "mapped"}, {"squash", "none"}};

static const char *security_model(const BerthDevice *device) {
  for (guint i = 0; i < G_N_ELEMENTS(access_modes); i++) {
    if (berth_model_device_is(device, "@accessmode", access_modes[i].mode))
      return access_modes[i].model;
  }
  return access_modes[0].model;
}

static gboolean build_9p(BerthBuild *build, const BerthDevice *device, const char *driver, GError **error) {
  static const BerthMap back[] = {{"source/@dir", "path", BERTH_MAP_TEXT},
                                  {"@multidevs", "multidevs", BERTH_MAP_WORD},
                                  {"@fmode", "fmode", BERTH_MAP_WORD},
                                  {"@dmode", "dmode", BERTH_MAP_WORD},
                                  {"driver/@wrpolicy", "writeout", BERTH_MAP_WORD},
                                  {NULL}};
  static const BerthMap front[] = {{"target/@dir", "mount_tag", BERTH_MAP_TEXT}, {NULL}};
  g_autofree char *id = berth_kinds_id("fsdev-", device);
  if (!need(build, device, "source/@dir", error) || !need(build, device, "target/@dir", error))
    return FALSE;
  json_object *fsdev = berth_model_qemu_option(build->qemu, "-fsdev", "local");
  berth_json_set_string(fsdev, "id", id);
  berth_json_set_string(fsdev, "security_model", security_model(device));
  if (berth_xml_node_child(device->node, "readonly") != NULL)
    berth_json_set_boolean(fsdev, "readonly", TRUE);
  if (!berth_kinds_map(build, device, back, fsdev, error))
    return FALSE;
  json_object *props = berth_kinds_device(build, device, driver, error);
  if (props == NULL)
    return FALSE;
  berth_json_set_string(props, "fsdev", id);
  return berth_kinds_map(build, device, front, props, error) && berth_kinds_virtio(build, device, props, error);
}

/* What <binary> says, as an option of virtiofsd's -o. */
static const struct {
  const char *path, *value, *option;
} daemon_options[] = {
    {"binary/@xattr", "on", "xattr"},
    {"binary/@xattr", "off", "no_xattr"},
    {"binary/cache/@mode", "always", "cache=always"},
    {"binary/cache/@mode", "none", "cache=none"},
    {"binary/sandbox/@mode", "chroot", "sandbox=chroot"},
    {"binary/sandbox/@mode", "namespace", "sandbox=namespace"},
    {"binary/lock/@posix", "on", "posix_lock"},
    {"binary/lock/@posix", "off", "no_posix_lock"},
    {"binary/lock/@flock", "on", "flock"},
    {"binary/lock/@flock", "off", "no_flock"},
};

/* Without a socket of the document's, a virtiofsd of the guest's own serves the folder. */
static gboolean add_daemon(BerthBuild *build, const BerthDevice *device, const char *socket, GError **error) {
  const char *dir = berth_model_device_get(device, "source/@dir"), *binary = berth_model_device_get(device, "binary/@path");
  g_autoptr(GString) options = g_string_new("source=");
  g_autoptr(GPtrArray) argv = g_ptr_array_new();
  g_autofree char *listens = g_strconcat("--socket-path=", socket, NULL);
  if (dir == NULL || strchr(dir, ',') != NULL)
    return berth_kinds_refuse(build, device, error, "<source dir> is missing, or has a comma, which virtiofsd cannot be told");
  g_string_append(options, dir);
  for (guint i = 0; i < G_N_ELEMENTS(daemon_options); i++) {
    if (berth_model_device_is(device, daemon_options[i].path, daemon_options[i].value))
      g_string_append_printf(options, ",%s", daemon_options[i].option);
  }
  const char *const words[] = {binary != NULL ? binary : "virtiofsd", listens, "-o", options->str, NULL};
  for (guint i = 0; words[i] != NULL; i++)
    g_ptr_array_add(argv, (gpointer)words[i]);
  if (berth_xml_node_child(device->node, "readonly") != NULL)
    g_ptr_array_add(argv, (gpointer) "--readonly");
  g_ptr_array_add(argv, NULL);
  berth_kinds_helper(build, device, (const char *const *)argv->pdata, NULL);
  return TRUE;
}

static gboolean build_virtiofs(BerthBuild *build, const BerthDevice *device, const char *driver, GError **error) {
  static const BerthMap front[] = {
      {"target/@dir", "tag", BERTH_MAP_TEXT}, {"driver/@queue", "queue-size", BERTH_MAP_NUMBER}, {NULL}};
  const char *path = berth_model_device_get(device, "source/@socket");
  g_autofree char *id = berth_kinds_id("char", device);
  g_autofree char *own = berth_kinds_helper_socket(build, device);
  guint boot = berth_kinds_boot_index(build->inventory, device);
  if (!need(build, device, "target/@dir", error) || (path == NULL && !add_daemon(build, device, own, error)))
    return FALSE;
  berth_kinds_need_shared_memory(build, device);
  berth_kinds_chardev_socket(build, id, path != NULL ? path : own, FALSE, 0);
  json_object *props = berth_kinds_device(build, device, driver, error);
  if (props == NULL)
    return FALSE;
  berth_json_set_string(props, "chardev", id);
  if (boot > 0)
    berth_json_set_int(props, "bootindex", boot);
  return berth_kinds_map(build, device, front, props, error) && berth_kinds_virtio(build, device, props, error);
}

gboolean berth_kinds_build_filesystem(BerthBuild *build, const BerthDevice *device, const BerthKind *kind, GError **error) {
  static const char *const of_9p[] = {"driver/@wrpolicy", "@fmode", "@dmode", "@multidevs", "source/@dir", NULL};
  static const char *const of_virtiofs[] = {"driver/@queue", "boot/@order", "source/@socket", "binary/@path", NULL};
  gboolean virtiofs = g_str_equal(kind->variant, "virtiofs");
  if (!virtiofs && !berth_kinds_only(build, device, of_virtiofs, FALSE, "virtiofs", error))
    return FALSE;
  if (!virtiofs)
    return build_9p(build, device, kind->driver, error);
  return (berth_model_device_get(device, "source/@socket") == NULL || berth_kinds_only(build, device, of_9p, FALSE, "9p", error)) &&
         build_virtiofs(build, device, kind->driver, error);
}

/* ---- shmem, pstore ---- */

#define DEFAULT_SHMEM (4 << 20)

/* @unit: what a <size> is in that does not say. */
static gboolean add_shared_file(BerthBuild *build, const BerthDevice *device, const char *id, const char *path, const char *unit,
                                GError **error) {
  const BerthXmlNode *size = berth_xml_node_child(device->node, "size");
  guint64 bytes = DEFAULT_SHMEM;
  if (size != NULL && !berth_kinds_size(build, size, size->text, unit, &bytes, error))
    return FALSE;
  json_object *props = berth_model_qemu_add(build->qemu, BERTH_QEMU_OBJECT);
  berth_json_set_string(props, "qom-type", "memory-backend-file");
  berth_json_set_string(props, "id", id);
  berth_json_set_string(props, "mem-path", path);
  berth_json_set_int(props, "size", (gint64)bytes);
  berth_json_set_boolean(props, "share", TRUE);
  return TRUE;
}

static gboolean build_doorbell(BerthBuild *build, const BerthDevice *device, const char *driver, GError **error) {
  static const BerthMap map[] = {
      {"msi/@vectors", "vectors", BERTH_MAP_NUMBER}, {"msi/@ioeventfd", "ioeventfd", BERTH_MAP_SWITCH}, {NULL}};
  const char *path = berth_model_device_get(device, "server/@path");
  g_autofree char *id = berth_kinds_id("char", device);
  /* Guests share the server, so that none of them starts it; its place is as libvirt has it. */
  g_autofree char *usual = g_strconcat("/var/lib/libvirt/shmem-", berth_model_device_get(device, "@name"), "-sock", NULL);
  if (path == NULL)
    path = usual;
  berth_kinds_need(build, device, NULL, path, "there is no socket %s; ivshmem-server makes it", path);
  if (berth_xml_node_child(device->node, "size") != NULL || berth_model_device_get(device, "@role") != NULL)
    return berth_kinds_refuse(build, device, error, "the server says size and role");
  berth_kinds_chardev_socket(build, id, path, FALSE, 0);
  json_object *props = berth_kinds_device(build, device, driver, error);
  if (props == NULL)
    return FALSE;
  berth_json_set_string(props, "chardev", id);
  return berth_kinds_map(build, device, map, props, error);
}

/* As libvirt has it: memory of that name in /dev/shm, 4 MiB unless said. */
gboolean berth_kinds_build_shmem(BerthBuild *build, const BerthDevice *device, const BerthKind *kind, GError **error) {
  const char *name = berth_model_device_get(device, "@name");
  g_autofree char *id = berth_kinds_id("shmmem-", device);
  g_autofree char *path = g_strconcat("/dev/shm/", name, NULL);
  if (kind->driver == NULL || !berth_kinds_is_word(name))
    return berth_kinds_refuse(build, device, error, "model '%s' or its name is not supported by start", kind->variant);
  if (g_str_equal(kind->variant, "ivshmem-doorbell"))
    return build_doorbell(build, device, kind->driver, error);
  if (berth_xml_node_child(device->node, "server") != NULL || berth_xml_node_child(device->node, "msi") != NULL)
    return berth_kinds_refuse(build, device, error, "server and msi are something only an ivshmem-doorbell has");
  if (!add_shared_file(build, device, id, path, "bytes", error))
    return FALSE;
  json_object *props = berth_kinds_device(build, device, kind->driver, error);
  if (props == NULL)
    return FALSE;
  berth_json_set_string(props, "memdev", id);
  if (berth_model_device_get(device, "@role") != NULL)
    berth_json_set_string(props, "master", berth_model_device_is(device, "@role", "master") ? "on" : "off");
  return TRUE;
}

gboolean berth_kinds_build_pstore(BerthBuild *build, const BerthDevice *device, const BerthKind *kind, GError **error) {
  const char *path = berth_model_device_get(device, "path");
  g_autofree char *id = berth_kinds_id("mem", device);
  if (path == NULL || berth_xml_node_child(device->node, "size") == NULL)
    return berth_kinds_refuse(build, device, error, "<path> or <size> is missing");
  if (!add_shared_file(build, device, id, path, "KiB", error))
    return FALSE;
  json_object *props = berth_kinds_device(build, device, kind->driver, error);
  if (props != NULL)
    berth_json_set_string(props, "memdev", id);
  return props != NULL;
}
