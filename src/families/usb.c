/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "families/usb.h"

#include "families/bus.h"
#include "families/places.h"
#include "facts/machine.h"
#include "families/rows.h"

#define MAX_LEVELS 4
#define HUB_PORTS 8
#define MAX_PORTS 15 /* of an xHCI controller (QEMU: qemu-xhci, "p2", "p3") */
/* A hub cannot be plugged into a running guest, a controller can. */
#define MORE_PORTS "; attach-device a <controller type='usb' model='qemu-xhci'/>, which brings some"

/* Root ports of each controller model (addressing §5.3); "": a controller without model. */
static const struct {
  const char *model;
  guint ports;
  gboolean settable;  /* the attribute "ports" says how many */
  gboolean companion; /* shares the bus of another controller */
  gboolean fast_only; /* needs companions for slow devices */
} models[] = {
    {"", 2},
    {"piix3-uhci", 2},
    {"piix4-uhci", 2},
    {"vt82c686b-uhci", 2},
    {"ehci", 6, .fast_only = TRUE},
    {"ich9-ehci1", 6, .fast_only = TRUE},
    {"ich9-uhci1", 0, .companion = TRUE},
    {"ich9-uhci2", 0, .companion = TRUE},
    {"ich9-uhci3", 0, .companion = TRUE},
    {"pci-ohci", 3},
    {"nec-xhci", 4, .settable = TRUE},
    {"qemu-xhci", 4, .settable = TRUE},
    {"none", 0},
};

const char *const berth_families_usb_read_back[] = {"port", NULL};

/* What has ports: a controller or a hub. */
typedef struct Hub Hub;
struct Hub {
  guint n_ports;
  gboolean full; /* no vacant place here and below: none will come */
  Hub **below;   /* by port - 1; NULL where there is no hub */
};

typedef struct {
  guint64 index;
  Hub *root;
} Bus;

typedef struct {
  BerthAssignment *assignment;
  BerthPlaces *places;
  GArray *buses;      /* Bus, by index */
  GPtrArray *hubs;    /* <hub>, in list order */
  GPtrArray *devices; /* the rest, in the generic device order */
  guint n_ports;      /* of controllers and hubs */
} Usb;

static guint model_row(const BerthDevice *controller) {
  const char *model = berth_model_device_get(controller, "@model");
  for (guint i = 0; i < G_N_ELEMENTS(models); i++)
    if (g_strcmp0(models[i].model, model != NULL ? model : "") == 0)
      return i;
  return 0;
}

gboolean berth_families_usb_is_companion(const BerthDevice *controller) {
  return berth_model_device_is(controller, "@type", "usb") && models[model_row(controller)].companion;
}

guint berth_families_usb_ports(const BerthDevice *controller) {
  guint row = model_row(controller);
  if (!models[row].settable)
    return models[row].ports;
  return (guint)berth_model_device_number(controller, "@ports", models[row].ports);
}

static Hub *hub_new(guint n_ports) {
  Hub *hub = g_new0(Hub, 1);
  hub->n_ports = MIN(n_ports, 255u);
  hub->below = g_new0(Hub *, hub->n_ports);
  return hub;
}

static void hub_free(Hub *hub) {
  if (hub == NULL)
    return;
  for (guint i = 0; i < hub->n_ports; i++)
    hub_free(hub->below[i]);
  g_free(hub->below);
  g_free(hub);
}

static void bus_clear(gpointer data) {
  Bus *bus = data;
  hub_free(bus->root);
}

static gint by_index(gconstpointer a, gconstpointer b) {
  const Bus *x = a, *y = b;
  return x->index < y->index ? -1 : x->index > y->index;
}

static Bus *find_bus(const Usb *usb, guint64 index) {
  guint at;
  Bus wanted = {index, NULL};
  return g_array_binary_search(usb->buses, &wanted, by_index, &at) ? &g_array_index(usb->buses, Bus, at) : NULL;
}

/* Port paths are packed with the first level highest: 0x01020000 is "1.2". */
static guint level_shift(guint level) {
  return 8 * (MAX_LEVELS - 1 - level);
}

static guint level_of(guint64 path, guint level) {
  return (guint)(path >> level_shift(level)) & 0xff;
}

static guint depth_of(guint64 path) {
  guint depth = 0;
  while (depth < MAX_LEVELS && level_of(path, depth) != 0)
    depth++;
  return depth;
}

static char *path_to_string(guint64 path, guint depth) {
  GString *text = g_string_new(NULL);
  for (guint level = 0; level < depth; level++)
    g_string_append_printf(text, "%s%u", level > 0 ? "." : "", level_of(path, level));
  return g_string_free(text, FALSE);
}

static BerthAddress usb_at(guint64 bus, guint64 path) {
  return (BerthAddress){.type = BERTH_ADDRESS_USB, .given = 3, .value = {bus, path}};
}

static gboolean is_mine(const BerthDevice *device) {
  return device->kind != NULL && device->kind->address == BERTH_ADDRESS_USB;
}

static gboolean has_port(const BerthDevice *device) {
  return device->address.type == BERTH_ADDRESS_USB && device->address.value[BERTH_USB_PORT] != 0;
}

/* An address of another kind is the user's affair: it is kept, and no port is looked for. */
static gboolean wants_port(const BerthDevice *device) {
  return device->address.type == BERTH_ADDRESS_NONE || (device->address.type == BERTH_ADDRESS_USB && !has_port(device));
}

/* The generic device order (addressing §1.4): libvirt 12.8 was seen to place usb-storage, usb-net, usb-audio, usb-host, usb-ccid,
 * usb-serial, tablet and redirection in it. */
static void collect(Usb *usb) {
  const GPtrArray *all = usb->assignment->inventory->devices;
  GPtrArray *by_element[BERTH_N_ELEMENTS] = {NULL};
  for (guint i = 0; i < all->len; i++) {
    BerthDevice *device = all->pdata[i];
    BerthElementId element = device->element->id;
    if (!is_mine(device))
      continue;
    if (by_element[element] == NULL)
      by_element[element] = g_ptr_array_new();
    g_ptr_array_add(by_element[element], device);
  }
  for (guint element = 0; element < BERTH_N_ELEMENTS; element++) {
    if (by_element[element] == NULL)
      continue;
    g_ptr_array_extend(element == BERTH_HUB ? usb->hubs : usb->devices, by_element[element], NULL, NULL);
    g_ptr_array_unref(by_element[element]);
  }
}

static void usb_init(Usb *usb, BerthAssignment *assignment) {
  usb->assignment = assignment;
  usb->places = berth_families_places_new(assignment, BERTH_ADDRESS_USB, 3, NULL, NULL);
  usb->buses = g_array_new(FALSE, FALSE, sizeof(Bus));
  g_array_set_clear_func(usb->buses, bus_clear);
  usb->hubs = g_ptr_array_new();
  usb->devices = g_ptr_array_new();
  collect(usb);
}

static void usb_clear(Usb *usb) {
  berth_families_places_free(usb->places);
  g_array_unref(usb->buses);
  g_ptr_array_unref(usb->hubs);
  g_ptr_array_unref(usb->devices);
}
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(Usb, usb_clear)

/* One bus for each controller that has ports. */
static gboolean build_buses(Usb *usb, GError **error) {
  const BerthInventory *inventory = usb->assignment->inventory;
  g_autoptr(GHashTable) seen = g_hash_table_new(g_direct_hash, g_direct_equal);
  const BerthDevice *controller, *companion = NULL;
  for (guint i = 0; (controller = berth_model_inventory_walk(inventory, BERTH_CONTROLLER, &i)) != NULL;) {
    if (controller->index < 0 || !berth_model_device_is(controller, "@type", "usb"))
      continue;
    guint ports = berth_families_usb_ports(controller);
    if (!models[model_row(controller)].settable && berth_model_device_get(controller, "@ports") != NULL) {
      berth_families_error(error, BERTH_ERROR_BAD_INPUT, inventory, controller, "only an xHCI controller has a choice of ports");
      return FALSE;
    }
    if (models[model_row(controller)].settable && ports > MAX_PORTS) {
      berth_families_error(error, BERTH_ERROR_BAD_INPUT, inventory, controller, "it can have at most %d ports", MAX_PORTS);
      return FALSE;
    }
    if (ports == 0) {
      companion = berth_families_usb_is_companion(controller) ? controller : companion;
      continue;
    }
    gpointer key = GSIZE_TO_POINTER((gsize)controller->index);
    const BerthDevice *other = g_hash_table_lookup(seen, key);
    if (other != NULL) {
      const BerthDevice *first = controller;
      berth_model_inventory_new_first(inventory, &first, &other);
      g_autofree char *name = berth_model_device_cite(other, first->node);
      berth_families_error(error, BERTH_ERROR_BAD_INPUT, inventory, first, "its index is that of %s", name);
      return FALSE;
    }
    g_hash_table_insert(seen, key, (gpointer)controller);
    Bus bus = {(guint64)controller->index, hub_new(ports)};
    g_array_append_val(usb->buses, bus);
    usb->n_ports += ports;
  }
  g_array_sort(usb->buses, by_index);
  if (companion == NULL || usb->buses->len > 0)
    return TRUE;
  berth_families_error(error, BERTH_ERROR_BAD_INPUT, inventory, companion, "a companion needs a master, and there is none");
  return FALSE;
}

/* The hub or controller that the last level of @address is a port of. NULL, and @why set: there is none. */
static Hub *parent_of(const Usb *usb, const BerthAddress *address, char **why) {
  guint64 index = address->value[BERTH_USB_BUS], path = address->value[BERTH_USB_PORT];
  const Bus *bus = find_bus(usb, index);
  if (bus == NULL) {
    *why = g_strdup_printf("there is no USB controller %" G_GUINT64_FORMAT, index);
    return NULL;
  }
  Hub *hub = bus->root;
  guint depth = depth_of(path);
  for (guint level = 0; level < depth; level++) {
    guint port = level_of(path, level);
    g_autofree char *at = path_to_string(path, level + 1);
    if (port > hub->n_ports) {
      *why = g_strdup_printf("USB bus %" G_GUINT64_FORMAT " has no port %s", index, at);
      return NULL;
    }
    if (level + 1 == depth)
      return hub;
    if (hub->below[port - 1] == NULL) {
      *why = g_strdup_printf("there is no hub at port %s of USB bus %" G_GUINT64_FORMAT, at, index);
      return NULL;
    }
    hub = hub->below[port - 1];
  }
  *why = g_strdup("it names no port");
  return NULL;
}

/* Nothing can be plugged into a hub on the last level. */
static void attach_hub(Usb *usb, const BerthDevice *device) {
  g_autofree char *why = NULL;
  guint64 path = device->address.value[BERTH_USB_PORT];
  guint depth = depth_of(path);
  Hub *parent = parent_of(usb, &device->address, &why);
  if (parent != NULL && depth < MAX_LEVELS)
    parent->below[level_of(path, depth - 1) - 1] = hub_new(HUB_PORTS);
}

static gboolean keep(Usb *usb, BerthDevice *device, GError **error) {
  g_autofree char *why = NULL;
  if (parent_of(usb, &device->address, &why) != NULL)
    return berth_families_places_claim(usb->places, device, error);
  if (berth_families_let_go(usb->assignment, device, why))
    return TRUE;
  berth_families_error(error, BERTH_ERROR_BAD_INPUT, usb->assignment->inventory, device, "%s", why);
  return FALSE;
}

static gboolean find_vacant(const Usb *usb, guint64 bus, Hub *hub, guint64 path, guint depth, BerthAddress *place) {
  if (hub->full)
    return FALSE;
  for (guint port = 1; port <= hub->n_ports; port++) {
    *place = usb_at(bus, path | (guint64)port << level_shift(depth));
    if (berth_families_places_vacant(usb->places, place))
      return TRUE;
  }
  for (guint port = 1; port <= hub->n_ports; port++)
    if (hub->below[port - 1] != NULL &&
        find_vacant(usb, bus, hub->below[port - 1], path | (guint64)port << level_shift(depth), depth + 1, place))
      return TRUE;
  hub->full = TRUE;
  return FALSE;
}

typedef struct {
  const Usb *usb;
  const Bus *only; /* NULL: any bus */
} Wanted;

static gboolean exists(const BerthAddress *place, gpointer data) {
  const Wanted *wanted = data;
  g_autofree char *why = NULL;
  if (wanted->only != NULL && place->value[BERTH_USB_BUS] != wanted->only->index)
    return FALSE;
  return parent_of(wanted->usb, place, &why) != NULL;
}

static gboolean find_place(const Usb *usb, const Bus *only, BerthAddress *place) {
  if (only != NULL)
    return find_vacant(usb, only->index, only->root, 0, 0, place);
  for (guint i = 0; i < usb->buses->len; i++) {
    const Bus *bus = &g_array_index(usb->buses, Bus, i);
    if (find_vacant(usb, bus->index, bus->root, 0, 0, place))
      return TRUE;
  }
  return FALSE;
}

static gboolean place(Usb *usb, BerthDevice *device, GError **error) {
  const BerthInventory *inventory = usb->assignment->inventory;
  gboolean chosen = device->address.type == BERTH_ADDRESS_USB && (device->address.given & 1u << BERTH_USB_BUS) != 0;
  const Bus *only = chosen ? find_bus(usb, device->address.value[BERTH_USB_BUS]) : NULL;
  if (chosen && only == NULL) {
    berth_families_error(error, BERTH_ERROR_BAD_INPUT, inventory, device, "there is no USB controller %" G_GUINT64_FORMAT,
                         device->address.value[BERTH_USB_BUS]);
    return FALSE;
  }
  BerthAddress address;
  Wanted wanted = {usb, only};
  if (!find_place(usb, only, &address) && !berth_families_places_kept(usb->places, exists, &wanted, &address)) {
    berth_families_error(error, BERTH_ERROR_NO_ROOM, inventory, device, "no USB port is free%s",
                         usb->assignment->running ? MORE_PORTS : "");
    return FALSE;
  }
  return berth_families_places_put(usb->places, device, &address, BERTH_RULE_FIRST, error);
}

static BerthDevice *add_hub(Usb *usb) {
  BerthAssignment *assignment = usb->assignment;
  BerthDevice *hub = berth_model_device_new(&assignment->elements[BERTH_HUB], NULL);
  berth_model_device_set(hub, "@type", "usb");
  hub->index = usb->hubs->len;
  hub->origin = BERTH_ORIGIN_GROWN;
  hub->kind = assignment->classify(hub);
  g_ptr_array_add(assignment->inventory->devices, hub);
  g_ptr_array_add(usb->hubs, hub);
  return hub;
}

/* One more controller like the first; an EHCI alone has no place for slow devices, so xHCI goes beside it. Returns its ports. */
static guint add_controller(Usb *usb) {
  BerthAssignment *assignment = usb->assignment;
  guint64 unused = 0;
  while (berth_model_inventory_controller(assignment->inventory, "usb", (gint64)unused) != NULL)
    unused++;
  const Bus *first = &g_array_index(usb->buses, Bus, 0);
  guint row = model_row(berth_families_bus_controller(assignment->inventory, "usb", first->index));
  const char *model = models[row].fast_only ? "qemu-xhci" : models[row].model;
  if (*model == '\0' && assignment->inventory->family != NULL)
    model = assignment->inventory->family->written_usb;
  BerthDevice *controller = berth_model_device_new(&assignment->elements[BERTH_CONTROLLER], NULL);
  g_autofree char *number = g_strdup_printf("%" G_GUINT64_FORMAT, unused);
  berth_model_device_set(controller, "@type", "usb");
  berth_model_device_set(controller, "@index", number);
  if (model != NULL && *model != '\0')
    berth_model_device_set(controller, "@model", model);
  controller->index = (gint64)unused;
  controller->origin = BERTH_ORIGIN_GROWN;
  controller->kind = assignment->classify(controller);
  g_ptr_array_add(assignment->inventory->devices, controller);
  Bus bus = {unused, hub_new(berth_families_usb_ports(controller))};
  g_array_append_val(usb->buses, bus);
  g_array_sort(usb->buses, by_index);
  g_ptr_array_add(assignment->notes, g_strdup_printf("USB controller %s was added: no port was left for a hub", number));
  return bus.root->n_ports;
}

static guint count_vacant(const Usb *usb, guint64 bus, const Hub *hub, guint64 path, guint depth) {
  guint n = 0;
  for (guint port = 1; hub != NULL && port <= hub->n_ports; port++) {
    guint64 below = path | (guint64)port << level_shift(depth);
    BerthAddress address = usb_at(bus, below);
    n += berth_families_places_vacant(usb->places, &address) ? 1 : count_vacant(usb, bus, hub->below[port - 1], below, depth + 1);
  }
  return n;
}

/* A running guest has the hubs and controllers that it has: its last port is used, and what is kept is given away. */
static gboolean grows_by_place(const Usb *usb) {
  return usb->assignment->record != NULL && !usb->assignment->running;
}

/* As libvirt: hubs when there are more devices than ports (addressing §5.3, step 1). */
static void grow_by_count(Usb *usb) {
  guint n_devices = usb->hubs->len + usb->devices->len;
  guint missing = n_devices > usb->n_ports ? (n_devices - usb->n_ports + 1 + 6) / 7 : 0;
  for (guint i = 0; i < missing; i++)
    add_hub(usb);
}

/*
 * With a record devices stay on the ports that they have, so that counting is not enough: hubs while one can be plugged in, and so
 * early that one more can follow, else a controller. Ports that are kept do not count: a hub more is better than a device that
 * finds its port taken when it comes back.
 */
static gboolean grow_by_place(Usb *usb, GError **error) {
  guint needed = 0, vacant = 0;
  for (guint i = 0; i < usb->devices->len; i++)
    needed += has_port(usb->devices->pdata[i]) ? 0 : 1;
  for (guint i = 0; needed > 0 && i < usb->buses->len; i++) {
    const Bus *bus = &g_array_index(usb->buses, Bus, i);
    vacant += count_vacant(usb, bus->index, bus->root, 0, 0);
  }
  while (needed > 0 && needed >= vacant) {
    BerthAddress address;
    if (find_place(usb, NULL, &address) && depth_of(address.value[BERTH_USB_PORT]) < MAX_LEVELS) {
      BerthDevice *hub = add_hub(usb);
      if (!berth_families_places_put(usb->places, hub, &address, BERTH_RULE_FIRST, error))
        return FALSE;
      attach_hub(usb, hub);
      vacant += HUB_PORTS - 1;
    } else if (needed > vacant) {
      vacant += add_controller(usb);
    } else {
      break;
    }
  }
  return TRUE;
}

/* Hubs without place, in list order: they are served before the devices. */
static gboolean place_hubs(Usb *usb, GError **error) {
  for (guint i = 0; i < usb->hubs->len; i++) {
    BerthDevice *hub = usb->hubs->pdata[i];
    BerthAddress address;
    if (has_port(hub))
      continue;
    if (grows_by_place(usb) && !find_place(usb, NULL, &address))
      add_controller(usb);
    if (!place(usb, hub, error))
      return FALSE;
    attach_hub(usb, hub);
  }
  return TRUE;
}

static gboolean check_controllers(const Usb *usb, const GPtrArray *devices, GError **error) {
  for (guint i = 0; i < devices->len; i++) {
    const BerthDevice *device = devices->pdata[i];
    if (usb->buses->len > 0)
      continue;
    berth_families_error(error, BERTH_ERROR_BAD_INPUT, usb->assignment->inventory, device,
                         "it needs a USB controller, and there is none");
    return FALSE;
  }
  return TRUE;
}

static gboolean keep_hubs_at(Usb *usb, guint level, GError **error) {
  for (guint i = 0; i < usb->hubs->len; i++) {
    BerthDevice *hub = usb->hubs->pdata[i];
    if (!has_port(hub) || depth_of(hub->address.value[BERTH_USB_PORT]) != level)
      continue;
    if (!keep(usb, hub, error))
      return FALSE;
    attach_hub(usb, hub);
  }
  return TRUE;
}

/* Addressed hubs level by level: a hub may stand in the list before the one that it is plugged into, as one that comes back from a
 * record does. (libvirt wants list order, and so refuses some of its own documents.) */
static gboolean keep_hubs(Usb *usb, GError **error) {
  usb->n_ports += usb->hubs->len * HUB_PORTS;
  for (guint level = 1; level <= MAX_LEVELS; level++)
    if (!keep_hubs_at(usb, level, error))
      return FALSE;
  return TRUE;
}

gboolean berth_families_usb_assign(BerthAssignment *assignment, GError **error) {
  g_auto(Usb) usb = {0};
  usb_init(&usb, assignment);
  if (!build_buses(&usb, error) || !check_controllers(&usb, usb.hubs, error) || !check_controllers(&usb, usb.devices, error))
    return FALSE;
  if (usb.hubs->len + usb.devices->len == 0)
    return TRUE;
  if (!keep_hubs(&usb, error))
    return FALSE;
  for (guint i = 0; i < usb.devices->len; i++)
    if (has_port(usb.devices->pdata[i]) && !keep(&usb, usb.devices->pdata[i], error))
      return FALSE;
  if (assignment->record == NULL)
    grow_by_count(&usb);
  if (!place_hubs(&usb, error) || (grows_by_place(&usb) && !grow_by_place(&usb, error)))
    return FALSE;
  for (guint i = 0; i < usb.devices->len; i++)
    if (wants_port(usb.devices->pdata[i]) && !place(&usb, usb.devices->pdata[i], error))
      return FALSE;
  return TRUE;
}

void berth_families_usb_properties(const BerthInventory *inventory, const BerthDevice *device, json_object *props) {
  if (device->address.type != BERTH_ADDRESS_USB)
    return;
  guint64 path = device->address.value[BERTH_USB_PORT];
  g_autofree char *bus = berth_families_bus_name(inventory, "usb", device->address.value[BERTH_USB_BUS], 0);
  berth_json_set_string(props, "bus", bus);
  if (path == 0)
    return;
  g_autofree char *port = path_to_string(path, depth_of(path));
  berth_json_set_string(props, "port", port);
}

/* "1.2.3": one to four numbers from 1 to 255. */
static gboolean parse_path(const char *text, guint64 *path) {
  g_auto(GStrv) levels = g_strsplit(text, ".", -1);
  guint n = g_strv_length(levels);
  *path = 0;
  for (guint level = 0; level < n && level < MAX_LEVELS; level++) {
    guint64 port;
    if (!g_ascii_string_to_unsigned(levels[level], 10, 1, 255, &port, NULL))
      return FALSE;
    *path |= port << level_shift(level);
  }
  return n >= 1 && n <= MAX_LEVELS;
}

/* QEMU 7.2 answers "port" with the text that -device gave, which it refuses when there is no such port or it is taken; "" where it
 * chose the port itself. A device behind a hub has the controller's bus as parent, too ("usb.0", "1.3"). */
gboolean berth_families_usb_locate(const BerthInventory *inventory, const BerthDevice *device, const BerthReadBack *answer,
                                   BerthAddress *address) {
  guint64 guess = device->address.type == BERTH_ADDRESS_USB ? device->address.value[BERTH_USB_BUS] : 0;
  const char *port = berth_json_member_string(answer->values, "port");
  guint64 bus, number, path;
  if (port == NULL || !parse_path(port, &path) ||
      !berth_families_bus_parse(inventory, "usb", answer->parent_bus, guess, &bus, &number) || number != 0)
    return FALSE;
  *address = usb_at(bus, path);
  return TRUE;
}
