/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "guest/survey.h"

guint berth_guest_time_left(gint64 until) {
  return (guint)(MAX(0, until - g_get_monotonic_time()) / 1000);
}

json_object *berth_guest_answer(BerthQmp *qmp, guint64 id, gint64 until, GError **error) {
  g_autoptr(GError) failure = NULL;
  json_object *answer = berth_qmp_receive(qmp, id, berth_guest_time_left(until), &failure);
  if (answer == NULL && (berth_qmp_broken(qmp) != NULL || berth_guest_time_left(until) == 0))
    g_propagate_error(error, g_steal_pointer(&failure));
  return answer;
}

/* --- the root bus ----------------------------------------------------------------------------------------------------- */

/* Expander buses are in the list, too, and may come first. (transfer none) */
static json_object *root_bus(json_object *buses) {
  for (guint i = 0; i < json_object_array_length(buses); i++) {
    json_object *bus = json_object_array_get_idx(buses, i);
    if (berth_json_member_int(bus, "bus", -1) == 0)
      return bus;
  }
  return NULL;
}

static gboolean take_function(BerthSurvey *survey, json_object *device) {
  gint64 slot = berth_json_member_int(device, "slot", -1), function = berth_json_member_int(device, "function", -1);
  if (slot < 0 || slot > 31 || function < 0 || function > 7)
    return FALSE;
  const char *qdev_id = berth_json_member_string(device, "qdev_id");
  if (qdev_id == NULL || *qdev_id == '\0')
    g_hash_table_add(survey->own, GINT_TO_POINTER(slot * 8 + function));
  else
    g_hash_table_insert(survey->on_root, g_strdup(qdev_id), GINT_TO_POINTER(slot * 8 + function));
  return TRUE;
}

/* A machine without PCI refuses the question. */
static gboolean take_root_bus(BerthSurvey *survey, json_object *answer, const char *const *names, GError **error) {
  (void)names;
  if (berth_json_length(answer) == 0)
    return TRUE;
  json_object *devices = berth_json_member_array(root_bus(answer), "devices");
  gboolean sense = devices != NULL;
  for (gsize i = 0; sense && i < json_object_array_length(devices); i++)
    sense = take_function(survey, json_object_array_get_idx(devices, i));
  if (!sense)
    g_set_error_literal(error, BERTH_ERROR, BERTH_ERROR_FAILED, "QEMU answered \"query-pci\" with something else");
  return sense;
}

/* --- the others ------------------------------------------------------------------------------------------------------- */

static gboolean take_tree(BerthSurvey *survey, json_object *answer, const char *const *names, GError **error) {
  (void)error;
  berth_guest_tree_parse(berth_json_string(answer), names, survey->devices);
  return TRUE;
}

/* "slot" and "addr" are called as in QOM (QMP reference: PCDIMMDeviceInfo). */
static gboolean take_memory(BerthSurvey *survey, json_object *answer, const char *const *names, GError **error) {
  (void)names;
  (void)error;
  for (guint i = 0; i < berth_json_length(answer); i++) {
    json_object *data = berth_json_member_object(json_object_array_get_idx(answer, i), "data");
    const char *id = berth_json_member_string(data, "id");
    if (id != NULL && !g_hash_table_contains(survey->devices, id))
      g_hash_table_insert(survey->devices, g_strdup(id), berth_guest_tree_device_new(NULL, json_object_get(data)));
  }
  return TRUE;
}

static const struct {
  const char *command, *argument, *value;
  gboolean (*take)(BerthSurvey *survey, json_object *answer, const char *const *names, GError **error); /* @answer NULL: refused */
} parts[BERTH_SURVEY_N_PARTS] = {
    [BERTH_SURVEY_ROOT_BUS] = {"query-pci", NULL, NULL, take_root_bus},
    [BERTH_SURVEY_TREE] = {"human-monitor-command", "command-line", "info qtree", take_tree},
    [BERTH_SURVEY_MEMORY] = {"query-memory-devices", NULL, NULL, take_memory},
};

void berth_guest_survey_init(BerthSurvey *survey, BerthQmp *qmp, gint64 until) {
  *survey = (BerthSurvey){.qmp = qmp, .until = until};
  survey->own = g_hash_table_new(NULL, NULL);
  survey->on_root = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
  survey->devices = berth_guest_tree_new();
}

void berth_guest_survey_clear(BerthSurvey *survey) {
  g_clear_pointer(&survey->own, g_hash_table_unref);
  g_clear_pointer(&survey->on_root, g_hash_table_unref);
  g_clear_pointer(&survey->devices, g_hash_table_unref);
}

void berth_guest_survey_ask(BerthSurvey *survey, BerthSurveyPart part) {
  g_autoptr(json_object) args = json_object_new_object();
  if (parts[part].argument != NULL)
    berth_json_set_string(args, parts[part].argument, parts[part].value);
  survey->question[part] = berth_qmp_queue(survey->qmp, parts[part].command, parts[part].argument != NULL ? args : NULL);
  survey->asked[part] = TRUE;
}

gboolean berth_guest_survey_take(BerthSurvey *survey, const char *const *names, GError **error) {
  g_autoptr(GError) failure = NULL;
  for (guint i = 0; i < BERTH_SURVEY_N_PARTS; i++) {
    if (!survey->asked[i])
      continue;
    GError **why = failure == NULL ? &failure : NULL;
    g_autoptr(json_object) answer = berth_guest_answer(survey->qmp, survey->question[i], survey->until, why);
    survey->asked[i] = FALSE;
    if (failure == NULL)
      parts[i].take(survey, answer, names, &failure);
  }
  if (failure == NULL)
    return TRUE;
  g_propagate_error(error, g_steal_pointer(&failure));
  return FALSE;
}
