/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Where the guest's sound goes on the host. */
#include "kinds/build.h"

/* What <audio type> is called by QEMU, and its own options. */
static const BerthMap file_map[] = {{"@path", "path", BERTH_MAP_TEXT}, {NULL}};
static const BerthMap pulse_map[] = {{"@serverName", "server", BERTH_MAP_TEXT}, {NULL}};
static const BerthMap oss_map[] = {
    {"@tryMMap", "try-mmap", BERTH_MAP_SWITCH},
    {"@exclusive", "exclusive", BERTH_MAP_SWITCH},
    {"@dspPolicy", "dsp-policy", BERTH_MAP_NUMBER},
    {NULL},
};
static const BerthMap no_map[] = {{NULL}};

static const struct {
  const char *type, *driver;
  const BerthMap *map;
} types[] = {
    {"none", "none", no_map},   {"alsa", "alsa", no_map},        {"coreaudio", "coreaudio", no_map},
    {"dbus", "dbus", no_map},   {"file", "wav", file_map},       {"jack", "jack", no_map},
    {"oss", "oss", oss_map},    {"pulseaudio", "pa", pulse_map}, {"sdl", "sdl", no_map},
    {"spice", "spice", no_map},
};

/* Options of one direction. */
static const BerthMap way_map[] = {
    {"@mixingEngine", "mixing-engine", BERTH_MAP_SWITCH},
    {"@fixedSettings", "fixed-settings", BERTH_MAP_SWITCH},
    {"@voices", "voices", BERTH_MAP_NUMBER},
    {"@bufferLength", "buffer-length", BERTH_MAP_NUMBER},
    {"settings/@frequency", "frequency", BERTH_MAP_NUMBER},
    {"settings/@channels", "channels", BERTH_MAP_NUMBER},
    {"settings/@format", "format", BERTH_MAP_WORD},
    {"@dev", "dev", BERTH_MAP_TEXT},
    {"@bufferCount", "buffer-count", BERTH_MAP_NUMBER},
    {"@tryPoll", "try-poll", BERTH_MAP_SWITCH},
    {"@name", "name", BERTH_MAP_TEXT},
    {"@streamName", "stream-name", BERTH_MAP_TEXT},
    {"@latency", "latency", BERTH_MAP_NUMBER},
    {"@serverName", "server-name", BERTH_MAP_TEXT},
    {"@clientName", "client-name", BERTH_MAP_TEXT},
    {"@connectPorts", "connect-ports", BERTH_MAP_TEXT},
    {"@exactName", "exact-name", BERTH_MAP_SWITCH},
    {NULL},
};

static const struct { const char *element, *option; } ways[] = {{"input", "in"}, {"output", "out"}};

char *berth_kinds_audiodev(const BerthDevice *device) {
  const char *id = berth_model_device_get(device, "audio/@id");
  return id != NULL ? g_strconcat("audio", id, NULL) : g_strdup(BERTH_KINDS_AUDIODEV);
}

static gboolean add_ways(const BerthBuild *build, const BerthDevice *device, json_object *props, GError **error) {
  for (guint i = 0; i < G_N_ELEMENTS(ways); i++) {
    const BerthXmlNode *way = berth_xml_node_child(device->node, ways[i].element);
    if (way == NULL)
      continue;
    json_object *options = json_object_new_object();
    berth_json_set(props, ways[i].option, options);
    if (!berth_kinds_map_node(build, device, way, way_map, options, error))
      return FALSE;
  }
  return TRUE;
}

static gboolean add_backend(BerthBuild *build, const BerthDevice *device, GError **error) {
  static const BerthMap any_map[] = {{"@timerPeriod", "timer-period", BERTH_MAP_NUMBER}, {NULL}};
  const char *id = berth_model_device_get(device, "@id");
  guint i = 0;
  while (i < G_N_ELEMENTS(types) && !berth_model_device_is(device, "@type", types[i].type))
    i++;
  if (i == G_N_ELEMENTS(types) || (id != NULL && !berth_kinds_is_word(id)))
    return berth_kinds_refuse(build, device, error, "audio of this type or id is not supported by start yet");
  if (berth_model_device_get(device, "@driver") != NULL)
    berth_kinds_setenv(build, "SDL_AUDIODRIVER", berth_model_device_get(device, "@driver"));
  g_autofree char *name = g_strconcat("audio", id != NULL ? id : "1", NULL);
  json_object *props = berth_model_qemu_option(build->qemu, "-audiodev", types[i].driver);
  berth_json_set_string(props, "id", name);
  return berth_kinds_map(build, device, any_map, props, error) && berth_kinds_map(build, device, types[i].map, props, error) &&
         add_ways(build, device, props, error);
}

gboolean berth_kinds_build_audio(BerthBuild *build, GError **error) {
  const BerthDevice *device;
  gboolean any = FALSE, sound = berth_kinds_has_sound(build->inventory);
  for (guint i = 0; (device = berth_model_inventory_walk(build->inventory, BERTH_AUDIO, &i)) != NULL;) {
    if (device->node == NULL && !sound)
      continue;
    if (!add_backend(build, device, error))
      return FALSE;
    any = TRUE;
  }
  if (any || !sound)
    return TRUE;
  berth_json_set_string(berth_model_qemu_option(build->qemu, "-audiodev", "none"), "id", BERTH_KINDS_AUDIODEV);
  return TRUE;
}
