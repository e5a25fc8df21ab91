/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <berth/plan.h>

G_BEGIN_DECLS

/*
 * Guests: domains that berth has recorded, running or not. @guest is always a name or a uuid (BERTH_ERROR_NOT_FOUND if there
 * is no such guest). Functions that change something have their result on disk when they return TRUE, and changed nothing
 * when they return FALSE.
 */

/** Berth: a store. Any number of them, in any number of processes, at once. */
typedef struct Berth Berth;

/** berth_open: @env must outlive it. A store that does not exist is empty; the first change makes it. Nothing is read before it is
 * needed: what is wrong with the store (BERTH_ERROR_NEWER: a newer berth wrote it, and it is left untouched), the first function
 * that needs it tells. */
BERTH_API Berth *berth_open(const BerthEnv *env);
BERTH_API void berth_close(Berth *berth);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(Berth, berth_close)

typedef enum {
  BERTH_DEFINE_DRY_RUN = 1 << 0,
  BERTH_DEFINE_ALLOW_MOVE = 1 << 1,
  BERTH_DEFINE_VALIDATE = 1 << 2 /* what berth_start() would refuse is an error; needs QEMU */
} BerthDefineFlags;
/**
 * berth_define:
 * @options: (nullable): virtio, os and pcie_ports of it; the rest is not looked at, for the store has it
 * @plan: (out) (transfer full) (nullable): where everything went
 *
 * Plans @domain against the guest's record (found by uuid, else by name) and stores document and record as a new revision. A
 * running guest keeps running with its old hardware. The domain needs a <name>.
 */
BERTH_API gboolean berth_define(Berth *berth, const BerthDomain *domain, guint flags, const BerthPlanOptions *options,
                                BerthPlan **plan, GError **error);
/**
 * berth_define_revision:
 * @number: of the revision to go back to
 * @plan: (out) (transfer full) (nullable): where everything is
 *
 * Makes a new revision whose document is that of revision @number, and so every place; the places of devices that have come since
 * are kept for them. Errors: BERTH_ERROR_NOT_FOUND (no such revision), BERTH_ERROR_CONFLICT: a device that has come since sits
 * where that revision has another one (both named), and would lose its place; BERTH_DEFINE_ALLOW_MOVE lets it.
 */
BERTH_API gboolean berth_define_revision(Berth *berth, const char *guest, guint number, guint flags, BerthPlan **plan,
                                         GError **error);
typedef enum {
  BERTH_UNDEFINE_NVRAM = 1 << 0,
  BERTH_UNDEFINE_KEEP_NVRAM = 1 << 1,
  BERTH_UNDEFINE_MANAGED_SAVE = 1 << 2 /* also throws away what managedsave has kept */
} BerthUndefineFlags;
/** berth_undefine: forgets the guest with all revisions. BERTH_ERROR_BUSY while it runs, or has a managed state (unless @flags
 * say); BERTH_ERROR_USAGE if it has a file with UEFI variables, and @flags say neither that it goes nor that it stays. */
BERTH_API gboolean berth_undefine(Berth *berth, const char *guest, guint flags, GError **error);

/** BerthGuestInfo: strings owned by it. */
typedef struct {
  char *name, *uuid, *machine;
  char *state;    /* "shut off", "running", "paused", "pmsuspended", "crashed" (virsh's words) */
  char *reason;   /* why: "booted", "unpaused", "user", "shutdown", "destroyed", "panicked", how QEMU crashed … or "unknown" */
  char *since;    /* ISO 8601: when it got into that state, or was defined */
  guint revision; /* of the newest definition, from 1 */
  gint64 pid;     /* of QEMU; 0: not running */
  gboolean autostart; /* systemd starts it with the host */
  gboolean managed;   /* managedsave has kept a state that the next start goes on with */
  /* Of what runs, else of the newest definition; berth_info() only: */
  guint cpus;
  guint64 max_memory, memory; /* KiB: of the hardware, and what the guest may use of it */
  guint64 cpu_time;           /* milliseconds that QEMU has used */
} BerthGuestInfo;
BERTH_API void berth_guest_info_free(BerthGuestInfo *info);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(BerthGuestInfo, berth_guest_info_free)
/** berth_list: (transfer container full): BerthGuestInfo by name. */
BERTH_API GPtrArray *berth_list(Berth *berth, GError **error);
BERTH_API BerthGuestInfo *berth_info(Berth *berth, const char *guest, GError **error);
/** berth_interfaces: (transfer container full): GStrv of target, type, source, model and MAC of each <interface>, "" where there is
 * none; of what runs, or with @inactive (or if it does not run) of the newest definition. */
BERTH_API GPtrArray *berth_interfaces(Berth *berth, const char *guest, gboolean inactive, GError **error);
/** berth_disks: the same with type, device, target and source of each <disk>. */
BERTH_API GPtrArray *berth_disks(Berth *berth, const char *guest, gboolean inactive, GError **error);
/** berth_displays: (transfer full): where the displays of a running guest are: "vnc://127.0.0.1:0" (the display's number),
 * "vnc+unix:///PATH", "spice://localhost:5900" (the port). BERTH_ERROR_USAGE if it does not run. */
BERTH_API GStrv berth_displays(Berth *berth, const char *guest, GError **error);
/** berth_dumpxml: @revision 0 is the newest. (transfer full) */
BERTH_API GBytes *berth_dumpxml(Berth *berth, const char *guest, guint revision, GError **error);
BERTH_API BerthRecord *berth_guest_record(Berth *berth, const char *guest, guint revision, GError **error);

/** BerthRevision: a new definition, or a change of the running guest. */
typedef struct {
  guint number;         /* of the definition, from 1; 0: only what ran was changed */
  char *when, *command; /* ISO 8601 UTC; "define", "attach-device" …; "guest": the guest has done it by itself */
  GStrv came, went;     /* "interface mac=… pci 0000:00:03.0" */
  GStrv changed;        /* of what ran: "disk 'hda': source/@file='/a.iso'" */
} BerthRevision;
BERTH_API void berth_revision_free(BerthRevision *revision);
/** berth_history: (transfer container full): BerthRevision, oldest first. Of changes of what ran the last 1000 are known; all that
 * only a running guest had is gone when it ends. */
BERTH_API GPtrArray *berth_history(Berth *berth, const char *guest, GError **error);
/** berth_forget: drops the reservation of the gone device @device (one of its keys, or its address), or all (NULL). Returns how
 * many went through @n. BERTH_ERROR_NOT_FOUND if there is none such. */
BERTH_API gboolean berth_forget(Berth *berth, const char *guest, const char *device, guint *n, GError **error);

/** berth_plan_of_guest: the plan of the newest definition, for berth_plan_command() and tables. (transfer full) */
BERTH_API BerthPlan *berth_plan_of_guest(Berth *berth, const char *guest, GError **error);

/** berth_guest_command: the command line of berth_start(), as berth_plan_command(). Without QEMU one that has everything is
 * assumed. */
BERTH_API GBytes *berth_guest_command(Berth *berth, const char *guest, BerthCommandFormat format, char ***notes, GError **error);

typedef enum {
  BERTH_RUN_PAUSED = 1 << 0,
  BERTH_RUN_RESET_NVRAM = 1 << 5, /* its UEFI variables begin anew, from their template; BERTH_ERROR_USAGE: it has none */
  BERTH_RUN_FORCE_BOOT = 1 << 4,  /* a state that berth_managed_save() has left is thrown away */
  BERTH_RUN_ADOPT = 1 << 6,       /* if it runs already, as berth_adopt(), in the place of its supervisor; berth_run() only */
} BerthRunFlags;
/**
 * berth_run:
 * @ready: file descriptor that gets one line, "ok" or the error's message with its code in front, once the guest runs; -1: none
 *
 * Starts QEMU, verifies every place before the first vCPU runs, and supervises the guest until it ends. Returns TRUE when it ended
 * by itself, by berth_destroy(), or because this process was sent SIGINT, SIGTERM or SIGHUP, which are caught meanwhile (by this
 * thread: others must block them). The process that calls this is QEMU's parent. Errors: BERTH_ERROR_DRIFT when a device is not
 * where it is recorded (nothing is left running), BERTH_ERROR_BUSY (it runs; its managed state was used
 * meanwhile), BERTH_ERROR_CONFLICT (one has come meanwhile).
 */
BERTH_API gboolean berth_run(Berth *berth, const char *guest, guint flags, int ready, GError **error);
/**
 * berth_adopt:
 * @ready: as for berth_run()
 *
 * Supervises a guest that runs but has lost its supervisor, until it ends: what happened meanwhile is found out by asking QEMU.
 * Other functions that look at such a guest start this in a process of its own. Errors: BERTH_ERROR_USAGE (it does not run),
 * BERTH_ERROR_BUSY (it has a supervisor).
 */
BERTH_API gboolean berth_adopt(Berth *berth, const char *guest, int ready, GError **error);
/**
 * berth_adopt_anew:
 * @events: descriptor of QEMU's monitor, a stream socket that has been negotiated (taken)
 * @qemu: pidfd of QEMU, which may have ended (taken)
 *
 * For the berth command alone: goes on supervising in a process that was the guest's supervisor before it began anew
 * (berth_env_set_anew()). What QEMU has said meanwhile is read from @events. TRUE also if the guest has ended and somebody else has
 * recorded that. Errors: as those of the store.
 */
BERTH_API gboolean berth_adopt_anew(Berth *berth, const char *guest, int events, int qemu, GError **error);
/** berth_start: berth_run() in a supervisor of its own; returns when the guest runs. */
BERTH_API gboolean berth_start(Berth *berth, const char *guest, guint flags, GError **error);
typedef enum { BERTH_DESTROY_GRACEFUL = 1 << 0 } BerthDestroyFlags;
/** berth_destroy: ends QEMU at once; another command that is at work on it has two seconds to come to its end, and fails then.
 * BERTH_ERROR_USAGE if it does not run. With BERTH_DESTROY_GRACEFUL a QEMU that does not end when it is asked to is not killed:
 * BERTH_ERROR_BUSY. */
BERTH_API gboolean berth_destroy(Berth *berth, const char *guest, guint flags, GError **error);
/** berth_shutdown: asks the guest to power down (ACPI); returns when it was asked. */
BERTH_API gboolean berth_shutdown(Berth *berth, const char *guest, GError **error);
/**
 * berth_autostart: whether systemd starts the guest with the host (for other users than root: with their session), as an instance
 * of its template unit berth\@.service. Errors: BERTH_ERROR_FAILED (systemctl refuses), BERTH_ERROR_NOT_FOUND (there is no
 * systemctl), BERTH_ERROR_USAGE (the state is not in the usual folder).
 */
BERTH_API gboolean berth_autostart(Berth *berth, const char *guest, gboolean on, GError **error);
/** BerthConsole: the other end of a serial port, console or channel of a running guest; one process has it at a time. */
typedef struct BerthConsole BerthConsole;
typedef enum { BERTH_CONSOLE_FORCE = 1 << 0 } BerthConsoleFlags;
/**
 * berth_console_open:
 * @alias: (nullable): the device's id ("serial0", "channel1"); NULL: the first <console>, else the first <serial>
 *
 * Works for those of type pty, and unix in mode bind. Errors: BERTH_ERROR_NOT_FOUND (no such device), BERTH_ERROR_UNSUPPORTED
 * (another type), BERTH_ERROR_USAGE (the guest does not run), BERTH_ERROR_BUSY: somebody has it. BERTH_CONSOLE_FORCE sends another
 * process of berth's away (SIGTERM); whoever is connected to a socket otherwise is waited behind.
 */
BERTH_API BerthConsole *berth_console_open(Berth *berth, const char *guest, const char *alias, guint flags, GError **error);
/** berth_console_fd: reads what the guest writes and the other way round. It belongs to @console. */
BERTH_API int berth_console_fd(const BerthConsole *console);
BERTH_API void berth_console_close(BerthConsole *console);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(BerthConsole, berth_console_close)
/** berth_ttyconsole: the path of the terminal that is the guest's console. (transfer full) Errors: as berth_console_open(). */
BERTH_API char *berth_ttyconsole(Berth *berth, const char *guest, GError **error);
/** berth_reboot: asks the guest to power down, and resets it once it has; returns when it was asked. A later berth_shutdown() takes
 * the wish back. ACPI has no button for a reboot: this is what libvirt does, too. */
BERTH_API gboolean berth_reboot(Berth *berth, const char *guest, GError **error);
/** berth_reset: presses the reset button; the guest is not asked. */
BERTH_API gboolean berth_reset(Berth *berth, const char *guest, GError **error);
/** berth_suspend: halts the guest where it is; its memory stays. A guest that is halted stays so. */
BERTH_API gboolean berth_suspend(Berth *berth, const char *guest, GError **error);
/** berth_resume: lets it go on. BERTH_ERROR_USAGE if it runs. */
BERTH_API gboolean berth_resume(Berth *berth, const char *guest, GError **error);

G_END_DECLS
