/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Displays other than VNC: Spice, and those that open a window or a bus. */
#include "kinds/build.h"

#include <string.h>

#define TLS_FOLDER "/etc/pki/qemu"

static gboolean is_local(const char *address) {
  return g_str_equal(address, "127.0.0.1") || g_str_equal(address, "::1") || g_str_equal(address, "localhost");
}

/* A port from the document: 0 for none, left to berth, or "-1". */
static guint64 port_of(const BerthDevice *device, const char *path) {
  const char *text = berth_model_device_get(device, path);
  if (text == NULL || text[0] == '-' || berth_kinds_is_on(berth_model_device_get(device, "@autoport")))
    return 0;
  return berth_model_device_number(device, path, 0);
}

static void set_socket(const BerthBuild *build, const BerthDevice *device, json_object *props) {
  const char *path = berth_model_device_get(device, "listen/@socket");
  g_autofree char *own = g_strconcat(build->host->run_dir, "/spice.sock", NULL);
  berth_json_set_boolean(props, "unix", TRUE);
  berth_json_set_string(props, "addr", path != NULL ? path : own);
}

/* Spice cannot look for a free port: a display whose port is left open is reached by a socket in the run folder, where that
 * reaches as far as the address would. */
static gboolean set_place(BerthBuild *build, const BerthDevice *device, json_object *props, GError **error) {
  const char *address = NULL;
  if (!berth_kinds_listen(build, device, &address, error))
    return FALSE;
  if (address == NULL)
    address = "127.0.0.1";
  guint64 port = port_of(device, "@port"), tls = port_of(device, "@tlsPort");
  if (berth_model_device_is(device, "listen/@type", "none"))
    return TRUE;
  if (port == 0 && tls == 0 && (is_local(address) || berth_model_device_is(device, "listen/@type", "socket"))) {
    set_socket(build, device, props);
    return TRUE;
  }
  if (port == 0 && tls == 0)
    return berth_kinds_refuse(build, device, error, "listens at %s, where a free port cannot be chosen; port= says one", address);
  if (port > G_MAXUINT16 || tls > G_MAXUINT16)
    return berth_kinds_refuse(build, device, error, "has a port above 65535");
  if (port != 0)
    berth_json_set_int(props, "port", (gint64)port);
  if (tls != 0)
    berth_json_set_int(props, "tls-port", (gint64)tls);
  berth_json_set_string(props, "addr", address);
  if (tls != 0)
    berth_json_set_string(props, "x509-dir", TLS_FOLDER);
  return TRUE;
}

/* QEMU takes each of the two options once or more; berth says each once. */
static gboolean set_channel(const BerthBuild *build, const BerthDevice *device, const char *name, const char *mode,
                            json_object *props, GError **error) {
  gboolean secure = g_strcmp0(mode, "secure") == 0;
  const char *key = secure ? "tls-channel" : "plaintext-channel";
  if (mode == NULL || g_str_equal(mode, "any"))
    return TRUE;
  if (!berth_kinds_is_word(name))
    return berth_kinds_refuse(build, device, error, "<channel name='%s'> is not a word", name != NULL ? name : "");
  if (secure && port_of(device, "@tlsPort") == 0)
    return berth_kinds_refuse(build, device, error, "has secure channels but no tlsPort");
  if (json_object_object_get_ex(props, key, NULL))
    return berth_kinds_refuse(build, device, error, "more than one channel of mode '%s' is not supported by start yet", mode);
  berth_json_set_string(props, key, name);
  return TRUE;
}

static gboolean set_channels(const BerthBuild *build, const BerthDevice *device, json_object *props, GError **error) {
  const BerthXmlNode *channel = berth_xml_node_child(device->node, "channel");
  for (; channel != NULL; channel = berth_xml_node_next(channel, "channel")) {
    if (!set_channel(build, device, berth_xml_node_get(channel, "@name"), berth_xml_node_get(channel, "@mode"), props, error))
      return FALSE;
  }
  return set_channel(build, device, "default", berth_model_device_get(device, "@defaultMode"), props, error);
}

gboolean berth_kinds_build_spice(BerthBuild *build, const BerthDevice *device, const BerthKind *kind, GError **error) {
  static const BerthMap map[] = {
      {"image/@compression", "image-compression", BERTH_MAP_WORD},
      {"jpeg/@compression", "jpeg-wan-compression", BERTH_MAP_WORD},
      {"zlib/@compression", "zlib-glz-wan-compression", BERTH_MAP_WORD},
      {"playback/@compression", "playback-compression", BERTH_MAP_SWITCH},
      {"streaming/@mode", "streaming-video", BERTH_MAP_WORD},
      {"gl/@enable", "gl", BERTH_MAP_SWITCH},
      {"gl/@rendernode", "rendernode", BERTH_MAP_TEXT},
      {NULL},
  };
  static const char *const not_mine[] = {"@display", "@xauth", "@fullscreen", "@p2p", "@websocket", "@sharePolicy", NULL};
  berth_kinds_note_foreign(build, device, not_mine);
  if (!berth_kinds_limit_password(build, device, error))
    return FALSE;
  g_autofree char *password = berth_kinds_password(build, device);
  json_object *props = berth_model_qemu_option(build->qemu, "-spice", NULL);
  if (!set_place(build, device, props, error))
    return FALSE;
  if (password != NULL)
    berth_json_set_string(props, "password-secret", password);
  else
    berth_json_set_boolean(props, "disable-ticketing", TRUE);
  if (berth_model_device_get(device, "mouse/@mode") != NULL)
    berth_json_set_boolean(props, "agent-mouse", berth_model_device_is(device, "mouse/@mode", "client"));
  if (berth_model_device_is(device, "clipboard/@copypaste", "no"))
    berth_json_set_boolean(props, "disable-copy-paste", TRUE);
  if (berth_model_device_is(device, "filetransfer/@enable", "no"))
    berth_json_set_boolean(props, "disable-agent-file-xfer", TRUE);
  berth_json_set_boolean(props, "seamless-migration", TRUE);
  return berth_kinds_keymap(build, device, error) && berth_kinds_map(build, device, map, props, error) &&
         set_channels(build, device, props, error);
}

/* ---- windows ---- */

static const BerthMap sdl_map[] = {
    {"@fullscreen", "full-screen", BERTH_MAP_SWITCH}, {"gl/@enable", "gl", BERTH_MAP_SWITCH}, {NULL}};
static const BerthMap headless_map[] = {{"gl/@rendernode", "rendernode", BERTH_MAP_TEXT}, {NULL}};
static const BerthMap dbus_map[] = {{"@p2p", "p2p", BERTH_MAP_SWITCH},
                                    {"@address", "addr", BERTH_MAP_TEXT},
                                    {"gl/@enable", "gl", BERTH_MAP_SWITCH},
                                    {"gl/@rendernode", "rendernode", BERTH_MAP_TEXT},
                                    {NULL}};

static const struct {
  const char *type;
  const BerthMap *map;
} windows[] = {{"sdl", sdl_map}, {"egl-headless", headless_map}, {"dbus", dbus_map}};

gboolean berth_kinds_build_window(BerthBuild *build, const BerthDevice *device, const BerthKind *kind, GError **error) {
  static const struct { const char *path, *variable; } environment[] = {{"@display", "DISPLAY"}, {"@xauth", "XAUTHORITY"}};
  static const char *const network[] = {"@port", "@listen", "@socket", "@websocket", "@tlsPort", NULL};
  for (guint i = 0; i < G_N_ELEMENTS(environment); i++) {
    const char *value = berth_model_device_get(device, environment[i].path);
    if (value != NULL)
      berth_kinds_setenv(build, environment[i].variable, value);
  }
  berth_kinds_note_foreign(build, device, network);
  for (guint i = 0; i < G_N_ELEMENTS(windows); i++) {
    if (g_str_equal(windows[i].type, kind->variant))
      return berth_kinds_map(build, device, windows[i].map, berth_model_qemu_option(build->qemu, "-display", kind->variant), error);
  }
  return berth_kinds_refuse(build, device, error, "type '%s' is not supported by start yet", kind->variant);
}
