/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "families/rows.h"

#include "families/bus.h"

/* pvpanic calls its I/O port by another name. */
const char *const berth_families_isa_read_back[] = {"iobase", "ioport", "irq", NULL};

static const char *port_property(const BerthDevice *device) {
  return device->element->id == BERTH_PANIC ? "ioport" : "iobase";
}

void berth_families_isa_properties(const BerthInventory *inventory, const BerthDevice *device, json_object *props) {
  (void)inventory;
  const guint64 *value = device->address.value;
  if (device->address.type != BERTH_ADDRESS_ISA)
    return;
  if (value[BERTH_ISA_IOBASE] > 0)
    berth_json_set_int(props, port_property(device), (gint64)value[BERTH_ISA_IOBASE]);
  if (value[BERTH_ISA_IRQ] > 0)
    berth_json_set_int(props, "irq", (gint64)value[BERTH_ISA_IRQ]);
}

/* Only what the device was told: the rest is QEMU's choice by the port's index, and no part of the address. */
gboolean berth_families_isa_locate(const BerthInventory *inventory, const BerthDevice *device, const BerthReadBack *answer,
                                   BerthAddress *address) {
  (void)inventory;
  BerthAddress found = {.type = BERTH_ADDRESS_ISA};
  if (device->address.type == BERTH_ADDRESS_ISA)
    found = device->address;
  guint64 number;
  if (found.value[BERTH_ISA_IOBASE] > 0) {
    if (!berth_families_answer_number(answer, port_property(device), &number))
      return FALSE;
    berth_model_address_set(&found, BERTH_ISA_IOBASE, number);
  }
  if (found.value[BERTH_ISA_IRQ] > 0) {
    if (!berth_families_answer_number(answer, "irq", &number))
      return FALSE;
    berth_model_address_set(&found, BERTH_ISA_IRQ, number);
  }
  *address = found;
  return TRUE;
}
