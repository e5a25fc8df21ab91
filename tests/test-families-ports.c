/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The families of virtio-serial and USB ports. Expectations are those of addressing §5 and §11, and of libvirt 12.8 where a comment
 * says so. */
#include "families-toy.h"

#include "families/bus.h"

/* addressing §5.1 and §11, row 26. */
static void channels_count_from_one(void) {
  g_auto(Guest) guest;
  guest_init(&guest);
  controller(&guest, "virtio-serial", "0", NULL);
  controller(&guest, "virtio-serial", "1", NULL);
  BerthDevice *a = channel(&guest), *b = at(channel(&guest), BERTH_ADDRESS_VIRTIO_SERIAL, 0, 0, 1, 0);
  BerthDevice *c = at(channel(&guest), BERTH_ADDRESS_VIRTIO_SERIAL, 1, 0, 0, 0), *d = channel(&guest);
  BerthDevice *console = add(&guest, BERTH_CONSOLE, NULL);
  must(&guest, BERTH_ADDRESS_VIRTIO_SERIAL);
  is_at(a, "virtio-serial 0:0:2");
  is_at(b, "virtio-serial 0:0:1");
  is_at(c, "virtio-serial 1:0:1");
  is_at(d, "virtio-serial 0:0:3");
  g_assert_cmpint(console->address.type, ==, BERTH_ADDRESS_NONE);
}

static void channels_overflow_into_new_controllers(void) {
  g_auto(Guest) guest;
  guest_init(&guest);
  controller(&guest, "virtio-serial", "0", NULL);
  BerthDevice *d[35];
  for (guint i = 0; i < 35; i++)
    d[i] = channel(&guest);
  must(&guest, BERTH_ADDRESS_VIRTIO_SERIAL);
  is_at(d[29], "virtio-serial 0:0:30");
  is_at(d[30], "virtio-serial 1:0:1");
  is_at(d[34], "virtio-serial 1:0:5");
  BerthDevice *grown = berth_model_inventory_controller(guest.inventory, "virtio-serial", 1);
  g_assert_nonnull(grown);
  g_assert_cmpint(grown->origin, ==, BERTH_ORIGIN_GROWN);
  g_assert_true(grown->kind == &kinds[BERTH_ADDRESS_PCI]);

  g_auto(Guest) two;
  guest_init(&two);
  berth_model_device_set(controller(&two, "virtio-serial", "0", NULL), "@ports", "2");
  BerthDevice *a = channel(&two), *b = channel(&two), *c = channel(&two);
  must(&two, BERTH_ADDRESS_VIRTIO_SERIAL);
  is_at(a, "virtio-serial 0:0:1");
  is_at(b, "virtio-serial 1:0:1");
  is_at(c, "virtio-serial 1:0:2");

  g_auto(Guest) one;
  guest_init(&one);
  berth_model_device_set(controller(&one, "virtio-serial", "0", NULL), "@ports", "1");
  BerthDevice *only = channel(&one);
  must(&one, BERTH_ADDRESS_VIRTIO_SERIAL);
  is_at(only, "virtio-serial 1:0:1");
}

/* Asked of libvirt 12.8. A guest is a word, a letter a device: n and z are consoles, without address and with controller 0 but no
 * port, c a channel. @ports: of controller 0. */
static void consoles_that_name_a_controller_get_a_port(void) {
  static const struct {
    const char *devices, *ports, *places;
  } rows[] = {
      {"zz", NULL, "0:0:0 0:0:1"},    {"nzc", NULL, "- 0:0:0 0:0:1"},   {"znzc", NULL, "0:0:0 - 0:0:2 0:0:3"},
      {"czn", NULL, "0:0:2 0:0:0 -"}, {"znnc", "1", "0:0:0 - - 1:0:1"}, {"zznc", "2", "0:0:0 0:0:1 - 1:0:1"},
  };
  for (guint i = 0; i < G_N_ELEMENTS(rows); i++) {
    g_auto(Guest) guest;
    guest_init(&guest);
    berth_model_device_set(controller(&guest, "virtio-serial", "0", NULL), "@ports", rows[i].ports);
    g_auto(GStrv) places = g_strsplit(rows[i].places, " ", -1);
    BerthDevice *devices[8];
    for (guint n = 0; rows[i].devices[n] != '\0'; n++) {
      devices[n] = add(&guest, rows[i].devices[n] == 'c' ? BERTH_CHANNEL : BERTH_CONSOLE, NULL);
      if (rows[i].devices[n] == 'z')
        at(devices[n], BERTH_ADDRESS_VIRTIO_SERIAL, 0, 0, 0, 0);
    }
    must(&guest, BERTH_ADDRESS_VIRTIO_SERIAL);
    for (guint n = 0; places[n] != NULL; n++) {
      g_autofree char *place = g_strconcat("virtio-serial ", places[n], NULL);
      if (g_str_equal(places[n], "-"))
        g_assert_cmpint(devices[n]->address.type, ==, BERTH_ADDRESS_NONE);
      else
        is_at(devices[n], place);
    }
  }
}

static void bad_virtio_serial_ports_are_refused(void) {
  static const struct {
    guint64 controller, port, second;
    const char *part;
  } rows[] = {{0, 31, 0, "has no port 31"}, {5, 1, 0, "no virtio-serial controller 5"}, {0, 3, 3, "already taken"}};
  for (guint i = 0; i < G_N_ELEMENTS(rows); i++) {
    g_auto(Guest) guest;
    guest_init(&guest);
    controller(&guest, "virtio-serial", "0", NULL);
    at(channel(&guest), BERTH_ADDRESS_VIRTIO_SERIAL, rows[i].controller, 0, rows[i].port, 0);
    at(add(&guest, BERTH_CONSOLE, NULL), BERTH_ADDRESS_VIRTIO_SERIAL, 0, 0, rows[i].second, 0);
    refuse(&guest, BERTH_ADDRESS_VIRTIO_SERIAL, BERTH_ERROR_BAD_INPUT, rows[i].part);
  }
  g_auto(Guest) full;
  guest_init(&full);
  berth_model_device_set(controller(&full, "virtio-serial", "0", NULL), "@ports", "2");
  at(channel(&full), BERTH_ADDRESS_VIRTIO_SERIAL, 0, 1, 1, 0); /* libvirt 12.8 counts it whatever the bus is */
  at(channel(&full), BERTH_ADDRESS_VIRTIO_SERIAL, 0, 0, 0, 0);
  refuse(&full, BERTH_ADDRESS_VIRTIO_SERIAL, BERTH_ERROR_NO_ROOM, "no port");
}

static void a_gone_channel_keeps_its_port(void) {
  g_auto(Guest) guest;
  guest_init(&guest);
  berth_model_device_set(controller(&guest, "virtio-serial", "0", NULL), "@ports", "3");
  BerthAddress place = {.type = BERTH_ADDRESS_VIRTIO_SERIAL, .given = 7, .value = {0, 0, 1}};
  remember(&guest, "channel", "virtio", "channel=virtio:x", "2026-01-01T00:00:00Z", &place);
  BerthDevice *a = channel(&guest), *b = channel(&guest);
  BerthDevice *stay = at(channel(&guest), BERTH_ADDRESS_VIRTIO_SERIAL, 0, 0, 0, 0);
  must(&guest, BERTH_ADDRESS_VIRTIO_SERIAL);
  is_at(a, "virtio-serial 0:0:2");
  is_at(b, "virtio-serial 1:0:1");
  is_at(stay, "virtio-serial 0:0:1"); /* bound to a full controller: the reservation is given away */
}

static void a_recalled_port_without_controller_is_let_go(void) {
  g_auto(Guest) guest;
  guest_init(&guest);
  controller(&guest, "virtio-serial", "0", NULL);
  BerthDevice *a = at(channel(&guest), BERTH_ADDRESS_VIRTIO_SERIAL, 4, 0, 1, 0);
  a->rule = BERTH_RULE_RECALLED;
  must(&guest, BERTH_ADDRESS_VIRTIO_SERIAL);
  is_at(a, "virtio-serial 0:0:1");
  g_assert_cmpuint(guest.notes->len, ==, 1);
}

static BerthDevice *hub_nth(const Guest *guest, guint n) {
  BerthDevice *hub = NULL;
  for (guint i = 0, k = 0; k <= n; k++)
    hub = berth_model_inventory_walk(guest->inventory, BERTH_HUB, &i);
  return hub;
}

/* addressing §5.3, §11 row 25, and libvirt 12.8 for nine. */
static void usb_devices_find_ports(void) {
  static const struct {
    const char *model, *ports;
    guint devices, hubs;
    const char *hub[3], *first, *last;
  } rows[] = {
      {"piix3-uhci", NULL, 2, 0, {NULL}, "usb 0:1", "usb 0:2"},
      {"piix3-uhci", NULL, 9, 2, {"usb 0:1", "usb 0:2"}, "usb 0:1.1", "usb 0:2.1"},
      {"piix3-uhci", NULL, 12, 2, {"usb 0:1", "usb 0:2"}, "usb 0:1.1", "usb 0:2.4"},
      {"piix3-uhci", NULL, 17, 3, {"usb 0:1", "usb 0:2", "usb 0:1.1"}, "usb 0:1.2", "usb 0:2.2"},
      {"qemu-xhci", "2", 4, 1, {"usb 0:1"}, "usb 0:2", "usb 0:1.3"},
      {"qemu-xhci", NULL, 4, 0, {NULL}, "usb 0:1", "usb 0:4"},
      {"pci-ohci", NULL, 3, 0, {NULL}, "usb 0:1", "usb 0:3"},
      {"ich9-ehci1", NULL, 6, 0, {NULL}, "usb 0:1", "usb 0:6"},
      {NULL, NULL, 2, 0, {NULL}, "usb 0:1", "usb 0:2"},
  };
  for (guint i = 0; i < G_N_ELEMENTS(rows); i++) {
    g_auto(Guest) guest;
    guest_init(&guest);
    BerthDevice *usb = controller(&guest, "usb", "0", rows[i].model);
    if (rows[i].ports != NULL)
      berth_model_device_set(usb, "@ports", rows[i].ports);
    BerthDevice *first = NULL, *last = NULL;
    for (guint k = 0; k < rows[i].devices; k++) {
      last = add(&guest, BERTH_HOSTDEV, "@type", "usb", NULL);
      first = first != NULL ? first : last;
    }
    must(&guest, BERTH_ADDRESS_USB);
    for (guint k = 0; k < rows[i].hubs; k++)
      is_at(hub_nth(&guest, k), rows[i].hub[k]);
    g_assert_null(hub_nth(&guest, rows[i].hubs));
    is_at(first, rows[i].first);
    is_at(last, rows[i].last);
  }
}

/* As libvirt 12.8 answers: the generic device order, not that of the document. */
static void usb_devices_are_served_in_device_order(void) {
  g_auto(Guest) guest;
  guest_init(&guest);
  controller(&guest, "usb", "0", "qemu-xhci");
  BerthDevice *redir = add(&guest, BERTH_REDIRDEV, NULL), *tablet = add(&guest, BERTH_INPUT, NULL);
  BerthDevice *serial = add(&guest, BERTH_SERIAL, "target/@type", "usb-serial", NULL);
  BerthDevice *ccid = controller(&guest, "ccid", "0", NULL), *host = add(&guest, BERTH_HOSTDEV, "@type", "usb", NULL);
  BerthDevice *sound = add(&guest, BERTH_SOUND, NULL), *stick = disk(&guest, "usb", "sda");
  must(&guest, BERTH_ADDRESS_USB);
  is_at(hub_nth(&guest, 0), "usb 0:1");
  is_at(stick, "usb 0:2");
  is_at(sound, "usb 0:3");
  is_at(host, "usb 0:4");
  is_at(ccid, "usb 0:1.1");
  is_at(serial, "usb 0:1.2");
  is_at(tablet, "usb 0:1.3");
  is_at(redir, "usb 0:1.4");
}

static void two_usb_controllers_are_filled_in_turn(void) {
  g_auto(Guest) guest;
  guest_init(&guest);
  controller(&guest, "usb", "1", "piix3-uhci");
  controller(&guest, "usb", "0", "piix3-uhci");
  BerthDevice *d[3];
  for (guint i = 0; i < 3; i++)
    d[i] = add(&guest, BERTH_INPUT, NULL);
  BerthDevice *bound = add(&guest, BERTH_INPUT, NULL);
  bound->address = (BerthAddress){.type = BERTH_ADDRESS_USB, .given = 1, .value = {1, 0}};
  must(&guest, BERTH_ADDRESS_USB);
  is_at(d[0], "usb 0:1");
  is_at(d[1], "usb 0:2");
  is_at(d[2], "usb 1:1");
  is_at(bound, "usb 1:2");
  g_assert_null(hub_nth(&guest, 0));
}

static void companions_share_their_masters_bus(void) {
  g_auto(Guest) guest;
  guest_init(&guest);
  controller(&guest, "usb", "0", "ich9-uhci1");
  controller(&guest, "usb", "0", "ich9-ehci1")->id = g_strdup("usb");
  BerthDevice *tablet = add(&guest, BERTH_INPUT, NULL);
  must(&guest, BERTH_ADDRESS_USB);
  is_at(tablet, "usb 0:1");
  g_autofree char *bus = berth_families_bus_name(guest.inventory, "usb", 0, 0);
  g_assert_cmpstr(bus, ==, "usb.0");
  controller(&guest, "usb", "0", "ehci");
  refuse(&guest, BERTH_ADDRESS_USB, BERTH_ERROR_BAD_INPUT, "its index is that of");
  g_auto(Guest) orphan;
  guest_init(&orphan);
  controller(&orphan, "usb", "0", "ich9-uhci1");
  refuse(&orphan, BERTH_ADDRESS_USB, BERTH_ERROR_BAD_INPUT, "needs a master");
}

static void bad_usb_addresses_are_refused(void) {
  static const struct {
    guint64 bus;
    guint path[4];
    const char *part;
  } rows[] = {{3, {1}, "no USB controller 3"}, {0, {3}, "no port 3"},     {0, {2, 1}, "no hub at port 2"},
              {0, {1, 9}, "no port 1.9"},      {0, {1}, "already taken"}, {7, {0}, "no USB controller 7"}};
  for (guint i = 0; i < G_N_ELEMENTS(rows); i++) {
    g_auto(Guest) guest;
    guest_init(&guest);
    const guint *p = rows[i].path;
    controller(&guest, "usb", "0", "piix3-uhci");
    at(add(&guest, BERTH_HUB, "@type", "usb", NULL), BERTH_ADDRESS_USB, 0, port(1, 0, 0, 0), 0, 0);
    at(add(&guest, BERTH_INPUT, NULL), BERTH_ADDRESS_USB, rows[i].bus, port(p[0], p[1], p[2], p[3]), 0, 0);
    refuse(&guest, BERTH_ADDRESS_USB, BERTH_ERROR_BAD_INPUT, rows[i].part);
  }
  g_auto(Guest) order;
  guest_init(&order);
  controller(&order, "usb", "0", "piix3-uhci");
  at(add(&order, BERTH_HUB, "@type", "usb", NULL), BERTH_ADDRESS_USB, 0, port(1, 1, 0, 0), 0, 0);
  at(add(&order, BERTH_HUB, "@type", "usb", NULL), BERTH_ADDRESS_USB, 0, port(1, 0, 0, 0), 0, 0);
  g_assert_true(assign(&order, BERTH_ADDRESS_USB)); /* in any order */
  g_auto(Guest) none;
  guest_init(&none);
  controller(&none, "usb", "0", "none");
  must(&none, BERTH_ADDRESS_USB);
  add(&none, BERTH_INPUT, NULL);
  refuse(&none, BERTH_ADDRESS_USB, BERTH_ERROR_BAD_INPUT, "there is none");
  g_auto(Guest) type;
  guest_init(&type);
  controller(&type, "usb", "0", NULL);
  at(add(&type, BERTH_INPUT, NULL), BERTH_ADDRESS_DRIVE, 0, 0, 0, 1);
  must(&type, BERTH_ADDRESS_USB); /* whether it makes sense is for the one checker to say (assign/check-address.c) */
}

static void a_hub_on_the_last_level_has_no_ports(void) {
  g_auto(Guest) guest;
  guest_init(&guest);
  berth_model_device_set(controller(&guest, "usb", "0", "qemu-xhci"), "@ports", "1");
  for (guint i = 0; i < 4; i++)
    at(add(&guest, BERTH_HUB, "@type", "usb", NULL), BERTH_ADDRESS_USB, 0, port(1, i > 0, i > 1, i > 2), 0, 0);
  for (guint i = 0; i < 7 + 7 + 7; i++)
    add(&guest, BERTH_INPUT, NULL);
  must(&guest, BERTH_ADDRESS_USB);
  add(&guest, BERTH_INPUT, NULL);
  refuse(&guest, BERTH_ADDRESS_USB, BERTH_ERROR_NO_ROOM, "no USB port is free");
}

static BerthAddress usb_port(guint64 path) {
  return (BerthAddress){.type = BERTH_ADDRESS_USB, .given = 3, .value = {0, path}};
}

static void gone_usb_devices_keep_their_ports(void) {
  g_auto(Guest) guest;
  guest_init(&guest);
  controller(&guest, "usb", "0", "piix3-uhci");
  BerthAddress second = usb_port(port(2, 0, 0, 0)), lost = usb_port(port(1, 7, 0, 0));
  remember(&guest, "input", "usb/tablet", "content=x", "2026-01-01T00:00:00Z", &lost);
  remember(&guest, "input", "usb/tablet", "content=x", "2026-01-01T00:00:00Z", &second);
  /* The last vacant port takes a hub, so that there is room for more. */
  BerthDevice *a = add(&guest, BERTH_INPUT, NULL), *b = add(&guest, BERTH_INPUT, NULL);
  must(&guest, BERTH_ADDRESS_USB);
  is_at(hub_nth(&guest, 0), "usb 0:1");
  is_at(a, "usb 0:1.1");
  is_at(b, "usb 0:1.2");
  g_assert_null(hub_nth(&guest, 1));
}

/* Two devices fill a PIIX3, as libvirt has it; with the record they stay where they are. */
static void a_full_usb_bus_gets_a_second_controller(void) {
  g_auto(Guest) guest;
  guest_init(&guest);
  controller(&guest, "usb", "0", "piix3-uhci");
  guest.record = berth_model_record_new();
  BerthDevice *a = at(add(&guest, BERTH_INPUT, NULL), BERTH_ADDRESS_USB, 0, port(1, 0, 0, 0), 0, 0);
  BerthDevice *b = at(add(&guest, BERTH_INPUT, NULL), BERTH_ADDRESS_USB, 0, port(2, 0, 0, 0), 0, 0);
  BerthDevice *c = add(&guest, BERTH_INPUT, NULL);
  must(&guest, BERTH_ADDRESS_USB);
  is_at(a, "usb 0:1");
  is_at(b, "usb 0:2");
  is_at(c, "usb 1:1");
  BerthDevice *grown = berth_model_inventory_controller(guest.inventory, "usb", 1);
  g_assert_nonnull(grown);
  g_assert_true(berth_model_device_is(grown, "@model", "piix3-uhci"));
  g_assert_cmpint(grown->origin, ==, BERTH_ORIGIN_GROWN);
  g_assert_cmpuint(guest.notes->len, ==, 1);
  for (guint i = 0; i < 20; i++)
    add(&guest, BERTH_INPUT, NULL);
  must(&guest, BERTH_ADDRESS_USB);
  is_at(c, "usb 1:1");
  is_at(hub_nth(&guest, 0), "usb 1:2");
  g_assert_cmpuint(guest.notes->len, ==, 1);

  g_auto(Guest) fast;
  guest_init(&fast);
  controller(&fast, "usb", "0", "ich9-ehci1");
  fast.record = berth_model_record_new();
  for (guint i = 1; i <= 6; i++)
    at(add(&fast, BERTH_INPUT, NULL), BERTH_ADDRESS_USB, 0, port(i, 0, 0, 0), 0, 0);
  BerthDevice *hub = add(&fast, BERTH_HUB, "@type", "usb", NULL);
  must(&fast, BERTH_ADDRESS_USB);
  is_at(hub, "usb 1:1");
  g_assert_true(berth_model_device_is(berth_model_inventory_controller(fast.inventory, "usb", 1), "@model", "qemu-xhci"));
}

static void a_device_bound_to_a_full_bus_takes_a_kept_port(void) {
  g_auto(Guest) guest;
  guest_init(&guest);
  controller(&guest, "usb", "0", "piix3-uhci");
  BerthAddress second = usb_port(port(2, 0, 0, 0));
  remember(&guest, "input", "usb/tablet", "content=x", "2026-01-01T00:00:00Z", &second);
  at(add(&guest, BERTH_INPUT, NULL), BERTH_ADDRESS_USB, 0, port(1, 0, 0, 0), 0, 0);
  BerthDevice *bound = at(add(&guest, BERTH_INPUT, NULL), BERTH_ADDRESS_USB, 0, 0, 0, 0);
  must(&guest, BERTH_ADDRESS_USB);
  is_at(bound, "usb 0:2");
}

/* Nothing can grow while the guest runs: its last port is used, then what is kept, the oldest first. */
static void a_running_guests_usb_ports_are_used_to_the_last(void) {
  g_auto(Guest) guest;
  guest_init(&guest);
  guest.running = TRUE;
  berth_model_device_set(controller(&guest, "usb", "0", "qemu-xhci"), "@ports", "3");
  BerthAddress third = usb_port(port(3, 0, 0, 0)), second = usb_port(port(2, 0, 0, 0));
  remember(&guest, "input", "usb/tablet", "content=x", "2026-01-01T00:00:00Z", &third);
  remember(&guest, "input", "usb/tablet", "content=x", "2026-02-01T00:00:00Z", &second);
  BerthDevice *a = add(&guest, BERTH_INPUT, NULL);
  must(&guest, BERTH_ADDRESS_USB);
  is_at(a, "usb 0:1");
  BerthDevice *b = add(&guest, BERTH_INPUT, NULL);
  must(&guest, BERTH_ADDRESS_USB);
  is_at(b, "usb 0:3");
  BerthDevice *c = add(&guest, BERTH_INPUT, NULL);
  must(&guest, BERTH_ADDRESS_USB);
  is_at(c, "usb 0:2");
  g_assert_null(hub_nth(&guest, 0));
  add(&guest, BERTH_INPUT, NULL);
  refuse(&guest, BERTH_ADDRESS_USB, BERTH_ERROR_NO_ROOM, "attach-device a <controller type='usb'");
  g_assert_null(berth_model_inventory_controller(guest.inventory, "usb", 1));
}

/* A hub from the record stands at the end of the list, behind what hangs on it. */
static void recalled_hubs_carry_what_is_written_before_them(void) {
  g_auto(Guest) guest;
  guest_init(&guest);
  guest.record = berth_model_record_new();
  controller(&guest, "usb", "0", "piix3-uhci");
  BerthDevice *deep = at(add(&guest, BERTH_HUB, "@type", "usb", NULL), BERTH_ADDRESS_USB, 0, port(1, 1, 0, 0), 0, 0);
  BerthDevice *back = at(add(&guest, BERTH_HUB, "@type", "usb", NULL), BERTH_ADDRESS_USB, 0, port(1, 0, 0, 0), 0, 0);
  back->rule = BERTH_RULE_RECALLED;
  BerthDevice *a = at(add(&guest, BERTH_INPUT, NULL), BERTH_ADDRESS_USB, 0, port(2, 1, 0, 0), 0, 0);
  a->rule = BERTH_RULE_RECALLED;
  must(&guest, BERTH_ADDRESS_USB);
  is_at(deep, "usb 0:1.1");
  is_at(back, "usb 0:1");
  is_at(a, "usb 0:2"); /* its hub is gone */
  g_assert_cmpuint(guest.notes->len, ==, 1);
}

#define TEST(name) g_test_add_func("/families/" #name, name)

int main(int argc, char **argv) {
  g_test_init(&argc, &argv, NULL);
  TEST(channels_count_from_one);
  TEST(channels_overflow_into_new_controllers);
  TEST(consoles_that_name_a_controller_get_a_port);
  TEST(bad_virtio_serial_ports_are_refused);
  TEST(a_gone_channel_keeps_its_port);
  TEST(a_recalled_port_without_controller_is_let_go);
  TEST(usb_devices_find_ports);
  TEST(usb_devices_are_served_in_device_order);
  TEST(two_usb_controllers_are_filled_in_turn);
  TEST(companions_share_their_masters_bus);
  TEST(bad_usb_addresses_are_refused);
  TEST(a_hub_on_the_last_level_has_no_ports);
  TEST(gone_usb_devices_keep_their_ports);
  TEST(a_full_usb_bus_gets_a_second_controller);
  TEST(a_device_bound_to_a_full_bus_takes_a_kept_port);
  TEST(a_running_guests_usb_ports_are_used_to_the_last);
  TEST(recalled_hubs_carry_what_is_written_before_them);
  return g_test_run();
}
