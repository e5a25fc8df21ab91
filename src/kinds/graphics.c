/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "kinds/build.h"

#include <string.h>

#define FIRST_PORT 5900
#define LAST_PORT 65535

/* The value at @path of the graphics element, else at @below of its <listen>. */
static const char *setting(const BerthDevice *device, const char *path, const char *below) {
  const char *value = berth_model_device_get(device, path);
  return value != NULL ? value : berth_model_device_get(device, below);
}

static gboolean is_socket(const BerthDevice *device) {
  return berth_model_device_get(device, "@socket") != NULL || berth_model_device_is(device, "listen/@type", "socket");
}

gboolean berth_kinds_listen(BerthBuild *build, const BerthDevice *device, const char **address, GError **error) {
  const BerthXmlNode *listen = berth_xml_node_child(device->node, "listen");
  const char *network = berth_xml_node_get(listen, "@network");
  if (berth_xml_node_next(listen, "listen") != NULL)
    return berth_kinds_refuse(build, device, error, "has more than one <listen>, of which QEMU takes one");
  *address = setting(device, "@listen", "listen/@address");
  if (*address == NULL && berth_model_device_is(device, "listen/@type", "network") && network != NULL) {
    *address = g_hash_table_lookup(build->host->addresses, network);
    if (*address == NULL) {
      *address = "127.0.0.1";
      berth_kinds_need(
          build, device, listen, NULL,
          "the host's address in network '%s' is not known (%s is told instead); <listen type='address' address=> says one",
          network, *address);
    }
  }
  return TRUE;
}

char *berth_kinds_password(BerthBuild *build, const BerthDevice *device) {
  const char *password = berth_model_device_get(device, "@passwd");
  if (password == NULL)
    return NULL;
  char *id = g_strconcat("password-", berth_model_device_get(device, "@type"), NULL);
  berth_kinds_secret_text(build, id, password);
  return id;
}

/* A password that is good until some time is said to the running QEMU. */
gboolean berth_kinds_limit_password(BerthBuild *build, const BerthDevice *device, GError **error) {
  const char *until = berth_model_device_get(device, "@passwdValidTo");
  g_autoptr(GTimeZone) utc = g_time_zone_new_utc();
  g_autoptr(GDateTime) time = until != NULL ? g_date_time_new_from_iso8601(until, utc) : NULL;
  if (until == NULL)
    return TRUE;
  if (time == NULL)
    return berth_kinds_refuse(build, device, error, "passwdValidTo '%s' is not a date like 2030-01-31T23:59:59", until);
  g_autofree char *seconds = g_strdup_printf("%" G_GINT64_FORMAT, g_date_time_to_unix(time));
  json_object *arguments = berth_model_qemu_command(build->qemu, "expire_password");
  berth_json_set_string(arguments, "protocol", berth_model_device_get(device, "@type"));
  berth_json_set_string(arguments, "time", seconds);
  return TRUE;
}

void berth_kinds_note_foreign(BerthBuild *build, const BerthDevice *device, const char *const *paths) {
  for (; *paths != NULL; paths++) {
    if (berth_model_device_get(device, *paths) != NULL)
      berth_kinds_note(build, device, NULL, "%s is about another kind of display, and has no effect", *paths);
  }
}

/* "ADDRESS:DISPLAY"; with a port left to QEMU, the first display, and @first says that others are fine too. */
static char *tcp_display(BerthBuild *build, const BerthDevice *device, gboolean *choose, GError **error) {
  const char *address = NULL, *port = berth_model_device_get(device, "@port");
  if (!berth_kinds_listen(build, device, &address, error))
    return NULL;
  if (address == NULL)
    address = "127.0.0.1";
  const char *left = strchr(address, ':') != NULL ? "[" : "";
  const char *right = left[0] != '\0' ? "]" : "";
  *choose = port == NULL || g_str_equal(port, "-1") || berth_kinds_is_on(berth_model_device_get(device, "@autoport"));
  if (*choose)
    return g_strdup_printf("%s%s%s:0", left, address, right);
  guint64 number = berth_model_device_number(device, "@port", 0);
  if (number < FIRST_PORT || number > LAST_PORT) {
    berth_xml_error(error, BERTH_ERROR_BAD_INPUT, build->document, device->node, "vnc port '%s' is not in %d..%d", port, FIRST_PORT,
                    LAST_PORT);
    return NULL;
  }
  return g_strdup_printf("%s%s%s:%u", left, address, right, (guint)number - FIRST_PORT);
}

gboolean berth_kinds_keymap(BerthBuild *build, const BerthDevice *device, GError **error) {
  const char *keymap = berth_model_device_get(device, "@keymap");
  if (keymap == NULL)
    return TRUE;
  if (!berth_kinds_is_word(keymap))
    return berth_kinds_refuse(build, device, error, "keymap '%s' is not a word", keymap);
  berth_model_qemu_option(build->qemu, "-k", keymap);
  return TRUE;
}

gboolean berth_kinds_build_vnc(BerthBuild *build, const BerthDevice *device, const BerthKind *kind, GError **error) {
  static const BerthMap map[] = {{"@sharePolicy", "share", BERTH_MAP_WORD}, {"@websocket", "websocket", BERTH_MAP_NUMBER}, {NULL}};
  static const char *const not_mine[] = {"@display",           "@xauth",      "@fullscreen",  "@p2p", "@tlsPort", "gl/@enable",
                                         "image/@compression", "mouse/@mode", "@defaultMode", NULL};
  berth_kinds_note_foreign(build, device, not_mine);
  const char *path = setting(device, "@socket", "listen/@socket");
  g_autofree char *display = NULL;
  gboolean choose = FALSE;
  if (!berth_kinds_keymap(build, device, error) || !berth_kinds_limit_password(build, device, error))
    return FALSE;
  if (berth_model_device_is(device, "@websocket", "-1"))
    return berth_kinds_refuse(build, device, error, "websocket='-1' is not supported by start yet: a free port is not looked for");
  if (berth_model_device_is(device, "listen/@type", "none"))
    display = g_strdup("none");
  else if (is_socket(device))
    display = path != NULL ? g_strconcat("unix:", path, NULL) : g_strconcat("unix:", build->host->run_dir, "/vnc.sock", NULL);
  else
    display = tcp_display(build, device, &choose, error);
  if (display == NULL)
    return FALSE;
  g_autofree char *password = berth_kinds_password(build, device);
  json_object *props = berth_model_qemu_option(build->qemu, "-vnc", NULL);
  berth_json_set_string(props, "vnc", display);
  if (choose)
    berth_json_set_int(props, "to", 99);
  if (password != NULL)
    berth_json_set_string(props, "password-secret", password);
  return berth_kinds_map(build, device, map, props, error);
}

/* Without a word about it QEMU would open a window. */
gboolean berth_kinds_build_display(BerthBuild *build, GError **error) {
  guint position = 0;
  if (berth_model_inventory_walk(build->inventory, BERTH_GRAPHICS, &position) == NULL)
    berth_model_qemu_option(build->qemu, "-display", "none");
  return TRUE;
}
