/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The destination's half of a migration. */
#include <string.h>
#include <unistd.h>

#include "lib/move.h"

#define OFFER_MS 30000
/* How long a source may send nothing. */
#define IDLE_MS 600000
#define GO_MS 60000

typedef struct {
  BerthXmlDocument *xml;
  BerthManifest *manifest;
  BerthLibArrival arrival;
  GByteArray *said; /* what came with the last message */
  int peer;
} Incoming;

static void incoming_clear(Incoming *incoming) {
  berth_lib_arrival_clear(&incoming->arrival);
  g_clear_pointer(&incoming->manifest, berth_model_manifest_free);
  g_clear_pointer(&incoming->xml, berth_xml_document_free);
  g_byte_array_unref(incoming->said);
  if (incoming->peer >= 0)
    close(incoming->peer);
}
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(Incoming, incoming_clear)

/* Whoever sent it may have gone. */
static void refuse(const Incoming *incoming, const GError *failure) {
  int code = failure->domain == BERTH_ERROR ? failure->code : BERTH_ERROR_FAILED;
  g_autofree char *text = g_strdup_printf("%d %s", code, failure->message);
  berth_host_message_send(incoming->peer, BERTH_TALK_REFUSE, text, strlen(text), NULL);
}

/* ---- the state ---- */

static gboolean unexpected(GError **error) {
  g_set_error_literal(error, BERTH_ERROR, BERTH_ERROR_FAILED, "the other side speaks another language");
  return FALSE;
}

static gboolean hear(const Incoming *incoming, BerthLibTalk wanted, int timeout_ms, GError **error) {
  char type = 0;
  return berth_host_message_receive(incoming->peer, &type, incoming->said, timeout_ms, NULL, error) &&
         (type == (char)wanted || unexpected(error));
}

static gboolean give(gpointer data, int to, GError **error) {
  const Incoming *incoming = data;
  for (;;) {
    char type = 0;
    if (!berth_host_message_receive(incoming->peer, &type, incoming->said, IDLE_MS, NULL, error))
      return FALSE;
    if (type == BERTH_TALK_SENT)
      return TRUE;
    if (type != BERTH_TALK_DATA)
      return unexpected(error);
    if (!berth_host_write(to, "QEMU", incoming->said->data, incoming->said->len, error))
      return FALSE;
  }
}

static gboolean load(const BerthLibArrival *arrival, BerthQmp *qmp, BerthProcess *qemu, const char *run_dir, GError **error) {
  Incoming *incoming = arrival->data;
  return berth_host_message_send(incoming->peer, BERTH_TALK_ACCEPT, NULL, 0, error) &&
         berth_lib_arrival_feed(arrival, qmp, qemu, run_dir, give, incoming, error) &&
         berth_host_message_send(incoming->peer, BERTH_TALK_LOADED, NULL, 0, error) && hear(incoming, BERTH_TALK_GO, GO_MS, error);
}

static void told(const BerthLibArrival *arrival, const GError *failure) {
  Incoming *incoming = arrival->data;
  /* A source that hears nothing knows as little as this side, and does not let it run. */
  if (failure != NULL && !arrival->may_have_run)
    refuse(incoming, failure);
  else if (failure == NULL)
    berth_host_message_send(incoming->peer, BERTH_TALK_RUNNING, NULL, 0, NULL);
  close(incoming->peer);
  incoming->peer = -1;
}

/* ---- the guest ---- */

static gboolean await_peer(Incoming *incoming, const char *uri, GError **error) {
  g_autoptr(BerthInterrupt) interrupt = berth_host_interrupt_new();
  int listener = berth_host_socket_listen(uri, error);
  if (listener < 0)
    return FALSE;
  incoming->peer = berth_host_socket_accept(listener, -1, interrupt, error);
  close(listener);
  berth_host_socket_remove(uri);
  char type = 0;
  if (incoming->peer < 0 || !berth_host_message_receive(incoming->peer, &type, incoming->said, OFFER_MS, interrupt, error))
    return FALSE;
  return type == BERTH_TALK_OFFER || unexpected(error);
}

static gboolean read_offer(Incoming *incoming, const char *guest, GError **error) {
  gsize hello = strlen(BERTH_LIB_TALK_HELLO);
  if (incoming->said->len < hello || memcmp(incoming->said->data, BERTH_LIB_TALK_HELLO, hello) != 0)
    return unexpected(error);
  g_autoptr(GBytes) bytes = g_bytes_new(incoming->said->data + hello, incoming->said->len - hello);
  incoming->manifest = berth_model_manifest_parse(bytes, "migration", error);
  if (incoming->manifest == NULL)
    return FALSE;
  const char *name = incoming->manifest->name, *uuid = incoming->manifest->uuid;
  if (guest == NULL || g_str_equal(guest, name) || g_ascii_strcasecmp(guest, uuid) == 0)
    return TRUE;
  g_set_error(error, BERTH_ERROR, BERTH_ERROR_CONFLICT, "guest '%s' with uuid %s was sent, '%s' is expected", name, uuid, guest);
  return FALSE;
}

/* A stranger's domain could name any file of this user's. */
static gboolean check_trust(const Incoming *incoming, GError **error) {
  if (!incoming->arrival.fresh || incoming->xml != NULL || berth_host_socket_trusted(incoming->peer))
    return TRUE;
  g_set_error(
      error, BERTH_ERROR, BERTH_ERROR_UNSUPPORTED,
      "guest '%s': is not defined here, and its domain is taken only over a unix socket from a process of this user; define it, or "
      "give its domain with --xml",
      incoming->manifest->name);
  return FALSE;
}

static gboolean prepare(Incoming *incoming, Berth *berth, const char *guest, guint flags, GError **error) {
  BerthLibArrival *arrival = &incoming->arrival;
  if (!read_offer(incoming, guest, error) || !berth_lib_move_paused(flags, incoming->manifest->state, &arrival->paused, error) ||
      !berth_lib_arrival_init(arrival, berth, incoming->manifest, incoming->xml, TRUE, "migrate", "migration", error) ||
      !check_trust(incoming, error))
    return FALSE;
  arrival->load = load;
  arrival->reason = "migrated";
  arrival->told = told;
  arrival->data = incoming;
  return TRUE;
}

gboolean berth_run_incoming(Berth *berth, const char *guest, const char *uri, GBytes *xml, const char *xml_file, guint flags,
                            int ready, GError **error) {
  g_auto(Incoming) incoming = {.peer = -1, .said = g_byte_array_new()};
  g_autoptr(GError) failure = NULL;
  if (xml != NULL && (incoming.xml = berth_xml_document_parse(xml, xml_file, error)) == NULL)
    return FALSE;
  if (await_peer(&incoming, uri, error)) {
    if (prepare(&incoming, berth, guest, flags, &failure))
      return berth_lib_run_arrival(berth, &incoming.arrival, ready, error);
    refuse(&incoming, failure);
    g_propagate_error(error, g_steal_pointer(&failure));
  }
  return FALSE;
}
