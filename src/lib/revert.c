/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Back to an earlier definition. */
#include "assign/remember.h"
#include "lib/live.h"

/* A guest with its newest definition and the one that it is to have again. */
typedef struct {
  BerthStoreGuest *guest;
  BerthStoreRevision *newest, *old;
  BerthRecord *record; /* the old one, and the places that are kept besides */
  BerthPlan *plan;
  gboolean changes; /* it is not as it is already */
} Revert;

static void revert_clear(Revert *revert) {
  g_clear_pointer(&revert->guest, berth_store_guest_free);
  g_clear_pointer(&revert->newest, berth_store_revision_free);
  g_clear_pointer(&revert->old, berth_store_revision_free);
  g_clear_pointer(&revert->record, berth_record_free);
  g_clear_pointer(&revert->plan, berth_plan_free);
}
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(Revert, revert_clear)

static gboolean find(Revert *revert, Berth *berth, const char *guest, guint number, GError **error) {
  revert->guest = berth_store_guest(berth->store, guest, error);
  revert->newest = revert->guest != NULL ? berth_store_revision(berth->store, revert->guest->uuid, 0, error) : NULL;
  revert->old = revert->newest != NULL ? berth_store_revision(berth->store, revert->guest->uuid, number, error) : NULL;
  if (revert->old == NULL && revert->guest != NULL)
    g_prefix_error(error, "guest '%s': ", revert->guest->name);
  return revert->old != NULL;
}

static gboolean check_places(const Revert *revert, const BerthRecord *newest, GError **error) {
  const BerthRecordEntry *holder = NULL;
  const BerthRecordEntry *displaced = berth_lib_live_displaced(revert->record, newest, &holder);
  if (displaced == NULL)
    return TRUE;
  g_autofree char *has = berth_lib_entry_text(displaced);
  g_autofree char *had = berth_lib_entry_text(holder);
  g_set_error(error, BERTH_ERROR, BERTH_ERROR_CONFLICT,
              "guest '%s': %s is where revision %u has %s, and would lose its place; --allow-move lets it", revert->guest->name,
              has, revert->old->number, had);
  return FALSE;
}

static gboolean make(Revert *revert, Berth *berth, gboolean allow_move, GError **error) {
  const char *name = revert->guest->name;
  revert->record = berth_record_parse(revert->old->record, -1, name, error);
  g_autoptr(BerthRecord) newest = revert->record != NULL ? berth_record_parse(revert->newest->record, -1, name, error) : NULL;
  if (newest == NULL || (!allow_move && !check_places(revert, newest, error)))
    return FALSE;
  g_autofree char *now = berth_base_env_timestamp(berth->env);
  berth_lib_live_inherit(revert->record, newest, now);
  g_autofree char *json = berth_record_to_json(revert->record);
  g_autoptr(BerthXmlDocument) document = berth_xml_document_parse(revert->old->document, name, error);
  if (document == NULL)
    return FALSE;
  g_autoptr(GError) none = NULL;
  g_autoptr(BerthFacts) facts = berth_lib_facts(berth->env, berth_xml_node_get(document->root, "devices/emulator"), &none);
  if (facts == NULL && !g_error_matches(none, BERTH_ERROR, BERTH_ERROR_NOT_FOUND)) {
    g_propagate_error(error, g_steal_pointer(&none));
    return FALSE;
  }
  revert->plan = berth_lib_plan_defined(name, revert->old->document, json, facts, error);
  revert->changes = !g_bytes_equal(revert->old->document, revert->newest->document);
  return revert->plan != NULL;
}

static gboolean put(const Revert *revert, Berth *berth, BerthStoreWrite *write, GError **error) {
  g_autoptr(BerthStoreRevision) revision = g_new0(BerthStoreRevision, 1);
  revision->document = g_bytes_ref(revert->old->document);
  revision->record = berth_record_to_json(revert->record);
  revision->machine = g_strdup(revert->old->machine);
  revision->command = g_strdup_printf("define --revision %u", revert->old->number);
  revision->made = berth_base_env_timestamp(berth->env);
  return berth_store_write_revision(write, revert->guest->uuid, revision, error);
}

gboolean berth_define_revision(Berth *berth, const char *guest, guint number, guint flags, BerthPlan **plan, GError **error) {
  g_auto(Revert) revert = {0};
  gboolean dry = (flags & BERTH_DEFINE_DRY_RUN) != 0;
  if (!find(&revert, berth, guest, number, error))
    return FALSE;
  g_autoptr(BerthStoreWrite) write = !dry ? berth_store_write_begin(berth->store, error) : NULL;
  if (!dry) {
    /* Looked at again: from here on nobody else defines. */
    revert_clear(&revert);
    if (write == NULL || !find(&revert, berth, guest, number, error))
      return FALSE;
  }
  if (!make(&revert, berth, (flags & BERTH_DEFINE_ALLOW_MOVE) != 0, error))
    return FALSE;
  if (!dry && revert.changes && !(put(&revert, berth, write, error) && berth_store_write_commit(g_steal_pointer(&write), error)))
    return FALSE;
  if (plan != NULL)
    *plan = g_steal_pointer(&revert.plan);
  return TRUE;
}
