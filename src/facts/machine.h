/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Machine families: one row each (addressing §2). A machine type is added here and nowhere else. */
#pragma once

#include <glib.h>

typedef struct BerthMachineFamily BerthMachineFamily;
struct BerthMachineFamily {
  const char *name;           /* "i440fx" */
  const char *arches[3];      /* guest architectures, NULL-terminated */
  const char *exact[2];       /* machine names that are it */
  const char *prefixes[5];    /* machine name prefixes that are it */
  const char *pci_root;       /* model of PCI controller 0: "pci-root", "pcie-root", NULL: no PCI */
  const char *default_usb[4]; /* models tried in order for the default USB controller; NULL: none is added */
  const char *written_usb;    /* model of a written USB controller without model */
  gboolean builtin_ide, builtin_fdc, implicit_sata, implicit_balloon, ps2, itco;
};

/* Never NULL: the last row of the table is "none" (no implicit devices, no PCI). */
const BerthMachineFamily *berth_facts_machine_family(const char *arch, const char *machine);
/* The preferred machine of @arch when the document names none ("pc" for x86_64); NULL if unknown. */
const char *berth_facts_machine_default(const char *arch);
