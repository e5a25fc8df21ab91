/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* How many vCPUs a guest has. The truth about a running one is QEMU's; its document is brought in line whenever somebody looks. */
#include "lib/live.h"

#include <string.h>

#include "guest/cpus.h"
#include "xml/splice.h"

#define TIMEOUT_MS 10000
#define MAX_VCPUS 65535
#define STEP_MS 200u

/* ---- documents ---- */

typedef struct {
  guint current; /* 0: all */
  guint most;
  gboolean runs; /* the document is of what runs, which began with those that it has */
} Count;

static Count count_of(const BerthXmlDocument *document) {
  const char *most = berth_xml_node_get(document->root, "vcpu"), *current = berth_xml_node_get(document->root, "vcpu/@current");
  Count count = {.most = most != NULL ? (guint)g_ascii_strtoull(most, NULL, 10) : 1};
  count.current = current != NULL ? (guint)g_ascii_strtoull(current, NULL, 10) : count.most;
  return count;
}

/* From now on the document tells those that came apart from those that were there from the start: a guest that is saved must go on
 * with as many from the start, for virtio devices have queues for these. */
static void write_out(BerthXmlEdits *edits, const BerthXmlNode *domain, Count before, guint current) {
  BerthXmlDraft *vcpus = berth_xml_draft_new(edits, "vcpus");
  for (guint id = 0; id < before.most; id++) {
    g_autofree char *number = g_strdup_printf("%u", id);
    BerthXmlDraft *vcpu = berth_xml_draft_new(edits, "vcpu");
    berth_xml_draft_set(vcpu, "@id", number);
    berth_xml_draft_set(vcpu, "@enabled", id < current ? "yes" : "no");
    berth_xml_draft_set(vcpu, "@hotpluggable", id < before.current ? "no" : "yes");
    berth_xml_draft_add(vcpus, vcpu);
  }
  berth_xml_edits_add(edits, domain, berth_xml_node_child(domain, "vcpu"), vcpus);
}

/* @document with so many vCPUs; @data: Count, of which 0 is left as it is. */
static GBytes *edited(GBytes *document, const char *what, gconstpointer data, GError **error) {
  const Count *wanted = data;
  g_autoptr(BerthXmlDocument) parsed = berth_xml_document_parse(document, what, error);
  if (parsed == NULL)
    return NULL;
  Count count = count_of(parsed);
  guint most = wanted->most != 0 ? wanted->most : count.most;
  guint current = wanted->current != 0 ? wanted->current : MIN(count.current, most);
  if (current > most) {
    g_set_error(error, BERTH_ERROR, BERTH_ERROR_USAGE, "guest '%s': has places for %u vCPUs, not for %u; --maximum makes more",
                what, most, current);
    return NULL;
  }
  g_autofree char *number = g_strdup_printf("%u", current), *limit = g_strdup_printf("%u", most);
  g_autoptr(BerthXmlEdits) edits = berth_xml_edits_new(parsed);
  if (most != count.most)
    berth_xml_edits_set(edits, parsed->root, "vcpu", limit);
  if (current != most || berth_xml_node_get(parsed->root, "vcpu/@current") != NULL)
    berth_xml_edits_set(edits, parsed->root, "vcpu/@current", number);
  const BerthXmlNode *vcpus = berth_xml_node_child(parsed->root, "vcpus");
  if (wanted->runs && vcpus == NULL)
    write_out(edits, parsed->root, count, current);
  const BerthXmlNode *vcpu = berth_xml_node_child(vcpus, "vcpu");
  for (; vcpu != NULL; vcpu = berth_xml_node_next(vcpu, "vcpu")) {
    const char *id = berth_xml_node_get(vcpu, "@id");
    berth_xml_edits_set(edits, vcpu, "@enabled", id != NULL && g_ascii_strtoull(id, NULL, 10) < current ? "yes" : "no");
  }
  return berth_xml_edits_apply(edits);
}

GBytes *berth_lib_vcpus_inherit(GBytes *document, const char *what, const BerthXmlDocument *live, GError **error) {
  const BerthXmlNode *apart = berth_xml_node_child(live->root, "vcpus");
  if (apart == NULL)
    return g_bytes_ref(document);
  g_autoptr(BerthXmlDocument) parsed = berth_xml_document_parse(document, what, error);
  if (parsed == NULL)
    return NULL;
  Count count = count_of(live);
  if (count.most != count_of(parsed).most)
    return g_bytes_ref(document);
  g_autofree char *current = g_strdup_printf("%u", count.current);
  g_autoptr(BerthXmlEdits) edits = berth_xml_edits_new(parsed);
  const BerthXmlNode *own = berth_xml_node_child(parsed->root, "vcpus");
  BerthXmlDraft *draft = berth_xml_draft_of(edits, apart, NULL);
  berth_xml_edits_set(edits, parsed->root, "vcpu/@current", current);
  if (own != NULL)
    berth_xml_edits_replace(edits, own, draft);
  else
    berth_xml_edits_add(edits, parsed->root, berth_xml_node_child(parsed->root, "vcpu"), draft);
  return berth_xml_edits_apply(edits);
}

/* ---- what runs ---- */

/* One whose vCPUs are all there from the start cannot lose any; most guests are so, and need not be parsed for it. */
static gboolean may_lose(const BerthStoreGuest *guest) {
  gsize size = 0;
  const char *text = guest->run.document != NULL ? g_bytes_get_data(guest->run.document, &size) : NULL;
  return text != NULL && g_strstr_len(text, (gssize)size, "current") != NULL;
}

gboolean berth_lib_vcpus_settle(Berth *berth, BerthQmp *qmp, const char *uuid, gboolean risen, GError **error) {
  g_autoptr(BerthStoreGuest) before = berth_store_guest(berth->store, uuid, error);
  if (before == NULL || !may_lose(before))
    return before != NULL;
  g_autoptr(BerthXmlDocument) document = berth_xml_document_parse(before->run.document, before->name, error);
  if (document == NULL)
    return FALSE;
  Count count = count_of(document);
  if (berth_xml_node_get(document->root, "vcpu/@current") == NULL)
    return TRUE;
  g_autoptr(GPtrArray) cpus = berth_guest_cpus(qmp, error);
  if (cpus == NULL)
    return FALSE;
  const Count now = {.current = berth_guest_cpus_there(cpus), .runs = TRUE};
  if (now.current == count.current || now.current == 0 || now.current > count.most || (now.current > count.current && !risen))
    return TRUE;
  g_autoptr(BerthStoreWrite) write = berth_store_write_begin(berth->store, error);
  g_autoptr(BerthStoreGuest) guest = write != NULL ? berth_store_guest(berth->store, uuid, error) : NULL;
  if (guest == NULL || guest->run.pid != before->run.pid || guest->run.start_time != before->run.start_time)
    return guest != NULL;
  g_autoptr(GBytes) changed = edited(guest->run.document, guest->name, &now, error);
  BerthStoreRun run = guest->run;
  run.document = changed;
  g_autoptr(BerthStoreEvent) event = g_new0(BerthStoreEvent, 1);
  g_autofree char *said = g_strdup_printf("vcpus: %u, before %u", now.current, count.current);
  event->changed = g_strsplit(said, "\n", -1);
  return changed != NULL && berth_lib_event(berth, write, uuid, BERTH_LIB_VCPUS, event, error) &&
         berth_store_write_run(write, uuid, &run, error) && berth_store_write_commit(g_steal_pointer(&write), error);
}

static gboolean plug(BerthQmp *qmp, const GPtrArray *cpus, guint missing, GError **error) {
  for (guint i = 0; i < cpus->len && missing > 0; i++) {
    const BerthCpu *cpu = g_ptr_array_index(cpus, i);
    g_autofree char *id = g_strdup_printf("vcpu%u", i);
    if (cpu->there)
      continue;
    if (!berth_guest_plug_cpu(qmp, cpu, id, error))
      return FALSE;
    missing--;
  }
  return TRUE;
}

/* Under TCG, QEMU 7.2 says nothing when a vCPU has gone: so it is asked, too. */
static BerthUnplug await_one(BerthQmp *qmp, const char *id, guint timeout_ms, GError **error) {
  for (guint waited = 0;; waited += STEP_MS) {
    gboolean there = TRUE;
    BerthUnplug said = berth_guest_await_unplug(qmp, id, STEP_MS);
    if (said != BERTH_UNPLUG_WAITING)
      return said;
    if (!berth_guest_has_device(qmp, id, &there, error) || waited >= timeout_ms)
      return BERTH_UNPLUG_WAITING;
    if (!there)
      return BERTH_UNPLUG_DONE;
  }
}

static gboolean unplug_one(BerthQmp *qmp, const char *guest, const char *id, guint timeout_ms, GError **error) {
  if (!berth_guest_unplug(qmp, id, error))
    return FALSE;
  g_autoptr(GError) failure = NULL;
  BerthUnplug said = await_one(qmp, id, timeout_ms, &failure);
  if (said == BERTH_UNPLUG_DONE)
    return TRUE;
  if (failure != NULL)
    g_propagate_error(error, g_steal_pointer(&failure));
  else if (said == BERTH_UNPLUG_REFUSED)
    g_set_error(error, BERTH_ERROR, BERTH_ERROR_REFUSED_BY_GUEST, "guest '%s': %s: the guest refuses to let go of it", guest, id);
  else
    g_set_error(error, BERTH_ERROR, BERTH_ERROR_FAILED, "guest '%s': %s: the guest has not let go of it within %u s", guest, id,
                timeout_ms / 1000);
  return FALSE;
}

/* The last ones go; those from the start cannot (nor can they with libvirt, unless it was told so before). */
static gboolean unplug(BerthQmp *qmp, const char *guest, const GPtrArray *cpus, guint extra, guint timeout_ms, GError **error) {
  for (guint i = cpus->len; i-- > 0 && extra > 0;) {
    const BerthCpu *cpu = g_ptr_array_index(cpus, i);
    if (!cpu->there)
      continue;
    if (cpu->id == NULL) {
      g_set_error(error, BERTH_ERROR, BERTH_ERROR_UNSUPPORTED,
                  "guest '%s': vCPU %u was there from the start and cannot be unplugged; --config changes the next start", guest,
                  i);
      return FALSE;
    }
    if (!unplug_one(qmp, guest, cpu->id, timeout_ms, error))
      return FALSE;
    extra--;
  }
  return TRUE;
}

static gboolean change(BerthQmp *qmp, const char *guest, guint wanted, guint timeout_ms, GError **error) {
  g_autoptr(GPtrArray) cpus = berth_guest_cpus(qmp, error);
  if (cpus == NULL)
    return FALSE;
  guint there = berth_guest_cpus_there(cpus);
  if (wanted > cpus->len) {
    g_set_error(error, BERTH_ERROR, BERTH_ERROR_NO_ROOM,
                "guest '%s': has places for %u vCPUs while it runs, not for %u; --config --maximum makes more for the next start",
                guest, cpus->len, wanted);
    return FALSE;
  }
  return wanted >= there ? plug(qmp, cpus, wanted - there, error) : unplug(qmp, guest, cpus, there - wanted, timeout_ms, error);
}

/* The pending row: "<vcpu current='N'/>". */
static guint row_count(GBytes *xml) {
  g_autoptr(BerthXmlDocument) row = berth_xml_document_parse(xml, "vcpu", NULL);
  const char *current = row != NULL ? berth_xml_node_get(row->root, "@current") : NULL;
  return current != NULL ? (guint)g_ascii_strtoull(current, NULL, 10) : 0;
}

static gboolean note(const BerthLibLive *live, const char *state, GBytes *row, BerthLibConfig *config, GError **error) {
  const BerthStoreGuest *guest = live->guest;
  return berth_lib_live_note(live->berth, guest->uuid, &guest->run, BERTH_LIB_VCPUS, state, "setvcpus", row,
                             config != NULL ? berth_lib_config_change : NULL, config, error);
}

gboolean berth_lib_vcpus_again(Berth *berth, BerthQmp *qmp, const BerthStoreGuest *guest, const BerthStoreChange *row,
                               GError **error) {
  Count wanted = {.current = row_count(row->xml)};
  BerthLibConfig config = {.berth = berth, .uuid = guest->uuid, .command = "setvcpus", .edit = edited, .data = &wanted};
  gboolean both = g_str_equal(row->state, BERTH_STORE_UPDATING_BOTH);
  both &= change(qmp, guest->name, wanted.current, TIMEOUT_MS, NULL) && berth_lib_config_change(NULL, &config, NULL);
  return berth_lib_vcpus_settle(berth, qmp, guest->uuid, TRUE, error) &&
         berth_lib_live_note(berth, guest->uuid, &guest->run, BERTH_LIB_VCPUS, NULL, NULL, NULL,
                             both ? berth_lib_config_change : NULL, &config, error);
}

/* Whether QEMU has done what it has not answered to, nobody knows: so it is counted again. FALSE with live->control NULL: it
 * answers no more. */
static gboolean change_surely(BerthLibLive *live, guint wanted, guint timeout_ms, GError **error) {
  g_autoptr(GError) failure = NULL;
  if (change(live->control, live->guest->name, wanted, timeout_ms, &failure))
    return TRUE;
  if (!berth_qmp_unsure(live->control) || !berth_lib_live_sure(live)) {
    g_propagate_error(error, g_steal_pointer(&failure));
    return FALSE;
  }
  return change(live->control, live->guest->name, wanted, timeout_ms, error);
}

/* Recorded as changing, changed, recorded as QEMU has it then. */
static gboolean change_live(Berth *berth, const char *uuid, guint wanted, guint timeout_ms, BerthLibConfig *config,
                            GError **error) {
  g_auto(BerthLibLive) live = {0};
  if (!berth_lib_live_open(&live, berth, uuid, error))
    return FALSE;
  if (config != NULL) {
    config->facts = live.facts;
    config->run = &live.guest->run;
    if (!berth_lib_config_change(NULL, config, error))
      return FALSE;
  }
  g_autofree char *text = g_strdup_printf("<vcpu current='%u'/>", wanted);
  g_autoptr(GBytes) row = g_bytes_new(text, strlen(text));
  if (!note(&live, config != NULL ? BERTH_STORE_UPDATING_BOTH : BERTH_STORE_UPDATING, row, NULL, error))
    return FALSE;
  gboolean done = change_surely(&live, wanted, timeout_ms, error);
  GError **settled = done ? error : NULL;
  /* What stays on record is finished by the next command. */
  return live.control != NULL && berth_lib_vcpus_settle(berth, live.control, uuid, TRUE, settled) &&
         note(&live, NULL, NULL, done ? config : NULL, settled) && done;
}

gboolean berth_set_vcpus(Berth *berth, const char *guest, guint count, gboolean maximum, guint flags, guint timeout_ms,
                         GError **error) {
  gboolean live = FALSE, config = FALSE;
  g_autofree char *uuid = NULL;
  g_autoptr(GPtrArray) rows = NULL;
  if (!berth_lib_scope(berth, guest, flags, &live, &config, &uuid, error))
    return FALSE;
  if (count < 1 || count > MAX_VCPUS || (maximum && live)) {
    g_set_error(error, BERTH_ERROR, BERTH_ERROR_USAGE,
                count < 1 || count > MAX_VCPUS ? "guest '%s': a guest has 1 to 65535 vCPUs"
                                               : "guest '%s': --maximum can only change the definition; add --config",
                guest);
    return FALSE;
  }
  const Count wanted = {.current = maximum ? 0 : count, .most = maximum ? count : 0};
  BerthLibConfig change_of = {.berth = berth, .uuid = uuid, .command = "setvcpus", .edit = edited, .data = &wanted};
  return live ? change_live(berth, uuid, count, timeout_ms, config ? &change_of : NULL, error)
              : berth_lib_config_alone(&change_of, FALSE, &rows, error);
}

gboolean berth_vcpus(Berth *berth, const char *guest, guint flags, guint *current, guint *most, GError **error) {
  gboolean live = FALSE, config = FALSE;
  g_autofree char *uuid = NULL;
  if (!berth_lib_scope(berth, guest, flags, &live, &config, &uuid, error))
    return FALSE;
  g_autoptr(GBytes) document = live ? berth_dumpxml_live(berth, uuid, error) : berth_dumpxml(berth, uuid, 0, error);
  g_autoptr(BerthXmlDocument) parsed = document != NULL ? berth_xml_document_parse(document, guest, error) : NULL;
  if (parsed == NULL)
    return FALSE;
  Count count = count_of(parsed);
  *current = count.current;
  *most = count.most;
  return TRUE;
}
