/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What libvirt 12.8 fills in by itself; the expectations were asked of a live one. */
#include <string.h>

#include "assign/engine.h"
#include "document/document.h"
#include "facts/facts.h"
#include "families/families.h"
#include "kinds/kinds.h"

typedef struct {
  BerthXmlDocument *document;
  BerthPlan *plan;
  GError *error;
} Guest;

static void guest_clear(Guest *guest) {
  berth_plan_free(guest->plan);
  berth_xml_document_free(guest->document);
  g_clear_error(&guest->error);
}
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(Guest, guest_clear)

static Guest plan_text(const char *text, const BerthPlanOptions *options) {
  Guest guest = {0};
  const BerthTables tables = {berth_kinds_elements, berth_kinds_classify, berth_families};
  g_autoptr(GBytes) bytes = g_bytes_new(text, strlen(text));
  guest.document = berth_xml_document_parse(bytes, "guest.xml", &guest.error);
  g_assert_no_error(guest.error);
  BerthInventory *inventory = berth_document_read(guest.document, berth_kinds_elements, &guest.error);
  if (inventory != NULL)
    guest.plan = berth_assign_plan(inventory, &tables, options, &guest.error);
  g_assert_true((guest.plan == NULL) == (guest.error != NULL));
  return guest;
}

/* Line 1 is <domain> to <devices>; @devices begins in line 2. */
static Guest plan(const char *machine, const char *extra, const char *devices) {
  g_autofree char *text = g_strdup_printf("<domain type='qemu'><name>t</name><os><type arch='x86_64' machine='%s'>hvm</type></os>"
                                          "%s<devices>\n%s</devices></domain>",
                                          machine, extra, devices);
  return plan_text(text, NULL);
}

static BerthDevice *nth(const Guest *guest, BerthElementId element, guint n) {
  BerthDevice *device;
  for (guint i = 0; (device = berth_model_inventory_walk(guest->plan->inventory, element, &i)) != NULL; n--) {
    if (n == 0)
      return device;
  }
  return NULL;
}

static guint count(const Guest *guest, BerthElementId element) {
  guint n = 0;
  while (nth(guest, element, n) != NULL)
    n++;
  return n;
}

/* "hda sda …": the values at @path of all devices of @element, in list order. (transfer full) */
static char *list(const Guest *guest, BerthElementId element, const char *path) {
  GString *text = g_string_new(NULL);
  const BerthDevice *device;
  for (guint i = 0; (device = berth_model_inventory_walk(guest->plan->inventory, element, &i)) != NULL;) {
    const char *value = berth_model_device_get(device, path);
    g_string_append_printf(text, "%s%s", text->len > 0 ? " " : "", value != NULL ? value : "-");
  }
  return g_string_free(text, FALSE);
}

#define ASSERT_LIST(guest, element, path, expected)                                                                                \
  G_STMT_START {                                                                                                                   \
    g_assert_no_error((guest)->error);                                                                                             \
    g_autofree char *got_ = list((guest), (element), (path));                                                                      \
    g_assert_cmpstr(got_, ==, (expected));                                                                                         \
  }                                                                                                                                \
  G_STMT_END

#define BARE "<memballoon model='none'/>"

static void test_disk_order(void) {
  g_auto(Guest) guest =
      plan("pc", "",
           "<disk><target dev='hda'/></disk><disk><target dev='hdb'/></disk><disk><target dev='hdc'/></disk>"
           "<disk><target dev='sda'/></disk><disk><target dev='sdg'/></disk><disk><target dev='vdc' bus='virtio'/></disk>"
           "<disk><target dev='vda' bus='virtio'/></disk><disk device='floppy'><target dev='fda'/></disk>");
  ASSERT_LIST(&guest, BERTH_DISK, "target/@dev", "hda sda fda hdb hdc sdg vda vdc");
  ASSERT_LIST(&guest, BERTH_DISK, "target/@bus", "ide scsi fdc ide ide scsi virtio virtio");
}

static void test_controller_order(void) {
  g_auto(Guest) indexed = plan("pc", "",
                               "<controller type='scsi' index='2' model='virtio-scsi'/><controller type='virtio-serial' index='0'/>"
                               "<controller type='scsi' index='0'/><controller type='scsi' index='1'/>");
  ASSERT_LIST(&indexed, BERTH_CONTROLLER, "@type", "scsi scsi scsi virtio-serial usb pci");
  ASSERT_LIST(&indexed, BERTH_CONTROLLER, "@index", "0 1 2 0 0 0");
  ASSERT_LIST(&indexed, BERTH_CONTROLLER, "@model", "virtio-scsi virtio-scsi virtio-scsi - piix3-uhci pci-root");
  g_auto(Guest) mixed = plan("pc", "",
                             "<controller type='scsi' model='virtio-scsi'/><controller type='scsi' index='0' model='lsilogic'/>"
                             "<controller type='scsi' model='lsisas1068'/>");
  ASSERT_LIST(&mixed, BERTH_CONTROLLER, "@index", "1 0 2 0 0");
}

static void test_ich9_groups(void) {
  g_auto(Guest) guest = plan("pc", "",
                             "<controller type='usb' index='0' model='ich9-uhci1'/><controller type='usb' model='ich9-ehci1'/>"
                             "<controller type='usb' model='ich9-uhci2'/><controller type='usb' model='ich9-uhci3'/>"
                             "<controller type='usb' model='ich9-uhci3'/><controller type='usb' model='ich9-uhci1'/>"
                             "<controller type='usb' model='ich9-ehci1'/>");
  ASSERT_LIST(&guest, BERTH_CONTROLLER, "@index", "0 0 0 0 1 1 1 0");
  ASSERT_LIST(&guest, BERTH_CONTROLLER, "@model",
              "ich9-ehci1 ich9-uhci1 ich9-uhci2 ich9-uhci3 ich9-ehci1 ich9-uhci3 ich9-uhci1 pci-root");
  ASSERT_LIST(&guest, BERTH_CONTROLLER, "master/@startport", "- 0 2 4 - 4 0 -");
}

static void test_machine_devices(void) {
  g_auto(Guest) pc = plan("pc", "", "");
  ASSERT_LIST(&pc, BERTH_CONTROLLER, "@model", "piix3-uhci pci-root");
  ASSERT_LIST(&pc, BERTH_INPUT, "@type", "mouse keyboard");
  ASSERT_LIST(&pc, BERTH_MEMBALLOON, "@model", "virtio");
  ASSERT_LIST(&pc, BERTH_AUDIO, "@type", "none");
  g_assert_cmpuint(count(&pc, BERTH_WATCHDOG), ==, 0);
  g_auto(Guest) q35 = plan("q35", "", "<watchdog model='i6300esb'/><input type='mouse' bus='usb'/>" BARE);
  ASSERT_LIST(&q35, BERTH_WATCHDOG, "@model", "i6300esb itco");
  ASSERT_LIST(&q35, BERTH_INPUT, "@bus", "usb ps2 ps2");
  g_assert_nonnull(berth_model_inventory_controller(q35.plan->inventory, "sata", 0));
  g_auto(Guest) isapc = plan("isapc", "", "");
  g_assert_cmpuint(count(&isapc, BERTH_CONTROLLER) + count(&isapc, BERTH_MEMBALLOON), ==, 0);
  g_assert_cmpuint(count(&isapc, BERTH_INPUT), ==, 2);
  g_auto(Guest) microvm = plan("microvm", "", "");
  g_assert_cmpuint(count(&microvm, BERTH_CONTROLLER) + count(&microvm, BERTH_MEMBALLOON) + count(&microvm, BERTH_INPUT), ==, 0);
  g_auto(Guest) no_ps2 = plan("pc", "<features><ps2 state='off'/></features>", "");
  g_assert_cmpuint(count(&no_ps2, BERTH_INPUT), ==, 0);
  g_auto(Guest) many = plan("q35", "<vcpu>300</vcpu>", "");
  ASSERT_LIST(&many, BERTH_IOMMU, "driver/@eim", "on");
}

static void test_models(void) {
  g_auto(Guest) guest = plan(
      "q35", "",
      "<interface type='user'/><interface type='user'><model type='E1000'/></interface>"
      "<interface type='user'><model type='82545em'/></interface><interface type='vdpa'/>"
      "<interface type='vhostuser'/><interface type='user'><model type='tulip'/></interface><graphics type='vnc'/><vsock/><panic/>"
      "<tpm><backend type='emulator'/></tpm><input type='tablet'/><controller type='usb'/>"
      "<disk device='cdrom'><target dev='sdx' bus='usb'/></disk>" BARE);
  ASSERT_LIST(&guest, BERTH_INTERFACE, "model/@type", "rtl8139 e1000 82545EM virtio virtio tulip");
  ASSERT_LIST(&guest, BERTH_VIDEO, "model/@type", "cirrus");
  ASSERT_LIST(&guest, BERTH_VIDEO, "model/@primary", "yes");
  ASSERT_LIST(&guest, BERTH_VSOCK, "@model", "virtio");
  ASSERT_LIST(&guest, BERTH_PANIC, "@model", "isa");
  ASSERT_LIST(&guest, BERTH_TPM, "@model", "tpm-tis");
  ASSERT_LIST(&guest, BERTH_DISK, "@model", "usb-bot");
  g_assert_cmpstr(berth_model_device_get(berth_model_inventory_controller(guest.plan->inventory, "usb", 0), "@model"), ==,
                  "piix3-uhci");
}

static char *place(const Guest *guest, BerthElementId element, guint n) {
  return berth_model_address_to_string(&nth(guest, element, n)->address);
}

#define ASSERT_PLACE(guest, element, n, expected)                                                                                  \
  do {                                                                                                                             \
    g_autofree char *text_ = place(guest, element, n);                                                                             \
    g_assert_cmpstr(text_, ==, expected);                                                                                          \
  } while (0)

/* A type that is forced wins over an address that was written. */
static void test_forced_addresses(void) {
  g_auto(Guest) guest = plan("pc", "",
                             "<controller type='scsi' model='ibmvscsi'><address type='drive' controller='3'/></controller>"
                             "<controller type='scsi' index='1' model='ibmvscsi'><address type='pci' slot='9'/></controller>"
                             "<controller type='scsi' index='2' model='ibmvscsi'><address type='ccw'/></controller>"
                             "<controller type='usb' model='none'><address type='pci' slot='9'/></controller>"
                             "<interface type='user'><model type='e1000'/><address type='pci' slot='9'/></interface>" BARE);
  g_assert_no_error(guest.error);
  ASSERT_PLACE(&guest, BERTH_CONTROLLER, 0, "spapr-vio 0x00002000");
  ASSERT_PLACE(&guest, BERTH_CONTROLLER, 1, "spapr-vio 0x00000000");
  ASSERT_PLACE(&guest, BERTH_CONTROLLER, 2, "spapr-vio 0x00003000");
  g_assert_cmpint(nth(&guest, BERTH_CONTROLLER, 3)->address.type, ==, BERTH_ADDRESS_NONE);
  ASSERT_PLACE(&guest, BERTH_INTERFACE, 0, "pci 0000:00:09.0");
  g_autoptr(GBytes) bytes = berth_document_write(guest.plan, NULL);
  g_autofree char *text = g_strndup(g_bytes_get_data(bytes, NULL), g_bytes_get_size(bytes));
  g_assert_null(strstr(text, "ccw"));
  const char *none = strstr(text, "model='none'");
  g_assert_true(none != NULL && g_str_has_prefix(strchr(none, '>'), "></controller>"));
  g_auto(Guest) large =
      plan("pc", "", "<controller type='scsi' model='ibmvscsi'><address type='pci' bus='1' slot='9'/></controller>" BARE);
  g_assert_nonnull(strstr(large.error->message, "takes an address of type spapr-vio"));
}

static void test_implied_controllers(void) {
  g_auto(Guest) guest = plan("pc", "",
                             "<disk><target dev='sdp'/></disk><disk device='floppy'><target dev='fda'/></disk>"
                             "<disk><target dev='hdc'/></disk><smartcard mode='host'/>"
                             "<channel type='unix'><target type='virtio' name='x'/></channel>" BARE);
  ASSERT_LIST(&guest, BERTH_CONTROLLER, "@type", "usb pci scsi scsi scsi fdc ide virtio-serial ccid");
  ASSERT_LIST(&guest, BERTH_CONTROLLER, "@index", "0 0 0 1 2 0 0 0 0");
  ASSERT_LIST(&guest, BERTH_CONTROLLER, "@model", "piix3-uhci pci-root lsilogic lsilogic lsilogic - - - -");
  g_auto(Guest) hostdev =
      plan("pc", "",
           "<hostdev mode='subsystem' type='scsi'><source><adapter name='scsi_host0'/><address bus='0' target='0' unit='0'/>"
           "</source></hostdev>" BARE);
  ASSERT_LIST(&hostdev, BERTH_CONTROLLER, "@type", "scsi usb pci");
}

/* What SCSI host devices need beside controller 0 comes later than the indexes that are not written (addressing §4.6). */
static void test_many_scsi_hostdevs(void) {
  g_autoptr(GString) devices = g_string_new("<controller type='scsi' model='virtio-scsi'/>");
  for (guint i = 0; i < 15; i++)
    g_string_append_printf(devices,
                           "<hostdev mode='subsystem' type='scsi'><source><adapter name='scsi_host0'/><address bus='0' target='0' "
                           "unit='%u'/></source></hostdev>",
                           i);
  g_auto(Guest) guest = plan("pc", "", devices->str);
  g_assert_no_error(guest.error);
  ASSERT_LIST(&guest, BERTH_CONTROLLER, "@type", "scsi scsi scsi usb pci");
  ASSERT_LIST(&guest, BERTH_CONTROLLER, "@index", "1 0 2 0 0");
  ASSERT_PLACE(&guest, BERTH_HOSTDEV, 14, "drive 2:0:0:0");
}

static void test_consoles(void) {
  g_auto(Guest) alone = plan("q35", "", "<console type='pty'/>");
  ASSERT_LIST(&alone, BERTH_SERIAL, "target/model/@name", "isa-serial");
  ASSERT_LIST(&alone, BERTH_SERIAL, "@type", "pty");
  ASSERT_LIST(&alone, BERTH_CONSOLE, "target/@type", "serial");
  g_auto(Guest) both =
      plan("pc", "", "<serial type='pty'><target port='3'/></serial><console type='pty'><target type='virtio'/></console>");
  ASSERT_LIST(&both, BERTH_CONSOLE, "target/@type", "serial virtio");
  ASSERT_LIST(&both, BERTH_CONSOLE, "target/@port", "3 1");
  g_auto(Guest) other = plan("pc", "", "<serial type='pty'><target type='pci-serial'/></serial>");
  g_assert_cmpuint(count(&other, BERTH_CONSOLE), ==, 0);
  g_auto(Guest) ports =
      plan("pc", "",
           "<serial type='pty'/><serial type='pty'><target type='pci-serial'/></serial>"
           "<serial type='pty'><target type='isa-serial' port='0'/></serial><parallel type='pty'><target port='2'/>"
           "</parallel><parallel type='pty'/>");
  ASSERT_LIST(&ports, BERTH_SERIAL, "target/@port", "1 2 0");
  ASSERT_LIST(&ports, BERTH_PARALLEL, "target/@port", "2 3");
}

/* The console that stands for the serial port is first, so it must come first in the document, too. */
static void test_console_is_written_first(void) {
  g_auto(Guest) guest = plan("pc", "", "<serial type='pty'/><console type='pty'><target type='virtio'/></console>");
  g_assert_no_error(guest.error);
  g_autoptr(GBytes) bytes = berth_document_write(guest.plan, NULL);
  g_autofree char *text = g_strndup(g_bytes_get_data(bytes, NULL), g_bytes_get_size(bytes));
  const char *serial = strstr(text, "<target type='serial' port='0'/>"), *virtio = strstr(text, "<target type='virtio' port='1'/>");
  g_assert_true(serial != NULL && virtio != NULL && serial < virtio);
  g_auto(Guest) again = plan_text(text, NULL);
  g_assert_no_error(again.error);
  g_autoptr(GBytes) second = berth_document_write(again.plan, NULL);
  g_assert_true(g_bytes_equal(bytes, second));
}

static BerthFacts *facts_of(const char *const *machines) {
  BerthFacts *facts = berth_facts_new();
  facts->binary = g_strdup("/opt/qemu");
  for (; *machines != NULL; machines += 2)
    g_hash_table_insert(facts->machines, g_strdup(machines[0]), g_strdup(machines[1]));
  return facts;
}

#define DOMAIN(type) "<domain type='qemu'>\n<name>t</name><os>" type "</os><devices/></domain>"

static void test_machine(void) {
  static const char *const new_machines[] = {"pc", "pc-i440fx-9.0", "q35", "pc-q35-9.0", "pc-q35-9.0", "pc-q35-9.0", NULL};
  g_autoptr(BerthFacts) facts = facts_of(new_machines);
  BerthPlanOptions options = {.facts = facts};
  g_auto(Guest) alias = plan_text(DOMAIN("<type>hvm</type>"), &options);
  g_assert_no_error(alias.error);
  g_assert_cmpstr(alias.plan->inventory->machine, ==, "pc-i440fx-9.0");
  g_assert_cmpstr(alias.plan->inventory->arch, ==, "x86_64");
  g_assert_cmpstr(berth_model_device_get(alias.plan->inventory->domain, "os/type/@machine"), ==, "pc-i440fx-9.0");
  g_auto(Guest) unknown = plan_text(DOMAIN("<type machine='pc-q35-2.0'>hvm</type>"), &options);
  g_assert_error(unknown.error, BERTH_ERROR, BERTH_ERROR_NOT_FOUND);
  g_assert_nonnull(strstr(unknown.error->message, "guest.xml:2: machine 'pc-q35-2.0' is not offered by /opt/qemu"));
  g_auto(Guest) without = plan_text(DOMAIN("<type machine='q35'>hvm</type>"), NULL);
  g_assert_no_error(without.error);
  g_assert_cmpstr(without.plan->inventory->machine, ==, "q35");
  g_assert_nonnull(g_strrstr(without.plan->notes->pdata[0], "'q35' is an alias"));
  g_assert_null(without.plan->notes->pdata[without.plan->notes->len - 1]);
  g_auto(Guest) xen = plan_text(DOMAIN("<type>xen</type>"), NULL);
  g_assert_error(xen.error, BERTH_ERROR, BERTH_ERROR_UNSUPPORTED);
  g_auto(Guest) arm = plan_text(DOMAIN("<type arch='aarch64' machine='virt'>hvm</type>"), NULL);
  g_assert_error(arm.error, BERTH_ERROR, BERTH_ERROR_UNSUPPORTED);
  g_assert_true(g_str_has_prefix(arm.error->message, "guest.xml:2: architecture 'aarch64'"));
}

static void test_recorded_machine(void) {
  static const char *const both[] = {"q35", "pc-q35-9.0", "pc-q35-9.0", "pc-q35-9.0", "pc-q35-8.2", "pc-q35-8.2", NULL};
  static const char *const only_new[] = {"q35", "pc-q35-9.0", "pc-q35-9.0", "pc-q35-9.0", "pc", "pc-i440fx-9.0", NULL};
  g_autoptr(BerthFacts) has = facts_of(both), lacks = facts_of(only_new);
  g_autoptr(BerthRecord) record = berth_model_record_new();
  record->machine = g_strdup("pc-q35-8.2");
  BerthPlanOptions options = {.facts = has, .record = record};
  g_auto(Guest) alias = plan_text(DOMAIN("<type machine='q35'>hvm</type>"), &options);
  g_assert_no_error(alias.error);
  g_assert_cmpstr(alias.plan->inventory->machine, ==, "pc-q35-8.2");
  g_auto(Guest) none = plan_text(DOMAIN("<type>hvm</type>"), &options);
  g_assert_cmpstr(none.plan->inventory->machine, ==, "pc-q35-8.2");
  g_auto(Guest) explicit = plan_text(DOMAIN("<type machine='pc-q35-9.0'>hvm</type>"), &options);
  g_assert_cmpstr(explicit.plan->inventory->machine, ==, "pc-q35-9.0");
  options.facts = lacks;
  g_auto(Guest) gone = plan_text(DOMAIN("<type machine='q35'>hvm</type>"), &options);
  g_assert_error(gone.error, BERTH_ERROR, BERTH_ERROR_NOT_FOUND);
  g_assert_nonnull(strstr(gone.error->message, "name another one with machine="));
  g_auto(Guest) other = plan_text(DOMAIN("<type machine='pc'>hvm</type>"), &options);
  g_assert_no_error(other.error);
  g_assert_cmpstr(other.plan->inventory->machine, ==, "pc-i440fx-9.0");
}

static void test_macs(void) {
  static const char two[] = "<interface type='user'/><interface type='user'><mac address='52:54:00:00:00:01'/></interface>"
                            "<interface type='user'/>";
  g_auto(Guest) guest = plan("pc", "", two);
  g_auto(Guest) same = plan("pc", "", two);
  g_autofree char *macs = list(&guest, BERTH_INTERFACE, "mac/@address"), *again = list(&same, BERTH_INTERFACE, "mac/@address");
  g_assert_cmpstr(macs, ==, again);
  g_auto(GStrv) parts = g_strsplit(macs, " ", -1);
  g_assert_true(g_str_has_prefix(parts[0], "52:54:00:") && strlen(parts[0]) == 17);
  g_assert_cmpstr(parts[1], ==, "52:54:00:00:00:01");
  g_assert_cmpstr(parts[0], !=, parts[2]);
  g_auto(Guest) other = plan("pc", "<uuid>c9a5fdbd-edaf-9455-926a-d65c16db1809</uuid>", two);
  g_assert_cmpstr(berth_model_device_get(nth(&other, BERTH_INTERFACE, 0), "mac/@address"), !=, parts[0]);
}

static void test_ids(void) {
  g_auto(Guest) guest =
      plan("q35", "",
           "<disk><target dev='vdb' bus='virtio'/></disk><disk><target dev='sdb' bus='sata'/></disk>"
           "<disk><target dev='sdi' bus='scsi'/></disk><controller type='scsi' index='0' model='virtio-scsi'/>"
           "<interface type='user'/><interface type='user'><alias name='ua-x'/></interface>"
           "<controller type='usb' index='0' model='ich9-ehci1'/><controller type='usb' index='0' model='ich9-uhci1'/>");
  g_assert_no_error(guest.error);
  g_assert_cmpstr(nth(&guest, BERTH_DISK, 0)->id, ==, "virtio-disk1");
  g_assert_cmpstr(nth(&guest, BERTH_DISK, 1)->id, ==, "sata0-0-1");
  g_assert_cmpstr(nth(&guest, BERTH_DISK, 2)->id, ==, "scsi1-0-0-1");
  g_assert_cmpstr(nth(&guest, BERTH_INTERFACE, 0)->id, ==, "net0");
  g_assert_cmpstr(nth(&guest, BERTH_INTERFACE, 1)->id, ==, "ua-x");
  g_assert_cmpstr(berth_model_inventory_controller(guest.plan->inventory, "sata", 0)->id, ==, "ide");
  g_assert_cmpstr(berth_model_inventory_controller(guest.plan->inventory, "pci", 0)->id, ==, "pcie.0");
  g_autoptr(GHashTable) seen = g_hash_table_new(g_str_hash, g_str_equal);
  for (guint i = 0; i < guest.plan->inventory->devices->len; i++) {
    const BerthDevice *device = guest.plan->inventory->devices->pdata[i];
    g_assert_true(device->id == NULL || g_hash_table_add(seen, device->id));
  }
}

/* What is wrong, and the line that the message must name. */
static void test_refusals(void) {
  static const struct {
    const char *machine, *devices;
    int code;
    const char *message;
  } rows[] = {
      {"pc", "<disk/>", BERTH_ERROR_BAD_INPUT, "guest.xml:2: disk has no target"},
      {"pc", "\n<disk><target dev='vda1'/></disk>", BERTH_ERROR_BAD_INPUT, "guest.xml:3: "},
      {"pc", "<disk><target dev='zz'/></disk>", BERTH_ERROR_BAD_INPUT, "'zz'"},
      {"pc", "<disk device='cdrom'><target dev='vda' bus='virtio'/></disk>", BERTH_ERROR_BAD_INPUT, "virtio has no cdrom"},
      {"pc", "<disk device='cdrom'><target dev='sda' bus='sd'/></disk>", BERTH_ERROR_BAD_INPUT, "sd has no cdrom"},
      {"q35", "<graphics type='egl-headless'/><graphics type='sdl'/>", BERTH_ERROR_BAD_INPUT, "leave out the graphics of type sdl"},
      {"q35", "<graphics type='dbus'/><graphics type='vnc'/>\n<graphics type='egl-headless'/>", BERTH_ERROR_BAD_INPUT,
       "guest.xml:3: graphics 2: egl-headless draws for vnc and spice only; leave out the graphics of type dbus"},
      {"q35", "<graphics type='egl-headless'/><graphics type='spice'><gl enable='yes'/></graphics>", BERTH_ERROR_BAD_INPUT,
       "by OpenGL"},
      {"pc", "<disk><target dev='fda'/></disk>", BERTH_ERROR_BAD_INPUT, "'fda' is no target name"},
      {"q35", "<disk><target dev='hda'/></disk>", BERTH_ERROR_UNSUPPORTED, "machine 'q35' has no IDE"},
      {"pc", "<disk><target dev='vda'/><address type='drive'/></disk>", BERTH_ERROR_BAD_INPUT, "pci"},
      {"pc", "<controller type='scsi' index='1'/>\n<controller type='scsi' index='1'/>", BERTH_ERROR_BAD_INPUT,
       "has the same type and index as controller scsi 1 (line 2)"},
      {"pc", "<controller type='pci' index='0' model='pcie-root'/>", BERTH_ERROR_BAD_INPUT, "must be the pci-root"},
      {"pc", "<controller type='pci' index='1'/>", BERTH_ERROR_BAD_INPUT, "has no model"},
      {"pc", "<controller type='pci' index='256' model='pci-bridge'/>", BERTH_ERROR_BAD_INPUT, "at most 255"},
      {"pc", "<controller type='pci' index='1' model='pcie-expander-bus'/>", BERTH_ERROR_UNSUPPORTED, "no pcie-expander-bus"},
      {"pc", "<controller type='pci' index='1' model='pci-expander-bus'><target><node>1</node></target></controller>",
       BERTH_ERROR_BAD_INPUT, "NUMA node '1'"},
      {"pc", "<controller type='pci' index='1' model='pci-bridge'><target chassisNr='256'/></controller>", BERTH_ERROR_BAD_INPUT,
       "'256'"},
      {"pc", "<controller type='usb' model='none'/><controller type='usb' index='1'/>", BERTH_ERROR_BAD_INPUT, "switched off"},
      {"pc", "<controller type='usb' index='1' model='none'/><input type='tablet' bus='usb'/>", BERTH_ERROR_BAD_INPUT,
       "switched off"},
      {"q35", "<controller type='pci' index='1' model='pcie-root-port'><target memReserve='0'/></controller>",
       BERTH_ERROR_BAD_INPUT, "memReserve is '0'"},
      {"q35", "<controller type='pci' index='1' model='dmi-to-pci-bridge'><target memReserve='4'/></controller>",
       BERTH_ERROR_BAD_INPUT, "only a pcie-root-port and a pci-bridge keep memory space free"},
      {"pc", "<controller type='usb' model='none'/><hub type='usb'/>", BERTH_ERROR_BAD_INPUT, "USB"},
      {"pc", "<controller type='usb' model='ich9-uhci1'/>", BERTH_ERROR_BAD_INPUT, "companion"},
      {"pc", "<controller type='what'/>", BERTH_ERROR_UNSUPPORTED, "'what'"},
      {"pc", "<sound/>", BERTH_ERROR_BAD_INPUT, "<sound> lacks @model"},
      {"pc", "<sound model='theremin'/>", BERTH_ERROR_UNSUPPORTED, "'theremin'"},
      {"pc", "<memballoon model='virtio'/>\n<memballoon model='none'/>", BERTH_ERROR_BAD_INPUT, "guest.xml:3: memballoon"},
      {"pc", "<watchdog model='ib700'/><watchdog model='ib700'/>", BERTH_ERROR_BAD_INPUT, "only one"},
      {"pc", "<console type='pty'/><console type='pty'/>", BERTH_ERROR_BAD_INPUT, "only the first console"},
      {"pc", "<serial type='pty'><address type='pci'/></serial>", BERTH_ERROR_BAD_INPUT, "isa"},
      {"pc", "<video><model type='qxl'/></video><video/>", BERTH_ERROR_UNSUPPORTED, "primary"},
      {"pc", "<video><model type='none'/></video><video><model type='qxl'/></video>", BERTH_ERROR_BAD_INPUT, "only one"},
      {"pc", "<iommu model='intel'/>", BERTH_ERROR_UNSUPPORTED, "q35"},
      {"pc", "<shmem name='x'/>", BERTH_ERROR_UNSUPPORTED, "ivshmem-plain"},
      {"pc", "<disk><target dev='sda'/><address type='drive' controller='4000000000'/></disk>", BERTH_ERROR_BAD_INPUT,
       "controller"},
  };
  for (gsize i = 0; i < G_N_ELEMENTS(rows); i++) {
    g_auto(Guest) guest = plan(rows[i].machine, "", rows[i].devices);
    g_test_message("%s: %s", rows[i].devices, guest.error != NULL ? guest.error->message : "accepted");
    g_assert_error(guest.error, BERTH_ERROR, rows[i].code);
    g_assert_nonnull(strstr(guest.error->message, rows[i].message));
    g_assert_true(g_str_has_prefix(guest.error->message, "guest.xml:"));
  }
}

/* Every row belongs to its element, and no variant has two rows. */
static void test_tables(void) {
  for (guint i = 0; i < BERTH_N_ELEMENTS; i++) {
    g_assert_cmpuint(berth_kinds_elements[i].id, ==, i);
    g_assert_nonnull(berth_kinds_elements[i].name);
    g_assert_nonnull(berth_kinds_elements[i].variant);
    if (i < BERTH_OTHER)
      g_assert_true(berth_kinds_element(berth_kinds_elements[i].name) == &berth_kinds_elements[i]);
  }
  g_assert_null(berth_kinds_element("toaster"));
}

int main(int argc, char **argv) {
  g_test_init(&argc, &argv, NULL);
  g_test_add_func("/defaults/tables", test_tables);
  g_test_add_func("/defaults/disk-order", test_disk_order);
  g_test_add_func("/defaults/controller-order", test_controller_order);
  g_test_add_func("/defaults/ich9-groups", test_ich9_groups);
  g_test_add_func("/defaults/machine-devices", test_machine_devices);
  g_test_add_func("/defaults/models", test_models);
  g_test_add_func("/defaults/forced-addresses", test_forced_addresses);
  g_test_add_func("/defaults/implied-controllers", test_implied_controllers);
  g_test_add_func("/defaults/many-scsi-hostdevs", test_many_scsi_hostdevs);
  g_test_add_func("/defaults/consoles", test_consoles);
  g_test_add_func("/defaults/console-is-written-first", test_console_is_written_first);
  g_test_add_func("/defaults/machine", test_machine);
  g_test_add_func("/defaults/recorded-machine", test_recorded_machine);
  g_test_add_func("/defaults/macs", test_macs);
  g_test_add_func("/defaults/ids", test_ids);
  g_test_add_func("/defaults/refusals", test_refusals);
  return g_test_run();
}
