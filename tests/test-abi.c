/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What a guest sees: each kind of difference is found and named, and what it does not see is none. */
#include <string.h>

#include "assign/engine.h"
#include "assign/remember.h"
#include "document/document.h"
#include "families/families.h"
#include "kinds/abi.h"
#include "kinds/kinds.h"

#define PCI(slot, function) "<address type='pci' domain='0' bus='0' slot='" slot "' function='" function "'"

static const char base[] =
    "<domain type='qemu'><name>g</name><uuid>11111111-2222-3333-4444-555555555555</uuid><memory "
    "unit='MiB'>64</memory><vcpu>2</vcpu>"
    "<os><type arch='x86_64' machine='pc-i440fx-7.2'>hvm</type></os><features><acpi/><apic/></features>"
    "<cpu mode='custom' check='none'><model>qemu64</model><feature policy='require' name='x2apic'/><feature policy='disable' "
    "name='svm'/></cpu>"
    "<devices>"
    "<controller type='usb' index='0' model='qemu-xhci' ports='8'/><controller type='pci' index='1' model='pci-bridge'><target "
    "chassisNr='1'/></controller><controller type='virtio-serial' index='0' ports='16'/>"
    "<controller type='scsi' index='0' model='virtio-scsi'/>"
    "<disk type='file' device='disk'><source file='/a'/><target dev='sda' bus='scsi'/><serial>S1</serial><address type='drive' "
    "controller='0' bus='0' target='0' unit='0'/></disk>"
    "<interface type='user'><mac address='52:54:00:00:00:0a'/><model type='virtio'/>" PCI(
        "9", "0") " multifunction='on'/></interface>"
                  "<interface type='user'><mac address='52:54:00:00:00:0b'/><model type='e1000'/>" PCI(
                      "9", "1") "/></interface>"
                                "<channel type='unix'><target type='virtio' name='org.a'/><address type='virtio-serial' "
                                "controller='0' bus='0' port='3'/></channel>"
                                "<input type='tablet' bus='usb'><address type='usb' bus='0' port='2'/></input>"
                                "<rng model='virtio'><backend model='random'>/dev/urandom</backend></rng>"
                                "</devices></domain>";

typedef struct {
  BerthXmlDocument *document;
  BerthPlan *plan;
} Guest;

static void guest_clear(Guest *guest) {
  berth_plan_free(guest->plan);
  berth_xml_document_free(guest->document);
}
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(Guest, guest_clear)

static Guest plan_text(const char *text) {
  const BerthTables tables = {berth_kinds_elements, berth_kinds_classify, berth_families};
  Guest guest = {0};
  g_autoptr(GError) error = NULL;
  g_autoptr(GBytes) bytes = g_bytes_new(text, strlen(text));
  guest.document = berth_xml_document_parse(bytes, "guest.xml", &error);
  g_assert_no_error(error);
  BerthInventory *inventory = berth_document_read(guest.document, berth_kinds_elements, &error);
  g_assert_no_error(error);
  const BerthPlanOptions options = {0};
  guest.plan = berth_assign_plan(inventory, &tables, &options, &error);
  g_assert_no_error(error);
  berth_assign_record(guest.plan); /* the devices' keys */
  return guest;
}

/* "interface 52:54:…: changed model: e1000 -> rtl8139; …". (transfer full) */
static char *differences_of(const Guest *was, const Guest *now) {
  g_autoptr(GPtrArray) all = berth_kinds_abi_diff(was->plan->inventory, now->plan->inventory);
  GString *text = g_string_new(NULL);
  for (guint i = 0; i < all->len; i++) {
    const BerthDifference *one = g_ptr_array_index(all, i);
    g_string_append_printf(text, "%s%s: %s %s: %s -> %s", i > 0 ? "; " : "", one->device, one->change, one->aspect, one->was,
                           one->now);
  }
  return g_string_free(text, FALSE);
}

/* @text with @old, which it has, replaced. */
static char *edited(const char *text, const char *old, const char *new) {
  g_assert_nonnull(strstr(text, old));
  g_auto(GStrv) pieces = g_strsplit(text, old, 2);
  return g_strjoinv(new, pieces);
}

/* An edit of the document, and all that a guest sees of it. */
static const struct {
  const char *old, *new, *seen;
} edits[] = {
    {"<rng", "<!-- nothing --><rng", ""},
    {"/dev/urandom", "/dev/random", ""},
    {"<source file='/a'/>", "<source file='/b'/><driver name='qemu' type='raw' cache='none'/>", ""},
    {"type='user'", "type='bridge'><source bridge='br0'/><link state='up'/", ""},
    {"unit='MiB'>64<", "unit='KiB'>65536<", ""},
    {"52:54:00:00:00:0a", "52:54:00:00:00:0A", ""},
    {"check='none'", "check='partial'", ""},
    {"<feature policy='require' name='x2apic'/><feature policy='disable' name='svm'/>",
     "<feature policy='disable' name='svm'/> <feature name='x2apic' policy='require'/>", ""},
    {"</devices>", "<audio id='1' type='none'/></devices>", ""},
    {"<name>g<", "<name>h<", "domain: changed name: g -> h"},
    {"type='qemu'", "type='kvm'", "domain: changed hypervisor: qemu -> kvm"},
    {"11111111-", "21111111-",
     "domain: changed uuid: 11111111-2222-3333-4444-555555555555 -> 21111111-2222-3333-4444-555555555555"},
    {"unit='MiB'>64<", "unit='MiB'>65<", "domain: changed memory: 65536 KiB -> 66560 KiB"},
    {">2</vcpu>", ">3</vcpu>", "domain: changed vcpus: 2 -> 3"},
    {"pc-i440fx-7.2", "pc-i440fx-7.1", "domain: changed machine: pc-i440fx-7.2 -> pc-i440fx-7.1"},
    {"<acpi/><apic/>", "<acpi/>", "domain: changed features: features (acpi, apic) -> features (acpi)"},
    {">hvm</type>", ">hvm</type><loader type='rom'>/f</loader>",
     "domain: changed firmware image:  -> /f; domain: changed firmware type:  -> rom"},
    {"<serial>S1<", "<serial>S2<", "disk 'sda': changed serial: S1 -> S2"},
    {"<serial>S1</serial>", "<serial>S1</serial><readonly/>", "disk 'sda': changed read-only: off -> on"},
    {"device='disk'", "device='cdrom'", "disk 'sda': changed device: disk -> cdrom"},
    {"dev='sda'", "dev='sdb'", "disk 'sda': changed target: sda -> sdb"},
    {"target='0' unit='0'", "target='2' unit='0'", "disk 'sda': moved address: drive 0:0:0:0 -> drive 0:0:2:0"},
    {"multifunction='on'/></interface>", "multifunction='off'/></interface>",
     "interface 52:54:00:00:00:0a: changed multifunction: on -> off"},
    {PCI("9", "1"), PCI("10", "0"), "interface 52:54:00:00:00:0b: moved address: pci 0000:00:09.1 -> pci 0000:00:0a.0"},
    {"type='e1000'", "type='rtl8139'", "interface 52:54:00:00:00:0b: changed model: e1000 -> rtl8139"},
    {"port='3'", "port='4'", "channel 'org.a': moved address: virtio-serial 0:0:3 -> virtio-serial 0:0:4"},
    {"port='2'", "port='3'", "input 0: moved address: usb 0:2 -> usb 0:3"},
    {"ports='16'", "ports='17'", "controller virtio-serial 0: changed ports: 16 -> 17"},
    {"ports='8'", "ports='9'", "controller usb 0: changed ports: 8 -> 9"},
    {"qemu-xhci' ports='8'", "nec-xhci' ports='8'", "controller usb 0: changed model: usb/qemu-xhci -> usb/nec-xhci"},
    {"chassisNr='1'", "chassisNr='1' memReserve='2'", "controller pci 1: changed reserved memory space:  -> 2"},
    {"chassisNr='1'", "chassisNr='1' busReserve='2'", "controller pci 1: changed reserved bus numbers:  -> 2"},
    {"chassisNr='1'", "chassisNr='7'", "controller pci 1: changed chassis: 1 -> 7"},
    {"<mac address='52:54:00:00:00:0b'/>", "<mac address='52:54:00:00:00:0b'/><acpi index='3'/>",
     "interface 52:54:00:00:00:0b: changed acpi index:  -> 3"},
    {"name='org.a'", "name='org.b'", "channel 'org.a': changed name: org.a -> org.b"},
    {"</devices>", "<vsock model='virtio'><cid address='3'/>" PCI("12", "0") "/></vsock></devices>",
     "vsock 0: added :  -> pci 0000:00:0c.0"},
    {"<rng model='virtio'>", "<rng model='virtio'><driver packed='on'/>", "rng 0: changed packed: off -> on"},
};

static void test_each_difference_is_named(void) {
  g_auto(Guest) was = plan_text(base);
  for (gsize i = 0; i < G_N_ELEMENTS(edits); i++) {
    g_autofree char *text = edited(base, edits[i].old, edits[i].new);
    g_test_message("%s -> %s", edits[i].old, edits[i].new);
    g_auto(Guest) now = plan_text(text);
    g_autofree char *seen = differences_of(&was, &now);
    g_test_message("%s", seen);
    g_assert_cmpstr(seen, ==, edits[i].seen);
  }
}

static void test_removed_is_the_mirror_of_added(void) {
  g_autofree char *text = edited(base, "<rng model='virtio'><backend model='random'>/dev/urandom</backend></rng>", "");
  g_auto(Guest) with = plan_text(base);
  g_auto(Guest) without = plan_text(text);
  g_autoptr(GPtrArray) went = berth_kinds_abi_diff(with.plan->inventory, without.plan->inventory);
  g_autoptr(GPtrArray) came = berth_kinds_abi_diff(without.plan->inventory, with.plan->inventory);
  g_assert_cmpuint(went->len, ==, came->len);
  const BerthDifference *removed = NULL, *added = NULL;
  for (guint i = 0; i < went->len; i++) {
    const BerthDifference *one = g_ptr_array_index(went, i), *other = g_ptr_array_index(came, i);
    removed = g_str_equal(one->change, "removed") ? one : removed;
    added = g_str_equal(other->change, "added") ? other : added;
  }
  g_assert_nonnull(removed);
  g_assert_nonnull(added);
  g_assert_cmpstr(removed->device, ==, "rng 0");
  g_assert_cmpstr(removed->was, ==, added->now);
}

static void test_the_order_of_placed_devices_is_not_seen(void) {
  g_auto(Guest) was = plan_text(base);
  g_autoptr(GBytes) placed = berth_document_write(was.plan, FALSE);
  g_autofree char *text = g_strndup(g_bytes_get_data(placed, NULL), g_bytes_get_size(placed));
  const char *first = strstr(text, "<interface"), *second = strstr(first + 1, "<interface");
  const char *behind = strstr(second, "</interface>") + strlen("</interface>");
  g_autofree char *swapped = g_strdup_printf("%.*s%.*s%.*s%s", (int)(first - text), text, (int)(behind - second), second,
                                             (int)(second - first), first, behind);
  g_auto(Guest) again = plan_text(text);
  g_auto(Guest) now = plan_text(swapped);
  g_autofree char *nothing = differences_of(&was, &again);
  g_autofree char *seen = differences_of(&was, &now);
  g_assert_cmpstr(nothing, ==, "");
  g_assert_cmpstr(seen, ==, "");
}

static void test_host_devices_bind_a_guest(void) {
  static const struct {
    const char *device;
    gboolean bound;
  } cases[] = {
      {"<hostdev mode='subsystem' type='pci'><source><address domain='0' bus='1' slot='2' function='0'/></source></hostdev>", TRUE},
      {"<hostdev mode='subsystem' type='mdev' model='vfio-pci'><source><address "
       "uuid='c2177883-f1bb-47f0-914d-32a22e3a8804'/></source></hostdev>",
       TRUE},
      {"<interface type='hostdev'><source><address type='pci' domain='0' bus='1' slot='2' function='0'/></source></interface>",
       TRUE},
      {"<hostdev mode='subsystem' type='usb'><source><vendor id='0x1234'/><product id='0x5678'/></source></hostdev>", FALSE},
      {"", FALSE},
  };
  for (gsize i = 0; i < G_N_ELEMENTS(cases); i++) {
    g_autofree char *more = g_strconcat(cases[i].device, "</devices>", NULL);
    g_autofree char *text = edited(base, "</devices>", more);
    g_auto(Guest) guest = plan_text(text);
    g_assert_cmpint(berth_kinds_abi_bound(guest.plan->inventory) != NULL, ==, cases[i].bound);
  }
}

int main(int argc, char **argv) {
  g_test_init(&argc, &argv, NULL);
  g_test_add_func("/abi/each-difference-is-named", test_each_difference_is_named);
  g_test_add_func("/abi/removed-is-the-mirror-of-added", test_removed_is_the_mirror_of_added);
  g_test_add_func("/abi/the-order-of-placed-devices-is-not-seen", test_the_order_of_placed_devices_is_not_seen);
  g_test_add_func("/abi/host-devices-bind-a-guest", test_host_devices_bind_a_guest);
  return g_test_run();
}
