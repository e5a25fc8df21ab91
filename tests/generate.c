/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "generate.h"

#include "kinds/kinds.h"

#include <string.h>

static const char *const machines[] = {"pc-q35-7.2", "pc-i440fx-7.2", "isapc", "microvm"};
/* How often each is chosen. */
static const guint8 machine_weights[] = {45, 40, 8, 7};

/*
 * How a kind is written. In the text, $n is the device's number, $v its variant, $p and $q the parts before and behind its '/', $b
 * the variant without "-transitional" and "-non-transitional", $x a model attribute for those two; $t a target name, $m a MAC, $h a
 * hexadecimal number from 1 to fe, $i an index for controllers.
 */
typedef struct {
  BerthElementId element;
  const char *variant; /* NULL: any other */
  const char *head;    /* start tag and first children */
  guint weight;        /* of the element; only its first row's counts */
} Form;

#define SOURCE "<source file='/x/$n.img'/><target dev='$t' bus='$b'/>"
#define HOST "<source><address type='pci' domain='0x0000' bus='0x$h' slot='0x00' function='0x0'/></source>"

static const Form forms[] = {
    {BERTH_DISK, "fdc", "<disk type='file' device='floppy'>" SOURCE, 20},
    {BERTH_DISK, "nvme", "<disk type='file' device='disk'>" SOURCE "<serial>s$n</serial>", 0},
    {BERTH_DISK, NULL, "<disk type='file' device='disk'$x>" SOURCE, 0},
    {BERTH_INTERFACE, "hostdev", "<interface type='hostdev' managed='yes'><mac address='$m'/>" HOST, 20},
    {BERTH_INTERFACE, "*", "<interface type='network'><mac address='$m'/><source network='n'/><model type='ne2k_pci'/>", 0},
    {BERTH_INTERFACE, NULL, "<interface type='network'><mac address='$m'/><source network='n'/><model type='$v'/>", 0},
    {BERTH_SOUND, NULL, "<sound model='$v'>", 6},
    {BERTH_HOSTDEV, "pci", "<hostdev mode='subsystem' type='pci' managed='yes'>" HOST, 8},
    {BERTH_HOSTDEV, "usb", "<hostdev mode='subsystem' type='usb'><source><vendor id='0x1$h'/><product id='0x$h'/></source>", 0},
    {BERTH_HOSTDEV, "scsi",
     "<hostdev mode='subsystem' type='scsi'><source><adapter name='scsi_host0'/><address bus='0' target='0' unit='$n'/></source>",
     0},
    {BERTH_HOSTDEV, "mdev/vfio-pci",
     "<hostdev mode='subsystem' type='mdev' model='$q'><source><address uuid='00000000-0000-4000-8000-0000000000$h'/></source>", 0},
    {BERTH_HOSTDEV, NULL, "<hostdev mode='subsystem' type='$b'$x><source protocol='vhost' wwpn='naa.50014055551234$h'/>", 0},
    {BERTH_VIDEO, NULL, "<video><model type='$v'/>", 5},
    {BERTH_CONTROLLER, NULL, "<controller type='$p'$i$Q>", 22},
    {BERTH_SMARTCARD, "passthrough", "<smartcard mode='passthrough' type='spicevmc'>", 2},
    {BERTH_SMARTCARD, NULL, "<smartcard mode='host'>", 0},
    {BERTH_SERIAL, NULL, "<serial type='pty'><target type='$v'/>", 6},
    {BERTH_PARALLEL, NULL, "<parallel type='pty'>", 2},
    {BERTH_CHANNEL, "guestfwd", "<channel type='pty'><target type='guestfwd' address='10.0.2.1' port='46$h'/>", 8},
    {BERTH_CHANNEL, NULL, "<channel type='unix'><target type='$v' name='org.example.$n'/>", 0},
    {BERTH_CONSOLE, NULL, "<console type='pty'><target type='$v'/>", 4},
    {BERTH_INPUT, "evdev", "<input type='evdev'><source dev='/dev/input/event$n'/>", 6},
    {BERTH_INPUT, "virtio/passthrough", "<input type='passthrough' bus='virtio'><source evdev='/dev/input/event$n'/>", 0},
    {BERTH_INPUT, NULL, "<input type='$q' bus='$p'>", 0},
    {BERTH_FILESYSTEM, "virtiofs", "<filesystem type='mount'><driver type='virtiofs'/><source dir='/s$n'/><target dir='t$n'/>", 4},
    {BERTH_FILESYSTEM, NULL, "<filesystem type='mount'$x><source dir='/s$n'/><target dir='t$n'/>", 0},
    {BERTH_WATCHDOG, NULL, "<watchdog model='$v' action='reset'>", 2},
    {BERTH_MEMBALLOON, NULL, "<memballoon model='$v'>", 3},
    {BERTH_RNG, NULL, "<rng model='$v'><backend model='random'>/dev/urandom</backend>", 6},
    {BERTH_HUB, NULL, "<hub type='$v'>", 4},
    {BERTH_SHMEM, "ivshmem-doorbell", "<shmem name='s$n'><model type='$v'/><server path='/s$n'/>", 3},
    {BERTH_SHMEM, NULL, "<shmem name='s$n'><model type='$v'/><size unit='M'>4</size>", 0},
    {BERTH_TPM, NULL, "<tpm model='$v'><backend type='emulator' version='2.0'/>", 1},
    {BERTH_PANIC, NULL, "<panic model='$v'>", 3},
    {BERTH_MEMORY, "nvdimm",
     "<memory model='nvdimm'><source><path>/p$n</path></source><target><size unit='MiB'>256</size><node>0</node></target>", 4},
    {BERTH_MEMORY, "virtio-pmem",
     "<memory model='virtio-pmem'><source><path>/p$n</path></source><target><size unit='MiB'>256</size></target>", 0},
    {BERTH_MEMORY, "virtio-mem",
     "<memory model='virtio-mem'><target><size unit='MiB'>256</size><node>0</node><block unit='MiB'>2</block>"
     "<requested unit='MiB'>128</requested></target>",
     0},
    {BERTH_MEMORY, NULL, "<memory model='$v'><target><size unit='MiB'>256</size><node>0</node></target>", 0},
    {BERTH_REDIRDEV, NULL, "<redirdev bus='usb' type='spicevmc'>", 3},
    {BERTH_VSOCK, NULL, "<vsock model='$v'><cid auto='yes'/>", 1},
    {BERTH_IOMMU, NULL, "<iommu model='$v'>", 1},
    {BERTH_CRYPTO, NULL, "<crypto model='$v' type='qemu'><backend model='builtin'/>", 2},
    {BERTH_PSTORE, NULL, "<pstore backend='acpi-erst'><path>/e$n</path><size unit='KiB'>64</size>", 1},
    {BERTH_GRAPHICS, NULL, "<graphics type='vnc' autoport='yes'>", 1},
};

static const Form *form_of(BerthElementId element, const char *variant) {
  for (guint i = 0; i < G_N_ELEMENTS(forms); i++)
    if (forms[i].element == element && (forms[i].variant == NULL || strcmp(forms[i].variant, variant) == 0))
      return &forms[i];
  return NULL;
}

static BerthElementId choose_element(TestChoices *choices) {
  guint total = 0;
  for (guint i = 0; i < G_N_ELEMENTS(forms); i++)
    total += forms[i].weight;
  guint chosen = test_choose(choices, total);
  guint i = 0;
  for (; chosen >= forms[i].weight; i++)
    chosen -= forms[i].weight;
  return forms[i].element;
}

static const BerthKind *choose_kind(TestChoices *choices, BerthElementId element) {
  const BerthKind *kinds = berth_kinds_of_element(element);
  guint n = 0;
  while (kinds[n].variant != NULL)
    n++;
  return &kinds[test_choose(choices, n)];
}

/* ---- writing ---- */

typedef struct {
  TestChoices *choices;
  guint number;
  const char *variant;
} Filler;

static const char *suffix_of(const char *variant) {
  const char *const suffixes[] = {"-non-transitional", "-transitional"};
  for (guint i = 0; i < G_N_ELEMENTS(suffixes); i++)
    if (g_str_has_suffix(variant, suffixes[i]))
      return variant + strlen(variant) - strlen(suffixes[i]);
  return "";
}

/* The names of targets follow the bus; each has a number of its own below its prefix. */
static void append_target(GString *out, const Filler *filler, const char *bus) {
  static const struct {
    const char *bus, *prefix;
  } rows[] = {{"virtio", "vd"}, {"ide", "hd"}, {"fdc", "fd"}, {"xen", "xvd"}, {"uml", "ubd"}};
  if (strcmp(bus, "nvme") == 0) {
    g_string_append_printf(out, "nvme0n%u", 1 + filler->number);
    return;
  }
  const char *prefix = "sd";
  guint number = filler->number, limit = 700;
  for (guint i = 0; i < G_N_ELEMENTS(rows); i++)
    if (strcmp(rows[i].bus, bus) == 0)
      prefix = rows[i].prefix;
  if (strcmp(bus, "ide") == 0 || strcmp(bus, "fdc") == 0)
    limit = prefix[0] == 'h' ? 4 : 2;
  g_string_append(out, prefix);
  number %= limit;
  if (number >= 26)
    g_string_append_c(out, (char)('a' + number / 26 - 1));
  g_string_append_c(out, (char)('a' + number % 26));
}

static void append_part(GString *out, const Filler *filler, char what) {
  const char *variant = filler->variant, *slash = strchr(variant, '/'), *suffix = suffix_of(variant);
  g_autofree char *base = g_strndup(variant, strlen(variant) - strlen(suffix));
  g_autofree char *before = slash != NULL ? g_strndup(variant, (gsize)(slash - variant)) : g_strdup(variant);
  switch (what) {
  case 'n':
    g_string_append_printf(out, "%u", filler->number);
    break;
  case 'h':
    g_string_append_printf(out, "%02x", 1 + filler->number % 0xfe);
    break;
  case 'm':
    g_string_append_printf(out, "52:54:00:0a:%02x:%02x", filler->number >> 8 & 0xff, filler->number & 0xff);
    break;
  case 'v':
    g_string_append(out, variant);
    break;
  case 'b':
    g_string_append(out, base);
    break;
  case 'p':
    g_string_append(out, before);
    break;
  case 'q':
    g_string_append(out, slash != NULL ? slash + 1 : "");
    break;
  case 'Q':
    if (slash != NULL)
      g_string_append_printf(out, " model='%s'", slash + 1);
    break;
  case 'x':
    if (*suffix != '\0')
      g_string_append_printf(out, " model='virtio%s'", suffix);
    break;
  case 'i': /* a root has index 0, as has no USB at all; others have one, or leave it to berth */
    if (g_str_has_suffix(variant, "-root") || strcmp(variant, "usb/none") == 0)
      g_string_append(out, " index='0'");
    else if (test_chance(filler->choices, 75))
      g_string_append_printf(out, " index='%u'", test_choose(filler->choices, 6) + (strcmp(before, "pci") == 0 ? 1u : 0u));
    break;
  default:
    append_target(out, filler, base);
  }
}

static char *fill(const Filler *filler, const char *form) {
  GString *out = g_string_new(NULL);
  for (; *form != '\0'; form++) {
    if (*form == '$')
      append_part(out, filler, *++form);
    else
      g_string_append_c(out, *form);
  }
  return g_string_free(out, FALSE);
}

/* ---- addresses ---- */

static guint64 choose_value(TestChoices *choices, const BerthAddressField *field) {
  if (strcmp(field->name, "domain") == 0 && !test_chance(choices, 2))
    return 0;
  guint64 small = MIN(field->max, 31);
  switch (test_choose(choices, 64)) {
  case 60:
  case 61:
    return test_choose(choices, (guint)small + 1);
  case 62:
    return field->max;
  case 63:
    return field->max + 1; /* out of range, or 0 again */
  default:
    return test_choose(choices, strcmp(field->name, "slot") == 0 ? (guint)small + 1 : 4) & field->max;
  }
}

static char *choose_address(TestChoices *choices, const BerthKind *kind) {
  const BerthAddressForm *form = berth_model_address_form(kind->address);
  if (form == NULL)
    return NULL;
  g_autoptr(GString) out = g_string_new(NULL);
  g_string_append_printf(out, "<address type='%s'", form->name);
  gboolean bare = test_chance(choices, 4);
  for (guint i = 0; !bare && form->fields[i].name != NULL; i++) {
    const BerthAddressField *field = &form->fields[i];
    if (field->optional ? !test_chance(choices, 15) : test_chance(choices, 2))
      continue;
    guint64 value = strcmp(field->name, "function") == 0 && !test_chance(choices, 25) ? 0 : choose_value(choices, field);
    if (field->form == BERTH_FIELD_SWITCH)
      g_string_append_printf(out, " %s='%s'", field->name, value & 1 ? "on" : "off");
    else if (field->form == BERTH_FIELD_PORT && test_chance(choices, 30))
      g_string_append_printf(out, " %s='%u.%u'", field->name, 1 + test_choose(choices, 3), 1 + test_choose(choices, 8));
    else if (field->form == BERTH_FIELD_PORT)
      g_string_append_printf(out, " %s='%u'", field->name, 1 + test_choose(choices, 4));
    else if (field->base == 16)
      g_string_append_printf(out, " %s='0x%" G_GINT64_MODIFIER "x'", field->name, value);
    else
      g_string_append_printf(out, " %s='%" G_GUINT64_FORMAT "'", field->name, value);
  }
  g_string_append(out, "/>");
  return g_strdup(out->str);
}

/* ---- lives ---- */

static void device_free(gpointer data) {
  TestDevice *device = data;
  g_free(device->head);
  g_free(device->body);
  g_free(device->address);
  g_free(device);
}

static TestDevice *device_new(TestChoices *choices, guint number, const BerthKind *kind) {
  const Form *form = form_of(kind->element, kind->variant);
  TestDevice *device = g_new0(TestDevice, 1);
  Filler filler = {choices, number, kind->variant};
  device->number = number;
  device->element = &berth_kinds_elements[kind->element];
  device->kind = kind;
  device->head = fill(&filler, form->head);
  device->body = g_strdup_printf("</%s>", device->element->name);
  device->before = device->after = TRUE;
  return device;
}

/* Controllers have an order of their own where they have no index; they stay as they are, and in the order that they are in. */
static void edit_device(TestChoices *choices, TestDevice *device, guint n_devices) {
  gboolean fixed = device->element->id == BERTH_CONTROLLER || device->element->id == BERTH_HUB;
  guint fate = fixed ? 0 : test_choose(choices, 10);
  device->before = fate != 9;
  device->after = fate != 8;
  device->order = fixed ? 0 : test_chance(choices, 50) ? test_choose(choices, n_devices) : n_devices;
}

static const char *choose_machine(TestChoices *choices) {
  guint chosen = test_choose(choices, 100);
  guint i = 0;
  for (; chosen >= machine_weights[i]; i++)
    chosen -= machine_weights[i];
  return machines[i];
}

static TestLife *life_new(const char *machine) {
  TestLife *life = g_new0(TestLife, 1);
  life->machine = machine;
  life->devices = g_ptr_array_new_with_free_func(device_free);
  return life;
}

TestLife *test_life_new(TestChoices *choices, guint n_devices, guint percent) {
  TestLife *life = life_new(choose_machine(choices));
  for (guint i = 0; i < n_devices && test_choices_left(choices); i++) {
    TestDevice *device = device_new(choices, i, choose_kind(choices, choose_element(choices)));
    edit_device(choices, device, n_devices);
    /* A controller that says no index has no other name. */
    device->aliased =
        test_chance(choices, 50) || (device->element->id == BERTH_CONTROLLER && strstr(device->head, " index=") == NULL);
    if (test_chance(choices, percent)) {
      device->address = choose_address(choices, device->kind);
      device->keeps_address = test_chance(choices, 30);
    }
    g_ptr_array_add(life->devices, device);
  }
  return life;
}

TestLife *test_life_new_large(TestChoices *choices, guint n) {
  static const struct {
    BerthElementId element;
    const char *variant;
  } rows[] = {{BERTH_INTERFACE, "virtio"}, {BERTH_INTERFACE, "e1000"}, {BERTH_DISK, "scsi"},        {BERTH_DISK, "usb"},
              {BERTH_DISK, "virtio"},      {BERTH_RNG, "virtio"},      {BERTH_INPUT, "usb/tablet"}, {BERTH_CHANNEL, "virtio"}};
  TestLife *life = life_new(machines[test_choose(choices, 2)]);
  for (guint i = 0; i < n; i++) {
    guint row = test_choose(choices, G_N_ELEMENTS(rows));
    const BerthKind *kind = berth_kinds_of_element(rows[row].element);
    while (strcmp(kind->variant, rows[row].variant) != 0)
      kind++;
    TestDevice *device = device_new(choices, i, kind);
    edit_device(choices, device, n);
    device->aliased = TRUE;
    g_ptr_array_add(life->devices, device);
  }
  return life;
}

void test_life_free(TestLife *life) {
  if (life == NULL)
    return;
  g_ptr_array_unref(life->devices);
  g_free(life);
}

static int by_order(gconstpointer a, gconstpointer b) {
  const TestDevice *const *one = a, *const *other = b;
  return (*one)->order < (*other)->order ? -1 : (*one)->order > (*other)->order;
}

static void append_device(GString *out, const TestDevice *device, gboolean second) {
  g_string_append(out, device->head);
  if (device->aliased)
    g_string_append_printf(out, "<alias name='ua-%u'/>", device->number);
  if (device->address != NULL && (!second || (device->keeps_address && device->before)))
    g_string_append(out, device->address);
  g_string_append_printf(out, "%s\n", device->body);
}

char *test_life_document(const TestLife *life, gboolean second, GPtrArray *lines) {
  g_autoptr(GPtrArray) devices = g_ptr_array_new();
  for (guint i = 0; i < life->devices->len; i++) {
    TestDevice *device = life->devices->pdata[i];
    if (second ? device->after : device->before)
      g_ptr_array_add(devices, device);
  }
  if (second)
    g_ptr_array_sort(devices, by_order);
  GString *out = g_string_new("<domain type='kvm'><name>random</name><uuid>0d1c1f0e-1c5e-4c5a-9a51-5b1a6c3ef001</uuid>\n");
  g_string_append(out, "<maxMemory slots='16' unit='MiB'>65536</maxMemory><memory unit='MiB'>512</memory>\n");
  g_string_append(out, "<cpu mode='host-model'><numa><cell id='0' cpus='0' memory='512' unit='MiB'/></numa></cpu>\n");
  g_string_append_printf(out, "<os><type arch='x86_64' machine='%s'>hvm</type></os>\n<devices>\n", life->machine);
  for (guint i = 0; lines != NULL && i < 5; i++)
    g_ptr_array_add(lines, NULL);
  for (guint i = 0; i < devices->len; i++) {
    append_device(out, devices->pdata[i], second);
    if (lines != NULL)
      g_ptr_array_add(lines, devices->pdata[i]);
  }
  g_string_append(out, "</devices></domain>\n");
  return g_string_free(out, FALSE);
}

gboolean test_device_is_known(const TestDevice *device) {
  static const BerthElementId named[] = {BERTH_DISK, BERTH_INTERFACE, BERTH_FILESYSTEM};
  for (guint i = 0; i < G_N_ELEMENTS(named); i++)
    if (device->element->id == named[i])
      return TRUE;
  return device->aliased || (device->element->id == BERTH_CHANNEL && strcmp(device->kind->variant, "virtio") == 0);
}
