/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* vCPUs that come and go while QEMU runs. */
#pragma once

#include "qmp/client.h"

/* A place for a vCPU (or several: a core on other architectures). */
typedef struct {
  char *driver;
  json_object *props; /* socket-id … */
  gboolean there;
  char *id; /* of one that was plugged in; NULL: it is not there, or was from the start */
} BerthCpu;
void berth_guest_cpu_free(BerthCpu *cpu);

/* (transfer container full): BerthCpu, in the order in which QEMU fills them. Errors: UNSUPPORTED (the machine has no such places).
 */
GPtrArray *berth_guest_cpus(BerthQmp *qmp, GError **error);
guint berth_guest_cpus_there(const GPtrArray *cpus);
/* Plugs a vCPU into the free place @cpu. */
gboolean berth_guest_plug_cpu(BerthQmp *qmp, const BerthCpu *cpu, const char *id, GError **error);
