/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Starting one QEMU: its arguments, its two monitors, its run folder.
 * In a run folder (0700): "events.qmp" (the supervisor's monitor), "control.qmp" (any command's, under the guest's lock; one
 * client at a time), "qemu.log" (0600, what QEMU writes to stdout and stderr), "reboot", "leaving".
 */
#pragma once

#include "host/process.h"
#include "host/user.h"
#include "model/qemu.h"
#include "qmp/client.h"

#define BERTH_GUEST_LAUNCH_TIMEOUT_MS 30000
#define BERTH_GUEST_LOG_MAX_BYTES (1u << 20)

/* Paths in @run_dir. (transfer full) */
char *berth_guest_events_path(const char *run_dir);
char *berth_guest_control_path(const char *run_dir);
char *berth_guest_log_path(const char *run_dir);
/* There while the guest is to be reset once it powers down. */
char *berth_guest_reboot_path(const char *run_dir);
/* There while the guest's state is on its way out, and its guest can still go on here. */
char *berth_guest_leaving_path(const char *run_dir);
/* There while QEMU takes a state in, until it is recorded: so it has not run yet, though it says "paused" then. */
char *berth_guest_arriving_path(const char *run_dir);
/* Makes such a file, empty; that it is there is fine. Errors: FAILED. */
gboolean berth_guest_mark(const char *path, GError **error);

/*
 * The whole command line: the binary, what the runner adds (-S -nodefaults -no-user-config, the sandbox, the monitors below
 * @run_dir), then the objects of @qemu. Pure. (transfer full): g_strfreev(). Errors: BAD_INPUT as berth_emit_arguments().
 */
GStrv berth_guest_arguments(const BerthQemu *qemu, const char *run_dir, GError **error);

typedef struct {
  const char *run_dir;   /* made with its parents if it is not there */
  guint timeout_ms;      /* 0: BERTH_GUEST_LAUNCH_TIMEOUT_MS */
  const BerthUser *user; /* that QEMU runs as; NULL: as this process */
  const GArray *taps;    /* descriptors (int) that QEMU is given; for launch itself */
  gboolean terminal;     /* QEMU keeps this process's stdin and stdout (a serial port on stdio) and its session */
} BerthLaunch;

/*
 * Starts QEMU stopped (-S) and waits until its "events" monitor answers, which is then connected as *@events (transfer full);
 * "control" is left to others. The caller is QEMU's parent.
 * Errors: NOT_FOUND (no binary), FAILED (QEMU died: with the last lines it wrote; time limit), BAD_INPUT. Then QEMU is gone and
 * nothing of it is left in the run folder, nor the folder itself if it was made for it.
 */
BerthProcess *berth_guest_launch(const BerthQemu *qemu, const BerthLaunch *launch, BerthQmp **events, GError **error);

/* The same for arguments that are already there (which name the monitors of @launch's run folder). */
BerthProcess *berth_guest_launch_arguments(const char *const *argv, const BerthLaunch *launch, BerthQmp **events, GError **error);

/* Makes what was made for @qemu (files, helpers' sockets, the run folder) its user's; @user NULL: it is. Errors: FAILED. */
gboolean berth_guest_hand_over(const BerthQemu *qemu, const char *run_dir, const BerthUser *user, GError **error);

/* Removes the monitors, the log and, if it is empty then, the folder. Missing ones are no error. Call it once QEMU has ended. */
void berth_guest_clean(const char *run_dir);

/* Ends a QEMU that was launched in @run_dir and never ran, for who launched it was killed before it could be recorded; removes what
 * it left. There may be none. Errors: BUSY: it has run, so that it is not for this function to end it. */
gboolean berth_guest_end_unrecorded(const char *run_dir, GError **error);

/* Empties the log if it has outgrown BERTH_GUEST_LOG_MAX_BYTES: for the supervisor to call now and then. */
void berth_guest_bound_log(const char *run_dir);

/* The last lines QEMU wrote, joined by "; "; "" if there are none. (transfer full) */
char *berth_guest_last_words(const char *run_dir);
