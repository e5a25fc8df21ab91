/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "life.h"

#include "holds.h"
#include "model/plan.h"

#include <stdlib.h>
#include <string.h>

#define FILE_NAME "life.xml"

/* One of the two documents, planned. */
typedef struct {
  char *xml;
  GPtrArray *lines; /* TestDevice by line - 1 */
  BerthDomain *domain;
  BerthPlan *plan; /* NULL: it failed */
  GError *error;
} Stage;

static void stage_clear(Stage *stage) {
  berth_plan_free(stage->plan);
  berth_domain_free(stage->domain);
  g_clear_pointer(&stage->lines, g_ptr_array_unref);
  g_free(stage->xml);
  g_clear_error(&stage->error);
  memset(stage, 0, sizeof *stage);
}
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(Stage, stage_clear)

static void stage_plan(Stage *stage, const TestLife *life, gboolean second, const BerthRecord *record) {
  stage->lines = g_ptr_array_new();
  stage->xml = test_life_document(life, second, stage->lines);
  g_autoptr(GBytes) bytes = g_bytes_new(stage->xml, strlen(stage->xml));
  stage->domain = berth_domain_parse(bytes, FILE_NAME, &stage->error);
  const BerthPlanOptions options = {.record = record, .now = second ? "2026-02-02T00:00:00Z" : "2026-01-01T00:00:00Z"};
  if (stage->domain != NULL)
    stage->plan = berth_plan_new(stage->domain, &options, &stage->error);
}

static TestDevice *device_of_line(const Stage *stage, guint64 line) {
  return line > 0 && line <= stage->lines->len ? stage->lines->pdata[line - 1] : NULL;
}

/* The device that the error is about. */
static TestDevice *culprit(const Stage *stage) {
  const char *message = stage->error->message;
  if (!g_str_has_prefix(message, FILE_NAME ":"))
    return NULL;
  return device_of_line(stage, g_ascii_strtoull(message + strlen(FILE_NAME ":"), NULL, 10));
}

/* Plans without a record, and leaves out what is wrong by itself. FALSE: the document cannot be planned. */
static gboolean settle(Stage *stage, TestLife *life, gboolean second) {
  for (guint i = 0; i <= life->devices->len; i++) {
    stage_plan(stage, life, second, NULL);
    if (stage->plan != NULL)
      return TRUE;
    TestDevice *device = culprit(stage);
    if (device == NULL)
      return FALSE;
    if (second)
      device->after = FALSE;
    else
      device->before = device->after = FALSE;
    stage_clear(stage);
  }
  return FALSE;
}

static char *check_one(const BerthPlan *plan) {
  char *broken = test_holds_unique(plan);
  broken = broken != NULL ? broken : test_holds_written(plan);
  return broken != NULL ? broken : test_holds_settled(plan, FALSE);
}

static const BerthDevice *planned_device(const Stage *stage, const TestDevice *wanted) {
  for (guint i = 0; i < stage->plan->inventory->devices->len; i++) {
    const BerthDevice *device = stage->plan->inventory->devices->pdata[i];
    if (device->node != NULL && device_of_line(stage, device->node->line) == wanted)
      return device;
  }
  return NULL;
}

/* Whether a note has all of @words (ends with NULL). */
static gboolean tells(const BerthPlan *plan, const char *const *words) {
  for (const char *const *note = berth_plan_notes(plan); *note != NULL; note++) {
    guint found = 0;
    while (words[found] != NULL && strstr(*note, words[found]) != NULL)
      found++;
    if (words[found] == NULL)
      return TRUE;
  }
  return FALSE;
}

/* What cannot hold is told: which numbers shift, and what the guest no longer sees since nobody is at function 0 of its slot. */
static gboolean tells_of_new_bus(const BerthPlan *plan, const BerthDevice *device) {
  g_autofree char *name = berth_model_device_name(device);
  const char *const shift[] = {"bus numbers shift", NULL}, *const hidden[] = {"will not see", name, NULL};
  return tells(plan, device->guest_bus >= 0 ? shift : hidden);
}

static char *compare(const Stage *first, const Stage *second, const BerthDevice *was, const BerthDevice *is) {
  if (was->address.type == BERTH_ADDRESS_NONE || was->address.given == 0)
    return NULL;
  /* An address of a family that is not its kind's holds only while it is written. */
  if (is->kind != NULL && is->kind->address != was->address.type)
    return NULL;
  gboolean stays = was->address.type == is->address.type && berth_model_address_equal(&was->address, &is->address);
  if (stays && (was->guest_bus == is->guest_bus || tells_of_new_bus(second->plan, is)))
    return NULL;
  g_autofree char *name = berth_model_device_name(is), *from = berth_model_address_to_string(&was->address);
  g_autofree char *to = berth_model_address_to_string(&is->address), *json = berth_record_to_json(berth_plan_record(first->plan));
  g_autofree char *notes = g_strjoinv("\n", (char **)berth_plan_notes(second->plan));
  return g_strdup_printf("%s stays, but goes from %s (guest bus %d) to %s (guest bus %d)\n%s\n--- record\n%s", name, from,
                         was->guest_bus, to, is->guest_bus, notes, json);
}

static char *check_staying(const TestLife *life, const Stage *first, const Stage *second) {
  char *broken = NULL;
  for (guint i = 0; broken == NULL && i < life->devices->len; i++) {
    const TestDevice *device = life->devices->pdata[i];
    if (!device->before || !device->after || !test_device_is_known(device))
      continue;
    const BerthDevice *was = planned_device(first, device), *is = planned_device(second, device);
    if (was != NULL && is != NULL)
      broken = compare(first, second, was, is);
  }
  return broken;
}

static char *with_documents(char *broken, const Stage *first, const Stage *second) {
  if (broken == NULL)
    return NULL;
  char *all = second != NULL ? g_strdup_printf("%s\n--- first document\n%s--- second document\n%s", broken, first->xml, second->xml)
                             : g_strdup_printf("%s\n--- document\n%s", broken, first->xml);
  g_free(broken);
  return all;
}

/* With a record, what fits without one may lack room; and a new controller of the chipset may want the place that it alone can
 * have, where another device has been put since there was no such controller. Ports are numbered in their order, and so are taken
 * for one another. */
static gboolean may_fail(const Stage *stage) {
  static const BerthElementId numbered[] = {BERTH_SERIAL, BERTH_PARALLEL, BERTH_CONSOLE};
  const TestDevice *device = culprit(stage);
  for (guint i = 0; i < G_N_ELEMENTS(numbered) && device != NULL; i++) {
    if (device->element->id == numbered[i] && !test_device_is_known(device) &&
        g_error_matches(stage->error, BERTH_ERROR, BERTH_ERROR_CONFLICT))
      return TRUE;
  }
  return g_error_matches(stage->error, BERTH_ERROR, BERTH_ERROR_NO_ROOM) ||
         g_str_has_prefix(stage->error->message, FILE_NAME ": controller ide 0 wants");
}

static char *check_edit(TestLife *life, const Stage *first) {
  g_auto(Stage) alone = {0}, second = {0};
  if (!settle(&alone, life, TRUE))
    return NULL;
  stage_plan(&second, life, TRUE, berth_plan_record(first->plan));
  char *broken = NULL;
  if (second.plan != NULL) {
    broken = check_staying(life, first, &second);
    broken = broken != NULL ? broken : check_one(second.plan);
  } else if (!may_fail(&second)) {
    broken = g_strdup_printf("what can be planned without a record cannot be planned with one: %s", second.error->message);
  }
  return with_documents(broken, first, &second);
}

char *test_life_check(TestLife *life, guint32 seed, gboolean *planned) {
  g_auto(Stage) first = {0};
  gboolean settled = settle(&first, life, FALSE);
  if (planned != NULL)
    *planned = settled;
  if (!settled)
    return NULL;
  char *broken = check_one(first.plan);
  broken = with_documents(broken != NULL ? broken : test_holds_shuffled(first.plan, seed), &first, NULL);
  return broken != NULL ? broken : check_edit(life, &first);
}

/* ---- shrinking ---- */

/* What may be made simpler of a device; FALSE: it is so already. */
static gboolean drop(TestDevice *device) {
  gboolean there = device->before || device->after;
  device->before = device->after = FALSE;
  return there;
}

static gboolean drop_address(TestDevice *device) {
  gboolean there = device->address != NULL;
  g_clear_pointer(&device->address, g_free);
  return there;
}

static gboolean stay_put(TestDevice *device) {
  gboolean moved = device->order != 0;
  device->order = 0;
  return moved;
}

char *test_life_shrink(TestLife *life, guint32 seed) {
  static gboolean (*const ways[])(TestDevice *) = {drop, drop_address, stay_put};
  char *broken = test_life_check(life, seed, NULL);
  gboolean smaller = broken != NULL;
  while (smaller) {
    smaller = FALSE;
    for (guint i = 0; i < G_N_ELEMENTS(ways) * life->devices->len; i++) {
      TestDevice *device = life->devices->pdata[i % life->devices->len];
      TestDevice held = *device;
      held.address = g_strdup(device->address);
      char *still = ways[i / life->devices->len](device) ? test_life_check(life, seed, NULL) : NULL;
      if (still != NULL) {
        g_free(broken);
        broken = still;
        smaller = TRUE;
        g_free(held.address);
      } else {
        g_free(device->address);
        *device = held;
      }
    }
  }
  return broken;
}
