/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "kinds/build.h"

/* The host side of a NIC, by the type of the interface. */
typedef struct {
  const char *type;
  gboolean (*fill)(BerthBuild *build, const BerthDevice *device, JsonObject *netdev, GError **error);
} HostSide;

static guint64 queues_of(const BerthDevice *device) {
  return berth_model_device_number(device, "driver/@queues", 1);
}

static gboolean fill_user(BerthBuild *build, const BerthDevice *device, JsonObject *netdev, GError **error) {
  json_object_set_string_member(netdev, "type", "user");
  return TRUE;
}

static gboolean fill_bridge(BerthBuild *build, const BerthDevice *device, JsonObject *netdev, GError **error) {
  const char *bridge = berth_model_device_get(device, "source/@bridge");
  if (bridge == NULL)
    return berth_kinds_refuse(build, device, error, "<source bridge> is missing");
  json_object_set_string_member(netdev, "type", "bridge");
  json_object_set_string_member(netdev, "br", bridge);
  return TRUE;
}

/* The tap device is the user's: no script touches it. */
static gboolean fill_ethernet(BerthBuild *build, const BerthDevice *device, JsonObject *netdev, GError **error) {
  static const BerthMap map[] = {{"target/@dev", "ifname", BERTH_MAP_TEXT}, {NULL}};
  json_object_set_string_member(netdev, "type", "tap");
  json_object_set_string_member(netdev, "script", "no");
  json_object_set_string_member(netdev, "downscript", "no");
  if (queues_of(device) > 1)
    json_object_set_int_member(netdev, "queues", (gint64)queues_of(device));
  if (berth_model_device_is(device, "driver/@name", "vhost"))
    json_object_set_boolean_member(netdev, "vhost", TRUE);
  return berth_kinds_map(build, device, map, netdev, error);
}

/* "null" has no host side at all: the guest sees a NIC whose cable leads nowhere. */
static const HostSide host_sides[] = {
    {"user", fill_user},
    {"bridge", fill_bridge},
    {"ethernet", fill_ethernet},
    {"null", NULL},
};

static const HostSide *find_host_side(const BerthDevice *device) {
  for (guint i = 0; i < G_N_ELEMENTS(host_sides); i++) {
    if (berth_model_device_is(device, "@type", host_sides[i].type))
      return &host_sides[i];
  }
  return NULL;
}

/* A model that the table does not know may still be one of this QEMU's. */
static const char *find_driver(const BerthDevice *device, const BerthKind *kind) {
  const char *model = berth_model_device_get(device, "model/@type");
  if (kind->driver != NULL || !g_str_equal(kind->variant, "*"))
    return kind->driver;
  return berth_kinds_is_word(model) ? model : NULL;
}

static gboolean check(const BerthBuild *build, const BerthDevice *device, gboolean virtio, GError **error) {
  static const char *const virtio_only[] = {
      "driver/@queues", "driver/@rx_queue_size", "driver/@tx_queue_size", "driver/@ioeventfd", "driver/@event_idx",
      "driver/@txmode", "driver/@iommu",         "driver/@ats",           "driver/@packed",    "driver/@page_per_vq"};
  for (guint i = 0; i < G_N_ELEMENTS(virtio_only) && !virtio; i++) {
    if (berth_model_device_get(device, virtio_only[i]) != NULL)
      return berth_kinds_refuse(build, device, error, "%s is something only a virtio NIC has", virtio_only[i]);
  }
  if (queues_of(device) > 1 && !berth_model_device_is(device, "@type", "ethernet"))
    return berth_kinds_refuse(build, device, error, "more than one queue needs type='ethernet'");
  if (berth_model_device_is(device, "driver/@name", "vhost") && !berth_model_device_is(device, "@type", "ethernet"))
    return berth_kinds_refuse(build, device, error, "vhost needs type='ethernet'");
  return TRUE;
}

/* Vectors as libvirt counts them: two a queue, one for control, one for changes of the configuration. */
static gboolean fill_virtio(const BerthBuild *build, const BerthDevice *device, JsonObject *props, GError **error) {
  static const BerthMap map[] = {
      {"driver/@rx_queue_size", "rx_queue_size", BERTH_MAP_NUMBER},
      {"driver/@tx_queue_size", "tx_queue_size", BERTH_MAP_NUMBER},
      {"driver/@ioeventfd", "ioeventfd", BERTH_MAP_SWITCH},
      {"driver/@event_idx", "event_idx", BERTH_MAP_SWITCH},
      {NULL},
  };
  if (queues_of(device) > 1) {
    json_object_set_boolean_member(props, "mq", TRUE);
    json_object_set_int_member(props, "vectors", (gint64)(2 * queues_of(device) + 2));
  }
  if (berth_model_device_get(device, "driver/@txmode") != NULL)
    json_object_set_string_member(props, "tx", berth_model_device_is(device, "driver/@txmode", "timer") ? "timer" : "bh");
  return berth_kinds_map(build, device, map, props, error) && berth_kinds_virtio(build, device, props, error);
}

gboolean berth_kinds_build_interface(BerthBuild *build, const BerthDevice *device, const BerthKind *kind, GError **error) {
  static const BerthMap map[] = {{"mac/@address", "mac", BERTH_MAP_TEXT}, {NULL}};
  const HostSide *host = find_host_side(device);
  const char *driver = find_driver(device, kind);
  gboolean virtio = driver != NULL && g_str_has_prefix(driver, "virtio-");
  g_autofree char *netdev_id = berth_kinds_id("host", device);
  if (host == NULL || driver == NULL)
    return berth_kinds_refuse(build, device, error, "model '%s' of type '%s' is not supported by start yet",
                              berth_model_device_get(device, "model/@type"), berth_model_device_get(device, "@type"));
  if (!check(build, device, virtio, error))
    return FALSE;
  if (host->fill != NULL) {
    JsonObject *netdev = berth_model_qemu_add(build->qemu, BERTH_QEMU_NETDEV);
    json_object_set_string_member(netdev, "id", netdev_id);
    if (!host->fill(build, device, netdev, error))
      return FALSE;
  }
  JsonObject *props = berth_kinds_device(build, device, driver, error);
  if (props == NULL)
    return FALSE;
  if (host->fill != NULL)
    json_object_set_string_member(props, "netdev", netdev_id);
  if (!berth_kinds_map(build, device, map, props, error) || !berth_kinds_boot(build, device, props, error))
    return FALSE;
  return !virtio || fill_virtio(build, device, props, error);
}
