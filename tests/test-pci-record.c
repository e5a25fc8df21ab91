/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The PCI family on toy guests that have a record: kept places, growth that renumbers nothing. */
#include "pci-toys.h"

/* @notes: pattern of the notes joined by "; ", "" none. */
static void check_notes(const Guest *guest, const char *notes) {
  g_autoptr(GString) all = g_string_new(NULL);
  for (guint i = 0; i < guest->notes->len; i++)
    g_string_append_printf(all, "%s%s", i > 0 ? "; " : "", (char *)guest->notes->pdata[i]);
  if (!g_pattern_match_simple(notes, all->str))
    g_error("notes: %s is not like %s", all->str, notes);
}

static void check_recorded(const char *machine, const char *remembered, const char *devices, const char *expected,
                           const char *notes) {
  g_autoptr(BerthRecord) record = record_new(remembered);
  g_autoptr(Guest) guest = guest_new(machine, devices);
  g_autoptr(GError) error = NULL;
  guest->record = record;
  guest_assign(guest, &error);
  g_assert_no_error(error);
  g_autofree char *line = guest_line(guest);
  g_assert_cmpstr(line, ==, expected);
  check_notes(guest, notes);
}

static void test_empty_record_is_as_none(void) {
  static const char *const lines[] = {"qxl 33*e1000 5*vnet xhci balloon", "rp#1 up#2 dn#3 dn#4 vnet vnet xhci", "ppb#1 xhci",
                                      "pxbe#1 rp#2@01:00.0 vnet xhci", "e1000@01:01.0 vd"};
  for (guint i = 0; i < G_N_ELEMENTS(lines); i++) {
    g_autoptr(Guest) guest = guest_new("q35", lines[i]);
    g_assert_true(guest_assign(guest, NULL));
    g_autofree char *line = guest_line(guest);
    check_recorded("q35", "", lines[i], line, "");
  }
}

static void test_reservations(void) {
  /* a new device does not take a kept place */
  check_recorded("pc", "!vnet@00:03.0 vd@00:02.0", "vd@00:02.0 vnet rng", "vd@00:02.0 vnet@00:04.0 rng@00:05.0", "");
  /* not even the chipset's choice, nor a function beside a kept one */
  check_recorded("pc", "!vnet@00:02.0", "qxl", "qxl@00:03.0", "");
  /* a written address is law */
  check_recorded("pc", "!vnet@00:03.0", "vd@00:03.0", "vd@00:03.0", "");
  /* an empty port whose device is only gone waits for it */
  check_recorded("q35", "rp#1@00:01.0 rp#2@00:01.1 !vnet@01:00.0 vd@02:00.0", "rp#1@00:01.0+ rp#2@00:01.1 vd@02:00.0 rng",
                 "rp#1@00:01.0+ rp#2@00:01.1 vd@02:00.0 rng@03:00.0 rp#3@00:01.2", "");
  /* places on a bus that is gone are nobody's */
  check_recorded("q35", "!rp#1@00:01.0 !vnet@01:00.0", "vd", "vd@01:00.0 rp#1@00:01.0+ rp#2@00:01.1", "");
}

static void test_reservations_are_given_away_last(void) {
  /* viommu may only sit on bus 0, which is full but for two kept places: the older one goes */
  g_autoptr(GString) line = g_string_new(NULL);
  for (guint slot = 1; slot <= 0x1c; slot++)
    g_string_append_printf(line, "vnet@00:%02x.0 ", slot);
  g_autofree char *devices = g_strconcat(line->str, "viommu", NULL);
  g_autofree char *expected = g_strconcat(line->str, "viommu@00:1e.0", NULL);
  check_recorded("q35", "!vd@00:1e.0 !rng@00:1d.0", devices, expected, "no other place is left: pci 0000:00:1e.0, kept for disk *");
}

static void test_growth_comes_before_kept_places(void) {
  g_autoptr(GString) line = g_string_new("pb#1@00:02.0");
  for (guint slot = 3; slot <= 0x1d; slot++)
    g_string_append_printf(line, " vnet@00:%02x.0", slot);
  g_autofree char *devices = g_strconcat(line->str, " rng", NULL);
  g_autofree char *expected = g_strconcat(line->str, " rng@01:01.0", NULL);
  check_recorded("pc", "pb#1@00:02.0 !vnet@00:1e.0 !vnet@00:1f.0", devices, expected, "");
  /* the first bridge itself has no choice */
  g_string_erase(line, 0, (gssize)strlen("pb#1"));
  g_string_prepend(line, "vd");
  g_autofree char *crowded = g_strconcat(line->str, " rng", NULL);
  g_autofree char *bridged = g_strconcat(line->str, " rng@01:01.0 pb#1@00:1e.0", NULL);
  check_recorded("pc", "!vnet@00:1e.0 !vnet@00:1f.0", crowded, bridged,
                 "no other place is left: pci 0000:00:1e.0*controller pci 1");
}

static void test_growth_behind_recorded_bridges(void) {
  /* a gap before a recorded port is not filled by a new port */
  check_recorded("q35", "rp#1@00:03.0 rp#2@00:03.2 vd@01:00.0 rng@02:00.0", "rp#1@00:03.0 rp#2@00:03.2 vd@01:00.0 rng@02:00.0 vnet",
                 "rp#1@00:03.0+ rp#2@00:03.2 vd@01:00.0 rng@02:00.0 vnet@03:00.0 rp#3@00:03.3", "");
  /* also one that the document adds */
  check_recorded("q35", "rp#1@00:03.0 vd@01:00.0", "rp#1@00:03.0 rp#2 vd@01:00.0 vnet",
                 "rp#1@00:03.0+ rp#2@00:03.1 vd@01:00.0 vnet@02:00.0", "");
  /* a pci-bridge goes behind the last one */
  check_recorded("pc", "pb#1@00:09.0", "pb#1@00:09.0 pb#2", "pb#1@00:09.0 pb#2@00:0a.0", "");
  /* a conventional hierarchy starts in a new last port, not in the free port in the middle */
  check_recorded("q35", "rp#1@00:02.0 rp#2@00:02.1 vd@02:00.0", "rp#1@00:02.0 rp#2@00:02.1 vd@02:00.0 e1000",
                 "rp#1@00:02.0+ rp#2@00:02.1 vd@02:00.0 e1000@04:01.0 rp#3@00:02.2 ppb#4@03:00.0", "");
  /* but in a free last port it may */
  check_recorded("q35", "rp#1@00:02.0 rp#2@00:02.1 vd@01:00.0", "rp#1@00:02.0 rp#2@00:02.1 vd@01:00.0 e1000",
                 "rp#1@00:02.0+ rp#2@00:02.1 vd@01:00.0 e1000@04:01.0 rp#3@00:02.2 ppb#4@02:00.0", "");
}

static void test_second_hierarchy(void) {
  /* the conventional bus is full and stands in the middle: another one starts at the end, nothing is given away */
  g_autoptr(GString) line = g_string_new("rp#1@00:02.0+ ppb#2@01:00.0 rp#3@00:02.1 vd@03:00.0");
  for (guint slot = 1; slot <= 0x1e; slot++)
    g_string_append_printf(line, " e1000@02:%02x.0", slot);
  g_autofree char *remembered = g_strconcat(line->str, " !ac97@02:1f.0", NULL);
  g_autofree char *devices = g_strconcat(line->str, " tnet", NULL);
  g_autofree char *expected = g_strconcat(line->str, " tnet@05:01.0 rp#4@00:02.2 ppb#5@04:00.0", NULL);
  check_recorded("q35", remembered, devices, expected, "");
}

static void test_never_below_itself(void) {
  check("q35", "up#1 dn#2", "up#1@02:00.0 dn#2@01:00.0");
  check_recorded("q35", "", "rp#3 up#1 dn#2", "rp#3@00:01.0 up#1@03:00.0 dn#2@01:00.0", "");
}

static void test_bridges_return(void) {
  static const char devices[] = "rp#1@00:02.0+ rp#3@00:02.2 vd@01:00.0 vd@03:00.0 rng";
  /* gone only now: back to its place, although another port stands behind it */
  g_autoptr(BerthRecord) before = record_new("rp#1@00:02.0 rp#2@00:02.1 rp#3@00:02.2 vd@01:00.0 vd@03:00.0");
  g_autoptr(BerthRecord) record = record_new("rp#1@00:02.0 !rp#2@00:02.1 rp#3@00:02.2 vd@01:00.0 vd@03:00.0");
  g_autoptr(Guest) guest = guest_new("q35", devices);
  BerthAssignment assignment = {guest->inventory, NULL, record, elements, classify, guest->notes, before};
  g_assert_true(berth_families_pci_assign(&assignment, NULL));
  g_autofree char *line = guest_line(guest);
  g_assert_cmpstr(line, ==, "rp#1@00:02.0+ rp#3@00:02.2 vd@01:00.0 vd@03:00.0 rng@02:00.0 rp#2@00:02.1");
  g_assert_cmpuint(guest->notes->len, ==, 0);
  const BerthDevice *port = berth_model_inventory_controller(guest->inventory, "pci", 2);
  g_assert_cmpint(port->rule, ==, BERTH_RULE_RETURNED);
  /* gone before: the numbers are others by now, so it goes to the end */
  check_recorded("q35", "rp#1@00:02.0 !rp#2@00:02.1 rp#3@00:02.2 vd@01:00.0 vd@03:00.0", devices,
                 "rp#1@00:02.0+ rp#3@00:02.2 vd@01:00.0 vd@03:00.0 rng@02:00.0 rp#2@00:02.3", "");
}

static void test_unseen_buses_are_told(void) {
  check_recorded("q35", "", "rp#1@00:03.1 vd@01:00.0", "rp#1@00:03.1 vd@01:00.0", "the guest will not see *controller pci 1*");
  check_recorded("q35", "", "pxbe#1 rp#2@01:00.0 rp#3@01:01.0", "pxbe#1@00:01.0 rp#2@01:00.0 rp#3@01:01.0",
                 "*the guest will not see *controller pci 3*");
}

/* guest-bus-numbers §2 and §4. */
static void test_bus_numbers_that_lose_devices_are_told(void) {
  static const struct {
    const char *machine, *devices, *path, *value, *notes;
  } rows[] = {
      {"q35", "rp#1@00:02.0 ppb#2@01:00.0", "target/@busReserve", "1",
       "SeaBIOS loses devices: *controller pci 1*make it 2 or more*"},
      {"q35", "rp#1@00:02.0 ppb#2@01:00.0", "target/@busReserve", "2", ""},
      {"q35", "rp#1@00:02.0 vd@01:00.0", "target/@busReserve", "1", ""},
      {"q35", "pxbe#1@00:03.0 rp#2@00:02.0", "target/@busNr", "1", "the guest loses devices: busNr 1 of controller pci 1*0 to 1*"},
      {"q35", "pxbe#1@00:03.0 rp#2@00:02.0", "target/@busNr", "2", ""},
      {"pc", "pxb#1@00:03.0", "target/@busNr", "255", "*more buses than the 255 numbers*"},
  };
  for (guint i = 0; i < G_N_ELEMENTS(rows); i++) {
    g_autoptr(Guest) guest = guest_new(rows[i].machine, rows[i].devices);
    BerthDevice *controller = berth_model_inventory_controller(guest->inventory, "pci", 1);
    berth_model_device_set(controller, rows[i].path, rows[i].value);
    g_assert_true(guest_assign(guest, NULL));
    check_notes(guest, rows[i].notes);
  }
}

static void test_shifts_are_told(void) {
  /* nothing comes behind slot 1e of q35 */
  check_recorded("q35", "rp#1@00:02.0 dmi#2@00:1e.0 vd@01:00.0", "rp#1@00:02.0 dmi#2@00:1e.0 vd@01:00.0 vnet",
                 "rp#1@00:02.0 dmi#2@00:1e.0 vd@01:00.0 vnet@03:00.0 rp#3@00:1d.0",
                 "guest bus numbers shift: controller pci 2: 2 → 3");
  /* a port that the document leaves out, but must be there, is where it was */
  check_recorded("q35", "rp#1@00:02.0 rp#2@00:03.0 vd@02:00.0", "rp#2@00:03.0 vd@02:00.0", "rp#2@00:03.0 vd@02:00.0 rp#1@00:02.0",
                 "");
  /* a written port before the others */
  check_recorded("q35", "rp#1@00:03.0", "rp#1@00:03.0 rp#2@00:02.0", "rp#1@00:03.0 rp#2@00:02.0",
                 "guest bus numbers shift: controller pci 1: 1 → 2");
}

static void test_record_has_no_boundary_defect(void) {
  g_autoptr(BerthRecord) record = record_new("");
  g_autoptr(Guest) guest = guest_new("pc", "59*vnet piix3 balloon");
  g_autoptr(GError) error = NULL;
  guest->record = record;
  guest_assign(guest, &error);
  g_assert_no_error(error);
  g_assert_cmpuint(count_grown(guest, "pci-bridge"), ==, 2);
}

static void test_many_edits_move_nothing(void) {
  /* what was placed is kept, whatever is added: each round remembers the one before */
  static const char *const added[] = {"vnet", "e1000", "vd", "tnet", "rng"};
  for (guint m = 0; m < 2; m++) {
    const char *machine = m == 0 ? "pc" : "q35";
    g_autofree char *line = g_strdup("balloon");
    for (guint round = 0; round < 60; round++) {
      g_autoptr(BerthRecord) record = record_new(round == 0 ? "" : line);
      g_autofree char *next = g_strconcat(line, " ", added[round % G_N_ELEMENTS(added)], NULL);
      g_autoptr(Guest) guest = guest_new(machine, next);
      g_autoptr(GError) error = NULL;
      guest->record = record;
      guest_assign(guest, &error);
      g_assert_no_error(error);
      g_assert_cmpuint(guest->notes->len, ==, 0);
      g_free(line);
      line = guest_line(guest);
      g_auto(GStrv) before = g_strsplit(next, " ", -1);
      for (guint i = 0; before[i] != NULL; i++) {
        g_autofree char *plain = g_strdup(before[i]);
        if (g_str_has_suffix(plain, "+"))
          plain[strlen(plain) - 1] = '\0';
        g_assert_nonnull(strstr(line, plain));
      }
    }
  }
}

/* A device through many definitions of its guest. */
typedef struct {
  const char *name;
  gboolean present;
  BerthAddress address; /* its place, kept while it is gone */
  gint guest_bus;
} Item;

static void append_item(GString *line, const char *mark, const char *name, const BerthAddress *address) {
  g_string_append_printf(line, "%s%s%s", line->len > 0 ? " " : "", mark, name);
  if (address->type == BERTH_ADDRESS_PCI)
    g_string_append_printf(line, "@%02x:%02x.%x", (guint)address->value[BERTH_PCI_BUS], (guint)address->value[BERTH_PCI_SLOT],
                           (guint)address->value[BERTH_PCI_FUNCTION]);
}

/* What recall does: a device that comes back gets its place, unless another has it by now. */
static gboolean occupied(const GArray *items, const Item *item) {
  for (guint i = 0; i < items->len; i++) {
    const Item *other = &g_array_index(items, Item, i);
    if (other != item && other->present && berth_model_address_equal(&other->address, &item->address))
      return TRUE;
  }
  return FALSE;
}

static void edit(GArray *items, GRand *rand) {
  static const char *const names[] = {"vnet", "e1000", "vd", "rng", "tnet", "ac97"};
  if (items->len == 0 || g_rand_int_range(rand, 0, 2) == 0) {
    Item fresh = {names[g_rand_int_range(rand, 0, G_N_ELEMENTS(names))], TRUE, {0}, -1};
    g_array_append_val(items, fresh);
    return;
  }
  Item *item = &g_array_index(items, Item, g_rand_int_range(rand, 0, (gint)items->len));
  item->present = !item->present;
  item->guest_bus = -1;
  if (item->present && occupied(items, item))
    item->address = (BerthAddress){0};
}

static void check_kept(Guest *guest, GArray *items, guint first, gboolean told) {
  g_autoptr(GHashTable) places = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
  for (guint i = 0; i < guest->inventory->devices->len; i++) {
    const BerthDevice *device = guest->inventory->devices->pdata[i];
    if (device->address.type == BERTH_ADDRESS_PCI)
      g_assert_true(g_hash_table_add(places, berth_model_address_to_string(&device->address)));
  }
  for (guint i = 0; i < items->len; i++) {
    Item *item = &g_array_index(items, Item, i);
    if (!item->present)
      continue;
    const BerthDevice *device = guest->inventory->devices->pdata[first++];
    if (item->address.type == BERTH_ADDRESS_PCI)
      g_assert_true(berth_model_address_equal(&item->address, &device->address));
    if (item->guest_bus >= 0 && !told)
      g_assert_cmpint(item->guest_bus, ==, device->guest_bus);
    item->address = device->address;
    item->guest_bus = device->guest_bus;
  }
  for (guint i = 0; i < items->len && !told; i++) {
    const Item *item = &g_array_index(items, Item, i);
    g_autofree char *place = berth_model_address_to_string(&item->address);
    g_assert_true(item->present || item->address.type == BERTH_ADDRESS_NONE || !g_hash_table_contains(places, place) ||
                  occupied(items, item));
  }
}

/* One more definition: all places known so far are recalled. Returns whether anything was told. */
static gboolean define_again(const char *machine, GString *bridges, GArray *items, GArray *before) {
  g_autoptr(GString) line = g_string_new(bridges->str), remembered = g_string_new(bridges->str);
  guint first = 1;
  for (const char *c = bridges->str; *c != '\0'; c++)
    first += *c == '@';
  for (guint i = 0; i < items->len; i++) {
    const Item *item = &g_array_index(items, Item, i);
    if (item->present)
      append_item(line, "", item->name, &item->address);
  }
  for (guint i = 0; i < before->len; i++) {
    const Item *item = &g_array_index(before, Item, i);
    if (item->address.type == BERTH_ADDRESS_PCI)
      append_item(remembered, item->present && g_array_index(items, Item, i).present ? "" : "!", item->name, &item->address);
  }
  g_autoptr(BerthRecord) record = record_new(remembered->str);
  g_autoptr(Guest) guest = guest_new(machine, line->str);
  g_autoptr(GError) error = NULL;
  guest->record = record;
  guest_assign(guest, &error);
  g_assert_no_error(error);
  berth_families_pci_number(guest->inventory);
  check_kept(guest, items, first, guest->notes->len > 0);
  for (guint i = 1; i < guest->inventory->devices->len; i++) {
    const BerthDevice *device = guest->inventory->devices->pdata[i];
    if (device->origin != BERTH_ORIGIN_GROWN)
      continue;
    g_autofree char *name = g_strdup_printf("%s#%d", toy_of(device)->name, (int)device->index);
    append_item(bridges, "", name, &device->address);
  }
  return guest->notes->len > 0;
}

static void test_random_edits_move_nothing(void) {
  guint told = 0;
  for (guint sequence = 0; sequence < 100; sequence++) {
    g_autoptr(GRand) rand = g_rand_new_with_seed(sequence);
    g_autoptr(GArray) items = g_array_new(FALSE, TRUE, sizeof(Item));
    g_autoptr(GString) bridges = g_string_new(NULL);
    for (guint round = 0; round < 60; round++) {
      g_autoptr(GArray) before = g_array_copy(items);
      for (gint edits = g_rand_int_range(rand, 1, 5); edits > 0; edits--)
        edit(items, rand);
      told += define_again(sequence % 2 ? "q35" : "pc", bridges, items, before);
    }
  }
  g_assert_cmpuint(told, ==, 0);
}

int main(int argc, char **argv) {
  g_test_init(&argc, &argv, NULL);
  toys_init();
  g_test_add_func("/pci/record/empty-is-as-none", test_empty_record_is_as_none);
  g_test_add_func("/pci/record/reservations", test_reservations);
  g_test_add_func("/pci/record/given-away-last", test_reservations_are_given_away_last);
  g_test_add_func("/pci/record/growth-before-kept-places", test_growth_comes_before_kept_places);
  g_test_add_func("/pci/record/growth-behind-bridges", test_growth_behind_recorded_bridges);
  g_test_add_func("/pci/record/second-hierarchy", test_second_hierarchy);
  g_test_add_func("/pci/record/never-below-itself", test_never_below_itself);
  g_test_add_func("/pci/record/bridges-return", test_bridges_return);
  g_test_add_func("/pci/record/unseen-buses-are-told", test_unseen_buses_are_told);
  g_test_add_func("/pci/record/lost-devices-are-told", test_bus_numbers_that_lose_devices_are_told);
  g_test_add_func("/pci/record/shifts-are-told", test_shifts_are_told);
  g_test_add_func("/pci/record/no-boundary-defect", test_record_has_no_boundary_defect);
  g_test_add_func("/pci/record/many-edits-move-nothing", test_many_edits_move_nothing);
  g_test_add_func("/pci/record/random-edits-move-nothing", test_random_edits_move_nothing);
  return g_test_run();
}
