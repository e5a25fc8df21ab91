/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The source's half of a migration. */
#include <string.h>
#include <unistd.h>

#include "guest/control.h"
#include "guest/move.h"
#include "lib/move.h"

/* The other side starts a QEMU before it accepts … */
#define ACCEPT_MS 180000
/* … has the devices' state to take in once all is sent … */
#define LOADED_MS 600000
/* … and only records, and lets the guest run, once it was told to. */
#define RUNNING_MS 60000
/* What it has said before it went is there at once. */
#define EARLY_MS 2000
#define MIB (1u << 20)

/* A guest on its way to another store. */
typedef struct {
  BerthLibLeave *leave;
  const BerthMigration *how;
  int peer;
  GByteArray *said; /* what came with the last message */
  gboolean refused; /* the other side has said that it will not have the guest */
  guint64 bytes;
} Journey;

static gboolean refusal(const GByteArray *said, GError **error) {
  g_autofree char *text = g_strndup((const char *)said->data, said->len);
  g_autofree char *valid = g_utf8_make_valid(text, -1);
  char *message = NULL;
  guint64 code = g_ascii_strtoull(valid, &message, 10);
  gboolean known = message != valid && *message == ' ' && code <= BERTH_ERROR_REFUSED_BY_GUEST;
  g_set_error(error, BERTH_ERROR, known ? (int)code : BERTH_ERROR_FAILED, "the other side: %s", known ? message + 1 : valid);
  return FALSE;
}

/* Waits for @wanted. */
static gboolean hear(Journey *journey, BerthLibTalk wanted, int timeout_ms, const BerthInterrupt *interrupt, GError **error) {
  char type = 0;
  if (!berth_host_message_receive(journey->peer, &type, journey->said, timeout_ms, interrupt, error))
    return FALSE;
  if (type == (char)wanted)
    return TRUE;
  journey->refused = type == BERTH_TALK_REFUSE;
  if (journey->refused)
    return refusal(journey->said, error);
  g_set_error_literal(error, BERTH_ERROR, BERTH_ERROR_FAILED, "the other side speaks another language");
  return FALSE;
}

static gboolean say(const Journey *journey, BerthLibTalk what, GError **error) {
  return berth_host_message_send(journey->peer, (char)what, NULL, 0, error);
}

static gboolean offer(Journey *journey, GError **error) {
  g_autoptr(GBytes) manifest = berth_model_manifest_print(journey->leave->manifest);
  g_autoptr(GByteArray) hello = g_byte_array_new();
  g_byte_array_append(hello, (const guint8 *)BERTH_LIB_TALK_HELLO, strlen(BERTH_LIB_TALK_HELLO));
  g_byte_array_append(hello, g_bytes_get_data(manifest, NULL), (guint)g_bytes_get_size(manifest));
  return berth_host_message_send(journey->peer, BERTH_TALK_OFFER, hello->data, hello->len, error) &&
         hear(journey, BERTH_TALK_ACCEPT, ACCEPT_MS, journey->leave->interrupt, error);
}

static gboolean send_piece(gpointer data, const guint8 *bytes, gsize length, GError **error) {
  Journey *journey = data;
  if (!berth_host_message_send(journey->peer, BERTH_TALK_DATA, bytes, length, error))
    return FALSE;
  journey->bytes += length;
  berth_lib_leave_progress(journey->leave, journey->bytes, FALSE);
  return TRUE;
}

/* It never comes to an end otherwise: what is left is sent with the guest stopped. */
static void stop(gpointer data) {
  const Journey *journey = data;
  berth_qmp_send(journey->leave->live.control, "stop", NULL);
}

static gboolean send_state(Journey *journey, GError **error) {
  BerthLibLeave *leave = journey->leave;
  const BerthMigration *how = journey->how;
  BerthHostPump pump = {.watched = journey->peer,
                        .interrupt = leave->interrupt,
                        .until = how->timeout_s > 0 ? g_get_monotonic_time() + how->timeout_s * G_TIME_SPAN_SECOND : 0,
                        .late = stop,
                        .sink = send_piece,
                        .data = journey};
  g_autoptr(GError) failure = NULL;
  if (!berth_lib_leave_begin(leave, (how->flags & BERTH_MOVE_LIVE) != 0, how->bandwidth * MIB, error))
    return FALSE;
  pump.from = leave->stream;
  if (berth_host_pump(&pump, &failure))
    return berth_guest_move_done(leave->live.control, error);
  /* The other side has spoken or gone before the end: why is worth more than that nothing could be sent to it. */
  if (!berth_host_interrupted(leave->interrupt, NULL)) {
    g_autoptr(GError) why = NULL;
    hear(journey, BERTH_TALK_LOADED, EARLY_MS, NULL, &why);
    if (failure == NULL || journey->refused) {
      g_clear_error(&failure);
      failure = why != NULL ? g_steal_pointer(&why)
                            : g_error_new_literal(BERTH_ERROR, BERTH_ERROR_FAILED, "the other side speaks another language");
    }
  }
  g_propagate_error(error, g_steal_pointer(&failure));
  return FALSE;
}

/* Up to here, a failure leaves the guest here. */
static gboolean travel(Journey *journey, GError **error) {
  const BerthInterrupt *interrupt = journey->leave->interrupt;
  return offer(journey, error) && send_state(journey, error) && say(journey, BERTH_TALK_SENT, error) &&
         hear(journey, BERTH_TALK_LOADED, LOADED_MS, interrupt, error) && !berth_host_interrupted(interrupt, error);
}

/* All has been sent, so that the guest has stopped. */
static void record_stopped(const Journey *journey) {
  const BerthLibLive *live = &journey->leave->live;
  g_autofree char *status = berth_guest_status(live->control, NULL);
  if (status != NULL)
    berth_lib_record_status(live->berth, live->guest, status, NULL);
}

/* From here on the guest is the other side's, unless that says that it is not. *@here: it is still ours. */
static gboolean hand_over(Journey *journey, gboolean *here, GError **error) {
  g_autoptr(GError) failure = NULL;
  record_stopped(journey);
  berth_lib_unfinished_forget(journey->leave->live.guest->run.run_dir);
  if (say(journey, BERTH_TALK_GO, &failure) && hear(journey, BERTH_TALK_RUNNING, RUNNING_MS, NULL, &failure))
    return TRUE;
  *here = journey->refused;
  if (*here)
    g_propagate_error(error, g_steal_pointer(&failure));
  else
    g_set_error(error, BERTH_ERROR, BERTH_ERROR_FAILED,
                "guest '%s' is left paused here, for it may run there: %s; look there, and then resume or destroy it here",
                journey->leave->live.guest->name, failure->message);
  return FALSE;
}

static gboolean migrate(Journey *journey, GError **error) {
  gboolean here = TRUE;
  if (travel(journey, error) && hand_over(journey, &here, error)) {
    berth_lib_leave_progress(journey->leave, journey->bytes, TRUE);
    return berth_lib_leave_end(journey->leave, error);
  }
  /* The other side sees it end, and lets go of what it has, before the guest runs on here. */
  close(journey->peer);
  journey->peer = -1;
  if (here)
    berth_lib_leave_undo(journey->leave, error);
  return FALSE;
}

gboolean berth_migrate(Berth *berth, const char *guest, const char *uri, const BerthMigration *migration, GError **error) {
  g_auto(BerthLibLeave) leave = {.listener = -1, .stream = -1, .progress = migration->progress, .progress_data = migration->data};
  if (!berth_lib_leave_open(&leave, berth, guest, migration->flags, error))
    return FALSE;
  g_autoptr(GByteArray) said = g_byte_array_new();
  Journey journey = {.leave = &leave, .how = migration, .said = said};
  journey.peer = berth_host_socket_connect(uri, error);
  gboolean done = journey.peer >= 0 && migrate(&journey, error);
  if (journey.peer >= 0)
    close(journey.peer);
  return done;
}
