/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "guest/probe.h"

#include <fcntl.h>
#include <errno.h>
#include <glib/gstdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/file.h"
#include "guest/control.h"
#include "host/process.h"
#include "qmp/client.h"

#define DEFAULT_BINARY "qemu-system-x86_64"
#define MAX_CACHE_BYTES (4u << 20)
#define MAX_WORDS 5
/* How long a QEMU that hung up or was told to quit may take to end by itself. */
#define FAREWELL_MS 1000

/* A probe under way. */
typedef struct {
  const char *binary;
  BerthProcess *process;
  BerthQmp *qmp;
  int errors; /* what it writes to stderr: memory that is a file, so that it can write as much as it likes without being read */
  gint64 until;
} Probe;

static void probe_clear(Probe *probe) {
  berth_qmp_free(probe->qmp);
  if (probe->process != NULL)
    berth_host_process_end(probe->process, NULL);
  berth_host_process_free(probe->process);
  if (probe->errors >= 0)
    close(probe->errors);
}
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(Probe, probe_clear)

static guint time_left(const Probe *probe) {
  return (guint)(MAX(0, probe->until - g_get_monotonic_time()) / 1000);
}

/* --- the questions ---------------------------------------------------------------------------------------------------- */

static json_object *ask(const Probe *probe, const char *command, json_object *args, GError **error) {
  return berth_qmp_execute(probe->qmp, command, args, time_left(probe), error);
}

static gboolean is_nonsense(const Probe *probe, const char *command, GError **error) {
  g_set_error(error, BERTH_ERROR, BERTH_ERROR_FAILED, "%s answered \"%s\" with something else", probe->binary, command);
  return FALSE;
}

static gboolean ask_version(const Probe *probe, BerthFacts *facts, GError **error) {
  g_autoptr(json_object) answer = ask(probe, "query-version", NULL, error);
  if (answer == NULL)
    return FALSE;
  json_object *version = berth_json_member_object(answer, "qemu");
  if (version == NULL)
    return is_nonsense(probe, "query-version", error);
  facts->major = (guint)berth_json_member_int(version, "major", 0);
  facts->minor = (guint)berth_json_member_int(version, "minor", 0);
  facts->micro = (guint)berth_json_member_int(version, "micro", 0);
  return TRUE;
}

/* The objects of an array that is the answer to @command; NULL told in @error. (transfer full) */
static json_object *ask_list(const Probe *probe, const char *command, json_object *args, GError **error) {
  g_autoptr(json_object) answer = ask(probe, command, args, error);
  if (answer == NULL || json_object_is_type(answer, json_type_array))
    return g_steal_pointer(&answer);
  is_nonsense(probe, command, error);
  return NULL;
}

static gboolean ask_machines(const Probe *probe, BerthFacts *facts, GError **error) {
  g_autoptr(json_object) machines = ask_list(probe, "query-machines", NULL, error);
  if (machines == NULL)
    return FALSE;
  for (guint i = 0; i < json_object_array_length(machines); i++) {
    json_object *machine = json_object_array_get_idx(machines, i);
    const char *name = machine != NULL ? berth_json_member_string(machine, "name") : NULL;
    if (name == NULL)
      return is_nonsense(probe, "query-machines", error);
    const char *alias = berth_json_member_string(machine, "alias");
    g_hash_table_replace(facts->machines, g_strdup(name), g_strdup(name));
    if (alias != NULL)
      g_hash_table_replace(facts->machines, g_strdup(alias), g_strdup(name));
    if (berth_json_member_boolean(machine, "deprecated", FALSE))
      g_hash_table_add(facts->deprecated, g_strdup(name));
    gint64 most = berth_json_member_int(machine, "cpu-max", 0);
    if (most >= 1 && most <= G_MAXINT)
      g_hash_table_replace(facts->vcpus, g_strdup(name), GUINT_TO_POINTER((guint)most));
  }
  return TRUE;
}

static gboolean ask_devices(const Probe *probe, BerthFacts *facts, GError **error) {
  g_autoptr(json_object) args = json_object_new_object();
  berth_json_set_string(args, "implements", "device");
  berth_json_set_boolean(args, "abstract", FALSE);
  g_autoptr(json_object) types = ask_list(probe, "qom-list-types", args, error);
  if (types == NULL)
    return FALSE;
  for (guint i = 0; i < json_object_array_length(types); i++) {
    json_object *type = json_object_array_get_idx(types, i);
    const char *name = type != NULL ? berth_json_member_string(type, "name") : NULL;
    if (name == NULL)
      return is_nonsense(probe, "qom-list-types", error);
    g_hash_table_add(facts->devices, g_strdup(name));
  }
  return TRUE;
}

/* --- the process ------------------------------------------------------------------------------------------------------ */

static gboolean probe_start(Probe *probe, GError **error) {
  const char *const argv[] = {probe->binary, "-S",
                              "-nodefaults", "-no-user-config",
                              "-display",    "none",
                              "-machine",    "none",
                              "-monitor",    "none",
                              "-chardev",    "stdio,id=qmp,signal=off",
                              "-mon",        "chardev=qmp,mode=control",
                              NULL};
  int ends[2] = {-1, -1};
  probe->errors = memfd_create("stderr", MFD_CLOEXEC);
  if (probe->errors < 0 || socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) != 0) {
    g_set_error(error, BERTH_ERROR, BERTH_ERROR_FAILED, "%s: no connection to it can be made: %s", probe->binary,
                g_strerror(errno));
    return FALSE;
  }
  BerthSpawn spawn = {.argv = argv, .in = ends[1], .out = ends[1], .err = probe->errors, .session = TRUE};
  probe->process = berth_host_process_spawn(&spawn, error);
  close(ends[1]);
  if (probe->process == NULL) {
    close(ends[0]);
    return FALSE;
  }
  probe->qmp = berth_qmp_new(ends[0], probe->binary, time_left(probe), error);
  return probe->qmp != NULL;
}

/* Where QEMU has died its own words are the reason; what the connection saw of it is not. */
static void blame_death(const Probe *probe, GError **error) {
  if (probe->process == NULL || !berth_host_process_wait(probe->process, FAREWELL_MS, NULL))
    return;
  g_autofree char *words = berth_host_process_last_words(probe->errors, MAX_WORDS, NULL);
  g_autofree char *outcome = berth_host_process_outcome(probe->process);
  g_clear_error(error);
  g_set_error(error, BERTH_ERROR, BERTH_ERROR_FAILED, "%s: died while it was asked what it offers (%s)%s%s", probe->binary, outcome,
              *words != '\0' ? ": " : "", words);
}

static BerthFacts *ask_binary(const char *binary, const struct stat *file, guint timeout_ms, GError **error) {
  g_auto(Probe) probe = {.binary = binary, .errors = -1, .until = g_get_monotonic_time() + (gint64)timeout_ms * 1000};
  g_autoptr(BerthFacts) facts = berth_facts_new();
  g_autoptr(GError) failure = NULL;
  facts->binary = g_strdup(binary);
  facts->mtime = (gint64)file->st_mtim.tv_sec * G_GINT64_CONSTANT(1000000000) + file->st_mtim.tv_nsec;
  facts->size = file->st_size;
  if (!probe_start(&probe, &failure) || !ask_version(&probe, facts, &failure) || !ask_machines(&probe, facts, &failure) ||
      !ask_devices(&probe, facts, &failure)) {
    if (g_error_matches(failure, BERTH_ERROR, BERTH_ERROR_FAILED))
      blame_death(&probe, &failure);
    g_propagate_error(error, g_steal_pointer(&failure));
    return NULL;
  }
  if (berth_guest_quit(probe.qmp, NULL))
    berth_host_process_wait(probe.process, FAREWELL_MS, NULL);
  return g_steal_pointer(&facts);
}

/* --- the cache -------------------------------------------------------------------------------------------------------- */

static char *cache_path(const BerthEnv *env, const char *binary) {
  g_autofree char *sum = g_compute_checksum_for_string(G_CHECKSUM_SHA256, binary, -1);
  g_autofree char *name = g_strconcat(sum, ".json", NULL);
  return g_build_filename(env->cache_dir, "facts", name, NULL);
}

static BerthFacts *read_cache(const char *path, const char *binary, const struct stat *file) {
  gint64 mtime = (gint64)file->st_mtim.tv_sec * G_GINT64_CONSTANT(1000000000) + file->st_mtim.tv_nsec;
  g_autoptr(GBytes) bytes = berth_base_file_read(path, MAX_CACHE_BYTES, NULL);
  if (bytes == NULL)
    return NULL;
  gsize length = 0;
  const char *text = g_bytes_get_data(bytes, &length);
  g_autoptr(BerthFacts) facts = length > 0 ? berth_facts_from_json(text, (gssize)length, NULL) : NULL;
  if (facts == NULL || g_strcmp0(facts->binary, binary) != 0 || facts->mtime != mtime || facts->size != file->st_size)
    return NULL;
  return g_steal_pointer(&facts);
}

static void write_cache(const char *path, const BerthFacts *facts) {
  g_autofree char *folder = g_path_get_dirname(path);
  char *text = berth_facts_to_json(facts);
  g_autoptr(GBytes) bytes = g_bytes_new_take(text, strlen(text));
  /* Without a cache it is only slower. */
  if (berth_base_file_make_dir(folder, NULL))
    berth_base_file_write(path, bytes, 0600, NULL);
}

char *berth_guest_find_binary(const BerthEnv *env, const char *binary, GError **error) {
  const char *name = binary != NULL ? binary : env->qemu != NULL ? env->qemu : DEFAULT_BINARY;
  g_autofree char *found = g_find_program_in_path(name);
  if (found == NULL) {
    g_set_error(error, BERTH_ERROR, BERTH_ERROR_NOT_FOUND, "%s: no such program", name);
    return NULL;
  }
  return g_canonicalize_filename(found, NULL);
}

BerthFacts *berth_guest_probe_within(const BerthEnv *env, const char *binary, guint timeout_ms, GError **error) {
  g_autofree char *path = berth_guest_find_binary(env, binary, error);
  if (path == NULL)
    return NULL;
  struct stat file;
  if (stat(path, &file) != 0) {
    g_set_error(error, BERTH_ERROR, BERTH_ERROR_NOT_FOUND, "%s: %s", path, g_strerror(errno));
    return NULL;
  }
  g_autofree char *cache = cache_path(env, path);
  BerthFacts *facts = read_cache(cache, path, &file);
  if (facts != NULL)
    return facts;
  facts = ask_binary(path, &file, timeout_ms, error);
  if (facts != NULL)
    write_cache(cache, facts);
  return facts;
}

BerthFacts *berth_guest_probe(const BerthEnv *env, const char *binary, GError **error) {
  return berth_guest_probe_within(env, binary, BERTH_GUEST_PROBE_TIMEOUT_MS, error);
}

BerthFacts *berth_facts_probe(const BerthEnv *env, const char *binary, GError **error) {
  return berth_guest_probe(env, binary, error);
}
