/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <berth/guest.h>

G_BEGIN_DECLS

/*
 * Guests that go elsewhere without noticing: into a file and back, or to another store of this host. What runs on must find every
 * device where it was; so both ends of a move are compared first, and nothing moves while there is a difference.
 */

/** BerthDifference: one thing that a guest sees; strings are owned by it, empty ("") where there is nothing to say. */
typedef struct {
  char *device; /* "interface 52:54:00:…", "domain" */
  char *change; /* "added", "removed", "moved", "changed" */
  char *aspect; /* what is moved or changed: "address", "model", "memory" … */
  char *was, *now;
} BerthDifference;
BERTH_API void berth_difference_free(BerthDifference *difference);
/**
 * berth_plan_diff:
 *
 * What a guest would see differently if it ran with @now instead of @was: the devices that came and went, each device's place with
 * all that QEMU's state depends on (also multifunction, USB ports, drive targets, chassis and port numbers), and each property that
 * is visible from inside. What is behind a device (files, bridges, sockets, displays) is not looked at. Pure.
 *
 * Returns: (transfer container full): BerthDifference in the order of @was, what was added last; empty: none.
 */
BERTH_API GPtrArray *berth_plan_diff(const BerthPlan *was, const BerthPlan *now);

/** BerthReason: why a device is where it is; strings are owned by it, empty ("") where there is nothing to say. */
typedef struct {
  char *device, *identity, *address; /* as of BerthRow */
  char *id;                          /* its alias: "net0" */
  GStrv names;                       /* what else people may call it: target, MAC, name; each of its keys */
  char *why;                         /* the rule that first chose the place, and why the device is there at all */
  char *since;                       /* ISO 8601 UTC: when it came there */
  guint revision;                    /* of a guest: the first that has had it there ever since; 0: not known */
  char *command;                     /* that made this revision */
} BerthReason;
BERTH_API void berth_reason_free(BerthReason *reason);
/** berth_plan_explain: (transfer container full): BerthReason of every device that has a place. Pure. */
BERTH_API GPtrArray *berth_plan_explain(const BerthPlan *plan);
/**
 * berth_explain: the same of a guest's newest definition. Its places are all written down by now: the reasons are those that its
 * record has, with since when, since which revision without a break, and by which command.
 */
BERTH_API GPtrArray *berth_explain(Berth *berth, const char *guest, GError **error);

/** BerthProgressFunc: called now and then with 0 to 100. */
typedef void (*BerthProgressFunc)(guint percent, gpointer data);

typedef enum {
  BERTH_MOVE_RUNNING = 1 << 0,      /* it runs afterwards, whatever it did before */
  BERTH_MOVE_PAUSED = 1 << 1,       /* it is paused afterwards */
  BERTH_MOVE_BYPASS_CACHE = 1 << 2, /* the file is read or written past the page cache */
  BERTH_MOVE_LIVE = 1 << 3,         /* it runs on while its memory is copied */
} BerthMoveFlags;

/**
 * berth_save:
 * @file: made, or replaced once all is on disk
 * @flags: RUNNING or PAUSED: what berth_restore() makes of it; BYPASS_CACHE
 * @progress: (nullable)
 *
 * Writes the state of a running guest into @file and ends it. The file has the guest's hardware and record, too (docs/save.md); its
 * disks are not in it and must stay as they are. The signals SIGINT, SIGTERM and SIGHUP, which wait meanwhile, and every failure
 * (no space) leave a guest that runs on and no file. Errors: BERTH_ERROR_UNSUPPORTED (it has an assigned PCI device),
 * BERTH_ERROR_BUSY, BERTH_ERROR_FAILED, BERTH_ERROR_USAGE (it does not run).
 */
BERTH_API gboolean berth_save(Berth *berth, const char *guest, const char *file, guint flags, BerthProgressFunc progress,
                              gpointer data, GError **error);
/** berth_saved_xml: (transfer full): the hardware of a saved guest. Errors: as berth_restore(). */
BERTH_API GBytes *berth_saved_xml(const char *file, GError **error);
/**
 * berth_restore:
 * @xml: (nullable): a domain for the guest instead of its own: other files behind its devices; its addresses may be left out
 * @xml_file: (nullable): what messages call it
 * @flags: RUNNING, PAUSED, BYPASS_CACHE
 * @name: (out) (transfer full) (nullable): of the guest
 *
 * Starts the guest of @file with every device where it was, and lets it go on. A guest that is not defined any more is defined as
 * it was. The file stays. Errors: BERTH_ERROR_BAD_INPUT (no saved guest, truncated, damaged), BERTH_ERROR_NEWER, BERTH_ERROR_BUSY
 * (it runs), BERTH_ERROR_CONFLICT (@xml differs in what the guest sees, each difference named; its name is another guest's;
 * berth_managed_save() has left a state, which would fit its disks no more), BERTH_ERROR_FAILED (QEMU cannot take the state).
 */
BERTH_API gboolean berth_restore(Berth *berth, const char *file, GBytes *xml, const char *xml_file, guint flags, char **name,
                                 GError **error);
/** berth_run_restored: the same in this process, as berth_run(). */
BERTH_API gboolean berth_run_restored(Berth *berth, const char *file, GBytes *xml, const char *xml_file, guint flags, int ready,
                                      GError **error);

/**
 * berth_managed_save: berth_save() into a file of berth's own, which the next berth_run() or berth_start() goes on with, and uses
 * up. A guest with such a state cannot be undefined.
 */
BERTH_API gboolean berth_managed_save(Berth *berth, const char *guest, guint flags, BerthProgressFunc progress, gpointer data,
                                      GError **error);
/** berth_managed_save_remove: throws that state away. @removed: (out) (nullable): there was one. */
BERTH_API gboolean berth_managed_save_remove(Berth *berth, const char *guest, gboolean *removed, GError **error);

/** BerthMigration: how to migrate; zero-initialise. */
typedef struct {
  guint flags;                /* BERTH_MOVE_LIVE, BERTH_MOVE_PAUSED (it is paused there) */
  guint timeout_s;            /* live: after so many seconds the guest is stopped, so that it comes to an end; 0: never */
  guint64 bandwidth;          /* MiB a second at most; 0: no limit */
  BerthProgressFunc progress; /* (nullable) */
  gpointer data;
} BerthMigration;
/**
 * berth_migrate:
 * @uri: where berth_run_incoming() listens
 *
 * Moves a running guest to another store of this host. The other side compares hardware first, and verifies every place; the guest
 * runs there once all has arrived, and then ends here. Until then, whatever goes wrong (also SIGINT, SIGTERM, SIGHUP, which wait
 * meanwhile), it runs on here. If the other side does not answer after it was told to let the guest run, the guest is left paused
 * here, for it may run there: the error says so. Errors: BERTH_ERROR_CONFLICT (each difference named), BERTH_ERROR_UNSUPPORTED,
 * BERTH_ERROR_NOT_FOUND (nobody listens), BERTH_ERROR_FAILED.
 */
BERTH_API gboolean berth_migrate(Berth *berth, const char *guest, const char *uri, const BerthMigration *migration, GError **error);
/**
 * berth_run_incoming:
 * @guest: (nullable): the name or uuid of the guest that is expected; NULL: any
 * @uri: unix:PATH, or tcp:HOST:PORT of this host
 * @xml: (nullable): a domain for the guest; NULL: its definition here, or, if it has none, the one that it comes with, which is
 * taken only from a process of this user or of root over a unix socket
 * @flags: BERTH_MOVE_RUNNING, BERTH_MOVE_PAUSED
 *
 * Waits for a migrating guest, and runs it as berth_run() does. Its record comes along, so that its definition here knows the
 * places of devices that are gone, too. Errors: as berth_restore(); the other side hears them as well.
 */
BERTH_API gboolean berth_run_incoming(Berth *berth, const char *guest, const char *uri, GBytes *xml, const char *xml_file,
                                      guint flags, int ready, GError **error);

G_END_DECLS
