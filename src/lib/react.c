/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What a guest does by itself - power off, reboot, crash - and what its document wants to be done then. */
#include "lib/supervise.h"

#include "base/file.h"
#include "guest/control.h"

/* Why QEMU ends or stops for good (QMP reference: ShutdownCause), as a state of virsh's; @event: the guest did it. */
static const struct {
  const char *cause;
  const char *state, *reason;
  gboolean by_guest;
  BerthGuestEvent event;
} causes[] = {
    [BERTH_LIB_NO_CAUSE] = {NULL, NULL, NULL, TRUE, BERTH_GUEST_POWEROFF}, /* most likely */
    {"guest-shutdown", "shut off", "shutdown", TRUE, BERTH_GUEST_POWEROFF},
    {"guest-reset", "shut off", "shutdown", TRUE, BERTH_GUEST_REBOOT},
    {"host-qmp-system-reset", "shut off", "shutdown", TRUE, BERTH_GUEST_REBOOT},
    {"guest-panic", "crashed", "panicked", TRUE, BERTH_GUEST_CRASH},
    {"host-qmp-quit", "shut off", "destroyed", FALSE, BERTH_GUEST_POWEROFF},
    {"host-signal", "shut off", "destroyed", FALSE, BERTH_GUEST_POWEROFF},
    {"host-ui", "shut off", "destroyed", FALSE, BERTH_GUEST_POWEROFF},
    {"host-error", "crashed", "", FALSE, BERTH_GUEST_POWEROFF},
};

/* The first cause counts: that this process then ends QEMU is a consequence. */
void berth_lib_on_shutdown(BerthLibWatch *watch, const char *event, json_object *data) {
  const char *cause = berth_json_member_string(data, "reason");
  for (guint i = 1; i < G_N_ELEMENTS(causes) && watch->cause == BERTH_LIB_NO_CAUSE; i++)
    if (g_strcmp0(causes[i].cause, cause) == 0)
      watch->cause = i;
}

void berth_lib_on_panicked(BerthLibWatch *watch, const char *event, json_object *data) {
  watch->panicked = g_strcmp0(berth_json_member_string(data, "action"), "run") != 0;
}

gboolean berth_lib_cause_of_end(const BerthLibWatch *watch, const char **state, char **reason) {
  *reason = g_strdup(watch->panicked ? "panicked" : watch->cause != BERTH_LIB_NO_CAUSE ? causes[watch->cause].reason : "");
  if (watch->panicked)
    *state = "crashed";
  else if (watch->cause != BERTH_LIB_NO_CAUSE)
    *state = causes[watch->cause].state;
  return watch->panicked || watch->cause != BERTH_LIB_NO_CAUSE;
}

/* What the run's document says is read when it is needed. */
typedef struct {
  BerthStoreGuest *guest;
  const BerthReaction *reaction;
  gboolean wished;  /* somebody has asked for a reboot */
  gboolean reboots; /* a reset starts it anew */
} Wanted;

static void wanted_clear(Wanted *wanted) {
  berth_store_guest_free(wanted->guest);
}
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(Wanted, wanted_clear)

static gboolean look_up(BerthLibWatch *watch, BerthGuestEvent event, Wanted *wanted) {
  wanted->guest = berth_store_guest(watch->berth->store, watch->uuid, NULL);
  g_autoptr(BerthXmlDocument) document = wanted->guest != NULL && wanted->guest->run.document != NULL
                                             ? berth_xml_document_parse(wanted->guest->run.document, wanted->guest->name, NULL)
                                             : NULL;
  if (document == NULL)
    return FALSE;
  wanted->reaction = berth_kinds_reaction(document, event);
  wanted->wished = event == BERTH_GUEST_POWEROFF && berth_lib_reboot_wished(watch->run.run_dir);
  wanted->reboots = berth_kinds_reaction(document, BERTH_GUEST_REBOOT)->again;
  return TRUE;
}

/* A guest that cannot be reset though somebody asked for it ends; so does one whose document wants no reboots. */
static void finish(BerthLibWatch *watch, const BerthReaction *reaction, const Wanted *wanted) {
  gboolean again = (reaction->again || (wanted->wished && wanted->reboots)) && berth_guest_restart(watch->events, NULL);
  if (again) {
    watch->panicked = FALSE;
    watch->cause = BERTH_LIB_NO_CAUSE;
  } else if (reaction->end || wanted->wished) {
    berth_guest_quit(watch->events, NULL);
  }
  if (wanted->wished)
    berth_lib_reboot_forget(watch->events, &wanted->guest->run, NULL);
}

/* STATE/dump/NAME-TIME.core, as crash and gdb read it; NAME-TIME-2.core … of a guest that crashes again within the second. */
static gboolean start_dump(BerthLibWatch *watch, const char *guest) {
  g_autofree char *folder = g_build_filename(watch->berth->env->state_dir, "dump", NULL);
  g_autofree char *now = berth_base_env_timestamp(watch->berth->env);
  g_autofree char *path = g_strdup_printf("%s/%s-%s.core", folder, guest, now);
  for (guint n = 2; g_file_test(path, G_FILE_TEST_EXISTS); n++) {
    g_free(path);
    path = g_strdup_printf("%s/%s-%s-%u.core", folder, guest, now, n);
  }
  return berth_base_file_make_dir(folder, NULL) && berth_guest_dump(watch->events, path, NULL);
}

gboolean berth_lib_reacts(const BerthLibWatch *watch, const char *status) {
  return g_str_equal(status, "guest-panicked") || (g_str_equal(status, "shutdown") && causes[watch->cause].by_guest);
}

gboolean berth_lib_react(BerthLibWatch *watch, const char *status) {
  g_auto(Wanted) wanted = {0};
  gboolean panicked = g_str_equal(status, "guest-panicked"), dumped = watch->dumped;
  watch->panicked |= panicked;
  watch->dumped = FALSE;
  if (dumped)
    watch->after = NULL;
  if (!berth_lib_reacts(watch, status))
    return FALSE;
  if (watch->after != NULL)
    return TRUE;
  if (!look_up(watch, panicked ? BERTH_GUEST_CRASH : causes[watch->cause].event, &wanted))
    return FALSE;
  const BerthReaction *reaction = wanted.reaction;
  if (!reaction->end && !reaction->again && !wanted.wished)
    return FALSE;
  if (!dumped && reaction->dump && start_dump(watch, wanted.guest->name))
    watch->after = reaction;
  else
    finish(watch, reaction, &wanted);
  return TRUE;
}
