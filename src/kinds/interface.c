/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "kinds/build.h"

/* The host side of a NIC, by the type of the interface. */
typedef struct {
  const char *type;
  gboolean (*fill)(BerthBuild *build, const BerthDevice *device, json_object *netdev, GError **error);
} HostSide;

static guint64 queues_of(const BerthDevice *device) {
  return berth_model_device_number(device, "driver/@queues", 1);
}

/* The addresses of QEMU's own network, whose first ones are the router's and the name server's. */
static gboolean fill_user(BerthBuild *build, const BerthDevice *device, json_object *netdev, GError **error) {
  berth_json_set_string(netdev, "type", "user");
  for (const BerthXmlNode *ip = berth_xml_node_child(device->node, "ip"); ip != NULL; ip = berth_xml_node_next(ip, "ip")) {
    const char *address = berth_xml_node_get(ip, "@address"), *prefix = berth_xml_node_get(ip, "@prefix");
    gboolean six = g_strcmp0(berth_xml_node_get(ip, "@family"), "ipv6") == 0;
    g_autofree char *net = g_strconcat(address != NULL ? address : "", "/", prefix != NULL ? prefix : "24", NULL);
    if (address == NULL || json_object_object_get_ex(netdev, six ? "ipv6-prefix" : "net", NULL))
      return berth_kinds_refuse(build, device, error, "an <ip> has no address, or is the second of its family");
    berth_json_set_string(netdev, six ? "ipv6-prefix" : "net", six ? address : net);
    if (six)
      berth_json_set_int(netdev, "ipv6-prefixlen", prefix != NULL ? (gint64)g_ascii_strtoull(prefix, NULL, 10) : 64);
  }
  return TRUE;
}

static gboolean fill_bridge(BerthBuild *build, const BerthDevice *device, json_object *netdev, GError **error) {
  const char *bridge = berth_model_device_get(device, "source/@bridge");
  if (bridge == NULL)
    return berth_kinds_refuse(build, device, error, "<source bridge> is missing");
  berth_json_set_string(netdev, "type", "bridge");
  berth_json_set_string(netdev, "br", bridge);
  return TRUE;
}

/* The tap device is the user's: only a script of the document's touches it. */
static gboolean fill_ethernet(BerthBuild *build, const BerthDevice *device, json_object *netdev, GError **error) {
  static const BerthMap map[] = {{"target/@dev", "ifname", BERTH_MAP_TEXT},
                                 {"script/@path", "script", BERTH_MAP_TEXT},
                                 {"downscript/@path", "downscript", BERTH_MAP_TEXT},
                                 {"tune/sndbuf", "sndbuf", BERTH_MAP_NUMBER},
                                 {NULL}};
  berth_json_set_string(netdev, "type", "tap");
  berth_json_set_string(netdev, "script", "no");
  berth_json_set_string(netdev, "downscript", "no");
  if (queues_of(device) > 1)
    berth_json_set_int(netdev, "queues", (gint64)queues_of(device));
  if (berth_model_device_is(device, "driver/@name", "vhost"))
    berth_json_set_boolean(netdev, "vhost", TRUE);
  return berth_kinds_map(build, device, map, netdev, error);
}

static char *inet_place(const BerthXmlNode *node) {
  const char *address = berth_xml_node_get(node, "@address"), *port = berth_xml_node_get(node, "@port");
  return g_strconcat(address != NULL ? address : "", ":", port != NULL ? port : "", NULL);
}

/* What each type is to QEMU's sockets: the property that takes ADDRESS:PORT. */
static const struct {
  const char *type, *property;
} sockets[] = {{"mcast", "mcast"}, {"server", "listen"}, {"client", "connect"}, {"udp", "udp"}};

static gboolean fill_socket(BerthBuild *build, const BerthDevice *device, json_object *netdev, GError **error) {
  const BerthXmlNode *source = berth_xml_node_child(device->node, "source");
  const BerthXmlNode *local = berth_xml_node_child(source, "local");
  gboolean udp = berth_model_device_is(device, "@type", "udp");
  g_autofree char *place = inet_place(source);
  g_autofree char *here = inet_place(local);
  if (berth_xml_node_get(source, "@port") == NULL || (udp && berth_xml_node_get(local, "@port") == NULL))
    return berth_kinds_refuse(build, device, error, "<source port>%s is missing", udp ? " or <local port>" : "");
  berth_json_set_string(netdev, "type", "socket");
  for (guint i = 0; i < G_N_ELEMENTS(sockets); i++) {
    if (berth_model_device_is(device, "@type", sockets[i].type))
      berth_json_set_string(netdev, sockets[i].property, place);
  }
  if (udp)
    berth_json_set_string(netdev, "localaddr", here);
  return TRUE;
}

/* The switch is a process of the user's that shares the guest's memory. */
static gboolean fill_vhost_user(BerthBuild *build, const BerthDevice *device, json_object *netdev, GError **error) {
  const char *path = berth_model_device_get(device, "source/@path");
  g_autofree char *id = berth_kinds_id("char", device);
  if (path == NULL)
    return berth_kinds_refuse(build, device, error, "<source path> is missing");
  berth_json_set_string(netdev, "type", "vhost-user");
  berth_json_set_string(netdev, "chardev", id);
  if (queues_of(device) > 1)
    berth_json_set_int(netdev, "queues", (gint64)queues_of(device));
  return TRUE;
}

/* The socket must be there before the network back end that names it. */
static gboolean add_chardev(BerthBuild *build, const BerthDevice *device, GError **error) {
  const char *path = berth_model_device_get(device, "source/@path");
  gboolean again = berth_kinds_is_on(berth_model_device_get(device, "source/reconnect/@enabled"));
  g_autofree char *id = berth_kinds_id("char", device);
  berth_kinds_need_shared_memory(build, device);
  if (path != NULL)
    berth_kinds_chardev_socket(build, id, path, berth_model_device_is(device, "source/@mode", "server"),
                               again ? berth_model_device_number(device, "source/reconnect/@timeout", 1) : 0);
  return TRUE;
}

static gboolean fill_vdpa(BerthBuild *build, const BerthDevice *device, json_object *netdev, GError **error) {
  static const BerthMap map[] = {{"source/@dev", "vhostdev", BERTH_MAP_TEXT}, {NULL}};
  if (berth_model_device_get(device, "source/@dev") == NULL)
    return berth_kinds_refuse(build, device, error, "<source dev> is missing");
  berth_json_set_string(netdev, "type", "vhost-vdpa");
  if (queues_of(device) > 1)
    berth_json_set_int(netdev, "queues", (gint64)queues_of(device));
  return berth_kinds_map(build, device, map, netdev, error);
}

/* A network is the bridge that its definition says, and without one the bridge of its name. */
static gboolean fill_network(BerthBuild *build, const BerthDevice *device, json_object *netdev, GError **error) {
  const char *network = berth_model_device_get(device, "source/@network");
  const char *bridge = berth_model_device_get(device, "source/@bridge");
  if (network == NULL && bridge == NULL)
    return berth_kinds_refuse(build, device, error, "<source network> is missing");
  if (bridge == NULL)
    bridge = g_hash_table_lookup(build->host->networks, network);
  if (bridge == NULL) {
    g_autofree char *there = g_strdup_printf("/sys/class/net/%s/bridge", network);
    berth_kinds_need(
        build, device, NULL, there,
        "network '%s' has no definition with a bridge in %s/networks or libvirt's, and there is no bridge of its name; "
        "type='bridge' names one",
        network, build->host->state_dir);
    bridge = network;
  }
  berth_json_set_string(netdev, "type", "bridge");
  berth_json_set_string(netdev, "br", bridge);
  return TRUE;
}

static gboolean fill_direct(BerthBuild *build, const BerthDevice *device, json_object *netdev, GError **error) {
  return berth_kinds_refuse(build, device, error,
                            "a macvtap device on '%s' is not made by start yet; type='ethernet' names a tap device",
                            berth_model_device_get(device, "source/@dev"));
}

/* "null" has no host side at all: the guest sees a NIC whose cable leads nowhere; a host's device is its own host side. */
static const HostSide host_sides[] = {
    {"user", fill_user},     {"bridge", fill_bridge},        {"ethernet", fill_ethernet}, {"network", fill_network},
    {"direct", fill_direct}, {"mcast", fill_socket},         {"server", fill_socket},     {"client", fill_socket},
    {"udp", fill_socket},    {"vhostuser", fill_vhost_user}, {"vdpa", fill_vdpa},         {"null", NULL},
};

/* What the host has to do with the tap device that neither QEMU nor its helper does. */
static const struct {
  const char *element, *what;
} taps[] = {
    {"vlan", "its VLAN tag has to be set on the switch's port"},
    {"virtualport", "its tap device has to be given to the switch, with the port profile"},
    {"port", "the switch's port has to be isolated"},
};

/* Where the document is about a switch's port, or about more queues than a helper opens, the device is a tap that somebody else
 * made: start does none of that. */
static gboolean needs_own_tap(BerthBuild *build, const BerthDevice *device) {
  static const char *const switched[] = {"bridge", "network", "ethernet", NULL};
  const char *type = berth_model_device_get(device, "@type");
  gboolean own = FALSE;
  if (type == NULL || !g_strv_contains(switched, type))
    return FALSE;
  for (guint i = 0; i < G_N_ELEMENTS(taps); i++) {
    const BerthXmlNode *node = berth_xml_node_child(device->node, taps[i].element);
    if (node == NULL)
      continue;
    berth_kinds_need(build, device, node, NULL, "%s, which start does not; type='ethernet' names a tap device of yours",
                     taps[i].what);
    own = TRUE;
  }
  if (queues_of(device) > 1 && !g_str_equal(type, "ethernet")) {
    berth_kinds_need(
        build, device, NULL, NULL,
        "more than one queue needs a tap device made for it, which start does not; type='ethernet' names one of yours");
    own = TRUE;
  }
  return own;
}

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

/* The types whose back end has more than one queue; with another the guest sees one, as with libvirt. */
static gboolean has_queues(const BerthDevice *device) {
  static const char *const types[] = {"ethernet", "bridge", "network", "vhostuser", "vdpa", NULL};
  const char *type = berth_model_device_get(device, "@type");
  return g_strv_contains(types, type != NULL ? type : "");
}

static gboolean check(const BerthBuild *build, const BerthDevice *device, gboolean virtio, GError **error) {
  static const char *const virtio_only[] = {"driver/@queues",
                                            "driver/@rx_queue_size",
                                            "driver/@tx_queue_size",
                                            "driver/@ioeventfd",
                                            "driver/@event_idx",
                                            "driver/@txmode",
                                            "driver/@iommu",
                                            "driver/@ats",
                                            "driver/@packed",
                                            "driver/@page_per_vq",
                                            "driver/host/@csum",
                                            "driver/host/@gso",
                                            "driver/host/@tso4",
                                            "driver/host/@tso6",
                                            "driver/host/@ecn",
                                            "driver/host/@ufo",
                                            "driver/host/@mrg_rxbuf",
                                            "driver/guest/@csum",
                                            "driver/guest/@tso4",
                                            "driver/guest/@tso6",
                                            "driver/guest/@ecn",
                                            "driver/guest/@ufo",
                                            "mtu/@size",
                                            NULL};
  if (!berth_kinds_only(build, device, virtio_only, virtio, "a virtio NIC", error))
    return FALSE;
  if (berth_model_device_is(device, "driver/@name", "vfio"))
    return berth_kinds_refuse(build, device, error, "driver 'vfio' needs type='hostdev'");
  return TRUE;
}

/* A bonded pair: the guest uses the host's device while it is there, and the virtio NIC when it is not. */
static gboolean fill_teaming(BerthBuild *build, const BerthDevice *device, gboolean virtio, json_object *props, GError **error) {
  static const BerthMap map[] = {{"teaming/@persistent", "failover_pair_id", BERTH_MAP_WORD}, {NULL}};
  if (berth_model_device_get(device, "teaming/@type") == NULL)
    return TRUE;
  gboolean persistent = berth_model_device_is(device, "teaming/@type", "persistent");
  if (persistent != virtio)
    return berth_kinds_refuse(build, device, error, "of a team, the virtio NIC is persistent and the host's device transient");
  if (persistent)
    berth_json_set_boolean(props, "failover", TRUE);
  return berth_kinds_map(build, device, map, props, error);
}

/* Vectors as libvirt counts them: two a queue, one for control, one for changes of the configuration. */
static gboolean fill_virtio(const BerthBuild *build, const BerthDevice *device, json_object *props, GError **error) {
  static const BerthMap map[] = {
      {"driver/@rx_queue_size", "rx_queue_size", BERTH_MAP_NUMBER},
      {"driver/@tx_queue_size", "tx_queue_size", BERTH_MAP_NUMBER},
      {"driver/@ioeventfd", "ioeventfd", BERTH_MAP_SWITCH},
      {"driver/@event_idx", "event_idx", BERTH_MAP_SWITCH},
      {"driver/host/@csum", "csum", BERTH_MAP_SWITCH},
      {"driver/host/@gso", "gso", BERTH_MAP_SWITCH},
      {"driver/host/@tso4", "host_tso4", BERTH_MAP_SWITCH},
      {"driver/host/@tso6", "host_tso6", BERTH_MAP_SWITCH},
      {"driver/host/@ecn", "host_ecn", BERTH_MAP_SWITCH},
      {"driver/host/@ufo", "host_ufo", BERTH_MAP_SWITCH},
      {"driver/host/@mrg_rxbuf", "mrg_rxbuf", BERTH_MAP_SWITCH},
      {"driver/guest/@csum", "guest_csum", BERTH_MAP_SWITCH},
      {"driver/guest/@tso4", "guest_tso4", BERTH_MAP_SWITCH},
      {"driver/guest/@tso6", "guest_tso6", BERTH_MAP_SWITCH},
      {"driver/guest/@ecn", "guest_ecn", BERTH_MAP_SWITCH},
      {"driver/guest/@ufo", "guest_ufo", BERTH_MAP_SWITCH},
      {"mtu/@size", "host_mtu", BERTH_MAP_NUMBER},
      {NULL},
  };
  if (queues_of(device) > 1 && has_queues(device)) {
    berth_json_set_boolean(props, "mq", TRUE);
    berth_json_set_int(props, "vectors", (gint64)(2 * queues_of(device) + 2));
  }
  if (berth_model_device_get(device, "driver/@txmode") != NULL)
    berth_json_set_string(props, "tx", berth_model_device_is(device, "driver/@txmode", "timer") ? "timer" : "bh");
  return berth_kinds_map(build, device, map, props, error) && berth_kinds_virtio(build, device, props, error);
}

/* QEMU's cables are plugged in. */
static void set_link(BerthBuild *build, const BerthDevice *device) {
  if (!berth_model_device_is(device, "link/@state", "down"))
    return;
  json_object *link = berth_model_qemu_command(build->qemu, "set_link");
  berth_json_set_string(link, "name", device->id);
  berth_json_set_boolean(link, "up", FALSE);
}

/* The MAC, and the VLAN, of a function is set through the card that it is of. */
static gboolean build_hostdev(BerthBuild *build, const BerthDevice *device, const BerthKind *kind, GError **error) {
  static const BerthMap map[] = {{"teaming/@persistent", "failover_pair_id", BERTH_MAP_WORD}, {NULL}};
  const char *mac = berth_model_device_get(device, "mac/@address"), *tag = berth_model_device_get(device, "vlan/tag/@id");
  json_object *props = berth_kinds_host_pci(build, device, kind->driver, error);
  if (props == NULL)
    return FALSE;
  berth_kinds_need(
      build, device, NULL, NULL,
      "the host's function needs its MAC first (ip link set dev CARD vf NUMBER mac %s%s%s), which start does not set; a "
      "<hostdev> can be started",
      mac != NULL ? mac : "", tag != NULL ? " vlan " : "", tag != NULL ? tag : "");
  return berth_kinds_map(build, device, map, props, error);
}

/* What of a NIC is the host's alone, and has no effect here. */
static void note_unused(BerthBuild *build, const BerthDevice *device) {
  if (berth_kinds_is_on(berth_model_device_get(device, "@trustGuestRxFilters")))
    berth_kinds_note(build, device, NULL, "trustGuestRxFilters is about macvtap devices, and has no effect");
  if (queues_of(device) > 1 && !has_queues(device))
    berth_kinds_note(build, device, NULL, "the guest sees one queue: its back end has no more");
}

gboolean berth_kinds_build_interface(BerthBuild *build, const BerthDevice *device, const BerthKind *kind, GError **error) {
  static const BerthMap map[] = {{"mac/@address", "mac", BERTH_MAP_TEXT}, {NULL}};
  if (berth_model_device_is(device, "@type", "hostdev"))
    return build_hostdev(build, device, kind, error);
  const HostSide *host = find_host_side(device);
  const char *driver = find_driver(device, kind);
  gboolean virtio = driver != NULL && g_str_has_prefix(driver, "virtio-");
  g_autofree char *netdev_id = berth_kinds_id("host", device);
  if (berth_model_device_get(device, "@type") == NULL)
    return berth_kinds_refuse(build, device, error, "has no type, such as type='user'");
  if (host == NULL || driver == NULL)
    return berth_kinds_refuse(build, device, error, "model '%s' of type '%s' is not supported by start yet",
                              berth_model_device_get(device, "model/@type"), berth_model_device_get(device, "@type"));
  if (!check(build, device, virtio, error))
    return FALSE;
  note_unused(build, device);
  if (host->fill == fill_vhost_user && !add_chardev(build, device, error))
    return FALSE;
  if (host->fill != NULL) {
    json_object *netdev = berth_model_qemu_add(build->qemu, BERTH_QEMU_NETDEV);
    berth_json_set_string(netdev, "id", netdev_id);
    if (!(needs_own_tap(build, device) ? fill_ethernet : host->fill)(build, device, netdev, error))
      return FALSE;
  }
  json_object *props = berth_kinds_device(build, device, driver, error);
  if (props == NULL)
    return FALSE;
  if (host->fill != NULL)
    berth_json_set_string(props, "netdev", netdev_id);
  set_link(build, device);
  if (!berth_kinds_map(build, device, map, props, error) || !berth_kinds_boot(build, device, props, error) ||
      !fill_teaming(build, device, virtio, props, error))
    return FALSE;
  return !virtio || fill_virtio(build, device, props, error);
}
