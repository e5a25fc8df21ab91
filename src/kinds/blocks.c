/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Where a disk's bytes come from: one row a type of source, one row a network protocol. */
#include "kinds/build.h"

#include <string.h>

typedef struct {
  const BerthBuild *build;
  const BerthDevice *device;
  const BerthXmlNode *holder, *source;
} Place;

typedef gboolean (*Fill)(const Place *place, json_object *node, GError **error);

static const char *get(const Place *place, const char *path) {
  return berth_xml_node_get(place->source, path);
}

static gboolean need(const Place *place, const char *path, GError **error) {
  if (get(place, path) != NULL)
    return TRUE;
  return berth_kinds_refuse(place->build, place->device, error, "<source> has no %s", path[0] == '@' ? path + 1 : path);
}

static gboolean map(const Place *place, const BerthMap *rows, json_object *node, GError **error) {
  return place->source == NULL || berth_kinds_map_node(place->build, place->device, place->source, rows, node, error);
}

/* ---- secrets ---- */

/* An element that is part of <source>, and was once part of <disk>. */
static const BerthXmlNode *part_of(const BerthXmlNode *holder, const char *name) {
  const BerthXmlNode *part = berth_xml_node_child(berth_xml_node_child(holder, "source"), name);
  return part != NULL ? part : berth_xml_node_child(holder, name);
}

const BerthXmlNode *berth_kinds_block_encryption(const BerthXmlNode *holder) {
  return part_of(holder, "encryption");
}

/* Told apart by how deep below the disk its layer is. */
char *berth_kinds_block_secret_id(const BerthDevice *device, const BerthXmlNode *holder, const char *what) {
  guint depth = 0;
  for (const BerthXmlNode *n = device->node; n != NULL && n != holder; n = berth_xml_node_child(n, "backingStore"))
    depth++;
  return g_strdup_printf("%s%u-%s", what, depth, device->id);
}

/* "NAME=VALUE; NAME=VALUE". (transfer full) */
static char *cookies_of(const BerthXmlNode *cookies) {
  GString *text = g_string_new(NULL);
  for (const BerthXmlNode *c = berth_xml_node_child(cookies, "cookie"); c != NULL; c = berth_xml_node_next(c, "cookie")) {
    const char *name = berth_xml_node_get(c, "@name");
    g_string_append_printf(text, "%s%s=%s", text->len > 0 ? "; " : "", name != NULL ? name : "", c->text != NULL ? c->text : "");
  }
  return g_string_free(text, FALSE);
}

static gboolean add_secrets_of(BerthBuild *build, const BerthDevice *device, const BerthXmlNode *holder, GError **error) {
  const BerthXmlNode *auth = part_of(holder, "auth"), *encryption = berth_kinds_block_encryption(holder);
  const BerthXmlNode *cookies = part_of(holder, "cookies");
  if (cookies != NULL) {
    g_autofree char *text = cookies_of(cookies);
    g_autofree char *id = berth_kinds_block_secret_id(device, holder, BERTH_KINDS_SECRET_COOKIES);
    berth_kinds_secret_text(build, id, text);
  }
  if (auth != NULL) {
    g_autofree char *id = berth_kinds_block_secret_id(device, holder, BERTH_KINDS_SECRET_AUTH);
    const char *type = berth_xml_node_get(auth, "secret/@type");
    if (!berth_kinds_secret(build, device, berth_xml_node_child(auth, "secret"), type != NULL ? type : "iscsi", id, error))
      return FALSE;
  }
  if (encryption == NULL)
    return TRUE;
  g_autofree char *id = berth_kinds_block_secret_id(device, holder, BERTH_KINDS_SECRET_KEY);
  const BerthXmlNode *secret = berth_xml_node_child(encryption, "secret");
  if (berth_xml_node_next(secret, "secret") != NULL)
    return berth_kinds_refuse(build, device, error, "more than one <secret> of an <encryption> is not supported by start yet");
  return berth_kinds_secret(build, device, secret, "passphrase", id, error);
}

gboolean berth_kinds_block_secrets(BerthBuild *build, const BerthDevice *device, GError **error) {
  for (const BerthXmlNode *holder = device->node; holder != NULL; holder = berth_xml_node_child(holder, "backingStore")) {
    if (!add_secrets_of(build, device, holder, error))
      return FALSE;
  }
  return TRUE;
}

/* Who we are to the server, with the names that its driver has for that. */
static void set_auth(const Place *place, json_object *node, const char *user, const char *secret) {
  const BerthXmlNode *auth = part_of(place->holder, "auth");
  if (auth == NULL)
    return;
  g_autofree char *id = berth_kinds_block_secret_id(place->device, place->holder, BERTH_KINDS_SECRET_AUTH);
  const char *name = berth_xml_node_get(auth, "@username");
  if (name != NULL)
    berth_json_set_string(node, user, name);
  berth_json_set_string(node, secret, id);
}

/* ---- local ---- */

static gboolean fill_file(const Place *place, json_object *node, GError **error) {
  static const BerthMap rows[] = {{"@file", "filename", BERTH_MAP_TEXT}, {NULL}};
  berth_json_set_string(node, "driver", "file");
  return need(place, "@file", error) && map(place, rows, node, error);
}

static gboolean fill_block(const Place *place, json_object *node, GError **error) {
  static const BerthMap rows[] = {{"@dev", "filename", BERTH_MAP_TEXT}, {NULL}};
  berth_json_set_string(node, "driver", "host_device");
  return need(place, "@dev", error) && map(place, rows, node, error);
}

/* A folder shown as a FAT disk. */
static gboolean fill_dir(const Place *place, json_object *node, GError **error) {
  static const BerthMap rows[] = {{"@dir", "dir", BERTH_MAP_TEXT}, {NULL}};
  berth_json_set_string(node, "driver", "vvfat");
  if (berth_model_device_is(place->device, "@device", "floppy"))
    berth_json_set_boolean(node, "floppy", TRUE);
  return need(place, "@dir", error) && map(place, rows, node, error);
}

static gboolean fill_vdpa(const Place *place, json_object *node, GError **error) {
  static const BerthMap rows[] = {{"@dev", "path", BERTH_MAP_TEXT}, {NULL}};
  berth_json_set_string(node, "driver", "virtio-blk-vhost-vdpa");
  return need(place, "@dev", error) && map(place, rows, node, error);
}

static guint64 host_part(const Place *place, const char *path) {
  const char *text = get(place, path);
  return text != NULL ? g_ascii_strtoull(text, NULL, 0) : 0;
}

static gboolean fill_nvme(const Place *place, json_object *node, GError **error) {
  static const BerthMap rows[] = {{"@namespace", "namespace", BERTH_MAP_NUMBER}, {NULL}};
  if (!need(place, "@namespace", error) || !need(place, "address/@bus", error))
    return FALSE;
  g_autofree char *host =
      g_strdup_printf("%04x:%02x:%02x.%x", (guint)host_part(place, "address/@domain"), (guint)host_part(place, "address/@bus"),
                      (guint)host_part(place, "address/@slot"), (guint)host_part(place, "address/@function"));
  berth_json_set_string(node, "driver", "nvme");
  berth_json_set_string(node, "device", host);
  return map(place, rows, node, error);
}

/* ---- network ---- */

/* {"type": "inet", "host", "port"} or {"type": "unix", "path"}, as QEMU's SocketAddress. */
static json_object *socket_address(const BerthXmlNode *host, const char *port) {
  const char *path = berth_xml_node_get(host, "@socket"), *name = berth_xml_node_get(host, "@name");
  const char *written = berth_xml_node_get(host, "@port");
  json_object *address = json_object_new_object();
  berth_json_set_string(address, "type", path != NULL ? "unix" : "inet");
  if (path != NULL) {
    berth_json_set_string(address, "path", path);
    return address;
  }
  berth_json_set_string(address, "host", name != NULL ? name : "localhost");
  if (written != NULL || port != NULL)
    berth_json_set_string(address, "port", written != NULL ? written : port);
  return address;
}

static const BerthXmlNode *host_of(const Place *place) {
  return berth_xml_node_child(place->source, "host");
}

static gboolean fill_nbd(const Place *place, json_object *node, GError **error) {
  static const BerthMap rows[] = {{"@name", "export", BERTH_MAP_TEXT}, {NULL}};
  berth_json_set_string(node, "driver", "nbd");
  berth_json_set(node, "server", socket_address(host_of(place), "10809"));
  return map(place, rows, node, error);
}

/* Encryption that librbd does itself. */
static void set_rbd_encryption(const Place *place, json_object *node) {
  const BerthXmlNode *encryption = berth_kinds_block_encryption(place->holder);
  const char *format = berth_xml_node_get(encryption, "@format");
  if (g_strcmp0(berth_xml_node_get(encryption, "@engine"), "librbd") != 0)
    return;
  g_autofree char *id = berth_kinds_block_secret_id(place->device, place->holder, BERTH_KINDS_SECRET_KEY);
  json_object *encrypt = json_object_new_object();
  berth_json_set_string(encrypt, "format", format != NULL ? format : "luks");
  berth_json_set_string(encrypt, "key-secret", id);
  berth_json_set(node, "encrypt", encrypt);
}

/* name is POOL/IMAGE or POOL/NAMESPACE/IMAGE. */
static gboolean fill_rbd(const Place *place, json_object *node, GError **error) {
  static const BerthMap rows[] = {{"snapshot/@name", "snapshot", BERTH_MAP_TEXT}, {"config/@file", "conf", BERTH_MAP_TEXT}, {NULL}};
  if (!need(place, "@name", error))
    return FALSE;
  g_auto(GStrv) parts = g_strsplit(get(place, "@name"), "/", 3);
  guint n = g_strv_length(parts);
  if (n < 2)
    return berth_kinds_refuse(place->build, place->device, error, "name '%s' is not POOL/IMAGE", get(place, "@name"));
  berth_json_set_string(node, "driver", "rbd");
  berth_json_set_string(node, "pool", parts[0]);
  if (n == 3)
    berth_json_set_string(node, "namespace", parts[1]);
  berth_json_set_string(node, "image", parts[n - 1]);
  json_object *servers = json_object_new_array();
  for (const BerthXmlNode *host = host_of(place); host != NULL; host = berth_xml_node_next(host, "host")) {
    json_object *address = socket_address(host, "6789");
    json_object_object_del(address, "type");
    json_object_array_add(servers, address);
  }
  if (json_object_array_length(servers) > 0)
    berth_json_set(node, "server", servers);
  else
    json_object_put(servers);
  set_auth(place, node, "user", "key-secret");
  if (part_of(place->holder, "auth") != NULL) {
    json_object *ways = json_object_new_array();
    json_object_array_add(ways, json_object_new_string("cephx"));
    json_object_array_add(ways, json_object_new_string("none"));
    berth_json_set(node, "auth-client-required", ways);
  }
  set_rbd_encryption(place, node);
  return map(place, rows, node, error);
}

/* name is TARGET or TARGET/LUN. */
static gboolean fill_iscsi(const Place *place, json_object *node, GError **error) {
  static const BerthMap rows[] = {{"initiator/iqn/@name", "initiator-name", BERTH_MAP_TEXT}, {NULL}};
  const char *host = berth_xml_node_get(host_of(place), "@name"), *port = berth_xml_node_get(host_of(place), "@port");
  if (!need(place, "@name", error) || !need(place, "host/@name", error))
    return FALSE;
  g_auto(GStrv) parts = g_strsplit(get(place, "@name"), "/", 2);
  gboolean numeric = strchr(host, ':') != NULL;
  g_autofree char *portal =
      g_strdup_printf("%s%s%s:%s", numeric ? "[" : "", host, numeric ? "]" : "", port != NULL ? port : "3260");
  berth_json_set_string(node, "driver", "iscsi");
  berth_json_set_string(node, "transport", "tcp");
  berth_json_set_string(node, "portal", portal);
  berth_json_set_string(node, "target", parts[0]);
  berth_json_set_int(node, "lun", parts[1] != NULL ? (gint64)g_ascii_strtoull(parts[1], NULL, 10) : 0);
  set_auth(place, node, "user", "password-secret");
  return map(place, rows, node, error);
}

static gboolean fill_url(const Place *place, json_object *node, GError **error) {
  static const BerthMap rows[] = {
      {"ssl/@verify", "sslverify", BERTH_MAP_SWITCH},
      {"readahead/@size", "readahead", BERTH_MAP_NUMBER},
      {"timeout/@seconds", "timeout", BERTH_MAP_NUMBER},
      {NULL},
  };
  const char *protocol = get(place, "@protocol"), *host = get(place, "host/@name"), *port = get(place, "host/@port");
  const char *name = get(place, "@name"), *query = get(place, "@query");
  if (!need(place, "host/@name", error))
    return FALSE;
  gboolean numeric = strchr(host, ':') != NULL;
  g_autofree char *url = g_strconcat(protocol, "://", numeric ? "[" : "", host, numeric ? "]" : "", port != NULL ? ":" : "",
                                     port != NULL ? port : "", name == NULL || name[0] == '/' ? "" : "/", name != NULL ? name : "/",
                                     query != NULL ? "?" : "", query != NULL ? query : "", NULL);
  berth_json_set_string(node, "driver", protocol);
  berth_json_set_string(node, "url", url);
  set_auth(place, node, "username", "password-secret");
  if (part_of(place->holder, "cookies") != NULL) {
    g_autofree char *id = berth_kinds_block_secret_id(place->device, place->holder, BERTH_KINDS_SECRET_COOKIES);
    berth_json_set_string(node, "cookie-secret", id);
  }
  return map(place, rows, node, error);
}

static gboolean fill_ssh(const Place *place, json_object *node, GError **error) {
  static const BerthMap rows[] = {{"@name", "path", BERTH_MAP_TEXT}, {"identity/@user", "user", BERTH_MAP_TEXT}, {NULL}};
  if (!need(place, "@name", error) || !need(place, "host/@name", error))
    return FALSE;
  json_object *address = socket_address(host_of(place), "22");
  json_object_object_del(address, "type");
  berth_json_set_string(node, "driver", "ssh");
  berth_json_set(node, "server", address);
  return map(place, rows, node, error);
}

/* QEMU takes numbers only, which the domain format writes with a '+'. */
static gboolean set_owner(const Place *place, const char *path, const char *property, json_object *node, GError **error) {
  const char *text = get(place, path);
  char *end = NULL;
  if (text == NULL)
    return TRUE;
  guint64 number = g_ascii_strtoull(text[0] == '+' ? text + 1 : text, &end, 10);
  if (*end != '\0' || end == text)
    return berth_kinds_refuse(place->build, place->device, error, "%s '%s' must be a number", path, text);
  berth_json_set_int(node, property, (gint64)number);
  return TRUE;
}

static gboolean fill_nfs(const Place *place, json_object *node, GError **error) {
  static const BerthMap rows[] = {{"@name", "path", BERTH_MAP_TEXT}, {NULL}};
  if (!need(place, "@name", error) || !need(place, "host/@name", error))
    return FALSE;
  json_object *address = socket_address(host_of(place), NULL);
  json_object_object_del(address, "port");
  berth_json_set_string(node, "driver", "nfs");
  berth_json_set(node, "server", address);
  return map(place, rows, node, error) && set_owner(place, "identity/@user", "user", node, error) &&
         set_owner(place, "identity/@group", "group", node, error);
}

/* name is VOLUME/PATH. */
static gboolean fill_gluster(const Place *place, json_object *node, GError **error) {
  if (!need(place, "@name", error))
    return FALSE;
  g_auto(GStrv) parts = g_strsplit(get(place, "@name"), "/", 2);
  json_object *servers = json_object_new_array();
  berth_json_set_string(node, "driver", "gluster");
  berth_json_set_string(node, "volume", parts[0]);
  berth_json_set_string(node, "path", parts[1] != NULL ? parts[1] : "");
  berth_json_set(node, "server", servers);
  for (const BerthXmlNode *host = host_of(place); host != NULL; host = berth_xml_node_next(host, "host"))
    json_object_array_add(servers, socket_address(host, "24007"));
  return TRUE;
}

static const struct {
  const char *protocol;
  Fill fill;
} protocols[] = {
    {"nbd", fill_nbd}, {"rbd", fill_rbd},  {"iscsi", fill_iscsi}, {"http", fill_url}, {"https", fill_url},
    {"ftp", fill_url}, {"ftps", fill_url}, {"ssh", fill_ssh},     {"nfs", fill_nfs},  {"gluster", fill_gluster},
};

static gboolean fill_network(const Place *place, json_object *node, GError **error) {
  for (guint i = 0; i < G_N_ELEMENTS(protocols); i++) {
    if (g_strcmp0(get(place, "@protocol"), protocols[i].protocol) == 0)
      return protocols[i].fill(place, node, error);
  }
  return berth_kinds_refuse(place->build, place->device, error, "protocol '%s' is not one that QEMU has",
                            get(place, "@protocol") != NULL ? get(place, "@protocol") : "");
}

/* ---- all ---- */

static const struct {
  const char *type, *empty; /* what an empty source lacks */
  Fill fill;
} types[] = {
    {"file", "@file", fill_file}, {"block", "@dev", fill_block},    {"dir", "@dir", fill_dir},
    {"nvme", "", fill_nvme},      {"vhostvdpa", "@dev", fill_vdpa}, {"network", "@protocol", fill_network},
};

gboolean berth_kinds_block_has_source(const BerthXmlNode *holder) {
  const BerthXmlNode *source = berth_xml_node_child(holder, "source");
  const char *type = berth_xml_node_get(holder, "@type");
  for (guint i = 0; i < G_N_ELEMENTS(types); i++) {
    if (g_strcmp0(type != NULL ? type : "file", types[i].type) == 0)
      return source != NULL && (types[i].empty[0] == '\0' || berth_xml_node_get(source, types[i].empty) != NULL);
  }
  return source != NULL;
}

gboolean berth_kinds_block_source(const BerthBuild *build, const BerthDevice *device, const BerthXmlNode *holder, json_object *node,
                                  GError **error) {
  const char *type = berth_xml_node_get(holder, "@type");
  Place place = {build, device, holder, berth_xml_node_child(holder, "source")};
  for (guint i = 0; i < G_N_ELEMENTS(types); i++) {
    if (g_strcmp0(type != NULL ? type : "file", types[i].type) == 0)
      return types[i].fill(&place, node, error);
  }
  if (g_str_equal(type, "volume"))
    return berth_kinds_refuse(build, device, error,
                              "volume '%s' is one of a storage pool, which only libvirt knows; type='file' with the path that "
                              "'virsh vol-path' says can be started",
                              berth_xml_node_get(place.source, "@volume"));
  return berth_kinds_refuse(build, device, error, "a source of type '%s' is not supported by start yet", type);
}

gboolean berth_kinds_block_network(const BerthBuild *build, const BerthDevice *device, json_object *node, GError **error) {
  Place place = {build, device, device->node, berth_xml_node_child(device->node, "source")};
  return fill_network(&place, node, error);
}
