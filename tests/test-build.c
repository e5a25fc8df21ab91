/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Domain → arguments. A folder of tests/golden/command is one case: domain.xml, argv (one argument a line), around (files, helpers,
 * needs …; none: there is nothing) and, where this machine cannot start it, no-start with the reason. --accept or BERTH_ACCEPT=1
 * rewrites argv and around. Images are named relative to the
 * folder that the test makes.
 */
#include <gio/gio.h>
#include <glib/gstdio.h>
#include <string.h>
#include <unistd.h>

#include "assign/engine.h"
#include "document/document.h"
#include "emit/emit.h"
#include "facts/facts.h"
#include "facts/host.h"
#include "families/families.h"
#include "kinds/kinds.h"

#define UUID "11111111-2222-3333-4444-555555555555"
#define QEMU "qemu-system-x86_64"
#define TIME_LIMIT 60

static const BerthTables tables = {berth_kinds_elements, berth_kinds_classify, berth_families};

typedef struct {
  BerthXmlDocument *document;
  BerthPlan *plan;
} Guest;

static void guest_clear(Guest *guest) {
  g_clear_pointer(&guest->plan, berth_plan_free);
  g_clear_pointer(&guest->document, berth_xml_document_free);
}
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(Guest, guest_clear)

static gboolean guest_init(Guest *guest, const char *xml, GError **error) {
  g_autoptr(GBytes) bytes = g_bytes_new(xml, strlen(xml));
  BerthPlanOptions options = {.uuid = UUID};
  guest->document = berth_xml_document_parse(bytes, "domain.xml", error);
  if (guest->document == NULL)
    return FALSE;
  BerthInventory *inventory = berth_document_read(guest->document, berth_kinds_elements, error);
  if (inventory == NULL)
    return FALSE;
  guest->plan = berth_assign_plan(inventory, &tables, &options, error);
  return guest->plan != NULL;
}

#define NOW 1700000000
#define FIRMWARE(interface, file, variables, target, features)                                                                     \
  "{\"interface-types\": [\"" interface "\"], \"mapping\": {\"device\": \"flash\", \"executable\": {\"filename\": \"" file         \
  "\", \"format\": \"raw\"}, \"nvram-template\": {\"filename\": \"" variables                                                      \
  "\", \"format\": \"raw\"}}, \"targets\": [{\"architecture\": \"x86_64\", \"machines\": [\"" target                               \
  "\"]}], \"features\": [" features "]}"

/* The host that every test is on. */
static BerthHostFacts *host_new(void) {
  static const char *const descriptors[] = {
      FIRMWARE("uefi", "code-secure.fd", "vars-secure.fd", "pc-q35-*", "\"secure-boot\", \"requires-smm\", \"enrolled-keys\""),
      FIRMWARE("uefi", "code.fd", "vars.fd", "pc-*", "\"acpi-s3\""),
  };
  BerthHostFacts *host = berth_facts_host_new("run", "state", NOW);
  g_hash_table_insert(host->networks, g_strdup("default"), g_strdup("virbr0"));
  g_hash_table_insert(host->scsi, g_strdup("0:0:0:4"), g_strdup("/dev/sg4"));
  for (guint i = 0; i < G_N_ELEMENTS(descriptors); i++) {
    BerthFirmware *firmware = berth_facts_firmware_parse("f.json", descriptors[i], -1);
    g_assert_nonnull(firmware);
    g_ptr_array_add(host->firmware, firmware);
  }
  return host;
}

static BerthQemu *build_qemu(const char *xml, const BerthFacts *facts, GError **error) {
  g_auto(Guest) guest = {0};
  if (!guest_init(&guest, xml, error))
    return NULL;
  g_autoptr(BerthHostFacts) host = host_new();
  return berth_kinds_build(guest.plan->inventory, facts, berth_families, host, error);
}

static GStrv build(const char *xml, const BerthFacts *facts, GError **error) {
  g_autoptr(BerthQemu) qemu = build_qemu(xml, facts, error);
  return qemu != NULL ? berth_emit_arguments(qemu, error) : NULL;
}

/* ---- golden folders ---- */

static gboolean accepting;

static char *read_text(const char *folder, const char *name) {
  g_autofree char *path = g_build_filename(folder, name, NULL);
  char *text = NULL;
  return g_file_get_contents(path, &text, NULL, NULL) ? text : NULL;
}

/* @got NULL: there is no such file. */
static void compare_golden(const char *folder, const char *name, const char *got) {
  g_autofree char *want = read_text(folder, name);
  g_autofree char *path = g_build_filename(folder, name, NULL);
  if (accepting && got == NULL)
    g_unlink(path);
  else if (accepting && g_strcmp0(got, want) != 0)
    g_assert_true(g_file_set_contents(path, got, -1, NULL));
  else
    g_assert_cmpstr(got, ==, want);
}

/* What belongs to the guest besides arguments, a line each; NULL: nothing. */
static char *around(const BerthQemu *qemu) {
  GString *text = g_string_new(NULL);
  for (guint i = 0; i < qemu->environment->len; i++)
    g_string_append_printf(text, "environment: %s\n", (const char *)g_ptr_array_index(qemu->environment, i));
  for (guint i = 0; i < qemu->files->len; i++) {
    const BerthQemuFile *file = g_ptr_array_index(qemu->files, i);
    g_string_append_printf(text, "file: %s: %s%s\n", file->path, file->text != NULL ? "" : "copy of ",
                           file->text != NULL ? file->text : file->from);
  }
  for (guint i = 0; i < qemu->helpers->len; i++) {
    const BerthQemuHelper *helper = g_ptr_array_index(qemu->helpers, i);
    g_autofree char *line = g_strjoinv(" ", helper->argv);
    g_string_append_printf(text, "helper: %s\n", line);
  }
  for (guint i = 0; i < qemu->needs->len; i++) {
    const BerthQemuNeed *need = g_ptr_array_index(qemu->needs, i);
    g_string_append_printf(text, "need: %s: %s\n", need->path != NULL ? need->path : "-", need->message);
  }
  for (guint i = 0; i < qemu->notes->len; i++)
    g_string_append_printf(text, "note: %s\n", (const char *)g_ptr_array_index(qemu->notes, i));
  return g_string_free(text, text->len == 0);
}

static void run_quietly(const char *const *argv) {
  g_autoptr(GError) error = NULL;
  g_autoptr(GSubprocess) process = g_subprocess_newv(argv, G_SUBPROCESS_FLAGS_STDOUT_SILENCE, &error);
  g_assert_no_error(error);
  g_assert_true(g_subprocess_wait_check(process, NULL, &error));
}

/* The images of a tree of block nodes, each of its format. */
static void make_images_of(const char *folder, json_object *node) {
  const char *format = berth_json_member_string(node, "driver");
  json_object *file = json_object_object_get_ex(node, "file", NULL) ? berth_json_member(node, "file") : node;
  const char *name = berth_json_member_string(file, "filename");
  if (file != node && name == NULL) {
    make_images_of(folder, file);
    return;
  }
  g_autofree char *path = g_build_filename(folder, name, NULL);
  gboolean filter = g_str_equal(format, "throttle") || g_str_equal(format, "copy-on-read");
  const char *made = file == node || filter ? "raw" : format;
  run_quietly((const char *[]){"qemu-img", "create", "-q", "-f", made, path, "1440K", NULL});
}

static void make_images(const char *folder, const BerthQemu *qemu) {
  for (guint i = 0; i < qemu->objects->len; i++) {
    const BerthQemuObject *object = g_ptr_array_index(qemu->objects, i);
    if (object->form == BERTH_QEMU_BLOCKDEV)
      make_images_of(folder, object->props);
    if (g_strcmp0(object->option, "-drive") != 0)
      continue;
    g_autoptr(json_object) tree = berth_json_parse(berth_json_member_string(object->props, "file") + strlen("json:"), -1, NULL);
    make_images_of(folder, tree);
  }
}

static void make_files(const char *folder, const BerthQemu *qemu) {
  for (guint i = 0; i < qemu->files->len; i++) {
    const BerthQemuFile *file = g_ptr_array_index(qemu->files, i);
    g_autofree char *path = g_build_filename(folder, file->path, NULL);
    g_assert_true(g_file_set_contents(path, file->text, -1, NULL));
  }
}

/* A stopped QEMU with these devices that answers and quits. */
static void start_qemu(const char *folder, char **argv) {
  static const char *const runner[] = {"-S", "-nodefaults", "-no-user-config", "-qmp", "stdio", NULL};
  g_autoptr(GStrvBuilder) builder = g_strv_builder_new();
  g_autoptr(GError) error = NULL;
  g_autofree char *out = NULL;
  g_autofree char *err = NULL;
  g_autofree char *limit = g_strdup_printf("%d", TIME_LIMIT);
  g_strv_builder_add_many(builder, "timeout", limit, NULL);
  g_strv_builder_addv(builder, (const char **)argv);
  g_strv_builder_addv(builder, (const char **)runner);
  g_auto(GStrv) all = g_strv_builder_end(builder);
  g_autoptr(GSubprocessLauncher) launcher =
      g_subprocess_launcher_new(G_SUBPROCESS_FLAGS_STDIN_PIPE | G_SUBPROCESS_FLAGS_STDOUT_PIPE | G_SUBPROCESS_FLAGS_STDERR_PIPE);
  g_subprocess_launcher_set_cwd(launcher, folder);
  g_autoptr(GSubprocess) process = g_subprocess_launcher_spawnv(launcher, (const char *const *)all, &error);
  g_assert_no_error(error);
  const char *commands = "{\"execute\":\"qmp_capabilities\"}{\"execute\":\"quit\"}";
  g_assert_true(g_subprocess_communicate_utf8(process, commands, NULL, &out, &err, &error));
  if (!g_subprocess_get_if_exited(process) || g_subprocess_get_exit_status(process) != 0)
    g_test_message("QEMU: %s", err);
  /* A root without /dev/pts mounted has no terminals to give to a guest. */
  if (err != NULL && strstr(err, "Failed to create PTY") != NULL && access("/dev/pts/ptmx", F_OK) != 0) {
    g_test_skip("there is no /dev/pts here");
    return;
  }
  g_assert_true(g_subprocess_get_if_exited(process));
  g_assert_cmpint(g_subprocess_get_exit_status(process), ==, 0);
}

static void remove_folder(const char *path) {
  g_autoptr(GDir) dir = g_dir_open(path, 0, NULL);
  const char *name;
  while (dir != NULL && (name = g_dir_read_name(dir)) != NULL) {
    g_autofree char *below = g_build_filename(path, name, NULL);
    if (g_file_test(below, G_FILE_TEST_IS_DIR) && !g_file_test(below, G_FILE_TEST_IS_SYMLINK))
      remove_folder(below);
    else
      g_unlink(below);
  }
  g_rmdir(path);
}

static gboolean have_program(const char *name) {
  g_autofree char *path = g_find_program_in_path(name);
  return path != NULL;
}

static void try_start(const char *golden, const BerthQemu *qemu, char **argv) {
  g_autofree char *reason = read_text(golden, "no-start");
  g_autofree char *folder = NULL;
  g_autoptr(GError) error = NULL;
  if (reason != NULL) {
    g_test_message("not started: %s", g_strstrip(reason));
    return;
  }
  if (!have_program(QEMU) || !have_program("qemu-img") || !have_program("timeout")) {
    g_test_skip("compared, but not started: " QEMU ", qemu-img or timeout is missing");
    return;
  }
  folder = g_dir_make_tmp("berth-build-XXXXXX", &error);
  g_assert_no_error(error);
  g_autofree char *run = g_build_filename(folder, "run", NULL);
  g_assert_cmpint(g_mkdir(run, 0700), ==, 0);
  make_images(folder, qemu);
  make_files(folder, qemu);
  start_qemu(folder, argv);
  remove_folder(folder);
}

static void golden_folder(gconstpointer data) {
  const char *folder = data;
  g_autofree char *xml = read_text(folder, "domain.xml");
  g_autoptr(GError) error = NULL;
  g_assert_nonnull(xml);
  g_autoptr(BerthQemu) qemu = build_qemu(xml, NULL, &error);
  g_assert_no_error(error);
  g_auto(GStrv) argv = berth_emit_arguments(qemu, &error);
  g_assert_no_error(error);
  g_auto(GStrv) again = build(xml, NULL, &error);
  g_assert_cmpstrv(argv, again);
  g_autofree char *lines = g_strjoinv("\n", argv);
  g_autofree char *text = g_strconcat(lines, "\n", NULL);
  g_autofree char *rest = around(qemu);
  compare_golden(folder, "argv", text);
  compare_golden(folder, "around", rest);
  try_start(folder, qemu, argv);
}

static void add_golden_folders(void) {
  g_autofree char *root = g_test_build_filename(G_TEST_DIST, "golden", "command", NULL);
  g_autoptr(GError) error = NULL;
  g_autoptr(GDir) dir = g_dir_open(root, 0, &error);
  g_assert_no_error(error);
  const char *name;
  while ((name = g_dir_read_name(dir)) != NULL) {
    g_autofree char *path = g_strconcat("/build/golden/", name, NULL);
    g_test_add_data_func_full(path, g_build_filename(root, name, NULL), golden_folder, g_free);
  }
}

/* ---- what is refused ---- */

/* @above stands on line 3 of the document, @device on line 5. */
static char *document_with(const char *above, const char *device) {
  return g_strdup_printf("<domain type='qemu'><name>x</name>\n"
                         "<memory>524288</memory><os><type arch='x86_64' machine='pc-q35-7.2'>hvm</type></os>\n%s\n<devices>\n%s\n"
                         "</devices></domain>\n",
                         above, device);
}

static void expect_error(const char *above, const char *device, int code, const char *message) {
  g_autofree char *xml = document_with(above, device);
  g_autoptr(GError) error = NULL;
  g_auto(GStrv) argv = build(xml, NULL, &error);
  if (argv != NULL)
    g_error("'%s%s' is not refused", above, device);
  g_assert_error(error, BERTH_ERROR, code);
  if (strstr(error->message, message) == NULL)
    g_error("'%s' is not in '%s'", message, error->message);
  g_assert_null(strchr(error->message, '\n'));
}

static void unsupported_elements_are_named_with_their_line(void) {
  static const struct {
    const char *above, *device, *message;
  } cases[] = {
      {"<keywrap/>", "", "domain.xml:3: <keywrap> is not supported by start yet"},
      {"<launchSecurity type='s390-pv'/>", "", "domain.xml:3: <launchSecurity>: this type is not one"},
      {"<launchSecurity type='sev'><policy>1</policy></launchSecurity>", "", "domain.xml:3: <launchSecurity>: cbitpos is missing"},
      {"<memoryBacking><source type='magic'/></memoryBacking>", "", "domain.xml:3: <source type='magic'>"},
      {"<clock offset='utc'><timer name='hpet' tickpolicy='catchup'/></clock>", "",
       "domain.xml:3: <timer hpet tickpolicy='catchup'>"},
      {"<cpu><numa><cell id='0' cpus='0' memory='1'/><interconnects/></numa></cpu>", "", "domain.xml:3: <interconnects>"},
      {"", "<interface type='user'><model type='e1000'/><mtu size='9000'/></interface>",
       "mtu/@size is something only a virtio NIC"},
      {"", "<interface type='direct'><source dev='eth0'/></interface>", "a macvtap device on 'eth0' is not made"},
      {"", "<interface type='user'><model type='e1000'/><driver queues='2'/></interface>", "domain.xml:5: "},
      {"", "<interface type='user'><model type='netfront'/></interface>", "'netfront'"},
      {"", "<disk type='network' device='disk'><source protocol='sheepdog' name='x'/><target dev='vda'/></disk>",
       "protocol 'sheepdog' is not one that QEMU has"},
      {"", "<disk type='volume'><source pool='p' volume='v'/><target dev='vda'/></disk>", "volume 'v' is one of a storage pool"},
      {"",
       "<disk type='file'><source file='x'/><backingStore type='file'><source file='y' tls='yes'/></backingStore>"
       "<target dev='vda'/></disk>",
       "domain.xml:5: <source tls='yes'>"},
      {"", "<disk type='file'><driver iothread='1'/><source file='x'/><target dev='sda' bus='sata'/></disk>",
       "driver/@iothread is not something a sata disk has"},
      {"", "<disk type='file'><target dev='vda'/></disk>", "has no source"},
      {"", "<disk type='file'><source file='x'/><target dev='vda'/><wwn>5000c50015ea71ac</wwn></disk>", "wwn"},
      {"", "<graphics type='spice' listen='0.0.0.0'/>", "where a free port cannot be chosen"},
      {"", "<graphics type='spice' port='5900'><channel name='main' mode='secure'/></graphics>", "no tlsPort"},
      {"", "<serial type='spicevmc'/><graphics type='spice'/>", "cannot be a Spice channel"},
      {"", "<video><model type='vga'><acceleration accel3d='yes'/></model></video>", "accel3d and blob"},
      {"", "<rng model='virtio'><backend model='egd' type='magic'/></rng>", "type='magic'"},
      {"",
       "<hostdev mode='subsystem' type='scsi'><source><adapter name='scsi_host0'/><address bus='0' target='0' unit='0'/>"
       "</source></hostdev>",
       "there is no SCSI device 0:0:0:0 on this host"},
      {"", "<sound model='ac97'><codec type='micro'/></sound>", "domain.xml:5: "},
      {"", "<controller type='scsi' model='lsilogic'><driver queues='4'/></controller>", "driver/@queues"},
  };
  for (guint i = 0; i < G_N_ELEMENTS(cases); i++)
    expect_error(cases[i].above, cases[i].device, BERTH_ERROR_UNSUPPORTED, cases[i].message);
}

/* What start would have to have, or what has no effect: told, and the command line is there. */
static void expect_told(const char *above, const char *device, gboolean need, const char *message) {
  g_autofree char *xml = document_with(above, device);
  g_auto(Guest) guest = {0};
  g_autoptr(GError) error = NULL;
  g_autoptr(BerthHostFacts) host = host_new();
  g_assert_true(guest_init(&guest, xml, &error));
  g_autoptr(BerthQemu) qemu = berth_kinds_build(guest.plan->inventory, NULL, berth_families, host, &error);
  g_assert_no_error(error);
  g_autoptr(GString) told = g_string_new(NULL);
  for (guint i = 0; need && i < qemu->needs->len; i++)
    g_string_append_printf(told, "%s\n", ((const BerthQemuNeed *)g_ptr_array_index(qemu->needs, i))->message);
  for (guint i = 0; !need && i < qemu->notes->len; i++)
    g_string_append_printf(told, "%s\n", (const char *)g_ptr_array_index(qemu->notes, i));
  if (strstr(told->str, message) == NULL)
    g_error("'%s' is not in '%s'", message, told->str);
}

static void what_the_host_must_have_is_told_with_its_line(void) {
  static const struct {
    const char *device, *message;
  } cases[] = {
      {"<interface type='vhostuser'><source type='unix' path='x'/><model type='virtio'/></interface>", "needs <memoryBacking>"},
      {"<interface type='network'><source network='other'/></interface>", "network 'other' has no definition"},
      {"<interface type='bridge'><source bridge='b'/><vlan><tag id='7'/></vlan></interface>", "its VLAN tag"},
      {"<interface type='bridge'><source bridge='b'/><virtualport type='openvswitch'/></interface>", "given to the switch"},
      {"<interface type='bridge'><source bridge='b'/><model type='virtio'/><driver queues='4'/></interface>",
       "more than one queue"},
      {"<interface type='hostdev'><mac address='52:54:00:00:00:07'/><source><address type='pci' bus='1' slot='2'/></source>"
       "<vlan><tag id='7'/></vlan></interface>",
       "mac 52:54:00:00:00:07 vlan 7"},
      {"<disk type='file'><source file='x'/><encryption format='luks'><secret type='passphrase' usage='a/b'/></encryption>"
       "<target dev='vda'/></disk>",
       "state/secrets/passphrase:a%2Fb"},
      {"<filesystem><driver type='virtiofs'/><source dir='/'/><target dir='x'/></filesystem>", "needs <memoryBacking>"},
      {"<shmem name='s'><model type='ivshmem-doorbell'/></shmem>", "/var/lib/libvirt/shmem-s-sock"},
      {"<graphics type='vnc'><listen type='network' network='n'/></graphics>", "address in network 'n' is not known"},
  };
  for (guint i = 0; i < G_N_ELEMENTS(cases); i++)
    expect_told("", cases[i].device, TRUE, cases[i].message);
}

static void what_has_no_effect_is_told_with_its_line(void) {
  static const struct {
    const char *above, *device, *message;
  } cases[] = {
      {"<currentMemory>1024</currentMemory>", "<memballoon model='none'/>", "domain.xml:3: <currentMemory> has no effect"},
      {"<q:commandline xmlns:q='http://libvirt.org/schemas/domain/qemu/1.0'/>", "", "domain.xml:3: <q:commandline>: "},
      {"<q:capabilities xmlns:q='http://libvirt.org/schemas/domain/qemu/1.0'/>", "", "domain.xml:3: <q:capabilities>: "},
      {"", "<interface type='user'><filterref filter='f'/></interface>", "domain.xml:5: <filterref>: berth sets up no firewall"},
      {"", "<interface type='user'><bandwidth/></interface>", "domain.xml:5: <bandwidth>: "},
      {"", "<interface type='user'><model type='virtio'/><driver queues='4'/></interface>", "sees one queue"},
      {"", "<graphics type='vnc' display=':1'/>", "@display is about another kind of display"},
      {"", "<disk type='file'><source file='x'/><target dev='vda'/><mirror/></disk>", "domain.xml:5: <mirror>: "},
  };
  for (guint i = 0; i < G_N_ELEMENTS(cases); i++)
    expect_told(cases[i].above, cases[i].device, FALSE, cases[i].message);
}

static void contradictions_are_bad_input(void) {
  static const struct {
    const char *above, *device, *message;
  } cases[] = {
      {"<vcpu current='3'>2</vcpu>", "", "domain.xml:3: "},
      {"<vcpu>0</vcpu>", "", "domain.xml:3: "},
      {"<vcpu>4</vcpu><cpu><topology sockets='1' cores='2' threads='1'/></cpu>", "", "domain.xml:3: <topology> holds 2 vCPUs"},
      {"<cpu><model>a,b</model></cpu>", "", "domain.xml:3: "},
      {"<cpu><feature policy='require' name='x,pmu=on'/></cpu>", "", "domain.xml:3: "},
      {"<clock offset='utc'><timer name='rtc'/><timer name='rtc'/></clock>", "", "domain.xml:3: "},
      {"", "<graphics type='vnc' port='80'/>", "domain.xml:5: vnc port '80'"},
      {"", "<memballoon model='virtio' autodeflate='perhaps'/>", "domain.xml:5: "},
      {"", "<rng model='virtio'><rate bytes='many'/></rng>", "domain.xml:5: "},
  };
  for (guint i = 0; i < G_N_ELEMENTS(cases); i++)
    expect_error(cases[i].above, cases[i].device, BERTH_ERROR_BAD_INPUT, cases[i].message);
}

static void harmless_and_foreign_elements_are_no_matter(void) {
  g_autofree char *xml = document_with("<title>t</title><description>d</description><metadata><a xmlns='urn:a'><b/></a></metadata>"
                                       "<on_poweroff>destroy</on_poweroff><seclabel type='none'/>"
                                       "<f:foreign xmlns:f='urn:f'><f:launchSecurity/></f:foreign>",
                                       "<memballoon model='virtio'><stats period='10'/></memballoon>");
  g_autofree char *bare = document_with("", "<memballoon model='virtio'/>");
  g_autoptr(GError) error = NULL;
  g_auto(GStrv) with = build(xml, NULL, &error);
  g_assert_no_error(error);
  g_auto(GStrv) without = build(bare, NULL, &error);
  g_assert_no_error(error);
  g_assert_cmpstrv(with, without);
}

static void a_hostile_name_or_path_is_one_value(void) {
  g_autofree char *xml = document_with("", "<disk type='file'><source file='a,file.locking=off&quot;,x'/><target dev='vda'/></disk>"
                                           "<serial type='file'><source path='s,logfile=/etc/x'/></serial>");
  g_autoptr(GError) error = NULL;
  g_auto(GStrv) argv = build(xml, NULL, &error);
  g_assert_no_error(error);
  g_assert_true(g_strv_contains((const char *const *)argv, "file,id=charserial0,path=s,,logfile=/etc/x"));
  g_autofree char *all = g_strjoinv("\n", argv);
  g_assert_nonnull(strstr(all, "\"filename\":\"a,file.locking=off\\\",x\""));
}

static void control_characters_in_a_domain_are_refused(void) {
  expect_error("", "<disk type='file'><source file='a&#10;b'/><target dev='vda'/></disk>", BERTH_ERROR_BAD_INPUT,
               "control character");
  expect_error("", "<serial type='file'><source path='a&#9;b'/></serial>", BERTH_ERROR_BAD_INPUT, "control character");
}

static void an_alias_that_qemu_would_refuse_is_named(void) {
  expect_error("", "<interface type='user'><alias name='ua-a,b'/></interface>", BERTH_ERROR_BAD_INPUT,
               "domain.xml:5: alias 'ua-a,b'");
}

static void a_device_this_qemu_lacks_is_named(void) {
  g_autoptr(BerthFacts) facts = berth_facts_new();
  g_autofree char *xml = document_with("", "<interface type='user'><model type='e1000'/></interface>");
  g_autoptr(GError) error = NULL;
  g_hash_table_insert(facts->machines, g_strdup("pc-q35-7.2"), g_strdup("pc-q35-7.2"));
  facts->binary = g_strdup("/q");
  g_auto(GStrv) argv = build(xml, facts, &error);
  g_assert_null(argv);
  g_assert_error(error, BERTH_ERROR, BERTH_ERROR_UNSUPPORTED);
  g_assert_nonnull(strstr(error->message, "this QEMU has no device"));
}

static void a_long_alias_makes_a_node_name_that_qemu_takes(void) {
  g_autofree char *xml = document_with("", "<disk type='file'><driver type='qcow2'/><source file='x'/><target dev='vda'/>"
                                           "<alias name='ua-0123456789012345678901234567890123456789'/></disk>");
  g_autoptr(GError) error = NULL;
  g_auto(GStrv) argv = build(xml, NULL, &error);
  g_assert_no_error(error);
  for (guint i = 0; argv[i] != NULL; i++) {
    if (!g_str_equal(argv[i], "-blockdev"))
      continue;
    g_autoptr(json_object) node = berth_json_parse(argv[i + 1], -1, NULL);
    json_object *file = berth_json_member(node, "file");
    g_assert_cmpuint(strlen(berth_json_member_string(file, "node-name")), <=, 31);
  }
}

static void one_device_alone_has_the_same_objects(void) {
  g_autofree char *xml =
      document_with("", "<interface type='user'><mac address='52:54:00:00:00:01'/><model type='virtio'/></interface>");
  g_auto(Guest) guest = {0};
  g_autoptr(GError) error = NULL;
  g_autoptr(BerthHostFacts) host = host_new();
  guint position = 0;
  g_assert_true(guest_init(&guest, xml, &error));
  const BerthInventory *inventory = guest.plan->inventory;
  const BerthDevice *nic = berth_model_inventory_walk(inventory, BERTH_INTERFACE, &position);
  g_autoptr(BerthQemu) qemu = berth_kinds_build_device(inventory, nic, NULL, berth_families, host, &error);
  g_assert_no_error(error);
  g_autoptr(BerthQemu) whole = berth_kinds_build(inventory, NULL, berth_families, host, &error);
  g_auto(GStrv) alone = berth_emit_arguments(qemu, &error);
  g_auto(GStrv) all = berth_emit_arguments(whole, &error);
  g_assert_cmpuint(g_strv_length(alone), ==, 5);
  for (guint i = 1; alone[i] != NULL; i++)
    g_assert_true(g_strv_contains((const char *const *)all, alone[i]));
}

int main(int argc, char **argv) {
  for (int i = 1; i < argc; i++) {
    if (!g_str_equal(argv[i], "--accept"))
      continue;
    accepting = TRUE;
    memmove(&argv[i], &argv[i + 1], (gsize)(argc - i) * sizeof *argv);
    argc--;
  }
  g_test_init(&argc, &argv, NULL);
  accepting = accepting || g_getenv("BERTH_ACCEPT") != NULL;
#define ADD(f) g_test_add_func("/build/" #f, f)
  ADD(unsupported_elements_are_named_with_their_line);
  ADD(what_the_host_must_have_is_told_with_its_line);
  ADD(what_has_no_effect_is_told_with_its_line);
  ADD(contradictions_are_bad_input);
  ADD(harmless_and_foreign_elements_are_no_matter);
  ADD(a_hostile_name_or_path_is_one_value);
  ADD(control_characters_in_a_domain_are_refused);
  ADD(an_alias_that_qemu_would_refuse_is_named);
  ADD(a_device_this_qemu_lacks_is_named);
  ADD(a_long_alias_makes_a_node_name_that_qemu_takes);
  ADD(one_device_alone_has_the_same_objects);
  add_golden_folders();
  return g_test_run();
}
