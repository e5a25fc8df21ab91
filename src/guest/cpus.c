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
  json_object_unref(cpu->props);
  g_free(cpu);
}

static const char *text_of(JsonObject *object, const char *name) {
  JsonNode *node = json_object_get_member(object, name);
  return node != NULL && JSON_NODE_HOLDS_VALUE(node) ? json_node_get_string(node) : NULL;
}

static BerthCpu *cpu_of(JsonObject *object) {
  const char *type = text_of(object, "type"), *path = text_of(object, "qom-path");
  JsonNode *props = json_object_get_member(object, "props");
  if (type == NULL || props == NULL || !JSON_NODE_HOLDS_OBJECT(props))
    return NULL;
  BerthCpu *cpu = g_new0(BerthCpu, 1);
  cpu->driver = g_strdup(type);
  cpu->props = json_object_ref(json_node_get_object(props));
  cpu->there = path != NULL;
  cpu->id = path != NULL && g_str_has_prefix(path, PERIPHERAL) ? g_strdup(path + strlen(PERIPHERAL)) : NULL;
  return cpu;
}

/* QEMU lists the last place first. */
GPtrArray *berth_guest_cpus(BerthQmp *qmp, GError **error) {
  g_autoptr(JsonNode) answer = berth_qmp_execute(qmp, "query-hotpluggable-cpus", NULL, BERTH_GUEST_COMMAND_TIMEOUT_MS, error);
  if (answer == NULL)
    return NULL;
  g_autoptr(GPtrArray) cpus = g_ptr_array_new_with_free_func((GDestroyNotify)berth_guest_cpu_free);
  JsonArray *places = JSON_NODE_HOLDS_ARRAY(answer) ? json_node_get_array(answer) : NULL;
  for (guint i = places != NULL ? json_array_get_length(places) : 0; i-- > 0;) {
    JsonNode *place = json_array_get_element(places, i);
    BerthCpu *cpu = JSON_NODE_HOLDS_OBJECT(place) ? cpu_of(json_node_get_object(place)) : NULL;
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
  g_autoptr(JsonObject) arguments = json_object_new();
  g_autoptr(GList) names = json_object_get_members(cpu->props);
  json_object_set_string_member(arguments, "driver", cpu->driver);
  json_object_set_string_member(arguments, "id", id);
  for (GList *name = names; name != NULL; name = name->next)
    json_object_set_member(arguments, name->data, json_object_dup_member(cpu->props, name->data));
  g_autoptr(JsonNode) answer = berth_qmp_execute(qmp, "device_add", arguments, BERTH_GUEST_COMMAND_TIMEOUT_MS, error);
  return answer != NULL;
}
