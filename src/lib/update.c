/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A whole new definition for a guest, running or not. */
#include <berth/move.h>

#include "lib/update.h"

#include "assign/remember.h"
#include "document/document.h"
#include "kinds/abi.h"
#include "xml/splice.h"

#define NOW "now"
#define LATER "next start"
#define COMMAND "update" /* as history calls it */

typedef struct Update Update;

/* A sort of step. */
typedef struct {
  const char *change;
  /* Whether the running guest allows it; NULL: always. */
  gboolean (*check)(BerthLibLive *live, const char *id, const BerthXmlDocument *element, GError **error);
  /* Carries it out; NULL: only a start can do it. */
  gboolean (*act)(const Update *update, const char *id, BerthXmlDocument *element, guint flags, GError **error);
} Sort;

typedef struct {
  const Sort *sort;
  char *device, *id;
  BerthXmlDocument *element; /* as the new definition has it; NULL: none */
  GError *why;               /* not now */
} Step;

struct Update {
  Berth *berth;
  const char *uuid;
  guint flags, timeout_ms;
  BerthPlan *was, *now; /* what runs (or was defined), what is to be */
  gboolean running;
  GPtrArray *steps;
};

static void step_free(gpointer data) {
  Step *step = data;
  g_free(step->device);
  g_free(step->id);
  berth_xml_document_free(step->element);
  g_clear_error(&step->why);
  g_free(step);
}

static void update_clear(Update *update) {
  g_clear_pointer(&update->was, berth_plan_free);
  g_clear_pointer(&update->now, berth_plan_free);
  g_clear_pointer(&update->steps, g_ptr_array_unref);
}
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(Update, update_clear)

void berth_update_free(BerthUpdate *update) {
  if (update == NULL)
    return;
  g_free(update->device);
  g_free(update->id);
  g_free(update->change);
  g_free(update->when);
  g_free(update->why);
  g_free(update);
}

/* ---- what a step does ---- */

static gboolean detach(const Update *update, const char *id, BerthXmlDocument *element, guint flags, GError **error) {
  (void)element;
  return berth_lib_detach_alias(update->berth, update->uuid, id, COMMAND, flags, update->timeout_ms, NULL, error);
}

static gboolean attach(const Update *update, const char *id, BerthXmlDocument *element, guint flags, GError **error) {
  (void)id;
  return berth_lib_attach(update->berth, update->uuid, element, COMMAND, flags, NULL, error);
}

static gboolean change(const Update *update, const char *id, BerthXmlDocument *element, guint flags, GError **error) {
  (void)id;
  return berth_lib_update_element(update->berth, update->uuid, element, COMMAND, flags, NULL, error);
}

/* @id is the number. */
static gboolean count(const Update *update, const char *id, BerthXmlDocument *element, guint flags, GError **error) {
  guint wanted = (guint)g_ascii_strtoull(id, NULL, 10);
  (void)element;
  return berth_set_vcpus(update->berth, update->uuid, wanted, FALSE, flags, update->timeout_ms, error);
}

static gboolean check_detach(BerthLibLive *live, const char *id, const BerthXmlDocument *element, GError **error) {
  (void)element;
  return berth_lib_detach_check(live, id, error);
}

static gboolean check_attach(BerthLibLive *live, const char *id, const BerthXmlDocument *element, GError **error) {
  (void)id;
  return berth_lib_attach_check(live, element, error);
}

/* consider() has asked for the rest. */
static gboolean check_change(BerthLibLive *live, const char *id, const BerthXmlDocument *element, GError **error) {
  (void)id;
  return berth_lib_live_find(live->plan, element, error) != NULL;
}

static const Sort going = {"detach", check_detach, detach}, coming = {"attach", check_attach, attach},
                  changing = {"update", check_change, change}, counting = {"update", NULL, count}, waiting = {"update", NULL, NULL};

/* ---- which steps there are ---- */

static Step *add(Update *update, const Sort *sort, char *device, const char *id, BerthXmlDocument *element) {
  Step *step = g_new0(Step, 1);
  step->sort = sort;
  step->device = device;
  step->id = g_strdup(id != NULL ? id : "");
  step->element = element;
  g_ptr_array_add(update->steps, step);
  return step;
}

/* The element of @device with its place; @old (may be NULL): the running guest's, whose alias it takes. */
static BerthXmlDocument *element_of(const BerthDevice *device, const BerthDevice *old) {
  g_autoptr(BerthXmlDocument) holder = berth_xml_node_document(device->node, "device", NULL);
  g_autoptr(BerthXmlEdits) edits = berth_xml_edits_new(holder);
  if (old != NULL && old->node != NULL)
    berth_xml_edits_replace(edits, holder->root, berth_lib_update_draft(edits, device->node, old->node));
  return berth_xml_edits_document(edits, NULL);
}

/* A device that stays: is there anything about it to change? */
static void consider(Update *update, const BerthLibLive *live, const BerthDevice *was, const BerthDevice *now) {
  if (was->node == NULL || now->node == NULL || was->id == NULL || berth_lib_update_is_same(now->node, was->node))
    return;
  g_autoptr(BerthXmlDocument) element = element_of(now, was);
  g_autoptr(GError) why = NULL;
  gboolean changes = FALSE;
  if (berth_lib_update_check(live, was->id, element, &changes, &why) && !changes)
    return;
  add(update, &changing, berth_model_device_name(was), was->id, g_steal_pointer(&element))->why = g_steal_pointer(&why);
}

static gboolean is_controller(const BerthDevice *device) {
  return device->element->id == BERTH_CONTROLLER;
}

/* What others may sit on comes first, and goes last. */
static void add_coming(Update *update, GPtrArray *partners, gboolean controllers) {
  const GPtrArray *devices = update->now->inventory->devices;
  for (guint i = 0; i < devices->len; i++) {
    const BerthDevice *device = g_ptr_array_index(devices, i);
    if (device->node == NULL || !berth_lib_row_shown(device) || is_controller(device) != controllers ||
        g_ptr_array_find(partners, device, NULL))
      continue;
    add(update, &coming, berth_model_device_name(device), device->id, element_of(device, NULL));
  }
}

static void add_going(Update *update, const GPtrArray *partners, gboolean controllers) {
  const GPtrArray *devices = update->was->inventory->devices;
  for (guint i = 0; i < devices->len; i++) {
    const BerthDevice *device = g_ptr_array_index(devices, i);
    if (g_ptr_array_index(partners, i) == NULL && berth_lib_row_shown(device) && is_controller(device) == controllers)
      add(update, &going, berth_model_device_name(device), device->id, NULL);
  }
}

static guint vcpus_of(const BerthPlan *plan) {
  const BerthXmlNode *root = plan->inventory->document->root;
  const char *current = berth_xml_node_get(root, "vcpu/@current"), *all = berth_xml_node_get(root, "vcpu");
  const char *text = current != NULL ? current : all != NULL ? all : "1";
  return (guint)g_ascii_strtoull(text, NULL, 10);
}

static void add_domain(Update *update) {
  if (update->running && vcpus_of(update->was) != vcpus_of(update->now)) {
    g_autofree char *number = g_strdup_printf("%u", vcpus_of(update->now));
    add(update, &counting, g_strdup("vcpus"), number, NULL);
  }
  g_autoptr(GPtrArray) differences = berth_plan_diff(update->was, update->now);
  for (guint i = 0; i < differences->len; i++) {
    const BerthDifference *one = g_ptr_array_index(differences, i);
    if (g_str_equal(one->device, "domain") && !g_str_equal(one->aspect, "vcpus at start"))
      add(update, &waiting, g_strdup_printf("domain: %s", one->aspect), NULL, NULL);
  }
}

static void find_steps(Update *update, const BerthLibLive *live) {
  berth_assign_record(update->was);
  berth_assign_record(update->now);
  g_autoptr(GPtrArray) partners = berth_kinds_abi_partners(update->was->inventory, update->now->inventory, TRUE);
  for (guint i = 0; i < partners->len; i++) {
    gpointer *partner = &g_ptr_array_index(partners, i);
    if (*partner != NULL && berth_lib_live_contradict(g_ptr_array_index(update->was->inventory->devices, i), *partner))
      *partner = NULL;
  }
  add_going(update, partners, FALSE);
  add_going(update, partners, TRUE);
  add_coming(update, partners, TRUE);
  add_coming(update, partners, FALSE);
  for (guint i = 0; i < partners->len && live != NULL; i++)
    if (g_ptr_array_index(partners, i) != NULL)
      consider(update, live, g_ptr_array_index(update->was->inventory->devices, i), g_ptr_array_index(partners, i));
  add_domain(update);
}

/* ---- all of it ---- */

static gboolean check_name(const BerthStoreGuest *guest, const BerthDomain *domain, GError **error) {
  if (g_strcmp0(berth_domain_name(domain), guest->name) == 0)
    return TRUE;
  g_set_error(error, BERTH_ERROR, BERTH_ERROR_CONFLICT, "guest '%s': the new definition is of '%.80s'", guest->name,
              berth_domain_name(domain) != NULL ? berth_domain_name(domain) : "");
  return FALSE;
}

/* The new definition as it is, or would be, stored: each of its devices has a node with its place, which is still where its user
 * wrote it. */
static BerthPlan *stored(const BerthPlan *plan, GError **error) {
  g_autoptr(BerthXmlDocument) document = berth_document_rewrite(plan, error);
  const BerthPlanOptions options = {.record = berth_plan_record(plan)};
  BerthPlan *again = document != NULL ? berth_lib_plan(document, &options, error) : NULL;
  if (again != NULL)
    again->document = g_steal_pointer(&document);
  return again;
}

/* Whether each step could be done now. Places that a step before it gives free count as taken. */
static void check_steps(const Update *update, BerthLibLive *live) {
  for (guint i = 0; i < update->steps->len; i++) {
    Step *step = g_ptr_array_index(update->steps, i);
    if (step->sort->check != NULL && step->why == NULL)
      step->sort->check(live, step->id, step->element, &step->why);
  }
}

static gboolean plan_update(Update *update, const BerthPlan *plan, GError **error) {
  g_auto(BerthLibLive) live = {.command = COMMAND};
  update->now = stored(plan, error);
  if (update->now == NULL || (update->running && !berth_lib_live_open(&live, update->berth, update->uuid, error)))
    return FALSE;
  update->was = update->running ? live.plan : berth_plan_of_guest(update->berth, update->uuid, error);
  if (update->was == NULL)
    return FALSE;
  berth_lib_live_keep_chosen(update->was, update->now);
  find_steps(update, update->running ? &live : NULL);
  if (update->running)
    check_steps(update, &live);
  live.plan = NULL; /* update->was has it */
  return TRUE;
}

static gboolean is_for_now(const Update *update, const Step *step) {
  return update->running && step->sort->act != NULL && step->why == NULL;
}

/* What could not be done may be possible once others have been: a controller has come, a place is free. */
static gboolean is_worth_a_try(const Update *update, const Step *step, guint done) {
  return is_for_now(update, step) || (update->running && step->sort->act != NULL && done > 0 &&
                                      !g_error_matches(step->why, BERTH_ERROR, BERTH_ERROR_UNSUPPORTED));
}

/* Returns how many failed that could have been done. */
static guint carry_out(Update *update) {
  guint failed = 0, done = 0;
  for (guint i = 0; i < update->steps->len; i++) {
    Step *step = g_ptr_array_index(update->steps, i);
    gboolean could = is_for_now(update, step);
    if (!is_worth_a_try(update, step, done))
      continue;
    g_clear_error(&step->why);
    gboolean ok = step->sort->act(update, step->id, step->element, update->flags | BERTH_CHANGE_LIVE, &step->why);
    done += ok;
    failed += could && !ok;
  }
  return failed;
}

static GPtrArray *told(const Update *update) {
  GPtrArray *rows = g_ptr_array_new_with_free_func((GDestroyNotify)berth_update_free);
  for (guint i = 0; i < update->steps->len; i++) {
    const Step *step = g_ptr_array_index(update->steps, i);
    BerthUpdate *row = g_new0(BerthUpdate, 1);
    row->device = g_strdup(step->device);
    row->id = g_strdup(step->sort == &counting ? "" : step->id);
    row->change = g_strdup(step->sort->change);
    row->when = g_strdup(is_for_now(update, step) ? NOW : LATER);
    row->why = g_strdup(step->why != NULL                            ? step->why->message
                        : step->sort->act == NULL && update->running ? "cannot change while the guest runs"
                                                                     : "");
    g_ptr_array_add(rows, row);
  }
  return rows;
}

gboolean berth_update(Berth *berth, const char *guest, const BerthDomain *domain, guint flags, guint timeout_ms,
                      GPtrArray **updates, GError **error) {
  g_autoptr(BerthStoreGuest) found = berth_store_guest(berth->store, guest, error);
  g_autoptr(BerthPlan) plan = NULL;
  if (found == NULL || !check_name(found, domain, error) || !berth_define(berth, domain, BERTH_DEFINE_DRY_RUN, NULL, &plan, error))
    return FALSE;
  g_autoptr(BerthProcess) qemu = berth_lib_run_process(&found->run);
  g_auto(Update) update = {.berth = berth, .uuid = found->uuid, .flags = flags & BERTH_CHANGE_FORCE, .timeout_ms = timeout_ms};
  update.steps = g_ptr_array_new_with_free_func(step_free);
  update.running = qemu != NULL;
  if (!plan_update(&update, plan, error))
    return FALSE;
  gboolean dry = (flags & BERTH_CHANGE_DRY_RUN) != 0;
  if (!dry && !berth_define(berth, domain, 0, NULL, NULL, error))
    return FALSE;
  guint failed = dry ? 0 : carry_out(&update);
  if (updates != NULL)
    *updates = told(&update);
  if (failed > 0)
    g_set_error(error, BERTH_ERROR, BERTH_ERROR_FAILED,
                "guest '%s': is defined anew, but %u of its changes failed while it runs; they come with the next start",
                found->name, failed);
  return failed == 0;
}
