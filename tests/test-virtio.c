/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Flavours of virtio devices: where each goes, which a guest's operating system makes necessary, and that a recorded one stays. */
#include <berth/plan.h>
#include <string.h>

#include "model/plan.h"

#define PC "pc-i440fx-7.2"
#define Q35 "pc-q35-7.2"

typedef struct {
  BerthDomain *domain;
  BerthPlan *plan;
} Guest;

static void guest_clear(Guest *guest) {
  berth_plan_free(guest->plan);
  berth_domain_free(guest->domain);
}
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(Guest, guest_clear)

static BerthDomain *parse(const char *text) {
  g_autoptr(GError) error = NULL;
  g_autoptr(GBytes) bytes = g_bytes_new(text, strlen(text));
  BerthDomain *domain = berth_domain_parse(bytes, "guest.xml", &error);
  g_assert_no_error(error);
  return domain;
}

static char *domain_text(const char *machine, const char *devices) {
  return g_strdup_printf("<domain type='qemu'><name>t</name><os><type arch='x86_64' machine='%s'>hvm</type></os>"
                         "<devices><controller type='usb' model='none'/>%s</devices></domain>",
                         machine, devices);
}

static Guest plan_text(const char *text, const BerthPlanOptions *options) {
  g_autoptr(GError) error = NULL;
  Guest guest = {.domain = parse(text)};
  guest.plan = berth_plan_new(guest.domain, options, &error);
  g_assert_no_error(error);
  return guest;
}

static Guest plan(const char *machine, const char *devices, const BerthPlanOptions *options) {
  g_autofree char *text = domain_text(machine, devices);
  return plan_text(text, options);
}

static const BerthPlanOptions legacy = {.virtio = BERTH_VIRTIO_LEGACY, .os = "rhel6.0"};

static const BerthDevice *nth(const Guest *guest, BerthElementId element, guint n) {
  const BerthDevice *device = NULL;
  for (guint i = 0; (device = berth_model_inventory_walk(guest->plan->inventory, element, &i)) != NULL && n > 0;)
    n--;
  g_assert_nonnull(device);
  return device;
}

static const BerthDevice *controller(const Guest *guest, const char *type) {
  const BerthDevice *device = berth_model_inventory_controller(guest->plan->inventory, type, 0);
  g_assert_nonnull(device);
  return device;
}

/* "port": an express port, "slot": a conventional slot, "root": bus 0. */
static const char *place(const Guest *guest, const BerthDevice *device) {
  g_assert_cmpint(device->address.type, ==, BERTH_ADDRESS_PCI);
  guint64 bus = device->address.value[BERTH_PCI_BUS];
  if (bus == 0)
    return "root";
  const BerthDevice *under = berth_model_inventory_controller(guest->plan->inventory, "pci", (gint64)bus);
  g_assert_nonnull(under);
  return berth_model_device_is(under, "@model", "pcie-root-port") ? "port" : "slot";
}

#define ASSERT_IS(guest, device, kind_, place_)                                                                                    \
  G_STMT_START {                                                                                                                   \
    const BerthDevice *device_ = (device);                                                                                         \
    g_autofree char *variant_ = device_->element->variant(device_);                                                                \
    g_assert_cmpstr(variant_, ==, (kind_));                                                                                        \
    g_assert_cmpstr(place((guest), device_), ==, (place_));                                                                        \
  }                                                                                                                                \
  G_STMT_END

static guint notes(const Guest *guest) {
  return g_strv_length((GStrv)berth_plan_notes(guest->plan));
}

static char *document(const Guest *guest) {
  g_autoptr(GBytes) bytes = berth_plan_document(guest->plan);
  return g_strndup(g_bytes_get_data(bytes, NULL), g_bytes_get_size(bytes));
}

/* ---- every device that has flavours, %s being one ---- */

typedef struct {
  BerthElementId element;
  const char *type;      /* of a controller; NULL otherwise */
  const char *bare;      /* without flavour, as it is written most often */
  const char *flavoured; /* with one: %s */
  const char *kinds[3];  /* without, transitional, non-transitional */
  gboolean older;        /* than virtio 1.0 */
} Row;

#define DISK "<disk type='file' device='disk'%s><source file='/d'/><target dev='vda' bus='virtio'/></disk>"
#define NIC "<interface type='user'><mac address='52:54:00:00:00:01'/><model type='%s'/></interface>"
#define FILES "<filesystem type='mount'%s><source dir='/d'/><target dir='t'/></filesystem>"
#define HOST "<hostdev mode='subsystem' type='scsi_host'%s><source protocol='vhost' wwpn='naa.5123456789abcde0'/></hostdev>"
#define RNG "<rng model='%s'><backend model='random'>/dev/urandom</backend></rng>"
#define VSOCK "<vsock model='%s'><cid auto='no' address='3'/></vsock>"

static const Row rows[] = {
    {BERTH_DISK, NULL, "", DISK, {"virtio", "virtio-transitional", "virtio-non-transitional"}, TRUE},
    {BERTH_INTERFACE, NULL, "virtio", NIC, {"virtio", "virtio-transitional", "virtio-non-transitional"}, TRUE},
    {BERTH_FILESYSTEM, NULL, "", FILES, {"9p", "9p-transitional", "9p-non-transitional"}, TRUE},
    {BERTH_HOSTDEV, NULL, "", HOST, {"scsi_host", "scsi_host-transitional", "scsi_host-non-transitional"}, TRUE},
    {BERTH_CONTROLLER,
     "scsi",
     "virtio-scsi",
     "<controller type='scsi' index='0' model='%s'/>",
     {"scsi/virtio-scsi", "scsi/virtio-transitional", "scsi/virtio-non-transitional"},
     TRUE},
    {BERTH_CONTROLLER,
     "virtio-serial",
     "",
     "<controller type='virtio-serial' index='0'%s/>",
     {"virtio-serial", "virtio-serial/virtio-transitional", "virtio-serial/virtio-non-transitional"},
     TRUE},
    {BERTH_MEMBALLOON,
     NULL,
     "virtio",
     "<memballoon model='%s'/>",
     {"virtio", "virtio-transitional", "virtio-non-transitional"},
     TRUE},
    {BERTH_RNG, NULL, "virtio", RNG, {"virtio", "virtio-transitional", "virtio-non-transitional"}, TRUE},
    {BERTH_VSOCK, NULL, "virtio", VSOCK, {"virtio", "virtio-transitional", "virtio-non-transitional"}, FALSE},
};

/* (transfer full) */
static char *with_flavour(const Row *row, const char *flavour) {
  g_autofree char *attribute = g_strdup_printf(" model='%s'", flavour);
  gboolean whole = *row->bare == '\0'; /* the %s is the attribute, not its value */
  g_auto(GStrv) pieces = g_strsplit(row->flavoured, "%s", 2);
  return g_strjoinv(flavour == row->bare ? row->bare : whole ? attribute : flavour, pieces);
}

static const BerthDevice *of_row(const Guest *guest, const Row *row) {
  return row->type != NULL ? controller(guest, row->type) : nth(guest, row->element, 0);
}

/* The expectations were asked of a live libvirt 12.8. */
static void test_places(void) {
  static const char *const flavours[] = {NULL, "virtio-transitional", "virtio-non-transitional"};
  static const char *const places[] = {"port", "slot", "port"};
  for (gsize i = 0; i < G_N_ELEMENTS(rows); i++)
    for (gsize f = 0; f < G_N_ELEMENTS(flavours); f++) {
      g_autofree char *devices = with_flavour(&rows[i], flavours[f] != NULL ? flavours[f] : rows[i].bare);
      g_auto(Guest) q35 = plan(Q35, devices, NULL);
      ASSERT_IS(&q35, of_row(&q35, &rows[i]), rows[i].kinds[f], places[f]);
      g_auto(Guest) pc = plan(PC, devices, NULL);
      ASSERT_IS(&pc, of_row(&pc, &rows[i]), rows[i].kinds[f], "root");
    }
}

static void test_legacy_name(void) {
  for (gsize i = 0; i < G_N_ELEMENTS(rows); i++) {
    g_autofree char *devices = with_flavour(&rows[i], "virtio-0.9");
    g_auto(Guest) guest = plan(Q35, devices, NULL);
    ASSERT_IS(&guest, of_row(&guest, &rows[i]), rows[i].kinds[1], "slot");
    g_autofree char *text = document(&guest);
    g_assert_null(strstr(text, "virtio-0.9"));
    g_assert_nonnull(strstr(text, "'virtio-transitional'"));
    /* And that is what it means from then on: nothing is left to write. */
    g_auto(Guest) again = plan_text(text, NULL);
    g_autofree char *same = document(&again);
    g_assert_cmpstr(same, ==, text);
  }
}

static void test_legacy_os(void) {
  static const BerthPlanOptions modern = {.virtio = BERTH_VIRTIO_MODERN, .os = "rhel8.0"};
  for (gsize i = 0; i < G_N_ELEMENTS(rows); i++) {
    gboolean older = rows[i].older;
    g_autofree char *bare = with_flavour(&rows[i], rows[i].bare), *one = with_flavour(&rows[i], "virtio-non-transitional");
    g_auto(Guest) q35 = plan(Q35, bare, &legacy);
    ASSERT_IS(&q35, of_row(&q35, &rows[i]), rows[i].kinds[older ? 1 : 0], older ? "slot" : "port");
    g_assert_cmpuint(notes(&q35), ==, 0);
    g_auto(Guest) said = plan(Q35, one, &legacy);
    ASSERT_IS(&said, of_row(&said, &rows[i]), rows[i].kinds[2], "port");
    g_auto(Guest) spoken = plan(Q35, bare, &modern);
    ASSERT_IS(&spoken, of_row(&spoken, &rows[i]), rows[i].kinds[0], "port");
    g_auto(Guest) pc = plan(PC, bare, &legacy), plain = plan(PC, bare, NULL);
    g_autofree char *with = document(&pc), *without = document(&plain);
    g_assert_cmpstr(with, ==, without);
  }
}

/* What berth adds by itself follows: the balloon, the controllers that disks and channels need. */
static void test_legacy_implied(void) {
  const char *devices = "<controller type='scsi' index='0' model='virtio-scsi'/>"
                        "<disk type='file'><source file='/a'/><target dev='sda' bus='scsi'/></disk>"
                        "<disk type='file'><source file='/b'/><target dev='sdq' bus='scsi'/></disk>"
                        "<channel type='pty'><target type='virtio' name='a'/></channel>";
  g_auto(Guest) guest = plan(Q35, devices, &legacy);
  ASSERT_IS(&guest, controller(&guest, "scsi"), "scsi/virtio-transitional", "slot");
  ASSERT_IS(&guest, controller(&guest, "virtio-serial"), "virtio-serial/virtio-transitional", "slot");
  ASSERT_IS(&guest, nth(&guest, BERTH_MEMBALLOON, 0), "virtio-transitional", "slot");
}

static void test_never_legacy(void) {
  const char *devices = "<input type='tablet' bus='virtio'/><video><model type='virtio'/></video><sound model='virtio'/>"
                        "<filesystem type='mount'><driver type='virtiofs'/><source dir='/d'/><target dir='t'/></filesystem>"
                        "<crypto model='virtio' type='qemu'><backend model='builtin'/></crypto>"
                        "<iommu model='virtio'/><memballoon model='none'/>";
  g_autofree char *text = domain_text(Q35, devices);
  g_autoptr(GString) shared = g_string_new(text);
  g_string_replace(shared, "<devices>", "<memoryBacking><access mode='shared'/></memoryBacking><devices>", 1);
  g_auto(Guest) with = plan_text(shared->str, &legacy), without = plan_text(shared->str, NULL);
  g_autofree char *one = document(&with), *other = document(&without);
  g_assert_cmpstr(one, ==, other);
  g_assert_null(strstr(one, "transitional"));
}

/* A written address is law, also where libvirt would have put the device elsewhere; it accepts that. */
static void test_written_address(void) {
  const char *devices = "<controller type='pci' index='1' model='pcie-root-port'/><interface type='user'>"
                        "<mac address='52:54:00:00:00:01'/><model type='virtio'/>"
                        "<address type='pci' domain='0' bus='1' slot='0' function='0'/></interface>";
  g_auto(Guest) guest = plan(Q35, devices, &legacy);
  ASSERT_IS(&guest, nth(&guest, BERTH_INTERFACE, 0), "virtio-transitional", "port");
}

static void test_notes(void) {
  static const struct {
    BerthVirtio virtio;
    const char *word;
  } known[] = {{BERTH_VIRTIO_UNKNOWN, "not in libosinfo"}, {BERTH_VIRTIO_UNSAID, "not which virtio"}};
  g_autofree char *nic = g_strdup_printf(NIC, "virtio");
  g_auto(Guest) plain = plan(Q35, nic, NULL);
  g_autofree char *expected = document(&plain);
  for (gsize i = 0; i < G_N_ELEMENTS(known); i++) {
    const BerthPlanOptions options = {.virtio = known[i].virtio, .os = "plan\n9"};
    g_auto(Guest) guest = plan(Q35, nic, &options), pc = plan(PC, nic, &options);
    g_autofree char *text = document(&guest);
    g_assert_cmpstr(text, ==, expected);
    g_assert_cmpuint(notes(&guest), ==, 1);
    g_assert_nonnull(strstr(berth_plan_notes(guest.plan)[0], known[i].word));
    g_assert_null(strchr(berth_plan_notes(guest.plan)[0], '\n'));
    g_assert_cmpuint(notes(&pc), ==, 0);
  }
}

/* ---- what is recorded stays ---- */

static int by_text(gconstpointer a, gconstpointer b) {
  return g_strcmp0(*(char *const *)a, *(char *const *)b);
}

/* Every device with its flavour and its place, whatever order the document has them in. (transfer full) */
static char *summary(const Guest *guest) {
  g_autoptr(GPtrArray) all = berth_plan_rows(guest->plan), lines = g_ptr_array_new_with_free_func(g_free);
  for (guint i = 0; i < all->len; i++) {
    const BerthRow *row = g_ptr_array_index(all, i);
    g_ptr_array_add(lines, g_strjoin(" ", row->device, row->kind, row->address, NULL));
  }
  g_ptr_array_sort(lines, by_text);
  g_ptr_array_add(lines, NULL);
  return g_strjoinv("\n", (char **)lines->pdata);
}

static BerthRecord *record_again(const Guest *guest) {
  g_autoptr(GError) error = NULL;
  g_autofree char *json = berth_record_to_json(berth_plan_record(guest->plan));
  BerthRecord *record = berth_record_parse(json, -1, "record", &error);
  g_assert_no_error(error);
  return record;
}

#define SOME                                                                                                                       \
  "<disk type='file'><source file='/d'/><target dev='vda' bus='virtio'/></disk>"                                                   \
  "<interface type='user'><mac address='52:54:00:00:00:01'/><model type='virtio'/></interface>"                                    \
  "<controller type='virtio-serial' index='0'/><channel type='pty'><target type='virtio' name='a'/></channel>"                     \
  "<rng model='virtio'><backend model='random'>/dev/urandom</backend></rng>"

static void test_recorded_stays(void) {
  g_auto(Guest) first = plan(Q35, SOME, &legacy);
  g_autofree char *expected = summary(&first), *written = document(&first);
  g_autoptr(BerthRecord) record = record_again(&first);
  const BerthPlanOptions options[] = {
      {.record = record},
      {.record = record, .virtio = BERTH_VIRTIO_LEGACY, .os = "rhel6.0"},
      {.record = record, .virtio = BERTH_VIRTIO_MODERN, .os = "rhel8.0"},
  };
  for (gsize i = 0; i < G_N_ELEMENTS(options); i++) {
    g_auto(Guest) again = plan(Q35, SOME, &options[i]);
    g_autofree char *text = summary(&again);
    g_assert_cmpstr(text, ==, expected);
    g_assert_cmpuint(notes(&again), ==, 0);
  }
  /* Also once a document that came out of berth, which names the flavour, was read in between. */
  g_auto(Guest) own = plan_text(written, &options[0]);
  g_autoptr(BerthRecord) later = record_again(&own);
  const BerthPlanOptions bare = {.record = later};
  g_auto(Guest) last = plan(Q35, SOME, &bare);
  g_autofree char *text = summary(&last);
  g_assert_cmpstr(text, ==, expected);
}

static void test_recorded_bare_stays(void) {
  g_auto(Guest) first = plan(Q35, SOME, NULL);
  g_autofree char *expected = summary(&first);
  g_autoptr(BerthRecord) record = record_again(&first);
  const BerthPlanOptions options = {.record = record, .virtio = BERTH_VIRTIO_LEGACY, .os = "rhel6.0"};
  g_auto(Guest) again = plan(Q35, SOME, &options);
  g_autofree char *text = summary(&again);
  g_assert_cmpstr(text, ==, expected);
  g_assert_cmpuint(notes(&again), ==, 5); /* disk, interface, controller, rng, balloon */
  g_assert_nonnull(strstr(berth_plan_notes(again.plan)[0], "virtio 0.9"));
}

/* A device that comes to a recorded guest gets what its system needs; those that are there do not move. */
static void test_newcomer(void) {
  g_auto(Guest) first = plan(Q35, "<memballoon model='none'/>" SOME, NULL);
  g_autoptr(BerthRecord) record = record_again(&first);
  const BerthPlanOptions options = {.record = record, .virtio = BERTH_VIRTIO_LEGACY, .os = "rhel6.0"};
  g_auto(Guest) again =
      plan(Q35, "<memballoon model='none'/>" SOME "<disk type='file'><source file='/e'/><target dev='vdb' bus='virtio'/></disk>",
           &options);
  ASSERT_IS(&again, nth(&again, BERTH_DISK, 0), "virtio", "port");
  ASSERT_IS(&again, nth(&again, BERTH_DISK, 1), "virtio-transitional", "slot");
}

/* What the document itself had chosen is the document's to take back; and it can overrule what berth chose. */
static void test_document_decides(void) {
  g_autofree char *transitional = g_strdup_printf(NIC, "virtio-transitional"), *bare = g_strdup_printf(NIC, "virtio");
  g_autofree char *modern = g_strdup_printf(NIC, "virtio-non-transitional");
  g_auto(Guest) written = plan(Q35, transitional, NULL), chosen = plan(Q35, bare, &legacy);
  g_autoptr(BerthRecord) of_written = record_again(&written), of_chosen = record_again(&chosen);
  const BerthPlanOptions after_written = {.record = of_written}, after_chosen = {.record = of_chosen};
  g_auto(Guest) taken_back = plan(Q35, bare, &after_written), overruled = plan(Q35, modern, &after_chosen);
  ASSERT_IS(&taken_back, nth(&taken_back, BERTH_INTERFACE, 0), "virtio", "port");
  ASSERT_IS(&overruled, nth(&overruled, BERTH_INTERFACE, 0), "virtio-non-transitional", "port");
}

static void test_previous(void) {
  g_autoptr(GError) error = NULL;
  g_auto(Guest) first = plan(Q35, SOME, &legacy);
  g_autofree char *old = document(&first);
  g_autoptr(BerthDomain) domain = parse(old);
  g_autoptr(BerthRecord) record = berth_record_of_domain(domain, &error);
  g_assert_no_error(error);
  const BerthPlanOptions options = {.record = record};
  g_auto(Guest) again = plan(Q35, SOME, &options);
  g_autofree char *expected = summary(&first), *text = summary(&again);
  g_assert_cmpstr(text, ==, expected);
}

/* ---- the operating system ---- */

static void test_metadata(void) {
  static const struct {
    const char *metadata, *id;
  } cases[] = {
      {"", NULL},
      {"<metadata/>", NULL},
      {"<metadata><x:libosinfo xmlns:x='http://libosinfo.org/xmlns/libvirt/domain/1.0'><x:os id='http://redhat.com/rhel/6.0'/>"
       "</x:libosinfo></metadata>",
       "http://redhat.com/rhel/6.0"},
      {"<metadata><libosinfo xmlns='http://libosinfo.org/xmlns/libvirt/domain/1.0'><os id='a'/></libosinfo></metadata>", "a"},
      {"<metadata><libosinfo:libosinfo xmlns:libosinfo='urn:else'><libosinfo:os id='a'/></libosinfo:libosinfo></metadata>", NULL},
      {"<metadata><x:libosinfo xmlns:x='http://libosinfo.org/xmlns/libvirt/domain/1.0'><x:os/></x:libosinfo></metadata>", NULL},
  };
  for (gsize i = 0; i < G_N_ELEMENTS(cases); i++) {
    g_autofree char *text = g_strdup_printf("<domain type='qemu'>%s<devices/></domain>", cases[i].metadata);
    g_autoptr(BerthDomain) domain = parse(text);
    g_assert_cmpstr(berth_domain_os(domain), ==, cases[i].id);
  }
}

/* The library itself loses some of what it reads; that is not for the leak checker of this program. */
void __lsan_disable(void) __attribute__((weak));
void __lsan_enable(void) __attribute__((weak));

static gboolean ask_osinfo(const char *id, BerthVirtio *virtio, GError **error) {
  if (__lsan_disable != NULL)
    __lsan_disable();
  gboolean ok = berth_os_virtio(id, virtio, error);
  if (__lsan_enable != NULL)
    __lsan_enable();
  return ok;
}

static void test_osinfo(void) {
  static const struct {
    const char *id;
    BerthVirtio virtio;
  } cases[] = {
      {"rhel6.0", BERTH_VIRTIO_LEGACY},
      {"http://redhat.com/rhel/6.0", BERTH_VIRTIO_LEGACY},
      {"http://centos.org/centos/6.10", BERTH_VIRTIO_LEGACY},
      {"debian11", BERTH_VIRTIO_MODERN},
      {"http://redhat.com/rhel/8.0", BERTH_VIRTIO_MODERN},
      {"win10", BERTH_VIRTIO_MODERN}, /* by its drivers */
      {"rhel4.0", BERTH_VIRTIO_UNSAID},
      {"plan9", BERTH_VIRTIO_UNKNOWN},
  };
  for (gsize i = 0; i < G_N_ELEMENTS(cases); i++) {
    g_autoptr(GError) error = NULL;
    BerthVirtio virtio = BERTH_VIRTIO_UNASKED;
    if (!ask_osinfo(cases[i].id, &virtio, &error)) {
      g_test_skip(error->message);
      return;
    }
    g_test_message("%s", cases[i].id);
    g_assert_cmpint(virtio, ==, cases[i].virtio);
  }
}

static void test_osinfo_missing(void) {
  if (g_test_subprocess()) {
    g_autoptr(GError) error = NULL;
    BerthVirtio virtio = BERTH_VIRTIO_UNASKED;
    g_setenv("OSINFO_SYSTEM_DIR", "/nonexistent", TRUE);
    g_setenv("OSINFO_LOCAL_DIR", "/nonexistent", TRUE);
    g_setenv("OSINFO_USER_DIR", "/nonexistent", TRUE);
    g_assert_false(berth_os_virtio("rhel6.0", &virtio, &error));
    g_assert_error(error, BERTH_ERROR, BERTH_ERROR_FAILED);
    g_assert_cmpint(virtio, ==, BERTH_VIRTIO_UNASKED);
    return;
  }
  g_test_trap_subprocess(NULL, 0, G_TEST_SUBPROCESS_DEFAULT);
  g_test_trap_assert_passed();
}

int main(int argc, char **argv) {
  g_test_init(&argc, &argv, NULL);
  g_test_add_func("/virtio/flavours-go-where-libvirt-puts-them", test_places);
  g_test_add_func("/virtio/0.9-is-written-back-as-transitional", test_legacy_name);
  g_test_add_func("/virtio/legacy-os-makes-bare-devices-transitional-on-q35-only", test_legacy_os);
  g_test_add_func("/virtio/what-berth-adds-follows-the-os", test_legacy_implied);
  g_test_add_func("/virtio/devices-younger-than-1.0-are-left-alone", test_never_legacy);
  g_test_add_func("/virtio/written-address-is-law", test_written_address);
  g_test_add_func("/virtio/unknown-os-gives-a-note-and-libvirts-result", test_notes);
  g_test_add_func("/virtio/recorded-flavour-stays-without-os", test_recorded_stays);
  g_test_add_func("/virtio/recorded-bare-device-stays-with-os", test_recorded_bare_stays);
  g_test_add_func("/virtio/newcomer-gets-what-the-os-needs", test_newcomer);
  g_test_add_func("/virtio/document-overrules-the-recorded-flavour", test_document_decides);
  g_test_add_func("/virtio/previous-document-keeps-the-flavour", test_previous);
  g_test_add_func("/virtio/os-in-metadata", test_metadata);
  g_test_add_func("/virtio/osinfo-tells-legacy-from-modern", test_osinfo);
  g_test_add_func("/virtio/osinfo-without-database-fails", test_osinfo_missing);
  return g_test_run();
}
