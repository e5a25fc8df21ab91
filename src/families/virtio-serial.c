/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "families/rows.h"

#include "families/bus.h"
#include "families/places.h"

/* virtio-serial's max_ports where the controller says nothing (addressing §5.1). */
#define DEFAULT_PORTS 31

const char *const berth_families_vserial_read_back[] = {"nr", NULL};

typedef struct {
  guint64 index, ports;
  guint64 next; /* no port below is vacant */
} Controller;

typedef struct {
  BerthAssignment *assignment;
  BerthPlaces *places;
  GArray *controllers; /* Controller, by index */
} Ports;

static BerthAddress port_at(guint64 controller, guint64 bus, guint64 port) {
  return (BerthAddress){.type = BERTH_ADDRESS_VIRTIO_SERIAL, .given = 7, .value = {controller, bus, port}};
}

static gboolean is_mine(const BerthDevice *device) {
  return device->kind != NULL && device->kind->address == BERTH_ADDRESS_VIRTIO_SERIAL;
}

/* Port 0 is "not given" (addressing §5.1). */
static guint64 port_of(const BerthDevice *device) {
  return device->address.type == BERTH_ADDRESS_VIRTIO_SERIAL ? device->address.value[BERTH_VSERIAL_PORT] : 0;
}

static gint by_index(gconstpointer a, gconstpointer b) {
  const Controller *x = a, *y = b;
  return x->index < y->index ? -1 : x->index > y->index;
}

static void ports_init(Ports *ports, BerthAssignment *assignment) {
  ports->assignment = assignment;
  /* libvirt counts a controller's ports whatever bus is written (seen with bus='1'). */
  guint fields = 1u << BERTH_VSERIAL_CONTROLLER | 1u << BERTH_VSERIAL_PORT;
  ports->places = berth_families_places_new(assignment, BERTH_ADDRESS_VIRTIO_SERIAL, fields, NULL, NULL);
  ports->controllers = g_array_new(FALSE, FALSE, sizeof(Controller));
  BerthDevice *device;
  for (guint i = 0; (device = berth_model_inventory_walk(assignment->inventory, BERTH_CONTROLLER, &i)) != NULL;) {
    if (device->index < 0 || !berth_model_device_is(device, "@type", "virtio-serial"))
      continue;
    Controller controller = {(guint64)device->index, berth_model_device_number(device, "@ports", DEFAULT_PORTS), 1};
    g_array_append_val(ports->controllers, controller);
  }
  g_array_sort(ports->controllers, by_index);
}

static void ports_clear(Ports *ports) {
  berth_families_places_free(ports->places);
  g_array_unref(ports->controllers);
}
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(Ports, ports_clear)

static Controller *find(const Ports *ports, guint64 index) {
  guint at;
  Controller wanted = {index, 0, 0};
  return g_array_binary_search(ports->controllers, &wanted, by_index, &at) ? &g_array_index(ports->controllers, Controller, at)
                                                                           : NULL;
}

static gboolean keep(Ports *ports, BerthDevice *device, GError **error) {
  guint64 index = device->address.value[BERTH_VSERIAL_CONTROLLER], port = port_of(device);
  const Controller *controller = find(ports, index);
  if (controller != NULL && port < controller->ports)
    return berth_families_places_claim(ports->places, device, error);
  g_autofree char *why = controller == NULL
                             ? g_strdup_printf("there is no virtio-serial controller %" G_GUINT64_FORMAT, index)
                             : g_strdup_printf("virtio-serial controller %" G_GUINT64_FORMAT " has no port %" G_GUINT64_FORMAT
                                               "; the highest is %" G_GINT64_FORMAT,
                                               index, port, (gint64)controller->ports - 1);
  if (berth_families_let_go(ports->assignment, device, why))
    return TRUE;
  berth_families_error(error, BERTH_ERROR_BAD_INPUT, ports->assignment->inventory, device, "%s", why);
  return FALSE;
}

/* Channels have ports from 1, consoles from 0. */
static guint64 first_port(const BerthDevice *device) {
  return device->element->id == BERTH_CONSOLE ? 0 : 1;
}

/* The lowest vacant port, not below @from (0 or 1). Ports only fill up, so the search goes on where it ended. */
static gboolean next_port(Ports *ports, Controller *controller, guint64 from, BerthAddress *place) {
  *place = port_at(controller->index, 0, 0);
  if (from == 0 && controller->ports > 0 && berth_families_places_vacant(ports->places, place))
    return TRUE;
  for (; controller->next < controller->ports; controller->next++) {
    *place = port_at(controller->index, 0, controller->next);
    if (berth_families_places_vacant(ports->places, place))
      return TRUE;
  }
  return FALSE;
}

static gboolean exists(const BerthAddress *place, gpointer data) {
  const Controller *controller = data;
  return place->value[BERTH_VSERIAL_CONTROLLER] == controller->index && place->value[BERTH_VSERIAL_PORT] > 0 &&
         place->value[BERTH_VSERIAL_PORT] < controller->ports;
}

static gboolean place_on(Ports *ports, BerthDevice *device, GError **error) {
  guint64 index = device->address.value[BERTH_VSERIAL_CONTROLLER];
  Controller *controller = find(ports, index);
  BerthAddress place;
  if (controller == NULL) {
    berth_families_error(error, BERTH_ERROR_BAD_INPUT, ports->assignment->inventory, device,
                         "there is no virtio-serial controller %" G_GUINT64_FORMAT, index);
    return FALSE;
  }
  if (!next_port(ports, controller, first_port(device), &place) &&
      !berth_families_places_kept(ports->places, exists, controller, &place)) {
    berth_families_error(error, BERTH_ERROR_NO_ROOM, ports->assignment->inventory, device,
                         "no port of virtio-serial controller %" G_GUINT64_FORMAT " is free%s", index,
                         ports->assignment->running ? "; without that number it gets a port of another" : "");
    return FALSE;
  }
  return berth_families_places_put(ports->places, device, &place, BERTH_RULE_FIRST, error);
}

static void grow(Ports *ports, guint64 index) {
  BerthAssignment *assignment = ports->assignment;
  BerthDevice *device = berth_model_device_new(&assignment->elements[BERTH_CONTROLLER], NULL);
  g_autofree char *number = g_strdup_printf("%" G_GUINT64_FORMAT, index);
  berth_model_device_set(device, "@type", "virtio-serial");
  berth_model_device_set(device, "@index", number);
  device->index = (gint64)index;
  device->origin = ports->controllers->len > 0 ? BERTH_ORIGIN_GROWN : BERTH_ORIGIN_IMPLICIT;
  device->kind = assignment->classify(device);
  berth_model_inventory_insert(assignment->inventory, device);
  Controller controller = {index, DEFAULT_PORTS, 1};
  g_array_append_val(ports->controllers, controller);
  g_array_sort(ports->controllers, by_index);
}

/* The lowest vacant port on the first controller that has one; where none has, a new controller's. */
static BerthAddress find_port(Ports *ports, guint64 from) {
  BerthAddress address;
  for (guint i = 0; i < ports->controllers->len; i++)
    if (next_port(ports, &g_array_index(ports->controllers, Controller, i), from, &address))
      return address;
  guint64 unused = 0;
  while (unused < ports->controllers->len && g_array_index(ports->controllers, Controller, unused).index == unused)
    unused++;
  grow(ports, unused);
  /* The ports of a controller that is gone may be kept for its channels: the first that is not. */
  return next_port(ports, find(ports, unused), from, &address) ? address : port_at(unused, 0, from);
}

static gboolean place(Ports *ports, BerthDevice *channel, GError **error) {
  BerthAddress address = find_port(ports, first_port(channel));
  return berth_families_places_put(ports->places, channel, &address, BERTH_RULE_FIRST, error);
}

/*
 * A console that names no controller gets no address: QEMU gives it a port at start, with which it goes on while the guest runs.
 * libvirt 12.8 still looks for one, and unless that is port 0 nobody else gets it (asked of it: a console with controller='0', one
 * without address, a channel: ports 0, none, 2; without the first one: none, 1).
 */
static gboolean pass_by(Ports *ports, BerthDevice *console, GError **error) {
  BerthAddress address = find_port(ports, first_port(console));
  if (address.value[BERTH_VSERIAL_PORT] > 0 &&
      !berth_families_places_put(ports->places, console, &address, BERTH_RULE_FIRST, error))
    return FALSE;
  console->address = (BerthAddress){.type = BERTH_ADDRESS_NONE};
  console->rule = BERTH_RULE_NONE;
  return TRUE;
}

static gboolean is_unplaced(const BerthDevice *device) {
  return is_mine(device) && port_of(device) == 0;
}

gboolean berth_families_vserial_assign(BerthAssignment *assignment, GError **error) {
  static const BerthElementId elements[] = {BERTH_CONSOLE, BERTH_CHANNEL};
  g_auto(Ports) ports = {0};
  ports_init(&ports, assignment);
  const GPtrArray *devices = assignment->inventory->devices;
  for (guint i = 0; i < devices->len; i++) {
    BerthDevice *device = devices->pdata[i];
    /* Of whatever kind: the port is taken. */
    if (port_of(device) > 0 && !keep(&ports, device, error))
      return FALSE;
  }
  BerthDevice *device;
  for (gsize e = 0; e < G_N_ELEMENTS(elements); e++) {
    for (guint i = 0; (device = berth_model_inventory_walk(assignment->inventory, elements[e], &i)) != NULL;) {
      gboolean chosen = device->address.type == BERTH_ADDRESS_VIRTIO_SERIAL; /* the controller at least */
      gboolean left = elements[e] == BERTH_CONSOLE && !assignment->running;
      if (is_unplaced(device) && !(chosen ? place_on : left ? pass_by : place)(&ports, device, error))
        return FALSE;
    }
  }
  return TRUE;
}

void berth_families_vserial_properties(const BerthInventory *inventory, const BerthDevice *device, json_object *props) {
  if (device->address.type != BERTH_ADDRESS_VIRTIO_SERIAL)
    return;
  const guint64 *value = device->address.value;
  g_autofree char *bus =
      berth_families_bus_name(inventory, "virtio-serial", value[BERTH_VSERIAL_CONTROLLER], value[BERTH_VSERIAL_BUS]);
  berth_json_set_string(props, "bus", bus);
  berth_json_set_int(props, "nr", (gint64)value[BERTH_VSERIAL_PORT]);
}

gboolean berth_families_vserial_locate(const BerthInventory *inventory, const BerthDevice *device, const BerthReadBack *answer,
                                       BerthAddress *address) {
  guint64 guess = device->address.type == BERTH_ADDRESS_VIRTIO_SERIAL ? device->address.value[BERTH_VSERIAL_CONTROLLER] : 0;
  guint64 controller, bus, port;
  if (!berth_families_bus_parse(inventory, "virtio-serial", answer->parent_bus, guess, &controller, &bus) ||
      !berth_families_answer_number(answer, "nr", &port))
    return FALSE;
  *address = port_at(controller, bus, port);
  return TRUE;
}
