/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Serial and parallel ports, channels and consoles: one character device behind, one front end. */
#include "kinds/build.h"

static json_object *child_object(json_object *parent, const char *name) {
  json_object *child = json_object_new_object();
  berth_json_set(parent, name, child);
  return child;
}

/* {"type": @type, "data": {}} as QMP's SocketAddressLegacy has it. (transfer none): the data */
static json_object *address_object(json_object *data, const char *name, const char *type) {
  json_object *address = child_object(data, name);
  berth_json_set_string(address, "type", type);
  return child_object(address, "data");
}

static gboolean fill_nothing(BerthBuild *build, const BerthDevice *device, const BerthXmlNode *node, json_object *data,
                             GError **error) {
  return TRUE;
}

static gboolean need(BerthBuild *build, const BerthDevice *device, const BerthXmlNode *node, const char *path, GError **error) {
  if (berth_kinds_get(device, node, path) != NULL)
    return TRUE;
  return berth_kinds_refuse(build, device, error, "%s is missing", path);
}

static gboolean fill_file(BerthBuild *build, const BerthDevice *device, const BerthXmlNode *node, json_object *data,
                          GError **error) {
  static const BerthMap map[] = {{"source/@path", "out", BERTH_MAP_TEXT}, {"source/@append", "append", BERTH_MAP_SWITCH}, {NULL}};
  return need(build, device, node, "source/@path", error) && berth_kinds_map_node(build, device, node, map, data, error);
}

static gboolean fill_device(BerthBuild *build, const BerthDevice *device, const BerthXmlNode *node, json_object *data,
                            GError **error) {
  static const BerthMap map[] = {{"source/@path", "device", BERTH_MAP_TEXT}, {NULL}};
  return need(build, device, node, "source/@path", error) && berth_kinds_map_node(build, device, node, map, data, error);
}

static void set_server(json_object *data, gboolean server) {
  berth_json_set_boolean(data, "server", server);
  if (server)
    berth_json_set_boolean(data, "wait", FALSE);
}

/* The client's side may be told to try again after so many seconds. */
static gboolean set_reconnect(BerthBuild *build, const BerthDevice *device, const BerthXmlNode *node, json_object *data,
                              GError **error) {
  static const BerthMap map[] = {{"source/reconnect/@timeout", "reconnect", BERTH_MAP_NUMBER}, {NULL}};
  return !berth_kinds_is_on(berth_kinds_get(device, node, "source/reconnect/@enabled")) ||
         berth_kinds_map_node(build, device, node, map, data, error);
}

/* Without a path berth makes the socket itself, named by the id: a channel's name may have any character. */
static gboolean fill_unix(BerthBuild *build, const BerthDevice *device, const BerthXmlNode *node, json_object *data,
                          GError **error) {
  const char *path = berth_kinds_get(device, node, "source/@path");
  g_autofree char *own = g_strdup_printf("%s/%s.sock", build->host->run_dir, device->id);
  json_object *address = address_object(data, "addr", "unix");
  berth_json_set_string(address, "path", path != NULL ? path : own);
  set_server(data, path == NULL || g_strcmp0(berth_kinds_get(device, node, "source/@mode"), "bind") == 0);
  return set_reconnect(build, device, node, data, error);
}

static void set_inet(json_object *address, const BerthXmlNode *source) {
  const char *host = berth_xml_node_get(source, "@host");
  const char *service = berth_xml_node_get(source, "@service");
  berth_json_set_string(address, "host", host != NULL ? host : "");
  berth_json_set_string(address, "port", service != NULL ? service : "0");
}

static gboolean fill_tcp(BerthBuild *build, const BerthDevice *device, const BerthXmlNode *node, json_object *data,
                         GError **error) {
  if (!need(build, device, node, "source/@host", error) || !need(build, device, node, "source/@service", error))
    return FALSE;
  set_inet(address_object(data, "addr", "inet"), berth_xml_node_child(node != NULL ? node : device->node, "source"));
  set_server(data, g_strcmp0(berth_kinds_get(device, node, "source/@mode"), "bind") == 0);
  if (g_strcmp0(berth_kinds_get(device, node, "protocol/@type"), "telnet") == 0)
    berth_json_set_boolean(data, "telnet", TRUE);
  return set_reconnect(build, device, node, data, error);
}

static gboolean fill_udp(BerthBuild *build, const BerthDevice *device, const BerthXmlNode *node, json_object *data,
                         GError **error) {
  gboolean remote = FALSE;
  for (const BerthXmlNode *s = berth_xml_node_child(node != NULL ? node : device->node, "source"); s != NULL;
       s = berth_xml_node_next(s, "source")) {
    gboolean bind = g_strcmp0(berth_xml_node_get(s, "@mode"), "bind") == 0;
    set_inet(address_object(data, bind ? "local" : "remote", "inet"), s);
    remote |= !bind;
  }
  return remote || berth_kinds_refuse(build, device, error, "a <source mode='connect'> is missing");
}

/* What a channel of Spice is called depends on what it is for. */
static const struct {
  BerthElementId element;
  const char *spice, *dbus;
} uses[] = {
    {BERTH_CHANNEL, "vdagent", NULL},
    {BERTH_REDIRDEV, "usbredir", "org.qemu.usbredir"},
    {BERTH_SMARTCARD, "smartcard", NULL},
};

static gboolean fill_spicevmc(BerthBuild *build, const BerthDevice *device, const BerthXmlNode *node, json_object *data,
                              GError **error) {
  for (guint i = 0; i < G_N_ELEMENTS(uses); i++) {
    if (device->element->id != uses[i].element)
      continue;
    berth_json_set_string(data, "type", uses[i].spice);
    return TRUE;
  }
  return berth_kinds_refuse(build, device, error, "cannot be a Spice channel");
}

static gboolean fill_spiceport(BerthBuild *build, const BerthDevice *device, const BerthXmlNode *node, json_object *data,
                               GError **error) {
  static const BerthMap map[] = {{"source/@channel", "fqdn", BERTH_MAP_WORD}, {NULL}};
  return need(build, device, node, "source/@channel", error) && berth_kinds_map_node(build, device, node, map, data, error);
}

static gboolean fill_dbus(BerthBuild *build, const BerthDevice *device, const BerthXmlNode *node, json_object *data,
                          GError **error) {
  static const BerthMap map[] = {{"source/@channel", "name", BERTH_MAP_WORD}, {NULL}};
  for (guint i = 0; i < G_N_ELEMENTS(uses); i++) {
    if (device->element->id == uses[i].element && uses[i].dbus != NULL)
      berth_json_set_string(data, "name", uses[i].dbus);
  }
  return (json_object_object_get_ex(data, "name", NULL) || need(build, device, node, "source/@channel", error)) &&
         berth_kinds_map_node(build, device, node, map, data, error);
}

static gboolean fill_vdagent(BerthBuild *build, const BerthDevice *device, const BerthXmlNode *node, json_object *data,
                             GError **error) {
  static const BerthMap map[] = {{"source/clipboard/@copypaste", "clipboard", BERTH_MAP_SWITCH}, {NULL}};
  const char *mouse = berth_kinds_get(device, node, "source/mouse/@mode");
  if (mouse != NULL)
    berth_json_set_boolean(data, "mouse", g_str_equal(mouse, "client"));
  return berth_kinds_map_node(build, device, node, map, data, error);
}

/* What the back ends are called in XML and in QEMU. */
static const struct {
  const char *type, *backend;
  gboolean (*fill)(BerthBuild *build, const BerthDevice *device, const BerthXmlNode *node, json_object *data, GError **error);
} backends[] = {
    {"pty", "pty", fill_nothing},
    {"null", "null", fill_nothing},
    {"stdio", "stdio", fill_nothing},
    {"file", "file", fill_file},
    {"dev", "serial", fill_device},
    {"pipe", "pipe", fill_device},
    {"unix", "socket", fill_unix},
    {"tcp", "socket", fill_tcp},
    {"udp", "udp", fill_udp},
    {"vc", "vc", fill_nothing},
    {"spicevmc", "spicevmc", fill_spicevmc},
    {"spiceport", "spiceport", fill_spiceport},
    {"qemu-vdagent", "qemu-vdagent", fill_vdagent},
    {"dbus", "dbus", fill_dbus},
};

/* A serial port that stands for a written <console> is configured there. */
static const BerthDevice *configured_by(const BerthBuild *build, const BerthDevice *device) {
  guint position = 0;
  if (berth_model_device_get(device, "@type") != NULL || device->element->id != BERTH_SERIAL)
    return device;
  const BerthDevice *console = berth_model_inventory_walk(build->inventory, BERTH_CONSOLE, &position);
  return console != NULL ? console : device;
}

gboolean berth_kinds_chardev(BerthBuild *build, const BerthDevice *device, const BerthXmlNode *node, const char *id,
                             GError **error) {
  static const BerthMap log[] = {{"log/@file", "logfile", BERTH_MAP_TEXT}, {"log/@append", "logappend", BERTH_MAP_SWITCH}, {NULL}};
  const BerthDevice *source = configured_by(build, device);
  const char *type = berth_kinds_get(source, node, "@type");
  guint i = 0;
  while (i < G_N_ELEMENTS(backends) && g_strcmp0(backends[i].type, type) != 0)
    i++;
  if (i == G_N_ELEMENTS(backends))
    return berth_kinds_refuse(build, device, error, "type='%s' is not supported by start yet", type != NULL ? type : "");
  json_object *props = berth_model_qemu_add(build->qemu, BERTH_QEMU_CHARDEV);
  berth_json_set_string(props, "id", id);
  json_object *backend = child_object(props, "backend");
  gboolean parallel = device->element->id == BERTH_PARALLEL && g_str_equal(backends[i].backend, "serial");
  berth_json_set_string(backend, "type", parallel ? "parallel" : backends[i].backend);
  json_object *data = child_object(backend, "data");
  return backends[i].fill(build, source, node, data, error) && berth_kinds_map_node(build, source, node, log, data, error);
}

void berth_kinds_chardev_socket(BerthBuild *build, const char *id, const char *path, gboolean server, guint64 again) {
  json_object *props = berth_model_qemu_add(build->qemu, BERTH_QEMU_CHARDEV);
  berth_json_set_string(props, "id", id);
  json_object *backend = child_object(props, "backend");
  berth_json_set_string(backend, "type", "socket");
  json_object *data = child_object(backend, "data");
  berth_json_set_string(address_object(data, "addr", "unix"), "path", path);
  berth_json_set_boolean(data, "server", server);
  if (again > 0)
    berth_json_set_int(data, "reconnect", (gint64)again);
}

gboolean berth_kinds_build_serial(BerthBuild *build, const BerthDevice *device, const BerthKind *kind, GError **error) {
  g_autofree char *id = berth_kinds_id("char", device);
  if (!berth_kinds_chardev(build, device, NULL, id, error))
    return FALSE;
  json_object *props = berth_kinds_device(build, device, kind->driver, error);
  if (props == NULL)
    return FALSE;
  berth_json_set_string(props, "chardev", id);
  if (g_str_equal(kind->driver, "isa-serial"))
    berth_json_set_int(props, "index", (gint64)berth_model_device_number(device, "target/@port", (guint64)device->index));
  return TRUE;
}

gboolean berth_kinds_build_port(BerthBuild *build, const BerthDevice *device, const BerthKind *kind, GError **error) {
  static const BerthMap map[] = {{"target/@name", "name", BERTH_MAP_TEXT}, {NULL}};
  g_autofree char *id = berth_kinds_id("char", device);
  if (!berth_kinds_chardev(build, device, NULL, id, error))
    return FALSE;
  json_object *props = berth_kinds_device(build, device, kind->driver, error);
  if (props == NULL)
    return FALSE;
  berth_json_set_string(props, "chardev", id);
  if (berth_model_device_is(device, "@type", "spicevmc") || berth_model_device_is(device, "@type", "qemu-vdagent"))
    berth_json_set_string(props, "name", "com.redhat.spice.0"); /* the only name that the agent listens to */
  return berth_kinds_map(build, device, map, props, error);
}

/* What the guest sends to an address of QEMU's own network goes to the character device. */
gboolean berth_kinds_build_guestfwd(BerthBuild *build, const BerthDevice *device, const BerthKind *kind, GError **error) {
  const char *address = berth_model_device_get(device, "target/@address"), *port = berth_model_device_get(device, "target/@port");
  g_autofree char *id = berth_kinds_id("char", device);
  if (address == NULL || !berth_kinds_is_word(address) || port == NULL || !berth_kinds_is_word(port))
    return berth_kinds_refuse(build, device, error, "<target address= port=> is missing or no address");
  if (!berth_kinds_chardev(build, device, NULL, id, error))
    return FALSE;
  json_object *netdev = berth_model_qemu_add(build->qemu, BERTH_QEMU_NETDEV), *forward = json_object_new_object();
  json_object *forwards = json_object_new_array();
  g_autofree char *text = g_strdup_printf("tcp:%s:%s-chardev:%s", address, port, id);
  berth_json_set_string(netdev, "type", "user");
  berth_json_set_string(netdev, "id", device->id);
  berth_json_set(netdev, "guestfwd", forwards);
  json_object_array_add(forwards, forward);
  berth_json_set_string(forward, "str", text);
  return TRUE;
}

gboolean berth_kinds_build_redirdev(BerthBuild *build, const BerthDevice *device, const BerthKind *kind, GError **error) {
  g_autofree char *id = berth_kinds_id("char", device);
  if (!berth_kinds_chardev(build, device, NULL, id, error))
    return FALSE;
  json_object *props = berth_kinds_device(build, device, kind->driver, error);
  if (props == NULL)
    return FALSE;
  berth_json_set_string(props, "chardev", id);
  return berth_kinds_boot(build, device, props, error);
}

#define CERTIFICATES 3

static gboolean fill_certificates(BerthBuild *build, const BerthDevice *device, json_object *props, GError **error) {
  static const BerthMap map[] = {{"database", "db", BERTH_MAP_TEXT}, {NULL}};
  const BerthXmlNode *certificate = berth_xml_node_child(device->node, "certificate");
  berth_json_set_string(props, "backend", "certificates");
  for (guint n = 1; n <= CERTIFICATES; n++, certificate = berth_xml_node_next(certificate, "certificate")) {
    g_autofree char *name = g_strdup_printf("cert%u", n);
    if (certificate == NULL || certificate->text == NULL)
      return berth_kinds_refuse(build, device, error, "needs %d <certificate>", CERTIFICATES);
    berth_json_set_string(props, name, certificate->text);
  }
  return berth_kinds_map(build, device, map, props, error);
}

gboolean berth_kinds_build_smartcard(BerthBuild *build, const BerthDevice *device, const BerthKind *kind, GError **error) {
  gboolean remote = g_str_equal(kind->variant, "passthrough");
  g_autofree char *id = berth_kinds_id("char", device);
  if (remote && !berth_kinds_chardev(build, device, NULL, id, error))
    return FALSE;
  json_object *props = berth_kinds_device(build, device, kind->driver, error);
  if (props == NULL)
    return FALSE;
  if (g_str_equal(kind->variant, "host-certificates"))
    return fill_certificates(build, device, props, error);
  berth_json_set_string(props, remote ? "chardev" : "backend", remote ? id : "nss-emulated");
  return TRUE;
}
