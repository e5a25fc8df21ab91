/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "lib/lib.h"

#include "guest/probe.h"

/* An explicit choice of the user beats the document, which may come from another machine. */
static const char *choose(const BerthEnv *env, const char *emulator) {
  return env->qemu != NULL ? NULL : emulator;
}

BerthFacts *berth_lib_facts(const BerthEnv *env, const char *emulator, GError **error) {
  return berth_facts_probe(env, choose(env, emulator), error);
}

char *berth_lib_binary(const BerthEnv *env, const char *emulator, GError **error) {
  return berth_guest_find_binary(env, choose(env, emulator), error);
}

BerthPlan *berth_lib_plan_stored(const char *what, GBytes *document, const char *record, const BerthFacts *facts, GError **error) {
  g_autoptr(BerthRecord) memory = berth_record_parse(record, -1, what, error);
  g_autoptr(BerthXmlDocument) parsed = memory != NULL ? berth_xml_document_parse(document, what, error) : NULL;
  if (parsed == NULL)
    return NULL;
  const BerthPlanOptions options = {.record = memory, .facts = facts};
  g_autoptr(BerthPlan) plan = berth_lib_plan(parsed, &options, error);
  if (plan == NULL)
    return NULL;
  plan->document = g_steal_pointer(&parsed);
  g_autoptr(GBytes) again = berth_plan_document(plan);
  if (g_bytes_equal(again, document))
    return g_steal_pointer(&plan);
  g_set_error(error, BERTH_ERROR, BERTH_ERROR_FAILED, "%s: this berth would change the stored definition; define it again", what);
  return NULL;
}

char *berth_lib_defined_file(const char *guest) {
  return g_strconcat("dumpxml ", guest, NULL);
}

BerthPlan *berth_lib_plan_defined(const char *guest, GBytes *document, const char *record, const BerthFacts *facts,
                                  GError **error) {
  g_autofree char *file = berth_lib_defined_file(guest);
  return berth_lib_plan_stored(file, document, record, facts, error);
}

BerthPlan *berth_plan_of_guest(Berth *berth, const char *guest, GError **error) {
  g_autoptr(BerthStoreGuest) found = berth_store_guest(berth->store, guest, error);
  g_autoptr(BerthStoreRevision) revision = found != NULL ? berth_store_revision(berth->store, found->uuid, 0, error) : NULL;
  if (revision == NULL)
    return NULL;
  return berth_lib_plan_defined(found->name, revision->document, revision->record, NULL, error);
}
