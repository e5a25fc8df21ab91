/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "lib/lib.h"

#include <string.h>

#include "assign/remember.h"
#include "facts/facts.h"
#include "families/families.h"
#include "guest/prepare.h"
#include "kinds/kinds.h"
#include "lib/live.h"
#include "lib/names.h"

/* A definition on its way into the store. */
typedef struct {
  const BerthEnv *env;
  const BerthXmlDocument *document;
  const BerthPlanOptions *options; /* NULL: none */
  const char *name;
  char *uuid;             /* NULL: the domain has none */
  BerthFacts *facts;      /* NULL: there is no QEMU to ask … */
  GError *no_facts;       /* … which is what was wrong */
  BerthStoreGuest *guest; /* NULL: a new one */
  BerthStoreRevision *newest;
  BerthPlan *plan;
  char *now;
} Definition;

static void definition_clear(Definition *definition) {
  g_free(definition->uuid);
  berth_facts_free(definition->facts);
  g_clear_error(&definition->no_facts);
  berth_store_guest_free(definition->guest);
  berth_store_revision_free(definition->newest);
  berth_plan_free(definition->plan);
  g_free(definition->now);
}
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(Definition, definition_clear)

/* Not finding a guest is no error here. */
static gboolean look_for(Berth *berth, const char *guest, BerthStoreGuest **found, GError **error) {
  g_autoptr(GError) failure = NULL;
  *found = berth_store_guest(berth->store, guest, &failure);
  if (*found != NULL || g_error_matches(failure, BERTH_ERROR, BERTH_ERROR_NOT_FOUND))
    return TRUE;
  g_propagate_error(error, g_steal_pointer(&failure));
  return FALSE;
}

/* By uuid, else by name; name and uuid that belong to two guests, or that would rename one, are somebody's slip. */
static gboolean find_guest(Berth *berth, Definition *definition, GError **error) {
  const BerthXmlNode *root = definition->document->root;
  g_autoptr(BerthStoreGuest) by_uuid = NULL;
  g_autoptr(BerthStoreGuest) by_name = NULL;
  if (definition->uuid != NULL && !look_for(berth, definition->uuid, &by_uuid, error))
    return FALSE;
  if (!look_for(berth, definition->name, &by_name, error))
    return FALSE;
  if (by_uuid != NULL && !g_str_equal(by_uuid->name, definition->name)) {
    berth_xml_error(error, BERTH_ERROR_CONFLICT, definition->document, berth_xml_node_child(root, "uuid"),
                    "uuid %s is that of guest '%s'; leave it out, or keep that name", definition->uuid, by_uuid->name);
    return FALSE;
  }
  if (by_name != NULL && definition->uuid != NULL && by_uuid == NULL) {
    berth_xml_error(error, BERTH_ERROR_CONFLICT, definition->document, berth_xml_node_child(root, "name"),
                    "guest '%s' is there already with uuid %s; leave <uuid> out, or choose another name", by_name->name,
                    by_name->uuid);
    return FALSE;
  }
  definition->guest = by_uuid != NULL ? g_steal_pointer(&by_uuid) : g_steal_pointer(&by_name);
  if (definition->guest == NULL)
    return TRUE;
  definition->newest = berth_store_revision(berth->store, definition->guest->uuid, 0, error);
  return definition->newest != NULL;
}

/* QEMU is needed only to tell what an alias stands for; but when it is there, it also says what it does not have. */
static gboolean find_facts(Berth *berth, Definition *definition, GError **error) {
  const char *emulator = berth_xml_node_get(definition->document->root, "devices/emulator");
  definition->facts = berth_lib_facts(berth->env, emulator, &definition->no_facts);
  if (definition->facts != NULL || g_error_matches(definition->no_facts, BERTH_ERROR, BERTH_ERROR_NOT_FOUND))
    return TRUE;
  g_propagate_error(error, g_steal_pointer(&definition->no_facts));
  return FALSE;
}

/* Machine types have names of parts joined by '-', the last a version; aliases have not. */
static gboolean check_machine(Definition *definition, GError **error) {
  const char *machine = definition->plan->inventory->machine;
  if (definition->facts != NULL || strchr(machine, '-') != NULL)
    return TRUE;
  g_propagate_prefixed_error(error, g_steal_pointer(&definition->no_facts),
                             "machine '%s': there is no QEMU to tell which version it stands for: ", machine);
  return FALSE;
}

gboolean berth_lib_check_models(const BerthPlan *plan, const BerthFacts *facts, GError **error) {
  const GPtrArray *devices = plan->inventory->devices;
  for (guint i = 0; facts != NULL && i < devices->len; i++) {
    const BerthDevice *device = g_ptr_array_index(devices, i);
    if (device->kind == NULL || !g_str_equal(device->kind->variant, "*"))
      continue;
    g_autofree char *model = device->element->variant(device);
    if (berth_facts_has_device(facts, model))
      continue;
    g_autofree char *name = berth_model_device_name(device);
    berth_xml_error(error, BERTH_ERROR_UNSUPPORTED, plan->inventory->document, device->node,
                    "%s: unknown model '%s': this QEMU has none", name, model);
    return FALSE;
  }
  return TRUE;
}

/* Would start take it? A guest may be defined that cannot be started (yet, or with this QEMU), but not without a word. */
static gboolean check_start(Definition *definition, gboolean validate, GError **error) {
  const BerthPlan *plan = definition->plan;
  if (definition->facts == NULL && validate)
    g_propagate_error(error, g_error_copy(definition->no_facts));
  if (definition->facts == NULL)
    return !validate;
  g_autoptr(GError) refusal = NULL;
  g_autofree char *run_dir = berth_lib_run_dir(definition->env, definition->uuid);
  g_autoptr(BerthHostFacts) host = berth_lib_host_facts(definition->env, run_dir, definition->document);
  g_autoptr(BerthQemu) qemu = berth_kinds_build(plan->inventory, definition->facts, berth_families, host, &refusal);
  if (qemu != NULL && berth_guest_check_needs(qemu, &refusal))
    return TRUE;
  if (validate) {
    g_propagate_error(error, g_steal_pointer(&refusal));
    return FALSE;
  }
  g_ptr_array_insert(plan->notes, (gint)plan->notes->len - 1, g_strdup_printf("start will refuse it: %s", refusal->message));
  return TRUE;
}

static gboolean make_plan(Definition *definition, guint flags, GError **error) {
  g_autoptr(BerthRecord) record = NULL;
  if (definition->newest != NULL) {
    record = berth_record_parse(definition->newest->record, -1, definition->name, error);
    /* What only the running guest has keeps its place until it ends. */
    if (record == NULL || !berth_lib_live_reserve_run(record, &definition->guest->run, error))
      return FALSE;
  }
  g_autofree char *fresh = g_uuid_string_random();
  const BerthPlanOptions options = {
      .record = record,
      .facts = definition->facts,
      .uuid = definition->guest != NULL  ? definition->guest->uuid
              : definition->uuid != NULL ? definition->uuid
                                         : fresh,
      .now = definition->now,
      .allow_move = (flags & BERTH_DEFINE_ALLOW_MOVE) != 0,
      .virtio = definition->options != NULL ? definition->options->virtio : BERTH_VIRTIO_UNASKED,
      .os = definition->options != NULL ? definition->options->os : NULL,
      .pcie_ports = definition->options != NULL ? definition->options->pcie_ports : 0,
  };
  definition->plan = berth_lib_plan(definition->document, &options, error);
  if (definition->plan == NULL)
    return FALSE;
  berth_lib_live_release(berth_assign_record(definition->plan));
  if (definition->uuid == NULL)
    definition->uuid = g_strdup(options.uuid);
  return check_machine(definition, error) && berth_lib_check_models(definition->plan, definition->facts, error) &&
         check_start(definition, (flags & BERTH_DEFINE_VALIDATE) != 0, error);
}

static gboolean put(BerthStoreWrite *write, Definition *definition, GError **error) {
  g_autoptr(BerthStoreRevision) revision = g_new0(BerthStoreRevision, 1);
  revision->document = berth_plan_document(definition->plan);
  revision->record = berth_record_to_json(berth_assign_record(definition->plan));
  revision->machine = g_strdup(definition->plan->inventory->machine);
  revision->command = g_strdup("define");
  revision->made = g_strdup(definition->now);
  /* The document has every place and every name; a record may know its devices by more keys now, which is no news. */
  if (definition->newest != NULL && g_bytes_equal(definition->newest->document, revision->document))
    return TRUE;
  if (definition->guest == NULL && !berth_store_write_guest(write, definition->uuid, definition->name, error))
    return FALSE;
  return berth_store_write_revision(write, definition->uuid, revision, error);
}

static gboolean define(Berth *berth, Definition *definition, guint flags, GError **error) {
  g_autoptr(BerthStoreWrite) write = NULL;
  gboolean dry = (flags & BERTH_DEFINE_DRY_RUN) != 0;
  /* From here on nobody else defines: what the plan was made from is still so when it is stored. */
  if (!dry && (write = berth_store_write_begin(berth->store, error)) == NULL)
    return FALSE;
  if (!find_guest(berth, definition, error) || !make_plan(definition, flags, error))
    return FALSE;
  return dry || (put(write, definition, error) && berth_store_write_commit(g_steal_pointer(&write), error));
}

static void forget_attempt(Definition *definition) {
  berth_store_guest_free(definition->guest);
  definition->guest = NULL;
  berth_store_revision_free(definition->newest);
  definition->newest = NULL;
  berth_plan_free(definition->plan);
  definition->plan = NULL;
}

gboolean berth_define(Berth *berth, const BerthDomain *domain, guint flags, const BerthPlanOptions *options, BerthPlan **plan,
                      GError **error) {
  g_auto(Definition) definition = {
      .env = berth->env, .document = domain->document, .options = options, .now = berth_base_env_timestamp(berth->env)};
  definition.name = berth_lib_name_of(domain->document, error);
  if (definition.name == NULL || !berth_lib_uuid_of(domain->document, &definition.uuid, error) ||
      !find_facts(berth, &definition, error))
    return FALSE;
  /* First without writing: a domain that cannot be planned must not even make a store. */
  if (!define(berth, &definition, flags | BERTH_DEFINE_DRY_RUN, error))
    return FALSE;
  if ((flags & BERTH_DEFINE_DRY_RUN) == 0) {
    forget_attempt(&definition);
    if (!define(berth, &definition, flags, error))
      return FALSE;
  }
  if (plan != NULL)
    *plan = g_steal_pointer(&definition.plan);
  return TRUE;
}
