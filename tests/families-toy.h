/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A guest made by hand for the tests of the bus families: no XML, no engine, toy tables. */
#pragma once

#include "families/families.h"

#include <string.h>

static inline char *no_variant(const BerthDevice *device) {
  (void)device;
  return g_strdup("");
}

#define ROW(id, name) [id] = {id, name, no_variant, {NULL}}
static const BerthElement elements[BERTH_N_ELEMENTS] = {
    ROW(BERTH_DISK, "disk"),
    ROW(BERTH_INTERFACE, "interface"),
    ROW(BERTH_SOUND, "sound"),
    ROW(BERTH_HOSTDEV, "hostdev"),
    ROW(BERTH_CONTROLLER, "controller"),
    ROW(BERTH_SMARTCARD, "smartcard"),
    ROW(BERTH_SERIAL, "serial"),
    ROW(BERTH_CHANNEL, "channel"),
    ROW(BERTH_CONSOLE, "console"),
    ROW(BERTH_INPUT, "input"),
    ROW(BERTH_HUB, "hub"),
    ROW(BERTH_PANIC, "panic"),
    ROW(BERTH_MEMORY, "memory"),
    ROW(BERTH_REDIRDEV, "redirdev"),
    ROW(BERTH_OTHER, "domain"),
};

static const BerthKind kinds[BERTH_ADDRESS_N_TYPES] = {
    [BERTH_ADDRESS_DRIVE] = {.address = BERTH_ADDRESS_DRIVE},
    [BERTH_ADDRESS_USB] = {.address = BERTH_ADDRESS_USB},
    [BERTH_ADDRESS_PCI] = {.address = BERTH_ADDRESS_PCI},
    [BERTH_ADDRESS_VIRTIO_SERIAL] = {.address = BERTH_ADDRESS_VIRTIO_SERIAL},
    [BERTH_ADDRESS_CCID] = {.address = BERTH_ADDRESS_CCID},
    [BERTH_ADDRESS_ISA] = {.address = BERTH_ADDRESS_ISA},
    [BERTH_ADDRESS_DIMM] = {.address = BERTH_ADDRESS_DIMM},
};

static const BerthKind *classify(const BerthDevice *device) {
  static const BerthAddressType types[BERTH_N_ELEMENTS] = {
      [BERTH_DISK] = BERTH_ADDRESS_DRIVE,
      [BERTH_INTERFACE] = BERTH_ADDRESS_USB,
      [BERTH_SOUND] = BERTH_ADDRESS_USB,
      [BERTH_HOSTDEV] = BERTH_ADDRESS_USB,
      [BERTH_CONTROLLER] = BERTH_ADDRESS_PCI,
      [BERTH_SMARTCARD] = BERTH_ADDRESS_CCID,
      [BERTH_SERIAL] = BERTH_ADDRESS_ISA,
      [BERTH_CHANNEL] = BERTH_ADDRESS_VIRTIO_SERIAL,
      [BERTH_CONSOLE] = BERTH_ADDRESS_VIRTIO_SERIAL,
      [BERTH_INPUT] = BERTH_ADDRESS_USB,
      [BERTH_HUB] = BERTH_ADDRESS_USB,
      [BERTH_PANIC] = BERTH_ADDRESS_ISA,
      [BERTH_MEMORY] = BERTH_ADDRESS_DIMM,
      [BERTH_REDIRDEV] = BERTH_ADDRESS_USB,
  };
  if (berth_model_device_is(device, "target/@bus", "usb") || berth_model_device_is(device, "target/@type", "usb-serial") ||
      berth_model_device_is(device, "@type", "ccid"))
    return &kinds[BERTH_ADDRESS_USB];
  if (berth_model_device_is(device, "@type", "scsi") && device->element->id == BERTH_HOSTDEV)
    return &kinds[BERTH_ADDRESS_DRIVE];
  return &kinds[types[device->element->id]];
}

typedef struct {
  BerthInventory *inventory;
  BerthRecord *record;
  gboolean running;
  GPtrArray *notes;
  GError *error;
} Guest;

static inline void guest_init(Guest *guest) {
  *guest = (Guest){.inventory = berth_model_inventory_new(NULL, &elements[BERTH_OTHER]),
                   .notes = g_ptr_array_new_with_free_func(g_free)};
}

static inline void guest_clear(Guest *guest) {
  berth_model_inventory_free(guest->inventory);
  berth_record_free(guest->record);
  g_ptr_array_unref(guest->notes);
  g_clear_error(&guest->error);
}
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(Guest, guest_clear)

/* Adds a device with pairs of path and value. */
static inline BerthDevice *add(Guest *guest, BerthElementId element, ...) G_GNUC_NULL_TERMINATED;
static inline BerthDevice *add(Guest *guest, BerthElementId element, ...) {
  BerthDevice *device = berth_model_device_new(&elements[element], NULL);
  va_list pairs;
  va_start(pairs, element);
  for (const char *path; (path = va_arg(pairs, const char *)) != NULL;)
    berth_model_device_set(device, path, va_arg(pairs, const char *));
  va_end(pairs);
  device->kind = classify(device);
  device->index = (gint64)berth_model_device_number(device, "@index", 0);
  g_ptr_array_add(guest->inventory->devices, device);
  return device;
}

static inline BerthDevice *disk(Guest *guest, const char *bus, const char *target) {
  return add(guest, BERTH_DISK, "target/@bus", bus, "target/@dev", target, "@device", strcmp(bus, "fdc") == 0 ? "floppy" : "disk",
             NULL);
}

static inline BerthDevice *controller(Guest *guest, const char *type, const char *index, const char *model) {
  return add(guest, BERTH_CONTROLLER, "@type", type, "@index", index, model != NULL ? "@model" : NULL, model, NULL);
}

static inline BerthDevice *at(BerthDevice *device, BerthAddressType type, guint64 a, guint64 b, guint64 c, guint64 d) {
  guint64 values[] = {a, b, c, d};
  const BerthAddressForm *form = berth_model_address_form(type);
  device->address = (BerthAddress){.type = type};
  for (guint i = 0; i < 4 && form->fields[i].name != NULL; i++)
    berth_model_address_set(&device->address, i, values[i]);
  return device;
}

static inline guint64 port(guint a, guint b, guint c, guint d) {
  return (guint64)a << 24 | b << 16 | c << 8 | d;
}

/* Remembers a place of a device that is gone (@gone NULL: that is here). */
static inline void remember(Guest *guest, const char *element, const char *kind, const char *key, const char *gone,
                            const BerthAddress *where) {
  if (guest->record == NULL)
    guest->record = berth_model_record_new();
  BerthRecordEntry *entry = berth_model_record_entry_new(element, kind);
  g_ptr_array_add(entry->keys, g_strdup(key));
  entry->address = *where;
  entry->gone = g_strdup(gone);
  g_ptr_array_add(guest->record->entries, entry);
}

static inline gboolean assign(Guest *guest, BerthAddressType type) {
  BerthAssignment assignment = {.inventory = guest->inventory,
                                .record = guest->record,
                                .elements = elements,
                                .classify = classify,
                                .notes = guest->notes,
                                .running = guest->running};
  g_clear_error(&guest->error);
  gboolean ok = berth_families_find(berth_families, type)->assign(&assignment, &guest->error);
  g_assert_true(ok == (guest->error == NULL));
  return ok;
}

static inline void must(Guest *guest, BerthAddressType type) {
  assign(guest, type);
  g_assert_no_error(guest->error);
}

static inline void refuse(Guest *guest, BerthAddressType type, BerthError code, const char *part) {
  g_assert_false(assign(guest, type));
  g_assert_error(guest->error, BERTH_ERROR, (int)code);
  if (strstr(guest->error->message, part) == NULL)
    g_error("\"%s\" does not say \"%s\"", guest->error->message, part);
}

static inline void is_at(const BerthDevice *device, const char *expected) {
  g_autofree char *place = berth_model_address_to_string(&device->address);
  g_assert_cmpstr(place, ==, expected);
}

static inline BerthDevice *channel(Guest *guest) {
  return add(guest, BERTH_CHANNEL, "target/@type", "virtio", NULL);
}

static inline BerthAddress drive_at(guint64 c, guint64 b, guint64 t, guint64 u) {
  return (BerthAddress){.type = BERTH_ADDRESS_DRIVE, .given = 0xf, .value = {c, b, t, u}};
}
