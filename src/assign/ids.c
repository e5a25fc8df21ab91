/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* QEMU ids, as libvirt's aliases (addressing §9.3). */
#include "assign/stages.h"

#include <string.h>

#include "facts/machine.h"
#include "facts/target.h"

/* Ids that are a word and the position among those of the same word. */
static const char *word_of(const BerthDevice *device) {
  static const char *const words[BERTH_N_ELEMENTS] = {
      [BERTH_INTERFACE] = "net",       [BERTH_SOUND] = "sound",       [BERTH_HOSTDEV] = "hostdev",   [BERTH_VIDEO] = "video",
      [BERTH_SMARTCARD] = "smartcard", [BERTH_SERIAL] = "serial",     [BERTH_PARALLEL] = "parallel", [BERTH_CHANNEL] = "channel",
      [BERTH_CONSOLE] = "console",     [BERTH_INPUT] = "input",       [BERTH_FILESYSTEM] = "fs",     [BERTH_WATCHDOG] = "watchdog",
      [BERTH_MEMBALLOON] = "balloon",  [BERTH_RNG] = "rng",           [BERTH_NVRAM] = "nvram",       [BERTH_HUB] = "hub",
      [BERTH_SHMEM] = "shmem",         [BERTH_TPM] = "tpm",           [BERTH_PANIC] = "panic",       [BERTH_MEMORY] = "dimm",
      [BERTH_REDIRDEV] = "redir",      [BERTH_VSOCK] = "vsock",       [BERTH_IOMMU] = "iommu",       [BERTH_CRYPTO] = "crypto",
      [BERTH_PSTORE] = "pstore",       [BERTH_GRAPHICS] = "graphics", [BERTH_AUDIO] = "audio"};
  if (device->element->id == BERTH_INTERFACE && berth_model_device_is(device, "@type", "hostdev"))
    return words[BERTH_HOSTDEV];
  return words[device->element->id];
}

/* These address a disk by one number on the bus; all others by target and unit. */
static gboolean is_narrow_scsi(const BerthDevice *controller) {
  static const char *const models[] = {"lsilogic", "ncr53c90", "dc390", "am53c974"};
  for (gsize i = 0; controller != NULL && i < G_N_ELEMENTS(models); i++) {
    if (berth_model_device_is(controller, "@model", models[i]))
      return TRUE;
  }
  return FALSE;
}

static char *disk_id(const BerthInventory *inventory, const BerthDevice *disk) {
  const char *bus = berth_model_device_get(disk, "target/@bus");
  const guint64 *at = disk->address.value;
  if (disk->address.type != BERTH_ADDRESS_DRIVE) {
    BerthTarget target = {0};
    berth_facts_target_parse(berth_model_device_get(disk, "target/@dev"), &target);
    return g_strdup_printf("%s-disk%u", bus, target.number);
  }
  if (g_strcmp0(bus, "scsi") == 0 &&
      !is_narrow_scsi(berth_model_inventory_controller(inventory, bus, (gint64)at[BERTH_DRIVE_CONTROLLER])))
    return g_strdup_printf("%s%" G_GUINT64_FORMAT "-%" G_GUINT64_FORMAT "-%" G_GUINT64_FORMAT "-%" G_GUINT64_FORMAT, bus,
                           at[BERTH_DRIVE_CONTROLLER], at[BERTH_DRIVE_BUS], at[BERTH_DRIVE_TARGET], at[BERTH_DRIVE_UNIT]);
  return g_strdup_printf("%s%" G_GUINT64_FORMAT "-%" G_GUINT64_FORMAT "-%" G_GUINT64_FORMAT, bus, at[BERTH_DRIVE_CONTROLLER],
                         at[BERTH_DRIVE_BUS], at[BERTH_DRIVE_UNIT]);
}

/* Companions carry no bus of their own, but must be found again: "usb-uhci1". */
static char *usb_id(const BerthDevice *controller) {
  const char *model = berth_model_device_get(controller, "@model");
  const char *part = model != NULL && g_str_has_prefix(model, "ich9-uhci") ? model + sizeof "ich9" - 1 : "";
  return controller->index == 0 ? g_strdup_printf("usb%s", part)
                                : g_strdup_printf("usb%" G_GINT64_FORMAT "%s", controller->index, part);
}

static char *controller_id(const BerthInventory *inventory, const BerthDevice *controller) {
  const char *type = berth_model_device_get(controller, "@type");
  if (g_strcmp0(type, "pci") == 0)
    return berth_model_device_is(controller, "@model", "pcie-root") ? g_strdup("pcie.0")
                                                                    : g_strdup_printf("pci.%" G_GINT64_FORMAT, controller->index);
  if (g_strcmp0(type, "usb") == 0)
    return usb_id(controller);
  gboolean machines_own = (g_strcmp0(type, "ide") == 0 && inventory->family->builtin_ide) ||
                          (g_strcmp0(type, "sata") == 0 && inventory->family->implicit_sata);
  if (machines_own && controller->index == 0)
    return g_strdup("ide");
  return g_strdup_printf("%s%" G_GINT64_FORMAT, type, controller->index);
}

/* The root buses have the names that the machine gave them, whatever alias is written (addressing §9.3). */
static const char *alias_of(const BerthDevice *device, gboolean running) {
  const char *alias = berth_model_device_get(device, "alias/@name");
  if (alias == NULL || (!running && !g_str_has_prefix(alias, "ua-")))
    return NULL;
  gboolean root = device->element->id == BERTH_CONTROLLER && berth_model_device_is(device, "@type", "pci") && device->index == 0;
  return root ? NULL : alias;
}

/* A running guest's ids go on behind the highest that is in use. */
static void count_used(const BerthInventory *inventory, GHashTable *counts) {
  for (guint i = 0; i < inventory->devices->len; i++) {
    const BerthDevice *device = inventory->devices->pdata[i];
    const char *alias = alias_of(device, TRUE), *word = word_of(device);
    guint64 number = 0;
    if (alias == NULL || word == NULL || !g_str_has_prefix(alias, word) ||
        !g_ascii_string_to_unsigned(alias + strlen(word), 10, 0, G_MAXINT32 - 1, &number, NULL))
      continue;
    if (number >= GPOINTER_TO_UINT(g_hash_table_lookup(counts, word)))
      g_hash_table_insert(counts, (gpointer)word, GUINT_TO_POINTER((guint)number + 1));
  }
}

void berth_assign_ids(BerthAssignment *assignment) {
  const BerthInventory *inventory = assignment->inventory;
  g_autoptr(GHashTable) counts = g_hash_table_new(g_str_hash, g_str_equal);
  if (assignment->running)
    count_used(inventory, counts);
  for (guint i = 0; i < inventory->devices->len; i++) {
    BerthDevice *device = inventory->devices->pdata[i];
    const char *alias = alias_of(device, assignment->running), *word = word_of(device);
    guint position = word != NULL ? GPOINTER_TO_UINT(g_hash_table_lookup(counts, word)) : 0;
    if (word != NULL && (alias == NULL || !assignment->running))
      g_hash_table_insert(counts, (gpointer)word, GUINT_TO_POINTER(position + 1));
    g_clear_pointer(&device->id, g_free);
    if (alias != NULL)
      device->id = g_strdup(alias);
    else if (device->element->id == BERTH_DISK)
      device->id = disk_id(inventory, device);
    else if (device->element->id == BERTH_CONTROLLER)
      device->id = controller_id(inventory, device);
    else if (word != NULL)
      device->id = g_strdup_printf("%s%u", word, position);
  }
}
