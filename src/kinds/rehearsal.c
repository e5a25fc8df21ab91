/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What the guest's QEMU objects become when nothing of the host may be behind them: one table, first row that fits. */
#include "kinds/rehearsal.h"

#include <string.h>

#include "kinds/build.h"

#define DISK_BYTES (G_GINT64_CONSTANT(1) << 30)
#define FLOPPY_BYTES (1440L * 1024)
#define MEMORY_BYTES (64 << 20)
#define RAM_ID "rehearsal-ram"
/* Below it is room for the PCI hole and for the gaps between DIMMs in the 40 bits that TCG has. */
#define MOST_MEMORY (G_GUINT64_CONSTANT(512) << 30)
#define MOST_MEMORY_TEXT "512G"
#define MOST_SIZE_TEXT "256G"
/* QEMU's own RAM is a multiple of this. */
#define RAM_UNIT 8192

/* The objects of one device, or of the guest itself, on their way. */
typedef struct {
  BerthBuild *build;         /* build->qemu is where they go */
  const BerthDevice *device; /* NULL: the guest's own */
  guint *hubs;               /* how many networks there are so far */
  GString *forgiven;         /* what is told of the guest; NULL for a device */
  char *note;                /* what is told of the device's back end; NULL so far */
} Stage;

typedef struct Row Row;
struct Row {
  BerthQemuForm form;
  const char *name; /* glob: option, driver, qom-type, type or back end, as the form has it */
  gboolean (*become)(Stage *stage, const Row *row, const BerthQemuObject *object, GError **error);
  const char *with;    /* the driver, word or type it becomes */
  const char *without; /* properties that are the host's, separated by spaces */
  const char *needs;   /* the property by which the device names its back end, if it must have one */
  const char *word;    /* another property that it must have, whatever it says */
};

/* "placeholder" and "left out" say more than "null". */
static void note(Stage *stage, const char *what, const char *driver) {
  if (stage->note != NULL && (driver == NULL || !g_str_has_prefix(stage->note, "null")))
    return;
  g_free(stage->note);
  stage->note = driver != NULL ? g_strdup_printf("%s: %s", what, driver) : g_strdup(what);
}

static gboolean has_word(const char *words, const char *word) {
  g_auto(GStrv) list = g_strsplit(words != NULL ? words : "", " ", -1);
  return g_strv_contains((const char *const *)list, word);
}

static void copy_props(json_object *from, json_object *to, const char *only, const char *without) {
  if (from == NULL)
    return;
  json_object_object_foreach(from, name, value) {
    if ((only == NULL || has_word(only, name)) && !has_word(without, name))
      berth_json_set(to, name, json_object_get(value));
  }
}

static const char *text_of(json_object *props, const char *name) {
  return berth_json_member_string(props, name);
}

/* ---- back ends ---- */

static void add_node(Stage *stage, const char *name) {
  gboolean floppy =
      stage->device != NULL && stage->device->element->id == BERTH_DISK &&
      (berth_model_device_is(stage->device, "@device", "floppy") || berth_model_device_is(stage->device, "target/@bus", "fdc"));
  json_object *node = berth_model_qemu_add(stage->build->qemu, BERTH_QEMU_BLOCKDEV);
  berth_json_set_string(node, "driver", "null-co");
  berth_json_set_string(node, "node-name", name);
  berth_json_set_int(node, "size", floppy ? FLOPPY_BYTES : DISK_BYTES);
  berth_json_set_boolean(node, "read-zeroes", TRUE);
  note(stage, "null", NULL);
}

static void add_chardev(Stage *stage, const char *id) {
  json_object *props = berth_model_qemu_add(stage->build->qemu, BERTH_QEMU_CHARDEV);
  berth_json_set_string(props, "id", id);
  json_object *backend = json_object_new_object();
  berth_json_set(props, "backend", backend);
  berth_json_set_string(backend, "type", "null");
  berth_json_set(backend, "data", json_object_new_object());
  note(stage, "null", NULL);
}

static json_object *add_object(BerthQemu *qemu, const char *type, const char *id) {
  json_object *props = berth_model_qemu_add(qemu, BERTH_QEMU_OBJECT);
  berth_json_set_string(props, "qom-type", type);
  berth_json_set_string(props, "id", id);
  return props;
}

/* Memory that is never touched costs nothing, however much it is. */
static json_object *add_memory(BerthQemu *qemu, const char *id) {
  json_object *props = add_object(qemu, "memory-backend-ram", id);
  berth_json_set_boolean(props, "reserve", FALSE);
  return props;
}

static void make_memory(Stage *stage, const char *id) {
  const BerthXmlNode *size = berth_xml_node_child(berth_xml_node_child(stage->device->node, "target"), "size");
  guint64 bytes = 0;
  if (size == NULL || !berth_kinds_size(stage->build, size, size->text, "KiB", &bytes, NULL) || bytes == 0 || bytes > G_MAXINT64)
    bytes = MEMORY_BYTES;
  berth_json_set_int(add_memory(stage->build->qemu, id), "size", (gint64)bytes);
  note(stage, "null", NULL);
}

static void make_crypto(Stage *stage, const char *id) {
  add_object(stage->build->qemu, "cryptodev-backend-builtin", id);
  note(stage, "null", NULL);
}

static void make_files(Stage *stage, const char *id) {
  berth_json_set_string(berth_model_qemu_option(stage->build->qemu, "-fsdev", "synth"), "id", id);
  note(stage, "null", NULL);
}

static void make_sound(Stage *stage, const char *id) {
  berth_json_set_string(berth_model_qemu_option(stage->build->qemu, "-audiodev", "none"), "id", id);
  note(stage, "null", NULL);
}

/* How a back end is made for a device that names none. */
static const struct {
  const char *property;
  void (*make)(Stage *stage, const char *id);
} makers[] = {
    {"drive", add_node},        {"chardev", add_chardev}, {"memdev", make_memory},
    {"cryptodev", make_crypto}, {"fsdev", make_files},    {"audiodev", make_sound},
};

/* An id that no other back end has; node names have 31 characters at most. (transfer full) */
static char *make_backend(Stage *stage, const Row *row) {
  g_autofree char *whole = g_strconcat(row->needs, "/", stage->device->id, NULL);
  g_autofree char *hash = g_compute_checksum_for_string(G_CHECKSUM_SHA256, whole, -1);
  char *id = g_strdup_printf("null-%.20s", hash);
  for (guint i = 0; i < G_N_ELEMENTS(makers); i++) {
    if (g_str_equal(makers[i].property, row->needs))
      makers[i].make(stage, id);
  }
  return id;
}

/* ---- what a row does ---- */

static gboolean drop(Stage *stage, const Row *row, const BerthQemuObject *object, GError **error) {
  return TRUE;
}

static gboolean keep(Stage *stage, const Row *row, const BerthQemuObject *object, GError **error) {
  const char *value = row->with != NULL ? row->with : object->value;
  BerthQemu *out = stage->build->qemu;
  json_object *props = object->form == BERTH_QEMU_OPTION ? berth_model_qemu_option(out, object->option, value)
                                                         : berth_model_qemu_add(out, object->form);
  copy_props(object->props, props, NULL, row->without);
  return TRUE;
}

/* A size as QEMU's options have it: a number with a letter, MiB without. 0: it is none. */
static guint64 parse_size(const char *text) {
  static const char letters[] = "bkmgt";
  char *end = NULL;
  guint64 size = text != NULL ? g_ascii_strtoull(text, &end, 10) : 0;
  if (size == 0 || end[0] == '\0')
    return size << 20;
  const char *letter = strchr(letters, g_ascii_tolower(end[0]));
  return letter != NULL && end[1] == '\0' ? size << (10 * (letter - letters)) : 0;
}

static void leave_out(Stage *stage, const char *what) {
  if (stage->forgiven != NULL)
    g_string_append_printf(stage->forgiven, "%s%s", stage->forgiven->len > 0 ? "; " : "", what);
}

/* TCG's CPUs address less than a host's: memory, and room for what is not there yet, are cut to what they can. */
static gboolean keep_memory(Stage *stage, const Row *row, const BerthQemuObject *object, GError **error) {
  static const char *const sizes[] = {"size", "maxmem"};
  json_object *props = berth_model_qemu_option(stage->build->qemu, object->option, object->value);
  copy_props(object->props, props, NULL, NULL);
  for (guint i = 0; i < G_N_ELEMENTS(sizes); i++) {
    if (parse_size(text_of(object->props, sizes[i])) <= MOST_MEMORY)
      continue;
    berth_json_set_string(props, sizes[i], i == 0 ? MOST_SIZE_TEXT : MOST_MEMORY_TEXT);
    leave_out(stage, i == 0 ? "<memory> is cut to " MOST_SIZE_TEXT ", for TCG's CPUs address no more"
                            : "<maxMemory> is cut to " MOST_MEMORY_TEXT ", for TCG's CPUs address no more");
  }
  return TRUE;
}

/* "-option WITH" and nothing of what it said; an id stays. */
static gboolean replace(Stage *stage, const Row *row, const BerthQemuObject *object, GError **error) {
  copy_props(object->props, berth_model_qemu_option(stage->build->qemu, object->option, row->with), "id", NULL);
  return TRUE;
}

static gboolean null_node(Stage *stage, const Row *row, const BerthQemuObject *object, GError **error) {
  const char *name = text_of(object->props, "node-name");
  if (name != NULL)
    add_node(stage, name);
  return TRUE;
}

static gboolean null_drive(Stage *stage, const Row *row, const BerthQemuObject *object, GError **error) {
  add_node(stage, text_of(object->props, "id"));
  return TRUE;
}

/* A hub without a host's side; one for each, so that no two networks are one. */
static gboolean null_network(Stage *stage, const Row *row, const BerthQemuObject *object, GError **error) {
  json_object *props = berth_model_qemu_add(stage->build->qemu, BERTH_QEMU_NETDEV);
  berth_json_set_string(props, "type", "hubport");
  copy_props(object->props, props, "id", NULL);
  berth_json_set_int(props, "hubid", ++*stage->hubs);
  note(stage, "null", NULL);
  return TRUE;
}

static gboolean null_chardev(Stage *stage, const Row *row, const BerthQemuObject *object, GError **error) {
  add_chardev(stage, text_of(object->props, "id"));
  return TRUE;
}

static gboolean null_memory(Stage *stage, const Row *row, const BerthQemuObject *object, GError **error) {
  copy_props(object->props, add_memory(stage->build->qemu, text_of(object->props, "id")), "size share", NULL);
  note(stage, "null", NULL);
  return TRUE;
}

static gboolean null_object(Stage *stage, const Row *row, const BerthQemuObject *object, GError **error) {
  add_object(stage->build->qemu, row->with, text_of(object->props, "id"));
  note(stage, "null", NULL);
  return TRUE;
}

static json_object *add_device(Stage *stage, const Row *row, const char *driver, json_object *from, GError **error) {
  const BerthBuild *build = stage->build;
  if (!berth_facts_has_device(build->facts, driver)) {
    berth_kinds_refuse(build, stage->device, error, "this QEMU has no device %s", driver);
    return NULL;
  }
  const char *named = row->needs != NULL ? text_of(from, row->needs) : NULL;
  g_autofree char *made = row->needs != NULL && named == NULL ? make_backend(stage, row) : NULL;
  json_object *props = berth_model_qemu_add(build->qemu, BERTH_QEMU_DEVICE);
  berth_json_set_string(props, "driver", driver);
  if (made != NULL || named != NULL)
    berth_json_set_string(props, row->needs, made != NULL ? made : named);
  return props;
}

/* What is the host's about any device: threads, option ROMs. Without an option ROM there is none, not QEMU's own. */
#define HOSTS "driver iothread iothread-vq-mapping"

static gboolean same_device(Stage *stage, const Row *row, const BerthQemuObject *object, GError **error) {
  g_autofree char *without = g_strconcat(HOSTS " ", row->without, NULL);
  json_object *props = add_device(stage, row, text_of(object->props, "driver"), object->props, error);
  if (props == NULL)
    return FALSE;
  copy_props(object->props, props, NULL, without);
  if (row->word != NULL && !json_object_object_get_ex(props, row->word, NULL))
    berth_json_set_string(props, row->word, "none");
  if (json_object_object_get_ex(props, "romfile", NULL))
    berth_json_set_string(props, "romfile", "");
  return TRUE;
}

/* The words of a place, in any family. */
#define PLACE "id bus addr multifunction acpi-index port channel scsi-id lun slot"

/* A virtio placeholder has the flavour of what it stands for, which decides what slots it may be in. */
static char *placeholder_driver(const Row *row, const char *driver) {
  static const char *const flavours[] = {"-non-transitional", "-transitional"};
  for (guint i = 0; i < G_N_ELEMENTS(flavours); i++) {
    if (g_str_has_suffix(driver, flavours[i]) && g_str_has_prefix(row->with, "virtio-"))
      return g_strconcat(row->with, flavours[i], NULL);
  }
  return g_strdup(row->with);
}

static gboolean placeholder(Stage *stage, const Row *row, const BerthQemuObject *object, GError **error) {
  const char *driver = text_of(object->props, "driver");
  g_autofree char *other = placeholder_driver(row, driver);
  json_object *props = add_device(stage, row, other, object->props, error);
  if (props == NULL)
    return FALSE;
  copy_props(object->props, props, PLACE, NULL);
  note(stage, "placeholder", driver);
  return TRUE;
}

static gboolean left_out(Stage *stage, const Row *row, const BerthQemuObject *object, GError **error) {
  note(stage, "left out", text_of(object->props, "driver"));
  return TRUE;
}

#define OPTION BERTH_QEMU_OPTION
#define OBJECT BERTH_QEMU_OBJECT
#define DEVICE BERTH_QEMU_DEVICE

static const Row rows[] = {
    {BERTH_QEMU_BLOCKDEV, "*", null_node},
    {BERTH_QEMU_NETDEV, "*", null_network},
    {BERTH_QEMU_CHARDEV, "*", null_chardev},
    {BERTH_QEMU_COMMAND, "*", drop},
    {OBJECT, "memory-backend-epc", drop},
    {OBJECT, "memory-backend-*", null_memory},
    {OBJECT, "rng-*", null_object, "rng-builtin"},
    {OBJECT, "cryptodev-*", null_object, "cryptodev-backend-builtin"},
    {OBJECT, "*", drop}, /* threads, secrets, certificates, limits, the host's input devices */
    {OPTION, "-machine", keep, NULL,
     "accel kernel_irqchip kernel-irqchip pflash0 pflash1 confidential-guest-support memory-encryption sgx-epc"},
    {OPTION, "-accel", replace, "tcg"},
    {OPTION, "-cpu", replace, "max"},
    {OPTION, "-audiodev", replace, "none"},
    {OPTION, "-fsdev", replace, "synth"},
    {OPTION, "-boot", keep, NULL, "splash"},
    {OPTION, "-m", keep_memory},
    {OPTION, "-drive", null_drive},
    {OPTION, "-smp", keep},
    {OPTION, "-numa", keep},
    {OPTION, "-global", keep},
    {OPTION, "-uuid", keep},
    {OPTION, "-watchdog-action", keep},
    {OPTION, "*", drop},            /* displays, kernels, firmware, clocks, whatever else is no hardware */
    {DEVICE, "*-x86_64-cpu", drop}, /* of another model than the rehearsal's, and without a place */
    {DEVICE, "*-i386-cpu", drop},
    {DEVICE, "vfio-pci*", placeholder, "virtio-rng-pci"},
    {DEVICE, "vhost-user-vga", placeholder, "virtio-vga"},
    {DEVICE, "vhost-user-gpu-pci", placeholder, "virtio-gpu-pci"},
    {DEVICE, "vhost-*-pci*", placeholder, "virtio-rng-pci"},
    {DEVICE, "virtio-vga-gl", placeholder, "virtio-vga"},
    {DEVICE, "virtio-gpu-gl-pci", placeholder, "virtio-gpu-pci"},
    {DEVICE, "virtio-input-host-pci*", placeholder, "virtio-keyboard-pci"},
    {DEVICE, "ivshmem-doorbell", placeholder, "ivshmem-plain", NULL, "memdev"},
    {DEVICE, "scsi-generic", placeholder, "scsi-hd", NULL, "drive"},
    {DEVICE, "scsi-block", placeholder, "scsi-hd", NULL, "drive"},
    {DEVICE, "usb-host", placeholder, "usb-tablet"},
    {DEVICE, "ccid-card-emulated", placeholder, "ccid-card-passthru", NULL, "chardev"},
    {DEVICE, "tpm-*", left_out},
    {DEVICE, "loader", left_out},
    {DEVICE, "virtio-blk-*", same_device, NULL, NULL, "drive"},
    {DEVICE, "ide-hd", same_device, NULL, NULL, "drive"},
    {DEVICE, "scsi-hd", same_device, NULL, NULL, "drive"},
    {DEVICE, "usb-storage", same_device, NULL, NULL, "drive"},
    {DEVICE, "nvme-ns", same_device, NULL, NULL, "drive"},
    {DEVICE, "isa-serial", same_device, NULL, NULL, "chardev"},
    {DEVICE, "isa-parallel", same_device, NULL, NULL, "chardev"},
    {DEVICE, "isa-debugcon", same_device, NULL, NULL, "chardev"},
    {DEVICE, "pci-serial*", same_device, NULL, NULL, "chardev"},
    {DEVICE, "usb-serial", same_device, NULL, NULL, "chardev"},
    {DEVICE, "virtserialport", same_device, NULL, NULL, "chardev"},
    {DEVICE, "virtconsole", same_device, NULL, NULL, "chardev"},
    {DEVICE, "usb-redir", same_device, NULL, NULL, "chardev"},
    {DEVICE, "ccid-card-passthru", same_device, NULL, NULL, "chardev"},
    {DEVICE, "pc-dimm", same_device, NULL, NULL, "memdev"},
    {DEVICE, "nvdimm", same_device, NULL, NULL, "memdev"},
    {DEVICE, "virtio-mem-pci", same_device, NULL, NULL, "memdev"},
    {DEVICE, "virtio-pmem-pci", same_device, NULL, NULL, "memdev"},
    {DEVICE, "ivshmem-plain", same_device, NULL, NULL, "memdev"},
    {DEVICE, "acpi-erst", same_device, NULL, NULL, "memdev"},
    {DEVICE, "virtio-9p-pci*", same_device, NULL, NULL, "fsdev", "mount_tag"},
    {DEVICE, "nvme", same_device, NULL, NULL, NULL, "serial"},
    {DEVICE, "virtio-crypto-pci*", same_device, NULL, NULL, "cryptodev"},
    {DEVICE, "AC97", same_device, NULL, NULL, "audiodev"},
    {DEVICE, "ES1370", same_device, NULL, NULL, "audiodev"},
    {DEVICE, "sb16", same_device, NULL, NULL, "audiodev"},
    {DEVICE, "usb-audio", same_device, NULL, NULL, "audiodev"},
    {DEVICE, "intel-iommu", same_device, NULL, "eim"}, /* KVM's only */
    {DEVICE, "*", same_device},
};

/* Where an object's name is, by form. */
static const char *const name_members[] = {
    [BERTH_QEMU_OBJECT] = "qom-type",
    [BERTH_QEMU_BLOCKDEV] = "driver",
    [BERTH_QEMU_NETDEV] = "type",
    [BERTH_QEMU_DEVICE] = "driver",
};

static const char *name_of(const BerthQemuObject *object) {
  if (object->form == BERTH_QEMU_OPTION || object->form == BERTH_QEMU_COMMAND)
    return object->option;
  const char *name = object->form != BERTH_QEMU_CHARDEV ? text_of(object->props, name_members[object->form]) : NULL;
  return name != NULL ? name : "";
}

static gboolean transform(Stage *stage, const BerthQemu *from, GError **error) {
  for (guint i = 0; i < from->objects->len; i++) {
    const BerthQemuObject *object = g_ptr_array_index(from->objects, i);
    const Row *row = rows;
    while (row->form != object->form || !g_pattern_match_simple(row->name, name_of(object)))
      row++;
    if (!row->become(stage, row, object, error))
      return FALSE;
  }
  return TRUE;
}

/* ---- what start would refuse ---- */

gboolean berth_kinds_go_on(BerthBuild *build, gboolean done, GError **error) {
  if (done || build->forgiven == NULL || error == NULL)
    return done;
  g_string_append_printf(build->forgiven, "%s%s", build->forgiven->len > 0 ? "; " : "", *error != NULL ? (*error)->message : "");
  g_clear_error(error);
  return TRUE;
}

/* ---- a device ---- */

/* Disks whose driver their build function chooses, for when it refuses them. */
static const struct {
  const char *bus, *driver;
} disk_drivers[] = {{"ide", "ide-hd"}, {"sata", "ide-hd"}, {"scsi", "scsi-hd"}, {"usb", "usb-storage"}, {"fdc", "floppy"}};

static const char *plain_driver(const BerthDevice *device) {
  for (guint i = 0; i < G_N_ELEMENTS(disk_drivers); i++) {
    if (device->element->id == BERTH_DISK && berth_model_device_is(device, "target/@bus", disk_drivers[i].bus))
      return disk_drivers[i].driver;
  }
  if (device->element->id == BERTH_INTERFACE && device->kind->driver == NULL)
    return berth_model_device_get(device, "model/@type");
  return device->kind->driver;
}

/* A build function that refuses does so for the back end's or an option's sake: then the device goes without. */
static gboolean build_plain(BerthBuild *build, const BerthDevice *device, const GError *why, GError **error) {
  const char *driver = device->kind != NULL ? plain_driver(device) : NULL;
  if (driver != NULL)
    return berth_kinds_device(build, device, driver, error) != NULL;
  if (device->address.type == BERTH_ADDRESS_NONE)
    return TRUE;
  g_propagate_error(error, g_error_copy(why));
  return FALSE;
}

static gboolean build_or_plain(BerthBuild *build, const BerthDevice *device, char **why, GError **error) {
  g_autoptr(GError) refusal = NULL;
  if (berth_kinds_build_one(build, device, &refusal))
    return TRUE;
  g_ptr_array_set_size(build->qemu->objects, 0);
  *why = g_strdup(refusal->message);
  return build_plain(build, device, refusal, error);
}

/* Where the options were left out, it is said; but a placeholder has none, and what has neither place nor back end needs none. */
static void tell(BerthRehearsal *rehearsal, Stage *stage, const char *why) {
  const char *front = stage->note;
  if (why != NULL && front == NULL && stage->device->address.type != BERTH_ADDRESS_NONE)
    front = "null";
  if (front == NULL)
    return;
  char *text = why != NULL && g_str_equal(front, "null") ? g_strdup_printf("null; options left out: %s", why) : g_strdup(front);
  g_hash_table_insert(rehearsal->backend, (gpointer)stage->device, text);
}

static gboolean rehearse_device(BerthRehearsal *rehearsal, const BerthBuild *build, const BerthDevice *device, guint *hubs,
                                GError **error) {
  g_autoptr(BerthQemu) real = berth_model_qemu_new(rehearsal->qemu->binary);
  g_autofree char *why = NULL;
  BerthBuild from = *build, into = *build;
  from.qemu = real;
  from.any_driver = TRUE;
  into.qemu = rehearsal->qemu;
  Stage stage = {.build = &into, .device = device, .hubs = hubs};
  gboolean done = build_or_plain(&from, device, &why, error) && transform(&stage, real, error);
  if (done)
    tell(rehearsal, &stage, why);
  g_free(stage.note);
  return done;
}

/* ---- the guest ---- */

static const BerthQemuObject *find_option(const BerthQemu *qemu, const char *option) {
  for (guint i = 0; i < qemu->objects->len; i++) {
    const BerthQemuObject *object = g_ptr_array_index(qemu->objects, i);
    if (g_strcmp0(object->option, option) == 0)
      return object;
  }
  return NULL;
}

/* The guest's RAM itself: QEMU would reserve it, and the host may have less. NUMA nodes have theirs already. */
static void loosen_memory(const BerthBuild *build) {
  BerthQemu *qemu = build->qemu;
  const BerthQemuObject *machine = find_option(qemu, "-machine");
  const BerthQemuObject *memory = find_option(qemu, "-m");
  guint64 size = memory != NULL ? parse_size(text_of(memory->props, "size")) : 0;
  size = (size + RAM_UNIT - 1) / RAM_UNIT * RAM_UNIT;
  if (machine == NULL || size == 0 || size > G_MAXINT64 || json_object_object_get_ex(machine->props, "memory-backend", NULL) ||
      find_option(qemu, "-numa") != NULL)
    return;
  berth_json_set_string(machine->props, "memory-backend", RAM_ID);
  berth_json_set_int(add_memory(qemu, RAM_ID), "size", (gint64)size);
}

static gboolean has_dimms(const BerthInventory *inventory) {
  const BerthDevice *device;
  for (guint i = 0; (device = berth_model_inventory_walk(inventory, BERTH_MEMORY, &i)) != NULL;) {
    if (device->address.type == BERTH_ADDRESS_DIMM)
      return TRUE;
  }
  return FALSE;
}

/* ACPI is a matter of tables, and no device has another place for it; but without, QEMU takes no DIMMs. */
static void allow_dimms(const BerthBuild *build, GString *forgiven) {
  const BerthQemuObject *machine = find_option(build->qemu, "-machine");
  if (machine == NULL || !has_dimms(build->inventory) || !json_object_object_get_ex(machine->props, "acpi", NULL) ||
      berth_json_member_boolean(machine->props, "acpi", FALSE))
    return;
  berth_json_set_boolean(machine->props, "acpi", TRUE);
  g_string_append_printf(forgiven, "%s<features> has no <acpi/>: without it QEMU takes no memory devices",
                         forgiven->len > 0 ? "; " : "");
}

static gboolean rehearse_guest(BerthRehearsal *rehearsal, const BerthBuild *build, guint *hubs, GError **error) {
  g_autoptr(BerthQemu) real = berth_model_qemu_new(rehearsal->qemu->binary);
  g_autoptr(GString) forgiven = g_string_new(NULL);
  BerthBuild from = *build, into = *build;
  from.qemu = real;
  from.forgiven = forgiven;
  into.qemu = rehearsal->qemu;
  Stage stage = {.build = &into, .hubs = hubs, .forgiven = forgiven};
  g_autoptr(GError) failure = NULL;
  gboolean done = berth_kinds_build_machine(&from, &failure) && transform(&stage, real, &failure);
  g_free(stage.note);
  if (!done) {
    g_propagate_error(error, g_steal_pointer(&failure));
    return FALSE;
  }
  g_autofree char *passed = berth_kinds_passed_through(build->document);
  if (passed != NULL)
    g_string_append_printf(forgiven, "%s%s", forgiven->len > 0 ? "; " : "", passed);
  loosen_memory(&into);
  allow_dimms(&into, forgiven);
  berth_model_qemu_option(rehearsal->qemu, "-display", "none");
  rehearsal->guest = forgiven->len > 0 ? g_strdup(forgiven->str) : NULL;
  return TRUE;
}

BerthRehearsal *berth_kinds_rehearse(const BerthInventory *inventory, const BerthFacts *facts, const BerthFamily *families,
                                     GError **error) {
  g_autoptr(BerthRehearsal) rehearsal = g_new0(BerthRehearsal, 1);
  g_autoptr(GPtrArray) devices = berth_kinds_in_order(inventory);
  g_autoptr(BerthHostFacts) host = berth_facts_host_new(".", ".", 0);
  const BerthBuild build = {
      .inventory = inventory, .document = inventory->document, .facts = facts, .families = families, .host = host};
  guint hubs = 0;
  rehearsal->qemu = berth_model_qemu_new(facts != NULL ? facts->binary : "qemu-system-x86_64");
  rehearsal->backend = g_hash_table_new_full(NULL, NULL, NULL, g_free);
  if (!rehearse_guest(rehearsal, &build, &hubs, error))
    return NULL;
  for (guint i = 0; i < devices->len; i++) {
    if (!rehearse_device(rehearsal, &build, g_ptr_array_index(devices, i), &hubs, error))
      return NULL;
  }
  return g_steal_pointer(&rehearsal);
}

void berth_kinds_rehearsal_free(BerthRehearsal *rehearsal) {
  if (rehearsal == NULL)
    return;
  berth_model_qemu_free(rehearsal->qemu);
  g_clear_pointer(&rehearsal->backend, g_hash_table_unref);
  g_free(rehearsal->guest);
  g_free(rehearsal);
}
