/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "lib/move.h"

#include "kinds/kinds.h"

Berth *berth_open(const BerthEnv *env) {
  Berth *berth = g_new0(Berth, 1);
  berth->env = env;
  if (env->anew)
    berth_store_have_sqlite();
  berth->store = berth_store_new(env->state_dir);
  return berth;
}

void berth_close(Berth *berth) {
  if (berth == NULL)
    return;
  berth_store_close(berth->store);
  g_free(berth);
}

void berth_guest_info_free(BerthGuestInfo *info) {
  if (info == NULL)
    return;
  g_free(info->name);
  g_free(info->uuid);
  g_free(info->machine);
  g_free(info->state);
  g_free(info->reason);
  g_free(info->since);
  g_free(info);
}

static BerthGuestInfo *info_of(const Berth *berth, const BerthStoreGuest *guest) {
  g_autofree char *managed = berth_lib_managed_path(berth->env, guest->uuid);
  BerthGuestInfo *info = g_new0(BerthGuestInfo, 1);
  info->name = g_strdup(guest->name);
  info->uuid = g_strdup(guest->uuid);
  info->machine = g_strdup(guest->machine);
  info->state = g_strdup(guest->run.state != NULL ? guest->run.state : "shut off");
  info->reason = g_strdup(guest->run.reason != NULL && *guest->run.reason != '\0' ? guest->run.reason : "unknown");
  info->since = g_strdup(guest->run.since != NULL ? guest->run.since : guest->defined);
  info->autostart = berth_lib_autostart_is_on(berth->env, guest->uuid);
  info->managed = g_file_test(managed, G_FILE_TEST_EXISTS);
  info->revision = guest->revision;
  info->pid = g_str_equal(info->state, "shut off") ? 0 : guest->run.pid;
  return info;
}

GPtrArray *berth_list(Berth *berth, GError **error) {
  g_autoptr(GPtrArray) guests = berth_store_guests(berth->store, error);
  if (guests == NULL)
    return NULL;
  GPtrArray *infos = g_ptr_array_new_with_free_func((GDestroyNotify)berth_guest_info_free);
  for (guint i = 0; i < guests->len; i++) {
    berth_lib_look(berth, (BerthStoreGuest **)&guests->pdata[i]);
    g_ptr_array_add(infos, info_of(berth, g_ptr_array_index(guests, i)));
  }
  return infos;
}

/* Those that are on: the domain format's default is one, and all of them. */
static guint cpus_of(const BerthXmlDocument *document) {
  const char *all = berth_xml_node_get(document->root, "vcpu"), *on = berth_xml_node_get(document->root, "vcpu/@current");
  guint64 n = on != NULL ? g_ascii_strtoull(on, NULL, 10) : all != NULL ? g_ascii_strtoull(all, NULL, 10) : 1;
  return (guint)CLAMP(n, 1, G_MAXUINT);
}

BerthGuestInfo *berth_info(Berth *berth, const char *guest, GError **error) {
  g_autoptr(BerthStoreGuest) found = berth_store_guest(berth->store, guest, error);
  if (found != NULL)
    berth_lib_look(berth, &found);
  g_autoptr(BerthXmlDocument) document = found != NULL ? berth_lib_document_of(berth, found, FALSE, error) : NULL;
  if (document == NULL)
    return NULL;
  BerthGuestInfo *info = info_of(berth, found);
  info->cpus = cpus_of(document);
  info->max_memory = berth_kinds_memory_kib(document, "memory");
  guint64 current = berth_kinds_memory_kib(document, "currentMemory");
  info->memory = current != 0 && current < info->max_memory ? current : info->max_memory;
  info->cpu_time = info->pid != 0 ? berth_host_process_cpu_time(info->pid) : 0;
  return info;
}

static BerthStoreRevision *revision_of(Berth *berth, const char *guest, guint revision, GError **error) {
  g_autoptr(BerthStoreGuest) found = berth_store_guest(berth->store, guest, error);
  if (found == NULL)
    return NULL;
  BerthStoreRevision *stored = berth_store_revision(berth->store, found->uuid, revision, error);
  if (stored == NULL)
    g_prefix_error(error, "guest '%s': ", found->name);
  return stored;
}

GBytes *berth_dumpxml(Berth *berth, const char *guest, guint revision, GError **error) {
  g_autoptr(BerthStoreRevision) stored = revision_of(berth, guest, revision, error);
  return stored != NULL ? g_bytes_ref(stored->document) : NULL;
}

BerthRecord *berth_guest_record(Berth *berth, const char *guest, guint revision, GError **error) {
  g_autoptr(BerthStoreRevision) stored = revision_of(berth, guest, revision, error);
  return stored != NULL ? berth_record_parse(stored->record, -1, guest, error) : NULL;
}

gboolean berth_undefine(Berth *berth, const char *guest, guint flags, GError **error) {
  g_autofree char *nvram = NULL;
  g_autoptr(BerthLock) lock = NULL;
  g_autoptr(BerthStoreGuest) found = berth_lib_guest_locked(berth, guest, &lock, error);
  if (found == NULL)
    return FALSE;
  g_autoptr(BerthProcess) qemu = berth_lib_run_process(&found->run);
  if (qemu != NULL) {
    g_set_error(error, BERTH_ERROR, BERTH_ERROR_BUSY, "guest '%s': is running; destroy it first", found->name);
    return FALSE;
  }
  if (!berth_lib_nvram_find(berth, found, &nvram, error) || !berth_lib_nvram_check(found, nvram, flags, error))
    return FALSE;
  g_autofree char *managed = NULL;
  if (!berth_lib_managed_find(berth, found->uuid, &managed, error))
    return FALSE;
  if (managed != NULL && (flags & BERTH_UNDEFINE_MANAGED_SAVE) == 0) {
    g_set_error(error, BERTH_ERROR, BERTH_ERROR_BUSY, "guest '%s': has a managed state; --managed-save throws it away with it",
                found->name);
    return FALSE;
  }
  /* A guest that is not there any more cannot be started: a link that stays would fail with each start of the host. */
  if (!berth_lib_settle(berth, found, NULL, NULL, error) || !berth_lib_autostart_set(berth->env, found->uuid, FALSE, error))
    return FALSE;
  g_autoptr(BerthStoreWrite) write = berth_store_write_begin(berth->store, error);
  /* A state that outlived its guest would be taken for that of the next one with its uuid. */
  if (write == NULL || !berth_store_write_remove(write, found->uuid, error) ||
      (managed != NULL && !berth_base_file_remove(managed, error)) || !berth_store_write_commit(g_steal_pointer(&write), error))
    return FALSE;
  berth_lib_managed_forget(berth->env, found->uuid);
  gboolean removed = berth_lib_nvram_remove(nvram, flags, error);
  /* At last: from then on the next guest with this uuid may start. */
  berth_host_lock_remove(lock);
  return removed;
}
