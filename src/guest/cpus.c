/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "guest/cpus.h"

#include <string.h>

#include "guest/control.h"

#define PERIPHERAL "/machine/peripheral/"

void berth_guest_cpu_free(BerthCpu *cpu) {
  if (cpu == NULL)
    return;
  g_free(cpu->driver);
  g_free(cpu->id);
  json_object_put(cpu->props);
  g_free(cpu);
}

static BerthCpu *cpu_of(json_object *object) {
  const char *type = berth_json_member_string(object, "type"), *path = berth_json_member_string(object, "qom-path");
  json_object *props = berth_json_member_object(object, "props");
  if (type == NULL || props == NULL)
    return NULL;
  BerthCpu *cpu = g_new0(BerthCpu, 1);
  cpu->driver = g_strdup(type);
  cpu->props = json_object_get(props);
  cpu->there = path != NULL;
  cpu->id = path != NULL && g_str_has_prefix(path, PERIPHERAL) ? g_strdup(path + strlen(PERIPHERAL)) : NULL;
  return cpu;
}

/* QEMU lists the last place first. */
GPtrArray *berth_guest_cpus(BerthQmp *qmp, GError **error) {
  g_autoptr(json_object) answer = berth_qmp_execute(qmp, "query-hotpluggable-cpus", NULL, BERTH_GUEST_COMMAND_TIMEOUT_MS, error);
  if (answer == NULL)
    return NULL;
  g_autoptr(GPtrArray) cpus = g_ptr_array_new_with_free_func((GDestroyNotify)berth_guest_cpu_free);
  for (gsize i = berth_json_length(answer); i-- > 0;) {
    BerthCpu *cpu = cpu_of(json_object_array_get_idx(answer, i));
    if (cpu != NULL)
      g_ptr_array_add(cpus, cpu);
  }
  if (cpus->len > 0)
    return g_steal_pointer(&cpus);
  g_set_error_literal(error, BERTH_ERROR, BERTH_ERROR_FAILED, "QEMU answered \"query-hotpluggable-cpus\" with something else");
  return NULL;
}

guint berth_guest_cpus_there(const GPtrArray *cpus) {
  guint n = 0;
  for (guint i = 0; i < cpus->len; i++)
    n += ((const BerthCpu *)g_ptr_array_index(cpus, i))->there;
  return n;
}

gboolean berth_guest_plug_cpu(BerthQmp *qmp, const BerthCpu *cpu, const char *id, GError **error) {
  g_autoptr(json_object) arguments = json_object_new_object();
  berth_json_set_string(arguments, "driver", cpu->driver);
  berth_json_set_string(arguments, "id", id);
  json_object_object_foreach(cpu->props, name, value) {
    berth_json_set(arguments, name, json_object_get(value));
  }
  g_autoptr(json_object) answer = berth_qmp_execute(qmp, "device_add", arguments, BERTH_GUEST_COMMAND_TIMEOUT_MS, error);
  return answer != NULL;
}
