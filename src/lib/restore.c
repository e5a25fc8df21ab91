/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "lib/move.h"
#include "lib/saved.h"

/* ---- the guest ---- */

/* A saved guest with what becomes of it here. */
typedef struct {
  BerthLibSaved saved;
  BerthXmlDocument *xml;
  BerthLibArrival arrival;
  const char *file;
  gboolean aside; /* it has the other name: what has that else is an older one, which a killed start has left */
} Restored;

static void restored_clear(Restored *restored) {
  berth_lib_arrival_clear(&restored->arrival);
  g_clear_pointer(&restored->xml, berth_xml_document_free);
  berth_lib_saved_clear(&restored->saved);
}
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(Restored, restored_clear)

/* ---- the state ---- */

typedef struct {
  int to;
  GChecksum *sum;
  GError *failure; /* QEMU takes no more */
} Reading;

/* The file is read to its end in any case: that it is damaged says more than what QEMU thinks of it. */
static gboolean pass_on(gpointer data, const guint8 *bytes, gsize length, GError **error) {
  Reading *reading = data;
  (void)error;
  g_checksum_update(reading->sum, bytes, (gssize)length);
  if (reading->failure == NULL)
    berth_host_write(reading->to, "QEMU", bytes, length, &reading->failure);
  return TRUE;
}

static gboolean give(gpointer data, int to, GError **error) {
  const Restored *restored = data;
  const BerthLibSaved *saved = &restored->saved;
  g_autoptr(GChecksum) sum = g_checksum_new(G_CHECKSUM_SHA256);
  Reading reading = {.to = to, .sum = sum};
  BerthHostPump pump = {.from = saved->fd, .watched = -1, .sink = pass_on, .data = &reading};
  gboolean read = berth_host_pump(&pump, error);
  g_autoptr(GError) refused = reading.failure;
  if (!read)
    return FALSE;
  if (saved->sum != NULL && !g_str_equal(saved->sum, g_checksum_get_string(sum)))
    g_set_error(error, BERTH_ERROR, BERTH_ERROR_BAD_INPUT, "%s: is damaged: the checksum of its state is wrong", restored->file);
  else if (refused != NULL)
    g_propagate_error(error, g_steal_pointer(&refused));
  else
    return TRUE;
  return FALSE;
}

static gboolean load(const BerthLibArrival *arrival, BerthQmp *qmp, BerthProcess *qemu, const char *run_dir, GError **error) {
  return berth_lib_arrival_feed(arrival, qmp, qemu, run_dir, give, arrival->data, error);
}

/* ---- going on ---- */

static gboolean bypass(const BerthLibSaved *saved, const char *file, GError **error) {
  if (fcntl(saved->fd, F_SETFL, O_DIRECT) == 0)
    return TRUE;
  g_set_error(error, BERTH_ERROR, BERTH_ERROR_FAILED, "%s: the page cache cannot be bypassed there: %s", file, g_strerror(errno));
  return FALSE;
}

static gboolean prepare(Restored *restored, Berth *berth, const char *file, GBytes *xml, const char *xml_file, guint flags,
                        GError **error) {
  BerthLibArrival *arrival = &restored->arrival;
  if (!berth_lib_saved_open(&restored->saved, file, error))
    return FALSE;
  const BerthManifest *manifest = restored->saved.manifest;
  if (xml != NULL && (restored->xml = berth_xml_document_parse(xml, xml_file, error)) == NULL)
    return FALSE;
  if (!berth_lib_move_paused(flags, manifest->state, &arrival->paused, error) ||
      !berth_lib_arrival_init(arrival, berth, manifest, restored->xml, FALSE, "restore", file, error))
    return FALSE;
  arrival->load = load;
  arrival->reason = "restored";
  arrival->data = restored;
  return (flags & BERTH_MOVE_BYPASS_CACHE) == 0 || bypass(&restored->saved, file, error);
}

static gboolean changed_meanwhile(const char *file, GError **error) {
  g_set_error(error, BERTH_ERROR, BERTH_ERROR_BUSY, "%s: another command has used the guest's managed state meanwhile; try again",
              file);
  return FALSE;
}

static gboolean run(Restored *restored, Berth *berth, const char *file, GBytes *xml, const char *xml_file, guint flags, int ready,
                    GError **error) {
  g_autoptr(GError) failure = NULL;
  if (prepare(restored, berth, file, xml, xml_file, flags, &failure))
    return berth_lib_run_arrival(berth, &restored->arrival, ready, error);
  if (restored->arrival.managed && access(file, F_OK) != 0) {
    g_clear_error(&failure);
    changed_meanwhile(file, &failure);
  }
  berth_lib_tell(ready, failure);
  g_propagate_error(error, g_steal_pointer(&failure));
  return FALSE;
}

gboolean berth_run_restored(Berth *berth, const char *file, GBytes *xml, const char *xml_file, guint flags, int ready,
                            GError **error) {
  g_auto(Restored) restored = {.saved = {.fd = -1}, .file = file};
  return run(&restored, berth, file, xml, xml_file, flags, ready, error);
}

/* What was opened before this process had the guest's lock is not kept any more: it is another one's, or used. */
static gboolean is_kept(const Restored *restored) {
  struct stat opened, kept;
  return fstat(restored->saved.fd, &opened) == 0 && stat(restored->file, &kept) == 0 && opened.st_dev == kept.st_dev &&
         opened.st_ino == kept.st_ino;
}

/* While the guest is about to run, its state has another name; if it does not come to that, it gets its own again. If nobody knows
 * whether it has come to that, it keeps the other: the next start boots. */
static gboolean use_up(const BerthLibArrival *arrival, GError **error) {
  Restored *restored = arrival->data;
  g_autofree char *used = berth_lib_managed_used(restored->file);
  if (!is_kept(restored))
    return changed_meanwhile(restored->file, error);
  restored->aside = rename(restored->file, used) == 0;
  if (restored->aside)
    return berth_base_file_sync(used, error);
  g_set_error(error, BERTH_ERROR, BERTH_ERROR_FAILED, "%s: %s", restored->file, g_strerror(errno));
  return FALSE;
}

static void used_up(const BerthLibArrival *arrival, const GError *failure) {
  const Restored *restored = arrival->data;
  g_autofree char *used = berth_lib_managed_used(restored->file);
  if (failure == NULL)
    unlink(used);
  else if (restored->aside && !arrival->may_have_run && access(restored->file, F_OK) != 0)
    rename(used, restored->file);
}

gboolean berth_lib_run_managed(Berth *berth, const char *file, guint flags, int ready, GError **error) {
  g_auto(Restored) restored = {.saved = {.fd = -1}, .file = file};
  restored.arrival.managed = TRUE;
  restored.arrival.recorded = use_up;
  restored.arrival.told = used_up;
  return run(&restored, berth, file, NULL, NULL, flags, ready, error);
}

/* The other process reads it from its standard input. -1: none. */
static int hand_over(GBytes *xml, GError **error) {
  gsize length = 0;
  const void *bytes = xml != NULL ? g_bytes_get_data(xml, &length) : NULL;
  int fd = xml != NULL ? memfd_create("domain", MFD_CLOEXEC) : -1;
  if (fd >= 0 && berth_host_write(fd, "memory", bytes, length, error) && lseek(fd, 0, SEEK_SET) == 0)
    return fd;
  if (fd >= 0)
    close(fd);
  return -1;
}

gboolean berth_restore(Berth *berth, const char *file, GBytes *xml, const char *xml_file, guint flags, char **name,
                       GError **error) {
  g_auto(Restored) restored = {.saved = {.fd = -1}};
  /* What is wrong is said by this process; the other one looks again, under the guest's lock. */
  if (!prepare(&restored, berth, file, xml, xml_file, flags, error))
    return FALSE;
  BerthStoreGuest guest = {.uuid = restored.arrival.uuid, .name = restored.arrival.name};
  int fd = hand_over(xml, error);
  if (xml != NULL && fd < 0)
    return FALSE;
  g_autofree char *path = g_canonicalize_filename(file, NULL);
  g_autoptr(GStrvBuilder) builder = g_strv_builder_new();
  g_strv_builder_add_many(builder, "run", "--restore", path, restored.arrival.paused ? "--paused" : "--running", NULL);
  if ((flags & BERTH_MOVE_BYPASS_CACHE) != 0)
    g_strv_builder_add(builder, "--bypass-cache");
  if (xml != NULL)
    g_strv_builder_add_many(builder, "--xml", "-", NULL);
  g_auto(GStrv) words = g_strv_builder_end(builder);
  gboolean up = berth_lib_supervisor_start(berth, &guest, (const char *const *)words, fd, error);
  if (fd >= 0)
    close(fd);
  if (up && name != NULL)
    *name = g_strdup(restored.arrival.name);
  return up;
}

GBytes *berth_saved_xml(const char *file, GError **error) {
  g_auto(BerthLibSaved) saved = {.fd = -1};
  if (!berth_lib_saved_open(&saved, file, error))
    return NULL;
  return g_bytes_new(saved.manifest->document, strlen(saved.manifest->document));
}
