/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "families/rows.h"

#include "facts/facts.h"
#include "facts/target.h"
#include "families/bus.h"
#include "families/places.h"

#include <string.h>

/* Where a target number leads, and what a written address must keep to (addressing §4.3, §4.4). */
typedef struct {
  const char *name;     /* target/@bus */
  guint buses, units;   /* of one controller, as far as automatic placement goes */
  guint controllers;    /* how many there can be; 0: any number */
  gboolean bus_zero;    /* "bus" must be 0 */
  gboolean target_zero; /* "target" must be 0 */
} DriveBus;

enum { IDE, SATA, SCSI, FDC, NVME, N_BUSES };
static const DriveBus drive_buses[N_BUSES] = {
    [IDE] = {"ide", 2, 2, 1, FALSE, TRUE}, [SATA] = {"sata", 1, 6, 0, TRUE, TRUE},     [SCSI] = {"scsi", 1, 7, 0, TRUE, FALSE},
    [FDC] = {"fdc", 1, 2, 1, TRUE, TRUE},  [NVME] = {"nvme", 1, 256, 0, FALSE, FALSE},
};

/* What tells the place on each of them. SCSI controllers of x86 have no channel but 0: QEMU refuses a disk that is given another.
 */
static const char *const read_back_of[N_BUSES][4] = {
    [IDE] = {"unit"}, [SATA] = {"unit"}, [SCSI] = {"scsi-id", "lun"}, [FDC] = {"unit"}, [NVME] = {"nsid"},
};

/* SCSI controller models: "narrow" ones address a disk by its unit alone (addressing §9.2); units above the last and the
 * controller's own are taken as used (§4.4). "only_first": QEMU has but unit 0 of each target, whatever libvirt takes as usable. */
static const struct {
  const char *model;
  gboolean narrow;
  guint last;
  gint own; /* -1: none */
  gboolean only_first;
} scsi_models[] = {
    {"lsilogic", TRUE, G_MAXUINT, 7},
    {"ncr53c90", TRUE, 6, -1},
    {"dc390", TRUE, 6, -1},
    {"am53c974", TRUE, 6, -1},
    {"ibmvscsi", FALSE, 31, 7},
    {"lsisas1068", FALSE, 1, -1},
    {"lsisas1078", FALSE, 255, -1},
    {"vmpvscsi", FALSE, G_MAXUINT, 7, .only_first = TRUE},
    {"buslogic", FALSE, G_MAXUINT, 7},
    {"virtio-scsi", FALSE, 16383, -1},
    {"virtio-transitional", FALSE, 16383, -1},
    {"virtio-non-transitional", FALSE, 16383, -1},
};

const char *const berth_families_drive_read_back[] = {"unit", "scsi-id", "lun", "nsid", NULL};

typedef struct {
  BerthAssignment *assignment;
  BerthPlaces *places[N_BUSES];
  GHashTable *scsi;                 /* index of a SCSI controller -> index of its model in scsi_models, + 1 */
  guint implied;                    /* row + 1 of the model that a controller gets which is not there yet */
  GHashTable *limits;               /* the same, of those whose model is written or recorded: what they allow counts */
  guint next_controller, next_unit; /* where the search for a host device's place goes on */
} Drives;

static BerthAddress drive(guint64 controller, guint64 bus, guint64 target, guint64 unit) {
  return (BerthAddress){.type = BERTH_ADDRESS_DRIVE, .given = 0xf, .value = {controller, bus, target, unit}};
}

static gboolean is_scsi_hostdev(const BerthDevice *device) {
  return device->element->id == BERTH_HOSTDEV && berth_model_device_is(device, "@type", "scsi");
}

/* Index into drive_buses, -1: not a drive. */
static int bus_of(const BerthDevice *device) {
  if (is_scsi_hostdev(device))
    return SCSI;
  if (device->element->id != BERTH_DISK)
    return -1;
  for (int i = 0; i < N_BUSES; i++)
    if (berth_model_device_is(device, "target/@bus", drive_buses[i].name))
      return i;
  return -1;
}

const char *const *berth_families_drive_read_back_of(const BerthDevice *device) {
  int bus = bus_of(device);
  return bus >= 0 ? read_back_of[bus] : berth_families_drive_read_back;
}

/* From 10.0 on, QEMU has a namespace on the bus of its controller's subsystem, which every controller has there. */
const char *berth_families_drive_bus_link(const BerthInventory *inventory, const BerthDevice *device, char **owner) {
  if (bus_of(device) != NVME)
    return NULL;
  *owner = berth_families_bus_owner(inventory, "nvme", device->address.value[BERTH_DRIVE_CONTROLLER]);
  return "subsys";
}

static gboolean is_mine(const BerthRecordEntry *entry, gconstpointer name) {
  return g_strcmp0(entry->kind, name) == 0;
}

static guint model_row(const char *model) {
  for (guint i = 0; i < G_N_ELEMENTS(scsi_models); i++)
    if (g_strcmp0(scsi_models[i].model, model) == 0)
      return i + 1;
  return 0;
}

/* A SCSI controller without model becomes an lsilogic where QEMU has that (addressing §4.7). */
static guint controller_row(const BerthDevice *controller, const BerthFacts *facts) {
  const char *model = controller != NULL ? berth_model_device_get(controller, "@model") : NULL;
  if (model == NULL || strcmp(model, "auto") == 0)
    model = berth_facts_has_device(facts, "lsi53c895a") ? "lsilogic" : "virtio-scsi";
  return model_row(model);
}

static gboolean unit_usable(guint row, guint64 unit) {
  return row == 0 || (unit <= scsi_models[row - 1].last && (gint64)unit != scsi_models[row - 1].own);
}

static gboolean has_written_model(const BerthDevice *controller) {
  if (controller->node == NULL)
    return controller->origin == BERTH_ORIGIN_RECORD;
  const char *model = berth_xml_node_get(controller->node, "@model");
  return model != NULL && strcmp(model, "auto") != 0;
}

static void drives_init(Drives *drives, BerthAssignment *assignment) {
  *drives = (Drives){.assignment = assignment};
  for (guint i = 0; i < N_BUSES; i++)
    drives->places[i] = berth_families_places_new(assignment, BERTH_ADDRESS_DRIVE, 0xf, is_mine, drive_buses[i].name);
  drives->scsi = g_hash_table_new(g_direct_hash, g_direct_equal);
  drives->limits = g_hash_table_new(g_direct_hash, g_direct_equal);
  BerthDevice *controller;
  for (guint i = 0; (controller = berth_model_inventory_walk(assignment->inventory, BERTH_CONTROLLER, &i)) != NULL;) {
    if (controller->index < 0 || !berth_model_device_is(controller, "@type", "scsi"))
      continue;
    gpointer index = GSIZE_TO_POINTER((gsize)controller->index);
    guint row = controller_row(controller, assignment->facts);
    g_hash_table_insert(drives->scsi, index, GUINT_TO_POINTER(row));
    if (drives->implied == 0)
      drives->implied = row;
    if (has_written_model(controller))
      g_hash_table_insert(drives->limits, index, GUINT_TO_POINTER(row));
  }
  if (drives->implied == 0)
    drives->implied = controller_row(NULL, assignment->facts);
}

static void drives_clear(Drives *drives) {
  for (guint i = 0; i < N_BUSES; i++)
    berth_families_places_free(drives->places[i]);
  g_hash_table_unref(drives->scsi);
  g_hash_table_unref(drives->limits);
}
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(Drives, drives_clear)

/* A controller that is not there yet, or has no model yet when libvirt comes to the host devices, allows any unit (addressing §4.5:
 * "if that controller exists"). */
static gboolean drives_unit_usable(const Drives *drives, int bus, guint64 controller, guint64 unit) {
  return bus != SCSI ||
         unit_usable(GPOINTER_TO_UINT(g_hash_table_lookup(drives->limits, GSIZE_TO_POINTER((gsize)controller))), unit);
}

static gboolean read_target(const BerthInventory *inventory, const BerthDevice *disk, BerthTarget *target, GError **error) {
  const char *name = berth_model_device_get(disk, "target/@dev");
  if (name == NULL) {
    berth_families_error(error, BERTH_ERROR_BAD_INPUT, inventory, disk, "it has no <target dev='...'>");
    return FALSE;
  }
  gboolean floppy = berth_model_device_is(disk, "@device", "floppy");
  if (!berth_facts_target_parse(name, target) || (strcmp(target->prefix, "fd") == 0) != floppy) {
    berth_families_error(error, BERTH_ERROR_BAD_INPUT, inventory, disk, "'%s' is no target name of a %s; %s and letters would be",
                         name, floppy ? "floppy" : "disk", floppy ? "fd" : "hd, sd, vd or xvd");
    return FALSE;
  }
  if (target->partition) {
    berth_families_error(error, BERTH_ERROR_BAD_INPUT, inventory, disk,
                         "'%s' names a partition; the target of a disk has no digits at its end", name);
    return FALSE;
  }
  return TRUE;
}

static gboolean check_address(const Drives *drives, const BerthDevice *device, int bus, GError **error) {
  const DriveBus *rules = &drive_buses[bus];
  const guint64 *value = device->address.value;
  const BerthInventory *inventory = drives->assignment->inventory;
  if (device->address.type != BERTH_ADDRESS_DRIVE) {
    berth_families_error(error, BERTH_ERROR_BAD_INPUT, inventory, device, "on bus '%s' its address must be of type 'drive'",
                         rules->name);
    return FALSE;
  }
  if (rules->controllers > 0 && value[BERTH_DRIVE_CONTROLLER] >= rules->controllers) {
    berth_families_error(error, BERTH_ERROR_BAD_INPUT, inventory, device,
                         "there is only controller 0 of type '%s', not %" G_GUINT64_FORMAT, rules->name,
                         value[BERTH_DRIVE_CONTROLLER]);
    return FALSE;
  }
  if (rules->bus_zero && value[BERTH_DRIVE_BUS] != 0) {
    berth_families_error(error, BERTH_ERROR_BAD_INPUT, inventory, device, "a controller of type '%s' has only bus 0", rules->name);
    return FALSE;
  }
  gboolean lsi = FALSE;
  if (bus == SCSI && value[BERTH_DRIVE_TARGET] != 0) {
    gsize index = (gsize)value[BERTH_DRIVE_CONTROLLER];
    gpointer row;
    if (!g_hash_table_lookup_extended(drives->scsi, GSIZE_TO_POINTER(index), NULL, &row))
      row = GUINT_TO_POINTER(drives->implied);
    lsi = GPOINTER_TO_UINT(row) == model_row("lsilogic");
  }
  if ((rules->target_zero || lsi) && value[BERTH_DRIVE_TARGET] != 0) {
    berth_families_error(error, BERTH_ERROR_BAD_INPUT, inventory, device, "target must be 0 on a controller of %s",
                         lsi ? "model 'lsilogic'" : rules->name);
    return FALSE;
  }
  return TRUE;
}

/* The place that the target name means (addressing §4.3); nvme names carry the controller. */
static BerthAddress place_of_target(int bus, const BerthTarget *target) {
  const DriveBus *rules = &drive_buses[bus];
  guint n = target->name_space > 0 ? target->name_space - 1 : target->number;
  if (bus == NVME)
    return drive(target->name_space > 0 ? target->number : 0, 0, 0, n);
  guint each = rules->buses * rules->units;
  return drive(n / each, n % each / rules->units, 0, n % rules->units);
}

static gboolean vacant(const Drives *drives, int bus, const BerthAddress *place) {
  return drives_unit_usable(drives, bus, place->value[BERTH_DRIVE_CONTROLLER], place->value[BERTH_DRIVE_UNIT]) &&
         berth_families_places_vacant(drives->places[bus], place);
}

typedef struct {
  const Drives *drives;
  int bus;
} Wanted;

static gboolean give_away(const BerthAddress *place, gpointer data) {
  const Wanted *wanted = data;
  const DriveBus *rules = &drive_buses[wanted->bus];
  return (rules->controllers == 0 || place->value[BERTH_DRIVE_CONTROLLER] < rules->controllers) &&
         place->value[BERTH_DRIVE_BUS] < rules->buses && place->value[BERTH_DRIVE_TARGET] == 0 &&
         place->value[BERTH_DRIVE_UNIT] < rules->units;
}

/*
 * With a record only: the place of the target name belongs to somebody else. The next one on the same controller, else on the next
 * controller: one controller more costs less than a place that another device comes back to. Where there cannot be another
 * controller, the oldest reservation goes.
 */
static void step_aside(const Drives *drives, int bus, BerthAddress *place) {
  const DriveBus *rules = &drive_buses[bus];
  guint each = rules->buses * rules->units;
  guint64 first = place->value[BERTH_DRIVE_CONTROLLER];
  guint64 start = place->value[BERTH_DRIVE_BUS] * rules->units + place->value[BERTH_DRIVE_UNIT];
  guint64 last = rules->controllers > 0
                     ? rules->controllers - 1
                     : first + drives->assignment->inventory->devices->len + drives->assignment->record->entries->len;
  for (guint64 controller = first; controller <= last; controller++) {
    for (guint i = 0; i < each; i++) {
      guint64 n = controller == first ? (start + i) % each : i;
      BerthAddress candidate = drive(controller, n / rules->units, 0, n % rules->units);
      if (!vacant(drives, bus, &candidate))
        continue;
      *place = candidate;
      return;
    }
  }
  Wanted wanted = {drives, bus};
  BerthAddress oldest;
  if (berth_families_places_kept(drives->places[bus], give_away, &wanted, &oldest))
    *place = oldest;
}

static gboolean place_disk(Drives *drives, BerthDevice *disk, int bus, GError **error) {
  BerthTarget target;
  if (!read_target(drives->assignment->inventory, disk, &target, error))
    return FALSE;
  BerthAddress place = place_of_target(bus, &target);
  BerthRule rule = BERTH_RULE_TARGET;
  gboolean exists = drive_buses[bus].controllers == 0 || place.value[BERTH_DRIVE_CONTROLLER] < drive_buses[bus].controllers;
  if (drives->assignment->record != NULL && exists && !berth_families_places_vacant(drives->places[bus], &place)) {
    BerthAddress wanted = place;
    step_aside(drives, bus, &place);
    if (!berth_model_address_equal(&wanted, &place))
      rule = BERTH_RULE_FIRST;
  }
  disk->address = place;
  return check_address(drives, disk, bus, error) && berth_families_places_put(drives->places[bus], disk, &place, rule, error);
}

/* addressing §4.5. Places only fill up, so that the search never has to go back. */
static gboolean place_hostdev(Drives *drives, BerthDevice *hostdev, GError **error) {
  for (;; drives->next_controller++, drives->next_unit = 0) {
    for (; drives->next_unit < drive_buses[SCSI].units; drives->next_unit++) {
      BerthAddress place = drive(drives->next_controller, 0, 0, drives->next_unit);
      if (vacant(drives, SCSI, &place))
        return berth_families_places_put(drives->places[SCSI], hostdev, &place, BERTH_RULE_FIRST, error);
    }
  }
}

/* Checks every target name, and takes the places that are there already. */
static gboolean keep(Drives *drives, GError **error) {
  BerthInventory *inventory = drives->assignment->inventory;
  for (guint i = 0; i < inventory->devices->len; i++) {
    BerthDevice *device = inventory->devices->pdata[i];
    BerthTarget target;
    if (device->element->id == BERTH_DISK && !read_target(inventory, device, &target, error))
      return FALSE;
    int bus = bus_of(device);
    if (bus < 0 || device->address.type == BERTH_ADDRESS_NONE)
      continue;
    if (!check_address(drives, device, bus, error) || !berth_families_places_claim(drives->places[bus], device, error))
      return FALSE;
  }
  return TRUE;
}

gboolean berth_families_drive_assign(BerthAssignment *assignment, GError **error) {
  g_auto(Drives) drives = {0};
  drives_init(&drives, assignment);
  if (!keep(&drives, error))
    return FALSE;
  BerthDevice *device;
  for (guint i = 0; (device = berth_model_inventory_walk(assignment->inventory, BERTH_DISK, &i)) != NULL;) {
    int bus = bus_of(device);
    if (bus >= 0 && device->address.type == BERTH_ADDRESS_NONE && !place_disk(&drives, device, bus, error))
      return FALSE;
  }
  for (guint i = 0; (device = berth_model_inventory_walk(assignment->inventory, BERTH_HOSTDEV, &i)) != NULL;)
    if (is_scsi_hostdev(device) && device->address.type == BERTH_ADDRESS_NONE && !place_hostdev(&drives, device, error))
      return FALSE;
  return TRUE;
}

gboolean berth_families_drive_fits(const BerthInventory *inventory, const BerthDevice *device, const BerthAddress *address) {
  int bus = bus_of(device);
  if (bus < 0)
    return FALSE;
  const DriveBus *rules = &drive_buses[bus];
  guint64 controller = address->value[BERTH_DRIVE_CONTROLLER], unit = address->value[BERTH_DRIVE_UNIT];
  if ((rules->controllers > 0 && controller >= rules->controllers) || address->value[BERTH_DRIVE_BUS] >= rules->buses ||
      address->value[BERTH_DRIVE_TARGET] != 0 || unit >= rules->units)
    return FALSE;
  BerthDevice *owner = bus == SCSI ? berth_model_inventory_controller(inventory, "scsi", (gint64)controller) : NULL;
  guint row = owner != NULL ? controller_row(owner, NULL) : 0;
  return unit_usable(row, unit) && (row == 0 || unit == 0 || !scsi_models[row - 1].only_first);
}

static gboolean is_narrow(const BerthInventory *inventory, guint64 controller) {
  guint row = controller_row(berth_model_inventory_controller(inventory, "scsi", (gint64)controller), NULL);
  return row > 0 && scsi_models[row - 1].narrow;
}

/* JSON takes the place of each family's numbers: -device with JSON wants integers where help says uint32. */
void berth_families_drive_properties(const BerthInventory *inventory, const BerthDevice *device, json_object *props) {
  int bus = bus_of(device);
  if (bus < 0 || device->address.type != BERTH_ADDRESS_DRIVE)
    return;
  const guint64 *value = device->address.value;
  guint64 controller = value[BERTH_DRIVE_CONTROLLER];
  gint64 unit = (gint64)value[BERTH_DRIVE_UNIT];
  /* The floppy finds the machine's only floppy bus by itself, whatever that is called. */
  if (bus == FDC) {
    berth_json_set_int(props, "unit", unit);
    return;
  }
  if (bus == NVME) {
    g_autofree char *owner = berth_families_bus_owner(inventory, "nvme", controller);
    berth_json_set_string(props, "bus", owner);
    berth_json_set_int(props, "nsid", unit + 1);
    return;
  }
  gboolean narrow = bus == SCSI && is_narrow(inventory, controller);
  guint64 number = bus == SATA ? (guint64)unit : bus == SCSI && !narrow ? 0 : value[BERTH_DRIVE_BUS];
  g_autofree char *name = berth_families_bus_name(inventory, drive_buses[bus].name, controller, number);
  berth_json_set_string(props, "bus", name);
  if (bus == IDE)
    berth_json_set_int(props, "unit", unit);
  if (bus != SCSI)
    return;
  if (!narrow)
    berth_json_set_int(props, "channel", (gint64)value[BERTH_DRIVE_BUS]);
  berth_json_set_int(props, "scsi-id", narrow ? unit : (gint64)value[BERTH_DRIVE_TARGET]);
  if (!narrow)
    berth_json_set_int(props, "lun", unit);
}

static gboolean locate_scsi(const BerthInventory *inventory, guint64 controller, guint64 number, const BerthReadBack *answer,
                            BerthAddress *address) {
  guint64 id, lun;
  if (!berth_families_answer_number(answer, "scsi-id", &id) || !berth_families_answer_number(answer, "lun", &lun))
    return FALSE;
  /* A narrow controller's disk is all of its target: a LUN other than 0 has no address in the document's words. */
  if (is_narrow(inventory, controller)) {
    if (lun != 0)
      return FALSE;
    *address = drive(controller, number, 0, id);
    return TRUE;
  }
  *address = drive(controller, 0, id, lun);
  return number == 0;
}

/* As QEMU 7.2 answers: ide-hd on the PIIX3 is on "ide.0" or "ide.1" with unit 0 or 1, on AHCI on "ide.0" … "ide.5" (the chipset's)
 * or "sata1.5" with unit 0; scsi-hd on "scsi0.0" with scsi-id, lun for every controller; a floppy on "floppy-bus.0" (pc)
 * or "fdc0.0"; nvme-ns on "nvme0". */
gboolean berth_families_drive_locate(const BerthInventory *inventory, const BerthDevice *device, const BerthReadBack *answer,
                                     BerthAddress *address) {
  int bus = bus_of(device);
  if (bus < 0)
    return FALSE;
  guint64 guess = device->address.type == BERTH_ADDRESS_DRIVE ? device->address.value[BERTH_DRIVE_CONTROLLER] : 0;
  guint64 controller = 0, number = 0, unit = 0;
  if (bus == NVME) {
    g_autofree char *dotted = g_strdup_printf("%s.0", answer->parent_bus != NULL ? answer->parent_bus : "");
    if (!berth_families_answer_number(answer, "nsid", &unit) || unit == 0 ||
        !berth_families_bus_parse(inventory, "nvme", dotted, guess, &controller, &number))
      return FALSE;
    *address = drive(controller, 0, 0, unit - 1);
    return TRUE;
  }
  if (bus != FDC && !berth_families_bus_parse(inventory, drive_buses[bus].name, answer->parent_bus, guess, &controller, &number))
    return FALSE;
  if (bus == SCSI)
    return locate_scsi(inventory, controller, number, answer, address);
  if (!berth_families_answer_number(answer, "unit", &unit) || (bus == SATA && unit != 0))
    return FALSE;
  *address = bus == SATA ? drive(controller, 0, 0, number) : drive(controller, number, 0, unit);
  return TRUE;
}
