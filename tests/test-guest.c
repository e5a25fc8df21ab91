/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* One QEMU: probed, launched, read back. Scripts stand in for QEMUs that die, hang or talk nonsense; places are read from a real
 * one, with a toy bus family. */
#include <errno.h>
#include <fcntl.h>
#include <glib/gstdio.h>
#include <signal.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/env.h"
#include "guest/control.h"
#include "guest/files.h"
#include "guest/launch.h"
#include "guest/plug.h"
#include "guest/probe.h"
#include "guest/readback.h"

#define SHORT_MS 300
#define LONG_MS 20000

/* --- the world -------------------------------------------------------------------------------------------------------- */

typedef struct {
  char *dir, *script, *count, *pid, *run_dir;
  BerthEnv *env;
} World;

static void world_set_up(World *world, gconstpointer data) {
  (void)data;
  world->dir = g_dir_make_tmp("berth-guest-XXXXXX", NULL);
  world->script = g_build_filename(world->dir, "qemu", NULL);
  world->count = g_build_filename(world->dir, "count", NULL);
  world->pid = g_build_filename(world->dir, "pid", NULL);
  world->run_dir = g_build_filename(world->dir, "run", NULL);
  world->env = berth_env_new();
  g_autofree char *state = g_build_filename(world->dir, "state", NULL);
  berth_env_set_state(world->env, state);
}

static void remove_tree(const char *path) {
  GDir *dir = g_dir_open(path, 0, NULL);
  const char *name = NULL;
  while (dir != NULL && (name = g_dir_read_name(dir)) != NULL) {
    g_autofree char *child = g_build_filename(path, name, NULL);
    remove_tree(child);
  }
  g_clear_pointer(&dir, g_dir_close);
  g_remove(path);
}

static void world_tear_down(World *world, gconstpointer data) {
  (void)data;
  remove_tree(world->dir);
  berth_env_free(world->env);
  g_free(world->dir);
  g_free(world->script);
  g_free(world->count);
  g_free(world->pid);
  g_free(world->run_dir);
}

/* Makes the world's QEMU a shell script, which notes its pid and that it ran. */
static void write_script(const World *world, const char *body) {
  g_autofree char *text = g_strdup_printf("#!/bin/sh\necho $$ > '%s'\necho x >> '%s'\n%s\n", world->pid, world->count, body);
  g_assert_true(g_file_set_contents(world->script, text, -1, NULL));
  g_assert_cmpint(g_chmod(world->script, 0700), ==, 0);
}

static guint times_run(const World *world) {
  g_autofree char *text = NULL;
  gsize length = 0;
  return g_file_get_contents(world->count, &text, &length, NULL) ? (guint)(length / 2) : 0;
}

static void assert_script_gone(const World *world) {
  g_autofree char *text = NULL;
  g_assert_true(g_file_get_contents(world->pid, &text, NULL, NULL));
  g_assert_cmpint(kill((pid_t)g_ascii_strtoll(text, NULL, 10), 0), ==, -1);
  g_assert_cmpint(errno, ==, ESRCH);
}

static void assert_says(const GError *error, int code, const char *part) {
  g_assert_error(error, BERTH_ERROR, code);
  if (strstr(error->message, part) == NULL)
    g_error("\"%s\" does not say \"%s\"", error->message, part);
  g_assert_null(strchr(error->message, '\n'));
}

/* The real QEMU; NULL: the test was skipped. (transfer full) */
static char *real_qemu(void) {
  const char *named = g_getenv("BERTH_QEMU");
  char *found = g_find_program_in_path(named != NULL && *named != '\0' ? named : "qemu-system-x86_64");
  if (found == NULL)
    g_test_skip("no qemu-system-x86_64 in PATH");
  return found;
}

/* --- probe ------------------------------------------------------------------------------------------------------------ */

static const char fake_qemu[] =
    "echo '{\"QMP\": {\"version\": {}, \"capabilities\": []}}'\n"
    "read l; echo '{\"return\": {}, \"id\": 0}'\n"
    "read l; echo '{\"return\": {\"qemu\": {\"major\": 9, \"minor\": 1, \"micro\": 2}, \"package\": \"\"}, \"id\": 1}'\n"
    "read l; echo '{\"return\": [{\"name\": \"pc-x-1.0\", \"alias\": \"pc\", \"deprecated\": true, \"cpu-max\": 7}, {\"name\": "
    "\"none\"}], \"id\": "
    "2}'\n"
    "read l; echo '{\"return\": [{\"name\": \"toy-nic\"}], \"id\": 3}'\n"
    "read l; echo '{\"return\": {}, \"id\": 4}'";

static void test_probe_real(World *world, gconstpointer data) {
  (void)data;
  g_autofree char *qemu = real_qemu();
  if (qemu == NULL)
    return;
  g_autoptr(GError) error = NULL;
  g_autoptr(BerthFacts) facts = berth_facts_probe(world->env, qemu, &error);
  g_assert_no_error(error);
  g_assert_cmpuint(facts->major, >=, 5);
  g_assert_true(g_path_is_absolute(facts->binary));
  g_assert_true(g_str_has_prefix(berth_facts_machine(facts, "pc"), "pc-i440fx-"));
  g_assert_true(g_str_has_prefix(berth_facts_machine(facts, "q35"), "pc-q35-"));
  g_assert_cmpstr(berth_facts_machine(facts, berth_facts_machine(facts, "q35")), ==, berth_facts_machine(facts, "q35"));
  g_assert_null(berth_facts_machine(facts, "pc-i440fx-0.1"));
  g_assert_true(berth_facts_has_device(facts, "virtio-net-pci"));
  g_assert_true(berth_facts_has_device(facts, "pcie-root-port"));
  g_assert_false(berth_facts_has_device(facts, "no-such-device"));
}

static BerthFacts *probe_script(const World *world) {
  g_autoptr(GError) error = NULL;
  BerthFacts *facts = berth_guest_probe(world->env, world->script, &error);
  g_assert_no_error(error);
  g_assert_cmpuint(facts->major, ==, 9);
  g_assert_cmpstr(berth_facts_machine(facts, "pc"), ==, "pc-x-1.0");
  g_assert_cmpstr(berth_facts_machine(facts, "none"), ==, "none");
  g_assert_true(g_hash_table_contains(facts->deprecated, "pc-x-1.0"));
  g_assert_cmpuint(berth_facts_max_vcpus(facts, "pc-x-1.0"), ==, 7);
  g_assert_true(berth_facts_has_device(facts, "toy-nic"));
  return facts;
}

static char *only_cache_file(const World *world) {
  g_autofree char *folder = g_build_filename(world->env->cache_dir, "facts", NULL);
  g_autoptr(GDir) dir = g_dir_open(folder, 0, NULL);
  g_assert_nonnull(dir);
  const char *name = g_dir_read_name(dir);
  g_assert_nonnull(name);
  char *path = g_build_filename(folder, name, NULL);
  g_assert_null(g_dir_read_name(dir));
  return path;
}

static void test_probe_cache(World *world, gconstpointer data) {
  (void)data;
  write_script(world, fake_qemu);
  g_autoptr(BerthFacts) asked = probe_script(world);
  g_assert_cmpuint(times_run(world), ==, 1);
  g_autoptr(BerthFacts) cached = probe_script(world);
  g_assert_cmpuint(times_run(world), ==, 1);
  g_autofree char *a = berth_facts_to_json(asked), *b = berth_facts_to_json(cached);
  g_assert_cmpstr(a, ==, b);
  /* Another mtime, one nanosecond away. */
  struct stat file;
  g_assert_cmpint(stat(world->script, &file), ==, 0);
  struct timespec times[2] = {file.st_atim, file.st_mtim};
  times[1].tv_nsec = (times[1].tv_nsec + 1) % 1000000000;
  g_assert_cmpint(utimensat(AT_FDCWD, world->script, times, 0), ==, 0);
  g_autoptr(BerthFacts) newer = probe_script(world);
  g_assert_cmpuint(times_run(world), ==, 2);
  /* Corrupt caches. */
  static const char *const corrupt[] = {"", "{", "[]", "{\"berth-facts\": 2}", "\xff\xfe"};
  g_autofree char *path = only_cache_file(world);
  for (gsize i = 0; i < G_N_ELEMENTS(corrupt); i++) {
    g_assert_true(g_file_set_contents(path, corrupt[i], -1, NULL));
    g_autoptr(BerthFacts) again = probe_script(world);
    g_assert_cmpuint(times_run(world), ==, 3 + i);
  }
}

static void test_probe_without_cache(World *world, gconstpointer data) {
  (void)data;
  write_script(world, fake_qemu);
  g_assert_cmpint(g_mkdir_with_parents(world->env->state_dir, 0700), ==, 0);
  g_assert_true(g_file_set_contents(world->env->cache_dir, "not a folder", -1, NULL));
  g_autoptr(BerthFacts) first = probe_script(world);
  g_autoptr(BerthFacts) second = probe_script(world);
  g_assert_cmpuint(times_run(world), ==, 2);
}

typedef struct {
  const char *name;
  const char *script;
  const char *message; /* behind the path of the script */
} BadQemu;

static const BadQemu bad_probes[] = {
    {"dies", "echo 'libfoo.so.1: cannot open' >&2; echo 'no luck' >&2; exit 1",
     ": died while it was asked what it offers (exit status 1): libfoo.so.1: cannot open; no luck"},
    {"dies-silently", "kill -9 $$", ": died while it was asked what it offers (signal 9 (Killed))"},
    {"dies-half-way", "echo '{\"QMP\": {}}'; read l; echo oops >&2", "(exit status 0): oops"},
    {"never-answers", "sleep 60", " did not greet within 0.3 s"},
    {"stops-answering", "echo '{\"QMP\": {}}'; sleep 60", " did not answer within 0."},
    {"talks-nonsense", "echo 'QEMU 7.2 monitor - type help'; sleep 60", " sent a line that is not JSON"},
    {"answers-with-something-else",
     "echo '{\"QMP\": {}}'; read l; echo '{\"return\": {}, \"id\": 0}'; read l; echo '{\"return\": [], \"id\": 1}'; sleep 60",
     " answered \"query-version\" with something else"},
};

static void test_bad_probe(World *world, gconstpointer data) {
  const BadQemu *bad = data;
  g_autoptr(GError) error = NULL;
  write_script(world, bad->script);
  g_assert_null(berth_guest_probe_within(world->env, world->script, SHORT_MS, &error));
  assert_says(error, BERTH_ERROR_FAILED, bad->message);
  g_assert_true(g_str_has_prefix(error->message, world->script));
  assert_script_gone(world);
  g_assert_false(g_file_test(world->env->cache_dir, G_FILE_TEST_EXISTS));
}

static void test_probe_missing(World *world, gconstpointer data) {
  (void)data;
  g_autoptr(GError) error = NULL;
  g_assert_null(berth_guest_probe(world->env, "/nonexistent/qemu", &error));
  assert_says(error, BERTH_ERROR_NOT_FOUND, "/nonexistent/qemu: no such program");
  g_clear_error(&error);
  berth_env_set_qemu(world->env, "no-such-qemu-in-path");
  g_assert_null(berth_guest_probe(world->env, NULL, &error));
  assert_says(error, BERTH_ERROR_NOT_FOUND, "no-such-qemu-in-path: no such program");
}

/* --- launch ----------------------------------------------------------------------------------------------------------- */

static BerthQemu *bare_guest(const char *binary, const char *machine) {
  BerthQemu *qemu = berth_model_qemu_new(binary);
  berth_model_qemu_option(qemu, "-machine", machine);
  berth_model_qemu_option(qemu, "-accel", "tcg");
  berth_model_qemu_option(qemu, "-m", "64");
  berth_model_qemu_option(qemu, "-display", "none");
  return qemu;
}

static const BadQemu bad_launches[] = {
    {"dies", "echo \"$0: -device foo: no such device\" >&2; printf 'second\\n\\n' >&2; exit 1",
     ": -device foo: no such device; second"},
    {"dies-silently", "exit 0", ": died at start (exit status 0)"},
    {"never-answers", "sleep 60", ": opened no monitor within the time limit"},
};

static void test_bad_launch(World *world, gconstpointer data) {
  const BadQemu *bad = data;
  g_autoptr(GError) error = NULL;
  write_script(world, bad->script);
  g_autoptr(BerthQemu) qemu = bare_guest(world->script, "pc");
  BerthLaunch launch = {.run_dir = world->run_dir, .timeout_ms = SHORT_MS};
  BerthQmp *events = NULL;
  g_assert_null(berth_guest_launch(qemu, &launch, &events, &error));
  assert_says(error, BERTH_ERROR_FAILED, bad->message);
  g_assert_null(events);
  assert_script_gone(world);
  g_assert_false(g_file_test(world->run_dir, G_FILE_TEST_EXISTS));
}

static void test_launch_missing(World *world, gconstpointer data) {
  (void)data;
  g_autoptr(GError) error = NULL;
  g_autoptr(BerthQemu) qemu = bare_guest("/nonexistent/qemu", "pc");
  BerthLaunch launch = {.run_dir = world->run_dir};
  BerthQmp *events = NULL;
  g_assert_null(berth_guest_launch(qemu, &launch, &events, &error));
  assert_says(error, BERTH_ERROR_NOT_FOUND, "/nonexistent/qemu: no such program");
  g_assert_false(g_file_test(world->run_dir, G_FILE_TEST_EXISTS));
}

static void test_launch_long_path(World *world, gconstpointer data) {
  (void)data;
  g_autoptr(GError) error = NULL;
  g_autofree char *name = g_strnfill(100, 'x');
  g_autofree char *run_dir = g_build_filename(world->dir, name, NULL);
  write_script(world, "exit 0");
  g_autoptr(BerthQemu) qemu = bare_guest(world->script, "pc");
  BerthLaunch launch = {.run_dir = run_dir};
  BerthQmp *events = NULL;
  g_assert_null(berth_guest_launch(qemu, &launch, &events, &error));
  assert_says(error, BERTH_ERROR_FAILED, "107 bytes at most");
  g_assert_cmpuint(times_run(world), ==, 0);
  g_assert_false(g_file_test(run_dir, G_FILE_TEST_EXISTS));
}

static void test_launch_hostile_folder(World *world, gconstpointer data) {
  (void)data;
  g_autoptr(GError) error = NULL;
  write_script(world, "exit 0");
  g_assert_cmpint(symlink(world->dir, world->run_dir), ==, 0);
  g_autoptr(BerthQemu) qemu = bare_guest(world->script, "pc");
  BerthLaunch launch = {.run_dir = world->run_dir};
  BerthQmp *events = NULL;
  g_assert_null(berth_guest_launch(qemu, &launch, &events, &error));
  assert_says(error, BERTH_ERROR_FAILED, "is not a folder of this user");
  g_assert_cmpuint(times_run(world), ==, 0);
}

static void assert_mode(const char *path, guint mode) {
  struct stat file;
  g_assert_cmpint(lstat(path, &file), ==, 0);
  g_assert_cmphex(file.st_mode & 0777, ==, mode);
}

/* Each file once; what is written, and what QEMU would make; neither sockets, nor sources of randomness, nor the network. */
static void test_files(World *world, gconstpointer data) {
  static const struct {
    BerthQemuForm form;
    const char *props;
  } objects[] = {
      {BERTH_QEMU_BLOCKDEV, "{'driver': 'file', 'filename': '/cd', 'read-only': true}"},
      {BERTH_QEMU_BLOCKDEV, "{'driver': 'qcow2', 'file': {'driver': 'file', 'filename': '/disk'},"
                            " 'backing': {'driver': 'raw', 'file': {'driver': 'file', 'filename': '/base'}}}"},
      {BERTH_QEMU_BLOCKDEV, "{'driver': 'https', 'url': 'https://x/y'}"},
      {BERTH_QEMU_CHARDEV, "{'id': 'a', 'backend': {'type': 'file', 'data': {'out': '/log', 'logfile': '/cd'}}}"},
      {BERTH_QEMU_CHARDEV, "{'id': 'b', 'backend': {'type': 'socket', 'data': {'addr': {'data': {'path': '/sock'}}}}}"},
      {BERTH_QEMU_OBJECT, "{'qom-type': 'rng-random', 'id': 'r', 'filename': '/dev/urandom'}"},
      {BERTH_QEMU_DEVICE, "{'driver': 'x', 'hostbus': 1, 'hostaddr': 12}"},
  };
  static const struct {
    const char *path;
    gboolean write, make;
  } expected[] = {{"/kernel", FALSE, FALSE}, {"/cd", TRUE, TRUE},  {"/disk", TRUE, FALSE},
                  {"/base", FALSE, FALSE},   {"/log", TRUE, TRUE}, {"/dev/bus/usb/001/012", TRUE, FALSE}};
  g_autoptr(BerthQemu) qemu = berth_model_qemu_new("qemu");
  berth_model_qemu_option(qemu, "-kernel", "/kernel");
  for (gsize i = 0; i < G_N_ELEMENTS(objects); i++) {
    g_autofree char *json = g_strdelimit(g_strdup(objects[i].props), "'", '"');
    g_autoptr(json_object) node = berth_json_parse(json, -1, NULL);
    json_object *props = berth_model_qemu_add(qemu, objects[i].form);
    json_object_object_foreach(node, name, value) {
      berth_json_set(props, name, json_object_get(value));
    }
  }
  g_autoptr(GPtrArray) files = berth_guest_files(qemu);
  g_assert_cmpuint(files->len, ==, G_N_ELEMENTS(expected));
  for (guint i = 0; i < files->len; i++) {
    const BerthGuestFile *file = g_ptr_array_index(files, i);
    g_assert_cmpstr(file->path, ==, expected[i].path);
    g_assert_cmpint(file->write, ==, expected[i].write);
    g_assert_cmpint(file->make, ==, expected[i].make);
  }
}

static void test_arguments(World *world, gconstpointer data) {
  (void)data;
  g_autoptr(GError) error = NULL;
  g_autoptr(BerthQemu) qemu = bare_guest("/bin/qemu", "q35");
  g_auto(GStrv) argv = berth_guest_arguments(qemu, "/run/a,b", &error);
  g_assert_no_error(error);
  g_assert_cmpstr(argv[0], ==, "/bin/qemu");
  const char *const *all = (const char *const *)argv;
  g_assert_true(g_strv_contains(all, "-S") && g_strv_contains(all, "-nodefaults") && g_strv_contains(all, "-no-user-config"));
  g_assert_true(g_strv_contains(all, "on,obsolete=deny,elevateprivileges=deny,spawn=deny,resourcecontrol=deny"));
  g_assert_true(g_strv_contains(all, "socket,id=events,path=/run/a,,b/events.qmp,server=on,wait=off"));
  g_assert_true(g_strv_contains(all, "chardev=control,mode=control"));
  g_assert_true(g_strv_contains(all, "q35"));
  g_assert_false(g_strv_contains(all + 1, "/bin/qemu"));
  g_assert_null(berth_guest_arguments(qemu, "/run/a\nb", &error));
  g_assert_error(error, BERTH_ERROR, BERTH_ERROR_BAD_INPUT);
}

static BerthProcess *launch_real(const World *world, const BerthQemu *qemu, BerthQmp **events) {
  g_autoptr(GError) error = NULL;
  BerthLaunch launch = {.run_dir = world->run_dir};
  BerthProcess *process = berth_guest_launch(qemu, &launch, events, &error);
  g_assert_no_error(error);
  return process;
}

static void test_launch_real(World *world, gconstpointer data) {
  (void)data;
  g_autofree char *binary = real_qemu();
  if (binary == NULL)
    return;
  g_autoptr(GError) error = NULL;
  g_autoptr(BerthQemu) qemu = bare_guest(binary, "q35");
  g_autoptr(BerthQmp) events = NULL;
  g_autoptr(BerthProcess) process = launch_real(world, qemu, &events);
  g_autofree char *log = berth_guest_log_path(world->run_dir);
  g_autofree char *control_path = berth_guest_control_path(world->run_dir);
  assert_mode(world->run_dir, 0700);
  assert_mode(log, 0600);
  g_autofree char *before = berth_guest_status(events, &error);
  g_assert_cmpstr(before, ==, "prelaunch");
  /* The other monitor serves commands at the same time; the first sees what they do. */
  g_autoptr(BerthQmp) control = berth_qmp_connect(control_path, LONG_MS, &error);
  g_assert_no_error(error);
  g_assert_true(berth_guest_cont(control, &error));
  g_autofree char *after = berth_guest_status(control, &error);
  g_assert_cmpstr(after, ==, "running");
  g_autoptr(json_object) resumed = berth_qmp_event(events, LONG_MS, &error);
  g_assert_cmpstr(berth_json_member_string(resumed, "event"), ==, "RESUME");
  g_assert_true(berth_guest_powerdown(control, &error));
  /* A monitor that is in use does not greet. */
  g_assert_null(berth_qmp_connect(control_path, SHORT_MS, &error));
  assert_says(error, BERTH_ERROR_FAILED, "did not greet");
  g_clear_error(&error);
  g_assert_true(berth_guest_quit(control, &error));
  g_assert_true(berth_host_process_wait(process, LONG_MS, &error));
  g_assert_no_error(error);
  berth_guest_clean(world->run_dir);
  g_assert_false(g_file_test(world->run_dir, G_FILE_TEST_EXISTS));
}

static void test_launch_unknown_machine(World *world, gconstpointer data) {
  (void)data;
  g_autofree char *binary = real_qemu();
  if (binary == NULL)
    return;
  g_autoptr(GError) error = NULL;
  g_autoptr(BerthQemu) qemu = bare_guest(binary, "pc-i440fx-0.1");
  BerthLaunch launch = {.run_dir = world->run_dir};
  BerthQmp *events = NULL;
  g_assert_null(berth_guest_launch(qemu, &launch, &events, &error));
  assert_says(error, BERTH_ERROR_FAILED, "died at start (exit status 1): ");
  g_assert_nonnull(strstr(error->message, "unsupported machine type"));
  g_assert_false(g_file_test(world->run_dir, G_FILE_TEST_EXISTS));
}

/* --- read-back -------------------------------------------------------------------------------------------------------- */

/* A toy: bus N is "pci.N" or "pcie.N", the root bus 0, and the address is what QEMU calls addr. */
static gboolean toy_locate(const BerthInventory *inventory, const BerthDevice *device, const BerthReadBack *answer,
                           BerthAddress *address) {
  (void)inventory;
  (void)device;
  const char *dot = answer->parent_bus != NULL ? strrchr(answer->parent_bus, '.') : NULL;
  if ((dot == NULL && !answer->on_root) || !json_object_object_get_ex(answer->values, "addr", NULL))
    return FALSE;
  guint addr = (guint)berth_json_member_int(answer->values, "addr", 0);
  *address = berth_model_address_pci(answer->on_root ? 0 : (guint)g_ascii_strtoull(dot + 1, NULL, 10), addr >> 3, addr & 7);
  return TRUE;
}

static const char *const toy_properties[] = {"addr", "romfile", "no-such-property", NULL};
static const BerthFamily toy_families[] = {
    {.type = BERTH_ADDRESS_DRIVE}, /* cannot be read back */
    {.type = BERTH_ADDRESS_PCI, .read_back = toy_properties, .locate = toy_locate},
    {.type = BERTH_ADDRESS_NONE},
};
static const BerthElement toy_element = {.id = BERTH_OTHER, .name = "toy"};

static void add_device(BerthInventory *inventory, const char *id, guint bus, guint slot, guint function) {
  BerthDevice *device = berth_model_device_new(&toy_element, NULL);
  device->id = g_strdup(id);
  device->address = berth_model_address_pci(bus, slot, function);
  g_ptr_array_add(inventory->devices, device);
}

/* -device @driver with id @id (NULL: none) at @bus, @addr; @extra and @value: one property more. */
static void put_device(BerthQemu *qemu, const char *driver, const char *id, const char *bus, const char *addr) {
  json_object *props = berth_model_qemu_add(qemu, BERTH_QEMU_DEVICE);
  berth_json_set_string(props, "driver", driver);
  if (id != NULL)
    berth_json_set_string(props, "id", id);
  berth_json_set_string(props, "bus", bus);
  berth_json_set_string(props, "addr", addr);
  if (g_str_equal(driver, "pcie-root-port"))
    berth_json_set_int(props, "chassis", 1);
  if (g_str_equal(driver, "ich9-usb-uhci1")) {
    berth_json_set_string(props, "masterbus", "usb.0");
    berth_json_set_int(props, "firstport", 0);
  }
  if (g_str_has_prefix(driver, "ich9-usb"))
    berth_json_set_boolean(props, "multifunction", TRUE);
}

static void assert_place(const GPtrArray *places, guint i, const char *id, const char *state, const char *actual) {
  g_assert_cmpuint(i, <, places->len);
  const BerthPlace *place = places->pdata[i];
  g_autofree char *where = place->actual.type != BERTH_ADDRESS_NONE ? berth_model_address_to_string(&place->actual) : g_strdup("");
  g_assert_cmpstr(place->id, ==, id);
  g_assert_cmpstr(berth_guest_place_state_name(place->state), ==, state);
  g_assert_cmpstr(where, ==, actual);
}

/* Starts @qemu, reads it back twice: stopped, and again after firmware has begun to number buses. (transfer full) */
static GPtrArray *read_guest(const World *world, const BerthQemu *qemu, const BerthInventory *inventory) {
  g_autoptr(GError) error = NULL;
  g_autoptr(BerthQmp) events = NULL;
  g_autoptr(BerthProcess) process = launch_real(world, qemu, &events);
  GPtrArray *places = berth_guest_read_back(events, inventory, toy_families, NULL, LONG_MS, &error);
  g_assert_no_error(error);
  g_assert_true(berth_guest_cont(events, &error));
  g_usleep(300000);
  g_autoptr(GPtrArray) later = berth_guest_read_back(events, inventory, toy_families, NULL, LONG_MS, &error);
  g_assert_no_error(error);
  g_assert_cmpuint(later->len, ==, places->len);
  for (guint i = 0; i < places->len; i++)
    g_assert_cmpint(((BerthPlace *)places->pdata[i])->state, ==, ((BerthPlace *)later->pdata[i])->state);
  g_assert_true(berth_guest_quit(events, &error));
  g_assert_true(berth_host_process_wait(process, LONG_MS, &error));
  berth_guest_clean(world->run_dir);
  return places;
}

/* What the record says: a NIC on the root bus, one behind a port, the chipset's SATA, a USB controller with its companion. */
static BerthInventory *q35_inventory(void) {
  BerthInventory *inventory = berth_model_inventory_new(NULL, &toy_element);
  add_device(inventory, "net0", 0, 3, 0);
  add_device(inventory, "pci.1", 0, 2, 0);
  add_device(inventory, "net1", 1, 0, 0);
  add_device(inventory, "sata0", 0, 0x1f, 2);
  add_device(inventory, "usb", 0, 0x1d, 0);
  add_device(inventory, "usb", 0, 0x1d, 7);
  return inventory;
}

static BerthQemu *q35_guest(const char *binary, const char *net0_addr, const char *net1_bus, const char *net1_addr) {
  BerthQemu *qemu = bare_guest(binary, "q35");
  put_device(qemu, "pcie-root-port", "pci.1", "pcie.0", "0x2");
  put_device(qemu, "virtio-net-pci", "net0", "pcie.0", net0_addr);
  put_device(qemu, "e1000e", "net1", net1_bus, net1_addr);
  put_device(qemu, "ich9-usb-ehci1", "usb", "pcie.0", "0x1d.0x7");
  put_device(qemu, "ich9-usb-uhci1", NULL, "pcie.0", "0x1d");
  return qemu;
}

static void test_read_back(World *world, gconstpointer data) {
  (void)data;
  g_autofree char *binary = real_qemu();
  if (binary == NULL)
    return;
  g_autoptr(BerthInventory) inventory = q35_inventory();
  g_autoptr(BerthQemu) qemu = q35_guest(binary, "0x3", "pci.1", "0x0");
  g_autoptr(GPtrArray) places = read_guest(world, qemu, inventory);
  g_assert_cmpuint(places->len, ==, 6);
  assert_place(places, 0, "net0", "ok", "pci 0000:00:03.0");
  assert_place(places, 1, "pci.1", "ok", "pci 0000:00:02.0");
  assert_place(places, 2, "net1", "ok", "pci 0000:01:00.0");
  assert_place(places, 3, "sata0", "ok", "pci 0000:00:1f.2");
  assert_place(places, 4, "usb", "ok", "pci 0000:00:1d.0");
  assert_place(places, 5, "usb", "ok", "pci 0000:00:1d.7");
  g_assert_cmpstr(((BerthPlace *)places->pdata[2])->bus, ==, "pci.1");
  g_assert_false(berth_guest_places_drift(places));
}

static void test_moved_on_root(World *world, gconstpointer data) {
  (void)data;
  g_autofree char *binary = real_qemu();
  if (binary == NULL)
    return;
  g_autoptr(BerthInventory) inventory = q35_inventory();
  g_autoptr(BerthQemu) qemu = q35_guest(binary, "0x4", "pci.1", "0x0");
  g_autoptr(GPtrArray) places = read_guest(world, qemu, inventory);
  assert_place(places, 0, "net0", "moved", "pci 0000:00:04.0");
  assert_place(places, 2, "net1", "ok", "pci 0000:01:00.0");
  g_assert_true(berth_guest_places_drift(places));
}

static void test_moved_behind_bridge(World *world, gconstpointer data) {
  (void)data;
  g_autofree char *binary = real_qemu();
  if (binary == NULL)
    return;
  g_autoptr(BerthInventory) inventory = q35_inventory();
  g_autoptr(BerthQemu) qemu = q35_guest(binary, "0x3", "pci.1", "0x0.0x1");
  g_autoptr(GPtrArray) places = read_guest(world, qemu, inventory);
  assert_place(places, 2, "net1", "moved", "pci 0000:01:00.1");
  g_assert_true(berth_guest_places_drift(places));
  /* From behind the bridge to the root bus. */
  g_autoptr(BerthQemu) other = q35_guest(binary, "0x3", "pcie.0", "0x5");
  g_autoptr(GPtrArray) again = read_guest(world, other, inventory);
  assert_place(again, 2, "net1", "moved", "pci 0000:00:05.0");
}

static void test_missing_and_extra(World *world, gconstpointer data) {
  (void)data;
  g_autofree char *binary = real_qemu();
  if (binary == NULL)
    return;
  g_autoptr(BerthInventory) inventory = berth_model_inventory_new(NULL, &toy_element);
  add_device(inventory, "ide", 0, 1, 1);    /* the machine's own */
  add_device(inventory, "net0", 0, 3, 0);   /* there is a device without id in its place */
  add_device(inventory, "net1", 0, 4, 0);   /* nothing is there */
  add_device(inventory, "video0", 0, 5, 0); /* the address is another family's, below */
  add_device(inventory, "sound0", 0, 6, 0);
  ((BerthDevice *)inventory->devices->pdata[3])->address = (BerthAddress){.type = BERTH_ADDRESS_DRIVE};
  g_autoptr(BerthQemu) qemu = bare_guest(binary, "pc");
  put_device(qemu, "e1000", NULL, "pci.0", "0x3");
  put_device(qemu, "VGA", "video0", "pci.0", "0x5");
  put_device(qemu, "intel-hda", "sound0", "pci.0", "0x6");
  put_device(qemu, "virtio-rng-pci", "rng0-1", "pci.0", "0x7");
  put_device(qemu, "virtio-rng-pci", "sound0-fake", "pci.0", "0x8");
  g_autoptr(GPtrArray) places = read_guest(world, qemu, inventory);
  assert_place(places, 0, "ide", "ok", "pci 0000:00:01.1");
  assert_place(places, 1, "net0", "missing", "");
  assert_place(places, 2, "net1", "missing", "");
  assert_place(places, 3, "sound0", "ok", "pci 0000:00:06.0");
  assert_place(places, 4, "rng0-1", "extra", "");
  assert_place(places, 5, "sound0-fake", "extra", "");
  assert_place(places, 6, "device[0]", "extra", "");
  g_assert_cmpuint(places->len, ==, 7);
}

static void count(gpointer data) {
  ++*(guint *)data;
}

/* One device alone, as after it was plugged: index @i of @inventory is "@state" there, at @actual. */
static void assert_one(BerthQmp *qmp, const BerthInventory *inventory, guint i, const char *id, const char *state,
                       const char *actual) {
  g_autoptr(GError) error = NULL;
  g_autoptr(GPtrArray) places = g_ptr_array_new_with_free_func((GDestroyNotify)berth_guest_place_free);
  guint calls = 0;
  BerthPlace *place = berth_guest_read_back_one(qmp, inventory, i, toy_families, count, &calls, LONG_MS, &error);
  g_assert_no_error(error);
  g_assert_cmpuint(calls, ==, g_str_equal(state, "builtin") ? 0 : 1);
  g_assert_cmpint(place->device, ==, (int)i);
  g_ptr_array_add(places, place);
  assert_place(places, 0, id, state, actual);
}

static void test_one_alone(World *world, gconstpointer data) {
  (void)data;
  g_autofree char *binary = real_qemu();
  if (binary == NULL)
    return;
  g_autoptr(GError) error = NULL;
  g_autoptr(BerthQmp) events = NULL;
  g_autoptr(BerthInventory) inventory = q35_inventory();
  add_device(inventory, "absent", 0, 9, 0);
  add_device(inventory, "pci.1", 0, 2, 0);
  ((BerthDevice *)inventory->devices->pdata[7])->address = (BerthAddress){.type = BERTH_ADDRESS_DRIVE};
  g_autoptr(BerthQemu) qemu = q35_guest(binary, "0x4", "pci.1", "0x0");
  g_autoptr(BerthProcess) process = launch_real(world, qemu, &events);
  assert_one(events, inventory, 0, "net0", "moved", "pci 0000:00:04.0");
  assert_one(events, inventory, 1, "pci.1", "ok", "pci 0000:00:02.0");
  assert_one(events, inventory, 2, "net1", "ok", "pci 0000:01:00.0");
  assert_one(events, inventory, 6, "absent", "missing", "");
  assert_one(events, inventory, 7, "pci.1", "builtin", ""); /* the address is of a family that is not read back */
  g_assert_true(berth_guest_quit(events, &error));
  g_assert_true(berth_host_process_wait(process, LONG_MS, &error));
  g_assert_null(berth_guest_read_back_one(events, inventory, 0, toy_families, NULL, NULL, SHORT_MS, &error));
  g_assert_error(error, BERTH_ERROR, BERTH_ERROR_FAILED);
  berth_guest_clean(world->run_dir);
}

static void test_part_is_not_extra(World *world, gconstpointer data) {
  (void)data;
  g_autofree char *binary = real_qemu();
  if (binary == NULL)
    return;
  g_autoptr(BerthInventory) inventory = berth_model_inventory_new(NULL, &toy_element);
  add_device(inventory, "sound0", 0, 6, 0);
  g_autoptr(BerthQemu) qemu = bare_guest(binary, "pc");
  json_object *audio = berth_model_qemu_option(qemu, "-audiodev", "none");
  berth_json_set_string(audio, "id", "audio0");
  put_device(qemu, "intel-hda", "sound0", "pci.0", "0x6");
  json_object *codec = berth_model_qemu_add(qemu, BERTH_QEMU_DEVICE);
  berth_json_set_string(codec, "driver", "hda-duplex");
  berth_json_set_string(codec, "id", "sound0-codec0");
  berth_json_set_string(codec, "bus", "sound0.0");
  berth_json_set_string(codec, "audiodev", "audio0");
  g_autoptr(GPtrArray) places = read_guest(world, qemu, inventory);
  g_assert_cmpuint(places->len, ==, 1);
  g_assert_false(berth_guest_places_drift(places));
}

static void test_machine_without_pci(World *world, gconstpointer data) {
  (void)data;
  g_autofree char *binary = real_qemu();
  if (binary == NULL)
    return;
  g_autoptr(BerthInventory) inventory = berth_model_inventory_new(NULL, &toy_element);
  add_device(inventory, "net0", 0, 3, 0);
  g_autoptr(BerthQemu) qemu = bare_guest(binary, "isapc");
  berth_model_qemu_option(qemu, "-cpu", "486");
  g_autoptr(GPtrArray) places = read_guest(world, qemu, inventory);
  assert_place(places, 0, "net0", "missing", "");
}

static void test_dies_while_read(World *world, gconstpointer data) {
  (void)data;
  g_autofree char *binary = real_qemu();
  if (binary == NULL)
    return;
  g_autoptr(GError) error = NULL;
  g_autoptr(BerthInventory) inventory = q35_inventory();
  g_autoptr(BerthQemu) qemu = q35_guest(binary, "0x3", "pci.1", "0x0");
  g_autoptr(BerthQmp) events = NULL;
  g_autoptr(BerthProcess) process = launch_real(world, qemu, &events);
  /* Stopped, it answers nothing: the limit is for the whole. */
  g_assert_true(berth_host_process_kill(process, SIGSTOP, NULL));
  g_assert_null(berth_guest_read_back(events, inventory, toy_families, NULL, SHORT_MS, &error));
  assert_says(error, BERTH_ERROR_FAILED, "did not answer within");
  g_clear_error(&error);
  g_assert_true(berth_host_process_end(process, NULL));
  g_assert_null(berth_guest_read_back(events, inventory, toy_families, NULL, LONG_MS, &error));
  g_assert_error(error, BERTH_ERROR, BERTH_ERROR_FAILED);
  g_assert_nonnull(berth_qmp_broken(events));
  berth_guest_clean(world->run_dir);
}

/* --- devices that go -------------------------------------------------------------------------------------------------- */

static void test_unplug_events(void) {
  static const struct {
    const char *event, *data;
    BerthUnplug means;
  } said[] = {
      {"DEVICE_DELETED", "{'device': 'd', 'path': '/machine/peripheral/d'}", BERTH_UNPLUG_DONE},
      {"DEVICE_DELETED", "{'path': '/machine/peripheral/d/virtio-backend'}", BERTH_UNPLUG_WAITING},
      {"DEVICE_UNPLUG_GUEST_ERROR", "{'device': 'd', 'path': '/machine/peripheral/d'}", BERTH_UNPLUG_REFUSED},
      {"MEM_UNPLUG_ERROR", "{'device': 'd', 'msg': 'busy'}", BERTH_UNPLUG_REFUSED},
      {"ACPI_DEVICE_OST", "{'info': {'device': 'd', 'slot': '0', 'slot-type': 'DIMM', 'source': 3, 'status': 1}}",
       BERTH_UNPLUG_REFUSED},
      {"ACPI_DEVICE_OST", "{'info': {'device': 'd', 'source': 3, 'status': 2}}", BERTH_UNPLUG_REFUSED},
      {"ACPI_DEVICE_OST", "{'info': {'device': 'd', 'source': 259, 'status': 128}}", BERTH_UNPLUG_REFUSED},
      {"ACPI_DEVICE_OST", "{'info': {'device': 'd', 'source': 3, 'status': 131}}", BERTH_UNPLUG_REFUSED},
      {"ACPI_DEVICE_OST", "{'info': {'device': 'd', 'source': 3, 'status': 132}}", BERTH_UNPLUG_WAITING},
      {"ACPI_DEVICE_OST", "{'info': {'device': 'd', 'source': 3, 'status': 0}}", BERTH_UNPLUG_WAITING},
      {"ACPI_DEVICE_OST", "{'info': {'device': 'd', 'source': 1, 'status': 1}}", BERTH_UNPLUG_WAITING},
      {"ACPI_DEVICE_OST", "{'info': {'device': 'd', 'source': 512, 'status': 129}}", BERTH_UNPLUG_WAITING},
      {"ACPI_DEVICE_OST", "{'info': {'slot': '0', 'slot-type': 'DIMM', 'source': 3, 'status': 1}}", BERTH_UNPLUG_WAITING},
      {"ACPI_DEVICE_OST", "{'device': 'd', 'source': 3, 'status': 1}", BERTH_UNPLUG_WAITING},
      {"RESUME", "{}", BERTH_UNPLUG_WAITING},
  };
  for (gsize i = 0; i < G_N_ELEMENTS(said); i++) {
    const char *id = NULL;
    g_autofree char *json = g_strdelimit(g_strdup(said[i].data), "'", '"');
    g_autoptr(json_object) data = berth_json_parse(json, -1, NULL);
    g_assert_cmpint(berth_guest_unplug_event(said[i].event, data, &id), ==, said[i].means);
    if (said[i].means != BERTH_UNPLUG_WAITING)
      g_assert_cmpstr(id, ==, "d");
  }
}

#define ADD(path, func) g_test_add(path, World, NULL, world_set_up, func, world_tear_down)

int main(int argc, char **argv) {
  g_test_init(&argc, &argv, NULL);
  ADD("/guest/probe/real", test_probe_real);
  ADD("/guest/probe/cache-spares-the-question", test_probe_cache);
  ADD("/guest/probe/works-without-cache", test_probe_without_cache);
  ADD("/guest/probe/no-such-program", test_probe_missing);
  for (gsize i = 0; i < G_N_ELEMENTS(bad_probes); i++) {
    g_autofree char *path = g_strconcat("/guest/probe/bad/", bad_probes[i].name, NULL);
    g_test_add(path, World, &bad_probes[i], world_set_up, test_bad_probe, world_tear_down);
  }
  ADD("/guest/files/each-once", test_files);
  ADD("/guest/launch/arguments", test_arguments);
  ADD("/guest/launch/real", test_launch_real);
  ADD("/guest/launch/unknown-machine", test_launch_unknown_machine);
  ADD("/guest/launch/no-such-program", test_launch_missing);
  ADD("/guest/launch/long-path", test_launch_long_path);
  ADD("/guest/launch/hostile-folder", test_launch_hostile_folder);
  for (gsize i = 0; i < G_N_ELEMENTS(bad_launches); i++) {
    g_autofree char *path = g_strconcat("/guest/launch/bad/", bad_launches[i].name, NULL);
    g_test_add(path, World, &bad_launches[i], world_set_up, test_bad_launch, world_tear_down);
  }
  ADD("/guest/read-back/in-place", test_read_back);
  ADD("/guest/read-back/moved-on-the-root-bus", test_moved_on_root);
  ADD("/guest/read-back/moved-behind-a-bridge", test_moved_behind_bridge);
  ADD("/guest/read-back/missing-and-extra", test_missing_and_extra);
  ADD("/guest/read-back/part-of-a-device-is-not-extra", test_part_is_not_extra);
  ADD("/guest/read-back/one-alone", test_one_alone);
  ADD("/guest/read-back/machine-without-pci", test_machine_without_pci);
  ADD("/guest/read-back/time-limit-and-death", test_dies_while_read);
  g_test_add_func("/guest/unplug/events", test_unplug_events);
  return g_test_run();
}
