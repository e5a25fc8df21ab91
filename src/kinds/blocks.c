/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Where a disk's bytes come from: one row a type of source, one row a network protocol. */
#include "kinds/build.h"

#include <string.h>

typedef struct {
  const BerthBuild *build;
  const BerthDevice *device;
  const BerthXmlNode *holder, *source;
} Place;

typedef gboolean (*Fill)(const Place *place, JsonObject *node, GError **error);

static const char *get(const Place *place, const char *path) {
  return berth_xml_node_get(place->source, path);
}

static gboolean need(const Place *place, const char *path, GError **error) {
  if (get(place, path) != NULL)
    return TRUE;
  return berth_kinds_refuse(place->build, place->device, error, "<source> has no %s", path[0] == '@' ? path + 1 : path);
}

static gboolean map(const Place *place, const BerthMap *rows, JsonObject *node, GError **error) {
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
static void set_auth(const Place *place, JsonObject *node, const char *user, const char *secret) {
  const BerthXmlNode *auth = part_of(place->holder, "auth");
  if (auth == NULL)
    return;
  g_autofree char *id = berth_kinds_block_secret_id(place->device, place->holder, BERTH_KINDS_SECRET_AUTH);
  const char *name = berth_xml_node_get(auth, "@username");
  if (name != NULL)
    json_object_set_string_member(node, user, name);
  json_object_set_string_member(node, secret, id);
}

/* ---- local ---- */

static gboolean fill_file(const Place *place, JsonObject *node, GError **error) {
  static const BerthMap rows[] = {{"@file", "filename", BERTH_MAP_TEXT}, {NULL}};
  json_object_set_string_member(node, "driver", "file");
  return need(place, "@file", error) && map(place, rows, node, error);
}

static gboolean fill_block(const Place *place, JsonObject *node, GError **error) {
  static const BerthMap rows[] = {{"@dev", "filename", BERTH_MAP_TEXT}, {NULL}};
  json_object_set_string_member(node, "driver", "host_device");
  return need(place, "@dev", error) && map(place, rows, node, error);
}

/* A folder shown as a FAT disk. */
static gboolean fill_dir(const Place *place, JsonObject *node, GError **error) {
  static const BerthMap rows[] = {{"@dir", "dir", BERTH_MAP_TEXT}, {NULL}};
  json_object_set_string_member(node, "driver", "vvfat");
  if (berth_model_device_is(place->device, "@device", "floppy"))
    json_object_set_boolean_member(node, "floppy", TRUE);
  return need(place, "@dir", error) && map(place, rows, node, error);
}

static gboolean fill_vdpa(const Place *place, JsonObject *node, GError **error) {
  static const BerthMap rows[] = {{"@dev", "path", BERTH_MAP_TEXT}, {NULL}};
  json_object_set_string_member(node, "driver", "virtio-blk-vhost-vdpa");
  return need(place, "@dev", error) && map(place, rows, node, error);
}

static guint64 host_part(const Place *place, const char *path) {
  const char *text = get(place, path);
  return text != NULL ? g_ascii_strtoull(text, NULL, 0) : 0;
}

static gboolean fill_nvme(const Place *place, JsonObject *node, GError **error) {
  static const BerthMap rows[] = {{"@namespace", "namespace", BERTH_MAP_NUMBER}, {NULL}};
  if (!need(place, "@namespace", error) || !need(place, "address/@bus", error))
    return FALSE;
  g_autofree char *host =
      g_strdup_printf("%04x:%02x:%02x.%x", (guint)host_part(place, "address/@domain"), (guint)host_part(place, "address/@bus"),
                      (guint)host_part(place, "address/@slot"), (guint)host_part(place, "address/@function"));
  json_object_set_string_member(node, "driver", "nvme");
  json_object_set_string_member(node, "device", host);
  return map(place, rows, node, error);
}

/* ---- network ---- */

/* {"type": "inet", "host", "port"} or {"type": "unix", "path"}, as QEMU's SocketAddress. */
static JsonObject *socket_address(const BerthXmlNode *host, const char *port) {
  const char *path = berth_xml_node_get(host, "@socket"), *name = berth_xml_node_get(host, "@name");
  const char *written = berth_xml_node_get(host, "@port");
  JsonObject *address = json_object_new();
  json_object_set_string_member(address, "type", path != NULL ? "unix" : "inet");
  if (path != NULL) {
    json_object_set_string_member(address, "path", path);
    return address;
  }
  json_object_set_string_member(address, "host", name != NULL ? name : "localhost");
  if (written != NULL || port != NULL)
    json_object_set_string_member(address, "port", written != NULL ? written : port);
  return address;
}

static const BerthXmlNode *host_of(const Place *place) {
  return berth_xml_node_child(place->source, "host");
}

static gboolean fill_nbd(const Place *place, JsonObject *node, GError **error) {
  static const BerthMap rows[] = {{"@name", "export", BERTH_MAP_TEXT}, {NULL}};
  json_object_set_string_member(node, "driver", "nbd");
  json_object_set_object_member(node, "server", socket_address(host_of(place), "10809"));
  return map(place, rows, node, error);
}

/* Encryption that librbd does itself. */
static void set_rbd_encryption(const Place *place, JsonObject *node) {
  const BerthXmlNode *encryption = berth_kinds_block_encryption(place->holder);
  const char *format = berth_xml_node_get(encryption, "@format");
  if (g_strcmp0(berth_xml_node_get(encryption, "@engine"), "librbd") != 0)
    return;
  g_autofree char *id = berth_kinds_block_secret_id(place->device, place->holder, BERTH_KINDS_SECRET_KEY);
  JsonObject *encrypt = json_object_new();
  json_object_set_string_member(encrypt, "format", format != NULL ? format : "luks");
  json_object_set_string_member(encrypt, "key-secret", id);
  json_object_set_object_member(node, "encrypt", encrypt);
}

/* name is POOL/IMAGE or POOL/NAMESPACE/IMAGE. */
static gboolean fill_rbd(const Place *place, JsonObject *node, GError **error) {
  static const BerthMap rows[] = {{"snapshot/@name", "snapshot", BERTH_MAP_TEXT}, {"config/@file", "conf", BERTH_MAP_TEXT}, {NULL}};
  if (!need(place, "@name", error))
    return FALSE;
  g_auto(GStrv) parts = g_strsplit(get(place, "@name"), "/", 3);
  guint n = g_strv_length(parts);
  if (n < 2)
    return berth_kinds_refuse(place->build, place->device, error, "name '%s' is not POOL/IMAGE", get(place, "@name"));
  json_object_set_string_member(node, "driver", "rbd");
  json_object_set_string_member(node, "pool", parts[0]);
  if (n == 3)
    json_object_set_string_member(node, "namespace", parts[1]);
  json_object_set_string_member(node, "image", parts[n - 1]);
  JsonArray *servers = json_array_new();
  for (const BerthXmlNode *host = host_of(place); host != NULL; host = berth_xml_node_next(host, "host")) {
    JsonObject *address = socket_address(host, "6789");
    json_object_remove_member(address, "type");
    json_array_add_object_element(servers, address);
  }
  if (json_array_get_length(servers) > 0)
    json_object_set_array_member(node, "server", servers);
  else
    json_array_unref(servers);
  set_auth(place, node, "user", "key-secret");
  if (part_of(place->holder, "auth") != NULL) {
    JsonArray *ways = json_array_new();
    json_array_add_string_element(ways, "cephx");
    json_array_add_string_element(ways, "none");
    json_object_set_array_member(node, "auth-client-required", ways);
  }
  set_rbd_encryption(place, node);
  return map(place, rows, node, error);
}

/* name is TARGET or TARGET/LUN. */
static gboolean fill_iscsi(const Place *place, JsonObject *node, GError **error) {
  static const BerthMap rows[] = {{"initiator/iqn/@name", "initiator-name", BERTH_MAP_TEXT}, {NULL}};
  const char *host = berth_xml_node_get(host_of(place), "@name"), *port = berth_xml_node_get(host_of(place), "@port");
  if (!need(place, "@name", error) || !need(place, "host/@name", error))
    return FALSE;
  g_auto(GStrv) parts = g_strsplit(get(place, "@name"), "/", 2);
  gboolean numeric = strchr(host, ':') != NULL;
  g_autofree char *portal =
      g_strdup_printf("%s%s%s:%s", numeric ? "[" : "", host, numeric ? "]" : "", port != NULL ? port : "3260");
  json_object_set_string_member(node, "driver", "iscsi");
  json_object_set_string_member(node, "transport", "tcp");
  json_object_set_string_member(node, "portal", portal);
  json_object_set_string_member(node, "target", parts[0]);
  json_object_set_int_member(node, "lun", parts[1] != NULL ? (gint64)g_ascii_strtoull(parts[1], NULL, 10) : 0);
  set_auth(place, node, "user", "password-secret");
  return map(place, rows, node, error);
}

static gboolean fill_url(const Place *place, JsonObject *node, GError **error) {
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
  json_object_set_string_member(node, "driver", protocol);
  json_object_set_string_member(node, "url", url);
  set_auth(place, node, "username", "password-secret");
  if (part_of(place->holder, "cookies") != NULL) {
    g_autofree char *id = berth_kinds_block_secret_id(place->device, place->holder, BERTH_KINDS_SECRET_COOKIES);
    json_object_set_string_member(node, "cookie-secret", id);
  }
  return map(place, rows, node, error);
}

static gboolean fill_ssh(const Place *place, JsonObject *node, GError **error) {
  static const BerthMap rows[] = {{"@name", "path", BERTH_MAP_TEXT}, {"identity/@user", "user", BERTH_MAP_TEXT}, {NULL}};
  if (!need(place, "@name", error) || !need(place, "host/@name", error))
    return FALSE;
  JsonObject *address = socket_address(host_of(place), "22");
  json_object_remove_member(address, "type");
  json_object_set_string_member(node, "driver", "ssh");
  json_object_set_object_member(node, "server", address);
  return map(place, rows, node, error);
}

/* QEMU takes numbers only, which the domain format writes with a '+'. */
static gboolean set_owner(const Place *place, const char *path, const char *property, JsonObject *node, GError **error) {
  const char *text = get(place, path);
  char *end = NULL;
  if (text == NULL)
    return TRUE;
  guint64 number = g_ascii_strtoull(text[0] == '+' ? text + 1 : text, &end, 10);
  if (*end != '\0' || end == text)
    return berth_kinds_refuse(place->build, place->device, error, "%s '%s' must be a number", path, text);
  json_object_set_int_member(node, property, (gint64)number);
  return TRUE;
}

static gboolean fill_nfs(const Place *place, JsonObject *node, GError **error) {
  static const BerthMap rows[] = {{"@name", "path", BERTH_MAP_TEXT}, {NULL}};
  if (!need(place, "@name", error) || !need(place, "host/@name", error))
    return FALSE;
  JsonObject *address = socket_address(host_of(place), NULL);
  json_object_remove_member(address, "port");
  json_object_set_string_member(node, "driver", "nfs");
  json_object_set_object_member(node, "server", address);
  return map(place, rows, node, error) && set_owner(place, "identity/@user", "user", node, error) &&
         set_owner(place, "identity/@group", "group", node, error);
}

/* name is VOLUME/PATH. */
static gboolean fill_gluster(const Place *place, JsonObject *node, GError **error) {
  if (!need(place, "@name", error))
    return FALSE;
  g_auto(GStrv) parts = g_strsplit(get(place, "@name"), "/", 2);
  JsonArray *servers = json_array_new();
  json_object_set_string_member(node, "driver", "gluster");
  json_object_set_string_member(node, "volume", parts[0]);
  json_object_set_string_member(node, "path", parts[1] != NULL ? parts[1] : "");
  json_object_set_array_member(node, "server", servers);
  for (const BerthXmlNode *host = host_of(place); host != NULL; host = berth_xml_node_next(host, "host"))
    json_array_add_object_element(servers, socket_address(host, "24007"));
  return TRUE;
}

static const struct {
  const char *protocol;
  Fill fill;
} protocols[] = {
    {"nbd", fill_nbd}, {"rbd", fill_rbd},  {"iscsi", fill_iscsi}, {"http", fill_url}, {"https", fill_url},
    {"ftp", fill_url}, {"ftps", fill_url}, {"ssh", fill_ssh},     {"nfs", fill_nfs},  {"gluster", fill_gluster},
};

static gboolean fill_network(const Place *place, JsonObject *node, GError **error) {
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

gboolean berth_kinds_block_source(const BerthBuild *build, const BerthDevice *device, const BerthXmlNode *holder, JsonObject *node,
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

gboolean berth_kinds_block_network(const BerthBuild *build, const BerthDevice *device, JsonObject *node, GError **error) {
  Place place = {build, device, device->node, berth_xml_node_child(device->node, "source")};
  return fill_network(&place, node, error);
}
