/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Devices that come to and go from a stored definition. */
#include "lib/live.h"

#include "assign/remember.h"
#include "document/document.h"
#include "model/identity.h"
#include "xml/splice.h"

/* A controller that somebody takes away does not come back by itself, whoever added it; only while something sits on it. */
static void let_go(BerthRecord *record, const BerthDevice *controller) {
  const char *key = berth_model_device_key(controller, BERTH_KEY_CONTROLLER);
  for (guint i = 0; key != NULL && i < record->entries->len; i++) {
    BerthRecordEntry *entry = g_ptr_array_index(record->entries, i);
    if (entry->gone == NULL && berth_model_record_entry_has_key(entry, key))
      entry->origin = BERTH_ORIGIN_DOCUMENT;
  }
}

/* The definition without the device that @config names, or with another in its place. */
static BerthXmlDocument *without(const BerthLibConfig *config, const BerthStoreGuest *guest, const BerthStoreRevision *newest,
                                 BerthRecord *record, GError **error) {
  g_autoptr(BerthPlan) plan = berth_lib_plan_defined(guest->name, newest->document, newest->record, NULL, error);
  g_autoptr(BerthXmlDocument) changed = plan != NULL && config->changed != NULL ? config->changed(plan, config->data, error) : NULL;
  if (plan == NULL || (config->changed != NULL && changed == NULL))
    return NULL;
  const BerthXmlDocument *add = changed != NULL ? changed : config->add, *remove = changed != NULL ? changed : config->remove;
  const BerthDevice *device =
      remove != NULL ? berth_lib_live_find(plan, remove, error) : berth_lib_live_device(plan, config->alias);
  if (device == NULL || device->node == NULL) {
    if (remove == NULL)
      g_set_error(error, BERTH_ERROR, BERTH_ERROR_NOT_FOUND, "alias '%s': the definition has no such device", config->alias);
    return NULL;
  }
  if (add == NULL)
    let_go(record, device);
  g_autoptr(BerthXmlEdits) edits = berth_xml_edits_new(plan->inventory->document);
  berth_xml_edits_replace(edits, device->node, add != NULL ? berth_lib_update_draft(edits, add->root, device->node) : NULL);
  return berth_xml_edits_document(edits, error);
}

static BerthXmlDocument *edited(const BerthLibConfig *config, const BerthStoreGuest *guest, const BerthStoreRevision *newest,
                                BerthRecord *record, GError **error) {
  g_autofree char *file = berth_lib_defined_file(guest->name);
  if (config->edit != NULL) {
    g_autoptr(GBytes) bytes = config->edit(newest->document, guest->name, config->data, error);
    return bytes != NULL ? berth_xml_document_parse(bytes, file, error) : NULL;
  }
  return config->add != NULL && config->remove == NULL ? berth_lib_live_add(newest->document, file, config->add->root, error)
                                                       : without(config, guest, newest, record, error);
}

/* A place that was chosen while the guest runs is written in what comes: that is not its user's doing. */
static void tell_rule(const BerthLibConfig *config, BerthPlan *plan) {
  for (guint i = 0; config->rule != BERTH_RULE_NONE && i < plan->inventory->devices->len; i++) {
    BerthDevice *device = g_ptr_array_index(plan->inventory->devices, i);
    if (berth_xml_node_is_new(plan->document, device->node) && device->rule == BERTH_RULE_DOCUMENT)
      device->rule = config->rule;
  }
}

static BerthPlan *plan_change(const BerthLibConfig *config, const BerthStoreGuest *guest, const BerthStoreRevision *newest,
                              const char *now, GError **error) {
  g_autoptr(BerthRecord) record = berth_record_parse(newest->record, -1, guest->name, error);
  g_autoptr(BerthXmlDocument) document = record != NULL ? edited(config, guest, newest, record, error) : NULL;
  const BerthStoreRun *run = config->run != NULL ? config->run : &guest->run;
  if (document == NULL || !berth_lib_live_reserve_run(record, run, error))
    return NULL;
  const BerthPlanOptions options = {.record = record, .facts = config->facts, .now = now};
  BerthPlan *plan = berth_lib_plan(document, &options, error);
  if (plan == NULL)
    return NULL;
  plan->document = g_steal_pointer(&document);
  tell_rule(config, plan);
  berth_lib_live_release(berth_assign_record(plan));
  return plan;
}

BerthXmlDocument *berth_lib_config_element(BerthXmlDocument *element, GError **error) {
  g_autoptr(BerthXmlDocument) owned = element;
  const BerthXmlNode *alias = owned != NULL ? berth_xml_node_child(owned->root, "alias") : NULL;
  const char *name = berth_xml_node_get(alias, "@name");
  if (alias == NULL || (name != NULL && g_str_has_prefix(name, "ua-")))
    return g_steal_pointer(&owned);
  g_autoptr(BerthXmlEdits) edits = berth_xml_edits_new(owned);
  berth_xml_edits_replace(edits, alias, NULL);
  return berth_xml_edits_document(edits, error);
}

BerthXmlDocument *berth_lib_config_fragment(GBytes *xml, const char *file, GError **error) {
  return berth_lib_config_element(berth_xml_document_parse(xml, file, error), error);
}

gboolean berth_lib_config_change(BerthStoreWrite *write, gpointer data, GError **error) {
  BerthLibConfig *config = data;
  BerthStore *store = config->berth->store;
  g_autofree char *now = berth_base_env_timestamp(config->berth->env);
  g_autoptr(BerthStoreGuest) guest = berth_store_guest(store, config->uuid, error);
  g_autoptr(BerthStoreRevision) newest = guest != NULL ? berth_store_revision(store, config->uuid, 0, error) : NULL;
  g_autoptr(BerthPlan) plan = newest != NULL ? plan_change(config, guest, newest, now, error) : NULL;
  if (plan == NULL || write == NULL)
    return plan != NULL;
  g_autoptr(BerthStoreRevision) revision = g_new0(BerthStoreRevision, 1);
  revision->document = berth_plan_document(plan);
  revision->record = berth_record_to_json(berth_assign_record(plan));
  revision->machine = g_strdup(plan->inventory->machine);
  revision->command = g_strdup(config->command);
  revision->made = g_strdup(now);
  if (!berth_store_write_revision(write, config->uuid, revision, error))
    return FALSE;
  config->made = revision->number;
  return TRUE;
}

gboolean berth_lib_config_take_back(BerthStoreWrite *write, gpointer data, GError **error) {
  BerthLibConfig *config = data;
  BerthStore *store = config->berth->store;
  g_autoptr(BerthStoreGuest) guest = berth_store_guest(store, config->uuid, error);
  if (guest == NULL || config->made == 0 || guest->revision != config->made)
    return guest != NULL;
  g_autoptr(BerthStoreRevision) before = berth_store_revision(store, config->uuid, config->made - 1, error);
  if (before == NULL)
    return FALSE;
  g_free(before->made);
  before->made = berth_base_env_timestamp(config->berth->env);
  g_free(before->command);
  before->command = g_strdup(config->command);
  if (!berth_store_write_revision(write, config->uuid, before, error))
    return FALSE;
  config->made = 0;
  return TRUE;
}

/* Rows of the devices of @a that @b has not. */
static GPtrArray *more(const BerthPlan *a, const BerthPlan *b) {
  GPtrArray *rows = g_ptr_array_new_with_free_func((GDestroyNotify)berth_row_free);
  for (guint i = 0; i < a->inventory->devices->len; i++) {
    const BerthDevice *device = g_ptr_array_index(a->inventory->devices, i);
    if (device->id != NULL && berth_lib_live_device(b, device->id) == NULL)
      g_ptr_array_add(rows, berth_lib_row_new(a, device));
  }
  return rows;
}

gboolean berth_lib_config_alone(BerthLibConfig *config, gboolean dry, GPtrArray **rows, GError **error) {
  BerthStore *store = config->berth->store;
  g_autoptr(BerthStoreGuest) guest = berth_store_guest(store, config->uuid, error);
  g_autoptr(BerthStoreRevision) newest = guest != NULL ? berth_store_revision(store, config->uuid, 0, error) : NULL;
  g_autoptr(BerthPlan) before =
      newest != NULL ? berth_lib_plan_defined(guest->name, newest->document, newest->record, NULL, error) : NULL;
  if (before == NULL)
    return FALSE;
  g_autoptr(BerthFacts) facts =
      berth_lib_facts(config->berth->env, berth_xml_node_get(before->inventory->document->root, "devices/emulator"), NULL);
  config->facts = facts;
  gboolean comes = config->add != NULL || config->changed != NULL;
  g_autoptr(BerthPlan) plan = plan_change(config, guest, newest, NULL, error);
  if (plan == NULL || (comes && !berth_lib_check_models(plan, facts, error)))
    return FALSE;
  *rows = comes ? more(plan, before) : more(before, plan);
  if (!comes && config->edit == NULL && (*rows)->len == 0) {
    g_set_error(error, BERTH_ERROR, BERTH_ERROR_USAGE,
                "guest '%s': it would come back: other devices need it, or every guest of this machine has one", guest->name);
    return FALSE;
  }
  gboolean done = dry || berth_lib_config_store(config, error);
  config->facts = NULL;
  return done;
}

gboolean berth_lib_config_store(BerthLibConfig *config, GError **error) {
  g_autoptr(BerthStoreWrite) write = berth_store_write_begin(config->berth->store, error);
  return write != NULL && berth_lib_config_change(write, config, error) && berth_store_write_commit(g_steal_pointer(&write), error);
}
