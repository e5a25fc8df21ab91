/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "facts/machine.h"

#define X86                                                                                                                        \
  { "x86_64", "i686" }

static const BerthMachineFamily machine_families[] = {
    {.name = "q35",
     .arches = X86,
     .exact = {"q35"},
     .prefixes = {"pc-q35-"},
     .pci_root = "pcie-root",
     .default_usb = {"qemu-xhci", "nec-xhci", "ich9-ehci1"},
     .written_usb = "piix3-uhci",
     .implicit_sata = TRUE,
     .implicit_balloon = TRUE,
     .ps2 = TRUE,
     .itco = TRUE},
    {.name = "i440fx",
     .arches = X86,
     .exact = {"pc"},
     .prefixes = {"pc-0.", "pc-1.", "pc-i440fx-", "rhel"},
     .pci_root = "pci-root",
     .default_usb = {"piix3-uhci"},
     .written_usb = "piix3-uhci",
     .builtin_ide = TRUE,
     .builtin_fdc = TRUE,
     .implicit_balloon = TRUE,
     .ps2 = TRUE},
    {.name = "isapc", .arches = X86, .exact = {"isapc"}, .written_usb = "piix3-uhci", .builtin_fdc = TRUE, .ps2 = TRUE},
    {.name = "microvm", .arches = X86, .exact = {"microvm"}, .written_usb = "piix3-uhci"},
    {.name = "none"},
};

static gboolean is_one_of(const char *const *list, gsize n, const char *name) {
  for (gsize i = 0; i < n && list[i] != NULL; i++) {
    if (g_str_equal(list[i], name))
      return TRUE;
  }
  return FALSE;
}

static gboolean starts_with_one_of(const char *const *list, gsize n, const char *name) {
  for (gsize i = 0; i < n && list[i] != NULL; i++) {
    if (g_str_has_prefix(name, list[i]))
      return TRUE;
  }
  return FALSE;
}

const BerthMachineFamily *berth_facts_machine_family(const char *arch, const char *machine) {
  const BerthMachineFamily *row = machine_families;
  for (; row->arches[0] != NULL; row++) {
    if (arch == NULL || machine == NULL || !is_one_of(row->arches, G_N_ELEMENTS(row->arches), arch))
      continue;
    if (is_one_of(row->exact, G_N_ELEMENTS(row->exact), machine) ||
        starts_with_one_of(row->prefixes, G_N_ELEMENTS(row->prefixes), machine))
      return row;
  }
  return row;
}

const char *berth_facts_machine_default(const char *arch) {
  static const struct { const char *arch, *machine; } defaults[] = {{"x86_64", "pc"}, {"i686", "pc"}};
  for (gsize i = 0; i < G_N_ELEMENTS(defaults); i++) {
    if (g_strcmp0(arch, defaults[i].arch) == 0)
      return defaults[i].machine;
  }
  return NULL;
}
