/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "families/pci-chipset.h"

#include <berth/error.h>

#include "facts/machine.h"
#include "families/pci-search.h"

/* Functions of the machine's own chips (QEMU: docs/system/i386/pc, "info pci" of pc and q35). */
static const struct {
  const char *family;
  guint slot, function;
} machine_places[] = {
    {"i440fx", 0x01, 0}, /* ISA bridge */
    {"i440fx", 0x01, 3}, /* power management */
    {"q35", 0x1f, 0},    /* LPC */
    {"q35", 0x1f, 3},    /* SMBus */
};

/* Controllers that the machine has at one place only. */
typedef struct {
  const char *family, *type;
  const char *model; /* NULL: any */
  guint slot, function;
  gboolean by_chipset; /* taken by the chipset step in both passes; otherwise once the table is built with it stored */
} Builtin;
static const Builtin builtins[] = {
    {"i440fx", "ide", NULL, 0x01, 1, TRUE},
    {"i440fx", "usb", "piix3-uhci", 0x01, 2, TRUE},
    {"q35", "sata", NULL, 0x1f, 2, FALSE},
};

/* Places that a device without address gets if the whole slot is free. */
static const struct {
  const char *model;
  guint slots[2];
} q35_controllers[] = {
    {"ich9-uhci1", {0x1d, 0x1a}},
    {"dmi-to-pci-bridge", {0x1e, 0x1e}},
};

static const struct {
  const char *model;
  gint function;
} ich9[] = {{"ich9-ehci1", 7}, {"ich9-uhci1", 0}, {"ich9-uhci2", 1}, {"ich9-uhci3", 2}};

gint berth_families_pci_ich9_function(const BerthDevice *device) {
  if (device->element->id != BERTH_CONTROLLER || !berth_model_device_is(device, "@type", "usb"))
    return -1;
  for (guint i = 0; i < G_N_ELEMENTS(ich9); i++)
    if (berth_model_device_is(device, "@model", ich9[i].model))
      return ich9[i].function;
  return -1;
}

static gboolean family_is(const BerthPci *pci, const char *name) {
  const BerthMachineFamily *family = pci->assignment->inventory->family;
  return family != NULL && g_str_equal(family->name, name);
}

static const Builtin *find_builtin(const BerthPci *pci, const BerthDevice *device) {
  if (device->element->id != BERTH_CONTROLLER || device->index != 0)
    return NULL;
  const char *model = berth_model_device_get(device, "@model");
  for (guint i = 0; i < G_N_ELEMENTS(builtins); i++) {
    const Builtin *builtin = &builtins[i];
    if (!family_is(pci, builtin->family) || !berth_model_device_is(device, "@type", builtin->type))
      continue;
    /* A USB controller that was left without model is what the machine has. */
    if (builtin->model == NULL || model == NULL || g_str_equal(model, builtin->model))
      return builtin;
  }
  return NULL;
}

gboolean berth_families_pci_chipset_owns(const BerthPci *pci, const BerthDevice *device) {
  const Builtin *builtin = find_builtin(pci, device);
  return builtin != NULL && builtin->by_chipset && device->address.value[BERTH_PCI_BUS] == 0 &&
         device->address.value[BERTH_PCI_SLOT] == builtin->slot && device->address.value[BERTH_PCI_FUNCTION] == builtin->function;
}

static gboolean take_builtin(BerthPci *pci, BerthPciClient *client, const Builtin *builtin, GError **error) {
  BerthDevice *device = client->device;
  BerthAddress place = berth_model_address_pci(0, builtin->slot, builtin->function);
  /* Neither an address of another kind is meant for the machine's own, nor one that only another model of that number had. */
  if (device->written.type != BERTH_ADDRESS_PCI || device->address.type != BERTH_ADDRESS_PCI ||
      berth_families_pci_wanting(&device->address)) {
    device->address = place;
    device->rule = BERTH_RULE_FIXED;
  } else if (!berth_model_address_equal(&device->address, &place)) {
    g_autofree char *right = berth_model_address_to_string(&place);
    g_autofree char *what = g_strdup_printf("is part of the machine and must be at %s", right);
    berth_families_pci_fail(pci, device, BERTH_ERROR_BAD_INPUT, what, error);
    return FALSE;
  }
  /* What the table was built with is in it already. As in libvirt, what is given its place while planning is not: the
   * table of the final pass is built with it. */
  gboolean there = g_hash_table_lookup(pci->owners, GUINT_TO_POINTER(berth_families_pci_place(&place))) == device;
  gboolean reserved = !builtin->by_chipset && (there || (pci->planning && pci->rung == NULL));
  return reserved || berth_families_pci_reserve(pci, device, client->flags, TRUE, &place, error);
}

/* Gives @client slot @slot of bus 0 if all of it is free. TRUE in @taken: it got it. */
static gboolean take_slot(BerthPci *pci, BerthPciClient *client, guint flags, guint slot, gboolean *taken, GError **error) {
  const BerthPciBus *bus = berth_families_pci_bus(pci, 0);
  *taken = FALSE;
  if (bus == NULL || !berth_families_pci_slot_free(bus, slot))
    return TRUE;
  BerthAddress place = berth_model_address_pci(0, slot, 0);
  if (!berth_families_pci_reserve(pci, client->device, flags, TRUE, &place, error))
    return FALSE;
  client->device->address = place;
  client->device->rule = BERTH_RULE_FIXED;
  *taken = TRUE;
  return TRUE;
}

static gboolean take_q35_controller(BerthPci *pci, BerthPciClient *client, GError **error) {
  if (client->device->address.type != BERTH_ADDRESS_NONE)
    return TRUE;
  for (guint i = 0; i < G_N_ELEMENTS(q35_controllers); i++) {
    if (!berth_model_device_is(client->device, "@model", q35_controllers[i].model))
      continue;
    gboolean taken = FALSE;
    for (guint k = 0; k < G_N_ELEMENTS(q35_controllers[i].slots) && !taken; k++)
      if (!take_slot(pci, client, client->flags, q35_controllers[i].slots[k], &taken, error))
        return FALSE;
    if (taken && berth_families_pci_ich9_function(client->device) == 0)
      berth_model_address_set(&client->device->address, BERTH_PCI_MULTIFUNCTION, 1);
  }
  return TRUE;
}

static gboolean take_controllers(BerthPci *pci, GError **error) {
  for (guint i = 0; i < pci->clients->len; i++) {
    BerthPciClient *client = &g_array_index(pci->clients, BerthPciClient, i);
    if (client->device->element->id != BERTH_CONTROLLER)
      continue;
    const Builtin *builtin = find_builtin(pci, client->device);
    if (builtin != NULL && !take_builtin(pci, client, builtin, error))
      return FALSE;
    if (builtin == NULL && family_is(pci, "q35") && !take_q35_controller(pci, client, error))
      return FALSE;
  }
  return TRUE;
}

static gboolean take_machine_places(BerthPci *pci, GError **error) {
  for (guint i = 0; i < G_N_ELEMENTS(machine_places); i++) {
    BerthAddress place = berth_model_address_pci(0, machine_places[i].slot, machine_places[i].function);
    if (family_is(pci, machine_places[i].family) &&
        !berth_families_pci_reserve(pci, NULL, BERTH_PCI_CONVENTIONAL, TRUE, &place, error))
      return FALSE;
  }
  return TRUE;
}

static BerthPciClient *find_client(const BerthPci *pci, const BerthDevice *device) {
  for (guint i = 0; i < pci->clients->len; i++)
    if (g_array_index(pci->clients, BerthPciClient, i).device == device)
      return &g_array_index(pci->clients, BerthPciClient, i);
  return NULL;
}

static gboolean take_video(BerthPci *pci, GError **error) {
  gboolean i440fx = family_is(pci, "i440fx");
  guint walk = 0;
  BerthDevice *video = berth_model_inventory_walk(pci->assignment->inventory, BERTH_VIDEO, &walk);
  BerthPciClient *client = video != NULL ? find_client(pci, video) : NULL;
  if (client == NULL || client->order == 0 || !berth_families_pci_wanting(&video->address))
    return TRUE;
  guint flags = i440fx ? BERTH_PCI_CONVENTIONAL | BERTH_PCI_AUTO : client->flags;
  gboolean taken = FALSE;
  if (!take_slot(pci, client, flags, i440fx ? 2 : 1, &taken, error))
    return FALSE;
  if (taken)
    return TRUE;
  /* In the planning pass the place is only reserved, and the video step reserves another one: libvirt's over-reservation
   * (addressing §3.5) decides whether a port is added, so it is kept. */
  BerthAddress found = {0};
  if (!berth_families_pci_search(pci, video, flags, -1, &found, error))
    return FALSE;
  if (!pci->planning) {
    video->address = found;
    video->rule = BERTH_RULE_FIRST;
  }
  return TRUE;
}

static gboolean take_sound(BerthPci *pci, GError **error) {
  guint walk = 0;
  BerthDevice *sound;
  while ((sound = berth_model_inventory_walk(pci->assignment->inventory, BERTH_SOUND, &walk)) != NULL) {
    if (!berth_model_device_is(sound, "@model", "ich9") || !berth_families_pci_wanting(&sound->address))
      continue;
    BerthPciClient *client = find_client(pci, sound);
    gboolean taken = FALSE;
    return client == NULL || take_slot(pci, client, client->flags, 0x1b, &taken, error);
  }
  return TRUE;
}

gboolean berth_families_pci_chipset(BerthPci *pci, GError **error) {
  gboolean q35 = family_is(pci, "q35");
  if (!q35 && !family_is(pci, "i440fx"))
    return TRUE;
  return take_controllers(pci, error) && take_machine_places(pci, error) && take_video(pci, error) &&
         (!q35 || take_sound(pci, error));
}
